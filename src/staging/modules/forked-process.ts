/**
 * What a forked child does with the process that it finds itself in: a copy of its parent, with an event loop
 * of its own and without its parent's threads. It ends by `exitNow()` only, because Node's own end waits for
 * those threads.
 */
import { randomFillSync, randomInt, randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { types } from "node:util";

import { addon } from "../../addon/load.ts";
import type { Channel } from "./channel.ts";
import type { LastWords } from "./fork-protocol.ts";
import { writeStandardStreamsAtOnce } from "./standard-streams.ts";
import type { WorkerContext, WorkerFiles, WorkerFunction } from "./worker-context.ts";
import { sendableError } from "./worker-errors.ts";

/** As Node ends when the main module's promise cannot settle any more. */
const unsettledExitCode = 13;
const failedExitCode = 1;
/** Node makes UUIDs and random integers from buffers that it fills ahead; so many calls empty them. */
const bufferedUuids = 128;
const bufferedIntegers = 1024;

/** Ends the process without Node's own end. */
export function exitNow(code: number): never {
  return addon().exitNow(code & 0xff);
}

/**
 * Makes the process its own: pid, exit, random numbers. Listeners for its parent's end are not for a child's.
 * `onFailure` gets what nobody caught.
 */
export function becomeWorker(onFailure: (thrown: unknown) => void): void {
  Object.defineProperty(process, "pid", { value: Number(readlinkSync("/proc/self")), enumerable: true });
  process.removeAllListeners("exit");
  process.removeAllListeners("beforeExit");
  // What process.exit() ends with.
  Object.defineProperty(process, "reallyExit", {
    value: (code?: number | string) => exitNow(Number(code ?? process.exitCode ?? 0)),
  });
  // Who listens for uncaught errors himself goes on.
  process.on("uncaughtException", (error) => {
    if (process.listenerCount("uncaughtException") === 1) onFailure(error);
  });
  writeStandardStreamsAtOnce();
  seedRandomNumbers();
}

/** Children of one parent would all draw the same numbers. */
function seedRandomNumbers(): void {
  const state = randomFillSync(new Uint32Array(4));
  const next = () => {
    // xoshiro128+
    const sum = (state[0]! + state[3]!) >>> 0;
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return sum;
  };
  Math.random = () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
  for (let i = 0; i < bufferedUuids; i++) randomUUID();
  for (let i = 0; i < bufferedIntegers; i++) randomInt(2);
}

/** @throws TypeError when it cannot be an exit code */
function toExitCode(result: unknown): number {
  if (result === undefined || result === null) return 0;
  if (typeof result === "number" && Number.isInteger(result)) return result;
  const what = typeof result === "number" ? String(result) : `a value of type ${typeof result}`;
  throw new TypeError(`a worker must return an integer, its exit code, or nothing, not ${what}`);
}

/** Reports and ends. Nobody may be left to tell. */
function fail(channel: Channel, thrown: unknown): never {
  try {
    channel.send({ error: sendableError(thrown) } satisfies LastWords);
  } catch {}
  exitNow(failedExitCode);
}

/**
 * In a child: calls the function, waits for its promise on the child's event loop if it returns one, and ends
 * the process. When this returns, the event loop is to go on.
 */
export function runOnce(
  run: WorkerFunction<never>,
  files: WorkerFiles,
  makeContext: () => WorkerContext,
  channel: Channel,
): void {
  try {
    becomeWorker((thrown) => fail(channel, thrown));
    const context = makeContext();
    const finish = (result: unknown): void => {
      try {
        files.check();
        exitNow(toExitCode(result));
      } catch (error) {
        fail(channel, error);
      }
    };
    const result = run(context as WorkerContext<never>);
    if (!isPromise(result)) return finish(result);
    process.on("beforeExit", () => {
      const error = new Error("the worker's promise did not settle, and nothing is left that could settle it");
      channel.send({ error: sendableError(error) } satisfies LastWords);
      exitNow(unsettledExitCode);
    });
    void Promise.resolve(result).then(finish, (error: unknown) => fail(channel, error));
  } catch (error) {
    fail(channel, error);
  }
}

/** In a child of a process that has an event loop of its own affairs: a promise is refused. */
export function runOnceWithoutLoop(
  run: WorkerFunction<never>,
  files: WorkerFiles,
  context: WorkerContext,
  channel: Channel,
): never {
  try {
    becomeWorker((thrown) => fail(channel, thrown));
    const result = run(context as WorkerContext<never>);
    if (isPromise(result)) {
      throw Object.assign(
        new Error("a function that is forked directly cannot be async: its event loop would be its parent's"),
        { code: "ERR_WORKER_ASYNC" },
      );
    }
    files.check();
    exitNow(toExitCode(result));
  } catch (error) {
    fail(channel, error);
  }
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return types.isPromise(value) || typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
