/** Synthesise: which versions of which shared objects the output's symbols are bound to. Fills version. */
import type { LinkedObject } from "./needed-objects.ts";
import type { VersionRequirement } from "../output/sections/version-requirements.ts";
import type { FileRow } from "../tables/views.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations } from "../tables/schema.ts";
import { MAX_VERSION_INDEX } from "./assign-versions.ts";
import type { Needs } from "./find-needs.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState } = enumerations;

/** glibc's loader wants to be told that it must understand DT_RELR. */
const RELR_VERSION = "GLIBC_ABI_DT_RELR";

/** Gives the versions of each shared object that answers for symbols their rows. Returns these objects. */
export function placeVersions(
  { tables }: Workers,
  { files }: Needs,
  shared: readonly LinkedObject[],
): readonly LinkedObject[] {
  const first = tables.column("file", "firstVersion");
  const state = tables.column("file", "state");
  const flags = tables.column("file", "flags");
  const answering = shared.filter(({ file }) => state[file] & FileState.NEEDED || flags[file] & FileFlags.IS_INDIRECT);
  const counts = new Uint32Array(files);
  for (const { file, versionCount } of answering) counts[file] = versionCount;
  let next = 0;
  for (let file = 0 as FileRow; file < files; file++) {
    first[file] = next;
    next += counts[file];
  }
  first[files as FileRow] = next;
  tables.allocate("version", next);
  return answering;
}

/** The versions that symbols are bound to, and what each is numbered in .gnu.version. */
export function requireVersions(
  { tables }: Workers,
  shared: readonly LinkedObject[],
  hasRelr: boolean,
  firstIndex: number,
): VersionRequirement[] {
  const isUsed = tables.column("version", "isUsed");
  const index = tables.column("version", "index");
  const first = tables.column("file", "firstVersion");
  const required: VersionRequirement[] = [];
  let next = firstIndex;
  for (const object of shared) {
    const { file, soname, versionCount } = object;
    const used: { name: string; index: number }[] = [];
    const wanted = hasRelr ? object.indexOfVersion(RELR_VERSION) : -1;
    for (let i = 0; i < versionCount; i++) {
      const name = isUsed[first[file] + i] || i === wanted ? object.versionAt(i) : undefined;
      if (name === undefined) continue;
      if (next > MAX_VERSION_INDEX) throw new LimitExceeded("versions", String(MAX_VERSION_INDEX - 1));
      index[first[file] + i] = next;
      used.push({ name, index: next++ });
    }
    if (used.length > 0) required.push({ soname, versions: used });
  }
  return required;
}
