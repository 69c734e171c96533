/** A pool of forked workers that run kernels over rows, job after job. The protocol is `native/staging/worker-pool.cc`. */
import { addon } from "../../addon/load.ts";
import type { NativeFailure, NativeJobFailure, NativeReport, PoolHandle } from "../../addon/staging-binding.ts";
import type { Arena } from "../arena.ts";
import { milliseconds } from "../clock.ts";
import { publish } from "../events.ts";
import { ioError, isFailure } from "../io-error.ts";
import { signalName, signalNumber } from "../signals.ts";
import type { JobReport, WorkerReport } from "../reports.ts";
import type { StagedSet } from "../stage.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";
import { KernelError, WorkerCrashError } from "./kernel-errors.ts";
import { kernelId } from "./kernel-names.ts";

/**
 * Tests only: makes a worker end itself.
 * `reserve`: after a chunk was reserved and before it was claimed; `claim`: between claiming and starting it;
 * `first`, `middle`, `last`: at that row of it, when the kernel calls `spore_fault()` there.
 */
export interface PoolFault {
  /** Only in this kernel. Default: in whichever runs first. */
  readonly kernel?: string;
  readonly at: "reserve" | "claim" | "first" | "middle" | "last";
  /** Only in this chunk. Default: in whichever is taken first. */
  readonly chunk?: number;
  readonly signal: NodeJS.Signals;
  /** False: again each time, so that the retry dies too. */
  readonly once: boolean;
}

export interface WorkerPoolOptions {
  /** What the kernels see, in this order; it stays mapped while the pool lives. */
  readonly files: readonly StagedSet[];
  /** What parent and workers share; it stays mapped while the pool lives. */
  readonly arena: Arena;
  /** How many processes. */
  readonly workers: number;
  /** Descriptors that the workers keep; all others are closed. */
  readonly keepDescriptors?: readonly number[];
  /**
   * @internal Nothing is forked: kernels run in this process, as its one worker, before `run()` returns. After one that
   * crashed, which it survives, the process must soon end.
   */
  readonly runsHere?: boolean;
  /** Tests only. */
  readonly fault?: PoolFault;
  /** Tests only: a seed for random sleeps before each chunk. Not 0. */
  readonly delays?: number;
}

export interface JobOptions {
  /** The kernel runs over rows 0 up to this. */
  readonly rows: number;
  /** Where chunks begin and end: ascending row numbers, one more than there are chunks. */
  readonly bounds?: Uint32Array;
  /** Rows per chunk. Default: at most 128 even chunks. Never depends on the number of workers. */
  readonly chunkRows?: number;
  /** At most 4,096 bytes, given to the kernel as they are; copied. */
  readonly args?: Uint8Array;
  /** Names a row in the message of an error. */
  readonly describeRow?: (row: number) => string;
}

export interface CloseOptions {
  /** False: do not wait for the workers; they are reaped in the background. Default true. */
  readonly wait?: boolean;
  /**
   * Which worker goes on, idle, until this process ends, which then need not free what they share: that is freed
   * when the last process that has it ends, and nobody waits for that one. Default: none.
   */
  readonly leave?: number;
}

/** Chunks of a job that says nothing else. */
const defaultChunks = 128;
export const maxArgsBytes = 4096;
const maxRows = 2 ** 32 - 2;

/**
 * Workers forked once. They sleep between jobs, take chunks of a job until none is left, and end when the
 * pool is closed or collected, or when the thread that made it ends. A worker that dies is replaced at
 * once; what it was working on is run again, once.
 */
export class WorkerPool implements Disposable, AsyncDisposable {
  readonly #handle: PoolHandle;
  readonly #files: readonly StagedSet[];
  readonly #knownKernels: number;
  /** How many processes the pool has. */
  readonly size: number;
  readonly #runsHere: boolean;
  #rejectRunning: ((error: Error) => void) | undefined;
  #closing: Promise<void> | undefined;
  #isBroken = false;

  private constructor(handle: PoolHandle, { files, workers, runsHere }: WorkerPoolOptions, knownKernels: number) {
    this.#handle = handle;
    this.#files = files;
    this.size = workers;
    this.#runsHere = runsHere === true;
    this.#knownKernels = knownKernels;
  }

  /**
   * Forks a pool, without blocking the event loop.
   * @throws IoError when a worker cannot be forked; then none is left
   */
  static async create(options: WorkerPoolOptions): Promise<WorkerPool> {
    if (options.runsHere === true) return WorkerPool.createSync(options);
    const args = createArguments(options);
    const knownKernels = addon().kernelNames().length;
    const result = await new Promise<PoolHandle | NativeFailure>((resolve) => addon().poolCreate(...args, resolve));
    return WorkerPool.#of(result, options, knownKernels);
  }

  /** The same, blocking: for who has nothing else to do. */
  static createSync(options: WorkerPoolOptions): WorkerPool {
    const knownKernels = addon().kernelNames().length;
    return WorkerPool.#of(addon().poolCreate(...createArguments(options), null)!, options, knownKernels);
  }

  static #of(result: PoolHandle | NativeFailure, options: WorkerPoolOptions, knownKernels: number): WorkerPool {
    if (isFailure(result)) throw ioError(result);
    return new WorkerPool(result, options, knownKernels);
  }

  /** The workers that run now. */
  get pids(): readonly number[] {
    return this.#closing ? [] : addon().poolPids(this.#handle);
  }

  /**
   * Runs a kernel over rows, one job at a time. What the workers stored in the arena is visible when the
   * promise resolves.
   * @throws WorkerCrashError when a chunk killed two workers; the pool can then only be closed
   * @throws KernelError when the kernel returned a status, after all chunks have run
   * @throws WorkerUsageError, RangeError for what cannot be run
   */
  async run(kernel: string, options: JobOptions): Promise<JobReport> {
    const job = this.#jobArguments(kernel, options);
    const began = milliseconds();
    let onReport: ((report: NativeReport | NativeJobFailure) => void) | undefined;
    const result = addon().poolRun(this.#handle, ...job, (report) => onReport!(report));
    if (isFailure(result)) throw ioError(result);
    if (result !== null) return this.#settle(kernel, options, result, began);
    const running = new Promise<NativeReport | NativeJobFailure>((resolve, reject) => {
      onReport = resolve;
      this.#rejectRunning = reject;
    });
    try {
      return this.#settle(kernel, options, await running, began);
    } finally {
      this.#rejectRunning = undefined;
    }
  }

  /** The same, blocking this thread until the job has ended. Crashes are noticed all the same. */
  runSync(kernel: string, options: JobOptions): JobReport {
    const began = milliseconds();
    const result = addon().poolRun(this.#handle, ...this.#jobArguments(kernel, options), null);
    if (isFailure(result)) throw ioError(result);
    return this.#settle(kernel, options, result!, began);
  }

  /**
   * Tells the workers to leave and waits until they have been reaped. A job that runs is rejected and its
   * workers are killed. May be called twice.
   */
  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing) return this.#closing;
    const { wait = true, leave = -1 } = options;
    this.#rejectRunning?.(closedError());
    if (wait && !this.#runsHere) {
      this.#closing = new Promise((resolve) => addon().poolClose(this.#handle, resolve, leave));
    } else {
      this.#closing = Promise.resolve();
      addon().poolClose(this.#handle, null, leave);
    }
    return this.#closing;
  }

  [Symbol.dispose](): void {
    void this.close({ wait: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #jobArguments(kernel: string, { rows, bounds, chunkRows = 0, args }: JobOptions) {
    if (this.#closing) throw closedError();
    if (this.#isBroken)
      throw new WorkerUsageError("ERR_POOL_BROKEN", "a job of this pool crashed; it can only be closed");
    if (this.#rejectRunning) throw new WorkerUsageError("ERR_POOL_BUSY", "the pool runs a job");
    const id = kernelId(kernel);
    if (id >= this.#knownKernels) {
      throw new WorkerUsageError("ERR_KERNEL_UNKNOWN", `"${kernel}" was registered after the pool was forked`);
    }
    if (!Number.isInteger(rows) || rows < 0 || rows > maxRows) throw new RangeError(`cannot run over ${rows} rows`);
    if (!Number.isInteger(chunkRows) || chunkRows < 0) throw new RangeError(`cannot make chunks of ${chunkRows} rows`);
    if (args && args.byteLength > maxArgsBytes) {
      throw new RangeError(`${args.byteLength} bytes of arguments; at most ${maxArgsBytes} are possible`);
    }
    if (bounds) checkBounds(bounds, rows);
    const chunks = bounds ? bounds.length - 1 : Math.min(rows, defaultChunks);
    return [
      id,
      rows,
      bounds ? 0 : Math.min(chunkRows, maxRows),
      rows === 0 ? 0 : chunks,
      bounds ?? null,
      args ? new Uint8Array(args.buffer, args.byteOffset, args.byteLength) : null,
    ] as const;
  }

  #settle(
    kernel: string,
    { rows, describeRow }: JobOptions,
    report: NativeReport | NativeJobFailure,
    began: number,
  ): JobReport {
    if (report instanceof Float64Array) {
      const [wallNs, chunks, retriedChunks] = report;
      const workers: WorkerReport[] = [];
      for (let at = 3; at < report.length; at += 3)
        workers.push({ busyMs: report[at]! / 1e6, chunks: report[at + 1]!, minorFaults: report[at + 2]! });
      const done = {
        kernel,
        rows,
        chunks: chunks!,
        wallMs: wallNs! / 1e6,
        workers,
        retriedChunks: retriedChunks!,
      };
      publish("job", began, () => ({ report: done, pids: this.pids }));
      return done;
    }

    const range = { kernel, first: report.first, end: report.end };
    const what = report.end > report.first ? describeRow?.(report.first) : undefined;
    if (report.outcome === "kernel-failed") throw new KernelError(range, report.status, what);
    this.#isBroken = true;
    if (report.outcome === "fork-failed") throw ioError(report.failure);
    const exitCode = report.exitCode < 0 ? null : report.exitCode;
    const exit = { signal: signalName(report.signal), exitCode, pid: report.pid };
    const changed = this.#files.flatMap((set) => (set.isClosed ? [] : set.changedFiles().map((i) => set.paths[i]!)));
    throw new WorkerCrashError(range, exit, changed, what);
  }
}

function closedError(): WorkerUsageError {
  return new WorkerUsageError("ERR_POOL_CLOSED", "the pool is closed");
}

function checkBounds(bounds: Uint32Array, rows: number): void {
  if (bounds.length === 0 || bounds[bounds.length - 1]! > rows)
    throw new RangeError("chunk bounds end beyond the rows");
  for (let i = 1; i < bounds.length; i++) {
    if (bounds[i - 1]! > bounds[i]!) throw new RangeError(`chunk bounds descend at ${i}`);
  }
}

function createArguments(options: WorkerPoolOptions) {
  const { files, arena, workers, runsHere = false, keepDescriptors, fault, delays = 0 } = options;
  if (!Number.isInteger(workers) || workers < 1) throw new RangeError(`a pool needs workers, not ${workers}`);
  const hooks = [
    fault?.at ?? "",
    fault?.kernel === undefined ? -1 : kernelId(fault.kernel),
    fault?.chunk ?? -1,
    fault ? signalNumber(fault.signal) : 0,
    fault?.once ?? true,
    delays,
  ] as const;
  return [
    files.map((set) => set.batch.handle),
    arena.handle,
    runsHere ? 0 : workers,
    fault || delays ? hooks : null,
    keepDescriptors ? Int32Array.from(keepDescriptors) : null,
  ] as const;
}
