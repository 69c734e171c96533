/**
 * The tables as TypeScript sees them: columns as typed arrays over the arena, made when they are first
 * read. Numbers of 64 bits are offsets and addresses below 2^53, so they are Numbers here.
 */
import type { AllocateOptions, Arena } from "../staging/index.ts";
import { LimitExceeded } from "./limit-exceeded.ts";
import {
  type Column,
  type ColumnName,
  type DecisionName,
  decisions,
  type ResultName,
  results,
  schema,
  type TableName,
  type Width,
} from "./schema.ts";

/** A column of 64-bit numbers. */
export class U64Column<R extends number = number> {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** Whether `get()` has it: whether it is below 2^53, as all offsets are, and addresses unless a symbol is absolute. */
  isNumber(row: R): boolean {
    return this.#words[row * 2 + 1] < 0x200000;
  }

  /** @throws RangeError for a value of 2^53 or more */
  get(row: R): number {
    const high = this.#words[row * 2 + 1];
    if (high >= 0x200000) throw new RangeError(`row ${row} holds a value of 2^53 or more`);
    return high * 2 ** 32 + this.#words[row * 2];
  }

  /** An address with its sign, as those of the upper half have it. Undefined for one that no Number holds. */
  address(row: R): number | undefined {
    const address = (this.#words[row * 2 + 1]! | 0) * 2 ** 32 + this.#words[row * 2]!;
    return Number.isSafeInteger(address) ? address : undefined;
  }

  set(row: R, value: number): void {
    this.#words[row * 2] = value % 2 ** 32;
    this.#words[row * 2 + 1] = Math.floor(value / 2 ** 32);
  }

  /** The column's memory. */
  bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#words;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  /** The low and the high half, for values that are no Number. */
  low(row: R): number {
    return this.#words[row * 2];
  }
  high(row: R): number {
    return this.#words[row * 2 + 1];
  }
  setHalves(row: R, low: number, high: number): void {
    this.#words[row * 2] = low;
    this.#words[row * 2 + 1] = high;
  }
}

declare const ofTable: unique symbol;

/** Tables whose rows are also numbers elsewhere, so that they could be taken for one another. */
type Branded = "file" | "section" | "mention" | "symbol" | "bucket" | "chunk";

/** A row of a table. Only types tell rows of different tables apart: a loop begins with `0 as FileRow`. */
export type Row<T extends TableName> = T extends Branded ? number & { readonly [ofTable]: T } : number;

export type FileRow = Row<"file">;
export type SectionRow = Row<"section">;
export type MentionRow = Row<"mention">;
export type SymbolRow = Row<"symbol">;
export type BucketRow = Row<"bucket">;

/** Row `index` of the rows of one kind that begin at `first`, such as a file's sections. */
export const rowAt = <R extends number>(first: R, index: number): R => (first + index) as R;

type ColumnOf<T extends TableName, C extends ColumnName<T>> = (typeof schema)[T]["columns"][C];

/** What a row of the column holds: a row of the table that the schema names, or a number. */
type ValueOf<T extends TableName, C extends ColumnName<T>> =
  ColumnOf<T, C> extends { rowOf: infer Of extends TableName } ? Row<Of> : number;

/** A typed array whose indices are rows of a table. */
export type NumberColumn<T extends TableName, Value extends number = number> = { [row in Row<T>]: Value } & {
  readonly length: number;
  readonly [ofTable]?: T;
  set(values: ArrayLike<number>): void;
  fill(value: number, start?: number, end?: number): void;
  slice(start: number, end: number): Uint8Array | Uint16Array | Uint32Array;
};

interface TypedArrays {
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
}

type WidthOf<T extends TableName, C extends ColumnName<T>> =
  ColumnOf<T, C> extends { width: infer W extends Width } ? W : never;

type SmallView<T extends TableName, C extends ColumnName<T>> = T extends Branded
  ? NumberColumn<T, ValueOf<T, C>>
  : ColumnOf<T, C> extends { rowOf: TableName }
    ? NumberColumn<T, ValueOf<T, C>>
    : TypedArrays[Exclude<WidthOf<T, C>, "u64">];

export type View<T extends TableName, C extends ColumnName<T>> =
  WidthOf<T, C> extends "u64" ? U64Column<Row<T>> : SmallView<T, C>;

type Memory = Uint8Array | Uint16Array | Uint32Array | U64Column;

const widthBytes: Readonly<Record<Width, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Words of the root block: decisions, results, then each table's row count and (address, rows) of each column. */
const scalarNames = [...Object.keys(decisions), ...Object.keys(results)] as (DecisionName | ResultName)[];
const scalarWord = new Map(scalarNames.map((name, word) => [name, word]));

interface ColumnPlace {
  readonly word: number;
  readonly width: Width;
  readonly takesOver: string | undefined;
  /** Offset in the arena, once the table was allocated. */
  offset: number;
  view: Memory | undefined;
}

interface TablePlace {
  readonly word: number;
  rows: number;
  /** Of the extent that all columns are in. */
  offset: number;
  /** Made when the table is first allocated: many links leave some tables alone. */
  columns: ReadonlyMap<string, ColumnPlace> | undefined;
}

/** Rows of a table: an id has 32 bits, and one of them stands for none. */
const MAX_ROWS = 0xfffffffe;

/** A column begins on a cache line of its own. */
const COLUMN_ALIGNMENT = 64;
/** Or on pages of its own. */
const PAGE = 4096;
/** A table of more rows is no one buffer: each of its columns that TypeScript looks at is one. */
const SMALL_TABLE = 8192;

/** All tables of one link, in one arena. */
export class Tables {
  readonly #arena: Arena;
  readonly #root: U64Column;
  readonly #rootOffset: number;
  /** Bytes of the root block, as the kernels must have been compiled for. */
  readonly rootBytes: number;
  readonly #tables = new Map<TableName, TablePlace>();
  readonly #keepsApart: boolean;

  /**
   * @param keepsApart columns are on pages of their own, also those that take over others: for the addon's checked
   *   build, which protects columns from kernels that have no business there, and for who looks at tables later
   */
  constructor(arena: Arena, keepsApart: boolean) {
    this.#arena = arena;
    this.#keepsApart = keepsApart;
    let word = scalarNames.length;
    for (const name of Object.keys(schema) as TableName[]) {
      this.#tables.set(name, { word, rows: 0, offset: 0, columns: undefined });
      word += 1 + 2 * Object.keys(schema[name].columns).length;
    }
    this.rootBytes = word * 8;
    this.#rootOffset = arena.allocate(this.rootBytes);
    this.#root = new U64Column(arena.u32view(this.#rootOffset, word * 2));
  }

  /** The address of the root block: what a kernel is given. */
  get address(): number {
    return this.#arena.baseAddress + this.#rootOffset;
  }

  get arena(): Arena {
    return this.#arena;
  }

  /**
   * Gives a table its rows, zero-filled unless it may be dirty: then in memory that was touched already, where some
   * was freed. Each column has one row more, for prefix sums.
   */
  allocate(table: TableName, rows: number, options: AllocateOptions = {}): void {
    const place = this.#tables.get(table)!;
    const columns = (place.columns ??= placeColumns(table, place.word));
    this.setRows(table, rows);
    const alignment = this.#keepsApart ? PAGE : COLUMN_ALIGNMENT;
    let bytes = 0;
    for (const column of columns.values()) {
      const earlier = column.takesOver === undefined || this.#keepsApart ? undefined : columns.get(column.takesOver);
      column.offset = earlier?.offset ?? bytes;
      if (earlier !== undefined) continue;
      bytes += Math.ceil(((rows + 1) * widthBytes[column.width]) / alignment) * alignment;
    }
    place.offset = this.#arena.allocate(bytes, alignment, options);
    for (const column of columns.values()) {
      column.offset += place.offset;
      column.view = undefined;
      this.#root.set(column.word, this.#arena.baseAddress + column.offset);
      this.#root.set(column.word + 1, rows + 1);
    }
  }

  /** Gives back what a table holds; it must be allocated anew before it is used again. */
  free(table: TableName): void {
    const place = this.#tables.get(table)!;
    this.#arena.free(place.offset);
    for (const column of place.columns!.values()) column.view = undefined;
  }

  rows(table: TableName): number {
    return this.#tables.get(table)!.rows;
  }

  /** Changes how many rows are in use, without allocating: at most those allocated. */
  setRows(table: TableName, rows: number): void {
    const place = this.#tables.get(table)!;
    place.rows = rows;
    this.#root.set(place.word, rows);
  }

  /** A column of an allocated table; valid until the table is allocated again. */
  column<T extends TableName, C extends ColumnName<T>>(table: T, name: C): View<T, C> {
    const column = this.#tables.get(table)!.columns!.get(name)!;
    column.view ??= this.#view(column, this.#root.get(column.word + 1));
    return column.view as unknown as View<T, C>;
  }

  get(scalar: DecisionName | ResultName): number {
    return this.#root.get(scalarWord.get(scalar)!);
  }

  set(decision: DecisionName, value: number): void {
    this.#root.set(scalarWord.get(decision)!, value);
  }

  /** Before a kernel finds it out anew. */
  reset(result: ResultName): void {
    this.#root.set(scalarWord.get(result)!, 0);
  }

  #view({ offset, width }: ColumnPlace, count: number): Memory {
    // Else the buffer is the whole table; V8 collects the more garbage, the more memory buffers have.
    if (count > SMALL_TABLE) this.#arena.buffer(offset, count * widthBytes[width]);
    switch (width) {
      case "u8":
        return this.#arena.u8view(offset, count);
      case "u16": {
        const bytes = this.#arena.u8view(offset, count * 2);
        return new Uint16Array(bytes.buffer, bytes.byteOffset, count);
      }
      case "u32":
        return this.#arena.u32view(offset, count);
      case "u64":
        return new U64Column(this.#arena.u32view(offset, count * 2));
    }
  }
}

function placeColumns(table: TableName, tableWord: number): ReadonlyMap<string, ColumnPlace> {
  const columns = Object.entries<Column>(schema[table].columns);
  return new Map(
    columns.map(([name, { width, takesOver }], i) => [
      name,
      { word: tableWord + 1 + 2 * i, width, takesOver, offset: 0, view: undefined },
    ]),
  );
}

/**
 * Turns counts into first rows: `first[i]` is the sum of `counts[0..i)`. Returns the row after the last, which is
 * also stored in `first[rows]`. `what` is what is counted, for the error that there is too much of it.
 */
export function prefixSum<T extends TableName>(
  counts: NumberColumn<T>,
  first: NumberColumn<T>,
  rows: number,
  what: string,
): number {
  let sum = 0;
  const [from, to] = [counts, first] as unknown as [Uint32Array, Uint32Array];
  for (let row = 0; row < rows; row++) {
    to[row] = sum;
    sum += from[row];
  }
  to[rows] = sum;
  if (sum > MAX_ROWS) throw new LimitExceeded(what, String(MAX_ROWS));
  return sum;
}
