/** What a pool has been asked to do, until its promise is settled; and the queue of what waits. */
import type { PoolOrder } from "./fork-protocol.ts";

export interface JobSettings {
  readonly id: number;
  readonly task: unknown;
  /** ms from when a worker begins it; 0: as long as it takes. */
  readonly timeout: number;
  /** Called once, before whoever waits for the result knows. */
  readonly onSettled: (isDone: boolean) => void;
}

/** Something that workers do: one task, or the chunks of a map. */
export abstract class Job {
  readonly id: number;
  readonly timeout: number;
  readonly result: Promise<unknown>;
  isSettled = false;
  readonly #task: unknown;
  readonly #onSettled: (isDone: boolean) => void;
  #resolve!: (value: unknown) => void;
  #reject!: (error: Error) => void;

  constructor({ id, task, timeout, onSettled }: JobSettings) {
    this.id = id;
    this.#task = task;
    this.timeout = timeout;
    this.#onSettled = onSettled;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether one more worker is to be at it. */
  abstract get wantsWorker(): boolean;

  /** For a worker; `news` is what it has to know besides. */
  abstract order(news: { readonly extents?: Float64Array }): PoolOrder;

  /** What is undefined is left out of an order: JSON has no word for it. */
  protected get given(): { readonly task?: unknown } {
    return this.#task === undefined ? {} : { task: this.#task };
  }

  resolve(value: unknown): void {
    if (this.#settle(true)) this.#resolve(value);
  }

  reject(error: Error): void {
    if (this.#settle(false)) this.#reject(error);
  }

  #settle(isDone: boolean): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.#onSettled(isDone);
    return true;
  }
}

export class TaskJob extends Job {
  readonly kind = "task" as const;
  readonly wantsWorker = true;
  /** How often a worker has begun it. */
  attempts = 0;

  order(news: { readonly extents?: Float64Array }): PoolOrder {
    return { op: "task", id: this.id, attempt: this.attempts, ...this.given, ...news };
  }
}

/** Jobs in the order in which they came, but for those that are begun again, which are first. */
export class JobQueue<Queued extends Job> {
  readonly #again = new Set<Queued>();
  readonly #waiting = new Set<Queued>();

  get size(): number {
    return this.#again.size + this.#waiting.size;
  }

  /** The first one that wants a worker. */
  get next(): Queued | undefined {
    for (const job of this.#again) if (job.wantsWorker) return job;
    for (const job of this.#waiting) if (job.wantsWorker) return job;
    return undefined;
  }

  add(job: Queued): void {
    this.#waiting.add(job);
  }

  putFirst(job: Queued): void {
    if (!this.#waiting.has(job)) this.#again.add(job);
  }

  delete(job: Queued): void {
    if (!this.#again.delete(job)) this.#waiting.delete(job);
  }

  *[Symbol.iterator](): Generator<Queued> {
    yield* this.#again;
    yield* this.#waiting;
  }
}
