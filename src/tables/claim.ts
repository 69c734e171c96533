/** The claim of a symbol's definition, as Claim in native/tables/file-view.h has it: inverted, so that 0 is none. */
import { constants, enumerations } from "./schema.ts";
import type { FileRow, SymbolRow, Tables, U64Column } from "./views.ts";

const FILE_BITS = constants.claimFileBits.value;

export type ClaimRank = (typeof enumerations.ClaimRank)[keyof typeof enumerations.ClaimRank];

/** Low and high half of the claim of a file's definition. */
export const makeClaim = (rank: ClaimRank, file: FileRow, symbol: number): readonly [number, number] => [
  ~symbol >>> 0,
  ~((rank << FILE_BITS) | file) >>> 0,
];

export const isClaimed = (claim: U64Column<SymbolRow>, symbol: SymbolRow): boolean =>
  claim.low(symbol) !== 0 || claim.high(symbol) !== 0;

/** The rank of a claim. `high` is its high half. */
export const claimRank = (high: number): number => ~high >>> FILE_BITS;

/** The file that a claim is of. `high` is its high half. */
export const claimingFile = (high: number): FileRow => (~high & ((1 << FILE_BITS) - 1)) as FileRow;

/** The symbol's index in that file. `low` is the claim's low half. */
export const claimingSymbol = (low: number): number => ~low >>> 0;

/** Whether a shared object defines a symbol, and the link does not: also where no object mentions it. */
export function isClaimedByShared(tables: Tables, symbol: SymbolRow): boolean {
  const claim = tables.column("symbol", "claim");
  if (!isClaimed(claim, symbol)) return false;
  return (tables.column("file", "traits")[claimingFile(claim.high(symbol))] & enumerations.FileTraits.IS_SHARED) !== 0;
}
