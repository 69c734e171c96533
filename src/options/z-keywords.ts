/** The keywords of `-z`, once: what each sets. A keyword that is not listed is ignored with a warning, as in GNU ld. */
import { parseNumber } from "./argument-values.ts";
import type { OptionsDraft } from "./link-options.ts";
import type { Setting } from "./setting.ts";

type Z = OptionsDraft["z"];

/** Keywords without a value. */
const flags: Readonly<Record<string, (z: Z, draft: OptionsDraft) => void>> = {
  now: (z) => (z.isNow = true),
  lazy: (z) => (z.isNow = false),
  relro: (z) => (z.isRelro = true),
  norelro: (z) => (z.isRelro = false),
  "separate-code": (z) => (z.separate = "code"),
  "noseparate-code": (z) => (z.separate = "none"),
  "separate-loadable-segments": (z) => (z.separate = "loadable-segments"),
  execstack: (z) => (z.execStack = true),
  noexecstack: (z) => (z.execStack = false),
  text: (z) => (z.textRelocations = "error"),
  notext: (z) => (z.textRelocations = "allow"),
  textoff: (z) => (z.textRelocations = "allow"),
  textwarn: (z) => (z.textRelocations = "warning"),
  defs: (_, draft) => (draft.isNoUndefinedAsked = true),
  undefs: (_, draft) => (draft.isNoUndefinedAsked = false),
  muldefs: (_, draft) => (draft.isAllowMultipleDefinition = true),
  origin: (z) => (z.isOrigin = true),
  nodelete: (z) => (z.isNoDelete = true),
  nodlopen: (z) => (z.isNoDlopen = true),
  nodump: (z) => (z.isNoDump = true),
  initfirst: (z) => (z.isInitFirst = true),
  interpose: (z) => (z.isInterpose = true),
  nodefaultlib: (z) => (z.isNoDefaultLib = true),
  globalaudit: (z) => (z.isGlobalAudit = true),
  copyreloc: (z) => (z.hasCopyRelocations = true),
  nocopyreloc: (z) => (z.hasCopyRelocations = false),
  "pack-relative-relocs": (_, draft) => (draft.packsDynamicRelocations = "relr"),
  "nopack-relative-relocs": (_, draft) => (draft.packsDynamicRelocations = "none"),
  ibt: (z) => (z.isIbt = true),
  ibtplt: (z) => (z.isIbtPlt = true),
  shstk: (z) => (z.isShstk = true),
  "force-ibt": (z) => (z.isIbt = true),
  cet: (z) => (z.isIbt = z.isShstk = true),
  "start-stop-gc": (z) => (z.keepsStartStop = false),
  "nostart-stop-gc": (z) => (z.keepsStartStop = true),
  "keep-text-section-prefix": (z) => (z.keepsTextSectionPrefix = true),
  "nokeep-text-section-prefix": (z) => (z.keepsTextSectionPrefix = false),
  "dynamic-undefined-weak": (z) => (z.isDynamicUndefinedWeak = true),
  "nodynamic-undefined-weak": (z) => (z.isDynamicUndefinedWeak = false),
  sectionheader: (z) => (z.hasSectionHeader = true),
  nosectionheader: (z) => (z.hasSectionHeader = false),
  rodynamic: (z) => (z.isRodynamic = true),
  global: (z) => (z.isGlobal = true),
  unique: (z) => (z.isUnique = true),
  nounique: (z) => (z.isUnique = false),
  "x86-64-baseline": (z) => (z.x86IsaLevel = 1),
  "x86-64-v2": (z) => (z.x86IsaLevel = 2),
  "x86-64-v3": (z) => (z.x86IsaLevel = 3),
  "x86-64-v4": (z) => (z.x86IsaLevel = 4),
};

/** Accepted without effect: already so, or about what this linker does not make. */
const ignoredFlags: readonly string[] = [
  "common",
  "nocommon",
  "combreloc",
  "nocombreloc",
  "extern-protected-data",
  "noextern-protected-data",
  "indirect-extern-access",
  "noindirect-extern-access",
  "loadfltr",
  "call-nop",
  "bndplt",
  "lam-u48",
  "lam-u57",
  "mark-plt",
  "nomark-plt",
  "rewrite-endbr",
  "norewrite-endbr",
  "memory-seal",
  "nomemory-seal",
];

const visibilities = ["default", "internal", "hidden", "protected"] as const;
const reports = ["none", "warning", "error"] as const;

/** Keywords with a value; a setter that returns false did not understand it. */
const valued: Readonly<Record<string, { expected: string; set: (z: Z, value: string) => boolean }>> = {
  "max-page-size": {
    expected: "a power of two",
    set: (z, value) => setPageSize(value, (size) => (z.maxPageSize = size)),
  },
  // Nothing in the layout depends on it: segments are aligned to the largest page.
  "common-page-size": {
    expected: "a power of two",
    set: (_, value) => setPageSize(value, () => undefined),
  },
  "stack-size": {
    expected: "a number",
    set: (z, value) => {
      z.stackSize = parseNumber(value);
      return z.stackSize !== undefined;
    },
  },
  "start-stop-visibility": {
    expected: visibilities.join(", "),
    set: (z, value) => {
      const visibility = visibilities.find((known) => known === value);
      if (visibility !== undefined) z.startStopVisibility = visibility;
      return visibility !== undefined;
    },
  },
  "cet-report": {
    expected: reports.join(", "),
    set: (z, value) => {
      const report = reports.find((known) => known === value);
      if (report !== undefined) z.cetReport = report;
      return report !== undefined;
    },
  },
};

function setPageSize(value: string, set: (size: number) => void): boolean {
  const size = parseNumber(value);
  const isPowerOfTwo = size !== undefined && size > 0 && Number.isInteger(Math.log2(size));
  if (isPowerOfTwo) set(size);
  return isPowerOfTwo;
}

/** All keywords, for --help. */
export function zKeywords(): string {
  return [...Object.keys(flags), ...Object.keys(valued).map((keyword) => `${keyword}=VALUE`)].join(", ");
}

/** Sets what `-z KEYWORD` or `-z KEYWORD=VALUE` asks for. */
export function applyZ(setting: Setting, argument: string): void {
  const { draft, diagnostics } = setting;
  const equals = argument.indexOf("=");
  const keyword = equals === -1 ? argument : argument.slice(0, equals);
  if (equals === -1 && Object.hasOwn(flags, keyword)) {
    flags[keyword](draft.z, draft);
  } else if (equals !== -1 && Object.hasOwn(valued, keyword)) {
    const value = argument.slice(equals + 1);
    const row = valued[keyword];
    if (!row.set(draft.z, value))
      diagnostics.add("badArgument", { option: `-z ${keyword}`, value, expected: row.expected });
  } else if (!ignoredFlags.includes(keyword)) {
    diagnostics.add("unknownKeyword", { keyword: argument });
  }
}
