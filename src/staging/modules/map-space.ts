/** What a `map()` needs in the arena: results on their way, a ring for each worker, and the table of its chunks. */
import type { Arena } from "../arena.ts";
import { ChunkTable, tableBytes } from "./chunk-table.ts";
import type { MapPlace } from "./fork-protocol.ts";
import { ResultRing, ringBytes } from "./result-ring.ts";

const align = 64;
/** Room for fewer chunks is not worth having. */
const leastCapacity = 64;

export class MapSpace implements MapPlace {
  readonly offset: number;
  readonly capacity: number;
  readonly #arena: Arena;
  readonly #workers: number;
  readonly #rings: ResultRing[] = [];
  #table: ChunkTable | undefined;

  constructor(arena: Arena, workers: number, { offset, capacity }: MapPlace) {
    this.#arena = arena;
    this.#workers = workers;
    this.offset = offset;
    this.capacity = capacity;
  }

  /** In the process that owns the arena. */
  static allocate(arena: Arena, workers: number, chunks: number): MapSpace {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(chunks, leastCapacity)));
    const bytes = workers * ringBytes + tableBytes(capacity);
    return new MapSpace(arena, workers, { offset: arena.allocate(bytes, align, { isDirty: true }), capacity });
  }

  /** The same one for as many chunks as the last time. */
  table(chunks: number): ChunkTable {
    if (this.#table?.chunks === chunks) return this.#table;
    return (this.#table = new ChunkTable(this.#arena, this.offset + this.#workers * ringBytes, chunks));
  }

  ring(worker: number): ResultRing {
    return (this.#rings[worker] ??= new ResultRing(this.#arena, this.offset + worker * ringBytes));
  }

  free(): void {
    this.#arena.free(this.offset);
  }
}
