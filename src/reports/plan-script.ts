/**
 * A plan as a linker script, which GNU ld understands: what `--verbose` prints. Parts of the linker's own are written
 * as GNU ld's script writes them, as sections of inputs with their names.
 */
import {
  type LoadSegment,
  type Location,
  type KindPlan,
  type Part,
  type PlanSymbol,
  type PlanTarget,
  type SectionPlan,
  type Slot,
} from "../output/plan.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { defaultPlan, planOptions } from "../output/default-plan.ts";
import { targetOf } from "../targets/index.ts";
import type { OwnSectionId } from "../tables/schema.ts";
import { ownNames } from "../output/sections/own-section.ts";

/** What GNU ld calls parts of the linker's own, where it has several names for one or another name. */
const gnuNames: Partial<Readonly<Record<OwnSectionId, string>>> = {
  relaPlt: ".rela.plt .rela.iplt",
  plt: ".plt .iplt",
  got: ".got .igot",
  gotPlt: ".got.plt .igot.plt",
  copy: ".dynbss",
};

const NEXT_PAGE = "ALIGN(CONSTANT (MAXPAGESIZE)) + (. & (CONSTANT (MAXPAGESIZE) - 1))";
/** Objects whose .ctors and .dtors are the head and the end of a list that the runtime walks itself. */
const RUNTIME = "EXCLUDE_FILE (*crtbegin.o *crtbegin?.o *crtend.o *crtend?.o)";

/** The plan of a link with these options and no linker script. */
export function formatDefaultPlan(options: LinkOptions): string {
  return (
    `ENTRY(${options.entry})\n` +
    formatPlan(defaultPlan(planOptions(options, targetOf(options.emulation).imageBase, false)))
  );
}

export function formatPlan(plan: KindPlan): string {
  const lines = ["SECTIONS", "{"];
  const add = (line: string): void => {
    lines.push(`  ${line}`);
  };
  const place = new SymbolStatements(plan.symbols);
  add(`. = 0x${plan.base.toString(16)};`);
  for (const name of place.at({ image: "start" })) add(`PROVIDE (${name} = .);`);
  for (const name of place.at(undefined)) add(`PROVIDE (${name} = .);`);
  add(". = . + SIZEOF_HEADERS;");
  let [{ load }] = plan.slots;
  for (const [i, slot] of plan.slots.entries()) {
    if (i === 0) add(`/* ${nameOf(slot.load)} */`);
    if (slot.load !== load) {
      add("");
      add(`/* ${nameOf(slot.load)} */`);
      for (const line of boundary(load, slot.load, plan.paged)) add(line);
    }
    load = slot.load;
    // Tables of symbols and names are in every output, and no script places them.
    if (slot.load === undefined && slot.orphans === undefined) continue;
    for (const section of slot.sections) add(statement(section, place));
    if (slot.orphans !== undefined) add(`/* here, in the order of inputs, what no statement names: ${slot.orphans} */`);
    for (const name of place.after(plan, i)) add(`PROVIDE (${name} = .);`);
  }
  lines.push("}");
  return `${lines.map((line) => line.trimEnd()).join("\n")}\n`;
}

const nameOf = (load: LoadSegment | undefined): string => load?.name ?? "not loaded";

function boundary(before: LoadSegment | undefined, after: LoadSegment | undefined, paged: KindPlan["paged"]): string[] {
  if (after === undefined || paged === "none") return [];
  if (paged === "data" && after.access !== "write") return [];
  if (after.isProtected || (paged === "data" && before?.access !== "write"))
    return [". = DATA_SEGMENT_ALIGN (CONSTANT (MAXPAGESIZE), CONSTANT (COMMONPAGESIZE));"];
  if (before?.isProtected) return [". = DATA_SEGMENT_RELRO_END (0, .);"];
  if (after.isLarge && !before?.isLarge) return [`. = SEGMENT_START("ldata-segment", ${NEXT_PAGE});`];
  return [`. = ${NEXT_PAGE};`];
}

function statement(section: SectionPlan, place: SymbolStatements): string {
  const { name, parts } = section;
  const targets: PlanTarget[] = [
    { section: name },
    ...parts.flatMap((part) => ("own" in part ? [{ own: part.own }] : [])),
  ];
  const provide = (names: readonly string[]): string[] => names.map((symbol) => `PROVIDE_HIDDEN (${symbol} = .);`);
  const body = [
    ...provide(targets.flatMap((target) => place.at({ startOf: target }))),
    ...new Set(parts.map((part) => contents(part))), // an own part and sections of inputs of its name are one pattern
    ...provide(targets.flatMap((target) => place.at({ endOf: target }))),
  ];
  return `${name.padEnd(16)} : { ${body.join(" ")} }`;
}

/** As GNU ld's scripts call them. */
const commonsNames = { small: "*(COMMON)", large: "*(LARGE_COMMON)", threadLocal: "*(.tcommon)" } as const;

function contents(part: Part): string {
  if ("own" in part) return `*(${gnuNames[part.own] ?? ownNames[part.own]})`;
  if ("commons" in part) return commonsNames[part.commons];
  const patterns = part.inputs.map(({ name, matches, reversedInto }) => {
    if (matches === "family") return `${name} ${name}.*`;
    if (matches === "numbered") return `SORT_BY_INIT_PRIORITY(${name}*)`;
    return reversedInto === undefined ? name : `${RUNTIME} ${name}`;
  });
  const isList = part.inputs.some(({ reversedInto }) => reversedInto !== undefined);
  const isKept =
    isList || part.inputs.some(({ name }) => name === ".init" || name === ".fini" || name === ".preinit_array");
  return isKept ? `KEEP (*(${patterns.join(" ")}))` : `*(${patterns.join(" ")})`;
}

/** Where a script defines each symbol: in a section's statement, or after the last section of a kind. */
class SymbolStatements {
  readonly #names = new Map<string, string[]>();

  constructor(symbols: readonly PlanSymbol[]) {
    for (const { name, at } of symbols) {
      const key = keyOf(at);
      this.#names.set(key, [...(this.#names.get(key) ?? []), name]);
    }
  }

  at(location: Location | undefined): readonly string[] {
    return this.#names.get(keyOf(location)) ?? [];
  }

  /** Those at the end of the last section of a kind that this slot may have. */
  after({ slots }: KindPlan, index: number): readonly string[] {
    const isLast = (isMeant: (slot: Slot) => boolean): boolean => slots.findLastIndex(isMeant) === index;
    return [
      ...(isLast(({ load }) => load?.access === "execute" && !load.isLarge) ? this.at({ endOfLast: "code" }) : []),
      ...(isLast(({ load, isZero }) => load?.access === "write" && !load.isLarge && isZero !== true)
        ? this.at({ endOfLast: "data" })
        : []),
      ...(isLast(({ load }) => load !== undefined) ? this.at({ endOfLast: "image" }) : []),
    ];
  }
}

function keyOf(at: Location | undefined): string {
  if (at === undefined) return "nowhere";
  return JSON.stringify("startOf" in at ? { startOf: at.startOf } : at);
}
