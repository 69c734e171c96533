/**
 * Choose plan, of -r: which sections a script, or the order of GNU ld's default script for -r, puts where. Sections that
 * no rule names keep their names and come after those of their kind.
 */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { tryToParse } from "../inputs/pattern-files.ts";
import { isStated } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { StatedPart, StatedRule } from "../output/plan.ts";
import { DISCARD, statedPlan } from "../output/script/stated-plan.ts";
import type { OutputSectionDescription } from "../script/commands.ts";
import { ScriptError } from "../script/script-lexer.ts";
import type { Inputs } from "./find-inputs.ts";

export interface RelocatableRule extends StatedRule {
  /** What its sections become part of; undefined for those that keep their names. */
  readonly output: string | undefined;
  /** Where that comes in the output, from 1. */
  readonly order: number;
  /** Its sections stay apart. */
  readonly isUnique: boolean;
}

export interface RelocatableRules {
  readonly rules: readonly RelocatableRule[];
  /** Alignment that a script gives an output section, by its place. */
  readonly alignments: ReadonlyMap<number, number>;
}

/** As orphan_order() in the kernel: what comes before these and behind them has a place of its own. */
const ORPHANS = 2 ** 20;
const [, code, readOnly, threadLocal, data, zero, unloaded] = [1, 2, 3, 4, 5, 6, 7].map((kind) => kind * ORPHANS);

const debugNames = (
  "aranges info abbrev line str loc macinfo types ranges addr line_str loclists macro names rnglists " +
  "str_offsets sup"
)
  .split(" ")
  .map((name) => `.debug_${name}`);

/** The names of the default script, each before or behind the orphans of its kind. */
const defaultOrder: readonly (readonly [number, readonly string[]])[] = [
  [code! - ORPHANS / 2, [".init", ".plt", ".plt.got", ".plt.sec", ".text"]],
  [code! + 1, [".stub", ".fini"]],
  [readOnly! - ORPHANS / 2, [".rodata", ".rodata1", ".eh_frame", ".sframe", ".gcc_except_table"]],
  [threadLocal! - ORPHANS / 2, [".tdata"]],
  [threadLocal! + 1, [".tbss"]],
  [data! - ORPHANS / 2, [".jcr", ".data", ".data1"]],
  [zero! - ORPHANS / 2, [".bss"]],
  [zero! + 1, [".lbss", ".lrodata", ".ldata"]],
  [unloaded! - ORPHANS / 2, [".stab", ".stabstr", ".comment", ...debugNames]],
];

const noSort = { orders: [], isReversed: false, isByFile: false };
const plainRule = { files: undefined, withFlags: 0, withoutFlags: 0, isKept: false, isDiscarded: false, sort: noSort };

export function relocatableRules(inputs: Inputs, options: LinkOptions, diagnostics: Diagnostics): RelocatableRules {
  const { uniqueSections } = options.relocatable;
  const rules: RelocatableRule[] = [];
  const add = (glob: string, order: number, isUnique: boolean): void => {
    const rest = { group: rules.length, reversedInto: undefined, output: undefined, order, isUnique };
    rules.push({ ...plainRule, glob, ...rest });
  };
  for (const glob of uniqueSections) add(glob, 0, true);
  if (isStated(inputs.layout)) {
    const stated = tryToParse(diagnostics, () => statedRules(inputs, options, rules.length));
    return { rules: [...rules, ...(stated?.rules ?? [])], alignments: stated?.alignments ?? new Map() };
  }
  for (const [first, names] of defaultOrder) for (const [i, name] of names.entries()) add(name, first + i, false);
  return { rules, alignments: new Map() };
}

/** @throws ScriptError for what has no meaning where nothing has an address */
function statedRules(
  { layout }: Inputs,
  { sortSection }: LinkOptions,
  firstRule: number,
): { rules: RelocatableRule[]; alignments: Map<number, number> } {
  const plan = statedPlan(layout, { segments: [], symbols: [] }, false, sortSection);
  const homes = new Map<number, { name: string; order: number }>();
  const alignments = new Map<number, number>();
  let order = 0;
  for (const statement of plan.statements) {
    if (statement.kind === "assertion") refuse(statement.place, "ASSERT with -r");
    if (statement.kind !== "section") continue; // symbols are defined later; `.` says nothing between sections
    order++;
    const alignment = checkSection(statement);
    if (alignment !== undefined) alignments.set(order, alignment);
    for (const part of statement.parts) {
      checkPart(part, statement);
      if (part.kind === "inputs") homes.set(part.rule, { name: statement.name, order });
    }
  }
  if (layout.memory.length > 0) refuse(layout.memory[0]!.place, "MEMORY with -r");
  if (layout.segments.length > 0) refuse(layout.segments[0]!.place, "PHDRS with -r");
  const rules = plan.rules.map((rule): RelocatableRule => {
    const home = homes.get(rule.group);
    const output = rule.isDiscarded ? DISCARD : home?.name;
    return { ...rule, group: firstRule + rule.group, output, order: home?.order ?? 0, isUnique: false };
  });
  return { rules, alignments };
}

function refuse(place: { path: string; line: number }, what: string): never {
  throw new ScriptError(place.path, place.line, `${what} is not supported`, what);
}

/** Returns the alignment that it asks for. */
function checkSection(section: Omit<OutputSectionDescription, "contents">): number | undefined {
  const { place, alignment, type, region, segments, fill, subalignment } = section;
  if (type !== undefined) refuse(place, "the type of an output section with -r");
  if (region !== undefined || segments.length > 0) refuse(place, "a region or segment with -r");
  if (fill !== undefined) refuse(place, "a fill with -r");
  if (subalignment !== undefined) refuse(place, "SUBALIGN with -r");
  if (alignment === undefined) return undefined;
  if (alignment.kind !== "number") refuse(place, "ALIGN of what is no number with -r");
  return Number(alignment.value);
}

function checkPart(part: StatedPart, { place }: Pick<OutputSectionDescription, "place">): void {
  switch (part.kind) {
    case "inputs": {
      const { orders, isReversed, isByFile } = part.sort;
      if (isReversed || isByFile || orders.includes("initPriority"))
        refuse(part.description.place, "an order other than by name and alignment with -r");
      return;
    }
    case "own":
    case "commons":
      return;
    case "assignment":
      refuse(part.place, `an assignment to '${part.name}' in a section with -r`);
      break;
    default:
      refuse(place, "what is no input section with -r");
  }
}
