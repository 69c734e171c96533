/** What the link needs to know of a shared object besides its symbols: a few strings of its .dynamic. */
import { addon } from "../addon/load.ts";
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
  /** One more than the greatest index of a version that it defines; 0 without any. @throws FormatError */
  readonly versionCount: number;
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
export function sharedObjectOf(file: InputFile): SharedObject {
  let object = known.get(file.mapped);
  if (object === undefined) known.set(file.mapped, (object = new SharedObjectFile(file)));
  return object;
}

class SharedObjectFile implements SharedObject {
  readonly soname: string | undefined;
  readonly isExecutable: boolean;
  readonly needed: readonly string[];
  readonly runpath: string | undefined;
  readonly #file: InputFile;
  #opened: ElfFile | undefined;
  #versionCount: number | undefined;
  /** Null: not read yet. */
  #versions: VersionNames | undefined | null = null;
  #requiredVersions: VersionNames | undefined | null = null;

  constructor(file: InputFile) {
    this.#file = file;
    const { address, size } = file.mapped;
    const found = address === 0 ? null : addon().readDynamicStrings(address, size);
    if (found === null) {
      ({
        soname: this.soname,
        runpath: this.runpath,
        isExecutable: this.isExecutable,
        needed: this.needed,
      } = readDynamic(this.#elf));
      return;
    }
    const [soname, runpath, isExecutable, versionCount, ...needed] = found;
    this.soname = soname || undefined;
    this.runpath = runpath;
    this.isExecutable = isExecutable;
    this.needed = needed;
    this.#versionCount = versionCount;
  }

  get #elf(): ElfFile {
    return (this.#opened ??= new ElfFile(this.#file.displayName, this.#file.mapped.bytes()));
  }

  get versionCount(): number {
    return (this.#versionCount ??= this.versions?.length ?? 0);
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

/** The same as the addon reads, with errors for what is wrong. @throws FormatError */
function readDynamic(elf: ElfFile): Pick<SharedObject, "soname" | "runpath" | "isExecutable" | "needed"> {
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
  return {
    soname: last(DT_SONAME) || undefined,
    runpath: last(DT_RUNPATH) ?? last(DT_RPATH),
    isExecutable,
    needed: texts.get(DT_NEEDED) ?? [],
  };
}
