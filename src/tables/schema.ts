/**
 * Every column of the shared tables, once. `npm run generate` writes the C++ view of this file.
 *
 * A table is a struct of arrays in the arena. Its rows are addressed by index; the column `first…` of one
 * table gives where a row's part of another table begins, and has one row more than the table, so that a
 * part ends where the next begins. Memory that no pass touches costs nothing: columns are allocated whole
 * and backed by pages when they are first written.
 */

export type Width = "u8" | "u16" | "u32" | "u64";

export interface Column {
  readonly width: Width;
  /** What it holds, its unit, and, of what is no fact, the pass that fills it. */
  readonly is: string;
  /** A fact: scan reads it in the file, and every link that has this file finds the same. The link computes the others. */
  readonly isFact?: true;
  /**
   * Another column of the table, of the same width, whose memory this one takes over: no row is read of that one once
   * the row of this one is filled. In the checked build each has its own, so that a read too late finds nothing.
   */
  readonly takesOver?: string;
  /** The table whose rows it holds, where TypeScript reads it. */
  readonly rowOf?: string;
}

export interface TableSchema {
  /** What one row is. */
  readonly row: string;
  /** The C++ type of a row's index. */
  readonly id: string;
  /** Names of the rows, where they are the same in every link. */
  readonly rows?: readonly string[];
  readonly columns: Readonly<Record<string, Column>>;
}

const u8 = (is: string) => ({ width: "u8", is }) as const;
const u16 = (is: string) => ({ width: "u16", is }) as const;
const u32 = (is: string) => ({ width: "u32", is }) as const;
const rowOf = <T extends string>(table: T, is: string) => ({ width: "u32", is, rowOf: table }) as const;
const u64 = (is: string) => ({ width: "u64", is }) as const;
const takesOver = <C extends Column>(earlier: string, column: C) => ({ ...column, takesOver: earlier });
const fact = {
  u8: (is: string) => ({ width: "u8", is, isFact: true }) as const,
  u32: (is: string) => ({ width: "u32", is, isFact: true }) as const,
  u64: (is: string) => ({ width: "u64", is, isFact: true }) as const,
};

/** The sections that the linker makes, in the order of their rows in ownSection; src/output/sections has a file for each. */
export const ownSectionIds = [
  "interp",
  "propertyNote",
  "buildIdNote",
  "packageNote",
  "hash",
  "gnuHash",
  "dynsym",
  "dynstr",
  "versym",
  "versionNeeds",
  "versionDefinitions",
  "relr",
  "relaDyn",
  "relaPlt",
  "ehFrameHdr",
  "ehFrame",
  "pltFrame",
  "ehFrameEnd",
  "plt",
  "pltGot",
  "pltSec",
  "dynamic",
  "got",
  "gotPlt",
  "copyRelro",
  "copy",
  "symtab",
  "symtabIndices",
  "strtab",
  "shstrtab",
] as const;

export type OwnSectionId = (typeof ownSectionIds)[number];

export const schema = {
  input: {
    row: "a staged file, in command-line order",
    id: "InputId",
    columns: {
      base: u64("address of the first byte (scan)"),
      size: u64("bytes (scan)"),
      flags: u16("InputFlags (scan)"),
      members: u32("files in it: 1, or the ELF members of an archive that are listed (scan)"),
      indexNames: u32("archives that are searched by their index: names in it (scan)"),
      firstIndexName: u32("its first row in indexName (scan)"),
      firstFile: rowOf("file", "its first row in file (scan)"),
    },
  },
  indexName: {
    row: "a name in the index of an archive that is searched by it",
    id: "IndexNameId",
    columns: {
      hash: u64("of the name, up to an @ (scan)"),
      member: u64("offset in the archive of the header of the member that defines it (scan)"),
      isWanted: u8("1 when something may refer to it (scan)"),
    },
  },
  file: {
    row: "an object, an archive member or a shared object, in input order",
    id: "FileId",
    columns: {
      inputOffset: fact.u64("offset in the input of its first byte"),
      size: fact.u32("bytes"),
      nameOffset: fact.u64("archive members: offset of the member's name in the archive's header; else 0"),
      traits: fact.u8("FileTraits: what it is"),
      sectionHeaders: fact.u32("e_shoff"),
      sectionCount: fact.u32("section headers, extended numbering resolved"),
      sectionNames: fact.u32("offset of .shstrtab's contents"),
      sectionNamesSize: fact.u32("bytes"),
      symbols: fact.u32("offset of .symtab's or .dynsym's contents"),
      symbolCount: fact.u32("symbols in it"),
      firstGlobal: fact.u32("index of the first symbol that is not local"),
      strings: fact.u32("offset of the symbols' string table"),
      stringsSize: fact.u32("bytes; the last is NUL"),
      sectionIndices: fact.u32("offset of SHT_SYMTAB_SHNDX's contents, or 0"),
      versions: fact.u32("shared objects: offset of .gnu.version's contents, or 0"),
      versionDefinitions: fact.u32("shared objects: offset of .gnu.version_d's contents, or 0"),
      versionDefinitionsSize: fact.u32("bytes"),
      signatures: fact.u32("COMDAT groups whose signature is a local symbol: mentions past the globals"),
      groups: fact.u32("SHT_GROUP sections"),
      inflatedSize: fact.u64("bytes of a copy with all sections uncompressed; 0 when none is compressed"),
      image: u64(
        "address of its first byte as kernels read it: where it is staged, later of a copy with what is compressed uncompressed and constructors reversed (scan, split)",
      ),
      imageSize: u32("bytes there (scan, split)"),
      input: u32("row of input it is from (scan)"),
      inflatedOffset: u64("where its copy goes, from link.inflated (split)"),
      reversedCopy: u64("address of a copy with .ctors and .dtors in reverse, or 0 (split)"),
      flags: u16("FileFlags: what the link is told of it, and finds (scan, resolve, split, layout)"),
      state: u8("FileState: reached, expanded, needed, wanted by a shared object alone; atomic (resolve)"),
      firstVersion: u32("shared objects: its first row in version (synthesise)"),
      firstSection: rowOf("section", "its first row in section (scan)"),
      firstMention: rowOf("mention", "its first row in mention (scan)"),
      localNeeds: u32("local symbols that need a slot (find needs)"),
      firstLocalNeed: u32("its first row in localNeed (find needs)"),
      chunk: rowOf("chunk", "row of the chunk of files that it is in (scan)"),
      mergeables: u32("SHF_MERGE sections that are split (merge)"),
      pieces: u32("strings and constants in them (merge)"),
      firstPiece: u32("its first row in piece (merge)"),
      firstMergeable: u32("its first row in mergeable (merge)"),
      cies: u32("CIEs in its .eh_frame sections (merge)"),
      firstCie: u32("its first row in cie (merge)"),
      fdes: u32("live FDEs (merge)"),
      firstFde: u32("its first row in fde (merge)"),
      ehFrameSize: u32("bytes of its own CIEs and live FDEs in the output (merge)"),
      ehFrameOffset: u32("their offset in the output's .eh_frame (merge)"),
      relatives: u32("dynamic relocations without a symbol for its sections (find needs)"),
      firstRelative: u32("the first of them in .rela.dyn (synthesise)"),
      symbolics: u32(
        "dynamic relocations with a symbol for its sections, but for those by name of ifuncs (find needs)",
      ),
      firstSymbolic: u32("the first of them in .rela.dyn (synthesise)"),
      ifuncSymbolics: u32("those by name of ifuncs that the output defines (find needs)"),
      firstIfuncSymbolic: u32("the first of them in .rela.dyn, behind all others (synthesise)"),
      outputLocals: u32("local symbols of .symtab that it keeps (layout)"),
      firstOutputLocal: u32("the first of them in .symtab (layout)"),
      outputHidden: u32("local symbols of .symtab that were its globals (layout)"),
      firstOutputHidden: u32("the first of them in .symtab (layout)"),
      outputGlobals: u32("global symbols of .symtab that it owns (layout)"),
      firstOutputGlobal: u32("the first of them in .symtab (layout)"),
      outputStrings: u32("bytes of .strtab for all of them (layout)"),
      symbolFileName: u64("address of the name in the STT_FILE symbol that the link gives it, or 0 (layout)"),
      symbolFileNameSize: u32("bytes (layout)"),
      firstOutputString: u32("their offset in .strtab (layout)"),
      folds: u32("sections that may be folded (fold)"),
      firstFold: u32("its first row in fold (fold)"),
      firstLocalSymbol: u32("-r: its first row in localSymbol (layout)"),
    },
  },
  mention: {
    row: "a global symbol of one file; or the name of a COMDAT group with a local signature",
    id: "MentionId",
    columns: {
      flags: fact.u8("MentionFlags"),
      name: u64(
        "address of the name, which ends in NUL, and its size: pack_name(); of a reference that --wrap turned round, the other (scan, resolve)",
      ),
      hash: u64("of the name (scan)"),
      commonOffset: takesOver(
        "hash",
        u64("a common symbol's: offset in its chunk's part of the bucket; with -r, in its output section (layout)"),
      ),
      symbol: rowOf("symbol", "row of the symbol's first mention, which is the symbol's id (scan, resolve)"),
      alias: u32(
        "the symbol `name@VERSION` that this definition of `name@@VERSION` answers for, too, plus 1; or 0 (scan)",
      ),
    },
  },
  symbol: {
    row: "a global name; its id is the row of its first mention in input order, other rows are unused",
    id: "SymbolId",
    columns: {
      claim: u64("the best definition so far: Claim, inverted so that 0 is none; atomic max (resolve, split)"),
      flags: u32("SymbolFlags and visibility; atomic or (resolve, split, find needs, synthesise)"),
      version: u16(
        "0: undecided; 1: global; 0xffff: local; else the version that the output defines, 0x8000: not the default (resolve)",
      ),
      uses: u8(
        "SymbolUse: how an undefined weak symbol is referred to; whether it is common in a file that was in the link from the start, and small; what --gc-sections keeps; atomic or (resolve, select, find needs)",
      ),
      group: u32("COMDAT: 2^32 - 1 - the file that keeps the group, 0 for none; atomic max (resolve)"),
      commonSize: u64("bytes of the largest common symbol of this name; atomic max (resolve)"),
      commonAlignment: u32("log2 of the strictest; atomic max (resolve)"),
      entry: u32("its row in entry plus 1, or 0 (synthesise)"),
      address: u64("st_value in the output; with -r, the output section of a common symbol that gets space (layout)"),
    },
  },
  prohibited: {
    row: "two sections of the output of which one must not refer to the other",
    id: "ProhibitedId",
    columns: {
      from: u32("header index of the section that refers (layout)"),
      to: u32("header index of the section that is referred to (layout)"),
    },
  },
  linkerSymbol: {
    row: "a symbol of the linker's own object, by its index there",
    id: "LinkerSymbolId",
    columns: {
      section: u32("header index of the section of the output that it belongs to; 0: of none, also absolute (layout)"),
    },
  },
  entry: {
    row: "a symbol that needs a slot in .got, .plt or .dynsym, ordered by symbol id",
    id: "EntryId",
    columns: {
      symbol: rowOf("symbol", "the symbol, or none for a local one (synthesise)"),
      file: u32("a local symbol's file (synthesise)"),
      index: u32("a local symbol's index in its file (synthesise)"),
      needs: u32("SymbolFlags: a local symbol's (synthesise)"),
      got: u32("index of its .got slot, or none (synthesise)"),
      tlsGd: u32("index of the first of its two .got slots for General Dynamic, or none (synthesise)"),
      tlsDesc: u32("index of the first of its two .got slots for a TLS descriptor, or none (synthesise)"),
      gotTp: u32("index of its .got slot with an offset from the thread pointer, or none (synthesise)"),
      plt: u32("index in .plt, or none (synthesise)"),
      pltGot: u32("index in .plt.got, or none (synthesise)"),
      dynsym: u32("index in .dynsym, or 0 (synthesise)"),
      dynstr: u32("offset of its name among the symbols' names in .dynstr (synthesise)"),
      copyOffset: u64("copy relocation: offset in .copyrel or .copyrel.rel.ro (synthesise)"),
      isCopied: u8("1 when it has a copy relocation; 0 also for other names of what is copied (synthesise)"),
      version: u16("its value in .gnu.version (synthesise)"),
      hash: u32("gnu hash of its name (synthesise)"),
    },
  },
  section: {
    row: "a section header of a file: firstSection + its index",
    id: "SectionId",
    columns: {
      flags: u8("SectionFlags; atomic or (resolve, split, select, fold, layout)"),
      bucket: u16("the bucket that it is laid out in, or 0: its low 15 bits; the highest bit: see bucketHigh (split)"),
      offset: u32("in its chunk's part of the bucket, its low 31 bits; the highest bit: see offsetHigh (layout)"),
      mergeable: takesOver("offset", u32("of one that is split, which has no offset: its row in mergeable (merge)")),
      relocations: u32("header index of its SHT_RELA section, where that does not follow it (split)"),
      offsetHigh: u32("the other bits of an offset of 2 GiB or more (layout)"),
      bucketHigh: u32("the other bits of a bucket whose row is 2^15 or more (split)"),
      fold: u32("of one that may be folded: its row in fold plus 1, or 0 (fold)"),
      gapBefore: u32("of one in an ordered bucket: bytes between the one before and it (layout)"),
    },
  },
  bucket: {
    row: "the input sections that are laid out one after another: same canonical name, type and merge attributes",
    id: "BucketId",
    columns: {
      key: u64("hash of all that identifies it; 0 is free, published by one compare-exchange (split)"),
      first: u64("inverted file << 32 | section header index of its first section in input order; atomic max (split)"),
      type: u32("sh_type, the largest of its sections'; atomic max (split)"),
      invertedType: u32("of a linker script's: the smallest, inverted; atomic max (split)"),
      entsize: u32("sh_entsize of what is merged, else 0 (split)"),
      flags: u64("sh_flags of all its sections; atomic or (split)"),
      nameLength: u32("bytes of the first section's name that are the bucket's name (split)"),
      ordinal: u32("its place among the buckets in use, by first section (split)"),
      rule: u32("row in nameRule of the rule that matched, plus 1; or 0 (split)"),
      orderedBy: u32("of SHF_LINK_ORDER: the bucket of the sections that its own are ordered by, or 0 (split)"),
      foldGroup: u32("the same for buckets whose sections may be folded into one another; 0: they may not be (fold)"),
      isOrdered: u8("1 when its sections are not in input order, and chunks have no parts of it (fold)"),
      alignment: u32("log2 of the largest sh_addralign; atomic max (layout)"),
      subalignment: u8("log2, plus 1, of the alignment that its sections have whatever they say, or 0 (layout)"),
      address: u64("of its first byte in the output, 0 for what is not loaded (layout)"),
      fileOffset: u64("of its first byte in the output file (layout)"),
      isCopied: u8("1 when its bytes are in the output file (layout)"),
      filler: u32("four bytes that fill gaps, over and over, the first one lowest (layout)"),
      index: u32("section header index in the output (layout)"),
      firstPacked: u32("its first row in packedPart, plus 1; 0 for what is not compressed (pack)"),
    },
  },
  nameRule: {
    row: "a rule that gives a section its bucket's name; the first that matches decides",
    id: "NameRuleId",
    columns: {
      firstBytes: u64("the first 8 bytes of its text, padded with zeros (split)"),
      mask: u64("all ones in those of them that the text has (split)"),
      text: u64("address of its text (split)"),
      length: u32("bytes of it (split)"),
      keepsName: u8(
        "1: a name with this prefix is a bucket of its own; 0: `TEXT` or `TEXT.*` is bucket `TEXT` (split)",
      ),
      isExact: u8("1: only the name itself matches (split)"),
      reversedInto: u32("SHT_INIT_ARRAY or SHT_FINI_ARRAY: a list that ran from last to first; else 0 (split)"),
      traits: u16("of a linker script's: RuleTraits (split)"),
      group: u32("of a linker script's: the rule, plus 1, whose sections its own are laid out with, as one (split)"),
      withFlags: u32("of a linker script's: sh_flags that a section must have (split)"),
      withoutFlags: u32("of a linker script's: those that it must not have (split)"),
      outputName: u64("-r, of a linker script's: address of the name of its output section (split)"),
      outputNameLength: u32("bytes of it; 0 for what keeps its name (split)"),
      outputOrder: u32(
        "-r, of a linker script's: the place of its output section among those of the script, plus 1 (split)",
      ),
      fileSet: u32("of a linker script's: the bit, plus 1, of files that it speaks of in fileSet; 0 for all (split)"),
    },
  },
  fileSet: {
    row: "32 sets of files that rules of a linker script speak of, for each file `fileSetWords` rows",
    id: "FileSetId",
    columns: {
      bits: u32("a bit for each set that the file is in, from the lowest on (split)"),
    },
  },
  bucketUse: {
    row: "32 rows of bucket",
    id: "BucketUseId",
    columns: {
      bits: u32("a bit for each that is in use, from the lowest on; atomic or (split)"),
    },
  },
  chunk: {
    row: "a run of files; a bound of the work, never of the number of workers",
    id: "ChunkId",
    columns: {
      firstFile: rowOf("file", "its first file (scan)"),
    },
  },
  chunkBucket: {
    row: "chunk * bucketCount + ordinal: a chunk's part of a bucket",
    id: "ChunkBucketId",
    columns: {
      size: u64("bytes (layout)"),
      offset: u64("bytes from the beginning of the bucket to that of the part (layout)"),
      alignment: u8("log2 of the largest alignment of a section in it (layout)"),
      startAlignment: u8("log2 of the alignment of its beginning: the same, or what SUBALIGN says (layout)"),
      relrWords: u32("words of .relr.dyn for its packed relative relocations (layout)"),
      firstRelrWord: u32("the first of them (layout)"),
    },
  },
  mergeable: {
    row: "a live SHF_MERGE section",
    id: "MergeableId",
    columns: {
      file: u32("its file (merge)"),
      ordinal: u32("that of its bucket (merge)"),
      end: u32("offset in the file of the end of its last piece (merge)"),
      pieces: u32("strings or constants in it (merge)"),
      firstPiece: u32("its first row in piece (merge)"),
    },
  },
  piece: {
    row: "a string or constant of a mergeable section",
    id: "PieceId",
    columns: {
      start: u32("offset in the file (merge)"),
      hash: u64("of bucket and bytes (merge)"),
      place: takesOver("hash", u64("partition << 48 | offset in the partition's part of the bucket (merge)")),
      same: u32("row of the first equal piece in input order (merge)"),
      alignment: u8("log2, of all equal pieces; atomic max (merge)"),
      mergeable: u32("its mergeable section (merge)"),
    },
  },
  cie: {
    row: "a CIE of a live .eh_frame section",
    id: "CieId",
    columns: {
      file: u32("its file (merge)"),
      section: u32("section header index of its .eh_frame (merge)"),
      start: u32("offset in the section (merge)"),
      size: u32("bytes (merge)"),
      hash: u64("of its bytes and what they refer to (merge)"),
      same: u32("row of the first equal CIE in input order (merge)"),
      isUsed: u8("1 when a live FDE uses an equal CIE; on the first; atomic (merge)"),
      offset: u32("offset in the output's .eh_frame (merge)"),
    },
  },
  fde: {
    row: "a live FDE, for .eh_frame_hdr",
    id: "FdeId",
    columns: {
      function: u32("its function's offset from .eh_frame_hdr plus 2^31, so that they sort as addresses do (write)"),
      size: u32("bytes of the function, or 0 where its encoding is not known (write)"),
      record: u32("its own offset from .eh_frame_hdr (write)"),
    },
  },
  packedPart: {
    row: "a chunk's or a partition's part of a bucket that is compressed; a bucket's are together. Some that follow one another are a piece, of which the first knows all but gap and ending",
    id: "PackedPartId",
    columns: {
      gap: u64("zeros before it, which are compressed with it (pack)"),
      ending: u8("PartEnding (pack)"),
      room: u64("address of the room for the piece's compressed bytes (pack)"),
      capacity: u64("bytes of that room (pack)"),
      size: u64("bytes used of it, 0 where there is nothing to be written (pack)"),
      checksum: u32("Adler-32 of the uncompressed bytes (pack)"),
      fileOffset: u64("of the compressed bytes in the output file (pack)"),
    },
  },
  packRun: {
    row: "chunks that follow one another, and partitions that do: what they have of a bucket is compressed as one piece",
    id: "PackRunId",
    columns: {
      firstChunk: rowOf("chunk", "its first chunk (pack)"),
      firstPartition: u32("its first partition (pack)"),
    },
  },
  outputMember: {
    row: "-r: a section header of a file, as a row of section",
    id: "OutputMemberId",
    columns: {
      key: u64("hash of what the sections of one output section have in common; 0 when it is in none (split)"),
      order: u32("where its output section comes: by what it is, or by the script (split)"),
      rank: u32("of a script: the description that found it, which orders it within its output section (split)"),
      isUnmergeable: u8("1 for what has SHF_MERGE and cannot be merged with others as it is (split)"),
      isTerminated: u8("1 for .eh_frame that ends with its terminator (split)"),
      output: u32("its row in outputSection, or none (layout)"),
      offset: u64("in the output section (layout)"),
      firstRelocation: u64("of its relocations, among those of the output section (layout)"),
    },
  },
  outputSection: {
    row: "-r: a section of the output that inputs are copied into, in the order of the output",
    id: "OutputSectionId",
    columns: {
      file: u32("file of its first section, or none where it has common symbols only (layout)"),
      section: u32("header index of that (layout)"),
      name: u64("address of its name (layout)"),
      nameLength: u32("bytes (layout)"),
      nameOffset: u32("of its name in .shstrtab; that of its relocations' section is 5 bytes before (layout)"),
      type: u32("sh_type (layout)"),
      flags: u64("sh_flags (layout)"),
      entsize: u64("sh_entsize (layout)"),
      alignment: u8("log2 (layout)"),
      size: u64("bytes (layout)"),
      relocations: u64("how many (layout)"),
      index: u32("its header's; that of its relocations' section follows (layout)"),
      offset: u64("in the output file (layout)"),
      firstRelocation: u64("of its relocations, among all of the output (layout)"),
      symbol: u32("index of its section symbol, or 0 (layout)"),
    },
  },
  placedMember: {
    row: "-r: a section of an input that is in the output, in the order of the output",
    id: "PlacedMemberId",
    columns: {
      file: u32("its file (layout)"),
      section: u32("its header index (layout)"),
    },
  },
  statedAlignment: {
    row: "-r: an output section to which a script gives an alignment",
    id: "StatedAlignmentId",
    columns: {
      order: u32("outputOrder of its rules (layout)"),
      log2: u8("the alignment (layout)"),
    },
  },
  memberChunk: {
    row: "-r: a run of rows of placedMember; a bound of the work, never of the number of workers",
    id: "MemberChunkId",
    columns: {
      firstMember: u32("its first row in placedMember (layout)"),
    },
  },
  localSymbol: {
    row: "-r: a local symbol of a file: file.firstLocalSymbol + its index",
    id: "LocalSymbolId",
    columns: {
      index: u32("in .symtab, or 0 (layout)"),
      isReferred: u8("1 when a relocation that is kept refers to it; looked for where locals are discarded (layout)"),
    },
  },
  outputSymbol: {
    row: "-r: a global name, as a row of symbol",
    id: "OutputSymbolId",
    columns: {
      index: u32("in .symtab, or 0 (layout)"),
      commonSection: u32("with -d, row of outputSection that has the space of a common symbol (layout)"),
    },
  },
  range: {
    row: "an even share of the rows that are hashed, or of the symbols",
    id: "RangeId",
    columns: {},
  },
  partition: {
    row: "the rows whose hash has the same low bits",
    id: "PartitionId",
    columns: {},
  },
  hashCell: {
    row: "range * partitions + partition",
    id: "HashCellId",
    columns: {
      count: u32("rows of the range that are in the partition (scan, merge, fold)"),
      first: u32("where they go in hashEntry (scan, merge, fold)"),
    },
  },
  hashEntry: {
    row: "a row to unify, grouped by partition, in row order",
    id: "HashEntryId",
    columns: {
      hash: u64("its hash (scan, merge, fold)"),
      row: u32("its row (scan, merge, fold)"),
    },
  },
  fold: {
    row: "a section that may be folded into an equal one, in input order",
    id: "FoldId",
    columns: {
      file: rowOf("file", "its file (fold)"),
      section: u32("its section header index (fold)"),
      alignment: u8("log2 (fold)"),
      isFixed: u8("1: it is not folded, and nothing is folded into it (fold)"),
      frameSection: u32("header index of the .eh_frame with its only FDE, or 0 (fold)"),
      frameStart: u32("offset of that FDE (fold)"),
      frameSize: u32("bytes of it (fold)"),
      frameRelocation: u32("the first relocation of that FDE, in its section's (fold)"),
      frameRelocations: u32("how many it has (fold)"),
      cie: u32("row of the first CIE that is equal to that FDE's (fold)"),
      room: u32("relocations of the section and its FDE: the most edges that it can have (fold)"),
      firstEdge: u32("its first row in foldEdge (fold)"),
      edges: u32("references to what may be folded, too (fold)"),
      equal: u32("row of the first one that is not known to differ (fold)"),
      leader: u32("row of the one that stays for it, of one that is folded (fold)"),
    },
  },
  foldEdge: {
    row: "a reference of a section that may be folded to another one, in the order of relocations",
    id: "FoldEdgeId",
    columns: {
      target: u32("that one's row in fold (fold)"),
    },
  },
  suspect: {
    row: "a section of which others are not known to differ, in input order",
    id: "SuspectId",
    columns: {
      fold: u32("its row in fold (fold)"),
      hash: u64("of what it is, and what it refers to is known to be (fold)"),
      same: u32("row of the first with the same hash (fold)"),
      next: u32("what fold is next: without those that differ from all others, then sorted by class (fold)"),
    },
  },
  orderedName: {
    row: "a symbol that an ordering file names",
    id: "OrderedNameId",
    columns: {
      text: u64("its address; it ends in NUL (fold)"),
      length: u32("bytes (fold)"),
    },
  },
  orderedSection: {
    row: "a section that an ordering file lists, in that order; the others of its bucket follow",
    id: "OrderedSectionId",
    columns: {
      file: rowOf("file", "its file (fold)"),
      section: u32("its section header index (fold)"),
    },
  },
  mergeCell: {
    row: "partition * bucketCount + ordinal",
    id: "MergeCellId",
    columns: {
      size: u64("bytes of unique pieces (merge)"),
      offset: u64("bytes from the beginning of the bucket to that of the partition's part (layout)"),
      alignment: u8("log2 of the largest alignment (merge)"),
    },
  },
  localNeed: {
    row: "a local symbol that needs a slot; a file's rows are together, files in no order",
    id: "LocalNeedId",
    columns: {
      symbol: u32("its index in the file's symbol table (find needs)"),
      needs: u32("SymbolFlags (find needs)"),
      entry: u32("its row in entry (synthesise)"),
    },
  },
  needCell: {
    row: "a range of symbols, and what they need; the local symbols' cell comes last",
    id: "NeedCellId",
    columns: {
      entries: u32("symbols that get an entry (synthesise)"),
      firstEntry: u32("row in entry of the first of them (synthesise)"),
      got: u32("slots of .got (synthesise)"),
      firstGot: u32("index of the first of them (synthesise)"),
      plt: u32("entries of .plt that the loader binds (synthesise)"),
      firstPlt: u32("index of the first of them (synthesise)"),
      iplt: u32("entries of .plt for symbols resolved at start (synthesise)"),
      firstIplt: u32("index of the first of them among these, which follow the others (synthesise)"),
      pltGot: u32("entries of .plt.got (synthesise)"),
      firstPltGot: u32("index of the first of them (synthesise)"),
      relatives: u32("dynamic relocations of .got slots without a symbol (synthesise)"),
      symbolics: u32("dynamic relocations of .got slots with a symbol (synthesise)"),
    },
  },
  wrapped: {
    row: "`__wrap_NAME` for a name of --wrap, by length, then by bytes",
    id: "WrappedId",
    columns: {
      text: u64("its address; it ends in NUL (scan)"),
      length: u32("bytes (scan)"),
    },
  },
  pattern: {
    row: "a pattern of a version script, in the order of versions, or of a dynamic list; or a version's name",
    id: "PatternId",
    columns: {
      text: u64("address of the pattern (resolve)"),
      length: u32("bytes (resolve)"),
      flags: u8("PatternFlags (resolve)"),
      version: u16("as in symbol (resolve)"),
      node: u32("the version's place in the scripts (resolve)"),
      hash: u32("of what it is found by (resolve)"),
      keyLength: u32("bytes of that: all of a name, a few of a glob's that are no wildcards (resolve)"),
      next: u32("row of the next pattern of its slot plus 1, or 0 (resolve)"),
      isMatched: u8("1 when it has decided about a name; atomic (resolve)"),
    },
  },
  patternSlot: {
    row: "the patterns whose hash has the same low bits",
    id: "PatternSlotId",
    columns: {
      first: u32("row of the first of them plus 1, or 0 (resolve)"),
    },
  },
  dynsym: {
    row: "a symbol of .dynsym after the null symbol, in its order",
    id: "DynsymId",
    columns: {
      entry: u32("its row in entry (synthesise)"),
    },
  },
  version: {
    row: "a version of a shared object that is linked against: firstVersion + version index",
    id: "VersionId",
    columns: {
      isUsed: u8("1 when a symbol is bound to it; atomic (synthesise)"),
      index: u16("its index in the output's .gnu.version (synthesise)"),
    },
  },
  digest: {
    row: "an extent of the output: chunk * (bucketCount + parts) + ordinal or part, then merge cells, then the rest",
    id: "DigestId",
    columns: {
      low: u64("of the 128-bit digest, of uncompressed bytes (pack, write)"),
      high: u64("of the 128-bit digest, of uncompressed bytes (pack, write)"),
    },
  },
  ownSection: {
    row: "a section that the linker makes, or a part of one; all 0 where the output has none",
    id: "OwnSection",
    rows: ownSectionIds,
    columns: {
      address: u64("of its first byte (layout)"),
      offset: u64("in the output file (layout)"),
      size: u64("bytes (layout)"),
      index: u32("section header index (layout)"),
    },
  },
  request: {
    row: "something that a kernel leaves for TypeScript to decide; no fault",
    id: "RequestId",
    columns: {
      kind: u8("RequestKind; 0 while the row is being written (any pass)"),
      file: rowOf("file", "its file (any pass)"),
      index: u32("a symbol's index in the file's symbol table, or a section header index, as the kind says (any pass)"),
      operand: u64("as the kind says (any pass)"),
    },
  },
  finding: {
    row: "something wrong that a kernel found",
    id: "FindingId",
    columns: {
      code: u16("Code; 0 while the row is being written, and once it was read (any pass)"),
      file: rowOf("file", "the file; of some codes, the input (any pass)"),
      section: u32("section header index, or none (any pass)"),
      offset: u64("in the section, or in the file (any pass)"),
      symbol: u32("symbol table index in the file, or symbol id, as the code says (any pass)"),
      operand: u64("as the code says (any pass)"),
    },
  },
  lostFinding: {
    row: "a code, by number: findings of it that had no room in the table",
    id: "LostFindingId",
    columns: {
      count: u32("since the table was last read; atomic (any pass)"),
    },
  },
} as const satisfies Record<string, TableSchema>;

export type TableName = keyof typeof schema;
export type ColumnName<T extends TableName> = keyof (typeof schema)[T]["columns"] & string;

/** Single values that TypeScript decides and kernels read. All are u64. */
export const decisions = {
  hashSeed: "seed of every name and piece hash; another one is taken when two names collide",
  hashShift: "right shift of every hash: 0 but in a test of collisions",
  outputFlags: "OutputFlags",
  machine: "e_machine of inputs and output",
  partitions: "partitions of a hash: a power of two, whatever the number of workers",
  ranges: "ranges of rows of a hash count: as above",
  bucketCount: "buckets in use",
  fileSetWords: "rows of fileSet for each file; 0 where no rule tells files apart",
  inflated: "address of the uncompressed copies of files",
  commonBucket: "row of the bucket of common symbols",
  largeCommonBucket: "row of the bucket of large ones, of SHN_X86_64_LCOMMON",
  tlsCommonBucket: "row of the bucket of thread-local ones",
  gotPltReserved: "words at the beginning of .got.plt that are the loader's",
  hiddenLead: "1 when an STT_FILE symbol leads the globals that are made local in .symtab, else 0",
  dynsymParts: "parts that .dynsym is written in, with its names and versions",
  pltJumps: "entries of .plt that the loader binds; those resolved at start follow",
  relrWords: "words of .relr.dyn",
  gotSymbolics: "index in .rela.dyn of the first other relocation of .got slots and copies",
  gnuHashBloomWords: "64-bit words of its Bloom filter",
  dynstrOwn: "bytes of .dynstr before the symbols' names",
  tlsBegin: "address of the PT_TLS segment",
  tlsEnd: "address of its end, rounded up to its alignment",
  outputPath: "address of the NUL-terminated path of the output",
  replacedPath: "address of the NUL-terminated path that it will be renamed to",
  pltHeaderSize: "bytes before the first entry of .plt",
  pltEntrySize: "bytes of an entry of .plt",
  pltSecEntrySize: "bytes of an entry of .plt.sec; 0 when there is none",
  pltGotEntrySize: "bytes of an entry of .plt.got",
  firstPieceDigest: "row of digest of the first merge cell",
  firstSymtabDigest: "row of digest of the first chunk's part of .symtab",
  firstSingleDigest: "row of digest of the first part that one kernel writes at once",
  relocationsOffset: "-r: of the first relocation in the output file",
  sectionHeadersOffset: "-r: e_shoff",
  sectionNamesOffset: "-r: of .shstrtab's contents in the output file",
  codeFiller: "-r: four bytes that fill gaps in code",
  symtabIndex: "-r: header index of .symtab",
} as const satisfies Record<string, string>;

/** Single values that kernels find out. All are u64, and 0 until then. */
export const results = {
  needed: "GNU_PROPERTY_1_NEEDED of all inputs; atomic or (split)",
  isaNeeded: "GNU_PROPERTY_X86_ISA_1_NEEDED of all inputs; atomic or (split)",
  hasCommons: "1 when an object of the link has a common symbol; atomic (resolve)",
  hasTlsCommon: "1 when an object of the link has a thread-local common symbol; atomic (resolve)",
  hasLargeCommon: "1 when an object of the link has a large common symbol; atomic (resolve)",
  hasLargeSections:
    "1 when a section of an object, or a common symbol, is for what may be far away; atomic (resolve, split)",
  hasUnmarked: "1 when a section was reached and is still to be followed; atomic (select)",
  suspectClasses: "classes of sections with one hash (fold)",
  suspectsLeft: "sections that are in a class with others (fold)",
  isSearchTooWide: "1 when so much is referred to that archives are not worth searching (scan)",
  findingCount: "rows of finding handed out since it was last read, also past its end; atomic (any pass)",
  needsTlsLd: "1 when Local Dynamic needs its pair of GOT slots; atomic (find needs)",
  hasTextRelocations: "1 when the loader relocates a section that is read-only; atomic (find needs)",
  hasGnuSymbols: "1 when a symbol of .symtab or .dynsym is STT_GNU_IFUNC or STB_GNU_UNIQUE; atomic (write)",
  hasPacked: "1 when a relative relocation of a section goes into .relr.dyn; atomic (find needs)",
  hasStaticTls: "1 when a shared object uses Initial Exec; atomic (find needs)",
  gotRelrWords: "words of .relr.dyn for .got's slots, the first ones (synthesise)",
  copySize: "bytes of .copyrel (synthesise)",
  copyAlignment: "log2 (synthesise)",
  copyRelroSize: "bytes of .copyrel.rel.ro (synthesise)",
  copyRelroAlignment: "log2 (synthesise)",
  copyCount: "copy relocations (synthesise)",
  dynsymHashed: "symbols of .dynsym that can be found by name: the last ones (synthesise)",
  replacedHolder: "the worker that keeps the file that the output replaces (write)",
  gnuHashBuckets: "buckets of .gnu.hash (synthesise)",
  dynstrSize: "bytes of the symbols' names in .dynstr (synthesise)",
  localNeedCount: "rows of localNeed handed out; atomic (find needs)",
  dynsymCount: "symbols of .dynsym, with the null symbol (synthesise)",
  requestCount: "rows of request handed out; atomic (any pass)",
  outputSectionCount: "-r: rows of outputSection (layout)",
  placedMemberCount: "-r: rows of placedMember (layout)",
  memberChunkCount: "-r: rows of memberChunk (layout)",
  outputHeaders: "-r: section headers up to that of the last output section or its relocations (layout)",
  outputContentsEnd: "-r: offset in the output file of the end of the sections' contents (layout)",
  outputRelocations: "-r: how many (layout)",
  outputNamesSize: "-r: bytes of .shstrtab for output sections (layout)",
  sectionSymbols: "-r: how many (layout)",
  hasUnmarkedGroup: "-r: 1 when sections were reached because others of their group were; atomic (select)",
  hasCollision: "1 when two names, pieces, CIEs or sections have one hash; atomic (scan, merge, fold)",
  hasTooFewBuckets: "1 when the table of buckets is full; atomic (split)",
} as const satisfies Record<string, string>;

export type DecisionName = keyof typeof decisions;
export type ResultName = keyof typeof results;

/** Numbers that both languages use. */
export const constants = {
  chunkParts: {
    value: 3,
    is: "extents of a chunk besides one for each bucket: .eh_frame and two kinds of dynamic relocations",
  },
  symtabParts: {
    value: 4,
    is: "extents of a chunk in .symtab and .strtab: locals, globals that are made local, other globals, names",
  },
  singleParts: { value: 16, is: "extents that one kernel writes at once, at most" },
  dynsymExtents: { value: 3, is: "extents of a part of .dynsym: symbols, names, versions" },
  claimFileBits: { value: 28, is: "bits of a claim for the file: below the rank, above the symbol's 32" },
} as const satisfies Record<string, { readonly value: number; readonly is: string }>;

/** Bits and small numbers that both languages use, by the name of the C++ enumeration. */
export const enumerations = {
  /**
   * Of the definitions that bid for a symbol the one with the smallest rank wins. The order is the proof that it does:
   * a definition of the link comes before all that is not in it yet.
   */
  ClaimRank: {
    /** By the command line, which overrides the inputs. */
    ASSIGNED: 0,
    STRONG: 1,
    /** Of a shared object, in place of a common symbol. Given when the others have bid: against WEAK it loses. */
    SHARED_DATA: 2,
    COMMON: 3,
    WEAK: 4,
    /** In a shared object, or in an archive member while these are extracted. */
    ELSEWHERE: 5,
    /**
     * What COMMON is while members are extracted. After ELSEWHERE, because a member that defines the symbol is extracted
     * though a common one is in the link (as GNU ld does): the claim must lead to the member.
     */
    COMMON_TO_EXTRACT: 6,
    /**
     * In a member that has not been extracted, or that is not for a common symbol: no definition, but a weak reference
     * means it.
     */
    LAZY: 7,
  },
  InputFlags: {
    IS_ARCHIVE: 1,
    IS_SHARED: 2,
    IS_LAZY: 4,
    WHOLE_ARCHIVE: 8,
    AS_NEEDED: 16,
    EXCLUDE_LIBS: 32,
    IS_INDIRECT: 64,
    IS_INTERNAL: 128,
    IS_RUNTIME: 256,
    IS_INDEXED: 512,
  },
  FileTraits: {
    IS_SHARED: 1,
    IS_BROKEN: 2,
    IS_LTO: 4,
    HAS_STRAY_RELOCATIONS: 8,
    /** It has a compiler's intermediate language in sections, maybe beside machine code. */
    HAS_IR: 16,
    /** In its place there is an object that has the symbols of its intermediate language, or nothing any more. */
    IS_IR: 32,
    /** It has nothing but names of COMDAT groups, which it holds for code that was made of it; then it is left out. */
    HOLDS_GROUPS: 64,
  },
  FileFlags: {
    IS_LAZY: 2,
    AS_NEEDED: 4,
    EXCLUDE_LIBS: 8,
    IS_INDIRECT: 64,
    IS_INTERNAL: 128,
    NEEDS_EXECUTABLE_STACK: 256,
    HAS_STACK_NOTE: 512,
    HAS_IBT: 1024,
    HAS_SHSTK: 2048,
    IS_CHECKED: 4096,
    HAS_CONSTRUCTORS: 16384,
    LACKS_FILE_SYMBOL: 32768,
  },
  FileState: { REACHED: 1, EXPANDED: 2, NEEDED: 4, WANTED: 8 },
  SymbolUse: { SLOT: 1, ADDRESS: 2, REACHED: 4, SMALL_COMMON: 8, COMMON: 16 },
  MentionFlags: {
    UNDEFINED: 0,
    DEFINED: 1,
    COMMON: 2,
    SIGNATURE: 3,
    KIND: 3,
    WEAK: 4,
    VERSIONED: 8,
    DEFAULT_VERSION: 16,
    NAME_HAS_AT: 128,
  },
  SectionFlags: {
    /**
     * In the output, unless DISCARDED. Split sets it where nothing has to refer to the section: everywhere without
     * --gc-sections; with it, of what is not loaded and of its roots, whose names and headers split has before it. Select
     * adds what these reach. Nobody clears it.
     */
    LIVE: 1,
    /** Its relocations have been followed. */
    EXPANDED: 2,
    DISCARDED: 4,
    MERGEABLE: 8,
    EH_FRAME: 16,
    RELOCATED: 32,
    /** An equal one stands for it: LIVE, but none of its bytes is written. */
    FOLDED: 64,
    /** Who compares addresses may tell it from an equal one, as far as --icf cares. */
    ADDRESS_TAKEN: 128,
  },
  SymbolFlags: {
    VISIBILITY: 3,
    IN_OBJECT: 4,
    IN_SHARED: 8,
    IMPORTED: 16,
    EXPORTED: 32,
    LOCALISED: 64,
    ROOT: 128,
    NEEDS_GOT: 0x100,
    NEEDS_PLT: 0x200,
    NEEDS_CANONICAL_PLT: 0x400,
    NEEDS_COPY: 0x800,
    NEEDS_TLS_GD: 0x1000,
    NEEDS_TLS_DESC: 0x2000,
    NEEDS_GOT_TP: 0x4000,
    NEEDS_DYNSYM: 0x8000,
    NEEDS: 0xff00,
    HAS_WARNING: 0x10000,
    IS_PROTECTED_THERE: 0x20000,
    STRONGLY_REFERENCED: 0x40000,
    COPY_IS_RELRO: 0x80000,
    IS_WEAK_UNDEFINED: 0x100000,
    DEFINED_BY_LOADED: 0x200000,
    IS_IFUNC: 0x400000,
    IS_LISTED: 0x800000,
    VISIBILITY_HIDDEN: 0x1000000,
    VISIBILITY_PROTECTED: 0x2000000,
    VISIBILITY_INTERNAL: 0x4000000,
    IS_ABSOLUTE: 0x8000000,
    IS_TLS: 0x10000000,
    IS_FUNCTION: 0x20000000,
    IS_UNDEFINED: 0x40000000,
    OWNED_BY_SHARED: 0x80000000,
  },
  OutputFlags: {
    SHARED: 1,
    PIC: 2,
    STATIC: 4,
    /** TLS accesses stay in the model that they are written in. */
    KEEPS_TLS_MODELS: 8,
    GC_SECTIONS: 16,
    STRIP_ALL: 32,
    STRIP_DEBUG: 64,
    DISCARD_LOCALS: 128,
    DISCARD_ALL: 256,
    NO_RELAX: 512,
    /** A shared object binds references to its own symbols: only to functions, to what is not weak or not listed. */
    BSYMBOLIC: 1024,
    BSYMBOLIC_FUNCTIONS: 2048,
    BSYMBOLIC_NON_WEAK: 32768,
    BSYMBOLIC_UNLISTED: 4194304,
    EXPORT_DYNAMIC: 4096,
    NO_COPY_RELOCATIONS: 8192,
    TEXT_RELOCATIONS: 16384,
    HAS_DIGEST: 65536,
    EH_FRAME_HDR: 131072,
    ALLOW_MULTIPLE: 262144,
    PACK_RELATIVE: 2097152,
    DATA_LISTED: 524288,
    NO_UNDEFINED: 8388608,
    IGNORE_UNDEFINED: 16777216,
    DYNAMIC_WEAK: 33554432,
    LIST_WEAK: 67108864,
    WARN_UNDEFINED: 134217728,
    /** --gc-keep-exported. */
    KEEP_EXPORTED: 268435456,
    /** STB_GNU_UNIQUE symbols are STB_GLOBAL. */
    NO_GNU_UNIQUE: 536870912,
  },
  /** What -r is asked for; the parameter of its kernels. */
  RelocatableFlags: {
    /** Groups are dissolved: --force-group-allocation. */
    DISSOLVE_GROUPS: 1,
    /** What no rule names is a section of its own: --unique. */
    UNIQUE_ORPHANS: 2,
    /** Common symbols get space: -d. */
    DEFINE_COMMONS: 4,
  },
  /** Rules of linker scripts. */
  RuleTraits: {
    /** It is one of a script; those of the default plan have none of these. */
    STATED: 1,
    /** Its text has wildcards. */
    GLOB: 2,
    /** --gc-sections keeps its sections. */
    KEEP: 4,
    /** Its sections are not in the output. */
    DISCARD: 8,
    /** Sections of each name, alignment and file are a bucket of their own, to be put in order. */
    BY_NAME: 16,
    BY_ALIGNMENT: 32,
    BY_FILE: 64,
    /** Its text is the beginning of the names that it matches. */
    PREFIX: 128,
    /** -r: each of its sections is a section of the output, as --unique asks. */
    UNIQUE: 256,
  },
  PatternFlags: { GLOB: 1, CXX: 2, LISTS: 4, NAMES_VERSION: 8, STAR: 16, IS_TAKEN: 32 },
  /** How a part of a compressed section ends: with what comes next as one piece, at a byte, or with the section. */
  PartEnding: { GOES_ON: 0, BYTE: 1, STREAM: 2 },
  /** The rows of the kernel writeTables; the parts of .eh_frame_hdr are the rows from EH_FRAME_HDR on. */
  TableRow: { SLOTS: 0, HASHES: 1, REPLACED: 2, PARTS: 3 },
  HashSource: { MENTIONS: 0, PIECES: 1, CIES: 2, SUSPECTS: 3 },
  /** Whose addresses count for --icf. */
  AddressKinds: { CODE: 1, DATA: 2 },
  /** What a row of request asks for; its index, then its operand. */
  RequestKind: {
    /** A symbol that the linker may define, `__start_SECTION`; the symbol's id. */
    LINKER_DEFINED: 1,
    /** A mention of `name@VERSION`; the hash of `name`. */
    VERSIONED_NAME: 2,
    /** A definition with a default version that may answer for such a name. */
    VERSIONED_DEFINITION: 3,
    /** A section `.gnu.warning.SYMBOL`. */
    WARNING_SECTION: 4,
    /** A definition of `name@@VERSION` in an object. */
    DEFAULT_DEFINITION: 5,
    /** A symbol that an ordering file names; the row in orderedName. */
    ORDERED_NAME: 6,
  },
} as const;
