/**
 * Results in the arena that several processes store at once: columns of numbers, counters, a heap of strings.
 * Each is one extent, and its fields are all that another process needs: given to a worker as part of its
 * arguments, they arrive as a plain object, from which `arena.column()` and its like make the thing again.
 *
 * Memory order: the atomic operations are sequentially consistent, among JavaScript and kernels alike
 * (`Atomics` here, `std::atomic_ref` there). Elements of `array` are plain memory: what one process stored there,
 * another sees for certain only after something that orders the two: a worker's end that was joined, a task's
 * or a job's result, or an atomic store that was seen.
 */
import { IoError } from "./io-error.ts";

/** What they need of an arena. */
interface Memory {
  allocate(bytes: number): number;
  u8view(offset: number, count: number): Uint8Array;
  u32view(offset: number, count: number): Uint32Array;
}

const arrays = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;

/** What a column's elements are: as in C, in the machine's byte order. */
export type ColumnType = keyof typeof arrays;
type ArrayOf<Type extends ColumnType> = InstanceType<(typeof arrays)[Type]>;
type ElementOf<Type extends ColumnType> = Type extends "u64" | "i64" ? bigint : number;
/** Types that have atomic operations: there are none on floating-point numbers. */
export type AtomicType = Exclude<ColumnType, "f32" | "f64">;

/** Where a column is. */
export interface ColumnPlace<Type extends ColumnType = ColumnType> {
  readonly type: Type;
  /** From the arena's base, in bytes. A kernel that gets it in its arguments finds the column there. */
  readonly offset: number;
  readonly length: number;
}

/** Numbers of one type, in the arena. */
export class Column<Type extends ColumnType = ColumnType> implements ColumnPlace<Type> {
  readonly type: Type;
  readonly offset: number;
  readonly length: number;
  readonly #array: ArrayOf<Type>;

  /** Columns are made by `arena.column()`. */
  constructor(arena: Memory, { type, offset, length }: ColumnPlace<Type>) {
    this.type = type;
    this.offset = offset;
    this.length = length;
    const { buffer, byteOffset } = arena.u8view(offset, length * arrays[type].BYTES_PER_ELEMENT);
    this.#array = new arrays[type](buffer as ArrayBuffer, byteOffset, length) as ArrayOf<Type>;
  }

  /** @throws RangeError for a length that cannot be, IoError when the arena is full */
  static allocate<Type extends ColumnType>(arena: Memory, type: Type, length: number): Column<Type> {
    if (!(type in arrays)) throw new TypeError(`unknown type of column "${type}"`);
    if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`a column of ${length} elements`);
    return new Column(arena, { type, offset: arena.allocate(length * arrays[type].BYTES_PER_ELEMENT), length });
  }

  /** The elements as plain memory: the fastest, for what one process alone stores, or what is finished. */
  get array(): ArrayOf<Type> {
    return this.#array;
  }

  /** The element, atomically, as all that follow. @throws TypeError for floating-point numbers */
  load(this: Column<Type & AtomicType>, index: number): ElementOf<Type> {
    return Atomics.load(this.#atomic, index) as ElementOf<Type>;
  }

  store(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): void {
    Atomics.store(this.#atomic, index, value as number);
  }

  /** Adds, and wraps around. @returns what was there before, as all that follow */
  add(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return Atomics.add(this.#atomic, index, value as number) as ElementOf<Type>;
  }

  or(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return Atomics.or(this.#atomic, index, value as number) as ElementOf<Type>;
  }

  and(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return Atomics.and(this.#atomic, index, value as number) as ElementOf<Type>;
  }

  exchange(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return Atomics.exchange(this.#atomic, index, value as number) as ElementOf<Type>;
  }

  /** Stores `value` where `expected` is. */
  compareExchange(
    this: Column<Type & AtomicType>,
    index: number,
    expected: ElementOf<Type>,
    value: ElementOf<Type>,
  ): ElementOf<Type> {
    return Atomics.compareExchange(this.#atomic, index, expected as number, value as number) as ElementOf<Type>;
  }

  /** Stores the larger of the two: like `or`, it may be repeated when a task is begun again. */
  max(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return this.#raise(index, value, (there) => there < value);
  }

  /** Stores the smaller of the two. */
  min(this: Column<Type & AtomicType>, index: number, value: ElementOf<Type>): ElementOf<Type> {
    return this.#raise(index, value, (there) => there > value);
  }

  #raise(index: number, value: ElementOf<Type>, isDue: (there: ElementOf<Type>) => boolean): ElementOf<Type> {
    const array = this.#atomic;
    for (;;) {
      const there = Atomics.load(array, index) as ElementOf<Type>;
      if (!isDue(there) || Atomics.compareExchange(array, index, there as number, value as number) === there)
        return there;
    }
  }

  /** As one type, for `Atomics`, which takes them all. */
  get #atomic(): Uint32Array {
    return this.#array as unknown as Uint32Array;
  }
}

/** Where a counter is. */
export interface CounterPlace {
  readonly offset: number;
}

/** A number that many processes add to: 64 bits, alone in its cache line. */
export class Counter implements CounterPlace {
  readonly offset: number;
  readonly #value: BigInt64Array;

  /** Counters are made by `arena.counter()`. */
  constructor(arena: Memory, { offset }: CounterPlace) {
    this.offset = offset;
    const { buffer, byteOffset } = arena.u8view(offset, 8);
    this.#value = new BigInt64Array(buffer as ArrayBuffer, byteOffset, 1);
  }

  static allocate(arena: Memory): Counter {
    return new Counter(arena, { offset: arena.allocate(64) });
  }

  /** Exact up to 2^53. */
  get value(): number {
    return Number(Atomics.load(this.#value, 0));
  }

  set value(value: number) {
    Atomics.store(this.#value, 0, BigInt(value));
  }

  /** Adds an integer. A task that is begun again adds again. @returns what was there before */
  add(value = 1): number {
    return Number(Atomics.add(this.#value, 0, BigInt(value)));
  }
}

/** Where a string heap is. */
export interface StringHeapPlace {
  readonly offset: number;
  /** How many strings there is room for. */
  readonly capacity: number;
  /** And how many bytes of them, in UTF-8. */
  readonly bytes: number;
}

/**
 * Strings that many processes add, each of which gets a number. Lock-free: a process that dies while it adds one
 * leaves a number without a string. Numbers depend on timing; order what is shown by something else.
 *
 * In memory, all 32-bit words: strings begun, bytes taken, two unused; for each string where its bytes begin and,
 * stored last, their number plus one; then the bytes.
 */
export class StringHeap implements StringHeapPlace {
  readonly offset: number;
  readonly capacity: number;
  readonly bytes: number;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  static readonly #headWords = 4;

  /** Heaps are made by `arena.strings()`. */
  constructor(arena: Memory, { offset, capacity, bytes }: StringHeapPlace) {
    this.offset = offset;
    this.capacity = capacity;
    this.bytes = bytes;
    const words = StringHeap.#headWords + 2 * capacity;
    this.#words = arena.u32view(offset, words);
    this.#bytes = arena.u8view(offset + words * 4, bytes);
  }

  static allocate(arena: Memory, { capacity, bytes }: Omit<StringHeapPlace, "offset">): StringHeap {
    const total = (StringHeap.#headWords + 2 * capacity) * 4 + bytes;
    if (
      !Number.isSafeInteger(capacity) ||
      !Number.isSafeInteger(bytes) ||
      capacity < 0 ||
      bytes < 0 ||
      total > 2 ** 32
    ) {
      throw new RangeError(`a heap for ${capacity} strings of ${bytes} bytes`);
    }
    return new StringHeap(arena, { offset: arena.allocate(total), capacity, bytes });
  }

  /** How many strings were begun: those that can be got, and perhaps some that will be, or never. */
  get count(): number {
    return Atomics.load(this.#words, 0);
  }

  /**
   * Adds a string, or its bytes in UTF-8. A task that is begun again adds again.
   * @returns its number
   * @throws IoError `ERR_ARENA_FULL` when there is no room for it
   */
  add(text: string | Uint8Array): number {
    const bytes = typeof text === "string" ? Buffer.from(text) : text;
    const id = this.#take(0, 1, this.capacity);
    const begin = this.#take(1, bytes.length, this.bytes);
    this.#bytes.set(bytes, begin);
    const entry = StringHeap.#headWords + 2 * id;
    this.#words[entry] = begin;
    Atomics.store(this.#words, entry + 1, bytes.length + 1);
    return id;
  }

  /** The bytes of a string, zero-copy; undefined when it is not complete, or there is none of that number. */
  bytesOf(id: number): Uint8Array | undefined {
    if (!(id >= 0 && id < this.capacity)) return undefined;
    const entry = StringHeap.#headWords + 2 * id;
    const size = Atomics.load(this.#words, entry + 1);
    const begin = this.#words[entry]!;
    return size === 0 ? undefined : this.#bytes.subarray(begin, begin + size - 1);
  }

  get(id: number): string | undefined {
    const bytes = this.bytesOf(id);
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  }

  /** All that are complete, each with its number. */
  *entries(): Generator<[id: number, text: string]> {
    const { count } = this;
    for (let id = 0; id < count; id++) {
      const text = this.get(id);
      if (text !== undefined) yield [id, text];
    }
  }

  /** Room, from a word that says how much is taken. */
  #take(word: number, amount: number, limit: number): number {
    for (;;) {
      const taken = Atomics.load(this.#words, word);
      if (amount > limit - taken) throw new IoError({ code: "ERR_ARENA_FULL", syscall: "add", path: undefined });
      if (Atomics.compareExchange(this.#words, word, taken, taken + amount) === taken) return taken;
    }
  }
}
