/** Which files of the link define and refer to which names: what -y and --cref print. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { SymbolMention } from "../reports/cross-reference.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, MentionFlags } = enumerations;

/** Every mention of a global name in the files that are linked, in input order. */
export function* listMentions(
  { tables }: Workers,
  { files }: Resolved,
  findings: FindingReader,
): Generator<SymbolMention> {
  const flags = tables.column("mention", "flags");
  const firstGlobal = tables.column("file", "firstGlobal");
  const firstMention = tables.column("file", "firstMention");
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(tables.column("file", "state")[file] & FileState.REACHED)) continue;
    if (tables.column("file", "traits")[file] & FileTraits.IS_BROKEN) continue;
    if (tables.column("file", "flags")[file] & FileFlags.IS_INTERNAL) continue;
    const object = findings.object(file);
    const name = findings.fileName(file);
    for (let i = firstGlobal[file]; i < tables.column("file", "symbolCount")[file]; i++) {
      const kind = flags[rowAt(firstMention[file], i - firstGlobal[file])] & MentionFlags.KIND;
      const symbol = object?.symbolName(i) ?? "";
      if (symbol !== "") yield { symbol, file: name, isDefinition: kind !== MentionFlags.UNDEFINED };
    }
  }
}

/** -y: says which files mention these symbols, as GNU ld words it. */
export function traceSymbols(
  workers: Workers,
  resolved: Resolved,
  { tracedSymbols }: LinkOptions,
  findings: FindingReader,
  diagnostics: Diagnostics,
): void {
  if (tracedSymbols.length === 0) return;
  for (const { symbol, file, isDefinition } of listMentions(workers, resolved, findings))
    if (tracedSymbols.includes(symbol))
      diagnostics.notes.push(`${file}: ${isDefinition ? "definition of" : "reference to"} ${symbol}`);
}
