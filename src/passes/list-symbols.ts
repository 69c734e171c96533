/** What `spore scan` reports: each file's names, and which of them are duplicate or defined nowhere. */
import { linkerSymbols } from "../output/default-plan.ts";
import type { ScanReport, SymbolPlaces } from "../reports/scan-report.ts";
import { claimingFile, isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

const { FileTraits, MentionFlags } = enumerations;

export function listSymbols(workers: Workers, { files }: Resolved, findings: FindingReader): ScanReport {
  const { tables } = workers;
  const traits = tables.column("file", "traits");
  const firstMention = tables.column("file", "firstMention");
  const firstGlobal = tables.column("file", "firstGlobal");
  const symbolCount = tables.column("file", "symbolCount");
  const flags = tables.column("mention", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const claim = tables.column("symbol", "claim");

  const scanned: ScanReport["files"][number][] = [];
  const undefinedIn = new Map<number, { symbol: string; files: string[] }>();
  for (let file = 0 as FileRow; file < files; file++) {
    if (traits[file] & FileTraits.IS_BROKEN) continue;
    const name = findings.fileName(file);
    const object = findings.object(file)!;
    const defined: string[] = [];
    const referenced: string[] = [];
    for (let i = firstGlobal[file]; i < symbolCount[file]; i++) {
      const mention = rowAt(firstMention[file], i - firstGlobal[file]);
      const symbol = object.symbolName(i);
      if (symbol === "") continue;
      if ((flags[mention] & MentionFlags.KIND) !== MentionFlags.UNDEFINED) {
        defined.push(symbol);
        continue;
      }
      referenced.push(symbol);
      const id = symbolOf[mention];
      if (isClaimed(claim, id) || flags[mention] & MentionFlags.WEAK || linkerSymbols.includes(symbol)) continue;
      const entry = undefinedIn.get(id) ?? { symbol, files: [] };
      undefinedIn.set(id, entry);
      entry.files.push(name);
    }
    scanned.push({ file: name, defined, referenced });
  }
  return {
    files: scanned,
    duplicates: duplicatesIn(findings),
    undefined: [...undefinedIn.values()],
    timings: Object.fromEntries(workers.timings.map(({ kernel, wallMs }) => [kernel, wallMs])),
    workers: workers.size,
  };
}

function duplicatesIn(findings: FindingReader): SymbolPlaces[] {
  const duplicates = new Map<string, { symbol: string; files: string[] }>();
  for (const { file, symbol, operandHigh } of findings.take("duplicateSymbol")) {
    const name = findings.symbolName(file, symbol);
    const first = findings.fileName(claimingFile(operandHigh));
    const entry = duplicates.get(name) ?? { symbol: name, files: [first] };
    duplicates.set(name, entry);
    entry.files.push(findings.fileName(file));
  }
  return [...duplicates.values()];
}
