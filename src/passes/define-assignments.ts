/** Gives symbols the values that scripts and --defsym say, once layout knows addresses. */
import type { InternalObject } from "../inputs/internal-object.ts";
import { type FoundAssignment, mentionedBy } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { StatedError } from "../output/script/located-section.ts";
import { endOf, type PlacedSection } from "../output/placed-section.ts";
import type { SymbolSource } from "../output/script/stated-layout.ts";
import type { ScriptAssertion } from "../script/commands.ts";
import { addressOf, assigned, type Environment, evaluate, type SectionValue, type Value } from "../script/evaluate.ts";
import { ExpressionError } from "../script/expressions.ts";
import { ExpressionSymbols } from "./expression-symbols.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

/** What layout knows. */
export interface PlacedImage {
  readonly ordered: readonly PlacedSection[];
  readonly headerSize: number;
  readonly options: LinkOptions;
}

/** What symbols a script's statements see; addresses of inputs' symbols once `image` is known. */
export function symbolSource(
  symbols: ExpressionSymbols,
  assignments: readonly FoundAssignment[],
  image: () => PlacedImage | undefined,
): SymbolSource {
  const mentioned = mentionedBy(assignments);
  return {
    value: (name) => {
      const symbol = symbols.defined(name);
      const placed = image();
      if (placed === undefined) return undefined;
      const address = symbols.address(symbol);
      const isNumber = symbols.isAbsolute(symbol);
      return { address, sectionIndex: isNumber ? undefined : sectionAt(placed.ordered, address)?.index };
    },
    isDefined: (name) => {
      const symbol = symbols.row(name);
      return symbol !== undefined && symbols.isDefined(symbol) && !symbols.isAssigned(name);
    },
    isProvided: (name) => symbols.isProvided(name, mentioned),
  };
}

/** Gives the symbols that a script's statements assign their values. */
export function defineStated(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  values: ReadonlyMap<string, Value>,
  image: PlacedImage,
): void {
  const symbols = new ExpressionSymbols(workers, scanned, internal);
  const isFixed = image.options.outputKind === "exec";
  for (const [name, value] of values) define(workers, symbols, internal, name, value, image.ordered, isFixed);
}

/**
 * A number, or an address and the section that it is in.
 * @param isFixed addresses are fixed: what GNU ld calls a number is one, which makes no difference to the program
 */
function define(
  { tables }: Workers,
  symbols: ExpressionSymbols,
  internal: InternalObject,
  name: string,
  value: Value,
  ordered: readonly PlacedSection[],
  isFixed: boolean,
): void {
  const address = addressOf(value);
  const own = typeof value.section === "object" ? value.section : value.near;
  const isNumber = isFixed ? own === undefined : symbols.isAbsolute(symbols.row(name)!);
  // What belongs to a section that is not in the output belongs to one nearby.
  const section = isNumber
    ? undefined
    : own !== undefined && own.index > 0
      ? own
      : (own?.near ?? sectionAt(ordered, address));
  const index = internal.define(name, address, isNumber);
  tables.column("linkerSymbol", "section")[index] = section?.index ?? 0;
}

/** Errors of a script's statements. */
export function reportStated({ diagnostics }: Workers, errors: readonly StatedError[]): void {
  for (const { place, detail } of errors)
    if (place === undefined) diagnostics.add("scriptFailed", { detail });
    else if (place.line === 0) diagnostics.add("badDefsym", { name: place.path, detail });
    else diagnostics.add("scriptSyntax", { ...place, detail });
}

/**
 * Gives symbols their values where there is no script with SECTIONS: definitions by each other are followed in any
 * order. One that has no value is an error, and an assertion that does not hold.
 */
export function defineAssignments(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  assignments: readonly FoundAssignment[],
  assertions: readonly ScriptAssertion[],
  image: PlacedImage,
): void {
  const symbols = new ExpressionSymbols(workers, scanned, internal);
  const mentioned = mentionedBy(assignments);
  const active = assignments.filter(({ name, isProvided }) => !isProvided || symbols.isProvided(name, mentioned));
  const byName = new Map(active.map((assignment) => [assignment.name, assignment]));
  const values = new Map<string, Value>();
  const open = new Set<string>();
  const errors: StatedError[] = [];
  const valueAt = (address: bigint, section: SectionValue | undefined): Value =>
    section === undefined
      ? { value: address, section: "absolute" }
      : { value: BigInt.asUintN(64, address - BigInt(section.address)), section };
  const environment: Environment = {
    symbol: (name) => {
      const assignment = byName.get(name);
      if (assignment !== undefined) return valueOf(assignment);
      const symbol = symbols.defined(name);
      const address = symbols.address(symbol);
      return valueAt(address, symbols.isAbsolute(symbol) ? undefined : sectionAt(image.ordered, address));
    },
    isDefined: (name) => {
      const symbol = symbols.row(name);
      return byName.has(name) ? !open.has(name) : symbol !== undefined && symbols.isDefined(symbol);
    },
    section: (name) => image.ordered.find((section) => section.name === name),
    headerSize: image.headerSize,
    maxPageSize: image.options.z.maxPageSize,
    failed: (detail) => errors.push({ place: undefined, detail }),
  };
  const valueOf = ({ name, value }: FoundAssignment): Value => {
    let known = values.get(name);
    if (known === undefined) {
      open.add(name);
      values.set(name, (known = assigned(evaluate(value, environment), undefined)));
      open.delete(name);
    }
    return known;
  };
  for (const assignment of byName.values())
    try {
      define(workers, symbols, internal, assignment.name, valueOf(assignment), image.ordered, false);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      workers.diagnostics.add("badDefsym", { name: assignment.name, detail: error.message });
    }
  for (const { condition, message, place } of assertions)
    try {
      if (evaluate(condition, environment).value === 0n) errors.push({ place, detail: message });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      errors.push({ place, detail: error.message });
    }
  reportStated(workers, errors);
}

/** The section that an address is in, or right behind. */
function sectionAt(ordered: readonly PlacedSection[], value: bigint): PlacedSection | undefined {
  const at = Number(BigInt.asIntN(64, value));
  const isIn = (section: PlacedSection): boolean => section.address !== 0 && section.address <= at;
  const holds = ordered.find((section) => isIn(section) && at < endOf(section));
  return holds ?? ordered.findLast((section) => isIn(section) && at === endOf(section));
}
