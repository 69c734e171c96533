/**
 * `__start_X` and `__stop_X`, which the linker defines where something refers to them and there is a section X. A
 * shared object may export its own, as GNU ld makes them do: the output's come first, if it has such a section.
 */
import type { InternalObject } from "../inputs/internal-object.ts";
import { isClaimed, makeClaim } from "../tables/claim.ts";
import { type MentionRow, rowAt, type SymbolRow } from "../tables/views.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations } from "../tables/schema.ts";
import type { FindingReader } from "./findings.ts";
import { dropRequests, readRequests } from "./requests.ts";
import { type Scanned, SPARE_MENTIONS } from "./scan.ts";
import type { Workers } from "./workers.ts";

/** `__start_SECTION` or `__stop_SECTION`. */
export interface SectionBound {
  readonly section: string;
  /** Row of symbol. */
  readonly symbol: SymbolRow;
  /** Whether no reference says how visible it is: GNU ld makes it protected. */
  readonly isDefault: boolean;
  /** A shared object's claim, low and high half: what the name means where there is no such section. */
  readonly otherwise: readonly [number, number];
}

/** Gives those that are used and that no object defines to the linker's object. */
export function defineSectionBounds(
  workers: Workers,
  { internalFile }: Scanned,
  internal: InternalObject,
  findings: FindingReader,
): SectionBound[] {
  const { tables } = workers;
  const names = new Map<SymbolRow, string>();
  for (const { file, index, operand } of readRequests(workers, "LINKER_DEFINED")) {
    const symbol = operand as SymbolRow;
    if (!names.has(symbol)) names.set(symbol, findings.symbolName(file, index));
  }
  dropRequests(workers);
  if (names.size === 0) return [];
  const claim = tables.column("symbol", "claim");
  const sameSymbol = tables.column("mention", "symbol");
  const nameOf = tables.column("mention", "name");
  const mentions = tables.rows("mention") as MentionRow;
  const flags = tables.column("symbol", "flags");
  const { VISIBILITY_PROTECTED, VISIBILITY_HIDDEN, VISIBILITY_INTERNAL } = enumerations.SymbolFlags;
  const anyVisibility = VISIBILITY_PROTECTED | VISIBILITY_HIDDEN | VISIBILITY_INTERNAL;
  const bounds: SectionBound[] = [];
  for (const symbol of [...names.keys()].toSorted((a, b) => a - b)) {
    const name = names.get(symbol)!;
    const index = internal.add(name);
    if (index === undefined)
      throw new LimitExceeded("names __start_SECTION and __stop_SECTION", String(SPARE_MENTIONS));
    const spare = index - internal.symbolCount;
    const isDefault = (flags[symbol] & anyVisibility) === 0;
    flags[symbol] |= VISIBILITY_PROTECTED;
    bounds.push({
      symbol,
      isDefault,
      section: name.replace(/^__(start|stop)_/, ""),
      otherwise: [claim.low(symbol), claim.high(symbol)],
    });
    const mention = rowAt(mentions, spare);
    const firstMention = symbol as number as MentionRow; // a symbol's id is that
    sameSymbol[mention] = symbol;
    nameOf.setHalves(mention, nameOf.low(firstMention), nameOf.high(firstMention));
    claim.setHalves(symbol, ...makeClaim(enumerations.ClaimRank.WEAK, internalFile, index));
  }
  tables.column("file", "symbolCount")[internalFile] = internal.usedSymbols;
  return bounds;
}

/** They are a shared object's, or undefined, after all when no input has a section X. */
export function dropBounds(
  { tables }: Workers,
  bounds: readonly SectionBound[],
  sectionNames: ReadonlySet<string>,
): void {
  if (bounds.length === 0) return;
  const { STRONGLY_REFERENCED, IS_UNDEFINED, IS_WEAK_UNDEFINED, IMPORTED, EXPORTED, NEEDS_DYNSYM, VISIBILITY } =
    enumerations.SymbolFlags;
  const { OutputFlags, SymbolUse } = enumerations;
  const isShared = (tables.get("outputFlags") & OutputFlags.SHARED) !== 0;
  const hasDynamicWeak = (tables.get("outputFlags") & OutputFlags.DYNAMIC_WEAK) !== 0;
  const uses = tables.column("symbol", "uses");
  const claim = tables.column("symbol", "claim");
  const flags = tables.column("symbol", "flags");
  for (const { section, symbol, isDefault, otherwise } of bounds) {
    if (sectionNames.has(section)) continue;
    claim.setHalves(symbol, ...otherwise);
    if (isDefault) flags[symbol] &= ~VISIBILITY;
    flags[symbol] &= ~(IMPORTED | EXPORTED | NEEDS_DYNSYM);
    if (isClaimed(claim, symbol) && isDefault) {
      flags[symbol] |= enumerations.SymbolFlags.OWNED_BY_SHARED | IMPORTED | NEEDS_DYNSYM;
      continue;
    }
    // As bind-symbols.cc decides about what nothing defines.
    const isWeak = (flags[symbol] & STRONGLY_REFERENCED) === 0;
    const isDynamic = isShared || (isWeak && hasDynamicWeak && uses[symbol] === SymbolUse.SLOT);
    flags[symbol] |= IS_UNDEFINED | (isDynamic && isDefault ? IMPORTED | NEEDS_DYNSYM : 0);
    if (isWeak) flags[symbol] |= IS_WEAK_UNDEFINED;
  }
}
