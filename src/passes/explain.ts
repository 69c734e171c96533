/**
 * What `spore explain` prints: a link, pass by pass, with the tables as each pass leaves them. Follows the schema:
 * a column's text ends with the passes that fill it.
 */
import type { FindingReader } from "./findings.ts";
import type { Workers } from "./workers.ts";
import { claimingFile, claimingSymbol, claimRank } from "../tables/claim.ts";
import { kernels, type Pass } from "../tables/kernels.ts";
import { type Column, enumerations, schema, type TableName, type TableSchema } from "../tables/schema.ts";
import { type BucketRow, type FileRow, type MentionRow, type Tables, U64Column } from "../tables/views.ts";
import { formatTable } from "../staging/text-table.ts";

const NONE = 0xffffffff;
/** Columns of 64-bit numbers that count nothing. */
const hexadecimal: ReadonlySet<string> = new Set(["hash", "key", "low", "high", "firstBytes", "mask"]);
const rankNames = Object.keys(enumerations.ClaimRank).map((name) => name.toLowerCase().replaceAll("_", " "));

export class LinkExplainer {
  readonly #maxRows: number;
  #text = "";
  #kernelsSeen = 0;

  /** @param maxRows rows that are printed of each table */
  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  /** All passes so far; ends in a newline. */
  get text(): string {
    return this.#text;
  }

  readonly onTables = (pass: Pass, workers: Workers, findings: FindingReader): void => {
    const ran = workers.timings.slice(this.#kernelsSeen);
    this.#kernelsSeen = workers.timings.length;
    this.#text += `${this.#text === "" ? "" : "\n"}== ${pass}\n\n`;
    for (const { kernel, rows } of ran) {
      const { row, does } = kernels[kernel];
      this.#text += `${kernel}, over ${rows} rows of ${row}: ${does}\n`;
    }
    const describe = new RowDescriber(workers.tables, findings);
    for (const name of Object.keys(schema) as TableName[]) {
      const table: TableSchema = schema[name];
      const columns = Object.entries(table.columns).filter(([, column]) => isFilledBy(pass, column));
      if (columns.length === 0 || workers.tables.rows(name) === 0) continue;
      const rows = formatRows(name, columns, workers.tables, describe, this.#maxRows);
      if (rows !== "") this.#text += `\n${rows}`;
    }
  };
}

function isFilledBy(pass: Pass, { is, isFact }: Column): boolean {
  if (isFact) return pass === "scan";
  const filled = /\(([^()]*)\)$/.exec(is)?.[1];
  return filled !== undefined && filled.split(", ").includes(pass);
}

/**
 * A table's name, what a row is, and its first rows that hold something, without the columns in which these hold
 * nothing. What the linker itself defines is counted only.
 */
function formatRows(
  name: TableName,
  columns: readonly (readonly [string, Column])[],
  tables: Tables,
  describe: RowDescriber,
  maxRows: number,
): string {
  const lines: string[][] = [];
  let left = 0;
  for (let row = 0; row < tables.rows(name); row++) {
    const cells = columns.map(([column, { is }]) => describe.cell(name, column, is, row));
    if (cells.every((cell) => cell === "0")) continue;
    if (lines.length === maxRows || describe.isInternal(name, row)) left++;
    else lines.push([`${row} ${describe.name(name, row)}`.trim(), ...cells]);
  }
  if (lines.length === 0) return "";
  const shown = columns.flatMap(([column], i) => (lines.some((cells) => cells[i + 1] !== "0") ? [{ column, i }] : []));
  const rows = lines.map(([row, ...cells]) => [row, ...shown.map(({ i }) => cells[i])]);
  const more = left > 0 ? `… and ${left} more\n` : "";
  return `${name}: ${schema[name].row}\n${formatTable([["row", ...shown.map(({ column }) => column)], ...rows])}${more}`;
}

/** Says of rows and their values what they stand for. */
class RowDescriber {
  readonly #tables: Tables;
  readonly #findings: FindingReader;

  constructor(tables: Tables, findings: FindingReader) {
    this.#tables = tables;
    this.#findings = findings;
  }

  /** What a row is of: a file, a symbol, a section; empty for other tables. */
  name(table: TableName, row: number): string {
    switch (table) {
      case "file":
        return this.#findings.fileName(row as FileRow);
      case "mention":
        return `${this.#mentionedName(row as MentionRow)} in ${this.#findings.fileName(this.#owner("firstMention", row))}`;
      case "symbol":
        return this.#mentionedName(row as MentionRow);
      case "section": {
        const file = this.#owner("firstSection", row);
        return this.#sectionName(file, row - this.#tables.column("file", "firstSection")[file]);
      }
      case "bucket": {
        const first = this.#tables.column("bucket", "first");
        const bucket = row as BucketRow;
        if (first.high(bucket) === 0) return "common symbols"; // no section is its first
        return this.#sectionName((~first.high(bucket) >>> 0) as FileRow, ~first.low(bucket) >>> 0);
      }
      case "entry": {
        const symbol = this.#tables.column("entry", "symbol")[row];
        return symbol === NONE ? "" : this.#mentionedName(symbol as number as MentionRow);
      }
      default:
        return "";
    }
  }

  /** Whether a row is of a name that only the linker's own object mentions first. */
  isInternal(table: TableName, row: number): boolean {
    if (table !== "mention" && table !== "symbol") return false;
    return this.#owner("firstMention", row) === this.#tables.rows("file") - 1;
  }

  cell(table: TableName, column: string, is: string, row: number): string {
    const view = this.#tables.column(table, column as never) as ArrayLike<number> | U64Column;
    if (view instanceof U64Column) return this.#wideCell(column, is, view.high(row), view.low(row));
    const value = view[row];
    if (value === NONE) return "none";
    if (column === "filler") return `0x${value.toString(16)}`;
    const flags = /^\w*(Flags|State|Traits)\b/.exec(is)?.[0];
    return flags !== undefined && flags in enumerations
      ? flagNames(enumerations[flags as keyof typeof enumerations], value)
      : String(value);
  }

  #wideCell(column: string, is: string, high: number, low: number): string {
    if (high === 0 && low === 0) return "0";
    if (column === "claim") {
      const rank = claimRank(high);
      return `${rankNames[rank] ?? rank}, file ${claimingFile(high)}, symbol ${claimingSymbol(low)}`;
    }
    if (is.includes("inverted file")) return `file ${~high >>> 0}, header ${~low >>> 0}`;
    const value = high * 2 ** 32 + low;
    if (is.startsWith("address")) {
      const size = high >>> 16; // of a name, see pack_name() in the kernels
      return this.#address((high & 0xffff) * 2 ** 32 + low) + (size > 0 ? `, ${size} bytes` : "");
    }
    if (high > 0x1fffff || hexadecimal.has(column)) return `0x${high.toString(16)}${low.toString(16).padStart(8, "0")}`;
    return /^(sh_flags|of its first byte|st_value)/.test(is) ? `0x${value.toString(16)}` : String(value);
  }

  /** An address of this process as a place in an input or in the arena: the same in every run. */
  #address(address: number): string {
    const base = this.#tables.column("input", "base");
    const size = this.#tables.column("input", "size");
    const { baseAddress, reservedBytes } = this.#tables.arena;
    if (address >= baseAddress && address < baseAddress + reservedBytes) return "in the arena";
    for (let input = 0; input < this.#tables.rows("input"); input++) {
      const offset = address - base.get(input);
      if (offset >= 0 && offset < size.get(input)) return `input ${input} + 0x${offset.toString(16)}`;
    }
    return `0x${address.toString(16)}`;
  }

  #mentionedName(mention: MentionRow): string {
    const file = this.#owner("firstMention", mention);
    const index = mention - this.#tables.column("file", "firstMention")[file];
    return this.#findings.symbolName(file, this.#tables.column("file", "firstGlobal")[file] + index);
  }

  #sectionName(file: FileRow, section: number): string {
    return `${this.#findings.sectionName(file, section) || `section ${section}`} of ${this.#findings.fileName(file)}`;
  }

  /** The file whose rows of another table a row is among. */
  #owner(firstRow: "firstMention" | "firstSection", row: number): FileRow {
    const first = this.#tables.column("file", firstRow);
    let owner = 0 as FileRow;
    for (let file = owner; file < this.#tables.rows("file"); file++) if (first[file] <= row) owner = file;
    return owner;
  }
}

/** Names of single bits; what has no name of its own is a number. */
function flagNames(names: Readonly<Record<string, number>>, value: number): string {
  const nothing = Object.entries(names).find(([, bit]) => bit === 0);
  if (value === 0 && nothing !== undefined) return nothing[0];
  let rest = value;
  const found: string[] = [];
  for (const [name, bit] of Object.entries(names)) {
    const isSingle = bit > 0 && Number.isInteger(Math.log2(bit));
    if (!isSingle || Math.floor(value / bit) % 2 === 0) continue;
    found.push(name);
    rest -= bit;
  }
  if (rest > 0 || found.length === 0) found.push(String(rest));
  return found.join("|");
}
