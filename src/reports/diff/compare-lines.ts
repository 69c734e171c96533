/** Which source lines the code of both files is from, by offsets from names: wherever it is. */
import { type DebugSection, type LineRange, lineRangesOf } from "../../diagnostics/debug-line.ts";
import { FormatError } from "../../elf/byte-reader.ts";
import { SHF_ALLOC, SHF_EXECINSTR } from "../../elf/constants.ts";
import type { Correspondence } from "./correspondence.ts";
import type { Differences } from "./difference.ts";
import { type Image, lastNotAbove } from "./image.ts";

/** Returns whether both files have line tables that can be read; else nothing is compared. */
export function compareLines(both: Correspondence, differences: Differences): boolean {
  const [first, second] = both.images;
  const [lines, otherLines] = [readLines(first), readLines(second)];
  if (lines === undefined || otherLines === undefined) return false;
  for (const [key, section] of first.sections) {
    const other = second.sections.get(key);
    if (other === undefined || !(section.flags & SHF_ALLOC) || !(section.flags & SHF_EXECINSTR)) continue;
    for (const range of both.namedRanges(section, other)) {
      const rows = rowsIn(lines, range.first, range.firstRoom);
      const otherRows = rowsIn(otherLines, range.second, range.secondRoom);
      compareRowsOf(range.name, rows, otherRows, differences);
    }
  }
  return true;
}

/** Reports the first row that only one file has, if there is one where the files agree on nothing: else of any. */
function compareRowsOf(name: string, rows: readonly Row[], otherRows: readonly Row[], differences: Differences): void {
  const only = rows.filter((row) => !has(otherRows, row));
  const otherOnly = otherRows.filter((row) => !has(rows, row));
  if (only.length === 0 && otherOnly.length === 0) return;
  const agreed = new Set(rows.filter((row) => has(otherRows, row)).map(({ offset }) => offset));
  const isAgreed = ({ offset }: Row): boolean => agreed.has(offset);
  const areAllAgreed = only.every(isAgreed) && otherOnly.every(isAgreed);
  const [row, otherRow] = [only, otherOnly].map((list) => list.find((it) => areAllAgreed || !isAgreed(it)));
  const what = areAllAgreed ? "further source" : "source";
  differences.add("line", name, what, row && describe(row), otherRow && describe(otherRow));
}

interface Row extends LineRange {
  /** From the name's address. */
  readonly offset: number;
}

/** By address; nothing where there is no table, or one that is damaged or of a version that is not known. */
function readLines(image: Image): LineRange[] | undefined {
  const sectionOf = (name: string): DebugSection | undefined => {
    const section = image.sections.get(name);
    return section === undefined ? undefined : { bytes: image.contents(section) };
  };
  const line = sectionOf(".debug_line");
  if (line === undefined) return undefined;
  const [lineStrings, strings] = [sectionOf(".debug_line_str"), sectionOf(".debug_str")];
  const isCode = (address: number): boolean => ((image.sectionAt(address)?.flags ?? 0) & SHF_EXECINSTR) !== 0;
  try {
    const lines = lineRangesOf({ file: image.elf.reader.file, line, lineStrings, strings }, isCode);
    return lines.sort((a, b) => a.address - b.address);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** In the order of their offsets, lines and sizes. */
function rowsIn(lines: readonly LineRange[], begin: number, room: number): Row[] {
  const rows: Row[] = [];
  for (let i = lastNotAbove(lines, begin - 1, ({ address }) => address) + 1; i < lines.length; i++) {
    const offset = lines[i].address - begin;
    if (offset >= room) break;
    rows.push({ ...lines[i], offset });
  }
  return rows.sort(compareRows);
}

const compareRows = (a: Row, b: Row): number =>
  a.offset - b.offset || a.line - b.line || a.size - b.size || compareText(a.file, b.file);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** How often does not matter: of a function that several objects have, linkers keep the rows of all of them or of one. */
function has(rows: readonly Row[], wanted: Row): boolean {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRows(rows[middle], wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low < rows.length && compareRows(rows[low], wanted) === 0;
}

/** `main.c:5 at 0x4, 7 bytes`. */
const describe = ({ file, line, offset, size }: Row): string =>
  `${file}:${line} at 0x${offset.toString(16)}, ${size} bytes`;
