/**
 * Pass 1: finds and maps every input. Paths, `-l`, what linker scripts name and the members of thin archives
 * are resolved wave by wave, because a script must be read to know what it asks for; each wave is mapped by
 * one call. Reads the command line and the first bytes of each file; fills `Inputs`. Costs a system call or
 * two for each file and directory searched. Objects and archives are read by scan.
 */
import { normalize } from "node:path";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { FormatError } from "../elf/byte-reader.ts";
import { readArchiveIndex, readThinArchive } from "../inputs/archive.ts";
import { flattenSlots } from "../inputs/flatten-slots.ts";
import { parseDefsyms } from "../inputs/defsyms.ts";
import { displayNameOf, type InputFile } from "../inputs/input-file.ts";
import { fileRequest, type Slot, SlotMaker } from "../inputs/input-slot.ts";
import { irCompilerOf } from "../inputs/ir-compiler.ts";
import { LibrarySearch } from "../inputs/library-search.ts";
import { type IncludeReader, type LinkerScript, MAX_SCRIPT_DEPTH, parseLinkerScript } from "../inputs/linker-script.ts";
import { type MappedFile, MappedFiles, type ThinMember } from "../inputs/mapped-files.ts";
import { addNeededFiles } from "../inputs/needed-files.ts";
import { readRemappings, remapperOf } from "../inputs/remap-inputs.ts";
import { defaultVersions } from "../inputs/version-script.ts";
import { readJustSymbols } from "../inputs/just-symbols.ts";
import { type Patterns, readPatternFiles, textOf, tryToParse } from "../inputs/pattern-files.ts";
import { filesNamed, joinLayouts } from "../inputs/script-layout.ts";
import { whyIncompatible } from "../inputs/search-match.ts";
import { checkVersionNodes } from "../inputs/version-nodes.ts";
import { checksSharedObjects, type LinkOptions } from "../options/link-options.ts";
import type { LayoutCommands } from "../script/commands.ts";
import { ScriptError } from "../script/script-lexer.ts";
import type { StagedSet } from "../staging/index.ts";

/** All that is linked, mapped until it is disposed of. */
export interface Inputs extends Disposable, Patterns {
  /** In command-line order; scripts and thin archives are replaced by what they name. */
  readonly files: readonly InputFile[];
  /** One per wave. */
  readonly staged: readonly StagedSet[];
  /** ENTRY, OUTPUT and EXTERN of linker scripts. Options on the command line come first. */
  readonly scriptEntry: string | undefined;
  /** Of OUTPUT and OUTPUT_FORMAT(binary) in scripts of -T: as in GNU ld, other scripts come too late for them. */
  readonly scriptOutput: string | undefined;
  readonly isScriptOutputBinary: boolean;
  readonly scriptUndefinedSymbols: readonly string[];
  /** What linker scripts say of the output, and --defsym. */
  readonly layout: LayoutCommands;
  /** A script of -T has SECTIONS: there is no default plan. */
  readonly replacesPlan: boolean;
  /** Every file that was read, scripts too, in the order of opening: for --dependency-file and -t. */
  readonly openedPaths: readonly string[];
  /** Where libraries were looked for, in order. */
  readonly searchedDirectories: readonly string[];
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
    finder.files.release();
    throw error;
  }
}

/** The options with what OUTPUT and OUTPUT_FORMAT(binary) of scripts say where the command line does not. */
export function withScriptOutput(options: LinkOptions, { scriptOutput, isScriptOutputBinary }: Inputs): LinkOptions {
  const output = options.isOutputExplicit ? options.output : (scriptOutput ?? options.output);
  const isBinaryOutput = options.isBinaryOutput || isScriptOutputBinary;
  if (output === options.output && isBinaryOutput === options.isBinaryOutput) return options;
  return Object.freeze({ ...options, output, isBinaryOutput });
}

class InputFinder {
  readonly files: MappedFiles;
  readonly #options: LinkOptions;
  readonly #diagnostics: Diagnostics;
  readonly #search: LibrarySearch;
  readonly #slots: SlotMaker;
  readonly #remap: (path: string) => string | undefined;
  readonly #scripts = new Map<string, LinkerScript>();
  /** Of thin archives that lack members: what the member at each header defines. */
  readonly #indexes = new Map<string, Map<number, string[]>>();

  constructor(options: LinkOptions, diagnostics: Diagnostics) {
    this.#options = options;
    this.#diagnostics = diagnostics;
    this.#search = new LibrarySearch(options);
    this.#slots = new SlotMaker(options, this.#search);
    this.files = new MappedFiles(diagnostics);
    this.#remap = remapperOf(readRemappings(options, this.files, diagnostics));
  }

  run(): Inputs {
    const requests = this.#options.inputs.map((request) => this.#slots.fromRequest(request));
    const scripts = this.#options.linkerScripts.map((path) => this.#slots.fromRequest(fileRequest(path)));
    const top = [...scripts, ...requests];
    this.#resolve(top);
    const named = this.#named(scripts, requests);
    this.#resolve(named.filter((slot) => !requests.includes(slot)));

    const patterns = readPatternFiles(this.#options, this.files, this.#diagnostics);
    const commands = [...this.#scripts.values()];
    const versions = commands.flatMap((script) => (script.versions === undefined ? [] : [script.versions]));
    const versionScripts = [...versions, ...patterns.versionScripts, ...defaultVersions(this.#options)];
    tryToParse(this.#diagnostics, () => checkVersionNodes(versionScripts));
    const rest = top.filter((slot) => !named.includes(slot));
    const files = flattenSlots([...named, ...rest], this.#options);
    const mapped = this.files;
    const replacing = scripts.flatMap((slot) => this.#scripts.get(slot.path ?? "") ?? []);
    const others = commands.filter((script) => !replacing.includes(script));
    const assigned = [
      ...parseDefsyms(this.#options.defsyms, this.#diagnostics),
      ...readJustSymbols(this.#options.justSymbols, this.files, this.#diagnostics),
    ];
    const layout = joinLayouts([...replacing, ...others], assigned);
    if (checksSharedObjects(this.#options)) addNeededFiles(files, this.files, this.#options, process.env);
    return {
      files,
      staged: this.files.sets,
      scriptEntry: commands.find((script) => script.entry !== undefined)?.entry,
      scriptOutput: replacing.find((script) => script.output !== undefined)?.output,
      isScriptOutputBinary: replacing.some(({ isBinaryOutput }) => isBinaryOutput),
      scriptUndefinedSymbols: commands.flatMap((script) => script.undefinedSymbols),
      versionScripts,
      dynamicList: patterns.dynamicList,
      symbolOrder: patterns.symbolOrder,
      calls: patterns.calls,
      layout,
      replacesPlan: replacing.some(({ hasSections }) => hasSections),
      get openedPaths() {
        return mapped.openedPaths;
      },
      searchedDirectories: this.#search.directories,
      [Symbol.dispose]: () => this.files.release(),
    };
  }

  #resolve(slots: readonly Slot[]): void {
    let wave = slots;
    while (wave.length > 0) wave = this.#resolveWave(wave);
  }

  /** As in GNU ld: files that a script of -T speaks of by their names are inputs, before all others. */
  #named(scripts: readonly Slot[], requests: readonly Slot[]): Slot[] {
    const names = scripts.flatMap(({ path }) => {
      const script = path === undefined ? undefined : this.#scripts.get(path);
      return script === undefined ? [] : filesNamed(script);
    });
    return [...new Set(names)].map(
      (name) =>
        requests.find((_, i) => this.#options.inputs[i]!.kind === "file" && this.#options.inputs[i]!.name === name) ??
        this.#slots.fromRequest(fileRequest(name)),
    );
  }

  /** Finds and maps the files of these slots. Returns the slots that what was found asks for. */
  #resolveWave(wave: readonly Slot[]): Slot[] {
    const next: Slot[] = [];
    for (const slot of wave) this.#advance(slot);
    this.files.map(wave.filter((slot): slot is Slot & { path: string } => slot.path !== undefined));
    for (const slot of wave) {
      const file = slot.path === undefined ? undefined : this.files.get(slot.path);
      if (file === undefined) {
        this.#noteMissing(slot);
        continue;
      }
      const why = slot.searchedFor === undefined || slot.state.isBinary ? undefined : whyIncompatible(file);
      if (why !== undefined) {
        // The next directory may have one for this machine.
        if (this.#options.isWarnSearchMismatch)
          this.#diagnostics.add("skippingIncompatible", { path: file.path, searchedFor: slot.searchedFor!, why });
        next.push(slot);
        continue;
      }
      slot.file = file;
      this.#expand(slot, file);
      if (slot.parts !== undefined) next.push(...slot.parts);
    }
    return next;
  }

  /** A member of a thin archive that is not there: what it would define is in the archive's index, if it has one. */
  #noteMissing(slot: Slot): void {
    const { member, path } = slot;
    const reason = path === undefined ? undefined : this.files.whyMissing(path);
    if (path === undefined || member === undefined || reason === undefined) return;
    const names = slot.state.isWholeArchive || member.isArchive ? [] : this.#indexedNames(member);
    if (names.length > 0) slot.missing = { archive: member.archive, reason, names };
    else this.#diagnostics.add("thinMemberMissing", { archive: member.archive, member: path, reason });
  }

  #indexedNames({ archive, header }: ThinMember): readonly string[] {
    let index = this.#indexes.get(archive);
    if (index === undefined) {
      this.#indexes.set(archive, (index = new Map()));
      try {
        for (const symbol of readArchiveIndex(archive, this.files.get(archive)!.bytes())) {
          const names = index.get(symbol.header);
          if (names === undefined) index.set(symbol.header, [symbol.name]);
          else names.push(symbol.name);
        }
      } catch (error) {
        if (!(error instanceof FormatError)) throw error; // an index that cannot be read says nothing
      }
    }
    return index.get(header) ?? [];
  }

  /** Gives the slot its next path, or says that there is none. */
  #advance(slot: Slot): void {
    if (typeof slot.candidates === "string") {
      slot.path = this.#remap(slot.candidates);
      return;
    }
    const { value, done } = slot.candidates.next();
    slot.path = done === true ? undefined : this.#remap(value);
    if (slot.path !== undefined || done !== true) return;
    const isStatic = slot.libraryName !== undefined && slot.state.isStatic;
    const [shared] = isStatic ? this.#search.candidates(slot.libraryName, false) : [];
    this.#diagnostics.add("libraryNotFound", {
      library: slot.searchedFor!,
      searched: [...new Set(this.#search.directories.map((path) => normalize(path).replace(/(?<=.)\/$/, "")))],
      isStatic,
      ...(shared === undefined ? {} : { shared }),
    });
  }

  /** Judges a file that was found, and makes slots of what a script or a thin archive names. */
  #expand(slot: Slot, file: MappedFile): void {
    const { path, type } = file;
    if (slot.state.isBinary) return; // data, whatever it looks like
    // A thin archive that is in itself would have no end.
    const { member } = slot;
    if (member !== undefined && (type.kind === "thin-archive" || (member.isArchive && type.kind !== "archive"))) {
      const detail = `its member '${member.name}' is ${member.isArchive ? "no" : "a thin"} archive`;
      this.#diagnostics.add("malformedThinArchive", { path: member.archive, detail });
      return;
    }
    switch (type.kind) {
      case "object":
      case "archive":
        if (file.address === 0) this.#diagnostics.add("inputIsPipe", { path });
        return;
      case "bitcode":
        if (slot.state.isLazy || this.#options.plugins.length > 0) {
          // Resolve finds out whether it is needed, or a plugin takes it.
          if (file.address === 0) this.#diagnostics.add("inputIsPipe", { path });
          return;
        }
        this.#diagnostics.add(
          "bitcode",
          { compiler: irCompilerOf(file.bytes()) },
          { file: displayNameOf(path, slot.member) },
        );
        return;
      case "shared":
        this.#judgeShared(file);
        return;
      case "script":
      case "empty": // which is a script that says nothing
        slot.parts = this.#readScript(slot, file);
        return;
      case "thin-archive":
        slot.parts = this.#readThinArchive(slot, file);
        return;
      case "executable":
        this.#diagnostics.add("executableInput", { path });
        return;
      case "foreign":
        this.#diagnostics.add("incompatibleMachine", { path, what: type.what });
        return;
      case "unknown":
        this.#diagnostics.add("unknownFileType", { path, detail: type.detail });
    }
  }

  #judgeShared({ path, address }: MappedFile): void {
    if (this.#options.isStatic) this.#diagnostics.add("sharedInStaticLink", { path });
    else if (address === 0) this.#diagnostics.add("inputIsPipe", { path });
  }

  /** What INCLUDE names, from where a file of that name would be. */
  readonly #readInclude: IncludeReader = (name, from) => {
    const { candidates } = this.#slots.fromRequest(fileRequest(name), from.path);
    for (const path of typeof candidates === "string" ? [candidates] : { [Symbol.iterator]: () => candidates }) {
      this.files.map([{ path }]);
      const file = this.files.get(path);
      if (file !== undefined) return { path, text: textOf(file.bytes()) };
    }
    throw new ScriptError(from.path, from.line, `cannot find '${name}'`);
  };

  #readThinArchive(slot: Slot, file: MappedFile): Slot[] {
    try {
      const members = readThinArchive(file.path, file.bytes());
      return members.map((member) => this.#slots.fromThinArchive(slot, file.path, member));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.#diagnostics.add("malformedThinArchive", { path: file.path, detail: error.detail });
      return [];
    }
  }

  #readScript(slot: Slot, file: MappedFile): Slot[] {
    const { path } = file;
    if (slot.depth >= MAX_SCRIPT_DEPTH) {
      this.#diagnostics.add("scriptTooDeep", { path });
      return [];
    }
    let script = this.#scripts.get(path);
    if (script === undefined) {
      script = tryToParse(this.#diagnostics, () => parseLinkerScript(path, textOf(file.bytes()), this.#readInclude));
      if (script === undefined) return [];
      this.#scripts.set(path, script);
      for (const directory of script.searchDirectories) this.#search.addDirectory(directory);
      if (script.foreignFormat !== undefined)
        this.#diagnostics.add("outputFormat", { path, format: script.foreignFormat });
    }
    return script.inputs.map((input) => this.#slots.fromScript(slot, path, input));
  }
}
