/**
 * What symbols are that scripts and --defsym give values: numbers or addresses, functions or data. That is known once
 * their names are resolved; what they come to, once layout knows addresses (define-assignments.ts).
 */
import { STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, STV_PROTECTED } from "../elf/constants.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import { type FoundAssignment, mentionedBy } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { movesWithImage } from "../script/evaluate.ts";
import { type Expression, symbolsOf } from "../script/expressions.ts";
import { claimingFile, claimingSymbol, isClaimed, isClaimedByShared } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { ExpressionSymbols } from "./expression-symbols.ts";
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
  assignments: readonly FoundAssignment[],
  options: LinkOptions,
  findings: FindingReader,
): void {
  const symbols = new ExpressionSymbols(workers, scanned, internal);
  const mentioned = mentionedBy(assignments);
  const active = assignments.filter(({ name, isProvided }) => !isProvided || symbols.isProvided(name, mentioned));
  const byName = new Map(active.map((assignment) => [assignment.name, assignment]));
  const known = new Map<string, Meaning | "open">();
  const meaningOf = (name: string): Meaning => {
    const assignment = byName.get(name);
    if (assignment === undefined) return meaningOfDefinition(workers, scanned, symbols, name, findings);
    const earlier = known.get(name);
    if (earlier === "open") {
      workers.diagnostics.add("badDefsym", { name, detail: "its definition leads back to itself" });
      return NOTHING;
    }
    if (earlier !== undefined) return earlier;
    known.set(name, "open");
    const { value, isInSection } = assignment;
    const isAddress = isInSection ? !isAbsolute(value) : movesWithImage(value, (symbol) => meaningOf(symbol).isAddress);
    // As in GNU ld, what is made of one other name has its type and visibility.
    const source = sourceOf(value);
    const meaning = { ...(source === undefined ? NOTHING : meaningOf(source)), isAddress };
    known.set(name, meaning);
    return meaning;
  };
  for (const { value } of active)
    for (const name of symbolsOf(value))
      if (!byName.has(name)) bringFromShared(workers, symbols, name, options, findings);
  for (const { name, isHidden, isProvided } of byName.values()) {
    const { isAddress, type, visibility } = meaningOf(name);
    internal.setType(name, type);
    if (isProvided) internal.makeGlobal(name);
    const own = isHidden ? VISIBILITY_HIDDEN : visibility;
    // What only another statement refers to is in the symbol table, too.
    const kept = isProvided ? SymbolFlags.IN_OBJECT : 0;
    workers.tables.column("symbol", "flags")[symbols.row(name)!] |= own | kept;
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
  symbols: ExpressionSymbols,
  name: string,
  { outputKind, z }: LinkOptions,
  findings: FindingReader,
): void {
  const { tables } = workers;
  const symbol = symbols.row(name);
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

/** In a section's statement what is no address counts from the section; but for these. */
function isAbsolute(value: Expression): boolean {
  if (value.kind === "call") return value.function === "ABSOLUTE" || value.function === "NEXT";
  return value.kind === "section" && value.function === "LOADADDR";
}

/** The symbol that an expression is made of; undefined when there is none, or more than one. */
function sourceOf(value: Expression): string | undefined {
  if (value.kind === "conditional" && value.condition.kind === "number")
    return sourceOf(value.condition.value === 0n ? value.no : value.yes);
  const names = symbolsOf(value);
  return names.length === 1 ? names[0] : undefined;
}

function meaningOfDefinition(
  workers: Workers,
  { internalFile }: Scanned,
  symbols: ExpressionSymbols,
  name: string,
  findings: FindingReader,
): Meaning {
  const { tables } = workers;
  const symbol = symbols.row(name);
  if (symbol === undefined) return UNKNOWN;
  const claim = tables.column("symbol", "claim");
  const file = claimingFile(claim.high(symbol));
  if (!isClaimed(claim, symbol)) return UNKNOWN;
  if (isClaimedByShared(tables, symbol) && !symbols.isBrought(symbol)) return UNKNOWN;
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
