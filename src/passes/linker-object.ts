/** The linker's own object, and the addresses of the names that it mentions. */
import { InternalObject, type Mention } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { linkerSymbols } from "../output/linker-symbols.ts";
import { enumerations } from "../tables/schema.ts";
import { exactNames } from "./assign-versions.ts";
import type { Inputs } from "./find-inputs.ts";
import { type Scanned, SPARE_MENTIONS } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { SymbolFlags } = enumerations;

/** Makes the object, the last of the inputs. */
export function linkerObject(workers: Workers, inputs: Inputs, options: LinkOptions): InternalObject {
  const mentions = new Map<string, Mention>();
  for (const name of linkerSymbols) mentions.set(name, "definition");
  const references = [...options.undefinedSymbols, ...options.requiredSymbols, ...inputs.scriptUndefinedSymbols];
  if (options.outputKind !== "shared" || options.isEntryExplicit) references.push(entryName(options, inputs.scriptEntry));
  for (const { symbol } of options.defsyms) if (symbol !== undefined) references.push(symbol);
  for (const name of references) mentions.set(name, "reference");
  for (const { name } of options.defsyms) mentions.set(name, "strong definition");
  for (const name of [options.initSymbol, options.finiSymbol]) if (!mentions.has(name)) mentions.set(name, "weak reference");
  for (const name of exactNames(inputs, options)) if (!mentions.has(name)) mentions.set(name, "weak reference");
  const object = new InternalObject(workers.arena, mentions, SPARE_MENTIONS);
  for (const { name, symbol, addend } of options.defsyms) if (symbol === undefined) object.define(name, addend, 0, true);
  return object;
}

function entryName(options: LinkOptions, scriptEntry: string | undefined): string {
  return options.isEntryExplicit ? options.entry : (scriptEntry ?? options.entry);
}

export interface SymbolAddresses {
  /** Address of a symbol that the output defines; undefined when it does not. 0 before layout. */
  (name: string): number | undefined;
  /** e_entry. */
  entry(options: LinkOptions): number;
}

/** Gives names of --defsym that stand for other symbols their values, once these are known. */
export function defineDefsyms(
  { diagnostics }: Workers,
  internal: InternalObject,
  options: LinkOptions,
  addressOf: SymbolAddresses,
): void {
  for (const { name, symbol, addend } of options.defsyms) {
    if (symbol === undefined) continue;
    const address = addressOf(symbol);
    if (address === undefined) diagnostics.add("defsymUndefined", { symbol, name });
    else internal.define(name, address + addend, 0);
  }
}

/** Looks names up that the linker's object mentions. */
export function symbolAddresses({ tables }: Workers, internal: InternalObject, { internalFile }: Scanned): SymbolAddresses {
  const find = (name: string): number | undefined => {
    const index = internal.indexOf(name);
    if (index === undefined) return undefined;
    const mention = tables.column("file", "firstMention")[internalFile] + index - 1;
    const symbol = tables.column("mention", "symbol")[mention];
    const flags = tables.column("symbol", "flags")[symbol];
    const claim = tables.column("symbol", "claim");
    const isClaimed = claim.low(symbol) !== 0 || claim.high(symbol) !== 0;
    if (!isClaimed || flags & (SymbolFlags.OWNED_BY_SHARED | SymbolFlags.IS_UNDEFINED)) return undefined;
    return tables.column("symbol", "address").get(symbol);
  };
  return Object.assign(find, {
    entry(options: LinkOptions): number {
      const asNumber = Number(options.entry);
      if (options.isEntryExplicit && !Number.isNaN(asNumber)) return asNumber;
      return find(options.entry) ?? 0;
    },
  });
}
