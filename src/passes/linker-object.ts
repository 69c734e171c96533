/** The linker's own object, and the addresses of the names that it mentions. */
import { STT_TLS } from "../elf/constants.ts";
import { InternalObject, type Mention } from "../inputs/internal-object.ts";
import { symbolsOf } from "../script/expressions.ts";
import { assignmentsOf, symbolsMentioned } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { OutputPlan } from "../output/plan.ts";
import type { Placed } from "../output/placed-section.ts";
import type { LayoutCommands } from "../script/commands.ts";
import { isClaimed, isClaimedByShared } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { rowAt, type SymbolRow } from "../tables/views.ts";
import { versionSymbols } from "./assign-versions.ts";
import type { Inputs } from "./find-inputs.ts";
import { hasDynamicSection } from "./loader.ts";
import { type Scanned, SPARE_MENTIONS } from "./scan.ts";
import type { Workers } from "./workers.ts";
import { nameAsItIs } from "./wrapped-names.ts";

const { SymbolFlags } = enumerations;

/** Makes the object, the last of the inputs. */
export function linkerObject(
  workers: Workers,
  inputs: Inputs,
  options: LinkOptions,
  plan: OutputPlan,
  told: LayoutCommands,
): InternalObject {
  const assignments = assignmentsOf(told);
  const mentions = new Map<string, Mention>();
  // A program without .dynamic asks by a weak reference whether it has one.
  const isDynamic = hasDynamicSection(options, inputs);
  for (const { name } of plan.symbols) if (isDynamic || name !== "_DYNAMIC") mentions.set(name, "definition");
  const references = [...options.undefinedSymbols, ...options.requiredSymbols, ...inputs.scriptUndefinedSymbols];
  if (options.outputKind !== "shared" || options.isEntryExplicit)
    references.push(entryName(options, inputs.scriptEntry));
  const named = references.map((name) => nameAsItIs(name, options));
  for (const { value } of assignments) named.push(...symbolsOf(value));
  for (const name of named) if (!mentions.has(name)) mentions.set(name, "reference");
  for (const name of versionSymbols(inputs, options)) mentions.set(name, "version");
  for (const { name, isProvided } of assignments)
    if (!isProvided) mentions.set(name, "strong definition");
    else if (mentions.get(name) !== "strong definition") mentions.set(name, "definition");
  for (const { value } of assignments)
    for (const name of symbolsOf(value, "defined")) if (!mentions.has(name)) mentions.set(name, "weak reference");
  for (const name of symbolsMentioned(told)) if (!mentions.has(name)) mentions.set(name, "weak reference");
  for (const name of [options.initSymbol, options.finiSymbol])
    if (!mentions.has(name)) mentions.set(name, "weak reference");
  if (options.icf !== "none")
    for (const symbol of options.keepUnique) {
      const name = nameAsItIs(symbol, options);
      if (!mentions.has(name)) mentions.set(name, "weak reference");
    }
  const object = new InternalObject(workers.arena, mentions, SPARE_MENTIONS);
  for (const { name, at } of plan.symbols) if (at !== undefined && "threadLocal" in at) object.setType(name, STT_TLS);
  return object;
}

function entryName(options: LinkOptions, scriptEntry: string | undefined): string {
  return options.isEntryExplicit ? options.entry : (scriptEntry ?? options.entry);
}

export interface SymbolAddresses {
  /** Address of a symbol that the output defines; undefined when it does not. 0 before layout. */
  (name: string): number | undefined;
  /** Whether the output or a shared object defines a name. */
  isDefined(name: string): boolean;
}

/** Looks names up that the linker's object mentions. An address that is no Number is an error of the link. */
export function symbolAddresses(
  { tables, diagnostics }: Workers,
  internal: InternalObject,
  { internalFile }: Scanned,
): SymbolAddresses {
  const find = (name: string, unless: number): SymbolRow | undefined => {
    const index = internal.indexOf(name);
    if (index === undefined) return undefined;
    const mention = rowAt(tables.column("file", "firstMention")[internalFile], index - 1);
    const symbol = tables.column("mention", "symbol")[mention];
    if (!isClaimed(tables.column("symbol", "claim"), symbol)) return undefined;
    return (tables.column("symbol", "flags")[symbol] & unless) === 0 ? symbol : undefined;
  };
  const addressOf = (name: string): number | undefined => {
    const symbol = find(name, SymbolFlags.IS_UNDEFINED);
    if (symbol === undefined || isClaimedByShared(tables, symbol)) return undefined;
    const address = tables.column("symbol", "address").address(symbol);
    if (address !== undefined) return address;
    diagnostics.add("addressTooLarge", { symbol: name });
    return 0;
  };
  return Object.assign(addressOf, {
    isDefined: (name: string): boolean => find(name, SymbolFlags.IS_UNDEFINED) !== undefined,
  });
}

/** The loader calls what -init and -fini name, if it is there: --gc-sections keeps it. */
export function keepInitAndFini(
  { tables }: Workers,
  internal: InternalObject,
  { internalFile }: Scanned,
  { initSymbol, finiSymbol }: LinkOptions,
): void {
  for (const name of [initSymbol, finiSymbol]) {
    const mention = rowAt(tables.column("file", "firstMention")[internalFile], internal.indexOf(name)! - 1);
    tables.column("symbol", "flags")[tables.column("mention", "symbol")[mention]] |= SymbolFlags.ROOT;
  }
}

/** Reports the names of --require-defined that nothing defines. */
export function checkRequired({ diagnostics }: Workers, options: LinkOptions, addresses: SymbolAddresses): void {
  for (const symbol of options.requiredSymbols)
    if (!addresses.isDefined(nameAsItIs(symbol, options))) diagnostics.add("requiredUndefined", { symbol });
}

/** e_entry: the symbol or the number that was asked for, else the start of the code, as GNU ld has it. */
export function entryAddress(
  { diagnostics }: Workers,
  options: LinkOptions,
  scriptEntry: string | undefined,
  addressOf: SymbolAddresses,
  placed: Placed,
): number {
  const name = entryName(options, scriptEntry);
  const address = addressOf(nameAsItIs(name, options));
  if (address !== undefined) return address;
  const asNumber = Number(name);
  if (options.isEntryExplicit && !Number.isNaN(asNumber)) return asNumber;
  const isShared = options.outputKind === "shared";
  if (isShared && !options.isEntryExplicit) return 0;
  const fallback = isShared ? 0 : (placed.planned(".text")?.address ?? 0);
  diagnostics.add("entryUndefined", { symbol: name, address: `0x${fallback.toString(16).padStart(16, "0")}` });
  return fallback;
}
