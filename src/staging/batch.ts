/** What one native staging call made: the mappings of its files, and the one view that each may have. */
import { constants } from "node:buffer";

import { addon } from "../addon/load.ts";
import type { BatchArguments, BatchHandle, NativeBatch } from "../addon/staging-binding.ts";
import type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
import { milliseconds } from "./clock.ts";
import { publish } from "./events.ts";
import type { StageEvent } from "./events.ts";
import { IoError, ioError, toFailure } from "./io-error.ts";
import type { IoFailure } from "./io-error.ts";
import { StageMode, adaptiveThresholds } from "./stage-mode.ts";

/** One file of a batch; what it is given to shares its view. */
export interface BatchEntry {
  readonly batch: Batch;
  readonly index: number;
}

/** What is to be staged: a path, an open descriptor with its path, or what another batch has staged. */
export interface BatchInput {
  readonly path: string;
  readonly descriptor?: number;
  readonly adopt?: BatchEntry;
}

export class Batch {
  readonly handle: BatchHandle;
  readonly paths: readonly string[];
  readonly sizes: Float64Array;
  readonly addresses: Float64Array;
  readonly modes: Uint8Array;
  readonly heads: Uint8Array;
  readonly failures: ReadonlyMap<number, IoFailure>;
  readonly #views: (Uint8Array | undefined)[] = [];
  readonly #released = new Set<number>();
  readonly #releaseCallbacks: (() => void)[] = [];
  #isClosed = false;

  private constructor(paths: readonly string[], native: NativeBatch) {
    this.paths = paths;
    this.handle = native.batch;
    this.sizes = native.sizes;
    this.addresses = native.addresses;
    this.modes = native.modes;
    this.heads = native.heads;
    this.failures = new Map(native.failures.map((f) => [f.index, toFailure(f, paths[f.index])]));
  }

  /** Maps what another process has staged; closes the descriptors. */
  static adopt(
    paths: readonly string[],
    modes: Uint8Array,
    identities: BigUint64Array,
    descriptors: Int32Array,
  ): BatchEntry[] {
    const batch = Batch.#of(paths, addon().adoptBatch(paths, modes, identities, descriptors), false);
    return paths.map((_, index) => ({ batch, index }));
  }

  /** One batch of what several have. */
  static join(entries: readonly BatchEntry[]): Batch {
    const inputs = entries.map((adopt) => ({ path: adopt.batch.paths[adopt.index]!, adopt }));
    const args = batchArguments(StageMode.None, inputs, false, false);
    return Batch.#of(args[0], addon().stageBatch(...args), false);
  }

  /** The same for paths alone, without an object for each. */
  static stagePaths(
    mode: StageMode,
    paths: readonly string[],
    keepGoing: boolean,
    thresholds?: Partial<AdaptiveThresholds>,
  ): Batch {
    const began = milliseconds();
    const native = addon().stageBatch(paths, mode, thresholdsFor(mode, thresholds), keepGoing, null, null, false);
    const batch = Batch.#of(paths, native, keepGoing);
    publish("stage", began, () => batch.#staged(() => true));
    return batch;
  }

  /** `keepDescriptors`: until dropDescriptors(), for who is going to send them. */
  static async stageAsync(mode: StageMode, inputs: readonly BatchInput[], keepDescriptors = false): Promise<Batch> {
    const began = milliseconds();
    const args = batchArguments(mode, inputs, false, keepDescriptors);
    const native = await new Promise<NativeBatch>((resolve) => addon().stageBatchAsync(...args, resolve));
    const batch = Batch.#of(args[0], native, false);
    publish("stage", began, () => batch.#staged((index) => inputs[index]!.adopt === undefined));
    return batch;
  }

  #staged(isOurs: (index: number) => boolean): Omit<StageEvent, "startMs" | "durationMs"> {
    const bytes = { mappedBytes: 0, prefetchedBytes: 0 };
    for (const [index, size] of this.sizes.entries()) {
      if (this.modes[index] === StageMode.None || !isOurs(index)) continue;
      bytes[this.modes[index] === StageMode.Prefetch ? "prefetchedBytes" : "mappedBytes"] += size;
    }
    return { files: this.paths.length, ...bytes };
  }

  static #of(paths: readonly string[], native: NativeBatch, keepGoing: boolean): Batch {
    const failure = native.failures[0];
    if (failure && !keepGoing) throw ioError(failure, paths[failure.index]);
    return new Batch(paths, native);
  }

  isReleased(index: number): boolean {
    return this.#isClosed || this.#released.has(index);
  }

  /** The file's bytes, zero-copy; the same array each time. Empty for an empty file and in mode `None`. */
  view(index: number): Uint8Array {
    const path = this.paths[index];
    if (this.isReleased(index)) throw new IoError({ code: "ERR_STAGE_CLOSED", syscall: "bytes", path });
    this.throwIfDamaged(index);
    const known = this.#views[index];
    if (known) return known;
    if (this.sizes[index]! > constants.MAX_LENGTH) {
      throw new IoError({ code: "ERR_STAGE_TOO_LARGE", syscall: "bytes", path });
    }
    const buffer = addon().fileView(this.handle, index);
    return (this.#views[index] = buffer ? new Uint8Array(buffer) : new Uint8Array(0));
  }

  /** Throws when a fault hit the file's mapping; asks no file system. */
  throwIfDamaged(index: number): void {
    if (addon().faultCount() === 0) return; // nearly always
    const damage = this.isReleased(index) ? null : addon().fileDamage(this.handle, index);
    if (damage) throw ioError(damage, this.paths[index]);
  }

  /** What happened to the file since it was staged, or null. Costs a stat. */
  change(index: number, descriptor = -1): IoFailure | null {
    const change = addon().fileChange(this.handle, index, descriptor);
    return change && toFailure(change, this.paths[index]);
  }

  /** Indices of all files to which something happened since, in order. Costs a stat each. */
  changes(): number[] {
    return addon().batchChanges(this.handle);
  }

  /** Throws when the file is not as it was when it was staged. */
  check(index: number, descriptor = -1): void {
    const change = this.change(index, descriptor);
    if (change) throw new IoError(change);
  }

  advise(index: number): void {
    const failure = this.isReleased(index) ? null : addon().adviseFile(this.handle, index);
    if (failure) throw ioError(failure, this.paths[index]);
  }

  /** Gives one file up: detaches its view, unmaps it unless somebody else (a pool) has it too. */
  release(index: number): void {
    if (this.isReleased(index)) return;
    this.#released.add(index);
    this.#detach(index);
    addon().releaseFile(this.handle, index);
  }

  /** Descriptors that were kept are not needed any more. */
  dropDescriptors(): void {
    addon().dropDescriptors(this.handle);
  }

  /** Calls back when the batch is released. */
  onRelease(callback: () => void): void {
    this.#releaseCallbacks.push(callback);
  }

  releaseAll(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const callback of this.#releaseCallbacks.splice(0)) callback();
    for (const index of this.#views.keys()) this.#detach(index);
    addon().releaseBatch(this.handle);
  }

  #detach(index: number): void {
    const view = this.#views[index];
    if (view?.byteLength) addon().detachBuffer(view.buffer as ArrayBuffer);
    this.#views[index] = undefined;
  }
}

/** Only for who adapts: others need no calibration read. */
function thresholdsFor(mode: StageMode, changes: Partial<AdaptiveThresholds> = {}): Float64Array | null {
  if (mode !== StageMode.Adaptive) return null;
  const { prefetchBelow, coldPrefetchBelow, residentShare, sharedFrom } = adaptiveThresholds(changes);
  return Float64Array.of(prefetchBelow, coldPrefetchBelow, residentShare, sharedFrom);
}

function batchArguments(
  mode: StageMode,
  inputs: readonly BatchInput[],
  keepGoing: boolean,
  keepDescriptors: boolean,
): BatchArguments {
  const adopted = inputs.map(({ adopt }) => (adopt ? ([adopt.batch.handle, adopt.index] as const) : null));
  return [
    inputs.map(({ path }) => path),
    mode,
    thresholdsFor(mode),
    keepGoing,
    Int32Array.from(inputs, ({ descriptor }) => descriptor ?? -1),
    adopted.some((entry) => entry !== null) ? adopted : null,
    keepDescriptors,
  ];
}
