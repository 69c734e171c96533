/**
 * `spore-ld/staging`: files staged once with `mmap`, worker processes that inherit them, an arena that they
 * share. Linux only; everywhere else this imports, and calls throw an `AddonError` that says so.
 *
 * In this folder: files, what is staged of them, the arena, and what both kinds of workers need. In `kernels`: workers
 * that run native kernels. In `modules`: workers that run JavaScript.
 */
export { AddonError } from "../addon/load.ts";
export { allocateFile } from "./allocate-file.ts";
export { Arena } from "./arena.ts";
export type { AllocateOptions, ArenaOptions } from "./arena.ts";
export { memoryBudget, memoryUse, setMemoryBudget } from "./budget.ts";
export type { MemoryBudget, MemoryUse } from "./budget.ts";
export type { ExitEvent, JobEvent, SpawnEvent, StageEvent, StagingEvents, TaskEvent } from "./events.ts";
export { File } from "./file.ts";
export { ioError, IoError } from "./io-error.ts";
export type { IoFailure } from "./io-error.ts";
export { formatObservation, observeStaging, traceObservation } from "./observe.ts";
export type { Observation, ObservedEvent, ObservedWorker, StagingObserver } from "./observe.ts";
export { ProcessHandle } from "./process-handle.ts";
export type { JoinOptions } from "./process-handle.ts";
export type { ExitStatus, JobReport, WorkerReport, WorkerUsage } from "./reports.ts";
export { Column, Counter, StringHeap } from "./shared-results.ts";
export type { AtomicType, ColumnPlace, ColumnType, CounterPlace, StringHeapPlace } from "./shared-results.ts";
export { spawnWorkerWithStaging, spawnWorkersWithStaging } from "./spawn-workers.ts";
export type { SpawnOptions, Worker } from "./spawn-workers.ts";
export { formatSpeedup, measureSpeedup } from "./speedup.ts";
export type { Speedup, SpeedupOptions } from "./speedup.ts";
export { StageMode, adaptiveThresholds, forgetCalibration, setAdaptiveThresholds } from "./stage-mode.ts";
export type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
export type { StageState } from "./stage-state.ts";
export { StagedSet, headBytes, stage, stageFiles } from "./stage.ts";
export type { StageFilesOptions } from "./stage.ts";
export { defaultWorkerCount } from "./worker-count.ts";
export { WorkerUsageError } from "./worker-usage-error.ts";

export type { KernelLibraryFailure } from "../addon/staging-binding.ts";
export type { KernelWorker } from "./kernels/fork-kernels.ts";
export { KernelError, WorkerCrashError } from "./kernels/kernel-errors.ts";
export type { FailedRange } from "./kernels/kernel-errors.ts";
export { KernelLibraryError, loadKernels } from "./kernels/kernel-library.ts";
export { kernelNames } from "./kernels/kernel-names.ts";
export { WorkerPool } from "./kernels/worker-pool.ts";
export type { CloseOptions, JobOptions, PoolFault, WorkerPoolOptions } from "./kernels/worker-pool.ts";

export type { ModuleWorker } from "./modules/fork-modules.ts";
export { closeIdleForkServers } from "./modules/fork-server.ts";
export { Pool, createPool } from "./modules/pool.ts";
export type { MapRange } from "./modules/map-job.ts";
export type { PoolEvents, PoolOptions, RunOptions } from "./modules/pool.ts";
export type {
  ChunkRange,
  PoolContext,
  PoolFunction,
  WorkerContext,
  WorkerFile,
  WorkerFunction,
} from "./modules/worker-context.ts";
export { ForkServerError, TaskError, WorkerError } from "./modules/worker-errors.ts";
