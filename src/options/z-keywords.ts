/** The keywords of `-z`, once: what each sets. A keyword that is not listed is ignored with a warning, as in GNU ld. */
import { parseNumber } from "./argument-values.ts";
import { type OptionsDraft, PAGE_SIZE } from "./link-options.ts";
import type { Setting } from "./setting.ts";
import { done, ignored, isSo, type Outcome, type Status, warned } from "./status.ts";

type Z = OptionsDraft["z"];

export interface ZRow extends Outcome {
  readonly keyword: string;
  /** What its value is, in capitals; empty for none. */
  readonly value: string;
  /** The words or the kind of number that a value is. */
  readonly expected: readonly string[];
  /** Returns false for a value that it does not understand. */
  readonly set: (z: Z, value: string, draft: OptionsDraft) => boolean;
}

const flag = (keyword: string, set: (z: Z, draft: OptionsDraft) => unknown): ZRow => ({
  keyword,
  value: "",
  expected: [],
  set: (z, _, draft) => {
    set(z, draft);
    return true;
  },
  status: done,
  statusOf: {},
  ends: undefined,
});

const nothing = (): void => undefined;

/** A keyword that does not do what it asks for, or need not. */
const flagOf = (status: Status, keyword: string): ZRow => ({ ...flag(keyword, nothing), status });

const takesBack = (ends: string, keyword: string): ZRow => ({
  ...flagOf(isSo, keyword),
  ends: `-z ${ends}`,
});

const valued = (
  keyword: string,
  value: string,
  expected: readonly string[],
  set: ZRow["set"],
  outcome: Partial<Outcome> = {},
): ZRow => ({ keyword, value, expected, set, status: done, statusOf: {}, ends: undefined, ...outcome });

const visibilities = ["default", "internal", "hidden", "protected"];
const reports = ["none", "warning", "error"] as const;
const paddings = ["prefix-addr", "suffix-nop", "prefix-NUMBER", "suffix-NUMBER"];
const onlyRelocatable = ignored("a common symbol of -r means the same by either type");
const isNotSet = warned("the property is not set");

export const zTable: readonly ZRow[] = [
  flag("now", (z) => (z.isNow = true)),
  flag("lazy", (z) => (z.isNow = false)),
  flag("relro", (z) => (z.isRelro = true)),
  flag("norelro", (z) => (z.isRelro = false)),
  flag("separate-code", (z) => (z.separate = "code")),
  flag("noseparate-code", (z) => (z.separate = "none")),
  flag("separate-loadable-segments", (z) => (z.separate = "loadable-segments")),
  flag("execstack", (z) => (z.execStack = true)),
  flag("noexecstack", (z) => (z.execStack = false)),
  flag("text", (z) => (z.textRelocations = "error")),
  flag("notext", (z) => (z.textRelocations = "allow")),
  flag("textoff", (z) => (z.textRelocations = "allow")),
  flag("textwarn", (z) => (z.textRelocations = "warning")),
  flag("defs", (_, draft) => (draft.unresolvedInObjects = "report")),
  flag("undefs", (_, draft) => (draft.unresolvedInObjects = "ignore")),
  flag("muldefs", (_, draft) => (draft.isAllowMultipleDefinition = true)),
  flag("origin", (z) => (z.isOrigin = true)),
  flag("nodelete", (z) => (z.isNoDelete = true)),
  flag("nodlopen", (z) => (z.isNoDlopen = true)),
  flag("nodump", (z) => (z.isNoDump = true)),
  flag("initfirst", (z) => (z.isInitFirst = true)),
  flag("interpose", (z) => (z.isInterpose = true)),
  flag("nodefaultlib", (z) => (z.isNoDefaultLib = true)),
  flag("loadfltr", (z) => (z.isLoadFilter = true)),
  flag("globalaudit", (z) => (z.isGlobalAudit = true)),
  flag("copyreloc", (z) => (z.hasCopyRelocations = true)),
  flag("nocopyreloc", (z) => (z.hasCopyRelocations = false)),
  flag("pack-relative-relocs", (_, draft) => (draft.packsDynamicRelocations = "relr")),
  flag("nopack-relative-relocs", (_, draft) => (draft.packsDynamicRelocations = "none")),
  flag("ibt", (z) => (z.isIbt = true)),
  flag("ibtplt", (z) => (z.isIbtPlt = true)),
  flag("shstk", (z) => (z.isShstk = true)),
  flag("force-ibt", (z) => (z.isIbt = true)),
  flag("cet", (z) => (z.isIbt = z.isShstk = true)),
  flag("dynamic-undefined-weak", (z) => (z.isDynamicUndefinedWeak = true)),
  flag("nodynamic-undefined-weak", (z) => (z.isDynamicUndefinedWeak = false)),
  flag("global", (z) => (z.isGlobal = true)),
  flag("unique", (z) => (z.isUnique = true)),
  flag("nounique", (z) => (z.isUnique = false)),
  flag("x86-64-baseline", (z) => (z.x86IsaLevel = 1)),
  flag("x86-64-v2", (z) => (z.x86IsaLevel = 2)),
  flag("x86-64-v3", (z) => (z.x86IsaLevel = 3)),
  flag("x86-64-v4", (z) => (z.x86IsaLevel = 4)),
  valued("max-page-size", "SIZE", ["a power of two"], (_, value, draft) =>
    setPageSize(value, (size) => (draft.maxPageSize = size)),
  ),
  valued(
    "common-page-size",
    "SIZE",
    ["a power of two"],
    (_, value, draft) => setPageSize(value, (size) => (draft.commonPageSize = size)),
    { status: ignored("segments are aligned to the largest page; a larger one is an error") },
  ),
  valued("stack-size", "SIZE", ["a number"], (z, value) => {
    z.stackSize = parseNumber(value);
    return z.stackSize !== undefined;
  }),
  valued("cet-report", "HOW", reports, (z, value) => {
    const report = reports.find((known) => known === value);
    if (report !== undefined) z.cetReport = report;
    return report !== undefined;
  }),
  valued("start-stop-visibility", "VISIBILITY", visibilities, (_, value) => visibilities.includes(value), {
    status: warned("__start_ and __stop_ symbols are protected"),
    statusOf: { protected: isSo },
  }),
  valued("call-nop", "PADDING", paddings, (_, value) => /^((prefix|suffix)-\w+)$/.test(value), {
    status: warned("a call that needs no GOT any more is padded with an addr32 prefix"),
    statusOf: { "prefix-addr": isSo },
  }),

  flagOf(warned("sections that __start_ and __stop_ symbols can name are kept"), "start-stop-gc"),
  takesBack("start-stop-gc", "nostart-stop-gc"),
  flagOf(warned("hot and cold code is ordered within .text"), "keep-text-section-prefix"),
  takesBack("keep-text-section-prefix", "nokeep-text-section-prefix"),
  flagOf(warned("there are always section headers"), "nosectionheader"),
  takesBack("nosectionheader", "sectionheader"),
  flagOf(warned("the loader writes to .dynamic"), "rodynamic"),
  flagOf(warned("dynamic relocations are in one section and sorted"), "nocombreloc"),
  takesBack("nocombreloc", "combreloc"),
  flagOf(warned("protected data is bound within its object"), "extern-protected-data"),
  takesBack("extern-protected-data", "noextern-protected-data"),
  flagOf(
    warned("executables have copy relocations and addresses of their own for functions"),
    "indirect-extern-access",
  ),
  takesBack("indirect-extern-access", "noindirect-extern-access"),
  flagOf(warned(".dynamic does not say where the PLT is"), "mark-plt"),
  takesBack("mark-plt", "nomark-plt"),
  flagOf(warned("endbr64 stays where it is"), "rewrite-endbr"),
  takesBack("rewrite-endbr", "norewrite-endbr"),
  flag("memory-seal", (z) => (z.isMemorySeal = true)),
  flag("nomemory-seal", (z) => (z.isMemorySeal = false)),
  // lld's: a stack that an input asks to be executable is, as it is without.
  flag("execstack-if-needed", (z) => (z.execStack = undefined)),
  flagOf(isNotSet, "lam-u48"),
  flagOf(isNotSet, "lam-u57"),
  flagOf(warned("there is no PLT for MPX"), "bndplt"),
  flagOf(onlyRelocatable, "common"),
  flagOf(onlyRelocatable, "nocommon"),
];

/** As in GNU ld, 0 is the size that the target has. */
function setPageSize(value: string, set: (size: number) => unknown): boolean {
  const size = parseNumber(value);
  const isPageSize = size !== undefined && (size === 0 || Number.isInteger(Math.log2(size)));
  if (isPageSize) set(size === 0 ? PAGE_SIZE : size);
  return isPageSize;
}

/** A keyword as users type it. */
export const spellZ = ({ keyword, value }: ZRow): string => (value === "" ? keyword : `${keyword}=${value}`);

const rowsByWord = new Map(zTable.map((row) => [row.value === "" ? row.keyword : `${row.keyword}=`, row]));

/** Sets what `-z KEYWORD` or `-z KEYWORD=VALUE` asks for. */
export function applyZ({ draft, diagnostics, unmet }: Setting, argument: string): void {
  const equals = argument.indexOf("=");
  const row = rowsByWord.get(equals === -1 ? argument : argument.slice(0, equals + 1));
  if (row === undefined) {
    diagnostics.add("unknownKeyword", { keyword: argument });
    return;
  }
  const value = equals === -1 ? "" : argument.slice(equals + 1);
  const option = `-z ${row.keyword}`;
  if (row.set(draft.z, value, draft)) unmet.note(option, option, row, value);
  else diagnostics.add("badArgument", { option, value, expected: row.expected.join(", ") });
}
