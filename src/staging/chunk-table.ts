/**
 * The chunks of one `map()`, in the arena: what each covers, and who has it. Workers take chunks without asking:
 * first those of their own share, in order, then the last free ones of others.
 */
import type { Arena } from "./arena.ts";
import type { ChunkRange } from "./worker-context.ts";

/** A chunk's word: its low bits say how often it was begun before, the others who has it. */
const free = 0;
const over = 1;
const firstOwner = 2;
const attemptBits = 8;
const attemptMask = 2 ** attemptBits - 1;
/** More attempts than that are not counted. */
export const maxAttempts = attemptMask;

export interface ChunkTablePlace {
  readonly chunks: number;
  readonly states: number;
  readonly ranges: number;
}

export class ChunkTable implements ChunkTablePlace {
  readonly chunks: number;
  readonly states: number;
  readonly ranges: number;
  readonly #states: Uint32Array;
  readonly #ranges: Float64Array;

  private constructor(arena: Arena, place: ChunkTablePlace) {
    this.chunks = place.chunks;
    this.states = place.states;
    this.ranges = place.ranges;
    this.#states = arena.u32view(place.states, place.chunks);
    this.#ranges = arena.f64view(place.ranges, place.chunks * 3);
  }

  /** In the process that owns the arena. */
  static create(arena: Arena, ranges: readonly ChunkRange[]): ChunkTable {
    const chunks = ranges.length;
    const table = new ChunkTable(arena, {
      chunks,
      states: arena.allocate(chunks * 4, 64, { isDirty: true }),
      ranges: arena.allocate(chunks * 24, 64, { isDirty: true }),
    });
    table.#states.fill(free);
    for (const [chunk, { file = -1, begin, end }] of ranges.entries()) table.#ranges.set([file, begin, end], chunk * 3);
    return table;
  }

  /** In a worker. */
  static open(arena: Arena, place: ChunkTablePlace): ChunkTable {
    return new ChunkTable(arena, place);
  }

  range(chunk: number): ChunkRange {
    const [file, begin, end] = this.#ranges.subarray(chunk * 3, chunk * 3 + 3);
    return { file: file! < 0 ? undefined : file!, begin: begin!, end: end! };
  }

  /** How often the chunk was begun before, if it was free and is this worker's now. */
  take(chunk: number, worker: number): number | undefined {
    const word = Atomics.load(this.#states, chunk);
    if (word >> attemptBits !== free) return undefined;
    const taken = ((worker + firstOwner) << attemptBits) | (word & attemptMask);
    return Atomics.compareExchange(this.#states, chunk, word, taken) === word ? word & attemptMask : undefined;
  }

  finish(chunk: number): void {
    Atomics.store(this.#states, chunk, over << attemptBits);
  }

  /** The order in which a worker looks for chunks. */
  *order(worker: number, workers: number): Generator<number> {
    const bound = (share: number): number => Math.floor((share * this.chunks) / workers);
    for (let chunk = bound(worker); chunk < bound(worker + 1); chunk++) yield chunk;
    for (let step = 1; step < workers; step++) {
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
  }

  /** In the owner: nobody is to begin a chunk any more. */
  cancel(): void {
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      const word = Atomics.load(this.#states, chunk);
      if (word >> attemptBits === free) Atomics.compareExchange(this.#states, chunk, word, over << attemptBits);
    }
  }

  /** In the owner: when no worker looks at it any more. */
  release(arena: Arena): void {
    arena.free(this.states);
    arena.free(this.ranges);
  }
}
