/** A pool of workers that run one function of a module, for task after task, over staged files. */
import { EventEmitter } from "node:events";

import { addon } from "../../addon/load.ts";
import { Arena } from "../arena.ts";
import type { ChunkTable } from "./chunk-table.ts";
import { milliseconds } from "../clock.ts";
import type { File } from "../file.ts";
import type { PoolAnswer, PoolOrder } from "./fork-protocol.ts";
import { publish } from "../events.ts";
import { ForkServer, moduleUrl } from "./fork-server.ts";
import type { ForkedChild } from "./fork-server.ts";
import { MapTakers } from "./map-takers.ts";
import { MapSpace } from "./map-space.ts";
import type { ExitStatus } from "../reports.ts";
import { signalNumber } from "../signals.ts";
import type { StageMode } from "../stage-mode.ts";
import { StagedSet, stageForWorkers } from "../stage.ts";
import { defaultWorkerCount } from "../worker-count.ts";
import type { ChunkRange, PoolFunction } from "./worker-context.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";
import { ForkServerError, TaskError, WorkerError } from "./worker-errors.ts";

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

/**
 * What `map()` covers: rows 0 up to a number; rows of a given range, `chunkSize` of them a chunk (default: an
 * eighth of a worker's share); or all files cut into pieces of `bytesPerChunk` bytes, none of which spans two files.
 */
export type MapRange =
  | number
  | { readonly begin?: number; readonly end: number; readonly chunkSize?: number }
  | { readonly bytesPerChunk: number };

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

/** Chunks per worker, where nothing else is said: enough for shares to even out, few enough to cost nothing. */
const chunksPerWorker = 8;
/** So many workers, and two for each place, may end while they do nothing; then something is very wrong. */
const maxIdleDeaths = 8;
const serverTries = 5;
const longestTimeout = 2 ** 31 - 1;
/** A map begins while workers still look for chunks of the one before. */
const keptSpaces = 2;

/** Something that workers do: one task, or the chunks of a map. */
interface Job {
  readonly id: number;
  readonly task: unknown;
  readonly timeout: number;
  readonly reject: (error: Error) => void;
  isSettled: boolean;
}

interface TaskJob extends Job {
  readonly kind: "task";
  readonly resolve: (value: unknown) => void;
  attempts: number;
}

interface MapJob extends Job {
  readonly kind: "map";
  readonly space: MapSpace;
  readonly table: ChunkTable;
  readonly results: unknown[];
  readonly resolve: (values: unknown[]) => void;
  readonly isDone: Uint8Array;
  readonly attempts: Uint8Array;
  left: number;
  /** Workers that take its chunks. */
  readonly takers: MapTakers;
  timer: NodeJS.Timeout | undefined;
}

/** A place of the pool, and the worker that has it now. */
interface PoolMember {
  readonly workerIndex: number;
  child: ForkedChild | undefined;
  job: TaskJob | MapJob | undefined;
  timer: NodeJS.Timeout | undefined;
  isForking: boolean;
  /** Of the arena, as the worker knows it. */
  arenaVersion: number;
  /** Why it was killed, if it was. */
  stopped: Error | undefined;
}

/** Whether one more worker is to be at it. A map stays in the queue until every chunk is begun. */
const wantsWorker = (job: TaskJob | MapJob): boolean => job.kind === "task" || !job.takers.isComplete;

/** Jobs in the order in which they came, but for those that are begun again, which are first. */
class JobQueue {
  readonly #again = new Set<TaskJob | MapJob>();
  readonly #waiting = new Set<TaskJob | MapJob>();

  get size(): number {
    return this.#again.size + this.#waiting.size;
  }

  /** The first one that wants a worker. */
  get next(): TaskJob | MapJob | undefined {
    for (const job of this.#again) if (wantsWorker(job)) return job;
    for (const job of this.#waiting) if (wantsWorker(job)) return job;
    return undefined;
  }

  add(job: TaskJob | MapJob): void {
    this.#waiting.add(job);
  }

  putFirst(job: TaskJob | MapJob): void {
    if (!this.#waiting.has(job)) this.#again.add(job);
  }

  delete(job: TaskJob | MapJob): void {
    if (!this.#again.delete(job)) this.#waiting.delete(job);
  }

  *[Symbol.iterator](): Generator<TaskJob | MapJob> {
    yield* this.#again;
    yield* this.#waiting;
  }
}

/** Made by {@link createPool}. Belongs to one thread. */
export class Pool<Task, Result> extends EventEmitter<PoolEvents> implements AsyncDisposable {
  /** What the workers see, in this order. */
  readonly files: StagedSet;
  /** What the workers share with this process. */
  readonly arena: Arena;
  readonly #options: PoolOptions;
  readonly #url: string;
  readonly #export: string;
  readonly #ownsFiles: boolean;
  readonly #ownsArena: boolean;
  readonly #members: PoolMember[];
  readonly #queue = new JobQueue();
  /** That no map uses now. */
  readonly #spaces: MapSpace[] = [];
  readonly #maxQueue: number;
  #nextId = 1;
  #completed = 0;
  #wasFull = false;
  #unsettled = 0;
  #idle: (() => void) | undefined;
  /** Forks that are under way. */
  readonly #forking = new Set<Promise<void>>();
  /** Workers that ended without having done anything, since the last one that did something. */
  #idleDeaths = 0;
  #onChange: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #isEnding = false;
  #isDestroyed = false;

  /** Pools are made by {@link createPool}. */
  private constructor(options: PoolOptions, files: StagedSet) {
    super();
    this.#options = options;
    this.#url = moduleUrl(options.worker.module);
    this.#export = options.worker.export ?? "default";
    this.files = files;
    this.#ownsFiles = files !== options.files;
    this.arena = options.arena ?? Arena.create();
    this.#ownsArena = !options.arena;
    const size = options.size ?? defaultWorkerCount();
    this.#maxQueue = options.maxQueue === "auto" ? size * size : (options.maxQueue ?? Infinity);
    this.#members = Array.from({ length: size }, (_, workerIndex) => ({
      workerIndex,
      child: undefined,
      job: undefined,
      timer: undefined,
      isForking: false,
      arenaVersion: -1,
      stopped: undefined,
    }));
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
      await pool.#fork(pool.#members);
    } catch (error) {
      pool.#releaseAll();
      throw error;
    }
    return pool;
  }

  /** How many workers there are, or are to be. */
  get size(): number {
    return this.#members.length;
  }

  /** The workers that run now. */
  get pids(): readonly number[] {
    return this.#members.flatMap(({ child }) => (child ? [child.pid] : []));
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
    return this.#submit<Result>(options, (job) => ({ ...job, kind: "task", task, attempts: 0 }) as TaskJob);
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
      ranges = this.#chunks(range);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (ranges.length === 0) return Promise.resolve([]);
    return this.#submit<Result[]>(options, (job) => {
      const chunks = ranges.length;
      const space = this.#takeSpace(chunks);
      const table = space.table(chunks);
      table.fill(ranges);
      return {
        ...job,
        kind: "map",
        task,
        space,
        table,
        results: Array.from({ length: chunks }),
        isDone: new Uint8Array(chunks),
        attempts: new Uint8Array(chunks),
        left: chunks,
        takers: new MapTakers(this.size, () => this.#feed()),
        timer: undefined,
      } as unknown as MapJob;
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
    for (const member of this.#members) this.#kill(member, closedError());
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

  /** Lets the workers leave, which they do when they find nobody at the other end. */
  async #end(): Promise<void> {
    this.#isEnding = true;
    addon().holdLoop(true);
    for (const member of this.#members) {
      if (member.job) this.#kill(member, closedError());
      else member.child?.channel.shutDown();
    }
    while (this.#forking.size > 0 || this.#members.some(({ child }) => child !== undefined)) {
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    this.#releaseAll();
    addon().holdLoop(false);
  }

  #releaseAll(): void {
    if (this.#ownsFiles) this.files.close();
    const spaces = this.#spaces.splice(0); // a pool that somebody still has keeps no views of its arena
    if (!this.#ownsArena && !this.arena.isClosed) for (const space of spaces) space.free();
    if (this.#ownsArena) this.arena.close();
  }

  #submit<T>(
    options: RunOptions,
    make: (job: Omit<Job, "task"> & { resolve: unknown }) => TaskJob | MapJob,
  ): Promise<T> {
    const { signal, timeout = 0 } = options;
    return new Promise<T>((resolve, reject) => {
      if (this.#closing) throw closedError();
      signal?.throwIfAborted();
      if (!(timeout >= 0 && timeout <= longestTimeout)) throw new RangeError(`a timeout of ${timeout} ms`);
      const hasFreeWorker = !this.#queue.next && this.#members.some(isFree);
      if (!hasFreeWorker && this.#queue.size >= this.#maxQueue) {
        throw new WorkerUsageError("ERR_QUEUE_FULL", `${this.#queue.size} tasks wait; the pool's queue takes no more`);
      }
      const onAbort = (): void => this.#abandon(job, signal!.reason as Error);
      const began = milliseconds();
      const settle = (isDone: boolean): void => {
        publish("task", began, () => ({ kind: job.kind, isDone, pids: this.pids }));
        signal?.removeEventListener("abort", onAbort);
        job.isSettled = true;
        addon().holdLoop(false);
        this.#unsettled--;
        if (this.#unsettled === 0) this.#idle?.();
      };
      const job = make({
        id: this.#nextId++,
        timeout,
        isSettled: false,
        resolve: (value: T) => {
          if (job.isSettled) return;
          settle(true);
          this.#completed++;
          resolve(value);
        },
        reject: (error) => {
          if (job.isSettled) return;
          settle(false);
          reject(error);
        },
      });
      this.#unsettled++;
      addon().holdLoop(true);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.add(job);
      // What could not be replaced once, perhaps can now.
      for (const member of this.#members) if (!member.child && !member.isForking) this.#replace(member);
      this.#feed();
    });
  }

  /** Gives waiting tasks to free workers. */
  #feed(): void {
    for (const member of this.#members) {
      if (!isFree(member)) continue;
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

  #give(job: TaskJob | MapJob, member: PoolMember): void {
    const order = this.#order(job, member);
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

  #order(job: TaskJob | MapJob, member: PoolMember): PoolOrder {
    const { id, task } = job;
    // What is undefined is left out: JSON has no word for it.
    const given = task === undefined ? {} : { task };
    const news = member.arenaVersion === this.arena.version ? {} : { extents: this.arena.extents };
    if (job.kind === "task") return { op: "task", id, attempt: job.attempts, ...given, ...news };
    const { offset, capacity } = job.space;
    return { op: "map", id, chunks: job.table.chunks, place: { offset, capacity }, ...given, ...news };
  }

  /** One answer, if there is one: the loop comes back for the next. */
  #receive(member: PoolMember, child: ForkedChild): boolean {
    if (member.child !== child || child.channel.isClosed) return false;
    let packet;
    try {
      packet = child.channel.receive<PoolAnswer>({ wait: false });
    } catch (error) {
      this.#kill(member, error as Error); // not what a worker says
      return false;
    }
    if (packet === null) child.channel.unwatch(); // it ends, as we shall be told
    if (packet) this.#take(member, child, packet.value);
    return Boolean(packet);
  }

  #take(member: PoolMember, child: ForkedChild, answer: PoolAnswer): void {
    const { job } = member;
    if (answer.op === "failed") {
      const error = new WorkerError(child.pid, answer.error);
      if (!job) return;
      this.#abandon(job, error, member);
      return;
    }
    if (!job || job.id !== answer.id) return; // of a task that was given up
    this.#idleDeaths = 0;
    if (job.kind === "map") this.#takeResults(member, job);
    if (job.kind === "task") {
      if (answer.op === "result") job.resolve(answer.value);
      else if (answer.op === "error") job.reject(new WorkerError(child.pid, answer.error));
      this.#leave(member);
    } else if (answer.op === "result") {
      this.#finishChunk(job, answer.chunk, answer.value);
    } else if (answer.op === "error") {
      job.reject(new WorkerError(child.pid, answer.error));
      this.#queue.delete(job);
      job.table.cancel();
    } else {
      // All chunks are begun, unless one came back from a worker that died.
      if (!job.table.hasFree()) this.#queue.delete(job);
      this.#leave(member);
    }
    this.#feed();
  }

  /** What the worker has found without saying so. */
  #takeResults(member: PoolMember, job: MapJob): void {
    if (job.isSettled || this.arena.isClosed) return;
    try {
      for (const [chunk, value] of job.space.ring(member.workerIndex).take()) this.#finishChunk(job, chunk, value);
    } catch (error) {
      this.#abandon(job, error as Error);
    }
  }

  #finishChunk(job: MapJob, chunk: number, value: unknown): void {
    if (job.isDone[chunk] !== 0) return;
    job.isDone[chunk] = 1;
    job.results[chunk] = value;
    if (--job.left > 0) return;
    clearTimeout(job.timer);
    this.#queue.delete(job);
    job.resolve(job.results);
  }

  /** The worker is free; its map's table, too, when nobody else looks at it. */
  #leave(member: PoolMember): void {
    const { job } = member;
    member.job = undefined;
    clearTimeout(member.timer);
    if (job?.kind !== "map") return;
    job.takers.leave(member.workerIndex);
    this.#endMap(job);
  }

  #endMap(job: TaskJob | MapJob): void {
    if (job.kind !== "map" || !job.isSettled || job.takers.size > 0) return;
    clearTimeout(job.timer);
    this.#giveBack(job.space);
  }

  /** Room for a map: kept from one before, so that workers need not hear of what is allocated. */
  #takeSpace(chunks: number): MapSpace {
    const kept = this.#spaces.findIndex(({ capacity }) => capacity >= chunks);
    const [space] = kept < 0 ? [MapSpace.allocate(this.arena, this.size, chunks)] : this.#spaces.splice(kept, 1);
    for (const { workerIndex } of this.#members) space!.ring(workerIndex).clear();
    return space!;
  }

  #giveBack(space: MapSpace): void {
    if (this.arena.isClosed) return;
    this.#spaces.push(space);
    if (this.#spaces.length <= keptSpaces) return;
    this.#spaces.sort((a, b) => b.capacity - a.capacity);
    this.#spaces.pop()!.free();
  }

  #expire(job: TaskJob | MapJob): void {
    const [member] = this.#members.filter((it) => it.job === job);
    const at = { pid: member?.child?.pid ?? 0, signal: "SIGKILL", exitCode: null } as const;
    const attempts = job.kind === "task" ? job.attempts : 1;
    this.#abandon(
      job,
      new TaskError("ERR_TASK_TIMEOUT", `the task took more than ${job.timeout} ms`, { ...at, attempts }),
    );
  }

  /** Rejects a job, and kills the workers that are at it, except one that ends by itself. */
  #abandon(job: TaskJob | MapJob, error: Error, ending?: PoolMember): void {
    job.reject(error);
    this.#queue.delete(job);
    if (job.kind === "map") {
      job.table.cancel();
      clearTimeout(job.timer);
    }
    for (const member of this.#members) if (member.job === job && member !== ending) this.#kill(member, error);
    this.#endMap(job);
    this.#feed();
  }

  #rejectAll(error: Error): void {
    const jobs = new Set([...this.#queue, ...this.#members.flatMap(({ job }) => (job ? [job] : []))]);
    for (const job of jobs) {
      this.#queue.delete(job);
      if (job.kind === "map") job.table.cancel();
      job.reject(error);
      this.#endMap(job);
    }
  }

  #kill(member: PoolMember, why: Error): void {
    member.stopped ??= why;
    member.child?.signal(signalNumber("SIGKILL"));
  }

  async #fork(members: readonly PoolMember[]): Promise<void> {
    const server = await ForkServer.of(this.#url);
    let running = 0;
    try {
      const children = await server.fork({
        kind: "pool",
        export: this.#export,
        set: this.files,
        arena: this.arena,
        workerCount: this.size,
        orders: members.map(({ workerIndex }) => ({ workerIndex, args: this.#options.args })),
        onForked: (child, order) => {
          running++;
          const member = this.#members[order.workerIndex]!;
          Object.assign(member, { child, job: undefined, arenaVersion: -1, stopped: undefined });
          child.onExit((status) => this.#onExit(member, child, status));
          child.onGone(() => --running === 0 && server.letGo());
          child.channel.watch(() => void this.#receive(member, child));
        },
      });
      for (const [at, { pid }] of children.entries())
        this.emit("workerCreate", { pid, workerIndex: members[at]!.workerIndex });
    } catch (error) {
      if (running === 0) server.letGo();
      throw error;
    }
  }

  #onExit(member: PoolMember, child: ForkedChild, status: ExitStatus | Error): void {
    while (this.#receive(member, child)); // what it said before it ended
    const { job, stopped } = member;
    Object.assign(member, { child: undefined, stopped: undefined });
    clearTimeout(member.timer);
    if (job?.kind === "map") this.#takeResults(member, job);
    const exit = status instanceof Error ? { code: null, signal: null } : status;
    const at = { pid: child.pid, signal: exit.signal, exitCode: exit.code };
    if (job) this.#crashed(member, job, at, stopped, status);
    this.#leave(member);
    this.emit("workerExit", { pid: child.pid, workerIndex: member.workerIndex, ...exit });
    this.#idleDeaths = job ? 0 : this.#idleDeaths + 1;
    if (this.#isEnding) this.#onChange?.();
    else if (this.#idleDeaths <= maxIdleDeaths + 2 * this.size) this.#replace(member);
    else {
      this.#idleDeaths = 0;
      this.#break(new WorkerUsageError("ERR_POOL_BROKEN", "workers end before they have done anything"));
    }
  }

  /** A worker died over a job: once more, or no more. */
  #crashed(
    member: PoolMember,
    job: TaskJob | MapJob,
    at: { pid: number; signal: NodeJS.Signals | null; exitCode: number | null },
    stopped: Error | undefined,
    status: ExitStatus | Error,
  ): void {
    const chunk = job.kind === "map" ? job.table.heldBy(member.workerIndex) : undefined;
    if (job.kind === "map" && (chunk === undefined || job.isDone[chunk])) {
      if (chunk !== undefined) job.table.finish(chunk);
      return; // between two chunks
    }
    if (job.isSettled || stopped) {
      if (chunk !== undefined) (job as MapJob).table.finish(chunk);
      job.reject(stopped ?? closedError());
      return;
    }
    const attempts = job.kind === "task" ? job.attempts : ++job.attempts[chunk!];
    if (attempts > (this.#options.retries ?? 1)) {
      const how = status instanceof Error ? status.message : (at.signal ?? `exit code ${at.exitCode}`);
      const what = chunk === undefined ? "the task" : `chunk ${chunk}`;
      const message = `${what} was begun ${attempts} times, and each time its worker died: ${how}`;
      this.#abandon(job, new TaskError("ERR_TASK_CRASHED", message, { ...at, attempts }), member);
      return;
    }
    if (job.kind === "map") job.table.free(chunk!, attempts);
    this.#queue.putFirst(job);
    this.emit("retry", { pid: at.pid, attempt: attempts });
  }

  #replace(member: PoolMember): void {
    addon().holdLoop(true);
    member.isForking = true;
    const forking = this.#forkOne(member).finally(() => {
      member.isForking = false;
      this.#forking.delete(forking);
      addon().holdLoop(false);
      this.#onChange?.();
    });
    this.#forking.add(forking);
  }

  async #forkOne(member: PoolMember): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#fork([member]);
        break;
      } catch (error) {
        // A server that died while it was asked: the next one is another.
        const isGone = error instanceof ForkServerError && error.code === "ERR_FORK_SERVER_DIED";
        if (!isGone || tries === serverTries) return this.#break(error as Error);
      }
    }
    if (this.#isEnding) this.#kill(member, closedError());
    else this.#feed();
  }

  /** No worker can be had: what waits would wait for ever. */
  #break(error: Error): void {
    if (this.#isEnding || this.#members.some(({ child }) => child !== undefined)) return;
    this.#rejectAll(error);
    this.emit("error", error);
  }

  #chunks(range: MapRange): ChunkRange[] {
    if (typeof range === "object" && "bytesPerChunk" in range) return this.#pieces(range.bytesPerChunk);
    const { begin = 0, end, chunkSize } = typeof range === "number" ? { end: range } : range;
    const rows = end - begin;
    if (!(Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && rows >= 0)) {
      throw new RangeError(`cannot map rows ${begin} to ${end}`);
    }
    const size = chunkSize ?? Math.max(1, Math.ceil(rows / (this.size * chunksPerWorker)));
    if (!Number.isSafeInteger(size) || size < 1) throw new RangeError(`cannot make chunks of ${size} rows`);
    return Array.from({ length: Math.ceil(rows / size) }, (_, chunk) => ({
      file: undefined,
      begin: begin + chunk * size,
      end: Math.min(begin + (chunk + 1) * size, end),
    }));
  }

  #pieces(bytes: number): ChunkRange[] {
    if (!Number.isSafeInteger(bytes) || bytes < 1) throw new RangeError(`cannot make chunks of ${bytes} bytes`);
    return [...this.files.sizes].flatMap((size, file) =>
      Array.from({ length: Math.ceil(size / bytes) }, (_, piece) => ({
        file,
        begin: piece * bytes,
        end: Math.min((piece + 1) * bytes, size),
      })),
    );
  }
}

const isFree = ({ child, job, stopped }: PoolMember): boolean => child !== undefined && !job && !stopped;

function closedError(): WorkerUsageError {
  return new WorkerUsageError("ERR_POOL_CLOSED", "the pool is closed");
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
