/**
 * What a link is asked to do: types, defaults and conflicts. parse.ts fills a draft from the command line
 * by way of table.ts; `resolveOptions` turns it into the frozen `LinkOptions` that passes read.
 */
import { statSync } from "node:fs";
import { basename, join } from "node:path";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";

/** What kind of file is written. A static PIE is a "pie" with `isStatic`. */
export type OutputKind = "exec" | "pie" | "shared" | "relocatable";

export type HashStyle = "sysv" | "gnu" | "both" | "none";

/** How the build id is made. `hex` has its bytes in `bytes`; `fast` is a digest of our choice. */
export type BuildId =
  | { readonly kind: "none" | "fast" | "md5" | "sha1" | "sha256" | "uuid" }
  | { readonly kind: "hex"; readonly bytes: Uint8Array };

/** What becomes of undefined symbols: GNU ld's --unresolved-symbols, -z defs and their like. */
export type UnresolvedSymbols = "report" | "ignore";

/** One input of the command line, in order, with the state of the positional options before it. */
export interface InputRequest {
  /** `file`: a path as it was given. `library`: the NAME of `-lNAME`, or `:FILE` of `-l:FILE`. */
  readonly kind: "file" | "library";
  readonly name: string;
  /** Every archive member is linked: --whole-archive. */
  readonly isWholeArchive: boolean;
  /** DT_NEEDED only when a symbol is used: --as-needed. */
  readonly isAsNeeded: boolean;
  /** `-l` finds archives only: -Bstatic. */
  readonly isStatic: boolean;
  /** Objects are linked only when they define what is undefined: --start-lib. */
  readonly isLazy: boolean;
  /** A file is linked as bytes, whatever it is: --format=binary. */
  readonly isBinary: boolean;
}

/** --remap-inputs. */
export interface Remapping {
  /** A path, or a glob. */
  readonly from: string;
  /** `/dev/null` for a file that is to be left out. */
  readonly to: string;
}

/** `--defsym=NAME=EXPRESSION`, as it was written: find inputs reads the expression. */
export interface Defsym {
  readonly name: string;
  readonly expression: string;
}

/** A linker plugin and what it is told, in order. */
export interface PluginRequest {
  readonly path: string;
  readonly options: readonly string[];
}

export interface ZOptions {
  /** -z now: bind at load time. */
  readonly isNow: boolean;
  readonly isRelro: boolean;
  /** Which segments have pages of their own in the file: "code", all ("loadable-segments"), or, as with lld and mold, none. */
  readonly separate: "none" | "code" | "loadable-segments" | undefined;
  /** PT_GNU_STACK's PF_X: true, false, or as the inputs' .note.GNU-stack says. */
  readonly execStack: boolean | undefined;
  /** Dynamic relocations in read-only sections: "error", "warning" or "allow". */
  readonly textRelocations: "error" | "warning" | "allow";
  readonly isOrigin: boolean;
  readonly isNoDelete: boolean;
  readonly isNoDlopen: boolean;
  readonly isNoDump: boolean;
  readonly isInitFirst: boolean;
  readonly isInterpose: boolean;
  readonly isNoDefaultLib: boolean;
  readonly isGlobalAudit: boolean;
  /** -z memory-seal: the loader may seal what it has mapped. */
  readonly isMemorySeal: boolean;
  /** -z loadfltr: its filtees are loaded with it. */
  readonly isLoadFilter: boolean;
  /** -z global: its symbols are found by what is loaded with dlopen later. */
  readonly isGlobal: boolean;
  /** -z unique: loaded once, for all namespaces of dlmopen. */
  readonly isUnique: boolean;
  /** Alignment of segments, in bytes; a power of two. */
  readonly maxPageSize: number;
  /** PT_GNU_STACK's size in bytes, or undefined. */
  readonly stackSize: number | undefined;
  readonly hasCopyRelocations: boolean;
  /** -z ibt: the output says that it can run with IBT, whatever the inputs say. */
  readonly isIbt: boolean;
  /** -z ibtplt: a PLT for IBT. Implied when the output says IBT. */
  readonly isIbtPlt: boolean;
  readonly isShstk: boolean;
  /** "none" | "warning" | "error" for inputs without the property. */
  readonly cetReport: "none" | "warning" | "error";
  readonly isDynamicUndefinedWeak: boolean | undefined;
  /** x86-64 ISA level, 1 to 4, that .note.gnu.property names besides the inputs'. */
  readonly x86IsaLevel: number | undefined;
}

/** What matters for a relocatable object only. */
export interface RelocatableOptions {
  /** -d: common symbols get space. */
  readonly isCommonDefined: boolean;
  /** --force-group-allocation: groups are dissolved. */
  readonly isGroupDissolved: boolean;
  /** --unique: sections that the default script does not name stay apart; of --unique=PATTERN those that match. */
  readonly hasUniqueOrphans: boolean;
  readonly uniqueSections: readonly string[];
}

/** A link as it was asked for. Frozen; every default is resolved. */
export interface LinkOptions {
  readonly inputs: readonly InputRequest[];
  readonly output: string;
  readonly outputKind: OutputKind;
  /** Of -r. */
  readonly relocatable: RelocatableOptions;
  /** Shared objects are not searched for and no interpreter is asked for: -static, -static-pie. */
  readonly isStatic: boolean;
  readonly dynamicLinker: string | undefined;
  readonly isNoDynamicLinker: boolean;
  readonly emulation: "elf_x86_64";
  /** The entry symbol or, as a number in text, its address. */
  readonly entry: string;
  readonly isEntryExplicit: boolean;
  /** -o was given: then OUTPUT of a script changes nothing. */
  readonly isOutputExplicit: boolean;
  /** --oformat=binary: what is loaded, by load addresses, without headers. */
  readonly isBinaryOutput: boolean;
  readonly initSymbol: string;
  readonly finiSymbol: string;
  readonly soname: string | undefined;
  /** Joined with colons as DT_RUNPATH holds it; undefined when there is none. */
  readonly rpath: string | undefined;
  readonly isNewDtags: boolean;
  readonly rpathLink: readonly string[];
  /** Empty entries at the end of .dynamic, besides the one that ends it. */
  readonly spareDynamicTags: number;
  readonly auxiliary: readonly string[];
  readonly filter: readonly string[];
  readonly audit: string | undefined;
  readonly depaudit: string | undefined;

  readonly libraryPaths: readonly string[];
  readonly isNoStdlib: boolean;
  /** Prefix of absolute paths in scripts and of `=dir`; empty for none. */
  readonly sysroot: string;
  readonly versionScripts: readonly string[];
  /** Files of --dynamic-list. */
  readonly dynamicLists: readonly string[];
  /** --dynamic-list-data: all data of the program, or the library, is on the list. */
  readonly isDataListed: boolean;
  /** Names in C++ of --dynamic-list-cpp-new and -typeinfo, with wildcards. */
  readonly listedCxxNames: readonly string[];
  /** Files of --export-dynamic-symbol-list. */
  readonly exportDynamicSymbolLists: readonly string[];
  readonly exportDynamicSymbols: readonly string[];
  readonly linkerScripts: readonly string[];
  /** Archives whose symbols are not exported: names, or "ALL". */
  readonly excludeLibs: readonly string[];
  readonly dependencyFile: string | undefined;

  readonly hashStyle: HashStyle;
  readonly buildId: BuildId;
  readonly hasEhFrameHdr: boolean;
  /** Whether code that the linker makes, the PLT, can be unwound. */
  readonly isUnwindInfoMade: boolean;
  readonly isExportDynamic: boolean;
  /** Which of its own symbols a shared object binds itself, but for those on a list. */
  readonly symbolic: "none" | "all" | "functions" | "non-weak" | "non-weak-functions" | "unlisted";
  /** -Bgroup: only the group that is loaded with it is searched for its symbols. */
  readonly isGroup: boolean;
  readonly isGcSections: boolean;
  readonly isPrintGcSections: boolean;
  /** Which identical sections are one: all functions, or those whose addresses nobody compares. */
  readonly icf: "none" | "safe" | "all";
  readonly isPrintIcfSections: boolean;
  /** --ignore-data-address-equality: read-only data is one though its addresses may be compared. */
  readonly isDataFolded: boolean;
  /** Symbols that no other definition may share the address of. */
  readonly keepUnique: readonly string[];
  /** The order of functions and data: names of symbols. */
  readonly symbolOrderingFile: string | undefined;
  /** Whether names in it that nothing defines are warned of. */
  readonly isWarnSymbolOrdering: boolean;
  /** Who calls whom how often: functions are ordered by it. */
  readonly callGraphFile: string | undefined;
  /** --call-graph-profile-sort: functions are ordered by the objects' profiles. */
  readonly isSortedByProfile: boolean;
  /** --shuffle-sections: of a random order of code. */
  readonly shuffleSeed: number | undefined;
  /** Linked files whose addresses of symbols are used. */
  readonly justSymbols: readonly string[];
  /** Globs of names that archives are to define. */
  readonly undefinedGlobs: readonly string[];
  readonly remappings: readonly Remapping[];
  /** Files with more of them: --remap-inputs-file. */
  readonly remapFiles: readonly string[];
  /** --default-symver: symbols without a version have that of the soname. */
  readonly isDefaultSymver: boolean;
  /** --gc-keep-exported: global symbols that may be exported are kept by --gc-sections. */
  readonly isGcKeepExported: boolean;
  /** STB_GNU_UNIQUE symbols stay that; else they are STB_GLOBAL. */
  readonly isGnuUnique: boolean;
  readonly packsDynamicRelocations: "none" | "relr";
  readonly compressDebugSections: "none" | "zlib";
  readonly isRelax: boolean;
  readonly z: ZOptions;

  /** Those that objects refer to. By default a shared object may leave them to the loader. */
  readonly unresolvedInObjects: UnresolvedSymbols;
  /** Those that shared objects refer to. */
  readonly unresolvedInShared: UnresolvedSymbols;
  /** Unresolved symbols are warnings: --warn-unresolved-symbols, --noinhibit-exec. */
  readonly isWarnUnresolved: boolean;
  readonly isAllowMultipleDefinition: boolean;
  readonly isNoUndefinedVersion: boolean;
  readonly undefinedSymbols: readonly string[];
  readonly requiredSymbols: readonly string[];
  readonly wrappedSymbols: readonly string[];
  readonly defsyms: readonly Defsym[];
  readonly tracedSymbols: readonly string[];
  /** Symbols as in the file or in the source, and files, whose way into the link is to be said. */
  readonly whyNames: readonly string[];
  readonly isAddNeededCopied: boolean;

  readonly strip: "none" | "debug" | "all";
  readonly discard: "default" | "none" | "locals" | "all";
  readonly imageBase: number | undefined;
  readonly isCheckSections: boolean;
  /** What becomes of sections that a script, or the default plan, does not name. */
  readonly orphanHandling: "place" | "warn" | "error" | "discard";
  /** The order of what patterns with wildcards find that have none of their own. */
  readonly sortSection: "name" | "alignment" | undefined;
  /** How much of each memory region of a script is taken is printed. */
  readonly isPrintMemoryUsage: boolean;
  /** Addresses of sections by their names: -Ttext and its like, --section-start. */
  readonly sectionStarts: ReadonlyMap<string, number>;
  /** Addresses of segments that scripts ask for by SEGMENT_START: -Trodata-segment, -Tldata-segment. */
  readonly segmentStarts: ReadonlyMap<string, number>;
  /** What begins on a page of its own: each segment; with -n what may be written; with -N nothing. */
  readonly paged: "segments" | "data" | "none";
  /** JSON of .note.package, which says what package the output is part of; undefined for none. */
  readonly packageMetadata: string | undefined;

  /** -plugin and the -plugin-opt after it: started when an input is intermediate language. */
  readonly plugins: readonly PluginRequest[];

  /** Workers; undefined for one per core. */
  readonly threads: number | undefined;
  /** Whether a process may outlive the link, to free what it used. */
  readonly isFork: boolean;
  readonly isStats: boolean;
  /** The archive that --reproduce makes. */
  readonly reproduce: string | undefined;
  /** Chrome trace of the link's passes and workers: --trace=FILE. */
  readonly traceFile: string | undefined;
  /** Prints the names of input files as they are opened: -t. */
  readonly isTraceInputs: boolean;
  /** STANDARD_OUTPUT, or a path. */
  readonly mapFile: string | undefined;
  readonly isCref: boolean;

  readonly errorLimit: number;
  readonly isDemangle: boolean;
  readonly isFatalWarnings: boolean;
  readonly isNoWarnings: boolean;
  /** Whether files for other machines that a search passes by are named. */
  readonly isWarnSearchMismatch: boolean;
  /** Whether it is said why the stack is executable: undefined when an input is the reason, not when -z execstack is. */
  readonly isWarnExecStack: boolean | undefined;
  /** Whether it is said that a segment may be written and run. */
  readonly isWarnRwxSegments: boolean;
  readonly isVerbose: boolean;
  readonly colorDiagnostics: "auto" | "always" | "never";
  readonly diagnosticsFormat: "text" | "json" | "sarif";

  /** What is asked for besides, or instead of, a link. */
  readonly queries: Queries;
}

/** Options that print something. `isHelp` ends the command; the others go on when there are inputs. */
export interface Queries {
  readonly isHelp: boolean;
  /** --version: print it and end. */
  readonly isVersion: boolean;
  /** -v: print it and link what is given. */
  readonly isShortVersion: boolean;
  /** -V: print it with the emulations. */
  readonly isLongVersion: boolean;
  readonly isPrintOutputFormat: boolean;
  readonly isPrintSysroot: boolean;
}

/** T with its fields and lists open to change. */
type Draft<T> = {
  -readonly [K in keyof T]: T[K] extends ReadonlyMap<infer Key, infer Value>
    ? Map<Key, Value>
    : T[K] extends readonly (infer Item)[]
      ? Item[]
      : T[K];
};

/** Options whose value depends on others, so that they are only resolved at the end. */
type Resolved =
  | "outputKind"
  | "relocatable"
  | "rpath"
  | "unresolvedInObjects"
  | "unresolvedInShared"
  | "symbolic"
  | "z"
  | "queries";

/** Options while the command line is read. */
export type OptionsDraft = Draft<Omit<LinkOptions, Resolved>> & {
  isShared: boolean;
  isPie: boolean;
  isRelocatable: boolean;
  relocatable: Draft<RelocatableOptions>;
  rpaths: string[];
  /** Of -dT: it is read where there is no -T. */
  defaultScript: string | undefined;
  /** The last option about them decides; undefined without one. */
  unresolvedInObjects: UnresolvedSymbols | undefined;
  unresolvedInShared: UnresolvedSymbols | undefined;
  /** Of -Bsymbolic and its like. */
  symbolic: Exclude<LinkOptions["symbolic"], "unlisted">;
  z: Draft<Omit<ZOptions, "maxPageSize">>;
  /** Undefined without -z max-page-size and -z common-page-size. */
  maxPageSize: number | undefined;
  commonPageSize: number | undefined;
  queries: Draft<Queries>;
};

/** Where -Map=- and -M write. */
export const STANDARD_OUTPUT = "-";

/** GNU ld's page sizes for x86-64 (-z max-page-size has been 4 KiB by default since 2.26 on Linux). */
export const PAGE_SIZE = 4096;

export function newDraft(): OptionsDraft {
  return {
    inputs: [],
    output: "a.out",
    isShared: false,
    isPie: false,
    isRelocatable: false,
    relocatable: { isCommonDefined: false, isGroupDissolved: false, hasUniqueOrphans: false, uniqueSections: [] },
    isStatic: false,
    dynamicLinker: undefined,
    isNoDynamicLinker: false,
    emulation: "elf_x86_64",
    entry: "_start",
    isEntryExplicit: false,
    isOutputExplicit: false,
    isBinaryOutput: false,
    initSymbol: "_init",
    finiSymbol: "_fini",
    soname: undefined,
    rpaths: [],
    defaultScript: undefined,
    isNewDtags: true,
    rpathLink: [],
    spareDynamicTags: 0,
    auxiliary: [],
    filter: [],
    audit: undefined,
    depaudit: undefined,
    libraryPaths: [],
    isNoStdlib: false,
    sysroot: "",
    versionScripts: [],
    dynamicLists: [],
    isDataListed: false,
    listedCxxNames: [],
    exportDynamicSymbolLists: [],
    exportDynamicSymbols: [],
    linkerScripts: [],
    excludeLibs: [],
    dependencyFile: undefined,
    hashStyle: "both",
    buildId: { kind: "none" },
    hasEhFrameHdr: false,
    isUnwindInfoMade: true,
    isExportDynamic: false,
    symbolic: "none",
    isGroup: false,
    isGcSections: false,
    isPrintGcSections: false,
    icf: "none",
    isPrintIcfSections: false,
    isDataFolded: false,
    keepUnique: [],
    symbolOrderingFile: undefined,
    isWarnSymbolOrdering: true,
    callGraphFile: undefined,
    isSortedByProfile: false,
    shuffleSeed: undefined,
    justSymbols: [],
    undefinedGlobs: [],
    remappings: [],
    remapFiles: [],
    isDefaultSymver: false,
    isGcKeepExported: false,
    isGnuUnique: true,
    packsDynamicRelocations: "none",
    compressDebugSections: "none",
    isRelax: true,
    z: {
      isNow: false,
      isRelro: true,
      separate: undefined,
      execStack: undefined,
      textRelocations: "warning",
      isOrigin: false,
      isNoDelete: false,
      isNoDlopen: false,
      isNoDump: false,
      isInitFirst: false,
      isInterpose: false,
      isNoDefaultLib: false,
      isGlobalAudit: false,
      isMemorySeal: false,
      isLoadFilter: false,
      isGlobal: false,
      isUnique: false,
      stackSize: undefined,
      hasCopyRelocations: true,
      isIbt: false,
      isIbtPlt: false,
      isShstk: false,
      cetReport: "none",
      isDynamicUndefinedWeak: undefined,
      x86IsaLevel: undefined,
    },
    maxPageSize: undefined,
    commonPageSize: undefined,
    unresolvedInObjects: undefined,
    unresolvedInShared: undefined,
    isWarnUnresolved: false,
    isAllowMultipleDefinition: false,
    isNoUndefinedVersion: false,
    undefinedSymbols: [],
    requiredSymbols: [],
    wrappedSymbols: [],
    defsyms: [],
    tracedSymbols: [],
    whyNames: [],
    isAddNeededCopied: false,
    strip: "none",
    discard: "default",
    imageBase: undefined,
    isCheckSections: true,
    orphanHandling: "place",
    sortSection: undefined,
    isPrintMemoryUsage: false,
    sectionStarts: new Map(),
    segmentStarts: new Map(),
    paged: "segments",
    packageMetadata: undefined,
    plugins: [],
    threads: undefined,
    isFork: true,
    isStats: false,
    reproduce: undefined,
    traceFile: undefined,
    isTraceInputs: false,
    mapFile: undefined,
    isCref: false,
    errorLimit: 20,
    isDemangle: true,
    isFatalWarnings: false,
    isNoWarnings: false,
    isWarnSearchMismatch: true,
    isWarnExecStack: undefined,
    isWarnRwxSegments: true,
    isVerbose: false,
    colorDiagnostics: "auto",
    diagnosticsFormat: "text",
    queries: {
      isHelp: false,
      isVersion: false,
      isShortVersion: false,
      isLongVersion: false,
      isPrintOutputFormat: false,
      isPrintSysroot: false,
    },
  };
}

/** Whether undefined symbols of shared objects are looked for. */
export function checksSharedObjects(options: Pick<LinkOptions, "unresolvedInShared" | "isStatic">): boolean {
  return options.unresolvedInShared === "report" && !options.isStatic;
}

/** Resolves defaults that depend on other options, and diagnoses what cannot be asked for together. */
export function resolveOptions(
  draft: OptionsDraft,
  diagnostics: Diagnostics,
  environment: NodeJS.ProcessEnv = process.env,
): LinkOptions {
  const outputKind = outputKindOf(draft, diagnostics);
  const { rpaths, defaultScript, isShared, isPie, isRelocatable, maxPageSize, commonPageSize, ...rest } = draft;
  const isExecutable = outputKind === "exec" || outputKind === "pie";
  const unresolved = isExecutable ? "report" : "ignore";

  Object.freeze(draft.inputs); // each of thousands is left as it is
  return deepFreeze<LinkOptions>({
    ...rest,
    outputKind,
    linkerScripts:
      draft.linkerScripts.length > 0 || defaultScript === undefined ? draft.linkerScripts : [defaultScript],
    isStatic: draft.isStatic || isRelocatable, // what is shared cannot be part of an object
    // An RPATH given twice is one entry, and LD_RUN_PATH stands in for it, as in GNU ld.
    rpath: rpaths.length === 0 ? environment["LD_RUN_PATH"] || undefined : [...new Set(rpaths)].join(":"),
    dynamicLinker: isExecutable && !draft.isNoDynamicLinker ? draft.dynamicLinker : undefined,
    unresolvedInObjects: draft.unresolvedInObjects ?? unresolved,
    unresolvedInShared: draft.unresolvedInShared ?? unresolved,
    symbolic: outputKind === "shared" ? symbolicOf(draft) : "none",
    mapFile: mapFileOf(draft),
    z: { ...draft.z, maxPageSize: pageSizeOf(maxPageSize, commonPageSize, diagnostics) },
  });
}

/**
 * As in GNU ld, --dynamic-list says what is not bound, and what it does not name is, with or without -Bsymbolic; the
 * lists of --export-dynamic-symbol say so only beside -Bsymbolic and its like.
 */
function symbolicOf(draft: OptionsDraft): LinkOptions["symbolic"] {
  const { symbolic, dynamicLists, isDataListed, listedCxxNames } = draft;
  const isDynamicList = dynamicLists.length > 0 || isDataListed || listedCxxNames.length > 0;
  const isExportList = draft.exportDynamicSymbols.length > 0 || draft.exportDynamicSymbolLists.length > 0;
  return isDynamicList || (isExportList && symbolic !== "none") ? "unlisted" : symbolic;
}

/** Of the two sizes only one may be asked for that contradicts the default of the other. */
function pageSizeOf(maximum: number | undefined, common: number | undefined, diagnostics: Diagnostics): number {
  if (maximum !== undefined && common !== undefined && common > maximum)
    diagnostics.add("pageSizes", { common, maximum });
  return maximum ?? PAGE_SIZE;
}

/** As in GNU ld, -Map may name a directory, and `%` in it is the output's path. */
function mapFileOf({ mapFile, output }: OptionsDraft): string | undefined {
  if (mapFile === undefined || mapFile === STANDARD_OUTPUT) return mapFile;
  const percent = mapFile.indexOf("%");
  if (percent !== -1) {
    const [before, after] = [mapFile.slice(0, percent), mapFile.slice(percent + 1)];
    return before + output + (after === "" ? ".map" : after);
  }
  const isDirectory = statSync(mapFile, { throwIfNoEntry: false })?.isDirectory() === true;
  return isDirectory ? join(mapFile, `${basename(output)}.map`) : mapFile;
}

function outputKindOf(draft: OptionsDraft, diagnostics: Diagnostics): OutputKind {
  const { isShared, isPie, isRelocatable } = draft;
  if (isRelocatable && (isShared || isPie))
    diagnostics.add("conflictingOptions", { first: "-r", second: isShared ? "-shared" : "-pie" });
  if (draft.filter.length > 0 && !isShared)
    diagnostics.add("conflictingOptions", { first: "-F", second: "an executable", why: "it is for shared objects" });
  if (draft.auxiliary.length > 0 && !isShared)
    diagnostics.add("conflictingOptions", { first: "-f", second: "an executable", why: "it is for shared objects" });
  if (isRelocatable && draft.compressDebugSections !== "none")
    diagnostics.add("ignoredOption", {
      option: "--compress-debug-sections",
      why: "debug sections of an object stay uncompressed",
    });
  if (isRelocatable) return "relocatable";
  if (isShared) return "shared";
  return isPie ? "pie" : "exec";
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
