/** The claim of a symbol's definition, as Claim in native/tables/file-view.h makes it: inverted, so that 0 is none. */
import type { FileRow } from "./views.ts";

/** The file that a claim is of. `high` is its high half. */
export const claimingFile = (high: number): FileRow => (~high & 0xfffffff) as FileRow;

/** The symbol's index in that file. `low` is the claim's low half. */
export const claimingSymbol = (low: number): number => ~low >>> 0;
