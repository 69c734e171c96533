/** Every kernel, in the order of the passes: what one row of its range is, and what it does. */
import type { TableName } from "./schema.ts";

export interface Kernel {
  readonly row: TableName;
  readonly does: string;
}

export const kernels = {
  countIndexes: { row: "input", does: "Counts the names in the index of each archive that may be searched by it." },
  hashIndexes: { row: "input", does: "Fills indexName." },
  searchIndexes: { row: "range", does: "One row: finds the members that may be in the link." },
  countMembers: { row: "input", does: "Counts the objects in each archive." },
  listMembers: { row: "input", does: "Gives each object, archive member and shared object its row in file." },
  scanHeaders: { row: "file", does: "Checks headers and finds symbol and string tables." },
  scanSymbols: { row: "file", does: "Fills mention: hash, kind and name of each global symbol." },
  hashCount: { row: "range", does: "Counts the rows of each partition. Parameter: HashSource." },
  hashScatter: { row: "range", does: "Writes each row to its partition. Parameter: HashSource." },
  hashUnify: { row: "partition", does: "Finds the first of all equal rows. Parameter: HashSource." },
  verifyNames: { row: "file", does: "Compares each name with the one it was unified with." },
  claimSymbols: {
    row: "file",
    does: "Bids for each definition's symbol. Parameter: 1 when members are still to be extracted.",
  },
  extractMembers: { row: "file", does: "Reaches the archive members that live files refer to." },
  resetClaims: { row: "range", does: "Clears all claims, to make them again." },
  electGroups: { row: "file", does: "Bids for each COMDAT group: the first live file keeps it." },
  discardGroups: { row: "file", does: "Discards the sections of groups that another file keeps." },
  gatherSymbols: { row: "file", does: "Gathers who mentions a name and its visibility; finds duplicates." },
  matchPatterns: { row: "file", does: "Matches the names that a file defines with version scripts and dynamic lists." },
  bindSymbols: { row: "range", does: "Decides which names are imported and exported." },
  inflateSections: { row: "file", does: "Makes uncompressed copies of live files with compressed sections." },
  assignBuckets: { row: "file", does: "Gives each live section the bucket that it is laid out in." },
  reverseConstructors: {
    row: "file",
    does: "Makes copies of live files with .ctors or .dtors, whose words are reversed there.",
  },
  checkShared: { row: "file", does: "Finds what shared objects refer to and nothing defines." },
  markRoots: { row: "file", does: "Marks the sections that --gc-sections starts from, besides those that split kept." },
  markSections: { row: "file", does: "Marks what marked sections refer to." },
  markEhFrames: { row: "file", does: "Marks what the FDEs of marked functions refer to." },
  countPieces: { row: "file", does: "Counts strings, constants and CIEs." },
  listPieces: { row: "file", does: "Fills mergeable, piece and cie." },
  verifyPieces: { row: "mergeable", does: "Compares each piece with the one it was unified with." },
  placePieces: { row: "partition", does: "Places the unique pieces of each partition." },
  countFdes: { row: "file", does: "Counts live FDEs and marks the CIEs that they use." },
  scanRelocations: { row: "file", does: "Finds the slots and dynamic relocations that relocations need." },
  markCopyAliases: { row: "file", does: "Copies all names of a copied datum of a shared object together." },
  countNeeds: { row: "range", does: "Counts the slots that symbols need." },
  placeNeeds: {
    row: "range",
    does: "Numbers them, in symbol order. The row after the last range is the local symbols'.",
  },
  placeCopies: { row: "range", does: "One row: places the data that is copied from shared objects." },
  packGot: { row: "range", does: "One row: counts the words of .relr.dyn that .got needs." },
  listDynsyms: { row: "range", does: "One row: orders .dynsym and places its names." },
  sizeBuckets: { row: "chunk", does: "Lays out each chunk's part of each bucket." },
  packRelatives: { row: "chunk", does: "Counts the words of .relr.dyn that each chunk's part of each bucket needs." },
  countSymtab: { row: "file", does: "Counts what .symtab keeps of a file." },
  assignAddresses: { row: "file", does: "Gives each symbol the address of its definition." },
  assignEntryAddresses: { row: "entry", does: "Gives copied and PLT symbols theirs." },
  writeChunks: {
    row: "chunk",
    does: "Copies and relocates a chunk's sections and FDEs; writes its dynamic relocations and symbols.",
  },
  writePieces: { row: "partition", does: "Writes the unique pieces of a partition." },
  writeTables: {
    row: "range",
    does: "Rows: .got, .plt and their relocations; .dynsym, its names, versions and hash tables; .eh_frame_hdr; and a hold on the file that is replaced.",
  },
} as const satisfies Record<string, Kernel>;

export type KernelName = keyof typeof kernels;
