/**
 * What kernels can find wrong, and what the operands of each finding mean. The wording is in
 * src/diagnostics/codes.ts, under the same names.
 */
export interface Finding {
  /** What the row's fields hold, besides file, section and offset. */
  readonly operands: string;
}

export const findings = {
  malformedArchive: { operands: "file: the input; offset: of the member's header" },
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
  hashCollision: { operands: "symbol: index in the file" },
  duplicateSymbol: { operands: "symbol: index in the file; operand: claim of the first definition" },
  undefinedSymbol: { operands: "symbol: index in the file; offset: of the reference in the section" },
  undefinedInShared: { operands: "symbol: index in the file" },
  linkerDefined: { operands: "symbol: its id; a name that the linker may define" },
  versionUnknown: { operands: "symbol: index in the file" },
  warningSection: { operands: "a .gnu.warning.SYMBOL section" },
  symbolWarning: { operands: "symbol: index in the file; offset: of the reference" },
  badSectionName: { operands: "" },
  badSection: { operands: "" },
  tooManySections: { operands: "" },
  compressedSection: { operands: "" },
  compressionType: { operands: "operand: ch_type" },
  ltoObject: { operands: "" },
  badMergeSection: { operands: "" },
  badEhFrame: { operands: "offset: in the section" },
  badRelocationSection: { operands: "" },
  badRelocation: { operands: "offset: of the place; operand: r_info" },
  relocationOutsideSection: { operands: "offset: of the place; operand: r_info" },
  relocationOutOfRange: { operands: "offset: of the place; symbol: index in the file; operand: the value" },
  relocationType: { operands: "offset: of the place; operand: its number" },
  relocationNeedsPic: { operands: "offset: of the place; symbol: index in the file; operand: its type" },
  relocationAgainstProtected: { operands: "offset: of the place; symbol: index in the file; operand: its type" },
  relocationInReadOnly: { operands: "offset: of the place; symbol: index in the file; operand: its type" },
  relocationToDiscarded: { operands: "offset: of the place; symbol: index in the file" },
  badTlsSequence: { operands: "offset: of the place; operand: its type" },
  tlsMismatch: { operands: "offset: of the place; symbol: index in the file; operand: its type" },
  sectionTooLarge: { operands: "" },
  outputFailed: { operands: "operand: errno" },
} as const satisfies Record<string, Finding>;

export type FindingName = keyof typeof findings;
