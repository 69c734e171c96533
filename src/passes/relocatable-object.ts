/**
 * The linker's own object of -r: names that -u asks for, and those that --defsym and scripts define. A value is a number
 * or a symbol and a distance: nothing has an address yet.
 */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { InternalObject, type Mention } from "../inputs/internal-object.ts";
import { assignmentsOf, type FoundAssignment } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Expression } from "../script/expressions.ts";
import { claimingFile, claimingSymbol, isClaimed } from "../tables/claim.ts";
import { rowAt, type SymbolRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import type { Resolved } from "./resolve.ts";
import { SPARE_MENTIONS } from "./scan.ts";
import type { Workers } from "./workers.ts";
import { nameAsItIs } from "./wrapped-names.ts";

/** `symbol + distance`, or a number where there is no symbol. */
interface SymbolDistance {
  readonly symbol: string | undefined;
  readonly distance: bigint;
}

export function relocatableObject(
  workers: Workers,
  inputs: Inputs,
  options: LinkOptions,
  diagnostics: Diagnostics,
): InternalObject {
  const mentions = new Map<string, Mention>();
  const references = [...options.undefinedSymbols, ...options.requiredSymbols, ...inputs.scriptUndefinedSymbols];
  if (options.isEntryExplicit) references.push(options.entry);
  for (const name of references) mentions.set(nameAsItIs(name, options), "reference");
  for (const assignment of definitions(inputs)) {
    const value = distanceOf(assignment.value);
    if (value === undefined) diagnostics.add("relocatableValue", { symbol: assignment.name });
    else if (value.symbol !== undefined && !mentions.has(value.symbol)) mentions.set(value.symbol, "reference");
    if (!assignment.isProvided) mentions.set(assignment.name, "strong definition");
  }
  diagnostics.stopIfFailed();
  return new InternalObject(workers.arena, mentions, SPARE_MENTIONS);
}

/** As in GNU ld, PROVIDE provides nothing here: what refers to it may find another definition later. */
const definitions = ({ layout }: Inputs): FoundAssignment[] =>
  assignmentsOf(layout).filter(({ isProvided }) => !isProvided);

function distanceOf(value: Expression): SymbolDistance | undefined {
  if (value.kind === "number") return { symbol: undefined, distance: value.value };
  if (value.kind === "symbol") return { symbol: value.name, distance: 0n };
  if (value.kind !== "binary" || (value.operator !== "+" && value.operator !== "-")) return undefined;
  const [left, right] = [distanceOf(value.left), distanceOf(value.right)];
  if (left === undefined || right === undefined || right.symbol !== undefined) return undefined;
  return { ...left, distance: left.distance + (value.operator === "+" ? right.distance : -right.distance) };
}

/** Gives what scripts and --defsym define its value: of a symbol, where that is in its section. */
export function defineRelocatable(
  workers: Workers,
  { internalFile }: Resolved,
  internal: InternalObject,
  inputs: Inputs,
  findings: FindingReader,
): void {
  const { tables, diagnostics } = workers;
  const all = definitions(inputs);
  if (all.length === 0) return;
  tables.allocate("linkerSymbol", internal.usedSymbols);
  const section = tables.column("linkerSymbol", "section");
  const values = new Map<string, { index: number; value: bigint }>();
  for (const { name, value: expression } of all) {
    const { symbol, distance } = distanceOf(expression)!;
    const base =
      symbol === undefined
        ? NUMBER
        : (values.get(symbol) ?? placeOf(workers, internalFile, internal, symbol, findings));
    if (base === undefined) {
      diagnostics.add("relocatableValue", { symbol: name });
      continue;
    }
    const value = base.value + distance;
    values.set(name, { index: base.index, value });
    section[internal.define(name, value, base.index === 0)] = base.index;
  }
}

const NUMBER = { index: 0, value: 0n };

/** The header index of a symbol's section in the output, and the symbol's value. */
function placeOf(
  { tables }: Workers,
  internalFile: Resolved["internalFile"],
  internal: InternalObject,
  name: string,
  findings: FindingReader,
): { index: number; value: bigint } | undefined {
  const mention = rowAt(tables.column("file", "firstMention")[internalFile], internal.indexOf(name)! - 1);
  const symbol = tables.column("mention", "symbol")[mention] as SymbolRow;
  const claim = tables.column("symbol", "claim");
  if (!isClaimed(claim, symbol)) return undefined;
  const file = claimingFile(claim.high(symbol));
  const object = findings.object(file);
  const definition = object?.definitionOf(claimingSymbol(claim.low(symbol)));
  if (definition === undefined) return undefined;
  const member = rowAt(tables.column("file", "firstSection")[file], definition.section);
  const output = tables.column("outputMember", "output")[member]!;
  if (output >= tables.rows("outputSection")) return undefined;
  const index = tables.column("outputSection", "index")[output]!;
  return { index, value: BigInt(tables.column("outputMember", "offset").get(member) + definition.offset) };
}
