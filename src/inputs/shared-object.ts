/** What the link needs to know of a shared object besides its symbols: a few strings of its .dynamic. */
import {
  DF_1_PIE,
  DT_FLAGS_1,
  DT_NEEDED,
  DT_RPATH,
  DT_RUNPATH,
  DT_SONAME,
  SHT_DYNAMIC,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
} from "../elf/constants.ts";
import { ElfFile, type VersionNames } from "../elf/elf-file.ts";
import type { InputFile } from "./input-file.ts";

export interface SharedObject {
  /** DT_SONAME; undefined without one, and for an empty one, as in GNU ld. */
  readonly soname: string | undefined;
  /** Whether it is an executable, which the loader refuses to load as a library. */
  readonly isExecutable: boolean;
  readonly needed: readonly string[];
  /** DT_RUNPATH, or DT_RPATH where there is none: directories with colons between them. */
  readonly runpath: string | undefined;
  /**
   * Names of the versions that it defines (.gnu.version_d); index 1 is the object itself. Undefined without such a
   * table. Read when asked for, which most links do of few of their libraries; throws FormatError then.
   */
  readonly versions: VersionNames | undefined;
  /** Names of the versions that it refers to (.gnu.version_r). Read when asked for, too. */
  readonly requiredVersions: VersionNames | undefined;
}

/** What was read already: several passes ask. */
const known = new WeakMap<InputFile["mapped"], SharedObject>();

/** @throws FormatError when what it says lies outside the file */
export function sharedObjectOf({ displayName, mapped }: InputFile): SharedObject {
  let object = known.get(mapped);
  if (object === undefined)
    known.set(mapped, (object = new SharedObjectFile(new ElfFile(displayName, mapped.bytes()))));
  return object;
}

class SharedObjectFile implements SharedObject {
  readonly soname: string | undefined;
  readonly isExecutable: boolean;
  readonly needed: readonly string[];
  readonly runpath: string | undefined;
  readonly #elf: ElfFile;
  /** Null: not read yet. */
  #versions: VersionNames | undefined | null = null;
  #requiredVersions: VersionNames | undefined | null = null;

  constructor(elf: ElfFile) {
    this.#elf = elf;
    const texts = new Map<number, string[]>([DT_NEEDED, DT_SONAME, DT_RUNPATH, DT_RPATH].map((tag) => [tag, []]));
    let isExecutable = false;
    const dynamic = elf.sectionOfType(SHT_DYNAMIC);
    if (dynamic !== undefined) {
      const strings = elf.linked(dynamic);
      for (const { tag, value } of elf.dynamicEntries(dynamic)) {
        texts.get(tag)?.push(elf.string(strings, value));
        if (tag === DT_FLAGS_1) isExecutable = (value & DF_1_PIE) !== 0;
      }
    }
    const last = (tag: number): string | undefined => texts.get(tag)?.at(-1);
    this.soname = last(DT_SONAME) || undefined;
    this.isExecutable = isExecutable;
    this.needed = texts.get(DT_NEEDED) ?? [];
    this.runpath = last(DT_RUNPATH) ?? last(DT_RPATH);
  }

  get versions(): VersionNames | undefined {
    if (this.#versions === null) this.#versions = this.#namesIn(SHT_GNU_verdef);
    return this.#versions;
  }

  get requiredVersions(): VersionNames | undefined {
    if (this.#requiredVersions === null) this.#requiredVersions = this.#namesIn(SHT_GNU_verneed);
    return this.#requiredVersions;
  }

  #namesIn(type: number): VersionNames | undefined {
    const table = this.#elf.sectionOfType(type);
    return table && this.#elf.versionNames(table);
  }
}
