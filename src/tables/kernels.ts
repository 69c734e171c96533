/** Every kernel, in the order of the passes: what one row of its range is, and what it does. */
import type { TableName } from "./schema.ts";

/** The passes that run kernels, in order; a file of src/passes each. Fold comes in the middle of merge, which lists pieces first. */
export const passes = [
  "scan",
  "resolve",
  "split",
  "select",
  "fold",
  "merge",
  "find needs",
  "synthesise",
  "layout",
  "pack",
  "write",
] as const;

export type Pass = (typeof passes)[number];

export interface Kernel {
  /** The pass that runs it; none for those that several passes run. */
  readonly pass?: Pass;
  readonly row: TableName;
  readonly does: string;
}

export const kernels = {
  countIndexes: {
    pass: "scan",
    row: "input",
    does: "Counts the names in the index of each archive that may be searched by it.",
  },
  hashIndexes: { pass: "scan", row: "input", does: "Fills indexName." },
  searchIndexes: { pass: "scan", row: "range", does: "One row: finds the members that may be in the link." },
  countMembers: { pass: "scan", row: "input", does: "Counts the objects in each archive." },
  listMembers: {
    pass: "scan",
    row: "input",
    does: "Gives each object, archive member and shared object its row in file.",
  },
  scanHeaders: { pass: "scan", row: "file", does: "Checks headers and finds symbol and string tables." },
  scanSymbols: { pass: "scan", row: "file", does: "Fills mention: hash, kind and name of each global symbol." },
  hashCount: { row: "range", does: "Counts the rows of each partition. Parameter: HashSource." },
  hashScatter: { row: "range", does: "Writes each row to its partition. Parameter: HashSource." },
  hashUnify: { row: "partition", does: "Finds the first of all equal rows. Parameter: HashSource." },
  verifyNames: { pass: "scan", row: "file", does: "Compares each name with the one it was unified with." },
  matchVersions: { pass: "scan", row: "file", does: "Finds the definitions that references to versions may mean." },
  claimSymbols: {
    pass: "resolve",
    row: "file",
    does: "Bids for each definition's symbol. Parameter: 1 when members are still to be extracted.",
  },
  extractMembers: { pass: "resolve", row: "file", does: "Reaches the archive members that live files refer to." },
  resetClaims: { pass: "resolve", row: "range", does: "Clears all claims, to make them again." },
  electGroups: { pass: "resolve", row: "file", does: "Bids for each COMDAT group: the first live file keeps it." },
  discardGroups: { pass: "resolve", row: "file", does: "Discards the sections of groups that another file keeps." },
  replaceCommons: {
    pass: "resolve",
    row: "file",
    does: "Lets initialised data of shared objects take the place of common symbols, and other data make them larger.",
  },
  gatherSymbols: {
    pass: "resolve",
    row: "file",
    does: "Gathers who mentions a name and its visibility; finds duplicates.",
  },
  checkShared: { pass: "resolve", row: "file", does: "Finds what shared objects refer to and nothing defines." },
  matchPatterns: {
    pass: "resolve",
    row: "file",
    does: "Matches the names that a file defines with version scripts and dynamic lists.",
  },
  findWeakUses: {
    pass: "resolve",
    row: "file",
    does: "Finds how an executable refers to weak symbols that nothing defines.",
  },
  bindSymbols: { pass: "resolve", row: "range", does: "Decides which names are imported and exported." },
  checkHidden: { pass: "resolve", row: "file", does: "Finds what shared objects refer to and the output hides." },
  inflateSections: {
    pass: "split",
    row: "file",
    does: "Makes uncompressed copies of live files with compressed sections.",
  },
  assignBuckets: { pass: "split", row: "file", does: "Gives each live section the bucket that it is laid out in." },
  reverseConstructors: {
    pass: "split",
    row: "file",
    does: "Makes copies of live files with .ctors or .dtors, whose words are reversed there.",
  },
  markRoots: {
    pass: "select",
    row: "file",
    does: "Marks the sections that --gc-sections starts from, besides those that split kept.",
  },
  markSections: { pass: "select", row: "file", does: "Marks what marked sections refer to." },
  markEhFrames: { pass: "select", row: "file", does: "Marks what the FDEs of marked functions refer to." },
  countPieces: { pass: "merge", row: "file", does: "Counts strings, constants and CIEs." },
  listPieces: { pass: "merge", row: "file", does: "Fills mergeable, piece and cie." },
  markAddresses: {
    pass: "fold",
    row: "file",
    does: "Marks the sections whose addresses may be compared. Parameter: AddressKinds, of which kinds.",
  },
  countFolds: { pass: "fold", row: "file", does: "Counts sections that may be folded." },
  listFolds: { pass: "fold", row: "file", does: "Fills fold, finds the FDE of each, and hashes how large each is." },
  hashFolds: { pass: "fold", row: "suspect", does: "Hashes the bytes of each." },
  describeFolds: { pass: "fold", row: "suspect", does: "Hashes what else each is, and lists what it refers to." },
  refineFolds: { pass: "fold", row: "suspect", does: "Hashes what each refers to, as far as that is told apart." },
  settleSuspects: { pass: "fold", row: "range", does: "One row: says what is equal now, and what is like no other." },
  sortSuspects: {
    pass: "fold",
    row: "range",
    does: "One row: puts what is equal together, chooses which of it stays, and marks the others.",
  },
  compareFolds: { pass: "fold", row: "suspect", does: "Compares each with the one that it is said to be equal to." },
  findOrdered: { pass: "fold", row: "file", does: "Finds the symbols that ordering files name." },
  verifyPieces: { pass: "merge", row: "mergeable", does: "Compares each piece with the one it was unified with." },
  placePieces: { pass: "merge", row: "partition", does: "Places the unique pieces of each partition." },
  countFdes: { pass: "merge", row: "file", does: "Counts live FDEs and marks the CIEs that they use." },
  scanRelocations: {
    pass: "find needs",
    row: "file",
    does: "Finds the slots and dynamic relocations that relocations need.",
  },
  markCopyAliases: {
    pass: "find needs",
    row: "file",
    does: "Copies all names of a copied datum of a shared object together.",
  },
  countNeeds: { pass: "synthesise", row: "range", does: "Counts the slots that symbols need." },
  placeNeeds: {
    pass: "synthesise",
    row: "range",
    does: "Numbers them, in symbol order. The row after the last range is the local symbols'.",
  },
  placeCopies: {
    pass: "synthesise",
    row: "range",
    does: "One row: places the data that is copied from shared objects.",
  },
  packGot: { pass: "synthesise", row: "range", does: "One row: counts the words of .relr.dyn that .got needs." },
  listDynsyms: { pass: "synthesise", row: "range", does: "One row: orders .dynsym and places its names." },
  sizeBuckets: { pass: "layout", row: "chunk", does: "Lays out each chunk's part of each bucket." },
  placeOrdered: { pass: "layout", row: "range", does: "One row: lays out the buckets that are ordered." },
  packRelatives: {
    pass: "layout",
    row: "chunk",
    does: "Counts the words of .relr.dyn that each chunk's part of each bucket needs.",
  },
  checkCrossReferences: {
    pass: "layout",
    row: "file",
    does: "Reports relocations that NOCROSSREFS of a script prohibits.",
  },
  countSymtab: { pass: "layout", row: "file", does: "Counts what .symtab keeps of a file." },
  assignAddresses: { pass: "layout", row: "file", does: "Gives each symbol the address of its definition." },
  assignEntryAddresses: { pass: "layout", row: "entry", does: "Gives copied and PLT symbols theirs." },
  packChunks: {
    pass: "pack",
    row: "packRun",
    does: "Copies, relocates and compresses the debug sections of a run of chunks.",
  },
  packPieces: {
    pass: "pack",
    row: "packRun",
    does: "Compresses the unique pieces of a run of partitions that are in debug sections.",
  },
  writeChunks: {
    pass: "write",
    row: "chunk",
    does: "Copies and relocates a chunk's sections and FDEs; writes its dynamic relocations and symbols.",
  },
  writePieces: { pass: "write", row: "partition", does: "Writes the unique pieces of a partition." },
  writeTables: {
    pass: "write",
    row: "range",
    does: "Rows: .got, .plt and their relocations; .dynsym, its names, versions and hash tables; a hold on the file that is replaced; the parts of .eh_frame_hdr. Parameter: how many parts.",
  },
  classifySections: {
    pass: "split",
    row: "file",
    does: "-r: finds out which sections are in the output, and which of them are one. Parameter: RelocatableFlags.",
  },
  markGroups: { pass: "select", row: "file", does: "-r: keeps a COMDAT group whole of which a section is live." },
  arrangeSections: {
    pass: "layout",
    row: "range",
    does: "-r, one row: puts sections of inputs into sections of the output and places them. Parameter: RelocatableFlags.",
  },
  findReferredLocals: {
    pass: "layout",
    row: "file",
    does: "-r: finds the local symbols that relocations refer to, which are kept whatever is discarded.",
  },
  countOutputSymbols: {
    pass: "layout",
    row: "file",
    does: "-r: counts what .symtab keeps of a file.",
  },
  numberSymbols: { pass: "layout", row: "file", does: "-r: gives symbols their index in .symtab." },
  writeMembers: { pass: "write", row: "memberChunk", does: "-r: copies sections and rewrites their relocations." },
  writeSymbols: { pass: "write", row: "chunk", does: "-r: writes a chunk's symbols. Parameter: RelocatableFlags." },
  writeHeaders: {
    pass: "write",
    row: "range",
    does: "-r, one row: writes section headers, their names and section symbols.",
  },
  writePacked: { pass: "write", row: "packedPart", does: "Writes what pack has compressed." },
} as const satisfies Record<string, Kernel>;

export type KernelName = keyof typeof kernels;
