/** Functions of this process as workers, closures and all: only where the process itself may be forked. */
import { isMainThread } from "node:worker_threads";

import { addon } from "../../addon/load.ts";
import type { Arena } from "../arena.ts";
import { Channel } from "./channel.ts";
import type { LastWords } from "./fork-protocol.ts";
import { ioError, isFailure } from "../io-error.ts";
import { ownChild } from "../process-handle.ts";
import type { StartedChild } from "../process-handle.ts";
import type { ExitStatus } from "../reports.ts";
import { signalNumber } from "../signals.ts";
import type { StagedSet } from "../stage.ts";
import { noteStandardStreams } from "./standard-streams.ts";
import { countThreads, expectedThreads, foreignThreadNames, startUvThreads } from "./thread-count.ts";
import { WorkerContext, WorkerFiles } from "./worker-context.ts";
import type { WorkerFunction } from "./worker-context.ts";
import { WorkerUsageError } from "../worker-usage-error.ts";
import { WorkerError } from "./worker-errors.ts";
import { runOnceWithoutLoop } from "./forked-process.ts";

/** Node's flags of this process that say how many threads it has. */
const threadFlags = process.execArgv.filter((flag) => /^--(single-threaded|v8-pool-size=)/.test(flag));
let threadsExpected: number | undefined;

async function throwUnlessForkable(): Promise<void> {
  const refuse = (why: string): never => {
    throw new WorkerUsageError("ERR_WORKER_NOT_FORKABLE", `a function cannot be a worker here: ${why}`);
  };
  if (!isMainThread) refuse("this is a worker_thread");
  if (!threadFlags.includes("--single-threaded")) {
    refuse('V8 has threads that a child would lack. Export it from a module, or run Node with "--single-threaded"');
  }
  await startUvThreads();
  threadsExpected ??= expectedThreads(threadFlags);
  const extra = countThreads() - threadsExpected;
  const names = foreignThreadNames();
  if (extra > 0) {
    refuse(
      `the process has ${extra} more threads than Node itself needs${names.length > 0 ? ` (${names.join(", ")})` : ""}`,
    );
  }
}

/**
 * Forks this process once for each function.
 * @throws WorkerUsageError `ERR_WORKER_NOT_FORKABLE`
 */
export async function forkFunctions(
  workers: readonly WorkerFunction[],
  set: StagedSet,
  arena: Arena | undefined,
): Promise<StartedChild[]> {
  await throwUnlessForkable();
  const files = new WorkerFiles(set);
  const started: StartedChild[] = [];
  try {
    for (const [workerIndex, run] of workers.entries()) {
      const [ours, theirs] = Channel.pair();
      const forked = addon().forkProcess(Int32Array.of(ours.descriptor));
      if (!isFailure(forked) && forked[0] === 0) {
        noteStandardStreams();
        void [process.stdout, process.stderr]; // made before, or now
        arena?.borrow();
        const context = new WorkerContext(files.list, arena, {
          workerIndex,
          workerCount: workers.length,
          args: undefined,
        });
        runOnceWithoutLoop(run, files, context, theirs);
      }
      theirs.close();
      if (isFailure(forked)) {
        ours.close();
        throw ioError(forked);
      }
      const [pid, pidfd] = forked;
      const explain = (status: ExitStatus): ExitStatus | Error => {
        const report = ours.receive<LastWords>({ wait: false });
        ours.close();
        return report ? new WorkerError(pid, report.value.error) : status;
      };
      started.push({ child: ownChild(addon().adoptChild(pid, pidfd), explain), pid });
    }
    return started;
  } catch (error) {
    for (const { child } of started) {
      child.onExit(() => undefined); // closes its channel
      child.signal(signalNumber("SIGKILL"));
    }
    throw error;
  }
}
