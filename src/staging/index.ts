/**
 * `spore-ld/staging`: files staged once with `mmap`, worker processes that inherit them, an arena that they
 * share. Linux only; everywhere else this imports, and calls throw an `AddonError` that says so.
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
export { Pool, createPool } from "./pool.ts";
export type { MapRange, PoolEvents, PoolOptions, RunOptions } from "./pool.ts";
export { KernelLibraryError, loadKernels } from "./kernel-library.ts";
export type { KernelLibraryFailure } from "../addon/staging-binding.ts";
export { ProcessHandle } from "./process-handle.ts";
export type { ExitStatus, JoinOptions, WorkerUsage } from "./process-handle.ts";
export { kernelNames, spawnWorkerWithStaging, spawnWorkersWithStaging } from "./spawn.ts";
export type { KernelWorker, ModuleWorker, SpawnOptions, Worker } from "./spawn.ts";
export { closeIdleForkServers } from "./fork-server.ts";
export { formatSpeedup, measureSpeedup } from "./speedup.ts";
export type { Speedup, SpeedupOptions } from "./speedup.ts";
export { StageMode, adaptiveThresholds, forgetCalibration, setAdaptiveThresholds } from "./stage-mode.ts";
export type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
export { StagedSet, headBytes, stage, stageFiles } from "./stage.ts";
export type { StageFilesOptions, StageState } from "./stage.ts";
export { Column, Counter, StringHeap } from "./shared-results.ts";
export type { AtomicType, ColumnPlace, ColumnType, CounterPlace, StringHeapPlace } from "./shared-results.ts";
export { defaultWorkerCount } from "./worker-count.ts";
export type {
  ChunkRange,
  PoolContext,
  PoolFunction,
  WorkerContext,
  WorkerFile,
  WorkerFunction,
} from "./worker-context.ts";
export {
  ForkServerError,
  KernelError,
  TaskError,
  WorkerCrashError,
  WorkerError,
  WorkerUsageError,
} from "./worker-errors.ts";
export type { FailedRange } from "./worker-errors.ts";
export { WorkerPool } from "./worker-pool.ts";
export type { CloseOptions, JobOptions, JobReport, PoolFault, WorkerPoolOptions, WorkerReport } from "./worker-pool.ts";
