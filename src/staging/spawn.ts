/** Stage, fork, and let each child run a kernel over what was staged. */
import { addon } from "../addon/load.ts";
import type { Arena } from "./arena.ts";
import type { File } from "./file.ts";
import { ioError, isFailure } from "./io-error.ts";
import { ProcessHandle } from "./process-handle.ts";
import type { StageMode } from "./stage-mode.ts";
import { StagedSet, stage } from "./stage.ts";
import { WorkerUsageError } from "./worker-errors.ts";

/** A native kernel as a worker: a function over rows, run in a child forked from this process. */
export interface KernelWorker {
  /** Its name, as it was registered. */
  readonly kernel: string;
  /** Given to the kernel as it is; copied. */
  readonly args?: Uint8Array;
  /** The kernel runs over rows 0 up to this. Default: as many as there are files. */
  readonly rows?: number;
}

/** A function of a module as a worker. Not supported yet: the type says where it will go. */
export interface ModuleWorker {
  readonly module: string;
  readonly export: string;
  readonly args?: unknown;
}

export type Worker = KernelWorker | ModuleWorker;

export interface SpawnOptions {
  /** Where kernels put their results. */
  readonly arena?: Arena;
}

/** The number of a kernel. @throws WorkerUsageError when nobody registered one of that name */
export function kernelId(name: string): number {
  const id = addon().kernelId(name);
  if (id < 0) throw new WorkerUsageError("ERR_KERNEL_UNKNOWN", `no kernel is called "${name}"`);
  return id;
}

/** The names of all kernels that this process knows. */
export function kernelNames(): readonly string[] {
  return addon().kernelNames();
}

function asKernel(worker: Worker): KernelWorker {
  if ("kernel" in worker) return worker;
  throw new WorkerUsageError(
    "ERR_WORKER_UNSUPPORTED",
    `"${worker.export}" of "${worker.module}" cannot be a worker: only native kernels can`,
  );
}

/**
 * Stages the files once, in this process, then forks one child per worker. Each inherits the mappings and
 * runs its kernel; its exit code is what the kernel returns, modulo 256. A child has no JavaScript, no
 * descriptors and no signal handlers, and does not outlive this process.
 *
 * Files given by path are unstaged when the last child has ended; to keep them, stage them and give the
 * `StagedSet`.
 * @throws IoError when a file cannot be staged or a child not be forked; then no child is left
 * @throws WorkerUsageError for an unknown kernel, or a worker in JavaScript
 */
export async function spawnWorkersWithStaging(
  files: StagedSet | readonly (string | File)[],
  mode: StageMode,
  workers: readonly Worker[],
  options: SpawnOptions = {},
): Promise<ProcessHandle[]> {
  const kernels = workers.map(asKernel);
  const ids = Uint32Array.from(kernels, ({ kernel }) => kernelId(kernel));
  const isOurs = !(files instanceof StagedSet);
  const set = isOurs ? await stage(mode, ...files) : files;
  const rows = Uint32Array.from(kernels, (worker) => worker.rows ?? set.count);
  const args = kernels.map((worker) => worker.args ?? null);
  let running = workers.length;
  const onExit = () => {
    if (--running === 0 && isOurs) set.close();
  };
  try {
    if (running === 0 && isOurs) set.close();
    if (running === 0) return [];
    return await new Promise((resolve, reject) =>
      addon().spawn([set.batch.handle], options.arena?.handle ?? null, ids, rows, args, (result) => {
        // Here, not after an await: a child's exit is delivered to who listens when it comes.
        if (isFailure(result)) reject(ioError(result));
        else resolve(result.map(([child, pid]) => new ProcessHandle(child, pid, set, onExit)));
      }),
    );
  } catch (error) {
    if (isOurs) set.close();
    throw error;
  }
}

/** {@link spawnWorkersWithStaging} for one worker. */
export async function spawnWorkerWithStaging(
  files: StagedSet | readonly (string | File)[],
  mode: StageMode,
  worker: Worker,
  options: SpawnOptions = {},
): Promise<ProcessHandle> {
  const [handle] = await spawnWorkersWithStaging(files, mode, [worker], options);
  return handle!;
}
