/** What the addon offers to `src/staging`: the types of `native/addon/staging.cc` and `staging-processes.cc`. */

/** A native object; freed when it is collected. */
export type Handle<Name extends string> = { readonly __handle: Name };
export type BatchHandle = Handle<"batch">;
export type ArenaHandle = Handle<"arena">;
export type ChildHandle = Handle<"child">;
export type PoolHandle = Handle<"pool">;

/** An errno, or the name of a code of `native/staging/failure.h`, and the call that gave it. */
export interface NativeFailure {
  readonly code: number | string;
  readonly syscall: string;
}

export interface NativeBatch {
  readonly batch: BatchHandle;
  readonly sizes: Float64Array;
  readonly addresses: Float64Array;
  readonly modes: Uint8Array;
  readonly heads: Uint8Array;
  readonly failures: readonly (NativeFailure & { readonly index: number })[];
}

export interface NativeReport {
  readonly outcome: "done" | "kernel-failed" | "crashed" | "fork-failed";
  readonly wallNs: number;
  readonly chunks: number;
  readonly retriedChunks: number;
  readonly first: number;
  readonly end: number;
  readonly status: number;
  readonly signal: number;
  readonly exitCode: number;
  readonly pid: number;
  readonly failure: NativeFailure;
  /** Per worker: ns busy, chunks, minor faults. */
  readonly workers: Float64Array;
}

export type BatchArguments = [
  paths: readonly string[],
  mode: number,
  prefetchBelow: number,
  sharedFrom: number,
  keepGoing: boolean,
  descriptors: Int32Array | null,
  adopted: readonly (readonly [BatchHandle, number] | null)[] | null,
];

/** Tests only. */
export type FaultHooks = readonly [
  point: string,
  kernel: number,
  chunk: number,
  signal: number,
  once: boolean,
  delaySeed: number,
];

export interface StagingBinding {
  readonly headBytes: number;
  readonly maxArgsBytes: number;
  readonly adaptiveMode: number;
  stageBatch(...args: BatchArguments): NativeBatch;
  stageBatchAsync(...args: [...BatchArguments, callback: (batch: NativeBatch) => void]): void;
  fileView(batch: BatchHandle, index: number): ArrayBuffer | null;
  fileDamage(batch: BatchHandle, index: number): NativeFailure | null;
  adviseFile(batch: BatchHandle, index: number): NativeFailure | null;
  allocateFile(descriptor: number, bytes: number): NativeFailure | null;
  releaseFile(batch: BatchHandle, index: number): void;
  releaseBatch(batch: BatchHandle): void;
  fileChange(batch: BatchHandle, index: number, descriptor: number): NativeFailure | null;
  detachBuffer(buffer: ArrayBuffer): void;
  budget(): Float64Array;
  setBudget(kind: number, bytes: number): void;
  arenaCreate(
    bytes: number,
  ): { readonly arena: ArenaHandle; readonly baseAddress: number; readonly reservedBytes: number } | NativeFailure;
  arenaAllocate(arena: ArenaHandle, bytes: number, align: number, isDirty: boolean): number | NativeFailure;
  arenaFree(arena: ArenaHandle, offset: number): boolean;
  arenaRelease(arena: ArenaHandle, offset: number, bytes: number): NativeFailure | null;
  arenaExtent(arena: ArenaHandle, offset: number, bytes: number): readonly [number, number] | null;
  arenaUsage(arena: ArenaHandle): readonly [allocated: number, touched: number];
  arenaView(arena: ArenaHandle, offset: number, bytes: number): ArrayBuffer | null;
  arenaClose(arena: ArenaHandle): void;
  spawn(
    batches: readonly BatchHandle[],
    arena: ArenaHandle | null,
    kernels: Uint32Array,
    rows: Uint32Array,
    args: readonly (Uint8Array | null)[],
    callback: (result: NativeFailure | readonly (readonly [ChildHandle, number])[]) => void,
  ): void;
  childOnExit(child: ChildHandle, callback: (code: number, signal: number) => void): void;
  childIsAlive(child: ChildHandle): boolean;
  childSignal(child: ChildHandle, signal: number): number;
  childHold(child: ChildHandle, isHeld: boolean): void;
  poolCreate(
    batches: readonly BatchHandle[],
    arena: ArenaHandle,
    workers: number,
    hooks: FaultHooks | null,
    keptDescriptors: Int32Array | null,
    callback: ((result: PoolHandle | NativeFailure) => void) | null,
  ): PoolHandle | NativeFailure | undefined;
  poolRun(
    pool: PoolHandle,
    kernel: number,
    rows: number,
    chunkRows: number,
    chunks: number,
    bounds: Uint32Array | null,
    args: Uint8Array | null,
    callback: ((report: NativeReport) => void) | null,
  ): NativeReport | NativeFailure | null;
  poolPids(pool: PoolHandle): number[];
  poolClose(pool: PoolHandle, callback: (() => void) | null): void;
  kernelId(name: string): number;
  kernelNames(): string[];
  /** Tests only: hand out copies, as where external buffers are forbidden. Process-wide. */
  forbidExternalBuffers(isForbidden: boolean): void;
  /** Tests only: as on a kernel without pidfds. Process-wide. */
  forbidPidfds(isForbidden: boolean): void;
}
