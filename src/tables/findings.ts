/**
 * What kernels can find wrong, and what the operands of each finding mean. The wording is in
 * src/diagnostics/codes.ts, under the same names.
 */
export interface Finding {
  /** What the row's fields hold, besides file, section and offset. */
  readonly operands: string;
  /** It is about the bytes at `offset` of the section, not about the section. */
  readonly hasOffset?: true;
}

export const findings = {
  malformedArchive: { operands: "file: the input; offset: of the member's header" },
  memberNotObject: { operands: "file: the input; offset: of the member's header" },
  fileTooLarge: { operands: "" },
  notElf: { operands: "" },
  wrongClass: { operands: "" },
  wrongMachine: { operands: "operand: e_machine" },
  wrongType: { operands: "operand: e_type" },
  badSectionHeaders: { operands: "" },
  badSectionNames: { operands: "" },
  sectionOutsideFile: { operands: "" },
  twoSymbolTables: { operands: "" },
  crelRelocations: { operands: "" },
  relrInObject: { operands: "" },
  relInObject: { operands: "" },
  noDynamicSymbols: { operands: "" },
  badSymbolTable: { operands: "" },
  badVersions: { operands: "" },
  badGroup: { operands: "" },
  bitcode: { operands: "" },
  badSymbolName: { operands: "symbol: index in the file" },
  badSymbolSection: { operands: "symbol: index in the file" },
  duplicateSymbol: { operands: "symbol: index in the file; operand: claim of the first definition" },
  undefinedSymbol: { operands: "symbol: index in the file; offset: of the reference in the section", hasOffset: true },
  undefinedSymbolWarning: { operands: "as undefinedSymbol", hasOffset: true },
  undefinedInShared: { operands: "symbol: index in the file" },
  hiddenFromShared: {
    operands: "symbol: index in the shared object; offset: SymbolFlags; operand: claim of the definition",
  },
  versionUnknown: { operands: "symbol: index in the file" },
  symbolWarning: { operands: "symbol: index in the file; offset: of the reference", hasOffset: true },
  badSectionName: { operands: "" },
  badSection: { operands: "" },
  compressedSection: { operands: "" },
  compressionType: { operands: "operand: ch_type" },
  ltoObject: { operands: "" },
  badMergeSection: { operands: "" },
  badEhFrame: { operands: "offset: in the section", hasOffset: true },
  badRelocationSection: { operands: "" },
  badRelocation: { operands: "offset: of the place; operand: r_info", hasOffset: true },
  relocationOutsideSection: { operands: "offset: of the place; operand: r_info", hasOffset: true },
  relocationOutOfRange: {
    operands: "offset: of the place; symbol: index in the file; operand: the value",
    hasOffset: true,
  },
  relocationType: { operands: "offset: of the place; operand: its number", hasOffset: true },
  relocationNeedsPic: {
    operands: "offset: of the place; symbol: index in the file; operand: its type",
    hasOffset: true,
  },
  protectedInShared: {
    operands: "offset: of the place; symbol: index in the file; operand: its type",
    hasOffset: true,
  },
  relocationInReadOnly: {
    operands: "offset: of the place; symbol: index in the file; operand: its type",
    hasOffset: true,
  },
  textRelocation: {
    operands: "offset: of the first such place of a file; symbol: index in the file; operand: its type",
    hasOffset: true,
  },
  relocationToDiscarded: { operands: "offset: of the place; symbol: index in the file", hasOffset: true },
  prohibitedReference: { operands: "offset: of the place; symbol: index in the file", hasOffset: true },
  badTlsSequence: { operands: "offset: of the place; operand: its type", hasOffset: true },
  tlsMismatch: { operands: "offset: of the place; symbol: index in the file; operand: its type", hasOffset: true },
  overlappingFdes: { operands: "offset: of one of the FDEs", hasOffset: true },
  frameOutOfReach: { operands: "offset: of the FDE", hasOffset: true },
  dynamicSymbolSection: { operands: "symbol: index in the file" },
  symbolNamesTooLong: { operands: "" },
  sectionsOverlap: { operands: "" },
  copyWithoutSize: { operands: "symbol: index in the file" },
  symbolTooLarge: { operands: "symbol: index in the file" },
  sectionTooLarge: { operands: "" },
  outputFailed: { operands: "operand: errno" },
} as const satisfies Record<string, Finding>;

export type FindingName = keyof typeof findings;
