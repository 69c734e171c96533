/** Adds the shared objects that those of the link need (DT_NEEDED) and that nobody named. */
import { basename } from "node:path";

import { FormatError } from "../elf/byte-reader.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { inputFile } from "./flatten-slots.ts";
import type { InputFile } from "./input-file.ts";
import { isFile } from "./library-search.ts";
import type { MappedFiles } from "./mapped-files.ts";
import { NeededSearch } from "./needed-search.ts";
import { sharedObjectOf, type SharedObject } from "./shared-object.ts";

/** Adds those that the files need, and that these need in turn, as far as they are found. */
export function addNeededFiles(
  files: InputFile[],
  mapped: MappedFiles,
  options: LinkOptions,
  environment: NodeJS.ProcessEnv,
): void {
  const search = new NeededSearch(options, environment);
  const known = new Set<string>();
  let wave = files.filter(({ kind }) => kind === "shared").map((file) => ({ file, object: readShared(file) }));
  while (wave.length > 0) {
    for (const { file, object } of wave) known.add(object?.soname ?? basename(file.path));
    const next: InputFile[] = [];
    for (const { file, object } of wave)
      for (const name of object?.needed ?? []) {
        if (known.has(name)) continue;
        known.add(name);
        const by = { path: file.path, runpath: object?.runpath };
        const found = findNeeded(name, search.candidates(name, by), mapped, options);
        if (found !== undefined) next.push(found);
      }
    files.push(...next);
    wave = next.map((file) => ({ file, object: readShared(file) }));
  }
}

function findNeeded(
  name: string,
  candidates: Iterable<string>,
  mapped: MappedFiles,
  options: LinkOptions,
): InputFile | undefined {
  for (const path of candidates) {
    if (!isFile(path)) continue;
    mapped.map([{ path }]);
    const file = mapped.get(path);
    if (file?.type.kind !== "shared") continue; // for another machine
    const state = { isWholeArchive: false, isAsNeeded: true, isStatic: false, isLazy: false, isBinary: false };
    const input = inputFile({ state, libraryName: name, member: undefined, missing: undefined }, file, options);
    return input === undefined ? undefined : { ...input, isIndirect: !options.isAddNeededCopied };
  }
  return undefined;
}

/** What is wrong with it is found when it is resolved. */
function readShared(file: InputFile): SharedObject | undefined {
  try {
    return sharedObjectOf(file);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}
