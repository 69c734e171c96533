/**
 * Every option of the linker's command line, once: names, argument, help, group, and what it sets.
 * parse.ts matches arguments against these rows; `--help` and the documentation list them.
 *
 * Long names are written without dashes. A long option takes one dash or two, except that names which
 * start with `o` take two, as in GNU ld, because `-omagic` is `-o magic`.
 */
import { existsSync, statSync } from "node:fs";

import { isKnownBuildIdKind, parseAddress, parseBuildIdBytes, parseDefsym, parseNumber } from "./argument-values.ts";
import { type BuildId, type InputRequest, STANDARD_OUTPUT } from "./link-options.ts";
import type { Setting } from "./setting.ts";
import { done, ignored, isSo, type Outcome, refused, type Status, warned } from "./status.ts";
import { applyZ, spellZ, zTable } from "./z-keywords.ts";

/** The emulations that `-m` accepts. */
export const EMULATIONS = ["elf_x86_64"] as const;

export type Group =
  | "output"
  | "inputs"
  | "libraries"
  | "symbols"
  | "sections"
  | "dynamic"
  | "layout"
  | "reports"
  | "diagnostics"
  | "ignored";

export const groupTitles: Readonly<Record<Group, string>> = {
  output: "Output",
  inputs: "Inputs, with the state of the options before them",
  libraries: "Finding libraries",
  symbols: "Symbols",
  sections: "Sections",
  dynamic: "Dynamic linking",
  layout: "Layout",
  reports: "Reports",
  diagnostics: "Diagnostics",
  ignored: "Accepted for compatibility, without effect",
};

/**
 * How an option takes its argument. `none`; `required`: `--name=VALUE`, `--name VALUE`, and `-nVALUE` for
 * one-letter names; `optional`: only `--name=VALUE`.
 */
export type ArgumentForm = "none" | "required" | "optional";

export interface OptionRow extends Outcome {
  /** The first name is the one in messages and headings. */
  readonly names: readonly string[];
  readonly form: ArgumentForm;
  /** What the argument is, in capitals; empty for none. */
  readonly argument: string;
  readonly group: Group;
  readonly help: string;
  /** `value` is the argument, or "" where there is none. */
  readonly set: (setting: Setting, value: string) => void;
}

type Set = OptionRow["set"];

/** The names of a row are given as one string, `export-dynamic E`. */
const row = (
  names: string,
  form: ArgumentForm,
  argument: string,
  group: Group,
  help: string,
  set: Set,
  { status = done, statusOf = {}, ends }: Partial<Outcome> = {},
): OptionRow => ({ names: names.split(" "), form, argument, group, help, set, status, statusOf, ends });

const flag = (group: Group, names: string, help: string, set: Set): OptionRow =>
  row(names, "none", "", group, help, set);

const valued = (
  group: Group,
  names: string,
  argument: string,
  help: string,
  set: Set,
  outcome: Partial<Outcome> = {},
): OptionRow => row(names, "required", argument, group, help, set, outcome);

const optional = (group: Group, names: string, argument: string, help: string, set: Set): OptionRow =>
  row(names, "optional", argument, group, help, set);

const nothing: Set = () => undefined;

/** An option that does not do what its help says, or need not. */
const flagOf = (status: Status, group: Group, names: string, help: string): OptionRow =>
  row(names, "none", "", group, help, nothing, { status });

const valuedOf = (
  status: Status,
  group: Group,
  names: string,
  argument: string,
  help: string,
  set: Set = nothing,
  statusOf: Outcome["statusOf"] = {},
): OptionRow => row(names, "required", argument, group, help, set, { status, statusOf });

const optionalOf = (
  status: Status,
  group: Group,
  names: string,
  argument: string,
  help: string,
  set: Set = nothing,
  statusOf: Outcome["statusOf"] = {},
): OptionRow => row(names, "optional", argument, group, help, set, { status, statusOf });

/** An option that takes back one that is not done. */
const takesBack = (name: string, group: Group, names: string, help: string): OptionRow =>
  row(names, "none", "", group, help, nothing, { status: isSo, ends: name });

/** Accepted and ignored: what it asks for is what Spore does anyway, or has no meaning for it. */
const ignoredFlag = (names: string, why: string): OptionRow => flagOf(ignored(why), "ignored", names, why);
const ignoredValued = (names: string, argument: string, why: string, set = nothing): OptionRow =>
  valuedOf(ignored(why), "ignored", names, argument, why, set);
const ignoredOptional = (names: string, argument: string, why: string): OptionRow =>
  optionalOf(ignored(why), "ignored", names, argument, why);

/** Checks the argument of an option that sets nothing. */
const oneOf =
  (...words: readonly string[]): Set =>
  (setting, value) =>
    setWord(setting, value, words, () => undefined);

function addInput(setting: Setting, kind: InputRequest["kind"], name: string): void {
  setting.draft.inputs.push({ kind, name, ...setting.state });
}

/** Adds a file named on the command line. */
export function addFile(setting: Setting, name: string): void {
  addInput(setting, "file", name);
}

function badArgument(setting: Setting, value: string, expected: string): void {
  setting.diagnostics.add("badArgument", { option: setting.option, value, expected });
}

function setNumber(setting: Setting, value: string, set: (number: number) => void, radix: 10 | 16 = 10): void {
  const number = parseNumber(value, radix);
  if (number === undefined) badArgument(setting, value, "a number");
  else set(number);
}

/** Sets the address of a section, which is in hexadecimal with 0x or without. */
function setSectionStart(setting: Setting, section: string, value: string): void {
  const address = parseAddress(value);
  if (address === undefined) badArgument(setting, value, "an address in hexadecimal");
  else setting.draft.sectionStarts.set(section, address);
}

function setSegmentStart(setting: Setting, segment: string, value: string): void {
  const address = parseAddress(value);
  if (address === undefined) badArgument(setting, value, "an address in hexadecimal");
  else setting.draft.segmentStarts.set(segment, address);
}

/** Sets one of a list of words. */
function setWord<Word extends string>(
  setting: Setting,
  value: string,
  words: readonly Word[],
  set: (word: Word) => void,
): void {
  const word = words.find((known) => known === value);
  if (word === undefined) badArgument(setting, value, words.map((known) => `'${known}'`).join(" or "));
  else set(word);
}

/** Items of a list separated by commas or colons, as --exclude-libs has it. */
const listOf = (value: string): string[] => value.split(/[,:]/).filter((item) => item !== "");

/** As GNU ld joins what --audit and --depaudit name. */
const joined = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before}:${value}`;

/** Text in which `%7B` stands for `{`, as build systems write JSON that goes through several shells. */
const decodePercent = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll("%", ""), "hex").toString("utf8"));

function setBuildId(setting: Setting, value: string): void {
  if (value.startsWith("0x") || value.startsWith("0X")) {
    const bytes = parseBuildIdBytes(value.slice(2));
    setting.draft.buildId = bytes === undefined ? noBuildId(setting, value) : { kind: "hex", bytes };
    return;
  }
  const kind = value === "" || value === "tree" ? "sha1" : value;
  setting.draft.buildId = isKnownBuildIdKind(kind) ? { kind } : noBuildId(setting, value);
}

/** As in GNU ld, what is no kind of build id is no error, and none is made. */
function noBuildId({ diagnostics }: Setting, value: string): BuildId {
  diagnostics.add("unknownBuildId", { value });
  return { kind: "none" };
}

/** As in GNU ld, one without a plugin is an error; lld's habits are not: clang gives it options and no plugin. */
function addPluginOption({ draft }: Setting, option: string): void {
  const plugin = draft.plugins.pop();
  if (plugin !== undefined) draft.plugins.push({ ...plugin, options: [...plugin.options, option] });
}

function setOutputKind(setting: Setting, kind: "exec" | "pie" | "shared"): void {
  setting.draft.isShared = kind === "shared";
  setting.draft.isPie = kind === "pie";
}

const archivesAreSearched = ignored("archives are searched until nothing more is found, whatever their order");
const onlyLto = "it is for linkers that have LLVM inside; a plugin has options of its own, -plugin-opt";

export const optionTable: readonly OptionRow[] = [
  // As in lld and mold.
  valued(
    "output",
    "o output",
    "FILE",
    "Write the output to FILE instead of a.out; - is standard output",
    ({ draft }, value) => {
      draft.isOutputExplicit = true;
      draft.output = value === STANDARD_OUTPUT ? "/dev/stdout" : value;
    },
  ),
  flag("output", "shared Bshareable", "Make a shared object", (setting) => setOutputKind(setting, "shared")),
  flag("output", "pie pic-executable", "Make a position-independent executable", (setting) =>
    setOutputKind(setting, "pie"),
  ),
  flag("output", "no-pie no-pic-executable", "Make an executable at a fixed address", (setting) =>
    setOutputKind(setting, "exec"),
  ),
  flag("output", "relocatable r i Ur", "Make a relocatable object", ({ draft, state }) => {
    draft.isRelocatable = true;
    state.isStatic = true; // what is shared cannot be linked into an object
  }),
  flag("output", "static", "Link without shared objects", (setting) => {
    setting.draft.isStatic = true;
    setting.state.isStatic = true;
  }),
  valued("output", "m", "EMULATION", `Set the emulation: ${EMULATIONS.join(", ")}`, ({ draft, diagnostics }, value) => {
    const emulation = EMULATIONS.find((known) => known === value);
    if (emulation !== undefined) draft.emulation = emulation;
    else diagnostics.add("unknownEmulation", { emulation: value, supported: EMULATIONS.join(" ") });
  }),
  valued(
    "output",
    "oformat",
    "FORMAT",
    "Set the output's format: elf64-x86-64, or binary (what is loaded, without headers)",
    (setting, value) =>
      setWord(setting, value, ["elf64-x86-64", "elf", "default", "binary"], (format) => {
        setting.draft.isBinaryOutput = format === "binary";
      }),
  ),
  valued("output", "entry e", "SYMBOL", "Set the entry point", ({ draft }, value) => {
    draft.entry = value;
    draft.isEntryExplicit = true;
  }),
  flag("output", "strip-all s", "Omit all symbol and debug information", ({ draft }) => {
    draft.strip = "all";
  }),
  flag("output", "strip-debug S", "Omit debug information", ({ draft }) => {
    if (draft.strip === "none") draft.strip = "debug";
  }),
  flag("output", "discard-all x", "Omit all local symbols", ({ draft }) => {
    draft.discard = "all";
  }),
  flag("output", "discard-locals X", "Omit temporary local symbols", ({ draft }) => {
    draft.discard = "locals";
  }),
  flag("output", "discard-none", "Keep all local symbols", ({ draft }) => {
    draft.discard = "none";
  }),
  optional(
    "output",
    "build-id",
    "KIND",
    "Add a build id: fast, md5, sha1 (default), sha256, uuid, 0xHEX, none",
    setBuildId,
  ),
  flag("output", "no-build-id", "Add no build id", ({ draft }) => {
    draft.buildId = { kind: "none" };
  }),
  valued(
    "output",
    "compress-debug-sections",
    "KIND",
    "Compress debug sections: none, zlib, zstd",
    (setting, value) =>
      setWord(setting, value, ["none", "zlib", "zlib-gabi", "zstd"], (kind) => {
        setting.draft.compressDebugSections = kind === "zlib" || kind === "zlib-gabi" ? "zlib" : "none";
      }),
    { statusOf: { zstd: warned("debug sections stay uncompressed: only zlib is at hand") } },
  ),
  flagOf(refused("relocations are not kept"), "output", "emit-relocs q", "Keep the relocations in the output"),
  flagOf(warned("no index is made; gdb-add-index makes one"), "output", "gdb-index", "Make .gdb_index"),
  takesBack("gdb-index", "output", "no-gdb-index", "Make no .gdb_index"),
  flag("output", "eh-frame-hdr", "Make .eh_frame_hdr, which unwinders search", ({ draft }) => {
    draft.hasEhFrameHdr = true;
  }),
  flag("output", "no-eh-frame-hdr", "Make no .eh_frame_hdr", ({ draft }) => {
    draft.hasEhFrameHdr = false;
  }),
  flag("output", "ld-generated-unwind-info", "Make unwind information of the PLT (default)", ({ draft }) => {
    draft.isUnwindInfoMade = true;
  }),
  flag("output", "no-ld-generated-unwind-info", "Make no unwind information of the PLT", ({ draft }) => {
    draft.isUnwindInfoMade = false;
  }),
  optional("output", "package-metadata", "JSON", "Say in .note.package what package it is", ({ draft }, value) => {
    draft.packageMetadata = value === "" ? undefined : decodePercent(value);
  }),
  valued("output", "dependency-file", "FILE", "Write a make rule with all inputs to FILE", ({ draft }, value) => {
    draft.dependencyFile = value;
  }),

  flag("inputs", "whole-archive", "Link every member of the archives that follow", ({ state }) => {
    state.isWholeArchive = true;
  }),
  flag("inputs", "no-whole-archive", "End --whole-archive", ({ state }) => {
    state.isWholeArchive = false;
  }),
  flag("inputs", "as-needed", "Need shared objects that follow only if they are used", ({ state }) => {
    state.isAsNeeded = true;
  }),
  flag("inputs", "no-as-needed", "End --as-needed", ({ state }) => {
    state.isAsNeeded = false;
  }),
  flag("inputs", "Bstatic dn non_shared", "Search only archives for the libraries that follow", ({ state }) => {
    state.isStatic = true;
  }),
  flag("inputs", "Bdynamic dy call_shared", "Search shared objects, too: end -Bstatic", ({ state }) => {
    state.isStatic = false;
  }),
  // GNU ld's for HP/UX.
  valued("inputs", "a", "KEYWORD", "archive is -Bstatic; shared and default are -Bdynamic", (setting, value) =>
    setWord(setting, value, ["archive", "shared", "default"], (kind) => {
      setting.state.isStatic = kind === "archive";
    }),
  ),
  flag("inputs", "push-state", "Save the state of the options of this group", ({ state, savedStates }) => {
    savedStates.push({ ...state });
  }),
  flag("inputs", "pop-state", "Restore the state that was saved last", (setting) => {
    const saved = setting.savedStates.pop();
    if (saved === undefined)
      setting.diagnostics.add("unbalancedState", { option: "--pop-state", missing: "--push-state" });
    else setting.state = { ...saved, isLazy: setting.state.isLazy, isBinary: setting.state.isBinary };
  }),
  row(
    "start-group (",
    "none",
    "",
    "inputs",
    "Begin a group of archives that refer to each other",
    (setting) => {
      setting.openGroups.push(setting.option);
    },
    { status: archivesAreSearched },
  ),
  row(
    "end-group )",
    "none",
    "",
    "inputs",
    "End a group",
    (setting) => {
      if (setting.openGroups.pop() === undefined)
        setting.diagnostics.add("unbalancedState", { option: setting.option, missing: "--start-group" });
    },
    { status: archivesAreSearched },
  ),
  flag("inputs", "start-lib", "Treat the objects that follow as members of an archive", ({ state }) => {
    state.isLazy = true;
  }),
  flag("inputs", "end-lib", "End --start-lib", (setting) => {
    if (!setting.state.isLazy)
      setting.diagnostics.add("unbalancedState", { option: "--end-lib", missing: "--start-lib" });
    setting.state.isLazy = false;
  }),
  valued("inputs", "script T", "FILE", "Read a linker script", ({ draft }, value) => {
    draft.linkerScripts.push(value);
  }),
  valued("inputs", "default-script dT", "FILE", "Read a linker script where no other is given", ({ draft }, value) => {
    draft.defaultScript = value;
  }),
  valued(
    "inputs",
    "format b",
    "FORMAT",
    "Set the format of the inputs that follow: elf64-x86-64, binary (any file, as data), default",
    (setting, value) =>
      setWord(setting, value, ["elf64-x86-64", "elf", "default", "binary"], (format) => {
        setting.state.isBinary = format === "binary";
      }),
  ),
  valued(
    "inputs",
    "exclude-libs",
    "LIB,LIB...",
    "Do not export symbols of these archives, or of ALL",
    ({ draft }, value) => {
      draft.excludeLibs.push(...listOf(value));
    },
  ),

  valued("libraries", "library l", "NAME", "Link libNAME.so or libNAME.a; :FILE looks for FILE", (setting, value) =>
    addInput(setting, "library", value),
  ),
  valued(
    "libraries",
    "library-path L",
    "DIR",
    "Search DIR for libraries; =DIR is below the sysroot",
    ({ draft }, value) => {
      draft.libraryPaths.push(value);
    },
  ),
  valued(
    "libraries",
    "sysroot",
    "DIR",
    "Prefix of the directories that are searched by default",
    ({ draft }, value) => {
      draft.sysroot = value;
    },
  ),
  flag("libraries", "nostdlib", "Search only the directories of the command line", ({ draft }) => {
    draft.isNoStdlib = true;
  }),
  valued(
    "libraries",
    "rpath-link",
    "DIR:DIR...",
    "Search for shared objects that shared objects need",
    ({ draft }, value) => {
      draft.rpathLink.push(...value.split(":"));
    },
  ),
  // GNU ld's -Y gives default directories for Solaris; gcc passes it there only.
  valued("libraries", "Y", "DIR:DIR...", "Add directories to the default ones", ({ draft }, value) => {
    draft.libraryPaths.push(...value.replace(/^P,/, "").split(":"));
  }),

  valued(
    "symbols",
    "undefined u",
    "SYMBOL",
    "Make SYMBOL undefined, so that archives define it",
    ({ draft }, value) => {
      draft.undefinedSymbols.push(value);
    },
  ),
  valued(
    "symbols",
    "require-defined",
    "SYMBOL",
    "As -u, and an error when SYMBOL stays undefined",
    ({ draft }, value) => {
      draft.undefinedSymbols.push(value);
      draft.requiredSymbols.push(value);
    },
  ),
  valued(
    "symbols",
    "defsym",
    "SYMBOL=EXPRESSION",
    "Define SYMBOL: an expression of numbers, symbols and operators, as in linker scripts",
    (setting, value) => {
      const defsym = parseDefsym(value);
      if (defsym === undefined) badArgument(setting, value, "SYMBOL=EXPRESSION");
      else setting.draft.defsyms.push(defsym);
    },
  ),
  valued("symbols", "wrap", "SYMBOL", "Let __wrap_SYMBOL answer references to SYMBOL", ({ draft }, value) => {
    draft.wrappedSymbols.push(value);
  }),
  valued("symbols", "version-script", "FILE", "Read symbol versions", ({ draft }, value) => {
    draft.versionScripts.push(value);
  }),
  flag("symbols", "no-undefined-version", "Versions of undefined symbols are errors", ({ draft }) => {
    draft.isNoUndefinedVersion = true;
  }),
  flag("symbols", "undefined-version", "Allow versions of undefined symbols", ({ draft }) => {
    draft.isNoUndefinedVersion = false;
  }),
  valuedOf(
    refused("symbols are kept or stripped as a whole"),
    "symbols",
    "retain-symbols-file",
    "FILE",
    "Keep only the symbols that FILE lists",
  ),
  flag("symbols", "no-undefined", "Undefined symbols are errors in shared objects, too", ({ draft }) => {
    draft.unresolvedInObjects = "report";
  }),
  flag("symbols", "allow-shlib-undefined", "Do not check the undefined symbols of shared objects", ({ draft }) => {
    draft.unresolvedInShared = "ignore";
  }),
  flag("symbols", "no-allow-shlib-undefined", "Check the undefined symbols of shared objects", ({ draft }) => {
    draft.unresolvedInShared = "report";
  }),
  valued("symbols", "unresolved-symbols", "METHOD", "Which undefined symbols are errors", (setting, value) =>
    setWord(
      setting,
      value,
      ["report-all", "ignore-all", "ignore-in-object-files", "ignore-in-shared-libs"],
      (method) => {
        const { draft } = setting;
        const isIgnored = (where: string): boolean => method === "ignore-all" || method === where;
        draft.unresolvedInObjects = isIgnored("ignore-in-object-files") ? "ignore" : "report";
        draft.unresolvedInShared = isIgnored("ignore-in-shared-libs") ? "ignore" : "report";
      },
    ),
  ),
  flag("symbols", "warn-unresolved-symbols noinhibit-exec", "Undefined symbols are warnings", ({ draft }) => {
    draft.isWarnUnresolved = true;
  }),
  flag("symbols", "error-unresolved-symbols", "Undefined symbols are errors", ({ draft }) => {
    draft.isWarnUnresolved = false;
  }),
  flag("symbols", "allow-multiple-definition", "Use the first of several definitions", ({ draft }) => {
    draft.isAllowMultipleDefinition = true;
  }),
  flag("symbols", "no-allow-multiple-definition", "Several definitions are an error", ({ draft }) => {
    draft.isAllowMultipleDefinition = false;
  }),
  row(
    "define-common d dc dp",
    "none",
    "",
    "symbols",
    "Give common symbols space, with -r too",
    ({ draft }) => {
      draft.relocatable.isCommonDefined = true;
    },
    { ends: "no-define-common" },
  ),
  flagOf(
    warned("common symbols are always defined"),
    "symbols",
    "no-define-common",
    "Leave common symbols undefined with -shared",
  ),
  flag("symbols", "gnu-unique", "Keep STB_GNU_UNIQUE symbols unique (default)", ({ draft }) => {
    draft.isGnuUnique = true;
  }),
  flag("symbols", "no-gnu-unique", "Make STB_GNU_UNIQUE symbols ordinary ones", ({ draft }) => {
    draft.isGnuUnique = false;
  }),
  valued(
    "symbols",
    "undefined-glob",
    "GLOB",
    "Link the archive members that define names which match",
    ({ draft }, value) => {
      draft.undefinedGlobs.push(value);
    },
  ),
  flagOf(
    warned("global symbols of discarded sections are left out"),
    "symbols",
    "no-strip-discarded",
    "Keep the global symbols of discarded sections",
  ),
  takesBack("no-strip-discarded", "symbols", "strip-discarded", "Leave out symbols of discarded sections"),
  optionalOf(
    warned("common symbols stay in the order of the inputs"),
    "symbols",
    "sort-common",
    "ORDER",
    "Sort common symbols by alignment: descending, ascending",
    oneOf("", "descending", "ascending"),
  ),
  flagOf(
    warned("a common symbol is taken from an archive's member that defines it"),
    "symbols",
    "no-fortran-common",
    "Do not search archives for definitions of common symbols",
  ),
  takesBack("no-fortran-common", "symbols", "fortran-common", "Search archives for definitions of common symbols"),

  flag("sections", "gc-sections", "Drop sections that nothing refers to", ({ draft }) => {
    draft.isGcSections = true;
  }),
  flag("sections", "no-gc-sections", "Keep all sections", ({ draft }) => {
    draft.isGcSections = false;
  }),
  flag("sections", "print-gc-sections", "List the sections that were dropped", ({ draft }) => {
    draft.isPrintGcSections = true;
  }),
  flag("sections", "no-print-gc-sections", "Do not list them", ({ draft }) => {
    draft.isPrintGcSections = false;
  }),
  flag("sections", "gc-keep-exported", "With --gc-sections, keep global symbols that are not hidden", ({ draft }) => {
    draft.isGcKeepExported = true;
  }),
  optional(
    "sections",
    "icf",
    "KIND",
    "Let one of identical sections stand for all: none, safe (where nobody compares their addresses), all",
    (setting, value) =>
      setWord(setting, value === "" ? "all" : value, ["none", "safe", "all"], (kind) => {
        setting.draft.icf = kind;
      }),
  ),
  flag("sections", "no-icf", "Fold no sections", ({ draft }) => {
    draft.icf = "none";
  }),
  flag("sections", "print-icf-sections", "List the sections that were folded", ({ draft }) => {
    draft.isPrintIcfSections = true;
  }),
  flag("sections", "no-print-icf-sections", "Do not list them", ({ draft }) => {
    draft.isPrintIcfSections = false;
  }),
  valued("sections", "keep-unique", "SYMBOL", "Give no other symbol the address of SYMBOL", ({ draft }, value) => {
    draft.keepUnique.push(value);
  }),
  flag("sections", "ignore-data-address-equality", "Fold read-only data, too, whoever compares it", ({ draft }) => {
    draft.isDataFolded = true;
  }),
  ignoredFlag("ignore-function-address-equality", "functions have one address everywhere"),
  flag("sections", "relax", "Relax GOT and TLS code sequences", ({ draft }) => {
    draft.isRelax = true;
  }),
  flag("sections", "no-relax", "Keep code sequences as they are", ({ draft }) => {
    draft.isRelax = false;
  }),
  valued(
    "sections",
    "symbol-ordering-file",
    "FILE",
    "Lay functions and data out as FILE lists them",
    ({ draft }, value) => {
      draft.symbolOrderingFile = value;
    },
  ),
  flag("sections", "warn-symbol-ordering", "Warn of listed symbols that nothing defines (default)", ({ draft }) => {
    draft.isWarnSymbolOrdering = true;
  }),
  flag("sections", "no-warn-symbol-ordering", "Do not warn of them", ({ draft }) => {
    draft.isWarnSymbolOrdering = false;
  }),
  valued(
    "sections",
    "call-graph-ordering-file",
    "FILE",
    "Lay functions out near those that call them: FILE has lines of caller, callee, weight",
    ({ draft }, value) => {
      draft.callGraphFile = value;
    },
  ),
  optional("sections", "shuffle-sections", "SEED", "Lay functions out in a random order", (setting, value) => {
    // As in lld, GLOB=SEED; only code is shuffled here.
    const seed = value.slice(value.lastIndexOf("=") + 1);
    if (seed === "" || seed === "-1") setting.draft.shuffleSeed = 1 + Math.floor(Math.random() * (2 ** 32 - 1)); // node:crypto takes 3 ms to load
    else
      setNumber(setting, seed, (number) => {
        setting.draft.shuffleSeed = number;
      });
  }),
  valued("sections", "sort-section", "KEY", "Sort the sections of wildcards: name, alignment", (setting, value) =>
    setWord(setting, value, ["name", "alignment"], (word) => {
      setting.draft.sortSection = word;
    }),
  ),
  optional(
    "sections",
    "call-graph-profile-sort",
    "KIND",
    "Lay functions out by the profiles of Clang's objects: hfsort, cdsort (as hfsort), none (default)",
    (setting, value) =>
      setWord(setting, value === "" ? "hfsort" : value, ["hfsort", "cdsort", "none"], (kind) => {
        setting.draft.isSortedByProfile = kind !== "none";
      }),
  ),
  flag("sections", "no-call-graph-profile-sort", "Do not sort functions by calls", ({ draft }) => {
    draft.isSortedByProfile = false;
  }),
  flagOf(
    warned("hot and cold code is always apart"),
    "sections",
    "no-text-reorder",
    "Do not lay hot and cold code out apart",
  ),
  takesBack("no-text-reorder", "sections", "text-reorder", "Lay hot and cold code out apart"),
  optional(
    "sections",
    "unique",
    "SECTION",
    "With -r, give each input section that matches an output section of its own",
    ({ draft }, value) => {
      if (value === "") draft.relocatable.hasUniqueOrphans = true;
      else draft.relocatable.uniqueSections.push(value);
    },
  ),
  valued(
    "sections",
    "orphan-handling",
    "MODE",
    "What becomes of sections that no statement names: place, warn, error, discard",
    (setting, value) =>
      setWord(setting, value, ["place", "warn", "error", "discard"], (word) => {
        setting.draft.orphanHandling = word;
      }),
  ),
  optionalOf(
    warned("sections are not split"),
    "sections",
    "split-by-file",
    "SIZE",
    "Begin a new output section with each file",
  ),
  flagOf(
    warned("type information in .ctf is copied, not merged"),
    "sections",
    "ctf-variables",
    "Put static variables into .ctf",
  ),
  takesBack("ctf-variables", "sections", "no-ctf-variables", "Put no static variables into .ctf"),
  valuedOf(
    warned("type information in .ctf is copied, not merged"),
    "sections",
    "ctf-share-types",
    "METHOD",
    "How types of several files are merged in .ctf",
    oneOf("share-unconflicted", "share-duplicated"),
  ),
  flagOf(
    warned("equal CIEs are merged, and .eh_frame_hdr is made where it is asked for"),
    "sections",
    "traditional-format",
    "Do not optimise .eh_frame",
  ),

  valued("dynamic", "dynamic-linker I", "FILE", "Set the interpreter's path", ({ draft }, value) => {
    draft.dynamicLinker = value;
    draft.isNoDynamicLinker = false;
  }),
  flag("dynamic", "no-dynamic-linker", "Ask for no interpreter, as a static PIE does", ({ draft }) => {
    draft.isNoDynamicLinker = true;
  }),
  valued("dynamic", "soname h", "NAME", "Set DT_SONAME", ({ draft, diagnostics }, value) => {
    if (value === "") diagnostics.add("emptySoname", { kept: draft.soname });
    else draft.soname = value;
  }),
  valued("dynamic", "rpath", "DIR:DIR...", "Add to DT_RUNPATH", ({ draft }, value) => {
    draft.rpaths.push(value);
  }),
  // As GNU ld: -R is --just-symbols when its argument is a file, -rpath when it is a directory, or nothing yet.
  valued("dynamic", "R", "DIR", "As --rpath; as --just-symbols when it is a file", (setting, value) => {
    const isFile = existsSync(value) && !statSync(value).isDirectory();
    if (isFile) setting.draft.justSymbols.push(value);
    else setting.draft.rpaths.push(value);
  }),
  flag("dynamic", "enable-new-dtags", "Use DT_RUNPATH", ({ draft }) => {
    draft.isNewDtags = true;
  }),
  flag("dynamic", "disable-new-dtags", "Use DT_RPATH", ({ draft }) => {
    draft.isNewDtags = false;
  }),
  flag("dynamic", "export-dynamic E", "Export the symbols of an executable", ({ draft }) => {
    draft.isExportDynamic = true;
  }),
  flag("dynamic", "no-export-dynamic", "Export only what shared objects refer to", ({ draft }) => {
    draft.isExportDynamic = false;
  }),
  valued("dynamic", "export-dynamic-symbol", "GLOB", "Export the symbols that match", ({ draft }, value) => {
    draft.exportDynamicSymbols.push(value);
  }),
  valued("dynamic", "export-dynamic-symbol-list", "FILE", "Export the symbols that FILE lists", ({ draft }, value) => {
    draft.exportDynamicSymbolLists.push(value);
  }),
  valued(
    "dynamic",
    "dynamic-list",
    "FILE",
    "Export the symbols that FILE lists; of a shared object, bind all others",
    ({ draft }, value) => {
      draft.dynamicLists.push(value);
    },
  ),
  flag("dynamic", "dynamic-list-data", "As --dynamic-list with the names of all data", ({ draft }) => {
    draft.isDataListed = true;
  }),
  flag("dynamic", "dynamic-list-cpp-new", "As --dynamic-list with C++'s operators new and delete", ({ draft }) => {
    draft.listedCxxNames.push("operator new*", "operator delete*");
  }),
  flag("dynamic", "dynamic-list-cpp-typeinfo", "As --dynamic-list with C++'s type information", ({ draft }) => {
    draft.listedCxxNames.push("typeinfo name for*", "typeinfo for*");
  }),
  flag("dynamic", "Bsymbolic", "Bind references to a shared object's own symbols", ({ draft }) => {
    draft.symbolic = "all";
  }),
  flag("dynamic", "Bsymbolic-functions", "Bind references to its own functions", ({ draft }) => {
    draft.symbolic = "functions";
  }),
  flag("dynamic", "Bsymbolic-non-weak", "Bind references to its own non-weak symbols", ({ draft }) => {
    draft.symbolic = "non-weak";
  }),
  flag("dynamic", "Bsymbolic-non-weak-functions", "Bind references to its own non-weak functions", ({ draft }) => {
    draft.symbolic = "non-weak-functions";
  }),
  flag("dynamic", "Bgroup", "Look symbols up only in the group that is loaded with the object", ({ draft }) => {
    draft.isGroup = true;
    draft.unresolvedInObjects = "report";
  }),
  flag("dynamic", "Bno-symbolic", "Bind nothing: end -Bsymbolic", ({ draft }) => {
    draft.symbolic = "none";
  }),
  valued("dynamic", "hash-style", "STYLE", "Set the symbol hash tables: sysv, gnu, both", (setting, value) =>
    setWord(setting, value, ["sysv", "gnu", "both", "none"], (style) => {
      setting.draft.hashStyle = style;
    }),
  ),
  valued("dynamic", "pack-dyn-relocs", "KIND", "Pack relative relocations: none, relr", (setting, value) =>
    setWord(setting, value, ["none", "relr"], (kind) => {
      setting.draft.packsDynamicRelocations = kind;
    }),
  ),
  valued("dynamic", "init", "SYMBOL", "Set DT_INIT", ({ draft }, value) => {
    draft.initSymbol = value;
  }),
  valued("dynamic", "fini", "SYMBOL", "Set DT_FINI", ({ draft }, value) => {
    draft.finiSymbol = value;
  }),
  valued("dynamic", "auxiliary f", "NAME", "Add DT_AUXILIARY", ({ draft }, value) => {
    draft.auxiliary.push(value);
  }),
  valued("dynamic", "filter F", "NAME", "Add DT_FILTER", ({ draft }, value) => {
    draft.filter.push(value);
  }),
  valued("dynamic", "spare-dynamic-tags", "N", "Leave N entries of .dynamic empty; 0 by default", (setting, value) =>
    setNumber(setting, value, (number) => {
      if (number > 0xffff) badArgument(setting, value, "at most 65535");
      else setting.draft.spareDynamicTags = number;
    }),
  ),
  valued("dynamic", "audit", "LIB", "Set DT_AUDIT", ({ draft }, value) => {
    draft.audit = joined(draft.audit, value);
  }),
  valued("dynamic", "depaudit P", "LIB", "Set DT_DEPAUDIT", ({ draft }, value) => {
    draft.depaudit = joined(draft.depaudit, value);
  }),
  row(
    "z",
    "required",
    "KEYWORD",
    "dynamic",
    `Set a flag of the output: ${zTable.map(spellZ).join(", ")}`,
    (setting, value) => applyZ(setting, value),
  ),
  flag("dynamic", "copy-dt-needed-entries add-needed", "Link with what shared objects need", ({ draft }) => {
    draft.isAddNeededCopied = true;
  }),
  flag("dynamic", "no-copy-dt-needed-entries no-add-needed", "Link only with what is named", ({ draft }) => {
    draft.isAddNeededCopied = false;
  }),

  valued("layout", "image-base", "ADDRESS", "Set the address of the image", (setting, value) =>
    setNumber(setting, value, (number) => {
      setting.draft.imageBase = number;
    }),
  ),
  valued("layout", "Ttext", "ADDRESS", "Set the address of .text, in hexadecimal", (setting, value) =>
    setSectionStart(setting, ".text", value),
  ),
  valued("layout", "Ttext-segment", "ADDRESS", "Set the address of the image, in hexadecimal", (setting, value) =>
    setNumber(
      setting,
      value,
      (number) => {
        setting.draft.imageBase = number;
      },
      16,
    ),
  ),
  valued(
    "layout",
    "Trodata-segment",
    "ADDRESS",
    "Set the address of the rodata-segment of a script",
    (setting, value) => setSegmentStart(setting, "rodata-segment", value),
  ),
  valued("layout", "Tldata-segment", "ADDRESS", "Set the address of the ldata-segment of a script", (setting, value) =>
    setSegmentStart(setting, "ldata-segment", value),
  ),
  valued("layout", "Tdata", "ADDRESS", "Set the address of .data, in hexadecimal", (setting, value) =>
    setSectionStart(setting, ".data", value),
  ),
  valued("layout", "Tbss", "ADDRESS", "Set the address of .bss, in hexadecimal", (setting, value) =>
    setSectionStart(setting, ".bss", value),
  ),
  valued(
    "layout",
    "section-start",
    "SECTION=ADDRESS",
    "Set the address of a section, in hexadecimal",
    (setting, value) => {
      const at = value.indexOf("=");
      if (at < 1) badArgument(setting, value, "SECTION=ADDRESS");
      else setSectionStart(setting, value.slice(0, at), value.slice(at + 1));
    },
  ),
  flag("layout", "check-sections", "Refuse sections that a script lays over one another", ({ draft }) => {
    draft.isCheckSections = true;
  }),
  flag("layout", "no-check-sections", "Do not look for sections that lie over one another", ({ draft }) => {
    draft.isCheckSections = false;
  }),
  flag("layout", "print-memory-usage", "Print how much of each memory region of a script is taken", ({ draft }) => {
    draft.isPrintMemoryUsage = true;
  }),
  // As GNU ld: what has no pages of its own is not linked with shared objects, and --no-omagic does not end that.
  flag("layout", "omagic N", "Make all segments writable and executable, search only archives", (setting) => {
    setting.draft.paged = "none";
    setting.state.isStatic = true;
  }),
  flag("layout", "no-omagic", "End --omagic", ({ draft }) => {
    draft.paged = "segments";
  }),
  flag("layout", "nmagic n", "Align nothing but data to pages, search only archives", (setting) => {
    setting.draft.paged = "data";
    setting.state.isStatic = true;
  }),
  flag("layout", "no-nmagic", "End --nmagic", ({ draft }) => {
    draft.paged = "segments";
  }),
  takesBack("no-rosegment", "layout", "rosegment", "Keep read-only data in a segment of its own"),
  flagOf(warned("read-only data has a segment of its own"), "layout", "no-rosegment", "Keep read-only data with code"),

  valued(
    "reports",
    "Map",
    "FILE",
    "Write a map of the output to FILE, or into a directory; - is standard output, % the output's path",
    ({ draft, diagnostics }, value) => {
      if (value === "") diagnostics.add("emptyMap", {});
      draft.mapFile = value === "" ? undefined : value;
    },
  ),
  flag("reports", "print-map M", "Write a map to standard output", ({ draft }) => {
    draft.mapFile = STANDARD_OUTPUT;
  }),
  flag("reports", "cref", "Write which files mention which symbols, to the map or to standard output", ({ draft }) => {
    draft.isCref = true;
  }),
  flag("reports", "no-cref", "End --cref", ({ draft }) => {
    draft.isCref = false;
  }),
  // GNU ld's --trace takes no argument: with one, it is ours.
  optional(
    "reports",
    "trace",
    "FILE",
    "List input files; with FILE, write a timeline of the link in Chrome's format",
    ({ draft }, value) => {
      if (value === "") draft.isTraceInputs = true;
      else draft.traceFile = value;
    },
  ),
  flag("reports", "t", "List input files", ({ draft }) => {
    draft.isTraceInputs = true;
  }),
  valued("reports", "trace-symbol y", "SYMBOL", "List the files that mention SYMBOL", ({ draft }, value) => {
    draft.tracedSymbols.push(value);
  }),
  valued(
    "reports",
    "why why-live",
    "NAME",
    "Say what brought a symbol, object, member or library into the link",
    ({ draft }, value) => {
      draft.whyNames.push(value);
    },
  ),
  valued(
    "reports",
    "reproduce",
    "FILE",
    "Write an archive with all inputs, and a response file that links them elsewhere",
    ({ draft }, value) => {
      draft.reproduce = value;
    },
  ),
  flag("reports", "stats perf", "Print time and memory of each pass", ({ draft }) => {
    draft.isStats = true;
  }),
  flagOf(warned("use --cref"), "reports", "print-dependencies", "Print which file uses which symbol of which file"),
  flagOf(
    warned("the map lists what is kept"),
    "reports",
    "print-map-discarded",
    "List sections that were discarded in the map",
  ),
  takesBack("print-map-discarded", "reports", "no-print-map-discarded", "List only what is kept in the map"),
  flagOf(warned("the map has no local symbols"), "reports", "print-map-locals", "List local symbols in the map"),
  takesBack("print-map-locals", "reports", "no-print-map-locals", "List no local symbols in the map"),
  flag("reports", "help", "Print this help", ({ draft }) => {
    draft.queries.isHelp = true;
  }),
  flag("reports", "version", "Print the version", ({ draft }) => {
    draft.queries.isVersion = true;
  }),
  flag("reports", "v", "Print the version, and link what is given", ({ draft }) => {
    draft.queries.isShortVersion = true;
  }),
  flag("reports", "V", "Print the version and the emulations, and link what is given", ({ draft }) => {
    draft.queries.isLongVersion = true;
  }),
  optional(
    "reports",
    "verbose dll-verbose",
    "LEVEL",
    "Print the version, the linker script in use and each file that is opened",
    ({ draft }) => {
      draft.isVerbose = true;
      draft.queries.isShortVersion = true;
    },
  ),
  flag("reports", "print-output-format", "Print the output's format", ({ draft }) => {
    draft.queries.isPrintOutputFormat = true;
  }),
  flag("reports", "print-sysroot", "Print the sysroot", ({ draft }) => {
    draft.queries.isPrintSysroot = true;
  }),

  valued("diagnostics", "error-limit", "N", "List at most N errors; 0 lists all", (setting, value) =>
    setNumber(setting, value, (number) => {
      setting.draft.errorLimit = number;
    }),
  ),
  valued(
    "diagnostics",
    "diagnostics",
    "FORMAT",
    "Print errors and warnings as text, as json (one object a line) or as sarif (2.1.0)",
    (setting, value) =>
      setWord(setting, value, ["text", "json", "sarif"], (format) => {
        setting.draft.diagnosticsFormat = format;
      }),
  ),
  optional("diagnostics", "demangle", "STYLE", "Print C++ and Rust names as in the source", ({ draft }) => {
    draft.isDemangle = true;
  }),
  flag("diagnostics", "no-demangle", "Print names as in the files", ({ draft }) => {
    draft.isDemangle = false;
  }),
  flag("diagnostics", "fatal-warnings", "Warnings are errors", ({ draft }) => {
    draft.isFatalWarnings = true;
  }),
  flag("diagnostics", "no-fatal-warnings", "Warnings are warnings", ({ draft }) => {
    draft.isFatalWarnings = false;
  }),
  flag("diagnostics", "warn-textrel warn-shared-textrel", "Warn of text relocations (default)", ({ draft }) => {
    draft.z.textRelocations = "warning";
  }),
  flag("diagnostics", "warn-execstack", "Warn of an executable stack, also of one by -z execstack", ({ draft }) => {
    draft.isWarnExecStack = true;
  }),
  flag("diagnostics", "no-warn-execstack", "Do not warn of an executable stack", ({ draft }) => {
    draft.isWarnExecStack = false;
  }),
  flag("diagnostics", "warn-rwx-segments", "Warn of segments that may be written and run (default)", ({ draft }) => {
    draft.isWarnRwxSegments = true;
  }),
  flag("diagnostics", "no-warn-rwx-segments", "Do not warn of such segments", ({ draft }) => {
    draft.isWarnRwxSegments = false;
  }),
  flag("diagnostics", "warn-search-mismatch", "Name libraries for other machines that are passed by", ({ draft }) => {
    draft.isWarnSearchMismatch = true;
  }),
  flag("diagnostics", "no-warn-search-mismatch", "Do not name them", ({ draft }) => {
    draft.isWarnSearchMismatch = false;
  }),
  flag("diagnostics", "no-warnings w", "Print no warnings", ({ draft }) => {
    draft.isNoWarnings = true;
  }),
  optional("diagnostics", "color-diagnostics", "WHEN", "Colour diagnostics: auto, always, never", (setting, value) =>
    setWord(setting, value === "" ? "always" : value, ["auto", "always", "never"], (when) => {
      setting.draft.colorDiagnostics = when;
    }),
  ),
  flag("diagnostics", "no-color-diagnostics", "Do not colour diagnostics", ({ draft }) => {
    draft.colorDiagnostics = "never";
  }),
  optional("diagnostics", "threads", "N", "Use N workers; one per core by default", (setting, value) => {
    if (value === "") return;
    setNumber(setting, value, (number) => {
      if (number === 0) badArgument(setting, value, "at least 1");
      else setting.draft.threads = number;
    });
  }),
  valued("diagnostics", "thread-count", "N", "As --threads=N", (setting, value) =>
    setNumber(setting, value, (number) => {
      if (number === 0) badArgument(setting, value, "at least 1");
      else setting.draft.threads = number;
    }),
  ),
  flag("diagnostics", "no-threads", "Use one worker", ({ draft }) => {
    draft.threads = 1;
  }),
  flag("diagnostics", "fork", "Let a process free memory after a large link has ended (the default)", ({ draft }) => {
    draft.isFork = true;
  }),
  flag("diagnostics", "no-fork", "Leave no process behind, not even while it frees memory", ({ draft }) => {
    draft.isFork = false;
  }),

  flagOf(warned("common symbols are not compared"), "diagnostics", "warn-common", "Warn of several common symbols"),
  takesBack("warn-common", "diagnostics", "no-warn-common", "Do not warn of common symbols"),
  flagOf(
    warned("where sections begin is not compared"),
    "diagnostics",
    "warn-section-align",
    "Warn of sections whose address changes because of their alignment",
  ),
  flagOf(
    warned("inputs for other machines are always refused"),
    "diagnostics",
    "no-warn-mismatch",
    "Link inputs that do not go together",
  ),
  takesBack("no-warn-mismatch", "diagnostics", "warn-mismatch", "Refuse inputs that do not go together"),

  // What compilers pass in case of link-time optimisation.
  valued(
    "inputs",
    "plugin",
    "FILE",
    "Let this plugin compile inputs that are a compiler's intermediate language: GCC's liblto_plugin.so, LLVM's LLVMgold.so",
    ({ draft }, path) => draft.plugins.push({ path, options: [] }),
  ),
  valued("inputs", "plugin-opt", "OPTION", "An option for the plugin before it", addPluginOption),
  ignoredOptional("lto-O lto-partitions thinlto-jobs thinlto-cache-dir thinlto-cache-policy", "VALUE", onlyLto),
  ignoredFlag("no-lto lto-whole-program-visibility", onlyLto),
  ignoredFlag("fat-lto-objects no-fat-lto-objects", "the machine code of an object is linked"),
  ignoredFlag("strip-lto-sections", "sections for link-time optimisation are never copied"),
  ignoredValued("mllvm", "OPTION", onlyLto),

  // What GNU ld accepts and ignores, too, or has for other machines and formats.
  ignoredValued(
    "assert",
    "KEYWORD",
    "as in GNU ld, which has it for SunOS",
    oneOf("definitions", "nodefinitions", "nosymbolic", "pure-text"),
  ),
  ignoredValued("G gpsize", "SIZE", "x86-64 has no small data"),
  ignoredFlag("EL", "x86-64 is little-endian"),
  ignoredFlag("Qy g qmagic", "as in GNU ld"),
  ignoredFlag("p no-pipeline-knowledge relax-gp no-relax-gp", "it is for other machines"),
  ignoredFlag("warn-multiple-gp warn-alternate-em", "it is for other machines"),
  ignoredFlag("warn-constructors", "it is for object formats that know constructors"),
  ignoredFlag("accept-unknown-input-arch no-accept-unknown-input-arch", "inputs for other machines are refused"),

  // What asks for how the link is done, not for what comes out.
  ignoredValued("O", "LEVEL", "hash tables and merged strings are made in one way"),
  ignoredValued("hash-size", "N", "it is about the linker's memory"),
  ignoredValued("max-cache-size", "BYTES", "inputs are mapped"),
  ignoredFlag("no-keep-memory keep-memory reduce-memory-overheads", "inputs are mapped"),
  ignoredFlag("map-whole-files no-map-whole-files mmap-output-file no-mmap-output-file", "inputs are mapped"),
  ignoredFlag("posix-fallocate no-posix-fallocate keep-files-mapped no-keep-files-mapped", "inputs are mapped"),
  ignoredFlag("preload quick-exit no-quick-exit", "nothing stays between links"),
  ignoredFlag("incremental no-incremental", "a link is whole"),

  // What is so already, whatever is said.
  ignoredFlag("warn-once", "errors of one symbol are one"),
  ignoredFlag("combreloc", "dynamic relocations are in one section and sorted"),
  ignoredFlag("ctors-in-init-array", ".ctors always becomes part of .init_array"),
  ignoredFlag("no-dependent-libraries", "what .deplibs names is not linked"),
  ignoredFlag("no-apply-dynamic-relocs", "addends are in the relocations only"),
  ignoredOptional("split-by-reloc", "N", "sections may have any number of relocations"),
  flag("output", "force-group-allocation", "With -r, dissolve groups of sections", ({ draft }) => {
    draft.relocatable.isGroupDissolved = true;
  }),
  ignoredValued("icf-iterations", "N", "sections are told apart until nothing is"),

  // Checks of other linkers, which GNU ld does not make.
  ignoredFlag("warn-ifunc-textrel detect-odr-violations no-detect-odr-violations", "a check of gold's"),
  ignoredFlag("warn-backrefs no-warn-backrefs", "a check of lld's"),
  ignoredValued("warn-backrefs-exclude", "GLOB", "a check of lld's"),

  valuedOf(
    warned("libraries are looked for by their names only"),
    "libraries",
    "A architecture",
    "NAME",
    "Look for libraries whose name ends in NAME, too",
  ),
  flagOf(
    warned("what .deplibs names is not linked"),
    "libraries",
    "dependent-libraries",
    "Link with what the inputs' .deplibs name",
  ),
  flagOf(
    warned("addends are in the relocations only"),
    "dynamic",
    "apply-dynamic-relocs",
    "Store addends where dynamic relocations apply, too",
  ),
  flagOf(
    warned("dynamic relocations are in one section and sorted"),
    "dynamic",
    "nocombreloc",
    "Keep dynamic relocations by section",
  ),
  flagOf(
    warned("the output has the name that was asked for"),
    "output",
    "force-exe-suffix",
    "Copy the output to a file whose name ends in .exe",
  ),

  valued("inputs", "just-symbols", "FILE", "Take the addresses of symbols from a linked FILE", ({ draft }, value) => {
    draft.justSymbols.push(value);
  }),
  valued(
    "inputs",
    "remap-inputs",
    "PATTERN=FILE",
    "Open FILE instead of inputs that match PATTERN; /dev/null leaves them out",
    (setting, value) => {
      const at = value.indexOf("=");
      if (at < 1 || at === value.length - 1) badArgument(setting, value, "PATTERN=FILE");
      else setting.draft.remappings.push({ from: value.slice(0, at), to: value.slice(at + 1) });
    },
  ),
  valued(
    "inputs",
    "remap-inputs-file",
    "FILE",
    "As --remap-inputs with each line of FILE: PATTERN FILE",
    (setting, value) => {
      setting.draft.remapFiles.push(value);
    },
  ),
  valuedOf(refused("MRI scripts are not read"), "inputs", "mri-script c", "FILE", "Read an MRI script"),
  flagOf(refused("x86-64 is little-endian"), "output", "EB", "Link big-endian objects"),
  valuedOf(refused("import libraries are not written"), "output", "out-implib", "FILE", "Write an import library"),
  flag("symbols", "default-symver", "Give exported symbols the soname as their version", ({ draft }) => {
    draft.isDefaultSymver = true;
  }),
];
