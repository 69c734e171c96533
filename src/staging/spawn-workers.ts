/** Stage, fork, and let each child run a kernel or a function over what was staged. */
import { addon } from "../addon/load.ts";
import type { Arena } from "./arena.ts";
import { milliseconds } from "./clock.ts";
import { publish } from "./events.ts";
import type { File } from "./file.ts";
import { startKernels } from "./kernels/fork-kernels.ts";
import type { KernelWorker } from "./kernels/fork-kernels.ts";
import { forkFunctions } from "./modules/fork-functions.ts";
import { startModules } from "./modules/fork-modules.ts";
import type { ModuleWorker } from "./modules/fork-modules.ts";
import type { WorkerFunction } from "./modules/worker-context.ts";
import { ProcessHandle } from "./process-handle.ts";
import type { StartWorkers } from "./process-handle.ts";
import type { StageMode } from "./stage-mode.ts";
import { StagedSet, stageForWorkers } from "./stage.ts";
import { WorkerUsageError } from "./worker-usage-error.ts";

/**
 * A kernel; a function of a module; or, in a process that runs with `--single-threaded`, any function, which
 * sees all that it could see here.
 */
export type Worker = KernelWorker | ModuleWorker | WorkerFunction;

export interface SpawnOptions {
  /** Where workers put their results. */
  readonly arena?: Arena;
}

/**
 * Stages the files once, in this process, then forks one child per worker. Each inherits the mappings and
 * runs its kernel or its function; its exit code is what that returns, modulo 256. No child outlives this
 * process. A kernel's child has no JavaScript, no descriptors and no signal handlers.
 *
 * Files given by path are unstaged when the last child has ended; to keep them, stage them and give the
 * `StagedSet`. Workers of one call are of one kind.
 * @throws IoError when a file cannot be staged or a child not be forked; then no child is left
 * @throws WorkerUsageError for an unknown kernel, workers of several kinds, or a function that cannot be forked
 * @throws ForkServerError when a module cannot be loaded, or has threads
 */
export async function spawnWorkersWithStaging(
  files: StagedSet | readonly (string | File)[],
  mode: StageMode,
  workers: readonly Worker[],
  options: SpawnOptions = {},
): Promise<ProcessHandle[]> {
  if (addon().isForkedChild()) throw new WorkerUsageError("ERR_WORKER_NESTED", "a worker cannot have workers");
  const start = starterOf(workers);
  const isOurs = !(files instanceof StagedSet);
  const set = isOurs ? await stageForWorkers(mode, files, workers.some(isModuleWorker)) : files;
  let running = workers.length;
  const onExit = () => {
    if (--running === 0 && isOurs) set.close();
  };
  try {
    if (running === 0 && isOurs) set.close();
    if (running === 0) return [];
    // Handles are made where children are: a child's exit is delivered to who listens when it comes.
    const handles: ProcessHandle[] = [];
    const began = milliseconds();
    await start(set, options.arena, (started) => {
      for (const { child, pid } of started) handles.push(new ProcessHandle(child, pid, set, onExit));
    });
    publish("spawn", began, () => ({ pids: handles.map(({ pid }) => pid) }));
    return handles;
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

const isModuleWorker = (worker: Worker): worker is ModuleWorker => "module" in worker;
const isFunctionWorker = (worker: Worker): worker is WorkerFunction => typeof worker === "function";
const isKernelWorker = (worker: Worker): worker is KernelWorker => "kernel" in worker;

/** Looks at what is to be run before anything is staged. */
function starterOf(workers: readonly Worker[]): StartWorkers {
  if (workers.every(isKernelWorker)) return startKernels(workers);
  if (workers.every(isModuleWorker)) return startModules(workers);
  if (workers.every(isFunctionWorker)) {
    return async (set, arena, onStarted) => onStarted(await forkFunctions(workers, set, arena));
  }
  throw new WorkerUsageError("ERR_WORKER_KIND", "the workers of one call must all be kernels, modules or functions");
}
