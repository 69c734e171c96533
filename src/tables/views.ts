/**
 * The tables as TypeScript sees them: columns as typed arrays over the arena, made when they are first
 * read. Numbers of 64 bits are offsets and addresses below 2^53, so they are Numbers here.
 */
import type { Arena } from "../staging/index.ts";
import { type ColumnName, scalars, type ScalarName, schema, type TableName, type Width } from "./schema.ts";

/** A column of 64-bit numbers. */
export class U64Column {
  readonly #words: Uint32Array;

  constructor(words: Uint32Array) {
    this.#words = words;
  }

  /** @throws RangeError for a value of 2^53 or more, which no offset or address is */
  get(row: number): number {
    const high = this.#words[row * 2 + 1];
    if (high >= 0x200000) throw new RangeError(`row ${row} holds a value of 2^53 or more`);
    return high * 2 ** 32 + this.#words[row * 2];
  }

  set(row: number, value: number): void {
    this.#words[row * 2] = value % 2 ** 32;
    this.#words[row * 2 + 1] = Math.floor(value / 2 ** 32);
  }

  /** The column's memory. */
  bytes(): Uint8Array {
    const { buffer, byteOffset, byteLength } = this.#words;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  /** The low and the high half, for values that are no Number. */
  low(row: number): number {
    return this.#words[row * 2];
  }
  high(row: number): number {
    return this.#words[row * 2 + 1];
  }
  setHalves(row: number, low: number, high: number): void {
    this.#words[row * 2] = low;
    this.#words[row * 2 + 1] = high;
  }
}

interface Views {
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  u64: U64Column;
}

type WidthOf<T extends TableName, C extends ColumnName<T>> = (typeof schema)[T]["columns"][C] extends {
  width: infer W extends Width;
}
  ? W
  : never;

export type View<T extends TableName, C extends ColumnName<T>> = Views[WidthOf<T, C>];

const widthBytes: Readonly<Record<Width, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Words of the root block: scalars first, then each table's row count and (address, rows) of each column. */
const scalarNames = Object.keys(scalars) as ScalarName[];
const scalarWord = new Map(scalarNames.map((name, word) => [name, word]));

interface ColumnPlace {
  word: number;
  width: Width;
  /** Offset in the arena, once the table was allocated. */
  offset: number;
  view?: Views[Width];
}

interface TablePlace {
  word: number;
  rows: number;
  columns: Map<string, ColumnPlace>;
}

/** All tables of one link, in one arena. */
export class Tables {
  readonly #arena: Arena;
  readonly #root: U64Column;
  readonly #rootOffset: number;
  /** Bytes of the root block, as the kernels must have been compiled for. */
  readonly rootBytes: number;
  readonly #tables = new Map<TableName, TablePlace>();

  constructor(arena: Arena) {
    this.#arena = arena;
    let word = scalarNames.length;
    for (const name of Object.keys(schema) as TableName[]) {
      const place: TablePlace = { word: word++, rows: 0, columns: new Map() };
      for (const [column, { width }] of Object.entries(schema[name].columns)) {
        place.columns.set(column, { word, width, offset: 0 });
        word += 2;
      }
      this.#tables.set(name, place);
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

  /** Gives a table its rows, zero-filled. Each column has one row more, for prefix sums. */
  allocate(table: TableName, rows: number): void {
    const place = this.#tables.get(table)!;
    this.setRows(table, rows);
    for (const column of place.columns.values()) {
      column.offset = this.#arena.allocate((rows + 1) * widthBytes[column.width]);
      delete column.view;
      this.#root.set(column.word, this.#arena.baseAddress + column.offset);
      this.#root.set(column.word + 1, rows + 1);
    }
  }

  /** Gives back what a table holds; it must be allocated anew before it is used again. */
  free(table: TableName): void {
    for (const column of this.#tables.get(table)!.columns.values()) {
      this.#arena.free(column.offset);
      delete column.view;
    }
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
    const place = this.#tables.get(table)!;
    const column = place.columns.get(name)!;
    column.view ??= this.#view(column, this.#root.get(column.word + 1));
    return column.view as View<T, C>;
  }

  get(scalar: ScalarName): number {
    return this.#root.get(scalarWord.get(scalar)!);
  }

  set(scalar: ScalarName, value: number): void {
    this.#root.set(scalarWord.get(scalar)!, value);
  }

  #view({ offset, width }: ColumnPlace, count: number): Views[Width] {
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

/**
 * Turns counts into first rows: `first[i]` is the sum of `counts[0..i)` from `start` on. Returns the row
 * after the last, which is also stored in `first[rows]`.
 */
export function prefixSum(counts: ArrayLike<number>, first: Uint32Array, rows: number, start = 0): number {
  let sum = start;
  for (let row = 0; row < rows; row++) {
    first[row] = sum;
    sum += counts[row];
  }
  first[rows] = sum;
  if (sum > 0xffffffff) throw new RangeError("a table has more than 2^32 rows");
  return sum;
}
