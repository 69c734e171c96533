/** Kernels as workers that run once: a child of this process for each. */
import { addon } from "../../addon/load.ts";
import { ioError, isFailure } from "../io-error.ts";
import { ownChild } from "../process-handle.ts";
import type { StartWorkers } from "../process-handle.ts";
import { kernelId } from "./kernel-names.ts";

/** A native kernel as a worker: a function over rows, run in a child forked from this process. */
export interface KernelWorker {
  /** Its name, as it was registered. */
  readonly kernel: string;
  /** Given to the kernel as it is; copied. */
  readonly args?: Uint8Array;
  /** The kernel runs over rows 0 up to this. Default: as many as there are files. */
  readonly rows?: number;
}

/** @throws WorkerUsageError when there is no such kernel: before anything is staged */
export function startKernels(workers: readonly KernelWorker[]): StartWorkers {
  const ids = Uint32Array.from(workers, ({ kernel }) => kernelId(kernel));
  return (set, arena, onStarted) => {
    const rows = Uint32Array.from(workers, (worker) => worker.rows ?? set.count);
    const args = workers.map((worker) => worker.args ?? null);
    return new Promise((resolve, reject) =>
      addon().spawn([set.batch.handle], arena?.handle ?? null, ids, rows, args, (result) => {
        if (isFailure(result)) return reject(ioError(result));
        onStarted(result.map(([child, pid]) => ({ child: ownChild(child), pid })));
        resolve();
      }),
    );
  };
}
