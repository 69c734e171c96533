/** A pool's worker: waits for tasks with its event loop at a stand, runs one at a time, and sends what it returns. */
import type { Channel } from "./channel.ts";
import type { ChunkTable } from "./chunk-table.ts";
import { milliseconds } from "../clock.ts";
import type { PoolAnswer, PoolOrder } from "./fork-protocol.ts";
import { MapSpace } from "./map-space.ts";
import type { ResultRing } from "./result-ring.ts";
import type { PoolContext, PoolFunction, WorkerFiles } from "./worker-context.ts";
import { sendableError } from "./worker-errors.ts";
import { becomeWorker, exitNow, isPromise } from "./forked-process.ts";

const turnEveryMs = 1;
/** Of a task that is not a map's. */
const noChunk = -1;

/** In a child: serves the pool until that closes the channel. When this returns, the event loop is to go on. */
export function servePool(
  run: PoolFunction,
  files: WorkerFiles,
  makeContext: () => PoolContext,
  channel: Channel,
): void {
  const say = (answer: PoolAnswer): void => {
    try {
      channel.send(answer);
    } catch (error) {
      // A result that cannot be cloned is the task's error; a pool that is gone is this worker's end.
      if ((error as NodeJS.ErrnoException).code === "EPIPE") exitNow(0);
      if (answer.op !== "result") throw error;
      channel.send({
        op: "error",
        id: answer.id,
        chunk: answer.chunk,
        error: sendableError(error),
      } satisfies PoolAnswer);
    }
  };
  const fail = (thrown: unknown): never => {
    say({ op: "failed", error: sendableError(thrown) });
    return exitNow(1);
  };
  try {
    becomeWorker(fail);
    const worker = new TaskLoop(run, files, makeContext(), channel, say);
    process.on("beforeExit", () =>
      fail(new Error("the task's promise did not settle, and nothing is left that could")),
    );
    worker.next();
  } catch (error) {
    fail(error);
  }
}

class TaskLoop {
  readonly #run: PoolFunction;
  readonly #files: WorkerFiles;
  readonly #context: PoolContext;
  readonly #channel: Channel;
  readonly #say: (answer: PoolAnswer) => void;
  /** Of the last map. */
  #space: MapSpace | undefined;
  /** For results of the map that is being done. */
  #ring: ResultRing | undefined;
  #turnedAt = milliseconds();

  constructor(
    run: PoolFunction,
    files: WorkerFiles,
    context: PoolContext,
    channel: Channel,
    say: (answer: PoolAnswer) => void,
  ) {
    this.#run = run;
    this.#files = files;
    this.#context = context;
    this.#channel = channel;
    this.#say = say;
  }

  /** Waits for an order, and carries it out. */
  next(): void {
    const packet = this.#channel.receive<PoolOrder>({ wait: true });
    if (!packet) exitNow(0);
    const order = packet.value;
    if (order.extents) {
      this.#context.arena.extents = order.extents;
      this.#space = undefined; // its views may be of what is something else now
    }
    if (order.op === "task") {
      this.#context.range = { begin: 0, end: this.#context.files.length, file: undefined };
      this.#context.attempt = order.attempt;
      this.#do(order, noChunk, () => this.#later());
    } else {
      const { workerIndex, workerCount, arena } = this.#context;
      const { offset, capacity } = order.place;
      if (this.#space?.offset !== offset || this.#space.capacity !== capacity)
        this.#space = new MapSpace(arena, workerCount, order.place);
      const table = this.#space.table(order.chunks);
      this.#ring = this.#space.ring(workerIndex);
      this.#chunks(order, table, table.order(workerIndex, workerCount));
    }
  }

  /**
   * What the task left to do soon (promises, ticks) is done before the next one. The event loop turns now and
   * then: that costs more than a small task.
   */
  #later(): void {
    const now = milliseconds();
    if (now - this.#turnedAt < turnEveryMs) {
      process.nextTick(() => this.next());
      return;
    }
    setImmediate(() => {
      this.#turnedAt = milliseconds();
      this.next();
    });
  }

  /** Takes chunks until none is free. */
  #chunks(order: Extract<PoolOrder, { op: "map" }>, table: ChunkTable, left: Iterator<number>): void {
    for (let at = left.next(); !at.done; at = left.next()) {
      const chunk = at.value;
      const attempt = table.take(chunk, this.#context.workerIndex);
      if (attempt === undefined) continue;
      this.#context.range = table.range(chunk);
      this.#context.attempt = attempt;
      let isDone = false;
      let isWaiting = false;
      this.#do(order, chunk, () => {
        table.finish(chunk);
        isDone = true;
        if (isWaiting) this.#chunks(order, table, left);
      });
      if (!isDone) {
        isWaiting = true;
        return;
      }
    }
    this.#say({ op: "idle", id: order.id });
    this.#later();
  }

  /** Runs the function; calls back when it has ended, at once unless it is async. */
  #do({ id, task }: PoolOrder, chunk: number, onDone: () => void): void {
    const finish = (value: unknown): void => {
      try {
        this.#files.check();
      } catch (error) {
        return failed(error);
      }
      if (chunk === noChunk || !this.#ring!.put(chunk, value)) {
        // Without what is undefined: JSON has no word for it.
        this.#say(value === undefined ? { op: "result", id, chunk } : { op: "result", id, chunk, value });
      }
      onDone();
    };
    const failed = (error: unknown): void => {
      this.#say({ op: "error", id, chunk, error: sendableError(error) });
      onDone();
    };
    let result;
    try {
      result = this.#run(task as never, this.#context as PoolContext<never>);
    } catch (error) {
      return failed(error);
    }
    if (isPromise(result)) void Promise.resolve(result).then(finish, failed);
    else finish(result);
  }
}
