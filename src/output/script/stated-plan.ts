/** The plan that a linker script states: its statements, which of them each input section and each own section is in. */
import { SHF_WRITE, SHT_FINI_ARRAY, SHT_INIT_ARRAY } from "../../elf/constants.ts";
import type { LinkOptions } from "../../options/link-options.ts";
import type {
  InputDescription,
  Insertion,
  LayoutCommands,
  MemoryDescription,
  OutputSectionDescription,
  SectionContent,
  SectionPattern,
  SectionsStatement,
} from "../../script/commands.ts";
import { globToRegExp, isGlob } from "../../script/glob.ts";
import { ScriptError } from "../../script/script-lexer.ts";
import type { OwnSectionId } from "../../tables/schema.ts";
import type {
  CommonsKind,
  MemoryRegion,
  PlanSymbol,
  SegmentPlan,
  StatedPart,
  StatedPlan,
  StatedRule,
  StatedSection,
  Statement,
} from "../plan.ts";
import { scriptNames } from "../sections/own-section.ts";

/** What a plan has that no script says. */
export interface Unstated {
  readonly segments: readonly SegmentPlan[];
  readonly symbols: readonly PlanSymbol[];
}

/** Of an output without a loader the PLT is of indirect functions only: what is for them alone has names of its own. */
const withoutLoader: Partial<Readonly<Record<OwnSectionId, readonly string[]>>> = {
  relaPlt: [".rela.iplt"],
  plt: [".iplt"],
  gotPlt: [".igot.plt"],
};

/** What the linker's common symbols are called in scripts. */
const commonsNames: Readonly<Record<CommonsKind, string>> = {
  small: "COMMON",
  large: "LARGE_COMMON",
  threadLocal: ".tcommon",
};

export const DISCARD = "/DISCARD/";

/** @throws ScriptError for what cannot be done as it is said */
export function statedPlan(
  commands: LayoutCommands,
  unstated: Unstated,
  isDynamic: boolean,
  sortSection: LinkOptions["sortSection"],
): StatedPlan {
  const rules = new RuleList(sortSection);
  const described = inserted(commands.statements, commands.insertions);
  const statements = described.flatMap((statement): Statement[] => {
    if (statement.kind === "entry") return [];
    return [statement.kind === "section" ? rules.section(statement) : statement];
  });
  checkNames(statements, commands);
  const discarded = placeOwn(statements, rules, isDynamic);
  placeCommons(statements, rules);
  return {
    order: "statements",
    statements: statements.filter((statement) => statement.kind !== "section" || statement.name !== DISCARD),
    rules: rules.list,
    discarded,
    memory: regionsOf(commands),
    programHeaders: commands.segments,
    ...unstated,
  };
}

/** @throws ScriptError for a segment or a memory region that there is not */
function checkNames(statements: readonly Statement[], { memory, aliases, segments }: LayoutCommands): void {
  const regionNames = new Set(["*default*", ...memory.map(({ name }) => name), ...aliases.map(({ alias }) => alias)]);
  const segmentNames = new Set(["NONE", ...segments.map(({ name }) => name)]);
  for (const statement of statements) {
    if (statement.kind !== "section") continue;
    const { path, line } = statement.place;
    for (const region of [statement.region, statement.loadRegion])
      if (region !== undefined && !regionNames.has(region))
        throw new ScriptError(path, line, `there is no memory region '${region}'`);
    for (const segment of statement.segments)
      if (!segmentNames.has(segment)) throw new ScriptError(path, line, `there is no segment '${segment}' in PHDRS`);
  }
}

/** Puts what INSERT says into its places. */
function inserted(
  statements: readonly SectionsStatement[],
  insertions: readonly Insertion[],
): readonly SectionsStatement[] {
  const all = [...statements];
  for (const { isAfter, section, statements: added, place } of insertions) {
    const at = all.findIndex((statement) => statement.kind === "section" && statement.name === section);
    if (at === -1) throw new ScriptError(place.path, place.line, `there is no section '${section}' to insert at`);
    all.splice(isAfter ? at + 1 : at, 0, ...added);
  }
  return all;
}

/** Rules as they are made; which section and part each belongs to. */
class RuleList {
  readonly list: StatedRule[] = [];
  readonly #sortSection: LinkOptions["sortSection"];

  constructor(sortSection: LinkOptions["sortSection"]) {
    this.#sortSection = sortSection;
  }

  section({ contents, ...description }: OutputSectionDescription): StatedSection {
    const parts = contents.flatMap((content) => this.#parts(description, content));
    return { ...description, parts };
  }

  /** As GNU ld: an order that the other one says already, and SORT_NONE, are none; --sort-section is for wildcards. */
  #ordersOf({ sort, glob }: SectionPattern): SectionPattern["sort"] {
    if (sort.length === 0) return this.#sortSection !== undefined && isGlob(glob) ? [this.#sortSection] : [];
    return sort.filter((order, i) => order !== "none" && sort.indexOf(order) === i);
  }

  #parts(section: Omit<OutputSectionDescription, "contents">, content: SectionContent): StatedPart[] {
    if (content.kind === "constructors") return []; // of a.out: ELF has none
    if (content.kind !== "inputs") return [content];
    const patterns = content.sections.length > 0 ? content.sections : [everything];
    const parts: StatedPart[] = [];
    // Sections of all patterns with one order, or with none, lie together, whichever they match.
    const groups = new Map<string, number>();
    for (const pattern of patterns) {
      const sort = { orders: this.#ordersOf(pattern), isReversed: pattern.isReversed, isByFile: content.isFilesSorted };
      const rule = this.list.length;
      const order = JSON.stringify([sort.orders, sort.isReversed]);
      const joined = groups.get(order) ?? rule;
      groups.set(order, joined);
      this.list.push(ruleOf(section, content, pattern, sort, joined));
      if (joined === rule) parts.push({ kind: "inputs", rule, description: content, sort });
    }
    return parts;
  }
}

const everything: SectionPattern = { glob: "*", excludedFiles: [], sort: [], isReversed: false };

const functionLists: Readonly<Record<string, number>> = {
  ".init_array": SHT_INIT_ARRAY,
  ".fini_array": SHT_FINI_ARRAY,
};

function ruleOf(
  { name, constraint }: Omit<OutputSectionDescription, "contents">,
  { files, excludedFiles, isKept, withFlags, withoutFlags }: InputDescription,
  pattern: SectionPattern,
  sort: StatedRule["sort"],
  group: number,
): StatedRule {
  const excluded = [...excludedFiles, ...pattern.excludedFiles];
  return {
    glob: pattern.glob,
    files: files === "*" && excluded.length === 0 ? undefined : { glob: files, excluded },
    withFlags,
    withoutFlags: constraint === "ONLY_IF_RO" ? withoutFlags | SHF_WRITE : withoutFlags,
    isKept,
    isDiscarded: name === DISCARD,
    group,
    sort,
    reversedInto: /^\.[cd]tors/.test(pattern.glob) ? functionLists[name] : undefined,
  };
}

/** The first rule that a section of this name matches, whatever its file. */
function firstRule(rules: readonly StatedRule[], name: string): number {
  return rules.findIndex(
    ({ glob, files, withFlags }) =>
      withFlags === 0 && (files === undefined || /^[*?]+$/.test(files.glob)) && globToRegExp(glob).test(name),
  );
}

/** Gives each own section its part. Returns those that the script discards. */
function placeOwn(statements: Statement[], { list }: RuleList, isDynamic: boolean): Set<OwnSectionId> {
  const discarded = new Set<OwnSectionId>();
  for (const [id, names] of scriptNames) {
    const first = (asked: readonly string[]): number =>
      Math.min(...asked.map((name) => firstRule(list, name)).filter((found) => found !== -1));
    const special = isDynamic ? Infinity : first(withoutLoader[id] ?? []);
    const rule = special === Infinity ? first(names) : special;
    if (rule === Infinity) continue;
    if (list[rule]!.isDiscarded) discarded.add(id);
    else addPart(statements, list[rule]!.group, { kind: "own", id }, "before");
  }
  return discarded;
}

function placeCommons(statements: Statement[], { list }: RuleList): void {
  for (const [commons, name] of Object.entries(commonsNames) as [CommonsKind, string][]) {
    for (const statement of statements)
      if (statement.kind === "section")
        for (const part of statement.parts)
          if (part.kind === "inputs" && list[part.rule]!.files !== undefined && list[part.rule]!.glob === name) {
            const { path, line } = part.description.place;
            throw new ScriptError(path, line, `'${name}' of single files is not supported`, `${name} of single files`);
          }
    const rule = firstRule(list, name);
    if (rule !== -1 && !list[rule]!.isDiscarded)
      addPart(statements, list[rule]!.group, { kind: "commons", commons }, "after");
  }
}

function addPart(statements: Statement[], rule: number, part: StatedPart, where: "before" | "after"): void {
  for (const [i, statement] of statements.entries()) {
    if (statement.kind !== "section") continue;
    const at = statement.parts.findIndex((other) => other.kind === "inputs" && other.rule === rule);
    if (at === -1) continue;
    const parts = statement.parts.toSpliced(where === "before" ? at : at + 1, 0, part);
    statements[i] = { ...statement, parts };
    return;
  }
}

/** @throws ScriptError for a name that two regions have, or none */
function regionsOf({ memory, aliases }: LayoutCommands): MemoryRegion[] {
  const names = new Map<string, { description: MemoryDescription; names: string[] }>();
  const add = (
    name: string,
    region: { description: MemoryDescription; names: string[] },
    place: MemoryDescription["place"],
  ): void => {
    if (names.has(name)) throw new ScriptError(place.path, place.line, `memory region '${name}' is there already`);
    names.set(name, region);
    region.names.push(name);
  };
  for (const description of memory) add(description.name, { description, names: [] }, description.place);
  for (const { alias, region, place } of aliases) {
    const meant = names.get(region);
    if (meant === undefined) throw new ScriptError(place.path, place.line, `there is no memory region '${region}'`);
    add(alias, meant, place);
  }
  return [...new Set(names.values())].map(({ description, names: all }) => ({ ...description, names: all }));
}
