/** A `map()`: the chunks of a range, which workers take by themselves, and what was found in them. */
import type { Arena } from "../arena.ts";
import type { ChunkTable } from "./chunk-table.ts";
import type { PoolOrder } from "./fork-protocol.ts";
import { Job } from "./jobs.ts";
import type { JobSettings } from "./jobs.ts";
import { MapSpace } from "./map-space.ts";
import type { MapTakers } from "./map-takers.ts";
import type { ChunkRange } from "./worker-context.ts";

/**
 * What `map()` covers: rows 0 up to a number; rows of a given range, `chunkSize` of them a chunk (default: an
 * eighth of a worker's share); or all files cut into pieces of `bytesPerChunk` bytes, none of which spans two files.
 */
export type MapRange =
  | number
  | { readonly begin?: number; readonly end: number; readonly chunkSize?: number }
  | { readonly bytesPerChunk: number };

/** Chunks per worker, where nothing else is said: enough for shares to even out, few enough to cost nothing. */
const chunksPerWorker = 8;
/** A map begins while workers still look for chunks of the one before. */
const keptSpaces = 2;

/** @throws RangeError for what cannot be a range */
export function chunksOf(range: MapRange, workers: number, fileSizes: Float64Array): ChunkRange[] {
  if (typeof range === "object" && "bytesPerChunk" in range) return piecesOf(range.bytesPerChunk, fileSizes);
  const { begin = 0, end, chunkSize } = typeof range === "number" ? { end: range } : range;
  const rows = end - begin;
  if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && rows >= 0)) {
    throw new RangeError(`cannot map rows ${begin} to ${end}`);
  }
  const size = chunkSize ?? Math.max(1, Math.ceil(rows / (workers * chunksPerWorker)));
  if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`cannot make chunks of ${size} rows`);
  return Array.from({ length: Math.ceil(rows / size) }, (_, chunk) => ({
    file: undefined,
    begin: begin + chunk * size,
    end: Math.min(begin + (chunk + 1) * size, end),
  }));
}

function piecesOf(bytes: number, fileSizes: Float64Array): ChunkRange[] {
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new RangeError(`cannot make chunks of ${bytes} bytes`);
  return [...fileSizes].flatMap((size, file) =>
    Array.from({ length: Math.ceil(size / bytes) }, (_, piece) => ({
      file,
      begin: piece * bytes,
      end: Math.min((piece + 1) * bytes, size),
    })),
  );
}

export class MapJob extends Job {
  readonly kind = "map" as const;
  readonly space: MapSpace;
  readonly table: ChunkTable;
  /** Workers that take its chunks. */
  readonly takers: MapTakers;
  timer: NodeJS.Timeout | undefined;
  readonly #results: unknown[];
  readonly #isDone: Uint8Array;
  readonly #attempts: Uint8Array;
  #left: number;

  constructor(settings: JobSettings, ranges: readonly ChunkRange[], space: MapSpace, takers: MapTakers) {
    super(settings);
    this.space = space;
    this.table = space.table(ranges.length);
    this.table.fill(ranges);
    this.takers = takers;
    this.#results = Array.from({ length: ranges.length });
    this.#isDone = new Uint8Array(ranges.length);
    this.#attempts = new Uint8Array(ranges.length);
    this.#left = ranges.length;
  }

  /** It stays in the queue until every chunk is begun. */
  get wantsWorker(): boolean {
    return !this.takers.isComplete;
  }

  order(news: { readonly extents?: Float64Array }): PoolOrder {
    const { offset, capacity } = this.space;
    return { op: "map", id: this.id, chunks: this.table.chunks, place: { offset, capacity }, ...this.given, ...news };
  }

  isDone(chunk: number): boolean {
    return this.#isDone[chunk] !== 0;
  }

  /** A worker died over a chunk. Returns how often it has been begun. */
  countAttempt(chunk: number): number {
    return ++this.#attempts[chunk]!;
  }

  /** What the worker has found without saying so. @throws Error when it is not what a worker leaves */
  takeResults(workerIndex: number): void {
    for (const [chunk, value] of this.space.ring(workerIndex).take()) this.finishChunk(chunk, value);
  }

  finishChunk(chunk: number, value: unknown): void {
    if (this.isDone(chunk)) return;
    this.#isDone[chunk] = 1;
    this.#results[chunk] = value;
    if (--this.#left > 0) return;
    clearTimeout(this.timer);
    this.resolve(this.#results);
  }
}

/** Room for maps, kept from one to the next, so that workers need not hear of what is allocated. */
export class MapSpaces {
  readonly #arena: Arena;
  readonly #workers: number;
  /** That no map uses now. */
  readonly #kept: MapSpace[] = [];

  constructor(arena: Arena, workers: number) {
    this.#arena = arena;
    this.#workers = workers;
  }

  take(chunks: number): MapSpace {
    const at = this.#kept.findIndex(({ capacity }) => capacity >= chunks);
    const [kept] = at < 0 ? [] : this.#kept.splice(at, 1);
    const space = kept ?? MapSpace.allocate(this.#arena, this.#workers, chunks);
    for (let worker = 0; worker < this.#workers; worker++) space.ring(worker).clear();
    return space;
  }

  giveBack(space: MapSpace): void {
    if (this.#arena.isClosed) return;
    this.#kept.push(space);
    if (this.#kept.length <= keptSpaces) return;
    this.#kept.sort((a, b) => b.capacity - a.capacity);
    this.#kept.pop()!.free();
  }

  /** All of them; a pool that somebody still has keeps no views of its arena. */
  forget(mayFree: boolean): void {
    const spaces = this.#kept.splice(0);
    if (mayFree && !this.#arena.isClosed) for (const space of spaces) space.free();
  }
}
