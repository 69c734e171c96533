/** What a function that runs in a worker is given. */
import type { Arena } from "../arena.ts";

import type { StageMode } from "../stage-mode.ts";
import type { StagedSet } from "../stage.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";

/** One staged file, in a worker. */
export class WorkerFile {
  readonly #set: StagedSet;
  readonly #index: number;
  readonly #seen: Set<WorkerFile>;
  readonly path: string;
  /** Bytes, as of staging. */
  readonly size: number;
  /** As it was staged: `Adaptive` is resolved to what was chosen. */
  readonly mode: StageMode;

  /** `seen` gets the file when its bytes are asked for. */
  constructor(set: StagedSet, index: number, seen: Set<WorkerFile>) {
    this.#set = set;
    this.#index = index;
    this.#seen = seen;
    this.path = set.paths[index]!;
    this.size = set.sizes[index]!;
    this.mode = set.states[index]!.mode;
  }

  /**
   * The bytes, zero-copy: the same array each time, read-only (a write goes to a copy of this process and
   * makes the next call throw). In mode `None` the file is read, from its path.
   * @throws IoError when the file shrank or a view of it was written to
   */
  bytes(): Uint8Array {
    this.#seen.add(this);
    return this.#set.bytes(this.#index);
  }

  /**
   * Makes sure that no byte that was read was made up because the file had shrunk. Done anyway when the
   * function returns.
   * @throws IoError `ERR_STAGE_SHRANK` or `ERR_STAGE_WRITTEN`
   */
  check(): void {
    this.#set.throwIfDamaged(this.#index);
  }
}

/** A set's files, for a worker, and those of them that were looked at. */
export class WorkerFiles {
  readonly list: readonly WorkerFile[];
  readonly #seen = new Set<WorkerFile>();

  constructor(set: StagedSet) {
    this.list = set.paths.map((_, index) => new WorkerFile(set, index, this.#seen));
  }

  /** @throws IoError when a file that was looked at since the last time shrank, or a view was written to */
  check(): void {
    try {
      for (const file of this.#seen) file.check();
    } finally {
      this.#seen.clear();
    }
  }
}

/** What a function that runs in a worker is called with. */
export class WorkerContext<Args = unknown> {
  /** The staged files, in the caller's order. */
  readonly files: readonly WorkerFile[];
  /** Below {@link workerCount}. */
  readonly workerIndex: number;
  readonly workerCount: number;
  /** What the caller gave this worker: a structured clone of it. */
  readonly args: Args;
  readonly #arena: Arena | undefined;

  constructor(
    files: readonly WorkerFile[],
    arena: Arena | undefined,
    at: { readonly workerIndex: number; readonly workerCount: number; readonly args: Args },
  ) {
    this.files = files;
    this.#arena = arena;
    this.workerIndex = at.workerIndex;
    this.workerCount = at.workerCount;
    this.args = at.args;
  }

  /**
   * The shared arena: what one process stores, the others see. Only the process that made it allocates.
   * @throws WorkerUsageError `ERR_WORKER_ARENA` when none was given
   */
  get arena(): Arena {
    if (!this.#arena) throw new WorkerUsageError("ERR_WORKER_ARENA", "no arena was given to this worker");
    return this.#arena;
  }
}

/** A chunk of {@link Pool.map}: rows, or bytes of one file, `begin` up to, not including, `end`. */
export interface ChunkRange {
  readonly begin: number;
  readonly end: number;
  /** Index of the file, when files are cut into pieces of bytes. */
  readonly file: number | undefined;
}

/** What a pool's function is called with, besides its task. */
export class PoolContext<Args = unknown> extends WorkerContext<Args> {
  /** How often this task, or chunk, was begun before by a worker that died over it. */
  attempt = 0;
  /** The chunk that is to be done; all files, as rows, when the task comes from `run()`. */
  range: ChunkRange = { begin: 0, end: this.files.length, file: undefined };
}

/** A function that runs in a worker. What it returns is the exit code, modulo 256; nothing means 0. */
export type WorkerFunction<Args = unknown> = (
  context: WorkerContext<Args>,
  // oxlint-disable-next-line typescript/no-invalid-void-type
) => number | undefined | void | Promise<number | undefined | void>;

/** A function that runs in a pool's workers, task after task; a task that a worker died over is run again. */
export type PoolFunction<Task = never, Result = unknown, Args = never> = (
  task: Task,
  context: PoolContext<Args>,
) => Result | Promise<Result>;
