/** Synthesise: what the program was compiled for, which .note.gnu.property says when all of its objects say it. */
import type { LinkOptions } from "../options/link-options.ts";
import type { ProgramProperties } from "../output/sections/property-note.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, SymbolFlags } = enumerations;

const GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS = 1;

/** The output may be run with IBT and SHSTK when every object was made for it, or when the user says so. */
export function programProperties(
  workers: Workers,
  { files, internalFile }: Scanned,
  { z }: LinkOptions,
  findings: FindingReader,
): ProgramProperties {
  const { tables, diagnostics } = workers;
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const { HAS_IBT, HAS_SHSTK } = FileFlags;
  let common: number = HAS_IBT | HAS_SHSTK;
  for (let file = 0 as FileRow; file < files; file++) {
    if (file === internalFile || traits[file] & FileTraits.IS_SHARED || !(state[file] & FileState.REACHED)) continue;
    common &= flags[file];
    if (z.cetReport === "none") continue;
    const missing = [...(flags[file] & HAS_IBT ? [] : ["IBT"]), ...(flags[file] & HAS_SHSTK ? [] : ["SHSTK"])];
    if (missing.length === 0) continue;
    const operands = { properties: `${missing.join(" and ")} ${missing.length === 1 ? "property" : "properties"}` };
    const place = { file: findings.fileName(file), fileOrder: file };
    diagnostics.add(z.cetReport === "error" ? "propertyMissing" : "propertyMissingWarning", operands, place);
  }
  return {
    hasIbt: z.isIbt || (common & HAS_IBT) !== 0,
    hasShstk: z.isShstk || (common & HAS_SHSTK) !== 0,
    needed: neededOf(workers),
    isMemorySeal: z.isMemorySeal,
    isaNeeded: tables.get("isaNeeded") | (z.x86IsaLevel === undefined ? 0 : 1 << (z.x86IsaLevel - 1)),
  };
}

/** As GNU ld: what has a library's data or function at an address of its own does not say that it never does. */
function neededOf({ tables }: Workers): number {
  const needed = tables.get("needed");
  if ((needed & GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS) === 0) return needed;
  const isDirect = tables
    .column("entry", "needs")
    .some((needs) => (needs & (SymbolFlags.NEEDS_COPY | SymbolFlags.NEEDS_CANONICAL_PLT)) !== 0);
  return isDirect ? needed & ~GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS : needed;
}
