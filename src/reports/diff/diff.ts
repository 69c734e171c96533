/**
 * Compares two ELF files by what they mean: two links of the same inputs are equal although all their addresses
 * differ. What is a difference is for who reads it to say.
 */
import { compareContents } from "./compare-contents.ts";
import {
  compareDynamic,
  compareHeaders,
  compareRelocations,
  compareSections,
  compareSegments,
  compareSymbols,
  compareUnwinding,
  compareVersions,
} from "./compare-tables.ts";
import { Correspondence } from "./correspondence.ts";
import { type Difference, Differences } from "./difference.ts";
import { Image, nameSymbols } from "./image.ts";

export { FormatError } from "../../elf/byte-reader.ts";
export { type Difference, formatDifference, formatDifferences } from "./difference.ts";

export interface DiffInput {
  /** For messages. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** @throws FormatError when one of them is no ELF file, or is damaged */
export function diff(first: DiffInput, second: DiffInput): Difference[] {
  const images = [new Image(first.file, first.bytes), new Image(second.file, second.bytes)] as const;
  nameSymbols(images);
  const both = new Correspondence(...images);
  const differences = new Differences();
  compareHeaders(both, differences);
  compareSections(both, differences);
  compareSegments(both, differences);
  compareDynamic(both, differences);
  compareSymbols(both, differences);
  compareVersions(both, differences);
  compareRelocations(both, differences);
  compareUnwinding(both, differences);
  compareContents(both, differences);
  return differences.found;
}
