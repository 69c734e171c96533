/**
 * The chunks of one `map()`, in the arena: what each covers, and who has it. Workers take chunks without asking:
 * first those of their own share, in order, then the last free ones of others.
 */
import type { Arena } from "../arena.ts";
import type { ChunkRange } from "./worker-context.ts";

/** A chunk's word: its low bits say how often it was begun before, the others who has it. */
const free = 0;
const over = 1;
const firstOwner = 2;
const attemptBits = 8;
const attemptMask = 2 ** attemptBits - 1;
/** Of a chunk's range: file or -1, begin, end. */
const rangeWords = 3;
/**
 * How many there are that nobody has begun, so that who comes late need not look at each. A worker that died in
 * between may have left one too many. Alone on a cache line.
 */
const countBytes = 64;
/** More attempts than that are not counted. */
const maxAttempts = attemptMask;

export const tableBytes = (chunks: number): number => countBytes + chunks * (rangeWords * 8 + 4);

export class ChunkTable {
  readonly chunks: number;
  readonly #free: Int32Array;
  readonly #ranges: Float64Array;
  readonly #states: Uint32Array;

  /** @param offset in the arena, a multiple of 64 */
  constructor(arena: Arena, offset: number, chunks: number) {
    this.chunks = chunks;
    const { buffer, byteOffset } = arena.u8view(offset, tableBytes(chunks));
    this.#free = new Int32Array(buffer, byteOffset, 1);
    this.#ranges = new Float64Array(buffer, byteOffset + countBytes, chunks * rangeWords);
    this.#states = new Uint32Array(buffer, byteOffset + countBytes + this.#ranges.byteLength, chunks);
  }

  /** In the owner: all are free. */
  fill(ranges: readonly ChunkRange[]): void {
    let at = 0;
    for (const { file = -1, begin, end } of ranges) {
      this.#ranges[at++] = file;
      this.#ranges[at++] = begin;
      this.#ranges[at++] = end;
    }
    this.#states.fill(free);
    Atomics.store(this.#free, 0, this.chunks);
  }

  range(chunk: number): ChunkRange {
    const at = chunk * rangeWords;
    const file = this.#ranges[at]!;
    return { file: file < 0 ? undefined : file, begin: this.#ranges[at + 1]!, end: this.#ranges[at + 2]! };
  }

  /** How often the chunk was begun before, if it was free and is this worker's now. */
  take(chunk: number, worker: number): number | undefined {
    const word = Atomics.load(this.#states, chunk);
    if (word >> attemptBits !== free) return undefined;
    const taken = ((worker + firstOwner) << attemptBits) | (word & attemptMask);
    if (Atomics.compareExchange(this.#states, chunk, word, taken) !== word) return undefined;
    Atomics.sub(this.#free, 0, 1);
    return word & attemptMask;
  }

  finish(chunk: number): void {
    Atomics.store(this.#states, chunk, over << attemptBits);
  }

  /** The order in which a worker looks for chunks, while there are free ones. */
  *order(worker: number, workers: number): Generator<number> {
    if (Atomics.load(this.#free, 0) <= 0) return;
    const bound = (share: number): number => Math.floor((share * this.chunks) / workers);
    for (let chunk = bound(worker); chunk < bound(worker + 1); chunk++) yield chunk;
    for (let step = 1; step < workers; step++) {
      if (Atomics.load(this.#free, 0) <= 0) return;
      const victim = (worker + step) % workers;
      for (let chunk = bound(victim + 1) - 1; chunk >= bound(victim); chunk--) yield chunk;
    }
  }

  /** In the owner: the chunk that a worker has, if it has one. A worker has one at a time. */
  heldBy(worker: number): number | undefined {
    const held = this.#states.findIndex(
      (_, chunk) => Atomics.load(this.#states, chunk) >> attemptBits === worker + firstOwner,
    );
    return held < 0 ? undefined : held;
  }

  /** In the owner: whether there is a chunk that nobody has begun. */
  hasFree(): boolean {
    return this.#states.some((_, chunk) => Atomics.load(this.#states, chunk) >> attemptBits === free);
  }

  /** In the owner: a chunk whose worker died is free again. */
  free(chunk: number, attempts: number): void {
    Atomics.store(this.#states, chunk, (free << attemptBits) | Math.min(attempts, maxAttempts));
    Atomics.add(this.#free, 0, 1);
  }

  /** In the owner: nobody is to begin a chunk any more. */
  cancel(): void {
    Atomics.store(this.#free, 0, 0);
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      const word = Atomics.load(this.#states, chunk);
      if (word >> attemptBits === free) Atomics.compareExchange(this.#states, chunk, word, over << attemptBits);
    }
  }
}
