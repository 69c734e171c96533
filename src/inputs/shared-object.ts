/** What the link needs to know of a shared object besides its symbols: a few strings of its .dynamic. */
import {
  DT_NEEDED,
  DT_RPATH,
  DT_RUNPATH,
  DT_SONAME,
  SHT_DYNAMIC,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
} from "../elf/constants.ts";
import { ElfFile } from "../elf/elf-file.ts";
import type { InputFile } from "./input-file.ts";

export interface SharedObject {
  /** DT_SONAME, or undefined. */
  readonly soname: string | undefined;
  readonly needed: readonly string[];
  /** DT_RUNPATH, or DT_RPATH where there is none: directories with colons between them. */
  readonly runpath: string | undefined;
  /** Names of the versions that it defines, by index (.gnu.version_d); index 1 is the object itself. */
  readonly versions: readonly (string | undefined)[];
  /** Names of the versions that it refers to, by index (.gnu.version_r). */
  readonly requiredVersions: readonly (string | undefined)[];
}

/** What was read already: several passes ask. */
const known = new WeakMap<InputFile["mapped"], SharedObject>();

/** @throws FormatError when what it says lies outside the file */
export function sharedObjectOf({ displayName, mapped }: InputFile): SharedObject {
  let object = known.get(mapped);
  if (object === undefined) known.set(mapped, (object = readSharedObject(displayName, mapped.bytes())));
  return object;
}

function readSharedObject(file: string, bytes: Uint8Array): SharedObject {
  const elf = new ElfFile(file, bytes);
  const texts = new Map<number, string[]>([DT_NEEDED, DT_SONAME, DT_RUNPATH, DT_RPATH].map((tag) => [tag, []]));
  const versions: (string | undefined)[] = [];
  const requiredVersions: (string | undefined)[] = [];
  for (const section of elf.sections) {
    if (section.type === SHT_DYNAMIC) {
      for (const { tag, value } of elf.dynamicEntries(section))
        texts.get(tag)?.push(elf.string(elf.linked(section), value));
    } else if (section.type === SHT_GNU_verneed) {
      for (const { index, name } of elf.versionRequirements(section)) requiredVersions[index] = name;
    } else if (section.type === SHT_GNU_verdef) {
      for (const { index, name } of elf.versionDefinitions(section)) versions[index] = name;
    }
  }
  const last = (tag: number): string | undefined => texts.get(tag)?.at(-1);
  return {
    soname: last(DT_SONAME),
    needed: texts.get(DT_NEEDED) ?? [],
    runpath: last(DT_RUNPATH) ?? last(DT_RPATH),
    versions,
    requiredVersions,
  };
}
