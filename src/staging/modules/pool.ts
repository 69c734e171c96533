/** A pool of workers that run one function of a module, for task after task, over staged files. */
import { EventEmitter } from "node:events";

import { addon } from "../../addon/load.ts";
import { Arena } from "../arena.ts";
import { milliseconds } from "../clock.ts";
import { publish } from "../events.ts";
import type { File } from "../file.ts";
import type { ExitStatus } from "../reports.ts";
import type { StageMode } from "../stage-mode.ts";
import { StagedSet, stageForWorkers } from "../stage.ts";
import { defaultWorkerCount } from "../worker-count.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";
import { Crew, closedError } from "./crew.ts";
import type { Member } from "./crew.ts";
import type { PoolAnswer } from "./fork-protocol.ts";
import { moduleUrl } from "./fork-server.ts";
import type { ForkedChild } from "./fork-server.ts";
import { JobQueue, TaskJob } from "./jobs.ts";
import type { JobSettings } from "./jobs.ts";
import { MapJob, MapSpaces, chunksOf } from "./map-job.ts";
import type { MapRange } from "./map-job.ts";
import { MapTakers } from "./map-takers.ts";
import type { ChunkRange, PoolFunction } from "./worker-context.ts";
import { TaskError, WorkerError } from "./worker-errors.ts";

export interface PoolOptions {
  /** Staged by this call and unstaged when the pool ends, unless they are a `StagedSet`, which stays. Default: none. */
  readonly files?: StagedSet | readonly (string | File)[];
  /** How files are staged that are not yet. Default: `StageMode.MmapShared`. */
  readonly mode?: StageMode;
  readonly worker: {
    /** A URL, or a path: absolute, or relative to the working directory. */
    readonly module: URL | string;
    /** Which export. Default: `default`. */
    readonly export?: string;
  };
  /** Given to each worker as `context.args`: a structured clone. */
  readonly args?: unknown;
  /** Shared with the workers. Default: one that the pool makes, and closes when it ends. */
  readonly arena?: Arena;
  /** How many workers. Default: {@link defaultWorkerCount}. */
  readonly size?: number;
  /** How many tasks may wait; `"auto"`: the square of `size`. Default: any number. */
  readonly maxQueue?: number | "auto";
  /** How often a task, or a chunk, is begun again after a worker died over it. Default 1. */
  readonly retries?: number;
  /** ms that `close()` waits for tasks before it ends them. Default: as long as they take. */
  readonly closeTimeout?: number;
}

export interface RunOptions {
  /** Aborting rejects the task with the signal's reason; a worker that has begun it is killed, and replaced. */
  readonly signal?: AbortSignal;
  /** ms that the task may take from when a worker begins it. Default: as long as it takes. */
  readonly timeout?: number;
}

export interface PoolEvents {
  /** The queue is empty again after {@link Pool.needsDrain}. */
  drain: [];
  workerCreate: [worker: { readonly pid: number; readonly workerIndex: number }];
  /** A worker has ended: because the pool did, or it was killed, or crashed. */
  workerExit: [worker: { readonly pid: number; readonly workerIndex: number } & ExitStatus];
  /** A worker died over a task, which is begun again. */
  retry: [task: { readonly pid: number; readonly attempt: number }];
  /** No worker can be forked any more: all tasks were rejected. Thrown unless somebody listens. */
  error: [error: Error];
}

type TaskOf<F> = F extends (task: infer Task, ...rest: never[]) => unknown ? Task : never;
type ResultOf<F> = F extends (...args: never[]) => infer Result ? Awaited<Result> : never;

const longestTimeout = 2 ** 31 - 1;

type PoolJob = TaskJob | MapJob;

/** Made by {@link createPool}. Belongs to one thread. */
export class Pool<Task, Result> extends EventEmitter<PoolEvents> implements AsyncDisposable {
  /** What the workers see, in this order. */
  readonly files: StagedSet;
  /** What the workers share with this process. */
  readonly arena: Arena;
  readonly #options: PoolOptions;
  readonly #ownsFiles: boolean;
  readonly #ownsArena: boolean;
  readonly #crew: Crew<PoolJob>;
  readonly #queue = new JobQueue<PoolJob>();
  readonly #spaces: MapSpaces;
  readonly #maxQueue: number;
  #nextId = 1;
  #completed = 0;
  #wasFull = false;
  #unsettled = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #isDestroyed = false;

  /** Pools are made by {@link createPool}. */
  private constructor(options: PoolOptions, files: StagedSet) {
    super();
    this.#options = options;
    this.files = files;
    this.#ownsFiles = files !== options.files;
    this.arena = options.arena ?? Arena.create();
    this.#ownsArena = !options.arena;
    const { worker, args, size = defaultWorkerCount(), maxQueue = Infinity } = options;
    this.#maxQueue = maxQueue === "auto" ? size * size : maxQueue;
    this.#spaces = new MapSpaces(this.arena, size);
    const plan = {
      url: moduleUrl(worker.module),
      export: worker.export ?? "default",
      files,
      arena: this.arena,
      args,
      size,
    };
    this.#crew = new Crew<PoolJob>(plan, {
      onFork: ({ workerIndex }, pid) => this.emit("workerCreate", { pid, workerIndex }),
      onAnswer: (member, child, answer) => this.#take(member, child, answer),
      onEnd: (member, pid, status, stopped) => this.#ended(member, pid, status, stopped),
      onReplaced: () => this.#feed(),
      onBroken: (error) => {
        this.#rejectAll(error);
        this.emit("error", error);
      },
    });
  }

  static async create<Task, Result>(options: PoolOptions): Promise<Pool<Task, Result>> {
    if (addon().isForkedChild()) throw new WorkerUsageError("ERR_WORKER_NESTED", "a worker cannot have workers");
    const { size, maxQueue, retries, files = [], mode } = options;
    if (size !== undefined && (!Number.isInteger(size) || size < 1)) throw new RangeError(`a pool of ${size} workers`);
    if (typeof maxQueue === "number" && !(maxQueue >= 0)) throw new RangeError(`a queue of ${maxQueue} tasks`);
    if (retries !== undefined && !(retries >= 0)) throw new RangeError(`${retries} retries`);
    const set = files instanceof StagedSet ? files : await stageForWorkers(mode ?? 2, files, true);
    const pool = new Pool<Task, Result>(options, set);
    try {
      await pool.#crew.start();
    } catch (error) {
      pool.#releaseAll();
      throw error;
    }
    return pool;
  }

  /** How many workers there are, or are to be. */
  get size(): number {
    return this.#crew.members.length;
  }

  /** The workers that run now. */
  get pids(): readonly number[] {
    return this.#crew.pids;
  }

  /** Tasks that no worker has begun. A map counts as one. */
  get queueSize(): number {
    return this.#queue.size;
  }

  /** Tasks that have ended well, maps included. */
  get completed(): number {
    return this.#completed;
  }

  /** Whether more tasks wait than there are workers: one had better wait for `drain`. */
  get needsDrain(): boolean {
    return this.#queue.size >= Math.max(1, Math.min(this.size, this.#maxQueue));
  }

  /**
   * Runs the function for one task, in whichever worker is free first.
   * @returns what the function returned: a structured clone
   * @throws WorkerError when the function threw
   * @throws TaskError when its worker died more often than `retries` allow, and when it took too long
   * @throws WorkerUsageError `ERR_QUEUE_FULL`, `ERR_POOL_CLOSED`
   * @throws DataCloneError when the task cannot be cloned
   */
  run(task: Task, options: RunOptions = {}): Promise<Result> {
    return this.#submit<Result>(task, options, (settings) => new TaskJob(settings));
  }

  /**
   * Runs the function for each chunk of a range, which is its `context.range`. Workers take chunks by
   * themselves, their own share first, then what others have not begun.
   * @returns what the function returned for each chunk, in their order
   * @throws as {@link run}; the first chunk that fails ends the others
   */
  map(range: MapRange, task: Task, options: RunOptions = {}): Promise<Result[]> {
    let ranges: ChunkRange[];
    try {
      ranges = chunksOf(range, this.size, this.files.sizes);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (ranges.length === 0) return Promise.resolve([]);
    return this.#submit<Result[]>(task, options, (settings) => {
      const takers = new MapTakers(this.size, () => this.#feed());
      return new MapJob(settings, ranges, this.#spaces.take(ranges.length), takers);
    });
  }

  /** Takes no more tasks, waits for those that it has, then for the workers' ends. May be called twice. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Rejects all tasks, kills the workers, and waits for their ends. May be called twice, and after `close()`. */
  async destroy(): Promise<void> {
    if (!this.#isDestroyed) this.#rejectAll(closedError());
    this.#closing ??= this.#end();
    this.#isDestroyed = true;
    for (const member of this.#crew.members) this.#crew.kill(member, closedError());
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const { closeTimeout } = this.#options;
    if (this.#unsettled > 0) {
      const idle = new Promise<void>((resolve) => (this.#idle = resolve));
      const timer = closeTimeout === undefined ? undefined : setTimeout(() => void this.destroy(), closeTimeout);
      await idle;
      clearTimeout(timer);
    }
    await this.#end();
  }

  async #end(): Promise<void> {
    await this.#crew.end(closedError());
    this.#releaseAll();
  }

  #releaseAll(): void {
    if (this.#ownsFiles) this.files.close();
    this.#spaces.forget(!this.#ownsArena);
    if (this.#ownsArena) this.arena.close();
  }

  #submit<T>(task: Task, { signal, timeout = 0 }: RunOptions, make: (settings: JobSettings) => PoolJob): Promise<T> {
    try {
      this.#admit(signal, timeout);
      const began = milliseconds();
      const onAbort = (): void => this.#abandon(job, signal!.reason as Error);
      const onSettled = (isDone: boolean): void => {
        publish("task", began, () => ({ kind: job.kind, isDone, pids: this.pids }));
        signal?.removeEventListener("abort", onAbort);
        this.#queue.delete(job);
        addon().holdLoop(false);
        if (isDone) this.#completed++;
        if (--this.#unsettled === 0) this.#idle?.();
      };
      const job: PoolJob = make({ id: this.#nextId++, task, timeout, onSettled });
      this.#unsettled++;
      addon().holdLoop(true);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.add(job);
      this.#crew.fill();
      this.#feed();
      return job.result as Promise<T>;
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** @throws WorkerUsageError, RangeError, or the signal's reason, when nothing more is taken */
  #admit(signal: AbortSignal | undefined, timeout: number): void {
    if (this.#closing) throw closedError();
    signal?.throwIfAborted();
    if (!(timeout >= 0 && timeout <= longestTimeout)) throw new RangeError(`a timeout of ${timeout} ms`);
    const mayBegin = !this.#queue.next && this.#crew.hasFree;
    if (!mayBegin && this.#queue.size >= this.#maxQueue) {
      throw new WorkerUsageError("ERR_QUEUE_FULL", `${this.#queue.size} tasks wait; the pool's queue takes no more`);
    }
  }

  /** Gives waiting tasks to free workers. */
  #feed(): void {
    for (const member of this.#crew.free()) {
      const job = this.#queue.next;
      if (!job) break;
      this.#give(job, member);
    }
    if (this.needsDrain) this.#wasFull = true;
    if (this.#wasFull && this.#queue.size === 0) {
      this.#wasFull = false;
      this.emit("drain");
    }
  }

  #give(job: PoolJob, member: Member<PoolJob>): void {
    const order = job.order(member.arenaVersion === this.arena.version ? {} : { extents: this.arena.extents });
    const { pid, channel } = member.child!;
    try {
      channel.send(order, [], job.kind === "map" ? { pid, order: job.takers.size } : undefined);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EPIPE") return; // it has ended, as we shall be told
      this.#queue.delete(job);
      job.reject(error as Error);
      this.#endMap(job);
      return;
    }
    member.arenaVersion = this.arena.version;
    member.job = job;
    if (job.kind === "task") {
      this.#queue.delete(job);
      job.attempts++;
      if (job.timeout > 0) member.timer = setTimeout(() => this.#expire(job), job.timeout);
    } else {
      job.takers.join(member.workerIndex, pid);
      if (job.timeout > 0) job.timer ??= setTimeout(() => this.#expire(job), job.timeout);
    }
  }

  #take(member: Member<PoolJob>, child: ForkedChild, answer: PoolAnswer): void {
    const { job } = member;
    if (answer.op === "failed") {
      if (job) this.#abandon(job, new WorkerError(child.pid, answer.error), member);
      return;
    }
    if (!job || job.id !== answer.id) return; // of a task that was given up
    this.#crew.noteWork();
    if (job.kind === "map") this.#takeResults(member, job);
    if (job.kind === "task") {
      if (answer.op === "result") job.resolve(answer.value);
      else if (answer.op === "error") job.reject(new WorkerError(child.pid, answer.error));
      this.#leave(member);
    } else if (answer.op === "result") {
      job.finishChunk(answer.chunk, answer.value);
    } else if (answer.op === "error") {
      job.reject(new WorkerError(child.pid, answer.error));
      job.table.cancel();
    } else {
      // All chunks are begun, unless one came back from a worker that died.
      if (!job.table.hasFree()) this.#queue.delete(job);
      this.#leave(member);
    }
    this.#feed();
  }

  /** What the worker has found without saying so. */
  #takeResults(member: Member<PoolJob>, job: MapJob): void {
    if (job.isSettled || this.arena.isClosed) return;
    try {
      job.takeResults(member.workerIndex);
    } catch (error) {
      this.#abandon(job, error as Error);
    }
  }

  /** The worker is free; its map's table, too, when nobody else looks at it. */
  #leave(member: Member<PoolJob>): void {
    const { job } = member;
    member.job = undefined;
    clearTimeout(member.timer);
    if (job?.kind !== "map") return;
    job.takers.leave(member.workerIndex);
    this.#endMap(job);
  }

  #endMap(job: PoolJob): void {
    if (job.kind !== "map" || !job.isSettled || job.takers.size > 0) return;
    clearTimeout(job.timer);
    this.#spaces.giveBack(job.space);
  }

  #expire(job: PoolJob): void {
    const member = this.#crew.members.find((it) => it.job === job);
    const at = { pid: member?.child?.pid ?? 0, signal: "SIGKILL", exitCode: null } as const;
    const attempts = job.kind === "task" ? job.attempts : 1;
    const message = `the task took more than ${job.timeout} ms`;
    this.#abandon(job, new TaskError("ERR_TASK_TIMEOUT", message, { ...at, attempts }));
  }

  /** Rejects a job, and kills the workers that are at it, except one that ends by itself. */
  #abandon(job: PoolJob, error: Error, ending?: Member<PoolJob>): void {
    job.reject(error);
    this.#queue.delete(job);
    if (job.kind === "map") {
      job.table.cancel();
      clearTimeout(job.timer);
    }
    for (const member of this.#crew.members)
      if (member.job === job && member !== ending) this.#crew.kill(member, error);
    this.#endMap(job);
    this.#feed();
  }

  #rejectAll(error: Error): void {
    const jobs = new Set([...this.#queue, ...this.#crew.members.flatMap(({ job }) => (job ? [job] : []))]);
    for (const job of jobs) {
      if (job.kind === "map") job.table.cancel();
      job.reject(error);
      this.#queue.delete(job);
      this.#endMap(job);
    }
  }

  #ended(member: Member<PoolJob>, pid: number, status: ExitStatus | Error, stopped: Error | undefined): void {
    const { job, workerIndex } = member;
    if (job?.kind === "map") this.#takeResults(member, job);
    if (job) this.#crashed(member, job, pid, status, stopped);
    this.#leave(member);
    const exit = status instanceof Error ? { code: null, signal: null } : status;
    this.emit("workerExit", { pid, workerIndex, ...exit });
  }

  /** A worker died over a job: once more, or no more. */
  #crashed(
    member: Member<PoolJob>,
    job: PoolJob,
    pid: number,
    status: ExitStatus | Error,
    stopped: Error | undefined,
  ): void {
    const chunk = job.kind === "map" ? job.table.heldBy(member.workerIndex) : undefined;
    if (job.kind === "map" && (chunk === undefined || job.isDone(chunk))) {
      if (chunk !== undefined) job.table.finish(chunk);
      return; // between two chunks
    }
    if (job.isSettled || stopped) {
      if (job.kind === "map") job.table.finish(chunk!);
      job.reject(stopped ?? closedError());
      return;
    }
    const attempts = job.kind === "task" ? job.attempts : job.countAttempt(chunk!);
    if (attempts > (this.#options.retries ?? 1)) {
      const { signal, code } = status instanceof Error ? { signal: null, code: null } : status;
      const how = status instanceof Error ? status.message : (signal ?? `exit code ${code}`);
      const what = chunk === undefined ? "the task" : `chunk ${chunk}`;
      const message = `${what} was begun ${attempts} times, and each time its worker died: ${how}`;
      this.#abandon(job, new TaskError("ERR_TASK_CRASHED", message, { pid, signal, exitCode: code, attempts }), member);
      return;
    }
    if (job.kind === "map") job.table.free(chunk!, attempts);
    this.#queue.putFirst(job);
    this.emit("retry", { pid, attempt: attempts });
  }
}

/**
 * Stages files, and forks workers that run a function of a module over them, task after task. The function is
 * called as `fn(task, context)`. Its type gives the pool's: `createPool<typeof import("../worker.ts").default>(…)`.
 * @throws IoError when a file cannot be staged, or a worker not be forked
 * @throws ForkServerError when the module cannot be loaded, exports no such function, or starts threads
 */
export function createPool<F extends PoolFunction = (task: unknown) => unknown>(
  options: PoolOptions,
): Promise<Pool<TaskOf<F>, ResultOf<F>>> {
  return Pool.create(options);
}
