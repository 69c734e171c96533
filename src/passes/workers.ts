/**
 * The workers of one link, and the tables that they work on. Made by the spawn pass, used by every later
 * one: `run` is how a pass runs a kernel.
 */
import { constants } from "node:os";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { type Arena, KernelError, WorkerCrashError, type WorkerPool } from "../staging/index.ts";
import { milliseconds } from "../staging/clock.ts";
import { type Kernel, type KernelName, kernels, type Pass } from "../tables/kernels.ts";
import type { Tables } from "../tables/views.ts";

/** Who waits for the link waits so long for what it used to be freed, and no longer. */
const MAX_FREEING_MS = 10;
/** About what that takes: of memory that was touched, of files that are only mapped, of a file in memory. */
const FREEING_MS_PER_MIB = { arena: 0.25, inputs: 0.02, output: 0.15 };

/** What a kernel took. */
export interface KernelTiming {
  /** The pass that ran it. */
  readonly pass: Pass;
  readonly kernel: KernelName;
  readonly rows: number;
  /** ms since the link began. */
  readonly startMs: number;
  readonly wallMs: number;
  readonly busyMs: readonly number[];
  readonly minorFaults: number;
  readonly retriedChunks: number;
}

export interface WorkersSettings {
  /** Rows of every chunk. Tests only. */
  readonly chunkRows?: number | undefined;
  /** Passes divide the work as finely as they can. Tests only. */
  readonly isSpread?: boolean;
  /** The process ends after the link, and one worker may outlive it, to free what they have in common. */
  readonly mayLeaveOne?: boolean;
  /** About what the workers will have touched besides the arena. Default 0. */
  readonly inputBytes?: number;
}

export interface RunOptions {
  /** Default: the rows of the kernel's table. */
  readonly rows?: number;
  readonly bounds?: Uint32Array;
  /** What the kernel's job.parameter(i) is. */
  readonly parameters?: readonly number[];
}

export class Workers implements AsyncDisposable {
  readonly tables: Tables;
  readonly timings: KernelTiming[] = [];
  readonly #arena: Arena;
  readonly #pool: WorkerPool;
  readonly diagnostics: Diagnostics;
  readonly #settings: WorkersSettings;
  readonly #began = milliseconds();
  #pass: Pass = "scan";
  #dismissed: Promise<void> | undefined;
  /** Called when a pass has ended: before the first kernel of the next one, and when all is disposed of. */
  onPassEnded: ((pass: Pass) => void) | undefined;
  /** Called when a kernel has ended well: reads what it found. */
  onKernelEnded: (() => void) | undefined;

  constructor(
    arena: Arena,
    pool: WorkerPool,
    tables: Tables,
    diagnostics: Diagnostics,
    settings: WorkersSettings = {},
  ) {
    this.#settings = settings;
    this.#arena = arena;
    this.#pool = pool;
    this.tables = tables;
    this.diagnostics = diagnostics;
  }

  get arena(): Arena {
    return this.#arena;
  }

  get size(): number {
    return this.#pool.size;
  }

  /** Whether the work is divided as finely as it can be, for a test. */
  get isSpread(): boolean {
    return this.#settings.isSpread ?? false;
  }

  /** Since the workers were forked. */
  elapsedMs(): number {
    return milliseconds() - this.#began;
  }

  /** Runs a kernel over its table. A worker that crashes twice over a chunk is an error of the link. */
  async run(kernel: KernelName, { rows, bounds, parameters = [] }: RunOptions = {}): Promise<void> {
    const count = rows ?? (bounds === undefined ? this.tables.rows(kernels[kernel].row) : bounds[bounds.length - 1]);
    if (count === 0) return;
    const args = new BigUint64Array(5);
    args[0] = BigInt(this.tables.address);
    for (const [i, parameter] of parameters.entries()) args[i + 1] = BigInt(parameter);
    const { pass = this.#pass }: Kernel = kernels[kernel];
    if (pass !== this.#pass) this.onPassEnded?.(this.#pass);
    this.#pass = pass;
    const { chunkRows } = this.#settings;
    const startMs = this.elapsedMs();
    try {
      const report = await this.#pool.run(kernel, {
        rows: count,
        ...(chunkRows !== undefined ? { chunkRows } : bounds === undefined ? {} : { bounds }),
        args: new Uint8Array(args.buffer),
      });
      this.timings.push({
        pass,
        kernel,
        rows: count,
        startMs,
        wallMs: report.wallMs,
        busyMs: report.workers.map((worker) => worker.busyMs),
        minorFaults: report.workers.reduce((sum, worker) => sum + worker.minorFaults, 0),
        retriedChunks: report.retriedChunks,
      });
      this.onKernelEnded?.();
    } catch (error) {
      if (error instanceof WorkerCrashError) {
        const how = error.signal ?? `exit status ${error.exitCode}`;
        this.diagnostics.add("workerCrashed", { kernel, signal: how, changedFiles: error.changedFiles });
      } else if (error instanceof KernelError && error.status === constants.errno.ENOMEM) {
        this.diagnostics.add("outOfMemory", { kernel });
      } else {
        throw error;
      }
      this.diagnostics.stopIfFailed();
    }
  }

  /**
   * No kernel runs any more. Resolves when the workers have ended and have been reaped, but for one that is left
   * where freeing takes long: of the arena, the inputs, and the file that the output has replaced.
   */
  dismiss(replacedBytes = 0): Promise<void> {
    const { mayLeaveOne = false, inputBytes = 0 } = this.#settings;
    const { arena, inputs, output } = FREEING_MS_PER_MIB;
    const MiB = 2 ** 20;
    const freeingMs = (this.#arena.touchedBytes() * arena + inputBytes * inputs + replacedBytes * output) / MiB;
    const isLeft = mayLeaveOne && freeingMs > MAX_FREEING_MS;
    return (this.#dismissed ??= this.#pool.close(isLeft ? { leave: this.tables.get("replacedHolder") } : {}));
  }

  /** The process ends: the arena is left to that. Resolves when the workers have ended, as {@link dismiss} does. */
  leave(): Promise<void> {
    this.onPassEnded?.(this.#pass);
    return this.dismiss();
  }

  /** Frees the arena; no worker is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.onPassEnded?.(this.#pass);
    await (this.#dismissed ?? this.#pool.close());
    this.#arena.close();
  }
}
