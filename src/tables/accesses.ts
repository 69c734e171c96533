/**
 * The columns that each kernel reads and fills; what it fills it may read, too. The checked build (`node build.mjs
 * sanitize`) holds it to that: see native/tables/protection.h.
 */
import type { KernelName } from "./kernels.ts";
import type { ColumnName, TableName } from "./schema.ts";

/** `table.column`. */
export type ColumnPath = { [T in TableName]: `${T}.${ColumnName<T>}` }[TableName];

export interface Access {
  readonly reads: readonly ColumnPath[];
  readonly fills: readonly ColumnPath[];
}

function of<T extends TableName>(table: T, ...columns: readonly ColumnName<T>[]): readonly ColumnPath[] {
  return columns.map((column) => `${table}.${column}` as ColumnPath);
}

/** Where the tables of a file lie, which scan finds. */
const fileLayout = of(
  "file",
  "sectionHeaders",
  "sectionCount",
  "sectionNames",
  "sectionNamesSize",
  "symbols",
  "symbolCount",
  "firstGlobal",
  "strings",
  "stringsSize",
  "sectionIndices",
);

/** What a FileView shows (native/tables/file-view.h). */
const fileView = [...fileLayout, ...of("file", "traits", "image", "imageSize", "firstSection", "firstMention")];

/** What is known of the symbols that relocations refer to (native/kernels/reference.h). */
const references = [
  ...of("file", "state"),
  ...of("mention", "symbol"),
  ...of("symbol", "claim", "flags", "uses"),
  ...of("section", "flags", "bucket", "bucketHigh", "relocations"),
  ...of("bucket", "flags"),
];

/** Who has slots, and which. */
const entrySlots = of(
  "entry",
  "symbol",
  "file",
  "index",
  "needs",
  "got",
  "tlsGd",
  "tlsDesc",
  "gotTp",
  "plt",
  "pltGot",
  "dynsym",
);

/** Slots of .got and .plt, and who has one (native/kernels/slots.h). */
const slots = [
  ...entrySlots,
  ...of("file", "localNeeds", "firstLocalNeed"),
  ...of("symbol", "entry"),
  ...of("entry", "copyOffset"),
  ...of("localNeed", "symbol", "needs", "entry"),
];

/** The pieces of a partition and their bytes (native/kernels/pieces.h). */
const pieces = [
  ...of("file", "image"),
  ...of("mergeable", "file", "ordinal", "end", "pieces", "firstPiece"),
  ...of("piece", "start", "same", "mergeable"),
  ...of("hashCell", "count", "first"),
  ...of("hashEntry", "row"),
];

/** Where sections, pieces and definitions have come to lie (native/kernels/address.h). */
const places = [
  ...of("file", "chunk"),
  ...of("mention", "commonOffset"),
  ...of("symbol", "flags", "uses"),
  ...of("section", "flags", "bucket", "bucketHigh", "offset", "mergeable", "offsetHigh", "fold"),
  ...of("fold", "file", "section", "leader"),
  ...of("bucket", "ordinal", "address"),
  ...of("chunkBucket", "offset"),
  ...of("mergeable", "pieces", "firstPiece"),
  ...of("piece", "start", "place"),
  ...of("mergeCell", "offset"),
  ...of("ownSection", "address", "size"),
];

/** How sections are told apart by their names (native/kernels/name-rules.h). */
const nameRules = [
  ...of("nameRule", "firstBytes", "mask", "text", "length", "keepsName", "isExact", "reversedInto"),
  ...of("nameRule", "traits", "group", "withFlags", "withoutFlags", "fileSet"),
  ...of("fileSet", "bits"),
];

/** What a section that may be folded is made of (native/kernels/fold-reader.h). */
const foldDescriptions = [
  ...fileView,
  ...references,
  ...of("file", "flags"),
  ...of("section", "mergeable", "fold"),
  ...of("bucket", "foldGroup"),
  ...of("mergeable", "pieces", "firstPiece"),
  ...of("piece", "start", "hash"),
  ...of("fold", "file", "section", "isFixed", "cie"),
  ...of("fold", "frameSection", "frameStart", "frameSize", "frameRelocation", "frameRelocations"),
];

/** The indexes of archives. */
const archiveIndexes = [
  ...of("input", "base", "size", "flags", "firstIndexName"),
  ...of("indexName", "hash", "member"),
];

/** What -r knows of sections and symbols (native/kernels/relocatable.h). */
const relocatable = [
  ...fileView,
  ...of("file", "state", "flags", "firstLocalSymbol"),
  ...of("mention", "flags", "name", "symbol", "commonOffset"),
  ...of("symbol", "claim", "flags", "uses", "commonSize", "commonAlignment"),
  ...of("section", "flags", "bucket", "relocations"),
  ...of("outputMember", "key", "order", "rank", "isUnmergeable", "isTerminated"),
];

/** And once they have their places. */
const arranged = [
  ...relocatable,
  ...of("outputMember", "output", "offset", "firstRelocation"),
  ...of(
    "outputSection",
    "file",
    "section",
    "name",
    "nameLength",
    "nameOffset",
    "type",
    "flags",
    "entsize",
    "alignment",
  ),
  ...of("outputSection", "size", "relocations", "index", "offset", "firstRelocation", "symbol"),
  ...of("placedMember", "file", "section"),
  ...of("memberChunk", "firstMember"),
  ...of("localSymbol", "index", "isReferred"),
  ...of("outputSymbol", "index", "commonSection"),
  ...of("ownSection", "offset", "index"),
];

/** What every kernel may fill: what it found. */
export const reported: readonly TableName[] = ["finding", "lostFinding", "request"];

export const accesses: Readonly<Record<KernelName, Access>> = {
  countIndexes: {
    reads: [...of("input", "base", "size")],
    fills: [...of("input", "flags", "indexNames")],
  },
  hashIndexes: {
    reads: [...of("input", "base", "size", "flags", "firstIndexName")],
    fills: [...of("indexName", "hash", "member")],
  },
  searchIndexes: {
    reads: [...archiveIndexes],
    fills: [...of("indexName", "isWanted")],
  },
  countMembers: {
    reads: [...archiveIndexes, ...of("indexName", "isWanted")],
    fills: [...of("input", "members")],
  },
  listMembers: {
    reads: [...archiveIndexes, ...of("input", "members", "firstFile"), ...of("indexName", "isWanted")],
    fills: [...of("file", "inputOffset", "size", "nameOffset", "traits", "image", "imageSize", "input", "flags")],
  },
  scanHeaders: {
    reads: [...fileView, ...of("file", "flags")],
    fills: [
      ...fileLayout,
      ...of(
        "file",
        "traits",
        "versions",
        "versionDefinitions",
        "versionDefinitionsSize",
        "signatures",
        "groups",
        "inflatedSize",
      ),
    ],
  },
  scanSymbols: {
    reads: [
      ...fileView,
      ...of("file", "versions", "versionDefinitions", "versionDefinitionsSize", "signatures", "flags"),
      ...of("wrapped", "text", "length"),
    ],
    fills: [...of("file", "traits"), ...of("mention", "flags", "name", "hash")],
  },
  hashCount: {
    reads: [...of("mention", "hash"), ...of("piece", "hash"), ...of("cie", "hash"), ...of("suspect", "hash")],
    fills: [...of("hashCell", "count")],
  },
  hashScatter: {
    reads: [
      ...of("mention", "hash"),
      ...of("piece", "hash"),
      ...of("cie", "hash"),
      ...of("suspect", "hash"),
      ...of("hashCell", "first"),
    ],
    fills: [...of("hashEntry", "hash", "row")],
  },
  hashUnify: {
    reads: [...of("hashCell", "count", "first"), ...of("hashEntry", "hash", "row")],
    fills: [...of("mention", "symbol"), ...of("piece", "same"), ...of("cie", "same"), ...of("suspect", "same")],
  },
  verifyNames: {
    reads: [
      ...fileView,
      ...of("file", "versions", "versionDefinitions", "versionDefinitionsSize"),
      ...of("mention", "flags", "name", "symbol"),
    ],
    fills: [],
  },
  matchVersions: {
    reads: [...fileView, ...of("mention", "flags", "hash")],
    fills: [],
  },
  claimSymbols: {
    reads: [
      ...fileView,
      ...of("file", "groups", "flags", "state"),
      ...of("mention", "flags", "symbol", "alias"),
      ...of("section", "flags"),
    ],
    fills: [...of("symbol", "claim", "uses")],
  },
  extractMembers: {
    reads: [...fileView, ...of("file", "flags"), ...of("mention", "flags", "symbol"), ...of("symbol", "claim", "uses")],
    fills: [...of("file", "state")],
  },
  resetClaims: {
    reads: [],
    fills: [...of("symbol", "claim")],
  },
  electGroups: {
    reads: [...fileView, ...of("file", "groups", "state"), ...of("mention", "symbol")],
    fills: [...of("symbol", "group")],
  },
  discardGroups: {
    reads: [...fileView, ...of("file", "groups", "state"), ...of("mention", "symbol"), ...of("symbol", "group")],
    fills: [...of("section", "flags")],
  },
  replaceCommons: {
    reads: [...fileView, ...of("file", "flags", "state"), ...of("mention", "flags", "symbol")],
    fills: [...of("symbol", "claim", "commonSize", "commonAlignment")],
  },
  gatherSymbols: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "flags", "symbol"),
      ...of("symbol", "claim"),
      ...of("section", "flags"),
    ],
    fills: [...of("symbol", "flags", "uses", "commonSize", "commonAlignment")],
  },
  checkShared: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "flags", "symbol"),
      ...of("symbol", "claim", "flags"),
    ],
    fills: [],
  },
  matchPatterns: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "flags", "hash", "symbol"),
      ...of("symbol", "claim"),
      ...of("pattern", "text", "length", "flags", "version", "node", "hash", "keyLength", "next"),
      ...of("patternSlot", "first"),
    ],
    fills: [...of("symbol", "flags", "version"), ...of("pattern", "isMatched")],
  },
  findWeakUses: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "flags", "symbol"),
      ...of("symbol", "claim"),
      ...of("section", "flags"),
    ],
    fills: [...of("symbol", "uses")],
  },
  bindSymbols: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "symbol"),
      ...of("symbol", "claim", "version", "uses"),
    ],
    fills: [...of("symbol", "flags")],
  },
  checkHidden: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "flags", "symbol"),
      ...of("symbol", "claim", "flags"),
    ],
    fills: [],
  },
  inflateSections: {
    reads: [
      ...of("input", "base", "size"),
      ...of(
        "file",
        "inputOffset",
        "traits",
        "sectionHeaders",
        "sectionCount",
        "inflatedSize",
        "input",
        "inflatedOffset",
        "state",
      ),
    ],
    fills: [...of("file", "image", "imageSize")],
  },
  assignBuckets: {
    reads: [
      ...fileView,
      ...nameRules,
      ...of("input", "flags"),
      ...of("file", "input", "state"),
      ...of("mention", "symbol"),
      ...of("symbol", "claim"),
    ],
    fills: [
      ...of("file", "flags"),
      ...of("symbol", "flags"),
      ...of("section", "flags", "bucket", "bucketHigh", "relocations"),
      ...of("bucket", "key", "first", "type", "invertedType", "entsize", "flags", "nameLength", "rule", "orderedBy"),
      ...of("bucketUse", "bits"),
    ],
  },
  reverseConstructors: {
    reads: [
      ...fileView,
      ...of("input", "base", "size"),
      ...nameRules,
      ...of("file", "inputOffset", "size", "input", "reversedCopy", "flags", "state"),
      ...of("section", "flags", "relocations"),
    ],
    fills: [...of("file", "image")],
  },
  markRoots: {
    reads: [...fileView, ...references, ...of("file", "flags")],
    fills: [...of("symbol", "uses"), ...of("section", "flags")],
  },
  markSections: {
    reads: [...fileView, ...references],
    fills: [...of("symbol", "uses"), ...of("section", "flags")],
  },
  markEhFrames: {
    reads: [...fileView, ...references],
    fills: [...of("symbol", "uses"), ...of("section", "flags")],
  },
  countPieces: {
    reads: [...fileView, ...of("file", "state"), ...of("section", "flags")],
    fills: [...of("file", "mergeables", "pieces", "cies")],
  },
  listPieces: {
    reads: [
      ...fileView,
      ...of("file", "state", "mergeables", "pieces", "firstPiece", "firstMergeable", "cies", "firstCie"),
      ...of("mention", "symbol"),
      ...of("section", "flags", "bucket", "bucketHigh", "relocations"),
      ...of("bucket", "ordinal"),
    ],
    fills: [
      ...of("section", "mergeable"),
      ...of("mergeable", "file", "ordinal", "end", "pieces", "firstPiece"),
      ...of("piece", "start", "hash", "alignment", "mergeable"),
      ...of("cie", "file", "section", "start", "size", "hash"),
    ],
  },
  markAddresses: {
    reads: [...fileView, ...references, ...of("file", "flags"), ...of("mention", "flags")],
    fills: [...of("section", "flags")],
  },
  countFolds: {
    reads: [...fileView, ...references, ...of("bucket", "foldGroup")],
    fills: [...of("file", "folds")],
  },
  listFolds: {
    reads: [
      ...fileView,
      ...references,
      ...of("file", "folds", "firstFold", "cies", "firstCie"),
      ...of("bucket", "foldGroup"),
      ...of("cie", "same"),
    ],
    fills: [
      ...of("section", "flags", "fold"),
      ...of("fold", "file", "section", "alignment", "isFixed", "room", "cie"),
      ...of("fold", "frameSection", "frameStart", "frameSize", "frameRelocation", "frameRelocations"),
      ...of("suspect", "hash"),
    ],
  },
  hashFolds: {
    reads: [
      ...fileView,
      ...of("section", "flags", "relocations"),
      ...of("fold", "file", "section", "equal"),
      ...of("suspect", "fold"),
    ],
    fills: [...of("suspect", "hash")],
  },
  describeFolds: {
    reads: [...foldDescriptions, ...of("fold", "firstEdge", "equal"), ...of("suspect", "fold")],
    fills: [...of("fold", "edges"), ...of("foldEdge", "target"), ...of("suspect", "hash")],
  },
  refineFolds: {
    reads: [...of("fold", "firstEdge", "edges", "equal"), ...of("foldEdge", "target"), ...of("suspect", "fold")],
    fills: [...of("suspect", "hash")],
  },
  settleSuspects: {
    reads: [...of("suspect", "fold", "same")],
    fills: [...of("suspect", "next"), ...of("fold", "equal")],
  },
  sortSuspects: {
    reads: [
      ...of("file", "firstSection"),
      ...of("suspect", "fold"),
      ...of("fold", "file", "section", "alignment", "isFixed", "equal"),
    ],
    fills: [...of("section", "flags"), ...of("fold", "leader"), ...of("suspect", "next")],
  },
  compareFolds: {
    reads: [...foldDescriptions, ...of("fold", "equal"), ...of("suspect", "fold")],
    fills: [],
  },
  findOrdered: {
    reads: [
      ...fileView,
      ...of("file", "flags", "state"),
      ...of("mention", "symbol"),
      ...of("symbol", "claim"),
      ...of("section", "flags"),
      ...of("orderedName", "text", "length"),
    ],
    fills: [],
  },
  verifyPieces: {
    reads: [...pieces],
    fills: [],
  },
  placePieces: {
    reads: [...pieces],
    fills: [...of("piece", "place", "alignment"), ...of("mergeCell", "size", "alignment")],
  },
  countFdes: {
    reads: [
      ...fileView,
      ...of("file", "state", "cies", "firstCie"),
      ...of("section", "flags", "relocations"),
      ...of("cie", "file", "section", "start", "size", "same"),
    ],
    fills: [...of("file", "fdes", "ehFrameSize"), ...of("cie", "isUsed")],
  },
  scanRelocations: {
    reads: [...fileView, ...references, ...of("file", "cies")],
    fills: [
      ...of("file", "localNeeds", "firstLocalNeed", "relatives", "symbolics", "ifuncSymbolics"),
      ...of("symbol", "flags"),
      ...of("localNeed", "symbol", "needs"),
    ],
  },
  markCopyAliases: {
    reads: [...fileView, ...of("mention", "symbol"), ...of("symbol", "claim")],
    fills: [...of("symbol", "flags", "uses")],
  },
  countNeeds: {
    reads: [
      ...fileView,
      ...references,
      ...of("file", "localNeeds", "firstLocalNeed"),
      ...of("localNeed", "symbol", "needs"),
    ],
    fills: [...of("needCell", "entries", "got", "plt", "iplt", "pltGot", "relatives", "symbolics")],
  },
  placeNeeds: {
    reads: [
      ...fileView,
      ...references,
      ...of("file", "localNeeds", "firstLocalNeed"),
      ...of("localNeed", "symbol", "needs"),
      ...of("needCell", "firstEntry", "firstGot", "firstPlt", "firstIplt", "firstPltGot"),
    ],
    fills: [...entrySlots, ...of("symbol", "entry"), ...of("entry", "isCopied"), ...of("localNeed", "entry")],
  },
  placeCopies: {
    reads: [...fileView, ...of("symbol", "claim", "commonSize", "commonAlignment"), ...of("entry", "symbol", "needs")],
    fills: [...of("symbol", "flags"), ...of("entry", "copyOffset", "isCopied")],
  },
  packGot: {
    reads: [...fileView, ...references, ...slots],
    fills: [],
  },
  listDynsyms: {
    reads: [
      ...fileView,
      ...of("file", "versions", "flags", "firstVersion"),
      ...of("mention", "name"),
      ...of("symbol", "claim", "flags", "version", "uses"),
      ...of("entry", "symbol"),
    ],
    fills: [
      ...of("entry", "dynsym", "dynstr", "version", "hash"),
      ...of("dynsym", "entry"),
      ...of("version", "isUsed"),
    ],
  },
  sizeBuckets: {
    reads: [
      ...fileView,
      ...of("file", "state"),
      ...of("mention", "flags", "symbol"),
      ...of("symbol", "claim", "flags", "uses", "commonSize", "commonAlignment"),
      ...of("section", "flags", "bucket", "bucketHigh"),
      ...of("bucket", "ordinal", "subalignment", "isOrdered"),
      ...of("chunk", "firstFile"),
    ],
    fills: [
      ...of("mention", "commonOffset"),
      ...of("section", "offset", "offsetHigh"),
      ...of("chunkBucket", "size", "alignment", "startAlignment"),
    ],
  },
  placeOrdered: {
    reads: [
      ...fileView,
      ...of("file", "state"),
      ...of("section", "flags", "bucket", "bucketHigh"),
      ...of("bucket", "ordinal", "isOrdered", "subalignment"),
      ...of("orderedSection", "file", "section"),
    ],
    fills: [
      ...of("section", "offset", "offsetHigh", "gapBefore"),
      ...of("chunkBucket", "size", "alignment", "startAlignment"),
    ],
  },
  packRelatives: {
    reads: [...fileView, ...references, ...places, ...of("chunk", "firstFile")],
    fills: [...of("chunkBucket", "relrWords")],
  },
  checkCrossReferences: {
    reads: [
      ...fileView,
      ...of("file", "state", "flags"),
      ...of("mention", "symbol"),
      ...of("symbol", "claim", "flags"),
      ...of("section", "flags", "bucket", "bucketHigh"),
      ...of("bucket", "index"),
      ...of("prohibited", "from", "to"),
      ...of("linkerSymbol", "section"),
    ],
    fills: [],
  },
  countSymtab: {
    reads: [
      ...fileView,
      ...of("input", "base", "size", "flags"),
      ...of("file", "input", "nameOffset", "state"),
      ...of("mention", "flags", "name", "symbol"),
      ...of("symbol", "claim", "flags", "uses"),
      ...of("section", "flags"),
    ],
    fills: [
      ...of(
        "file",
        "symbolFileName",
        "symbolFileNameSize",
        "flags",
        "outputLocals",
        "outputHidden",
        "outputGlobals",
        "outputStrings",
      ),
    ],
  },
  assignAddresses: {
    reads: [
      ...fileView,
      ...places,
      ...of("file", "flags", "state"),
      ...of("mention", "symbol"),
      ...of("symbol", "claim"),
    ],
    fills: [...of("symbol", "address")],
  },
  assignEntryAddresses: {
    reads: [
      ...of("symbol", "flags"),
      ...of("entry", "symbol", "plt", "copyOffset"),
      ...of("ownSection", "address", "size"),
    ],
    fills: [...of("symbol", "address")],
  },
  packChunks: {
    reads: [
      ...fileView,
      ...references,
      ...slots,
      ...places,
      ...of("file", "mergeables", "firstMergeable"),
      ...of("symbol", "address"),
      ...of("bucket", "fileOffset", "isCopied", "isOrdered", "filler", "firstPacked"),
      ...of("section", "gapBefore"),
      ...of("chunk", "firstFile"),
      ...of("chunkBucket", "size"),
      ...of("packedPart", "gap", "ending", "room", "capacity"),
      ...of("packRun", "firstChunk"),
    ],
    fills: [...of("packedPart", "size", "checksum"), ...of("digest", "low", "high")],
  },
  packPieces: {
    reads: [
      ...pieces,
      ...of("bucket", "key", "ordinal", "fileOffset", "firstPacked"),
      ...of("piece", "place"),
      ...of("packedPart", "gap", "ending", "room", "capacity"),
      ...of("packRun", "firstPartition"),
      ...of("mergeCell", "size", "offset"),
    ],
    fills: [...of("packedPart", "size", "checksum"), ...of("digest", "low", "high")],
  },
  writeChunks: {
    reads: [
      ...fileView,
      ...references,
      ...slots,
      ...places,
      ...of(
        "file",
        "flags",
        "mergeables",
        "firstMergeable",
        "cies",
        "firstCie",
        "fdes",
        "firstFde",
        "ehFrameOffset",
        "relatives",
        "firstRelative",
        "symbolics",
        "firstSymbolic",
        "ifuncSymbolics",
        "firstIfuncSymbolic",
        "outputLocals",
        "firstOutputLocal",
        "outputHidden",
        "firstOutputHidden",
        "outputGlobals",
        "firstOutputGlobal",
        "symbolFileName",
        "symbolFileNameSize",
        "firstOutputString",
      ),
      ...of("mention", "flags", "name"),
      ...of("symbol", "commonSize", "address"),
      ...of("bucket", "key", "fileOffset", "isCopied", "isOrdered", "filler", "index", "firstPacked"),
      ...of("section", "gapBefore"),
      ...of("chunk", "firstFile"),
      ...of("linkerSymbol", "section"),
      ...of("chunkBucket", "size", "relrWords", "firstRelrWord"),
      ...of("cie", "same", "isUsed", "offset"),
      ...of("ownSection", "offset", "index"),
    ],
    fills: [...of("fde", "function", "size", "record"), ...of("digest", "low", "high")],
  },
  writePieces: {
    reads: [
      ...pieces,
      ...of("bucket", "key", "ordinal", "fileOffset", "firstPacked"),
      ...of("piece", "place"),
      ...of("mergeCell", "size", "offset"),
    ],
    fills: [...of("digest", "low", "high")],
  },
  writeTables: {
    reads: [
      ...fileView,
      ...references,
      ...slots,
      ...places,
      ...of("file", "versions", "flags", "firstVersion", "firstFde"),
      ...of("mention", "name"),
      ...of("symbol", "commonSize", "address"),
      ...of("linkerSymbol", "section"),
      ...of("entry", "dynstr", "isCopied", "version", "hash"),
      ...of("bucket", "index"),
      ...of("fde", "function", "size", "record"),
      ...of("dynsym", "entry"),
      ...of("version", "index"),
      ...of("ownSection", "offset", "index"),
    ],
    fills: [...of("digest", "low", "high")],
  },
  classifySections: {
    reads: [
      ...fileView,
      ...nameRules,
      ...of("nameRule", "outputOrder", "outputName", "outputNameLength"),
      ...of("file", "state"),
    ],
    fills: [
      ...of("file", "flags"),
      ...of("section", "flags", "bucket", "relocations"),
      ...of("outputMember", "key", "order", "rank", "isUnmergeable", "isTerminated"),
    ],
  },
  markGroups: { reads: relocatable, fills: of("section", "flags") },
  arrangeSections: {
    reads: [
      ...relocatable,
      ...of("nameRule", "traits", "outputName", "outputNameLength"),
      ...of("statedAlignment", "order", "log2"),
    ],
    fills: [
      ...of("mention", "commonOffset"),
      ...of("outputSymbol", "commonSection"),
      ...of("section", "flags"),
      ...of("outputMember", "output", "offset", "firstRelocation"),
      ...of("outputSection", "file", "section", "name", "nameLength", "nameOffset", "type", "flags", "entsize"),
      ...of("outputSection", "alignment", "size", "relocations", "index", "offset", "firstRelocation", "symbol"),
      ...of("placedMember", "file", "section"),
      ...of("memberChunk", "firstMember"),
    ],
  },
  findReferredLocals: { reads: relocatable, fills: of("localSymbol", "isReferred") },
  countOutputSymbols: {
    reads: [...relocatable, ...of("localSymbol", "isReferred")],
    fills: of("file", "outputLocals", "outputGlobals", "outputStrings"),
  },
  numberSymbols: {
    reads: [
      ...relocatable,
      ...of("localSymbol", "isReferred"),
      ...of("file", "outputLocals", "firstOutputLocal", "outputGlobals", "firstOutputGlobal"),
    ],
    fills: [...of("localSymbol", "index"), ...of("outputSymbol", "index")],
  },
  writeMembers: { reads: arranged, fills: of("digest", "low", "high") },
  writeSymbols: {
    reads: [
      ...arranged,
      ...of("chunk", "firstFile"),
      ...of("linkerSymbol", "section"),
      ...of("file", "outputLocals", "firstOutputLocal", "outputGlobals", "firstOutputGlobal", "firstOutputString"),
    ],
    fills: of("digest", "low", "high"),
  },
  writeHeaders: { reads: arranged, fills: of("digest", "low", "high") },
  writePacked: {
    reads: [...of("packedPart", "room", "size", "fileOffset")],
    fills: [],
  },
};
