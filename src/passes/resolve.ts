/**
 * Resolve: which definition each name gets, which archive members and shared objects are in the link, which
 * COMDAT groups are kept. Fills symbol, and the state of file. No symbol is added after it.
 */
import type { InternalObject } from "../inputs/internal-object.ts";
import { assertionsOf, assignmentsOf, type FoundAssignment } from "../inputs/script-layout.ts";
import type { LayoutCommands, ScriptAssertion } from "../script/commands.ts";
import { checksSharedObjects, type LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import { checkVersions, settleVersions, type VersionedNames } from "./alias-versions.ts";
import { assignVersions, type VersionDefinition } from "./assign-versions.ts";
import { leaveHoldersOut } from "./claim-files.ts";
import { classifyAssignments } from "./classify-assignments.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import { keepUndefinedVersions, markChecked } from "./indirect-objects.ts";
import { keepInitAndFini } from "./linker-object.ts";
import { hasDynamicSection } from "./loader.ts";
import { checkLtoMembers } from "./lto-members.ts";
import { extract, markRoots, readSharedObjects, type LinkedObject } from "./needed-objects.ts";
import type { Scanned } from "./scan.ts";
import { reachGlobs } from "./undefined-globs.ts";
import { defineSectionBounds, type SectionBound } from "./section-bounds.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, OutputFlags } = enumerations;

export interface Resolved extends Scanned {
  readonly shared: readonly LinkedObject[];
  /** Names `__start_SECTION` and `__stop_SECTION` that are used and that layout must define. */
  readonly sectionBounds: readonly SectionBound[];
  /** Of --defsym. */
  readonly assignments: readonly FoundAssignment[];
  readonly assertions: readonly ScriptAssertion[];
  /** Versions that the output defines. */
  readonly versions: readonly VersionDefinition[];
  /** Whether the output has .dynamic. */
  readonly hasDynamicSection: boolean;
}

export async function resolve(
  workers: Workers,
  scanned: Scanned,
  versioned: VersionedNames,
  inputs: Inputs,
  options: LinkOptions,
  told: LayoutCommands,
  internal: InternalObject | undefined,
  findings: FindingReader,
): Promise<Resolved> {
  const { tables } = workers;
  const assignments = assignmentsOf(told);
  const { fileBounds: bounds, files } = scanned;
  markRoots(workers, files);
  reachGlobs(workers, files, options, findings);
  const shared = readSharedObjects(workers, files, inputs);
  if (hasChoices(workers, files)) {
    await workers.run("claimSymbols", { bounds, parameters: [1] });
    await extract(workers, bounds, files, shared);
    await workers.run("resetClaims", { rows: tables.get("ranges") });
  }
  await workers.run("electGroups", { bounds });
  if (options.plugins.length > 0) leaveHoldersOut(workers, files);
  await workers.run("discardGroups", { bounds });
  await workers.run("claimSymbols", { bounds });
  if (shared.length > 0 && tables.get("hasCommons") !== 0) await workers.run("replaceCommons", { bounds });
  settleVersions(workers, versioned);
  await workers.run("gatherSymbols", { bounds });
  if (internal !== undefined) keepInitAndFini(workers, internal, scanned, options);
  checkLtoMembers(workers, files, inputs, findings);
  checkMissing(workers, inputs);
  const sectionBounds = internal === undefined ? [] : defineSectionBounds(workers, scanned, internal, findings);
  if (checksSharedObjects(options)) {
    markChecked(workers, shared, findings);
    await workers.run("checkShared", { bounds });
    keepUndefinedVersions(shared, findings);
  }
  if (internal !== undefined) classifyAssignments(workers, scanned, internal, assignments, options, findings);
  const versions =
    internal === undefined ? [] : await assignVersions(workers, scanned, inputs, options, internal, versioned);
  checkVersions(workers, versioned, options, findings, workers.diagnostics);
  const isExecutable = options.outputKind === "exec" || options.outputKind === "pie";
  if (isExecutable && tables.get("outputFlags") & OutputFlags.DYNAMIC_WEAK)
    await workers.run("findWeakUses", { bounds });
  await workers.run("bindSymbols", { rows: tables.get("ranges") });
  if (isExecutable && shared.length > 0) await workers.run("checkHidden", { bounds });
  tables.free("hashEntry");
  return {
    ...scanned,
    shared,
    sectionBounds,
    versions,
    assignments,
    assertions: assertionsOf(told),
    hasDynamicSection: hasDynamicSection(options, inputs),
  };
}

/** A member of a thin archive that is not there must not be needed. */
function checkMissing({ tables, diagnostics }: Workers, { files }: Inputs): void {
  for (let row = 0; row < files.length; row++) {
    const { missing, mapped } = files[row];
    if (missing === undefined) continue;
    const file = tables.column("input", "firstFile")[row] as FileRow;
    if (tables.column("file", "state")[file] & FileState.REACHED)
      diagnostics.add("thinMemberMissing", { archive: missing.archive, member: mapped.path, reason: missing.reason });
  }
}

/** Whether any file is in the link only if something refers to it. */
function hasChoices({ tables }: Workers, files: number): boolean {
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  for (let file = 0 as FileRow; file < files; file++)
    if (flags[file] & FileFlags.IS_LAZY || traits[file] & FileTraits.IS_SHARED) return true;
  return false;
}
