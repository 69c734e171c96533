/** What `spore scan` prints: the symbols that each file defines and refers to, what is duplicate or undefined. */
import { formatTable } from "../staging/text-table.ts";

export interface ScannedFile {
  /** As users call it, `libx.a(member.o)`. */
  readonly file: string;
  /** Names in the order of the file's symbol table. */
  readonly defined: readonly string[];
  readonly referenced: readonly string[];
}

/** A symbol and the files that it is found in, in input order. */
export interface SymbolPlaces {
  readonly symbol: string;
  readonly files: readonly string[];
}

export interface ScanReport {
  readonly files: readonly ScannedFile[];
  /** Strong definitions in more than one file. */
  readonly duplicates: readonly SymbolPlaces[];
  /** Referenced and defined nowhere. */
  readonly undefined: readonly SymbolPlaces[];
  /** Wall time by pass, in ms. */
  readonly timings: Readonly<Record<string, number>>;
  readonly workers: number;
}

export interface ScanFormat {
  readonly isJson: boolean;
  readonly hasTimings: boolean;
  readonly demangle: (name: string) => string;
}

/** The report as text that ends in a newline. JSON has the names as they are in the files. */
export function formatScan(report: ScanReport, format: ScanFormat): string {
  const { timings, workers, ...found } = report;
  if (format.isJson) return `${JSON.stringify(format.hasTimings ? report : found, undefined, 2)}\n`;
  const duplicates = countByFile(found.duplicates);
  const missing = countByFile(found.undefined);
  const rows = found.files.map(({ file, defined, referenced }) => [
    file,
    ...[defined.length, referenced.length, duplicates.get(file) ?? 0, missing.get(file) ?? 0].map(String),
  ]);
  let text = formatTable([["file", "defined", "referenced", "duplicate", "undefined"], ...rows]);
  text += listPlaces("duplicate", "defined in", found.duplicates, format.demangle);
  text += listPlaces("undefined", "referenced by", found.undefined, format.demangle);
  if (format.hasTimings) {
    const times = Object.entries(timings).map(([pass, ms]) => [pass, `${ms.toFixed(2)} ms`]);
    text += `\n${formatTable([["pass", `${workers} ${workers === 1 ? "worker" : "workers"}`], ...times])}`;
  }
  return text;
}

/** How many of these symbols each file has. */
function countByFile(symbols: readonly SymbolPlaces[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of symbols.flatMap(({ files }) => [...new Set(files)])) counts.set(file, (counts.get(file) ?? 0) + 1);
  return counts;
}

function listPlaces(
  title: string,
  relation: string,
  symbols: readonly SymbolPlaces[],
  demangle: (name: string) => string,
): string {
  if (symbols.length === 0) return "";
  const lines = symbols.map(({ symbol, files }) => `  ${demangle(symbol)}: ${relation} ${files.join(", ")}\n`);
  return `\n${title}: ${symbols.length}\n${lines.join("")}`;
}
