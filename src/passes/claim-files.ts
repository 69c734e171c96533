/**
 * Scan, after the headers: files of intermediate language are offered to the linker plugins. Those that are claimed get
 * an object in their place that has the symbols of their code; once there is machine code of them, one that has nothing.
 */
import { groupsObject, irObject } from "../inputs/ir-object.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import { type Claim, type FileKey, fileKey, type LinkerPlugins } from "./linker-plugins.ts";
import type { OfferedFile } from "./plugin-host.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileTraits } = enumerations;

/** Whether a file has intermediate language, or is it. */
export function hasIr({ tables }: Workers, files: number): boolean {
  const traits = tables.column("file", "traits");
  for (let file = 0 as FileRow; file < files; file++)
    if (traits[file] & (FileTraits.HAS_IR | FileTraits.IS_LTO)) return true;
  return false;
}

export async function claimFiles(
  workers: Workers,
  files: number,
  inputs: Inputs,
  plugins: LinkerPlugins,
  findings: FindingReader,
): Promise<void> {
  const { tables } = workers;
  const generated = new Set(plugins.generated?.objects);
  const offered = new Map<FileKey, OfferedFile>();
  const rows: (readonly [FileRow, FileKey])[] = [];
  const traits = tables.column("file", "traits");
  const flags = tables.column("file", "flags");
  for (let file = 0 as FileRow; file < files; file++) {
    const entry = inputs.files[tables.column("file", "input")[file]];
    if (entry === undefined || generated.has(entry.path)) continue;
    const key = keyOf(workers, inputs, file);
    if (plugins.isKept(key)) flags[file] &= ~FileFlags.IS_LAZY;
    if (!(traits[file] & (FileTraits.HAS_IR | FileTraits.IS_LTO))) continue;
    const offset = tables.column("file", "inputOffset").get(file);
    offered.set(key, { path: entry.path, offset, size: tables.column("file", "size")[file] });
    rows.push([file, key]);
  }
  await plugins.offer(offered);
  if (!plugins.isInUse) return;
  const nothing = groupsObject(tables.arena, []);
  // The first of them, which is behind the code that was made and before all else that might have such a group.
  let holder = plugins.generated === undefined ? undefined : groupsObject(tables.arena, plugins.heldGroups);
  for (const [file, key] of rows) {
    const claim = plugins.claimOf(key);
    if (claim === undefined) continue;
    const isReplaced = plugins.isIncluded(key);
    const isHolder = isReplaced && holder !== undefined;
    const object = isReplaced ? (holder ?? nothing) : irObject(tables.arena, claim.symbols);
    if (isHolder) holder = undefined;
    // As a member that nothing asks for: its notes and flags are not those of the code that was made.
    if (isHolder) flags[file] &= ~FileFlags.IS_LAZY;
    else if (isReplaced) flags[file] |= FileFlags.IS_LAZY;
    tables.column("file", "image").set(file, object.address);
    tables.column("file", "imageSize")[file] = object.size;
    tables.column("file", "inflatedSize").set(file, 0);
    tables.column("file", "sectionIndices")[file] = 0;
    traits[file] = isHolder ? FileTraits.IS_IR | FileTraits.HOLDS_GROUPS : FileTraits.IS_IR;
  }
  findings.take("bitcode"); // said again of those that no plugin takes
  await workers.run("scanHeaders");
}

/** Leaves out what has held COMDAT groups: the others that have such a group know by now that it is not theirs. */
export function leaveHoldersOut({ tables }: Workers, files: number): void {
  const traits = tables.column("file", "traits");
  for (let file = 0 as FileRow; file < files; file++)
    if (traits[file] & FileTraits.HOLDS_GROUPS) tables.column("file", "state")[file] = 0;
}

export function keyOf({ tables }: Workers, inputs: Inputs, file: FileRow): FileKey {
  const { path } = inputs.files[tables.column("file", "input")[file]];
  return fileKey(path, tables.column("file", "nameOffset").get(file));
}

/** What has been claimed of a row. */
export function claimOf(workers: Workers, inputs: Inputs, plugins: LinkerPlugins, file: FileRow): Claim | undefined {
  if (!(workers.tables.column("file", "traits")[file] & FileTraits.IS_IR)) return undefined;
  return plugins.claimOf(keyOf(workers, inputs, file));
}
