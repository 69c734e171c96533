/**
 * Resolve: which shared objects the output needs, and what they say of themselves. Those after --as-needed are needed
 * when an object refers to what they define; as in GNU ld also when only another shared object does, unless one that
 * is needed names it (DT_NEEDED), so that the loader will find it anyway.
 */
import { FormatError } from "../elf/byte-reader.ts";
import { sharedObjectOf, type SharedObject } from "../inputs/shared-object.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits } = enumerations;

/** A shared object of the link. What is wrong with it is added to the diagnostics, and read as if it were not there. */
export class LinkedObject {
  readonly file: FileRow;
  /** DT_SONAME, or what the loader looks for without one. */
  readonly soname: string;
  readonly needed: readonly string[];
  readonly #object: SharedObject;
  readonly #fail: (error: FormatError) => void;

  constructor(file: FileRow, soname: string, object: SharedObject, fail: (error: FormatError) => void) {
    this.file = file;
    this.soname = soname;
    this.needed = object.needed;
    this.#object = object;
    this.#fail = fail;
  }

  /** One more than the greatest index of a version that it defines; 0 without any. */
  get versionCount(): number {
    return this.#read(() => this.#object.versionCount) ?? 0;
  }

  /** The name of a version that it defines. */
  versionAt(index: number): string | undefined {
    return this.#read(() => this.#object.versions?.at(index));
  }

  /** The index of a version that it defines; -1 when it does not. */
  indexOfVersion(name: string): number {
    return this.#read(() => this.#object.versions?.indexOf(name)) ?? -1;
  }

  /** The name of a version that it refers to. */
  requiredVersionAt(index: number): string | undefined {
    return this.#read(() => this.#object.requiredVersions?.at(index));
  }

  #read<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#fail(error);
      return undefined;
    }
  }
}

/** In input order; those that can not be read are errors. */
export function readSharedObjects({ tables, diagnostics }: Workers, files: number, inputs: Inputs): LinkedObject[] {
  const traits = tables.column("file", "traits");
  const input = tables.column("file", "input");
  const found: LinkedObject[] = [];
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(traits[file] & FileTraits.IS_SHARED) || traits[file] & FileTraits.IS_BROKEN) continue;
    const entry = inputs.files[input[file]];
    // Without DT_SONAME the loader looks for what the user named: a file name for -l, else the path.
    const fallback = entry.libraryName === undefined ? entry.path : entry.path.slice(entry.path.lastIndexOf("/") + 1);
    let hasFailed = false;
    const fail = ({ detail, offset }: FormatError): void => {
      if (hasFailed) return;
      hasFailed = true;
      diagnostics.add("badSharedObject", { detail }, { file: entry.displayName, fileOrder: file, offset });
    };
    try {
      const object = sharedObjectOf(entry);
      if (object.isExecutable && !entry.isIndirect) diagnostics.add("executableInput", { path: entry.displayName });
      found.push(new LinkedObject(file, object.soname ?? fallback, object, fail));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      fail(error);
    }
  }
  return found;
}

/** Objects are in the link from the start; shared objects unless they must prove to be needed. */
export function markRoots({ tables }: Workers, files: number): void {
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  for (let file = 0 as FileRow; file < files; file++) {
    if (flags[file] & (FileFlags.IS_INDIRECT | FileFlags.IS_LAZY)) continue;
    if (!(traits[file] & FileTraits.IS_SHARED)) state[file] = FileState.REACHED;
    else if (!(flags[file] & FileFlags.AS_NEEDED)) state[file] = FileState.REACHED | FileState.NEEDED;
  }
}

/** Reaches the members and shared objects that the link needs, to a fixpoint. */
export async function extract(
  workers: Workers,
  bounds: Uint32Array,
  files: number,
  shared: readonly LinkedObject[],
): Promise<void> {
  // A worker that died may have reached members that nobody expanded.
  do await workers.run("extractMembers", { bounds });
  while (hasUnexpanded(workers, files) || needWanted(workers, shared));
  findIndirect(workers, shared);
}

/**
 * Of the shared objects that the output does not need, those that are loaded all the same, because another one names
 * them, answer for the symbols of shared objects. The others are not in the link.
 */
function findIndirect({ tables }: Workers, shared: readonly LinkedObject[]): void {
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  const byName = new Map(shared.map((object) => [object.soname, object]));
  const loaded = new Set(shared.filter(({ file }) => state[file] & FileState.NEEDED));
  for (const { needed } of loaded)
    for (const name of needed) {
      const object = byName.get(name);
      if (object !== undefined) loaded.add(object);
    }
  for (const object of shared) {
    if (state[object.file] & FileState.NEEDED) continue;
    if (loaded.has(object)) flags[object.file] |= FileFlags.IS_INDIRECT;
    else flags[object.file] &= ~FileFlags.IS_INDIRECT;
  }
}

function hasUnexpanded({ tables }: Workers, files: number): boolean {
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  for (let file = 0 as FileRow; file < files; file++)
    if (
      !(traits[file] & FileTraits.IS_BROKEN) &&
      (state[file] & (FileState.REACHED | FileState.EXPANDED)) === FileState.REACHED
    )
      return true;
  return false;
}

/** Whether there is one more library that the output must name, because those that refer to it do not. */
function needWanted({ tables }: Workers, shared: readonly LinkedObject[]): boolean {
  const state = tables.column("file", "state");
  const named = new Set<string>();
  for (const { file, needed } of shared)
    if (state[file] & FileState.NEEDED) for (const soname of needed) named.add(soname);
  let isMore = false;
  for (const { file, soname, needed } of shared) {
    if ((state[file] & (FileState.WANTED | FileState.NEEDED)) !== FileState.WANTED || named.has(soname)) continue;
    state[file] |= FileState.NEEDED | FileState.REACHED;
    for (const name of needed) named.add(name);
    isMore = true;
  }
  return isMore;
}
