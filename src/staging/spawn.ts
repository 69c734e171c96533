/** Stage, fork, and let each child run a kernel or a function over what was staged. */
import { addon } from "../addon/load.ts";
import type { Arena } from "./arena.ts";
import { milliseconds } from "./clock.ts";
import type { File } from "./file.ts";
import { forkFunctions, ownChild } from "./fork-directly.ts";
import type { ForkOrder } from "./fork-protocol.ts";
import { publish } from "./events.ts";
import { ForkServer, moduleUrl } from "./fork-server.ts";
import type { ForkPlan } from "./fork-server.ts";
import { ioError, isFailure } from "./io-error.ts";
import { ProcessHandle } from "./process-handle.ts";
import type { ChildControl } from "./process-handle.ts";
import { signalNumber } from "./signals.ts";
import type { StageMode } from "./stage-mode.ts";
import { StagedSet, stageForWorkers } from "./stage.ts";
import type { WorkerFunction } from "./worker-context.ts";
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

/** A function that a module exports as a worker, run in a child of the module's fork server. */
export interface ModuleWorker {
  /** A URL, or a path: absolute, or relative to the working directory. */
  readonly module: URL | string;
  /** Which export. Default: `default`. */
  readonly export?: string;
  /** Given to the function as `context.args`: a structured clone. */
  readonly args?: unknown;
}

/**
 * A kernel; a function of a module; or, in a process that runs with `--single-threaded`, any function, which
 * sees all that it could see here.
 */
export type Worker = KernelWorker | ModuleWorker | WorkerFunction;

export interface SpawnOptions {
  /** Where workers put their results. */
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

/** Children that run, each by its handle's interface and its pid. */
type Started = readonly { readonly child: ChildControl; readonly pid: number }[];

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

type Start = (set: StagedSet, arena: Arena | undefined, onStarted: (started: Started) => void) => Promise<void>;

const isModuleWorker = (worker: Worker): worker is ModuleWorker => "module" in worker;
const isFunctionWorker = (worker: Worker): worker is WorkerFunction => typeof worker === "function";
const isKernelWorker = (worker: Worker): worker is KernelWorker => "kernel" in worker;

/** Looks at what is to be run before anything is staged. */
function starterOf(workers: readonly Worker[]): Start {
  if (workers.every(isKernelWorker)) return startKernels(workers);
  if (workers.every(isModuleWorker)) return startModules(workers);
  if (workers.every(isFunctionWorker)) {
    return async (set, arena, onStarted) => onStarted(await forkFunctions(workers, set, arena));
  }
  throw new WorkerUsageError("ERR_WORKER_KIND", "the workers of one call must all be kernels, modules or functions");
}

function startKernels(workers: readonly KernelWorker[]): Start {
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

function startModules(workers: readonly ModuleWorker[]): Start {
  const orders = workers.map((worker, workerIndex) => ({
    url: moduleUrl(worker.module),
    export: worker.export ?? "default",
    order: { workerIndex, args: worker.args },
  }));
  return async (set, arena, onStarted) => {
    // In the order of the workers; neighbours of one function are forked together.
    let started: Started = [];
    for (let at = 0; at < orders.length;) {
      const first = orders[at]!;
      const others = orders.slice(at).findIndex((it) => it.url !== first.url || it.export !== first.export);
      const group = orders.slice(at, others < 0 ? undefined : at + others);
      try {
        started = [...started, ...(await startGroup(group, { set, arena, workerCount: workers.length }))];
      } catch (error) {
        for (const { child } of started) child.signal(signalNumber("SIGKILL"));
        throw error;
      }
      at += group.length;
    }
    onStarted(started);
  };
}

async function startGroup(
  group: readonly { readonly url: string; readonly export: string; readonly order: ForkOrder }[],
  plan: Pick<ForkPlan, "set" | "arena" | "workerCount">,
): Promise<Started> {
  const { url, export: name } = group[0]!;
  const server = await ForkServer.of(url);
  let running = group.length;
  try {
    const children = await server.fork({ ...plan, kind: "once", export: name, orders: group.map((it) => it.order) });
    for (const child of children) child.onGone(() => --running === 0 && server.letGo());
    return children.map((child) => ({ child, pid: child.pid }));
  } catch (error) {
    server.letGo();
    throw error;
  }
}
