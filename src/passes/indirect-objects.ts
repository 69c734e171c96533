/**
 * Resolve: which shared objects' undefined symbols are looked for, as GNU ld does it for executables: those of
 * what the output needs and of what that needs in turn, as far as find inputs found it.
 */
import { enumerations } from "../tables/schema.ts";
import type { FindingReader } from "./findings.ts";
import type { LinkedObject } from "./needed-objects.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState } = enumerations;

/** Marks the shared objects that are loaded with the output, and warns of those that were not found. */
export function markChecked(
  { tables, diagnostics }: Workers,
  shared: readonly LinkedObject[],
  findings: FindingReader,
): void {
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  const byName = new Map(shared.map((object) => [object.soname, object]));
  const loaded = new Set(shared.filter(({ file }) => state[file] & FileState.NEEDED));
  for (const { file, needed } of loaded) {
    flags[file] |= FileFlags.IS_CHECKED;
    for (const library of needed) {
      const object = byName.get(library);
      if (object === undefined) diagnostics.add("neededNotFound", { library, by: findings.fileName(file) });
      else loaded.add(object);
    }
  }
}

/**
 * Of what checkShared found undefined, keeps what is: a name may have a version that is not its default, which
 * only `name@version` means, and kernels know the plain names of what shared objects refer to.
 */
export function keepUndefinedVersions(shared: readonly LinkedObject[], findings: FindingReader): void {
  const byFile = new Map(shared.map((object) => [object.file, object]));
  const defined = new Map<LinkedObject, ReadonlySet<string>>();
  findings.keep("undefinedInShared", ({ file, symbol }) => {
    const reader = findings.object(file);
    const version = byFile.get(file)?.requiredVersionAt(reader?.versionOf(symbol) ?? 0);
    if (reader === undefined || version === undefined) return true;
    const wanted = `${reader.symbolName(symbol)}@${version}`;
    return !shared.some((object) => {
      if (object.indexOfVersion(version) === -1) return false;
      let names = defined.get(object);
      if (names === undefined) defined.set(object, (names = versionedNames(object, findings)));
      return names.has(wanted);
    });
  });
}

/** `name@version` of all that a shared object defines. */
function versionedNames(object: LinkedObject, findings: FindingReader): ReadonlySet<string> {
  const reader = findings.object(object.file);
  const names = new Set<string>();
  for (let symbol = 1; symbol < (reader?.symbolCount ?? 0); symbol++) {
    const version = object.versionAt(reader?.versionOf(symbol) ?? 0);
    if (version !== undefined && reader?.isDefined(symbol) === true)
      names.add(`${reader.symbolName(symbol)}@${version}`);
  }
  return names;
}
