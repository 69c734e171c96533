/**
 * Every diagnostic: its severity and its wording, as a function of typed operands.
 *
 * Wording follows ld: lower-case start, no full stop, names in quotes. Operands called `symbol` hold names
 * as they are in the file; diagnostics.ts demangles them before it asks for the text. The names of codes
 * that kernels report are also in src/tables/findings.ts.
 */

export type Severity = "error" | "warning";

export interface CodeRow<Operands> {
  readonly severity: Severity;
  /** The message, without the place. */
  readonly text: (operands: Operands) => string;
  /** Diagnostics of this code with one key are one message with several places. */
  readonly groupBy?: (operands: Operands) => string;
  /** How a place is introduced: `>>> referenced by main.o`. */
  readonly placeIs?: string;
  /** What the user can do about it. */
  readonly hint?: (operands: Operands) => string | undefined;
}

type Options<Operands> = Omit<CodeRow<Operands>, "severity" | "text">;

const error = <Operands = object>(
  text: (operands: Operands) => string,
  options: Options<Operands> = {},
): CodeRow<Operands> => ({ severity: "error", text, ...options });

const warning = <Operands = object>(
  text: (operands: Operands) => string,
  options: Options<Operands> = {},
): CodeRow<Operands> => ({ severity: "warning", text, ...options });

/** A sentence with names of symbols in it, as they are in files; diagnostics.ts demangles them, too. */
export type NamedText = readonly (string | { readonly symbol: string })[];

const plainText = (text: NamedText | undefined): string | undefined =>
  text?.map((part) => (typeof part === "string" ? part : part.symbol)).join("");

interface Relocation {
  /** The relocation's name, `R_X86_64_32`, or its number. */
  readonly relocation: string;
  readonly symbol?: string;
}

const against = (operands: Relocation): string =>
  operands.symbol === undefined || operands.symbol === ""
    ? `relocation ${operands.relocation}`
    : `relocation ${operands.relocation} against '${operands.symbol}'`;

/** Messages about the form of an input name only the place; `detail` says more where there is more. */
interface Malformed {
  readonly detail?: string;
}

/** A file that only a linker plugin can make code of. */
interface IntermediateLanguage {
  /** `gcc 12.2.0`; undefined when the file does not tell. */
  readonly compiler?: string | undefined;
  /** Those that were asked, in quotes; undefined for none. */
  readonly plugins?: string | undefined;
  /** With -r, to which GCC's plugin gives intermediate language again. */
  readonly isRelocatable?: boolean;
}

const notTaken = ({ compiler, plugins, isRelocatable }: IntermediateLanguage): string => {
  const whose = compiler === undefined ? "" : `of ${compiler} `;
  if (isRelocatable === true && plugins !== undefined) return `${whose}is not put into an object`;
  return whose + (plugins === undefined ? "needs a linker plugin" : `is not for linker plugin ${plugins}`);
};

/** Where Debian has a plugin that compilers name whether it is there or not. */
const pluginPackage = (plugin: string): string | undefined => {
  const version = /llvm-(\d+)\/.*LLVMgold\.so$/.exec(plugin)?.[1];
  return version === undefined ? undefined : `Debian has it in llvm-${version}-linker-tools`;
};

const malformed = (what: string): CodeRow<Malformed> =>
  error((operands) => (operands.detail === undefined ? what : `${what}: ${operands.detail}`));

/** What was found and not kept, because there was so much of it. */
interface More {
  readonly count: number;
  /** The name of a code. */
  readonly code: string;
}

const more = (what: string) => (operands: More) =>
  `${operands.count} more ${what} are not listed: ${operands.code.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)}`;

export const codes = {
  // The command line.
  unknownOption: error<{ option: string; similar?: string | undefined }>(
    ({ option }) => `unrecognized option '${option}'`,
    { hint: ({ similar }) => (similar === undefined ? undefined : `did you mean '${similar}'?`) },
  ),
  missingArgument: error<{ option: string }>(({ option }) => `option '${option}' requires an argument`),
  unexpectedArgument: error<{ option: string }>(({ option }) => `option '${option}' doesn't allow an argument`),
  badArgument: error<{ option: string; value: string; expected: string }>(
    ({ option, value, expected }) => `invalid argument '${value}' of option '${option}': expected ${expected}`,
  ),
  unsupportedOption: error<{ option: string; why: string }>(
    ({ option, why }) => `option '${option}' is not supported: ${why}`,
  ),
  unknownKeyword: warning<{ keyword: string }>(({ keyword }) => `-z ${keyword} ignored`),
  unknownEmulation: error<{ emulation: string; supported: string }>(
    ({ emulation }) => `unrecognised emulation mode: '${emulation}'`,
    { hint: ({ supported }) => `supported emulations: ${supported}` },
  ),
  conflictingOptions: error<{ first: string; second: string; why?: string }>(({ first, second, why }) =>
    why === undefined
      ? `options '${first}' and '${second}' may not be used together`
      : `options '${first}' and '${second}' may not be used together: ${why}`,
  ),
  unbalancedState: error<{ option: string; missing: string }>(
    ({ option, missing }) => `'${option}' without '${missing}'`,
  ),
  /** As in GNU ld, which ends the group at the end of the command line. */
  groupNotEnded: warning<{ option: string }>(
    ({ option }) => `'${option}' without '--end-group', which is added as the last option`,
  ),
  emptySoname: warning<{ kept: string | undefined }>(({ kept }) =>
    kept === undefined
      ? "SONAME must not be empty string; ignored"
      : `SONAME must not be empty string; '${kept}' is kept`,
  ),
  unknownBuildId: warning<{ value: string }>(({ value }) => `unrecognized --build-id style '${value}' ignored`),
  pageSizes: error<{ common: number; maximum: number }>(
    ({ common, maximum }) =>
      `common page size (0x${common.toString(16)}) > maximum page size (0x${maximum.toString(16)})`,
  ),
  emptyMap: warning(() => "no file or directory is given for the map; ignored"),
  noInputs: error(() => "no input files"),
  responseFileCycle: error<{ path: string }>(({ path }) => `response file '${path}' includes itself`),
  responseFileNul: error<{ path: string }>(({ path }) => `response file '${path}' has a NUL byte in it`),
  ignoredOption: warning<{ option: string; why: string }>(({ option, why }) => `option '${option}' ignored: ${why}`),

  // Finding and reading inputs.
  cannotOpen: error<{ path: string; reason: string }>(({ path, reason }) => `cannot open '${path}': ${reason}`),
  inputIsDirectory: error<{ path: string }>(({ path }) => `cannot open '${path}': it is a directory`),
  libraryNotFound: error<{ library: string; searched: readonly string[]; isStatic: boolean; shared?: string }>(
    ({ library }) => `cannot find ${library}`,
    {
      groupBy: ({ library }) => library,
      hint: ({ library, searched, isStatic, shared }) => {
        const lines = searched.map((directory) => `searched '${directory}'`);
        if (searched.length === 0) lines.push("no directory was searched; use -L");
        if (shared !== undefined)
          lines.push(`'${shared}' is a shared object, and -static or -Bstatic asks for an archive`);
        else if (isStatic) lines.push(`only a static '${library}' will do, because of -static or -Bstatic`);
        return lines.join("\n");
      },
    },
  ),
  inputIsPipe: error<{ path: string }>(({ path }) => `cannot read '${path}': only scripts can come through a pipe`),
  skippingIncompatible: warning<{ path: string; searchedFor: string; why: string }>(
    ({ path, searchedFor, why }) => `skipping incompatible '${path}' when searching for ${searchedFor}: ${why}`,
  ),
  sharedInStaticLink: error<{ path: string }>(({ path }) => `attempted static link of dynamic object '${path}'`),
  executableInput: error<{ path: string }>(({ path }) => `cannot use executable file '${path}' as input to a link`),
  unknownFileType: error<{ path: string; detail?: string | undefined }>(({ path, detail }) =>
    detail === undefined ? `'${path}': file format not recognized` : `'${path}': file format not recognized: ${detail}`,
  ),
  incompatibleMachine: error<{ path: string; what: string }>(
    ({ path, what }) => `'${path}' is incompatible with elf64-x86-64: it is ${what}`,
  ),
  malformedThinArchive: error<{ path: string; detail: string }>(
    ({ path, detail }) => `'${path}': malformed archive: ${detail}`,
  ),
  thinMemberMissing: error<{ archive: string; member: string; reason: string }>(
    ({ archive, member, reason }) => `'${archive}': cannot open member '${member}': ${reason}`,
  ),
  scriptSyntax: error<{ path: string; line: number; detail: string }>(
    ({ path, line, detail }) => `${path}:${line}: ${detail}`,
  ),
  discardedOwnSection: error<{ name: string }>(({ name }) => `discarding '${name}' is not supported`),
  sectionNotInSegment: warning<{ name: string }>(({ name }) => `section '${name}' takes memory and is in no segment`),
  orphanPlaced: warning<{ name: string }>(({ name }) => `section '${name}' is placed where no statement names it`),
  orphanUnplaced: error<{ name: string }>(({ name }) => `no statement names section '${name}'`),
  layoutNeverStill: error(() => "addresses in the linker script depend on each other without an end"),
  /** An assertion within an expression. */
  scriptFailed: error<{ detail: string }>(({ detail }) => detail),
  scriptUnsupported: error<{ path: string; line: number; command: string }>(
    ({ path, line, command }) => `${path}:${line}: linker script command '${command}' is not supported`,
  ),
  scriptTooDeep: error<{ path: string }>(({ path }) => `'${path}': linker scripts include each other too deeply`),
  outputFormat: error<{ path: string; format: string }>(
    ({ path, format }) => `'${path}': unsupported output format '${format}': only elf64-x86-64 is known`,
  ),

  // The form of objects, archives and shared objects. The place names the file and section.
  malformedArchive: malformed("malformed archive"),
  memberNotObject: error<{ archive: string; member: string }>(
    ({ archive, member }) => `'${archive}': member '${member}' is not an object`,
  ),
  fileTooLarge: malformed("file is larger than 4 GiB"),
  notElf: malformed("not an ELF file"),
  wrongClass: malformed("not a 64-bit little-endian ELF file"),
  wrongMachine: malformed("incompatible with elf64-x86-64"),
  wrongType: malformed("not an object or a shared object"),
  badSectionHeaders: malformed("corrupt section header table"),
  badSectionNames: malformed("corrupt section name table"),
  badSectionName: malformed("section name is outside the section name table"),
  badSection: malformed("corrupt section"),
  sectionOutsideFile: malformed("section extends past the end of the file"),
  sectionTooLarge: malformed(
    "section is larger than 2^47 bytes, or aligned to more than 2^31, or does not fit any more",
  ),
  /** GNU ld: nonrepresentable section on output. */
  dynamicSymbolSection: error<{ symbol: string }>(
    ({ symbol }) => `'${symbol}' is in a section after the 65,279th, which a dynamic symbol has no number for`,
    { groupBy: () => "", placeIs: "in" },
  ),
  symbolNamesTooLong: malformed("names of symbols take more than 4 GiB"),
  sectionsOverlap: malformed("sections that share bytes have more than 2^32 of them, or of strings and frames in them"),
  /** GNU ld: type and size of dynamic symbol are not defined. */
  copyWithoutSize: warning<{ symbol: string }>(
    ({ symbol }) => `'${symbol}' of a shared object has no size: the program's copy of it is not initialised`,
  ),
  symbolTooLarge: error<{ symbol: string }>(
    ({ symbol }) => `'${symbol}' is larger than 2^47 bytes, or aligned to more than 2^31, or does not fit any more`,
  ),
  tooManySections: error<{ limit: number }>(
    ({ limit }) => `sections have more than ${limit} names, types and sizes of merged parts in all`,
  ),
  twoSymbolTables: malformed("more than one symbol table"),
  noDynamicSymbols: malformed("shared object has no dynamic symbol table"),
  badSymbolTable: malformed("corrupt symbol table"),
  badSymbolName: error<{ index: number }>(({ index }) => `symbol ${index}: name is outside the string table`),
  badSymbolSection: error<{ symbol: string }>(({ symbol }) => `symbol '${symbol}' is in a section that does not exist`),
  badSharedObject: malformed("corrupt shared object"),
  badVersions: malformed("corrupt symbol versions"),
  badGroup: malformed("corrupt section group"),
  badMergeSection: malformed("corrupt mergeable section"),
  badEhFrame: malformed("corrupt .eh_frame"),
  badRelocationSection: malformed("corrupt relocation section"),
  crelRelocations: malformed("CREL relocations are not supported"),
  relInObject: malformed("SHT_REL relocations are not used on this machine"),
  relrInObject: malformed("SHT_RELR in an object file is not supported"),
  compressedSection: malformed("corrupt compressed section"),
  compressionType: error<{ type: number }>(
    ({ type }) => `section is compressed with ${type === 2 ? "zstd" : `type ${type}`}; only zlib is supported`,
  ),
  bitcode: error<IntermediateLanguage>((operands) => `LLVM bitcode ${notTaken(operands)}`, {
    groupBy: ({ compiler = "" }) => compiler,
    placeIs: "in",
    hint: ({ compiler = "clang" }) =>
      compiler.startsWith("rustc")
        ? "link with a clang of the same LLVM and -flto, which passes its plugin; or compile without -C linker-plugin-lto"
        : `link with ${compiler} and -flto, which passes its plugin; or recompile without -flto`,
  }),
  ltoObject: error<IntermediateLanguage>((operands) => `GCC LTO object without machine code ${notTaken(operands)}`, {
    groupBy: ({ compiler = "" }) => compiler,
    placeIs: "in",
    hint: ({ compiler = "gcc", plugins, isRelocatable }) =>
      isRelocatable === true && plugins !== undefined
        ? "-flinker-output=nolto-rel has gcc make machine code of it"
        : `link with ${compiler} and -flto, which passes its plugin; or recompile without -flto, or with -ffat-lto-objects`,
  }),
  ltoMemberLeftOut: warning(
    () => "object for link-time optimisation left out: what it defines is not in the archive's index",
    { groupBy: () => "", placeIs: "in", hint: () => "link with a plugin, or recompile without -flto" },
  ),
  pluginFailed: error<{ plugin: string; reason: string; inputs?: string | undefined }>(
    ({ plugin, reason }) => `linker plugin '${plugin}' failed: ${reason}`,
    {
      hint: ({ plugin, reason, inputs }) =>
        (reason.includes("No such file") ? pluginPackage(plugin) : undefined) ?? inputs,
    },
  ),
  pluginError: error<{ plugin: string; text: string; inputs?: string | undefined }>(({ text }) => text, {
    hint: ({ plugin, inputs }) => `said by linker plugin '${plugin}'${inputs === undefined ? "" : `\n${inputs}`}`,
  }),
  pluginWarning: warning<{ plugin: string; text: string }>(({ text }) => text, {
    hint: ({ plugin }) => `said by linker plugin '${plugin}'`,
  }),
  executableStackAsked: warning(() => "the stack is executable because of -z execstack"),
  executableStackNoted: warning(() => "requires executable stack, because its .note.GNU-stack section is executable", {
    placeIs: "in",
  }),
  executableStackImplied: warning(() => "missing .note.GNU-stack section implies executable stack", {
    placeIs: "in",
    hint: () => "-z noexecstack makes the stack not executable",
  }),
  segmentWithAllPermissions: warning<{ output: string }>(
    ({ output }) => `'${output}' has a LOAD segment with RWX permissions`,
  ),
  propertyMissing: error<{ properties: string }>(({ properties }) => `missing ${properties}`, {
    groupBy: ({ properties }) => properties,
    placeIs: "in",
    hint: () => "recompile with -fcf-protection",
  }),
  propertyMissingWarning: warning<{ properties: string }>(({ properties }) => `missing ${properties}`, {
    groupBy: ({ properties }) => properties,
    placeIs: "in",
  }),

  // Symbols.
  undefinedSymbol: error<{ symbol: string; hint?: NamedText | undefined }>(
    ({ symbol }) => `undefined reference to '${symbol}'`,
    {
      groupBy: ({ symbol }) => symbol,
      placeIs: "referenced by",
      hint: ({ hint }) => plainText(hint),
    },
  ),
  undefinedSymbolWarning: warning<{ symbol: string; hint?: NamedText | undefined }>(
    ({ symbol }) => `undefined reference to '${symbol}'`,
    { groupBy: ({ symbol }) => symbol, placeIs: "referenced by", hint: ({ hint }) => plainText(hint) },
  ),
  undefinedInShared: error<{ symbol: string }>(
    ({ symbol }) => `undefined reference to '${symbol}' in a shared object`,
    {
      groupBy: ({ symbol }) => symbol,
      placeIs: "referenced by",
      hint: () => "use --allow-shlib-undefined to link nevertheless",
    },
  ),
  undefinedInSharedWarning: warning<{ symbol: string }>(
    ({ symbol }) => `undefined reference to '${symbol}' in a shared object`,
    { groupBy: ({ symbol }) => symbol, placeIs: "referenced by" },
  ),
  /** `why`: "hidden", "internal" or "local". */
  hiddenFromShared: error<{ symbol: string; why: string; definer: string }>(
    ({ symbol, why, definer }) => `${why} symbol '${symbol}' in ${definer} is referenced by a shared object`,
    { groupBy: ({ symbol }) => symbol, placeIs: "referenced by" },
  ),
  neededNotFound: warning<{ library: string; by: string }>(
    ({ library, by }) => `'${library}', needed by '${by}', not found`,
    { hint: () => "try -rpath-link=DIR, or name it on the command line" },
  ),
  gcWithoutRoot: error(() => "--gc-sections with -r needs a symbol to start from, by -e or -u"),
  relocatableValue: error<{ symbol: string }>(
    ({ symbol }) => `the value of '${symbol}' is neither a number nor beside a symbol of the output, which -r needs`,
  ),
  requiredUndefined: error<{ symbol: string }>(({ symbol }) => `required symbol '${symbol}' not defined`),
  keepUniqueUndefined: warning<{ symbol: string }>(
    ({ symbol }) => `symbol '${symbol}' of --keep-unique is not defined in a section of the inputs`,
  ),
  orderedSymbolUnknown: warning<{ symbol: string }>(
    ({ symbol }) => `symbol '${symbol}' of the symbol ordering file is not defined`,
  ),
  duplicateSymbol: error<{ symbol: string }>(({ symbol }) => `multiple definition of '${symbol}'`, {
    groupBy: ({ symbol }) => symbol,
    placeIs: "defined in",
  }),
  entryUndefined: warning<{ symbol: string; address: string }>(
    ({ symbol, address }) => `cannot find entry symbol '${symbol}'; defaulting to ${address}`,
  ),
  symbolWarning: warning<{ symbol: string; text: string }>(({ text }) => text, {
    groupBy: ({ symbol, text }) => `${symbol}\0${text}`,
    placeIs: "referenced by",
  }),
  tlsMismatch: error<{ symbol: string }>(({ symbol }) => `'${symbol}' is thread-local in one file and not in another`, {
    groupBy: ({ symbol }) => symbol,
    placeIs: "in",
  }),
  versionUndefined: error<{ symbol: string; version: string }>(
    ({ symbol, version }) => `version script assignment of '${version}' to '${symbol}' failed: symbol not defined`,
  ),
  versionNotDefined: error<{ symbol: string; version: string }>(
    ({ symbol, version }) => `nothing defines version '${version}' of '${symbol}'`,
    { groupBy: ({ symbol, version }) => `${symbol}@${version}`, placeIs: "referenced by" },
  ),
  versionUnknown: error<{ symbol: string; version: string }>(
    ({ symbol, version }) => `symbol '${symbol}' has undefined version '${version}'`,
  ),
  /** What is wrong with the expression of a symbol that the command line, or a script, defines. */
  badDefsym: error<{ name: string; detail: string }>(({ name, detail }) => `value of '${name}': ${detail}`),

  // Relocations.
  badRelocation: error<{ detail?: string }>(({ detail }) =>
    detail === undefined ? "corrupt relocation" : `corrupt relocation: ${detail}`,
  ),
  relocationOutsideSection: error<Relocation>((operands) => `${against(operands)} is outside its section`),
  relocationType: error<{ relocation: string }>(({ relocation }) => `unknown relocation type ${relocation}`, {
    groupBy: ({ relocation }) => relocation,
    placeIs: "in",
  }),
  relocationOutOfRange: error<
    Relocation & {
      value: string;
      minimum?: string | undefined;
      maximum?: string | undefined;
      model?: string | undefined;
    }
  >(
    (operands) =>
      `${against(operands)} out of range: ${operands.value}` +
      (operands.minimum === undefined ? "" : ` is not in [${operands.minimum}, ${operands.maximum ?? ""}]`),
    {
      groupBy: ({ relocation, symbol }) => `${relocation}\0${symbol ?? ""}`,
      placeIs: "in",
      hint: ({ model }) => model,
    },
  ),
  relocationNeedsPic: error<Relocation & { output: string; flag?: string }>(
    (operands) => `${against(operands)} can not be used when making a ${operands.output}`,
    {
      groupBy: ({ relocation, output }) => `${relocation}\0${output}`,
      placeIs: "in",
      hint: ({ flag }) => `recompile with ${flag ?? "-fPIC"}`,
    },
  ),
  protectedInShared: error<Relocation>(
    (operands) => `${against(operands)}, which is protected in the shared object that defines it`,
    {
      groupBy: ({ relocation, symbol }) => `${relocation}\0${symbol ?? ""}`,
      placeIs: "in",
      hint: () => "recompile with -fPIC: what is protected can neither be copied nor have its address elsewhere",
    },
  ),
  relocationInReadOnly: error<Relocation>((operands) => `${against(operands)} in a read-only section`, {
    groupBy: ({ relocation }) => relocation,
    placeIs: "in",
    hint: () => "recompile with -fPIC, or link with -z notext",
  }),
  /** GNU ld's words; --warn-textrel is its default on Linux. */
  textRelocation: warning<{ output: string }>(({ output }) => `creating DT_TEXTREL in a ${output}`, {
    groupBy: () => "",
    placeIs: "because of",
    hint: () => "recompile with -fPIC, or accept it with -z notext",
  }),
  relocationToDiscarded: error<{ symbol: string }>(({ symbol }) => `'${symbol}' is defined in a discarded section`, {
    groupBy: ({ symbol }) => symbol,
    placeIs: "referenced by",
  }),
  /** NOCROSSREFS of a linker script. */
  prohibitedReference: error<{ symbol: string }>(({ symbol }) => `prohibited cross reference to '${symbol}'`, {
    groupBy: ({ symbol }) => symbol,
    placeIs: "in",
  }),
  /** As in GNU ld: of two functions that overlap, unwinders would find one only. */
  overlappingFdes: error(() => ".eh_frame_hdr refers to overlapping FDEs", { groupBy: () => "", placeIs: "in" }),
  frameOutOfReach: error(() => ".eh_frame_hdr has no room for functions and FDEs that are 2 GiB or more from it", {
    groupBy: () => "",
    placeIs: "in",
    hint: () => "--no-eh-frame-hdr needs none, where the C library knows of .eh_frame",
  }),
  badTlsSequence: error<Relocation>(
    (operands) => `${against(operands)} is not in a TLS code sequence that can be relaxed`,
  ),

  // The output and the machine.
  cannotWriteOutput: error<{ path: string; reason: string }>(
    ({ path, reason }) => `cannot open output file '${path}': ${reason}`,
  ),
  outputFailed: error<{ path: string; reason: string }>(({ path, reason }) => `cannot write '${path}': ${reason}`),
  addressTooLarge: error<{ symbol: string }>(({ symbol }) => `address of '${symbol}' is 2^53 or more`),
  workerCrashed: error<{ kernel: string; signal: string; changedFiles: readonly string[] }>(
    ({ kernel, signal }) => `a worker was ended by ${signal} in ${kernel}, twice`,
    {
      hint: ({ changedFiles, signal }) =>
        changedFiles.length > 0
          ? `changed while it was linked: '${changedFiles.join("', '")}'`
          : signal === "SIGKILL"
            ? "the system does so when memory runs out"
            : undefined,
    },
  ),
  limitExceeded: error<{ what: string; limit: string }>(
    ({ what, limit }) => `there are more ${what} than this linker can do: ${limit}`,
  ),
  moreErrors: error<More>(more("errors")),
  moreWarnings: warning<More>(more("warnings")),
  outOfMemory: error<{ kernel: string }>(({ kernel }) => `memory ran out in ${kernel}`, {
    hint: () => "fewer workers need less: --threads=1",
  }),
  systemCallFailed: error<{ call: string; reason: string }>(
    ({ call, reason }) => `the system call ${call} failed: ${reason}`,
    { hint: () => "a limit of the shell may be in the way: ulimit -a" },
  ),
  stagingFailed: error<{ path: string; reason: string }>(({ path, reason }) => `cannot read '${path}': ${reason}`),
  internal: error<{ detail: string }>(({ detail }) => `internal error: ${detail}`),
} as const;

export type Code = keyof typeof codes;
export type OperandsOf<C extends Code> = Parameters<(typeof codes)[C]["text"]>[0];
