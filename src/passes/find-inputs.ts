/**
 * Pass 1: finds and maps every input. Paths, `-l`, what linker scripts name and the members of thin archives
 * are resolved wave by wave, because a script must be read to know what it asks for; each wave is mapped by
 * one call. Reads the command line and the first bytes of each file; fills `Inputs`. Costs a system call or
 * two for each file and directory searched. Objects and archives are read by scan.
 */
import { basename, dirname, isAbsolute, join } from "node:path";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { FormatError } from "../elf/byte-reader.ts";
import { readThinArchive } from "../inputs/archive.ts";
import { parseDynamicList } from "../inputs/dynamic-list.ts";
import { type FileType, fileTypeOf, HEAD_SIZE } from "../inputs/file-type.ts";
import { expandSysroot, isFile, LibrarySearch } from "../inputs/library-search.ts";
import { type LinkerScript, parseLinkerScript, type ScriptInput } from "../inputs/linker-script.ts";
import { NeededSearch } from "../inputs/needed-search.ts";
import { ScriptError } from "../inputs/script-lexer.ts";
import { readSharedObject, type SharedObject } from "../inputs/shared-object.ts";
import { parseVersionScript, type SymbolPattern, type VersionScript } from "../inputs/version-script.ts";
import { checksSharedObjects, type InputRequest, type LinkOptions } from "../options/link-options.ts";
import { IoError, type IoFailure, type StagedSet, stageFiles, StageMode } from "../staging/index.ts";

/** One file of the link. */
export interface InputFile {
  readonly kind: "object" | "archive" | "shared" | "bitcode";
  /** As it was found; what the system was asked for. */
  readonly path: string;
  /** As users call it: the path, or `libx.a(member.o)`. */
  readonly displayName: string;
  /** The set in `Inputs.staged` that maps it, and its index there. */
  readonly stagedSet: number;
  readonly stagedIndex: number;
  /** Of the first byte, in this process and its workers. For native code only. */
  readonly address: number;
  /** In bytes. */
  readonly size: number;
  readonly isWholeArchive: boolean;
  readonly isAsNeeded: boolean;
  /** Linked only when it defines what is undefined: --start-lib, and members of thin archives. */
  readonly isLazy: boolean;
  /** The NAME of the `-lNAME` that found it: DT_NEEDED of a library without DT_SONAME is its file name. */
  readonly libraryName: string | undefined;
  /** Its symbols are not exported: --exclude-libs. */
  readonly isExcludedLibrary: boolean;
  /** A shared object that only other shared objects need: it answers for their symbols, not for objects'. */
  readonly isIndirect: boolean;
}

/** All that is linked, mapped until it is disposed of. */
export interface Inputs extends Disposable {
  /** In command-line order; scripts and thin archives are replaced by what they name. */
  readonly files: readonly InputFile[];
  /** One per wave. */
  readonly staged: readonly StagedSet[];
  /** ENTRY, OUTPUT and EXTERN of linker scripts. Options on the command line come first. */
  readonly scriptEntry: string | undefined;
  readonly scriptOutput: string | undefined;
  readonly scriptUndefinedSymbols: readonly string[];
  readonly versionScripts: readonly VersionScript[];
  /** Of --dynamic-list and --export-dynamic-symbol-list. */
  readonly dynamicList: readonly SymbolPattern[];
  /** Every file that was read, scripts too, in the order of opening: for --dependency-file and -t. */
  readonly openedPaths: readonly string[];
  /** Where libraries were looked for, in order. */
  readonly searchedDirectories: readonly string[];
}

/** Scripts may name scripts, but not for ever. */
const MAX_SCRIPT_DEPTH = 16;

/** A file that is mapped, whoever asked for it. */
interface Mapped {
  readonly path: string;
  readonly set: number;
  readonly index: number;
  readonly type: FileType;
}

type State = Pick<InputRequest, "isWholeArchive" | "isAsNeeded" | "isStatic" | "isLazy">;

/** A place in the order of inputs. It becomes a file, or the list of what a script or thin archive names. */
interface Slot {
  readonly state: State;
  readonly libraryName: string | undefined;
  /** Paths that may answer, best first; where only one may, that. */
  readonly candidates: Iterator<string> | string;
  /** The member and its archive, for members of thin archives. */
  readonly member: { readonly archive: string; readonly name: string } | undefined;
  /** Scripts above it. */
  readonly depth: number;
  path: string | undefined;
  file: Mapped | undefined;
  parts: Slot[] | undefined;
}

/**
 * Finds and maps the inputs of a link. What cannot be found or is no input is added to `diagnostics`, and the
 * rest is found all the same.
 */
export function findInputs(options: LinkOptions, diagnostics: Diagnostics): Inputs {
  const finder = new InputFinder(options, diagnostics);
  try {
    return finder.run();
  } catch (error) {
    finder.release();
    throw error;
  }
}

class InputFinder {
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #search: LibrarySearch;
  readonly #staged: StagedSet[] = [];
  /** By path; a path that failed is undefined, so that it is reported once. */
  readonly #mapped = new Map<string, Mapped | undefined>();
  readonly #scripts = new Map<string, LinkerScript>();

  constructor(options: LinkOptions, diagnostics: Diagnostics) {
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#search = new LibrarySearch(options);
  }

  run(): Inputs {
    const requests = this.#options.inputs.map((request) => this.#slotOf(request, undefined, 0));
    const scripts = this.#options.linkerScripts.map((path) => this.#slotOf(fileRequest(path), undefined, 0));
    const top = [...scripts, ...requests];
    let wave = top;
    while (wave.length > 0) wave = this.#resolveWave(wave);

    const patterns = this.#readPatternFiles();
    const commands = [...this.#scripts.values()];
    const versions = commands.flatMap((script) => (script.versions === undefined ? [] : [script.versions]));
    const staged = this.#staged;
    const files = this.#flatten(top);
    if (checksSharedObjects(this.#options)) this.#addNeeded(files);
    return {
      files,
      staged,
      scriptEntry: commands.find((script) => script.entry !== undefined)?.entry,
      scriptOutput: commands.find((script) => script.output !== undefined)?.output,
      scriptUndefinedSymbols: commands.flatMap((script) => script.undefinedSymbols),
      versionScripts: [...versions, ...patterns.versionScripts],
      dynamicList: patterns.dynamicList,
      openedPaths: this.#openedPaths(),
      searchedDirectories: this.#search.directories,
      [Symbol.dispose]: () => this.release(),
    };
  }

  #openedPaths(): string[] {
    const paths: string[] = [];
    for (const [path, file] of this.#mapped) if (file !== undefined) paths.push(path);
    return paths;
  }

  release(): void {
    for (const set of this.#staged) set[Symbol.dispose]();
  }

  /** Finds and maps the files of these slots. Returns the slots that what was found asks for. */
  #resolveWave(wave: readonly Slot[]): Slot[] {
    const next: Slot[] = [];
    for (const slot of wave) this.#advance(slot);
    this.#map(
      wave.map((slot) => slot.path),
      wave,
    );
    for (const slot of wave) {
      if (slot.path === undefined) continue;
      const file = this.#mapped.get(slot.path);
      if (file === undefined) continue;
      if (slot.libraryName !== undefined && file.type.kind === "foreign") {
        // The next directory may have one for this machine.
        const { what } = file.type;
        const library = `-l${slot.libraryName}`;
        this.#diagnostics.add("skippingIncompatible", { path: file.path, library, why: `it is ${what}` });
        next.push(slot);
        continue;
      }
      slot.file = file;
      this.#expand(slot, file);
      if (slot.parts !== undefined) next.push(...slot.parts);
    }
    return next;
  }

  /** Gives the slot its next path, or says that there is none. */
  #advance(slot: Slot): void {
    if (typeof slot.candidates === "string") {
      slot.path = slot.candidates;
      return;
    }
    const { value, done } = slot.candidates.next();
    slot.path = done === true ? undefined : value;
    if (slot.path === undefined && slot.libraryName !== undefined)
      this.#diagnostics.add("libraryNotFound", {
        library: `-l${slot.libraryName}`,
        searched: this.#search.directories,
        isStatic: slot.state.isStatic,
      });
  }

  /** Maps the paths that are not mapped yet, in one call. */
  #map(paths: readonly (string | undefined)[], slots: readonly Slot[] = []): void {
    const missing: string[] = [];
    for (const path of paths) {
      if (path === undefined || this.#mapped.has(path)) continue;
      this.#mapped.set(path, undefined);
      missing.push(path);
    }
    if (missing.length === 0) return;
    const set = stageFiles(StageMode.MmapShared, missing, { onError: "collect" });
    this.#staged.push(set);
    for (const [index, path] of missing.entries()) {
      const failure = set.failures.get(index);
      if (failure === undefined) {
        const head = set.heads.subarray(index * HEAD_SIZE, (index + 1) * HEAD_SIZE);
        const type = fileTypeOf(head, set.sizes[index] as number);
        this.#mapped.set(path, { path, set: this.#staged.length - 1, index, type });
      } else {
        this.#reportFailure(path, failure, slots.find((slot) => slot.path === path)?.member);
      }
    }
  }

  #reportFailure(path: string, failure: IoFailure, member: Slot["member"]): void {
    if (member !== undefined)
      this.#diagnostics.add("thinMemberMissing", {
        archive: member.archive,
        member: path,
        reason: new IoError(failure).reason,
      });
    else if (failure.code === "EISDIR") this.#diagnostics.add("inputIsDirectory", { path });
    else this.#diagnostics.add("cannotOpen", { path, reason: new IoError(failure).reason });
  }

  /** Judges a file that was found, and makes slots of what a script or a thin archive names. */
  #expand(slot: Slot, file: Mapped): void {
    const { path, type } = file;
    const { outputKind, isStatic } = this.#options;
    switch (type.kind) {
      case "object":
      case "archive":
        return;
      case "bitcode":
        if (slot.state.isLazy) return; // resolve finds out whether it is needed
        this.#diagnostics.add("bitcode", {}, { file: displayNameOf(slot, path) });
        return;
      case "shared":
        if (outputKind === "relocatable") this.#diagnostics.add("sharedInRelocatable", { path });
        else if (isStatic) this.#diagnostics.add("sharedInStaticLink", { path });
        return;
      case "script":
        slot.parts = this.#readScript(slot, file);
        return;
      case "thin-archive":
        slot.parts = this.#readThinArchive(slot, file);
        return;
      case "empty":
        this.#diagnostics.add("emptyFile", { path });
        return;
      case "foreign":
        this.#diagnostics.add("incompatibleMachine", { path, what: type.what });
        return;
      case "unknown":
        this.#diagnostics.add("unknownFileType", { path });
    }
  }

  #readThinArchive(slot: Slot, file: Mapped): Slot[] {
    let members: readonly string[];
    try {
      members = readThinArchive(file.path, this.#bytesOf(file));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#diagnostics.add("malformedThinArchive", { path: file.path, detail: error.detail });
      return [];
    }
    const directory = dirname(file.path);
    return members.map((name) => ({
      state: { ...slot.state, isLazy: !slot.state.isWholeArchive },
      libraryName: undefined,
      candidates: isAbsolute(name) ? name : join(directory, name),
      member: { archive: file.path, name: basename(name) },
      depth: slot.depth + 1,
      path: undefined,
      file: undefined,
      parts: undefined,
    }));
  }

  #readScript(slot: Slot, file: Mapped): Slot[] {
    const { path } = file;
    if (slot.depth >= MAX_SCRIPT_DEPTH) {
      this.#diagnostics.add("scriptTooDeep", { path });
      return [];
    }
    let script = this.#scripts.get(path);
    if (script === undefined) {
      script = this.#attempt(() => parseLinkerScript(path, textOf(this.#bytesOf(file))));
      if (script === undefined) return [];
      this.#scripts.set(path, script);
      for (const directory of script.searchDirectories) this.#search.addDirectory(directory);
      if (script.foreignFormat !== undefined)
        this.#diagnostics.add("outputFormat", { path, format: script.foreignFormat });
    }
    return script.inputs.map((input) => this.#slotOfScriptInput(slot, path, input));
  }

  #slotOfScriptInput(slot: Slot, script: string, input: ScriptInput): Slot {
    const state = { ...slot.state, isAsNeeded: slot.state.isAsNeeded || input.isAsNeeded };
    return this.#slotOf({ ...state, kind: input.kind, name: input.name }, script, slot.depth + 1);
  }

  #slotOf(request: InputRequest, script: string | undefined, depth: number): Slot {
    const { kind, name, ...state } = request;
    return {
      state,
      libraryName: kind === "library" ? name : undefined,
      candidates:
        kind === "library"
          ? this.#search.candidates(name, state.isStatic || this.#options.isStatic)
          : script === undefined
            ? expandSysroot(name, this.#options.sysroot)
            : this.#pathFromScript(name, script),
      member: undefined,
      depth,
      path: undefined,
      file: undefined,
      parts: undefined,
    };
  }

  /**
   * The path of a file that a script names. It is, as in GNU ld, below the sysroot when it is absolute and the
   * script is there, too; else beside the script, in the working directory, or in a library directory.
   */
  *#pathFromScript(name: string, script: string): Generator<string> {
    const { sysroot } = this.#options;
    const path = expandSysroot(name, sysroot);
    if (path !== name) yield path;
    else if (isAbsolute(name)) yield sysroot !== "" && script.startsWith(sysroot) ? sysroot + name : name;
    else yield this.#search.findFileFrom([dirname(script), "."], name) ?? name;
  }

  /** Reads version scripts and dynamic lists, which are mapped like inputs but are none. */
  #readPatternFiles(): Pick<Inputs, "versionScripts" | "dynamicList"> {
    const { versionScripts, dynamicLists } = this.#options;
    this.#map([...versionScripts, ...dynamicLists]);
    const read = <T>(path: string, parse: (path: string, text: string) => T): T[] => {
      const file = this.#mapped.get(path);
      if (file === undefined) return [];
      const parsed = this.#attempt(() => parse(path, textOf(this.#bytesOf(file))));
      return parsed === undefined ? [] : [parsed];
    };
    return {
      versionScripts: versionScripts.flatMap((path) => read(path, parseVersionScript)),
      dynamicList: dynamicLists.flatMap((path) => read(path, parseDynamicList)).flat(),
    };
  }

  /** The result, or undefined when a script is wrong, which is added to the diagnostics. */
  #attempt<T>(parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      const { path, line, detail, unsupported } = error;
      if (unsupported === undefined) this.#diagnostics.add("scriptSyntax", { path, line, detail });
      else this.#diagnostics.add("scriptUnsupported", { path, line, command: unsupported });
      return undefined;
    }
  }

  #bytesOf(file: Mapped): Uint8Array {
    if (file.type.kind === "empty") return new Uint8Array();
    return (this.#staged[file.set] as StagedSet).bytes(file.index);
  }

  /**
   * The files of all slots, in order. An archive or shared object that is named twice is one file: members
   * are looked for until nothing is found, so the second mention could add nothing.
   */
  #flatten(slots: readonly Slot[]): InputFile[] {
    const files: InputFile[] = [];
    const seen = new Map<string, number>();
    const visit = (slot: Slot): void => {
      if (slot.parts !== undefined) {
        for (const part of slot.parts) visit(part);
        return;
      }
      const file = slot.file === undefined ? undefined : this.#inputFile(slot, slot.file);
      if (file === undefined) return;
      if (file.kind === "object" && slot.member === undefined) {
        files.push(file);
        return;
      }
      const key = `${slot.member?.archive ?? ""}\0${file.path}`;
      const earlier = seen.get(key);
      const other = earlier === undefined ? undefined : files[earlier];
      if (earlier === undefined || other === undefined) {
        seen.set(key, files.length);
        files.push(file);
      } else {
        files[earlier] = {
          ...other,
          isWholeArchive: other.isWholeArchive || file.isWholeArchive,
          isAsNeeded: other.isAsNeeded && file.isAsNeeded,
          isLazy: other.isLazy && file.isLazy,
        };
      }
    };
    for (const slot of slots) visit(slot);
    return files;
  }

  /** Adds the shared objects that those among the files need, and that these need, as far as they are found. */
  #addNeeded(files: InputFile[]): void {
    const search = new NeededSearch(this.#options, process.env);
    const known = new Set<string>();
    let wave = files.filter(({ kind }) => kind === "shared").map((file) => ({ file, object: this.#readShared(file) }));
    while (wave.length > 0) {
      for (const { file, object } of wave) known.add(object?.soname ?? basename(file.path));
      const next: InputFile[] = [];
      for (const { file, object } of wave)
        for (const name of object?.needed ?? []) {
          if (known.has(name)) continue;
          known.add(name);
          const found = this.#findNeeded(search.candidates(name, { path: file.path, runpath: object?.runpath }));
          if (found !== undefined) next.push(found);
        }
      files.push(...next);
      wave = next.map((file) => ({ file, object: this.#readShared(file) }));
    }
  }

  #findNeeded(candidates: Iterable<string>): InputFile | undefined {
    for (const path of candidates) {
      if (!isFile(path)) continue;
      this.#map([path]);
      const file = this.#mapped.get(path);
      if (file?.type.kind !== "shared") continue; // for another machine
      const state = { isWholeArchive: false, isAsNeeded: true, isStatic: false, isLazy: false };
      const slot = { state, libraryName: undefined, member: undefined };
      const { isAddNeededCopied } = this.#options;
      const input = this.#inputFile(slot, file);
      return input === undefined ? undefined : { ...input, isIndirect: !isAddNeededCopied };
    }
    return undefined;
  }

  /** What is wrong with it is found when it is resolved. */
  #readShared({ displayName, stagedSet, stagedIndex }: InputFile): SharedObject | undefined {
    try {
      return readSharedObject(displayName, (this.#staged[stagedSet] as StagedSet).bytes(stagedIndex));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
  }

  #inputFile(slot: Pick<Slot, "state" | "libraryName" | "member">, file: Mapped): InputFile | undefined {
    const { kind } = file.type;
    if (kind !== "object" && kind !== "archive" && kind !== "shared" && kind !== "bitcode") return undefined;
    const set = this.#staged[file.set] as StagedSet;
    const { isWholeArchive, isAsNeeded, isLazy } = slot.state;
    return {
      kind,
      path: file.path,
      displayName: displayNameOf(slot, file.path),
      stagedSet: file.set,
      stagedIndex: file.index,
      address: set.addresses[file.index] as number,
      size: set.sizes[file.index] as number,
      isWholeArchive,
      isAsNeeded,
      isLazy,
      libraryName: slot.libraryName,
      isIndirect: false,
      isExcludedLibrary: this.#isExcluded(slot.member?.archive ?? (kind === "archive" ? file.path : undefined)),
    };
  }

  /** --exclude-libs names archives by their file name, with or without `.a`, as in GNU ld. */
  #isExcluded(archive: string | undefined): boolean {
    if (archive === undefined || this.#options.excludeLibs.length === 0) return false;
    const name = basename(archive);
    return this.#options.excludeLibs.some(
      (excluded) => excluded === "ALL" || excluded === name || `${excluded}.a` === name,
    );
  }
}

const fileRequest = (name: string): InputRequest => ({
  kind: "file",
  name,
  isWholeArchive: false,
  isAsNeeded: false,
  isStatic: false,
  isLazy: false,
});

function displayNameOf(slot: Pick<Slot, "member">, path: string): string {
  return slot.member === undefined ? path : `${slot.member.archive}(${slot.member.name})`;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
