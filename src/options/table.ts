/**
 * Every option of the linker's command line, once: names, argument, help, group, and what it sets.
 * parse.ts matches arguments against these rows; `--help` and the documentation list them.
 *
 * Long names are written without dashes. A long option takes one dash or two, except that names which
 * start with `o` take two, as in GNU ld, because `-omagic` is `-o magic`.
 */
import { isKnownBuildIdKind, parseBuildIdBytes, parseDefsym, parseNumber } from "./argument-values.ts";
import type { InputRequest } from "./link-options.ts";
import type { Setting } from "./setting.ts";
import { applyZ, zKeywords } from "./z-keywords.ts";

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

export interface OptionRow {
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
const row = (names: string, form: ArgumentForm, argument: string, group: Group, help: string, set: Set): OptionRow => ({
  names: names.split(" "),
  form,
  argument,
  group,
  help,
  set,
});

const flag = (group: Group, names: string, help: string, set: Set): OptionRow =>
  row(names, "none", "", group, help, set);

const valued = (group: Group, names: string, argument: string, help: string, set: Set): OptionRow =>
  row(names, "required", argument, group, help, set);

const optional = (group: Group, names: string, argument: string, help: string, set: Set): OptionRow =>
  row(names, "optional", argument, group, help, set);

const nothing: Set = () => undefined;

/** Accepted and ignored: what it asks for is what Spore does anyway, or has no meaning for it. */
const ignored = (names: string, why: string): OptionRow => row(names, "none", "", "ignored", why, nothing);
const ignoredValued = (names: string, argument: string, why: string): OptionRow =>
  row(names, "required", argument, "ignored", why, nothing);
const ignoredOptional = (names: string, argument: string, why: string): OptionRow =>
  row(names, "optional", argument, "ignored", why, nothing);

/** Accepted with an error: a link that does not do what was asked would be wrong. */
const unsupported = (group: Group, form: ArgumentForm, names: string, argument: string, why: string): OptionRow =>
  row(names, form, argument, group, `Not supported: ${why}`, ({ diagnostics, option }) =>
    diagnostics.add("unsupportedOption", { option, why }),
  );

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

/** Text in which `%7B` stands for `{`, as build systems write JSON that goes through several shells. */
const decodePercent = (text: string): string =>
  text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll("%", ""), "hex").toString("utf8"));

const setSectionStart = (setting: Setting, section: string, value: string): void =>
  setNumber(setting, value, (number) => setting.draft.sectionStarts.set(section, number), 16);

function setBuildId(setting: Setting, value: string): void {
  if (value.startsWith("0x") || value.startsWith("0X")) {
    const bytes = parseBuildIdBytes(value.slice(2));
    if (bytes === undefined) badArgument(setting, value, "an even number of hexadecimal digits");
    else setting.draft.buildId = { kind: "hex", bytes };
    return;
  }
  const kind = value === "" || value === "tree" ? "sha1" : value;
  if (isKnownBuildIdKind(kind)) setting.draft.buildId = { kind };
  else badArgument(setting, value, "'none', 'fast', 'md5', 'sha1', 'sha256', 'uuid' or 0xHEX");
}

function setOutputKind(setting: Setting, kind: "exec" | "pie" | "shared"): void {
  setting.draft.isShared = kind === "shared";
  setting.draft.isPie = kind === "pie";
}

export const optionTable: readonly OptionRow[] = [
  valued("output", "o output", "FILE", "Write the output to FILE instead of a.out", ({ draft }, value) => {
    draft.output = value;
  }),
  flag("output", "shared Bshareable", "Make a shared object", (setting) => setOutputKind(setting, "shared")),
  flag("output", "pie pic-executable", "Make a position-independent executable", (setting) =>
    setOutputKind(setting, "pie"),
  ),
  flag("output", "no-pie no-pic-executable", "Make an executable at a fixed address", (setting) =>
    setOutputKind(setting, "exec"),
  ),
  flag("output", "relocatable r i", "Make a relocatable object from the inputs (refused)", ({ draft }) => {
    draft.isRelocatable = true;
  }),
  flag("output", "static", "Link without shared objects", (setting) => {
    setting.draft.isStatic = true;
    setting.state.isStatic = true;
  }),
  valued("output", "m", "EMULATION", `Set the emulation: ${EMULATIONS.join(", ")}`, ({ diagnostics }, value) => {
    if (!EMULATIONS.some((known) => known === value))
      diagnostics.add("unknownEmulation", { emulation: value, supported: EMULATIONS.join(" ") });
  }),
  valued("output", "oformat", "FORMAT", "Set the output's format: elf64-x86-64", (setting, value) =>
    setWord(setting, value, ["elf64-x86-64", "elf", "default"], () => undefined),
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
    "Compress debug sections: none, zlib; zstd is ignored with a warning",
    (setting, value) =>
      setWord(setting, value, ["none", "zlib", "zlib-gabi", "zstd"], (kind) => {
        setting.draft.compressDebugSections = kind;
      }),
  ),
  flag("output", "emit-relocs q", "Keep the relocations in the output (refused)", ({ draft }) => {
    draft.isEmitRelocations = true;
  }),
  flag("output", "gdb-index", "Make .gdb_index (ignored with a warning)", ({ draft }) => {
    draft.hasGdbIndex = true;
  }),
  flag("output", "no-gdb-index", "Make no .gdb_index", ({ draft }) => {
    draft.hasGdbIndex = false;
  }),
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
  flag("inputs", "push-state", "Save the state of the options of this group", ({ state, savedStates }) => {
    savedStates.push({ ...state });
  }),
  flag("inputs", "pop-state", "Restore the state that was saved last", (setting) => {
    const saved = setting.savedStates.pop();
    if (saved === undefined)
      setting.diagnostics.add("unbalancedState", { option: "--pop-state", missing: "--push-state" });
    else setting.state = { ...saved, isLazy: setting.state.isLazy, isBinary: setting.state.isBinary };
  }),
  // Archives are searched to a fixpoint whatever their order, so a group changes nothing.
  flag("inputs", "start-group (", "Begin a group of archives that refer to each other", (setting) => {
    setting.groupDepth += 1;
  }),
  flag("inputs", "end-group )", "End a group", (setting) => {
    if (setting.groupDepth === 0)
      setting.diagnostics.add("unbalancedState", { option: "--end-group", missing: "--start-group" });
    else setting.groupDepth -= 1;
  }),
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
  valued(
    "symbols",
    "retain-symbols-file",
    "FILE",
    "Keep only the symbols that FILE lists (refused)",
    ({ draft }, value) => {
      draft.retainSymbolsFile = value;
    },
  ),
  flag("symbols", "no-undefined", "Undefined symbols are errors in shared objects, too", ({ draft }) => {
    draft.isNoUndefinedAsked = true;
  }),
  flag("symbols", "allow-shlib-undefined", "Do not check the undefined symbols of shared objects", ({ draft }) => {
    draft.isAllowShlibUndefinedAsked = true;
  }),
  flag("symbols", "no-allow-shlib-undefined", "Check the undefined symbols of shared objects", ({ draft }) => {
    draft.isAllowShlibUndefinedAsked = false;
  }),
  valued("symbols", "unresolved-symbols", "METHOD", "Which undefined symbols are errors", (setting, value) =>
    setWord(
      setting,
      value,
      ["report-all", "ignore-all", "ignore-in-object-files", "ignore-in-shared-libs"],
      (method) => {
        setting.draft.unresolvedSymbols = method;
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
  flag("symbols", "define-common d dc dp", "Give common symbols space with -r", ({ draft }) => {
    draft.isDefineCommon = true;
  }),
  flag(
    "symbols",
    "no-define-common",
    "Leave common symbols undefined with -shared (ignored with a warning)",
    ({ draft }) => {
      draft.isDefineCommon = false;
    },
  ),
  flag("symbols", "gnu-unique", "Keep STB_GNU_UNIQUE symbols unique", ({ draft }) => {
    draft.isGnuUnique = true;
  }),
  flag(
    "symbols",
    "no-gnu-unique",
    "Make STB_GNU_UNIQUE symbols ordinary ones (ignored with a warning)",
    ({ draft }) => {
      draft.isGnuUnique = false;
    },
  ),

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
  flag("sections", "gc-keep-exported", "Keep what is exported (refused)", ({ draft }) => {
    draft.keepsExportedUnderGc = true;
  }),
  optional(
    "sections",
    "icf",
    "KIND",
    "Fold identical functions: none, safe, all (ignored with a warning)",
    (setting, value) =>
      setWord(setting, value === "" ? "all" : value, ["none", "safe", "all"], (kind) => {
        setting.draft.icf = kind;
      }),
  ),
  flag("sections", "no-icf", "Do not fold functions", ({ draft }) => {
    draft.icf = "none";
  }),
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
    "Lay functions out in the order of FILE (ignored with a warning)",
    ({ draft }, value) => {
      draft.symbolOrderingFile = value;
    },
  ),

  valued("dynamic", "dynamic-linker I", "FILE", "Set the interpreter's path", ({ draft }, value) => {
    draft.dynamicLinker = value;
    draft.isNoDynamicLinker = false;
  }),
  flag("dynamic", "no-dynamic-linker", "Ask for no interpreter, as a static PIE does", ({ draft }) => {
    draft.isNoDynamicLinker = true;
  }),
  valued("dynamic", "soname h", "NAME", "Set DT_SONAME", ({ draft }, value) => {
    draft.soname = value;
  }),
  valued("dynamic", "rpath", "DIR:DIR...", "Add to DT_RUNPATH", ({ draft }, value) => {
    draft.rpaths.push(value);
  }),
  // As GNU ld: -R is --just-symbols when its argument is a file, -rpath when it is a directory.
  valued("dynamic", "R", "DIR", "As --rpath", ({ draft }, value) => {
    draft.rpaths.push(value);
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
    draft.dynamicLists.push(value);
  }),
  valued(
    "dynamic",
    "dynamic-list",
    "FILE",
    "Export, or keep preemptible, the symbols that FILE lists",
    ({ draft }, value) => {
      draft.dynamicLists.push(value);
    },
  ),
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
  valued("dynamic", "audit", "LIB", "Set DT_AUDIT", ({ draft }, value) => {
    draft.audit = value;
  }),
  valued("dynamic", "depaudit P", "LIB", "Set DT_DEPAUDIT", ({ draft }, value) => {
    draft.depaudit = value;
  }),
  row("z", "required", "KEYWORD", "dynamic", `Set a flag of the output: ${zKeywords()}`, (setting, value) =>
    applyZ(setting, value),
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
  valued("layout", "Ttext", "ADDRESS", "Set the address of .text (refused)", (setting, value) =>
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
  valued("layout", "Tdata", "ADDRESS", "Set the address of .data (refused)", (setting, value) =>
    setSectionStart(setting, ".data", value),
  ),
  valued("layout", "Tbss", "ADDRESS", "Set the address of .bss (refused)", (setting, value) =>
    setSectionStart(setting, ".bss", value),
  ),
  valued("layout", "section-start", "SECTION=ADDRESS", "Set the address of a section (refused)", (setting, value) => {
    const equals = value.lastIndexOf("=");
    if (equals <= 0) badArgument(setting, value, "SECTION=ADDRESS");
    else setSectionStart(setting, value.slice(0, equals), value.slice(equals + 1));
  }),
  flag("layout", "omagic N", "Make text writable and do not align segments", ({ draft }) => {
    draft.isOmagic = true;
  }),
  flag("layout", "no-omagic", "End --omagic", ({ draft }) => {
    draft.isOmagic = false;
  }),
  flag("layout", "nmagic n", "Do not align segments to pages (ignored with a warning)", ({ draft }) => {
    draft.isNmagic = true;
  }),
  flag("layout", "no-nmagic", "End --nmagic", ({ draft }) => {
    draft.isNmagic = false;
  }),
  flag("layout", "rosegment", "Keep read-only data in a segment of its own", ({ draft }) => {
    draft.isRosegment = true;
  }),
  flag("layout", "no-rosegment", "Keep read-only data with code (ignored with a warning)", ({ draft }) => {
    draft.isRosegment = false;
  }),

  valued("reports", "Map", "FILE", "Write a map of the output to FILE; - is standard output", ({ draft }, value) => {
    draft.mapFile = value;
  }),
  flag("reports", "print-map M", "Write a map to standard output", ({ draft }) => {
    draft.isPrintMap = true;
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
  flag("reports", "stats perf", "Print time and memory of each pass", ({ draft }) => {
    draft.isStats = true;
  }),
  flag(
    "reports",
    "print-dependencies",
    "Print which file uses which symbol of which file (ignored with a warning)",
    ({ draft }) => {
      draft.isPrintDependencies = true;
    },
  ),
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

  // What compilers pass in case of link-time optimisation. Objects that need it are refused by name.
  ignoredValued("plugin plugin-opt", "VALUE", "link-time optimisation is not supported"),
  ignoredOptional("lto-O lto-partitions thinlto-jobs", "N", "link-time optimisation is not supported"),
  ignoredOptional("thinlto-cache-dir thinlto-cache-policy", "VALUE", "link-time optimisation is not supported"),
  ignored("no-lto lto-whole-program-visibility fat-lto-objects no-fat-lto-objects", "objects are linked as they are"),

  // What GNU ld accepts and ignores on ELF, too.
  ignoredValued("A architecture", "NAME", "as in GNU ld"),
  ignoredValued("a", "KEYWORD", "as in GNU ld"),
  ignoredValued("assert", "KEYWORD", "as in GNU ld"),
  ignoredValued("G gpsize", "SIZE", "has no meaning for x86-64"),
  ignored("EL", "x86-64 is little-endian"),
  ignored("Qy g p qmagic Ur traditional-format", "as in GNU ld"),

  // What asks for how the link is done, not for what comes out.
  ignoredValued("O", "LEVEL", "nothing depends on a level"),
  ignoredValued("hash-size", "N", "as in GNU ld"),
  ignoredValued("max-cache-size", "BYTES", "inputs are mapped"),
  ignored("no-keep-memory keep-memory reduce-memory-overheads", "inputs are mapped"),
  ignored("map-whole-files no-map-whole-files mmap-output-file no-mmap-output-file", "inputs are mapped"),
  ignored("preload quick-exit no-quick-exit", "nothing stays between links"),
  ignored("incremental no-incremental", "links are whole"),

  // What only changes warnings that Spore does not have.
  ignored("warn-common no-warn-common warn-constructors warn-multiple-gp warn-once warn-section-align", "not checked"),
  ignored("warn-ifunc-textrel warn-alternate-em", "not checked"),
  ignored("warn-mismatch no-warn-mismatch warn-search-mismatch no-warn-search-mismatch", "not checked"),
  ignored("warn-symbol-ordering no-warn-symbol-ordering warn-backrefs no-warn-backrefs", "not checked"),
  ignored("warn-execstack no-warn-execstack warn-rwx-segments no-warn-rwx-segments", "not checked"),
  ignored("detect-odr-violations no-detect-odr-violations", "not checked"),
  ignored("check-sections no-check-sections", "addresses never overlap"),
  ignoredValued("warn-backrefs-exclude", "GLOB", "not checked"),
  ignored("print-memory-usage", "there are no memory regions"),
  ignored(
    "print-map-discarded no-print-map-discarded print-map-locals no-print-map-locals",
    "the map lists what is kept",
  ),

  // What asks for the only way, or for what has no meaning without a script with SECTIONS.
  ignoredValued("orphan-handling", "MODE", "there is no script that leaves orphans"),
  ignoredOptional("unique", "SECTION", "input sections are grouped by name"),
  ignoredValued("sort-section", "KEY", "input sections stay in input order"),
  ignoredOptional("sort-common", "ORDER", "common symbols stay in input order"),
  ignoredValued("split-by-reloc", "N", "sections are not split"),
  ignoredOptional("split-by-file", "SIZE", "sections are not split"),
  ignoredValued("spare-dynamic-tags", "N", "there are no spare tags"),
  ignored("force-group-allocation", "groups are always resolved"),
  ignored("strip-discarded no-strip-discarded", "discarded sections leave no symbols"),
  ignored("ctf-variables no-ctf-variables ctf-share-types", "type information is copied as it is"),
  ignored("accept-unknown-input-arch no-accept-unknown-input-arch", "other machines are refused"),
  ignored("force-exe-suffix", "has no meaning on Linux"),
  ignored("apply-dynamic-relocs no-apply-dynamic-relocs", "has no meaning for x86-64"),
  ignored("combreloc nocombreloc", "relocations are always sorted"),
  ignored("print-icf-sections no-print-icf-sections", "nothing is folded"),
  ignored("ignore-data-address-equality ignore-function-address-equality", "nothing is folded"),
  ignoredValued("keep-unique", "SYMBOL", "nothing is folded"),
  ignoredValued("icf-iterations", "N", "nothing is folded"),
  ignored("ctors-in-init-array", ".ctors always becomes part of .init_array"),
  ignored("no-text-reorder text-reorder", "hot and cold code is always apart"),
  ignored("call-graph-profile-sort no-call-graph-profile-sort", "sections stay in input order"),
  ignored("fortran-common no-fortran-common", "common symbols are answered by archives as in GNU ld"),
  ignored("dependent-libraries no-dependent-libraries", "what .deplibs names is not linked"),
  ignored("strip-lto-sections", "sections for link-time optimisation are never copied"),
  ignored("posix-fallocate no-posix-fallocate keep-files-mapped no-keep-files-mapped", "inputs are mapped"),
  ignored("no-pipeline-knowledge relax-gp no-relax-gp", "has no meaning for x86-64"),
  ignoredValued("mllvm", "OPTION", "link-time optimisation is not supported"),

  unsupported("inputs", "required", "just-symbols", "FILE", "symbols are not read from a linked file"),
  unsupported("inputs", "required", "default-script dT", "FILE", "the layout is built in"),
  unsupported("inputs", "required", "mri-script c", "FILE", "MRI scripts are not read"),
  unsupported("output", "none", "EB", "", "x86-64 is little-endian"),
  unsupported("output", "required", "out-implib", "FILE", "import libraries are not written"),
  unsupported("symbols", "none", "default-symver", "", "symbols get their versions from a version script"),
];
