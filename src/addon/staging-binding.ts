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

/** A job that is done: ns, chunks, chunks that were run again; then ns busy, chunks and minor faults of each worker. */
export type NativeReport = Float64Array;

export interface NativeJobFailure {
  readonly outcome: "kernel-failed" | "crashed" | "fork-failed";
  /** Rows of the chunk that failed, from `first` up to `end`. */
  readonly first: number;
  readonly end: number;
  readonly status: number;
  readonly signal: number;
  readonly exitCode: number;
  readonly pid: number;
  readonly failure: NativeFailure;
}

export type BatchArguments = [
  paths: readonly string[],
  mode: number,
  /** prefetchBelow, coldPrefetchBelow, residentShare, sharedFrom; null unless the mode is Adaptive. */
  thresholds: Float64Array | null,
  keepGoing: boolean,
  descriptors: Int32Array | null,
  adopted: readonly (readonly [BatchHandle, number] | null)[] | null,
  keepDescriptors: boolean,
];

/** What came through a channel. The descriptors are the receiver's to close. */
export interface NativePacket {
  /** Or how many are in the receiver's buffer. */
  readonly bytes: Uint8Array | number;
  readonly descriptors: Int32Array;
}

/** Tests only. */
export type FaultHooks = readonly [
  point: string,
  kernel: number,
  chunk: number,
  signal: number,
  once: boolean,
  delaySeed: number,
];

/** Why a library's kernels are not known; `native/staging/kernel-registry.cc`. */
export type KernelLibraryFailure = "ERR_KERNEL_LIBRARY" | "ERR_KERNEL_ABI" | "ERR_KERNEL_TAKEN";

interface NativeArena {
  readonly arena: ArenaHandle;
  readonly baseAddress: number;
  readonly reservedBytes: number;
}

/** How a child ended: -1 for what there is none of, or nobody knows; for `signal`, 0. */
export type ChildExit = readonly [
  code: number,
  signal: number,
  cpuMs: number,
  minorFaults: number,
  majorFaults: number,
];

export interface StagingBinding {
  readonly headBytes: number;
  readonly maxArgsBytes: number;
  readonly adaptiveMode: number;
  stageBatch(...args: BatchArguments): NativeBatch;
  stageBatchAsync(...args: [...BatchArguments, callback: (batch: NativeBatch) => void]): void;
  fileView(batch: BatchHandle, index: number): ArrayBuffer | null;
  /** While it is 0, no file is damaged. */
  faultCount(): number;
  fileDamage(batch: BatchHandle, index: number): NativeFailure | null;
  adviseFile(batch: BatchHandle, index: number): NativeFailure | null;
  residentShare(descriptor: number, size: number): number;
  evictFile(descriptor: number): NativeFailure | null;
  allocateFile(descriptor: number, bytes: number): NativeFailure | null;
  releaseFile(batch: BatchHandle, index: number): void;
  releaseBatch(batch: BatchHandle): void;
  fileChange(batch: BatchHandle, index: number, descriptor: number): NativeFailure | null;
  batchChanges(batch: BatchHandle): number[];
  detachBuffer(buffer: ArrayBuffer): void;
  budget(): Float64Array;
  setBudget(kind: number, bytes: number): void;
  /** One per file, -1 where there are no bytes; the caller's to close. A failure has the index of its file. */
  batchDescriptors(
    batch: BatchHandle,
    first: number,
    end: number,
  ): Int32Array | (NativeFailure & { readonly index: number });
  batchIdentities(batch: BatchHandle, first: number, end: number): BigUint64Array;
  dropDescriptors(batch: BatchHandle): void;
  adoptBatch(
    paths: readonly string[],
    modes: Uint8Array,
    identities: BigUint64Array,
    descriptors: Int32Array,
  ): NativeBatch;
  arenaCreate(bytes: number): NativeArena | NativeFailure;
  arenaAdopt(descriptor: number, bytes: number, baseAddress: number): NativeArena | NativeFailure;
  arenaDescriptor(arena: ArenaHandle): number;
  arenaBorrow(arena: ArenaHandle): void;
  arenaExtents(arena: ArenaHandle): Float64Array;
  arenaVersion(arena: ArenaHandle): number;
  arenaSetExtents(arena: ArenaHandle, extents: Float64Array): void;
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
  adoptChild(pid: number, pidfd: number): ChildHandle;
  childOnExit(child: ChildHandle, callback: (...exit: ChildExit) => void): void;
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
    callback: ((report: NativeReport | NativeJobFailure) => void) | null,
  ): NativeReport | NativeJobFailure | NativeFailure | null;
  poolPids(pool: PoolHandle): number[];
  poolClose(pool: PoolHandle, callback: (() => void) | null, leave: number): void;
  /**
   * Ends the process without Node's teardown, once the workers of closed pools have been reaped: what is still to be
   * written is lost. Nothing staged is mapped any more when the workers are waited for. Then the client at the other
   * end of a connection is told, unless that is -1.
   */
  endProcess(status: number, connection: number): never;
  /** Whether it has a thread that forks kernels, which a child would lack. */
  forksKernels(): boolean;
  readonly maxInlineBytes: number;
  readonly maxPacketDescriptors: number;
  channelOpen(): Int32Array | NativeFailure;
  /** Closes one that a function here returned: they are closed when the environment ends before that. */
  closeDescriptor(descriptor: number): void;
  /** A process that waits for the packet, unless `pid` is 0, is woken where it does not meet those before it. */
  channelSend(
    channel: number,
    bytes: Uint8Array,
    size: number,
    descriptors: Int32Array | null,
    mayWait: boolean,
    pid: number,
    order: number,
  ): NativeFailure | null;
  /** A number: so many bytes in the buffer. Undefined: nothing yet. Null: nothing any more. */
  channelReceive(
    channel: number,
    mayWait: boolean,
    buffer: Uint8Array,
  ): number | NativePacket | NativeFailure | null | undefined;
  channelShutDown(channel: number): void;
  /** Calls back whenever the descriptor is readable, until unwatch(). */
  watchReadable(descriptor: number, callback: () => void): number;
  unwatch(watch: number, descriptor: number): void;
  /** While held, the event loop goes on. */
  holdLoop(isHeld: boolean): void;
  hasPidfds(): boolean;
  processHasEnded(pidfd: number): boolean;
  processSignal(pidfd: number, signal: number): number;
  /** ms that the processes have run for, in all; a process that has ended counts for none. */
  processorTime(pids: Int32Array): number;
  followParent(pid: number): boolean;
  forkProcess(closed: Int32Array): readonly [pid: number, pidfd: number] | NativeFailure;
  isForkedChild(): boolean;
  /** Blocks, unless -1 so long at most. Whether the channel is readable; of each child that ended its pid and the numbers of {@link ChildExit}. */
  waitForChildren(channel: number, pids: Int32Array, pidfds: Int32Array, timeoutMs: number): Float64Array;
  kernelId(name: string): number;
  kernelNames(): string[];
  loadKernels(path: string): string[] | { readonly code: KernelLibraryFailure; readonly message: string };
  /** Tests only: hand out copies, as where external buffers are forbidden. Process-wide. */
  forbidExternalBuffers(isForbidden: boolean): void;
  /** Tests only: as on a kernel without pidfds. Process-wide. */
  forbidPidfds(isForbidden: boolean): void;
  /** Tests only: as where `vm.max_map_count` is so low; 0: as it is. */
  limitMappings(limit: number): void;
}
