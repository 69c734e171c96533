/**
 * Resolve: which definition each name gets, which archive members and shared objects are in the link, which
 * COMDAT groups are kept. Fills symbol, and the state of file. No symbol is added after it.
 */
import { FormatError } from "../elf/byte-reader.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import { type LinkedObject, readSharedObject } from "../inputs/shared-object.ts";
import { checksSharedObjects, type LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { assignVersions, type VersionDefinition } from "./assign-versions.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import { keepUndefinedVersions, markChecked } from "./indirect-objects.ts";
import { checkLtoMembers } from "./lto-members.ts";
import { dropRequests, readRequests } from "./requests.ts";
import { type Scanned, SPARE_MENTIONS } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState } = enumerations;

/** `__start_SECTION` or `__stop_SECTION`. */
export interface SectionBound {
  readonly section: string;
  /** Row of symbol. */
  readonly symbol: number;
}

export interface Resolved extends Scanned {
  readonly shared: readonly LinkedObject[];
  /** Names `__start_SECTION` and `__stop_SECTION` that are used and that layout must define. */
  readonly sectionBounds: readonly SectionBound[];
  /** Versions that the output defines. */
  readonly versions: readonly VersionDefinition[];
}

export async function resolve(
  workers: Workers,
  scanned: Scanned,
  inputs: Inputs,
  options: LinkOptions,
  internal: InternalObject | undefined,
  findings: FindingReader,
): Promise<Resolved> {
  const { tables } = workers;
  const { fileBounds: bounds, files } = scanned;
  markRoots(workers, files);
  if (hasChoices(workers, files)) {
    await workers.run("claimSymbols", { bounds, parameters: [1] });
    // A worker that died may have reached members that nobody expanded.
    do await workers.run("extractMembers", { bounds });
    while (hasUnexpanded(workers, files));
    await workers.run("resetClaims", { rows: tables.get("ranges") });
  }
  await workers.run("electGroups", { bounds });
  await workers.run("discardGroups", { bounds });
  await workers.run("claimSymbols", { bounds });
  await workers.run("gatherSymbols", { bounds });
  checkLtoMembers(workers, files, inputs, findings);
  const sectionBounds = internal === undefined ? [] : defineSectionBounds(workers, scanned, internal, findings);
  const shared = sharedObjects(workers, files, inputs);
  if (checksSharedObjects(options)) {
    markChecked(workers, shared, findings);
    await workers.run("checkShared", { bounds });
    keepUndefinedVersions(shared, findings);
  }
  const versions = internal === undefined ? [] : await assignVersions(workers, scanned, inputs, options, internal);
  await workers.run("bindSymbols", { rows: tables.get("ranges") });
  tables.free("hashEntry");
  return { ...scanned, shared, sectionBounds, versions };
}

/** Objects are in the link from the start; shared objects unless they must prove to be needed. */
function markRoots({ tables }: Workers, files: number): void {
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  for (let file = 0; file < files; file++) {
    if (flags[file] & FileFlags.IS_INDIRECT) continue;
    if (flags[file] & FileFlags.IS_SHARED)
      state[file] = FileState.REACHED | (flags[file] & FileFlags.AS_NEEDED ? 0 : FileState.NEEDED);
    else if (!(flags[file] & FileFlags.IS_LAZY)) state[file] = FileState.REACHED;
  }
}

/** Whether any file is in the link only if something refers to it. */
function hasChoices({ tables }: Workers, files: number): boolean {
  const flags = tables.column("file", "flags");
  for (let file = 0; file < files; file++) if (flags[file] & (FileFlags.IS_LAZY | FileFlags.IS_SHARED)) return true;
  return false;
}

function hasUnexpanded({ tables }: Workers, files: number): boolean {
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  for (let file = 0; file < files; file++)
    if (
      !(flags[file] & FileFlags.IS_BROKEN) &&
      (state[file] & (FileState.REACHED | FileState.EXPANDED)) === FileState.REACHED
    )
      return true;
  return false;
}

/** Gives `__start_X` and `__stop_X` that are used and that nobody defines to the linker's object. */
function defineSectionBounds(
  workers: Workers,
  { internalFile }: Scanned,
  internal: InternalObject,
  findings: FindingReader,
): SectionBound[] {
  const { tables } = workers;
  const names = new Map<number, string>();
  for (const { file, index, operand } of readRequests(workers, "LINKER_DEFINED"))
    if (!names.has(operand)) names.set(operand, findings.symbolName(file, index));
  dropRequests(workers);
  const claim = tables.column("symbol", "claim");
  const sameSymbol = tables.column("mention", "symbol");
  const nameOf = tables.column("mention", "name");
  const mentions = tables.rows("mention");
  for (const symbol of [...names.keys()].toSorted((a, b) => a - b)) {
    const index = internal.add(names.get(symbol)!);
    if (index === undefined)
      throw new LimitExceeded("names __start_SECTION and __stop_SECTION", String(SPARE_MENTIONS));
    const spare = index - internal.symbolCount;
    sameSymbol[mentions + spare] = symbol;
    nameOf.setHalves(mentions + spare, nameOf.low(symbol), nameOf.high(symbol));
    // As Claim::make does it: rank Weak, the linker's object, the symbol's index; inverted.
    claim.setHalves(symbol, ~index >>> 0, ~((3 << 28) | internalFile) >>> 0);
  }
  tables.column("file", "symbolCount")[internalFile] = internal.usedSymbols;
  return [...names].map(([symbol, name]) => ({ symbol, section: name.replace(/^__(start|stop)_/, "") }));
}

function sharedObjects({ tables, diagnostics }: Workers, files: number, inputs: Inputs): LinkedObject[] {
  const flags = tables.column("file", "flags");
  const input = tables.column("file", "input");
  const found: LinkedObject[] = [];
  for (let file = 0; file < files; file++) {
    if (!(flags[file] & FileFlags.IS_SHARED) || flags[file] & FileFlags.IS_BROKEN) continue;
    const entry = inputs.files[input[file]];
    // Without DT_SONAME the loader looks for what the user named: a file name for -l, else the path.
    const fallback = entry.libraryName === undefined ? entry.path : entry.path.slice(entry.path.lastIndexOf("/") + 1);
    try {
      const object = readSharedObject(entry.displayName, entry.mapped.bytes());
      found.push({ ...object, soname: object.soname ?? fallback, file });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const place = { file: entry.displayName, fileOrder: file, offset: error.offset };
      diagnostics.add("badSharedObject", { detail: error.detail }, place);
    }
  }
  return found;
}
