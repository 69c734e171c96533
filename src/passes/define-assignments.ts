/**
 * Symbols that the command line gives values (--defsym). What they are, numbers or addresses, functions or data, is
 * known once their names are resolved; what they come to, once layout knows addresses.
 */
import { STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STV_PROTECTED } from "../elf/constants.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import type { Assignment } from "../inputs/script/assignments.ts";
import { type Environment, evaluate, movesWithImage, type Value } from "../inputs/script/evaluate.ts";
import { type Expression, ExpressionError, symbolsOf } from "../inputs/script/expressions.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { endOf, type PlacedSection } from "../output/placed-section.ts";
import { claimingFile, claimingSymbol, isClaimed, isClaimedByShared } from "../tables/claim.ts";
import { rowAt, type SymbolRow } from "../tables/views.ts";
import { enumerations } from "../tables/schema.ts";
import type { FindingReader } from "./findings.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { SymbolFlags } = enumerations;

/** What a name stands for. */
interface Meaning {
  readonly isAddress: boolean;
  /** STT_FUNC and the like. */
  readonly type: number;
  /** SymbolFlags: VISIBILITY_HIDDEN and the like. */
  readonly visibility: number;
}

const NOTHING: Meaning = { isAddress: false, type: 0, visibility: 0 };
/** Of what is not defined, which is an error when its value is asked for; until then nobody is to complain of a number. */
const UNKNOWN: Meaning = { ...NOTHING, isAddress: true };
const { VISIBILITY_HIDDEN, VISIBILITY_INTERNAL, VISIBILITY_PROTECTED } = SymbolFlags;
const { NEEDS_PLT, NEEDS_CANONICAL_PLT, NEEDS_COPY } = SymbolFlags;

/** Tells kernels what the symbols are. A circle of definitions is an error. */
export function classifyAssignments(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  assignments: readonly Assignment[],
  options: LinkOptions,
  findings: FindingReader,
): void {
  const byName = new Map(assignments.map((assignment) => [assignment.name, assignment]));
  const known = new Map<string, Meaning | "open">();
  const meaningOf = (name: string): Meaning => {
    const assignment = byName.get(name);
    if (assignment === undefined) return meaningOfDefinition(workers, scanned, internal, name, findings);
    const earlier = known.get(name);
    if (earlier === "open") {
      workers.diagnostics.add("badDefsym", { name, detail: "its definition leads back to itself" });
      return NOTHING;
    }
    if (earlier !== undefined) return earlier;
    known.set(name, "open");
    const { value } = assignment;
    const isAddress = movesWithImage(value, (symbol) => meaningOf(symbol).isAddress);
    // As in GNU ld, what is made of one other name has its type and visibility.
    const source = sourceOf(value);
    const meaning = { ...(source === undefined ? NOTHING : meaningOf(source)), isAddress };
    known.set(name, meaning);
    return meaning;
  };
  for (const { value } of assignments)
    for (const name of symbolsOf(value))
      if (!byName.has(name)) bringFromShared(workers, scanned, internal, name, options, findings);
  for (const { name } of assignments) {
    const { isAddress, type, visibility } = meaningOf(name);
    internal.setType(name, type);
    workers.tables.column("symbol", "flags")[symbolOf(workers, scanned, internal, name)!] |= visibility;
    if (!isAddress) internal.define(name, 0, true);
  }
}

/**
 * As in GNU ld: what a shared object defines and an object of the program refers to is in the program, a function by its
 * entry in the PLT, data by a copy. Not what is protected there: the
 * shared object would go on using its own.
 */
function bringFromShared(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  name: string,
  { outputKind, z }: LinkOptions,
  findings: FindingReader,
): void {
  const { tables } = workers;
  const symbol = symbolOf(workers, scanned, internal, name);
  const flags = tables.column("symbol", "flags");
  if (symbol === undefined || outputKind === "shared" || !(flags[symbol] & SymbolFlags.IN_OBJECT)) return;
  if (!isClaimedByShared(tables, symbol)) return;
  const claim = tables.column("symbol", "claim");
  const object = findings.object(claimingFile(claim.high(symbol)));
  const definition = claimingSymbol(claim.low(symbol));
  if (object === undefined || object.visibility(definition) === STV_PROTECTED) return;
  const type = object.symbolType(definition);
  if (type === STT_FUNC || type === STT_GNU_IFUNC) flags[symbol] |= NEEDS_PLT | NEEDS_CANONICAL_PLT;
  else if (type === STT_OBJECT && z.hasCopyRelocations) flags[symbol] |= NEEDS_COPY;
}

/** Whether the program has what a shared object defines. */
const isBrought = ({ tables }: Workers, symbol: SymbolRow): boolean =>
  (tables.column("symbol", "flags")[symbol] & (NEEDS_CANONICAL_PLT | NEEDS_COPY)) !== 0;

/** The symbol that an expression is made of; undefined when there is none, or more than one. */
function sourceOf(value: Expression): string | undefined {
  if (value.kind === "conditional" && value.condition.kind === "number")
    return sourceOf(value.condition.value === 0n ? value.no : value.yes);
  const names = symbolsOf(value);
  return names.length === 1 ? names[0] : undefined;
}

function meaningOfDefinition(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  name: string,
  findings: FindingReader,
): Meaning {
  const { tables } = workers;
  const { internalFile } = scanned;
  const symbol = symbolOf(workers, scanned, internal, name);
  if (symbol === undefined) return UNKNOWN;
  const claim = tables.column("symbol", "claim");
  const file = claimingFile(claim.high(symbol));
  if (!isClaimed(claim, symbol)) return UNKNOWN;
  if (isClaimedByShared(tables, symbol) && !isBrought(workers, symbol)) return UNKNOWN;
  if (file === internalFile) return { ...NOTHING, isAddress: true };
  const object = findings.object(file);
  const index = claimingSymbol(claim.low(symbol));
  return {
    isAddress: object?.isAbsolute(index) === false,
    type: object?.symbolType(index) ?? 0,
    visibility:
      tables.column("symbol", "flags")[symbol] & (VISIBILITY_HIDDEN | VISIBILITY_INTERNAL | VISIBILITY_PROTECTED),
  };
}

/** The symbol of a name that the linker's object mentions. */
function symbolOf(
  { tables }: Workers,
  { internalFile }: Scanned,
  internal: InternalObject,
  name: string,
): SymbolRow | undefined {
  const index = internal.indexOf(name);
  if (index === undefined) return undefined;
  return tables.column("mention", "symbol")[rowAt(tables.column("file", "firstMention")[internalFile], index - 1)];
}

/** What layout knows. */
export interface PlacedImage {
  readonly ordered: readonly PlacedSection[];
  readonly headerSize: number;
  readonly options: LinkOptions;
}

/** Gives the symbols their values. One that has none is an error. */
export function defineAssignments(
  workers: Workers,
  scanned: Scanned,
  internal: InternalObject,
  assignments: readonly Assignment[],
  image: PlacedImage,
): void {
  const byName = new Map(assignments.map((assignment) => [assignment.name, assignment]));
  const values = new Map<string, Value>();
  const open = new Set<string>();
  const { tables, diagnostics } = workers;
  const flags = tables.column("symbol", "flags");
  const isUndefined = (symbol: SymbolRow): boolean =>
    (flags[symbol] & SymbolFlags.IS_UNDEFINED) !== 0 ||
    (isClaimedByShared(tables, symbol) && !isBrought(workers, symbol)) ||
    !isClaimed(tables.column("symbol", "claim"), symbol);
  const whyUndefined = (name: string, symbol: SymbolRow | undefined): string =>
    symbol !== undefined && isClaimedByShared(tables, symbol)
      ? `'${name}' is defined by a shared object: where it is, is not known before the program runs`
      : `undefined symbol '${name}'`;
  const environment: Environment = {
    symbol: (name) => {
      const assignment = byName.get(name);
      if (assignment !== undefined) return valueOf(assignment);
      const symbol = symbolOf(workers, scanned, internal, name);
      if (symbol === undefined || isUndefined(symbol)) throw new ExpressionError(whyUndefined(name, symbol));
      const address = tables.column("symbol", "address");
      const value = (BigInt(address.high(symbol)) << 32n) | BigInt(address.low(symbol));
      const isAbsolute = (flags[symbol] & SymbolFlags.IS_ABSOLUTE) !== 0;
      return { value, section: isAbsolute ? undefined : sectionAt(image.ordered, value) };
    },
    isDefined: (name) => {
      const symbol = symbolOf(workers, scanned, internal, name);
      return byName.has(name) ? !open.has(name) : symbol !== undefined && !isUndefined(symbol);
    },
    section: (name) => image.ordered.find((section) => section.name === name),
    headerSize: image.headerSize,
    maxPageSize: image.options.z.maxPageSize,
  };
  const valueOf = ({ name, value }: Assignment): Value => {
    let known = values.get(name);
    if (known === undefined) {
      open.add(name);
      values.set(name, (known = evaluate(value, environment)));
      open.delete(name);
    }
    return known;
  };
  for (const assignment of assignments) {
    const { name } = assignment;
    try {
      const { value, section } = valueOf(assignment);
      const symbol = symbolOf(workers, scanned, internal, name)!;
      if ((flags[symbol] & SymbolFlags.IS_ABSOLUTE) === 0 && section === undefined)
        throw new ExpressionError("whether it is a number or an address depends on the layout");
      const index = internal.define(name, value, section === undefined);
      tables.column("linkerSymbol", "section")[index] = section ?? 0;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.add("badDefsym", { name, detail: error.message });
    }
  }
}

/** Header index of the section that an address is in, or right behind. */
function sectionAt(ordered: readonly PlacedSection[], address: bigint): number {
  const at = Number(address);
  const isIn = (section: PlacedSection): boolean => section.address !== 0 && section.address <= at;
  const holds = ordered.find((section) => isIn(section) && at < endOf(section));
  return (holds ?? ordered.findLast((section) => isIn(section) && at === endOf(section)))?.index ?? 0;
}
