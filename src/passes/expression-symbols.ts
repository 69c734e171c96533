/** The link's symbols as expressions of scripts and --defsym see them. */
import type { InternalObject } from "../inputs/internal-object.ts";
import { ExpressionError } from "../script/expressions.ts";
import { claimingFile, isClaimed, isClaimedByShared } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { rowAt, type SymbolRow } from "../tables/views.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { SymbolFlags } = enumerations;
const { NEEDS_CANONICAL_PLT, NEEDS_COPY } = SymbolFlags;

export class ExpressionSymbols {
  readonly #workers: Workers;
  readonly #scanned: Scanned;
  readonly #internal: InternalObject;

  constructor(workers: Workers, scanned: Scanned, internal: InternalObject) {
    this.#workers = workers;
    this.#scanned = scanned;
    this.#internal = internal;
  }

  /** The symbol of a name that the linker's object mentions. */
  row(name: string): SymbolRow | undefined {
    const { tables } = this.#workers;
    const index = this.#internal.indexOf(name);
    if (index === undefined) return undefined;
    const first = tables.column("file", "firstMention")[this.#scanned.internalFile];
    return tables.column("mention", "symbol")[rowAt(first, index - 1)];
  }

  /** Whether the linker's object defines it: an assignment does. */
  isAssigned(name: string): boolean {
    const symbol = this.row(name);
    const claim = this.#workers.tables.column("symbol", "claim");
    return (
      symbol !== undefined &&
      isClaimed(claim, symbol) &&
      claimingFile(claim.high(symbol)) === this.#scanned.internalFile
    );
  }

  /** Whether PROVIDE defines it: an object, a shared one or another statement refers to it, and no input defines it. */
  isProvided(name: string, mentioned: ReadonlySet<string>): boolean {
    const symbol = this.row(name);
    const { IN_OBJECT, IN_SHARED } = SymbolFlags;
    if (symbol === undefined || !this.isAssigned(name)) return false;
    return (
      mentioned.has(name) || (this.#workers.tables.column("symbol", "flags")[symbol] & (IN_OBJECT | IN_SHARED)) !== 0
    );
  }

  /** Whether an object refers to it, or defines it. */
  isMentioned(name: string): boolean {
    const symbol = this.row(name);
    return (
      symbol !== undefined && (this.#workers.tables.column("symbol", "flags")[symbol] & SymbolFlags.IN_OBJECT) !== 0
    );
  }

  /** Whether an input defines it, and the program has it. */
  isDefined(symbol: SymbolRow): boolean {
    const { tables } = this.#workers;
    if (tables.column("symbol", "flags")[symbol] & SymbolFlags.IS_UNDEFINED) return false;
    if (isClaimedByShared(tables, symbol) && !this.isBrought(symbol)) return false;
    return isClaimed(tables.column("symbol", "claim"), symbol);
  }

  /** Whether the program has what a shared object defines. */
  isBrought(symbol: SymbolRow): boolean {
    return (this.#workers.tables.column("symbol", "flags")[symbol] & (NEEDS_CANONICAL_PLT | NEEDS_COPY)) !== 0;
  }

  isAbsolute(symbol: SymbolRow): boolean {
    return (this.#workers.tables.column("symbol", "flags")[symbol] & SymbolFlags.IS_ABSOLUTE) !== 0;
  }

  /** Once layout knows it. */
  address(symbol: SymbolRow): bigint {
    const address = this.#workers.tables.column("symbol", "address");
    return (BigInt(address.high(symbol)) << 32n) | BigInt(address.low(symbol));
  }

  /** A symbol that the program has. @throws ExpressionError for another */
  defined(name: string): SymbolRow {
    const symbol = this.row(name);
    if (symbol !== undefined && this.isDefined(symbol)) return symbol;
    throw new ExpressionError(
      symbol !== undefined && isClaimedByShared(this.#workers.tables, symbol)
        ? `'${name}' is defined by a shared object: where it is, is not known before the program runs`
        : `undefined symbol '${name}'`,
    );
  }
}
