/**
 * Resolve, in a link with intermediate language: what plugins must know of each symbol. They may drop or inline what is
 * referred to by nothing but what they compile, so that this says exactly what the link does. Walks the mentions of all
 * files once.
 */
import { groupsOf, IrKind, type IrSymbol } from "../inputs/ir-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { claimingFile, isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt, type SymbolRow } from "../tables/views.ts";
import { claimOf, keyOf } from "./claim-files.ts";
import type { Inputs } from "./find-inputs.ts";
import type { Claim, FileKey, LinkerPlugins, ToldResolutions } from "./linker-plugins.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, MentionFlags, SymbolFlags } = enumerations;

/** LDPR_ numbers of the plugin interface. */
const Resolution = {
  UNDEF: 1,
  PREVAILING_DEF: 2,
  PREVAILING_DEF_IRONLY: 3,
  PREEMPTED_REG: 4,
  PREEMPTED_IR: 5,
  RESOLVED_IR: 6,
  RESOLVED_EXEC: 7,
  RESOLVED_DYN: 8,
  PREVAILING_DEF_IRONLY_EXP: 9,
} as const;

export function tellResolutions(
  workers: Workers,
  { files }: Resolved,
  inputs: Inputs,
  options: LinkOptions,
  plugins: LinkerPlugins,
): ToldResolutions {
  const { tables } = workers;
  const state = tables.column("file", "state");
  const flags = tables.column("file", "flags");
  const traits = tables.column("file", "traits");
  const resolver = new SymbolResolver(workers, options);
  const resolutions = new Map<FileKey, Uint8Array>();
  const members = new Set<FileKey>();
  const claimed: (readonly [FileRow, Claim])[] = [];
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(state[file] & FileState.REACHED) || traits[file] & (FileTraits.IS_BROKEN | FileTraits.IS_SHARED)) continue;
    const claim = claimOf(workers, inputs, plugins, file);
    if (claim !== undefined) {
      claimed.push([file, claim]);
      // Code that was made refers to it, which nobody knows of now that it is made again.
      if (plugins.isWanted(keyOf(workers, inputs, file))) resolver.addUsesOf(file, claim);
      continue;
    }
    resolver.addUses(file);
    if (flags[file] & FileFlags.IS_LAZY) members.add(keyOf(workers, inputs, file));
  }
  const groups = new Set<string>();
  for (const [file, claim] of claimed) resolver.addClaimed(file, claim);
  for (const [file, { symbols }] of claimed) {
    resolutions.set(keyOf(workers, inputs, file), resolver.resolutionsOf(file, symbols));
    for (const key of resolver.groupsKept(file, symbols)) groups.add(key);
  }
  return { resolutions, members, groups };
}

/** In SymbolResolver's list, plugins are numbered from here. */
const FIRST_PLUGIN = 2;

class SymbolResolver {
  readonly #workers: Workers;
  /** Names that --wrap concerns: references are turned round behind the plugin's back. */
  readonly #wrapped: ReadonlySet<string>;
  /** Whoever links what -r makes may refer to all of it. */
  readonly #isAllUsed: boolean;
  /** By symbol: 1 when machine code, or the command line, mentions it, or several plugins; or what one plugin it is. */
  readonly #isUsed: Uint8Array;
  readonly #pluginOf = new Map<FileRow, number>();

  /** The largest common symbol of intermediate language, by symbol. */
  readonly #commonSizes = new Map<SymbolRow, number>();

  constructor(workers: Workers, { wrappedSymbols, outputKind }: LinkOptions) {
    this.#workers = workers;
    this.#isAllUsed = outputKind === "relocatable";
    this.#wrapped = new Set(wrappedSymbols.flatMap((name) => [name, `__wrap_${name}`]));
    this.#isUsed = new Uint8Array(workers.tables.rows("symbol"));
  }

  /** Notes what a file that is no intermediate language mentions: also what it would define, and refers to. */
  addUses(file: FileRow): void {
    const { tables } = this.#workers;
    const mentionFlags = tables.column("mention", "flags");
    const symbolOf = tables.column("mention", "symbol");
    const isInternal = (tables.column("file", "flags")[file] & FileFlags.IS_INTERNAL) !== 0;
    const first = tables.column("file", "firstMention")[file];
    const count = tables.column("file", "symbolCount")[file] - tables.column("file", "firstGlobal")[file];
    for (let i = 0; i < count; i++) {
      const mention = rowAt(first, i);
      // What the linker would define if no input did refers to nothing.
      if (isInternal && (mentionFlags[mention] & MentionFlags.KIND) !== MentionFlags.UNDEFINED) continue;
      this.#isUsed[symbolOf[mention]] = 1;
    }
  }

  /** Notes that machine code refers to what a claimed file defines. */
  addUsesOf(file: FileRow, { symbols }: Claim): void {
    for (const [i, { kind }] of symbols.entries())
      if (kind !== IrKind.UNDEF && kind !== IrKind.WEAKUNDEF) this.#isUsed[this.#symbolOf(file, i)] = 1;
  }

  /** Notes what intermediate language mentions. That of one plugin is machine code to another. */
  addClaimed(file: FileRow, { symbols, plugin }: Claim): void {
    this.#pluginOf.set(file, plugin);
    for (const [i, { kind, size }] of symbols.entries()) {
      const symbol = this.#symbolOf(file, i);
      if (this.#isUsed[symbol] === 0) this.#isUsed[symbol] = plugin + FIRST_PLUGIN;
      else if (this.#isUsed[symbol] !== plugin + FIRST_PLUGIN) this.#isUsed[symbol] = 1;
      if (kind !== IrKind.COMMON) continue;
      this.#commonSizes.set(symbol, Math.max(size, this.#commonSizes.get(symbol) ?? 0));
    }
  }

  /** The names of COMDAT groups of a file that are kept there. */
  *groupsKept(file: FileRow, symbols: readonly IrSymbol[]): Generator<string> {
    const group = this.#workers.tables.column("symbol", "group");
    // Mentions of groups are behind those of symbols.
    for (const [key, i] of groupsOf(symbols))
      if (group[this.#symbolOf(file, symbols.length + i)] === 0xffffffff - file) yield key;
  }

  #symbolOf(file: FileRow, mention: number): SymbolRow {
    const { tables } = this.#workers;
    return tables.column("mention", "symbol")[rowAt(tables.column("file", "firstMention")[file], mention)];
  }

  resolutionsOf(file: FileRow, symbols: readonly IrSymbol[]): Uint8Array {
    return Uint8Array.from(symbols, (symbol, i) => this.#resolution(file, symbol, this.#symbolOf(file, i)));
  }

  #resolution(file: FileRow, { kind, name }: IrSymbol, symbol: SymbolRow): number {
    const { tables } = this.#workers;
    const claim = tables.column("symbol", "claim");
    const isReference = kind === IrKind.UNDEF || kind === IrKind.WEAKUNDEF;
    if (!isClaimed(claim, symbol)) return isReference ? Resolution.UNDEF : Resolution.PREEMPTED_REG;
    const owner = claimingFile(claim.high(symbol));
    const traits = tables.column("file", "traits")[owner];
    const isIr = (traits & FileTraits.IS_IR) !== 0 && this.#pluginOf.get(owner) === this.#pluginOf.get(file);
    if (isReference) {
      if (traits & FileTraits.IS_SHARED) return Resolution.RESOLVED_DYN;
      if (!(tables.column("file", "state")[owner] & FileState.REACHED)) return Resolution.UNDEF;
      return isIr ? Resolution.RESOLVED_IR : Resolution.RESOLVED_EXEC;
    }
    // Of common symbols the largest counts; as in GNU ld, one in machine code is a reference for the others then.
    const isLarger = (size: number): boolean => tables.column("symbol", "commonSize").get(symbol) > size;
    if (kind === IrKind.COMMON && isLarger(this.#commonSizes.get(symbol) ?? 0)) return Resolution.RESOLVED_EXEC;
    if (owner !== file) return isIr ? Resolution.PREEMPTED_IR : Resolution.PREEMPTED_REG;
    const flags = tables.column("symbol", "flags")[symbol];
    const isUsed = this.#isAllUsed || this.#isUsed[symbol] === 1 || (flags & SymbolFlags.ROOT) !== 0;
    if (isUsed || this.#wrapped.has(name)) return Resolution.PREVAILING_DEF;
    // As in GNU ld, also when a shared object of the link is who refers to it.
    return flags & SymbolFlags.EXPORTED ? Resolution.PREVAILING_DEF_IRONLY_EXP : Resolution.PREVAILING_DEF_IRONLY;
  }
}

/**
 * Whether code that was made refers to members of archives that are intermediate language themselves, as a call of a
 * function that a compiler has put in. They are to be compiled with the rest.
 */
export async function needsMoreCode(
  workers: Workers,
  { files }: Resolved,
  inputs: Inputs,
  plugins: LinkerPlugins,
): Promise<boolean> {
  const { tables } = workers;
  const state = tables.column("file", "state");
  const traits = tables.column("file", "traits");
  const isReached = (file: FileRow): boolean => (state[file] & FileState.REACHED) !== 0;
  const left = new Set<FileRow>();
  for (let file = 0 as FileRow; file < files; file++)
    if (isReached(file) && traits[file] & FileTraits.IS_IR) left.add(file);
  if (left.size === 0) return false;
  const symbolOf = tables.column("mention", "symbol");
  const claim = tables.column("symbol", "claim");
  const wanted = new Set<FileKey>();
  // What only intermediate language refers to comes with that.
  for (let file = 0 as FileRow; file < files; file++) {
    if (!isReached(file) || traits[file] & (FileTraits.IS_IR | FileTraits.IS_BROKEN)) continue;
    const first = tables.column("file", "firstMention")[file];
    const count = tables.column("file", "symbolCount")[file] - tables.column("file", "firstGlobal")[file];
    for (let i = 0; i < count; i++) {
      const symbol = symbolOf[rowAt(first, i)];
      if (!isClaimed(claim, symbol)) continue;
      const owner = claimingFile(claim.high(symbol));
      if (left.has(owner)) wanted.add(keyOf(workers, inputs, owner));
    }
  }
  const isMore = [...wanted].some((key) => !plugins.isWanted(key));
  if (isMore) await plugins.startOver(wanted);
  return isMore;
}
