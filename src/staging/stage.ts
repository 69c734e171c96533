/** Staging many files at once: one native call for the batch, one owner of the mappings. */
import { readFileSync } from "node:fs";

import type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
import { Batch } from "./batch.ts";
import type { BatchEntry } from "./batch.ts";
import type { File } from "./file.ts";
import { IoError, ioError } from "./io-error.ts";
import type { IoFailure } from "./io-error.ts";
import { StageMode } from "./stage-mode.ts";
import { stateOf } from "./stage-state.ts";
import type { StageState } from "./stage-state.ts";

export interface StageFilesOptions {
  /**
   * `throw` (the default): a file that fails unmaps what was mapped and throws. `collect`: the others are
   * staged, and {@link StagedSet.failures} says what failed.
   */
  readonly onError?: "throw" | "collect";
  /** For `Adaptive`, and this call only. */
  readonly thresholds?: Partial<AdaptiveThresholds>;
}

/**
 * Stages files by path, in one native call and without keeping a descriptor. Synchronous: for local file
 * systems, where it takes about 5 µs a file. Of hundreds of files, a few threads take parts; they are gone when it returns.
 * @throws IoError naming the first file that failed; nothing stays mapped
 * @throws RangeError for thresholds that cannot be
 */
export function stageFiles(mode: StageMode, paths: readonly string[], options: StageFilesOptions = {}): StagedSet {
  return new StagedSet(Batch.stagePaths(mode, [...paths], options.onError === "collect", options.thresholds));
}

/**
 * Stages files on a libuv thread. A `File` that is staged already keeps its mapping and shares it; one that
 * is not is staged by this call, and unstaged when the set is closed.
 * @throws IoError naming the first file that failed; nothing stays mapped
 */
export async function stage(mode: StageMode, ...files: readonly (string | File)[]): Promise<StagedSet> {
  return stageForWorkers(mode, files, false);
}

/** {@link stage}, and on request descriptors are kept until they have been sent to another process. */
export async function stageForWorkers(
  mode: StageMode,
  files: readonly (string | File)[],
  keepDescriptors: boolean,
): Promise<StagedSet> {
  const inputs = files.map((file) => (typeof file === "string" ? { path: file } : file.toBatchInput()));
  const batch = await Batch.stageAsync(mode, inputs, keepDescriptors);
  const shared = new Map<number, BatchEntry>();
  for (const [index, file] of files.entries()) {
    if (typeof file === "string") continue;
    const first = files.indexOf(file);
    const adopt = inputs[index]!.adopt;
    if (adopt) shared.set(index, adopt);
    else if (first < index) shared.set(index, { batch, index: first });
    else file.adopt({ batch, index });
  }
  return new StagedSet(batch, shared);
}

/** Staged files and the mappings that they are in. Belongs to one thread; workers inherit what is in it. */
export class StagedSet implements Disposable {
  readonly #batch: Batch;
  /** Files that were staged before, whose view is not ours. */
  readonly #shared: ReadonlyMap<number, BatchEntry>;
  readonly #copies = new Map<number, Uint8Array>();
  #states: readonly StageState[] | undefined;
  #isClosed = false;

  /** Sets are made by {@link stage} and {@link stageFiles}. */
  constructor(batch: Batch, shared: ReadonlyMap<number, BatchEntry> = new Map()) {
    this.#batch = batch;
    this.#shared = shared;
  }

  /**
   * The native side, for pools and spawned workers.
   * @throws IoError when the set is closed
   * @internal
   */
  get batch(): Batch {
    if (this.#isClosed) throw new IoError({ code: "ERR_STAGE_CLOSED", syscall: "fork", path: this.paths[0] });
    return this.#batch;
  }

  get paths(): readonly string[] {
    return this.#batch.paths;
  }

  get count(): number {
    return this.#batch.paths.length;
  }

  /** Bytes of each file, as of staging. */
  get sizes(): Float64Array {
    return this.#batch.sizes;
  }

  /** Where each file is in this process and in workers forked from now on; 0 without bytes. For native code. */
  get addresses(): Float64Array {
    return this.#batch.addresses;
  }

  /** The first {@link headBytes} bytes of each file, one after the other, zero padded. A copy. */
  get heads(): Uint8Array {
    return this.#batch.heads;
  }

  /** What could not be staged, by index; empty unless failures were to be collected. */
  get failures(): ReadonlyMap<number, IoFailure> {
    return this.#batch.failures;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The state of each file. */
  get states(): readonly StageState[] {
    return (this.#states ??= this.paths.map((_, index) => stateOf(this.#entry(index))));
  }

  /**
   * The bytes of a file, zero-copy; the same array each time. Valid until the set is closed, which detaches
   * it. Read-only: a write is not seen by anybody else and makes the next call throw. In mode `None` the
   * file is read, and the array is a copy as of then.
   * @throws IoError when the file shrank or a view of it was written to, when the set is closed, and when
   *   the file could not be staged
   */
  bytes(index: number): Uint8Array {
    const path = this.paths[index];
    if (path === undefined) throw new RangeError(`no file ${index} in a set of ${this.count}`);
    if (this.#isClosed) throw new IoError({ code: "ERR_STAGE_CLOSED", syscall: "bytes", path });
    const failure = this.failures.get(index);
    if (failure) throw new IoError(failure);
    const { batch, index: own } = this.#entry(index);
    if (batch.modes[own] !== StageMode.None) return batch.view(own);
    let copy = this.#copies.get(index);
    if (!copy) this.#copies.set(index, (copy = readWhole(path)));
    return copy;
  }

  /** Tells the kernel that the file will be read from its beginning to its end (`MADV_SEQUENTIAL`). */
  adviseSequential(index: number): void {
    const { batch, index: own } = this.#entry(index);
    batch.advise(own);
  }

  /** The files that are not on disk as they were staged: shrunk, written, replaced or gone. A stat each. */
  changedFiles(): readonly number[] {
    if (this.#shared.size === 0) return this.#batch.changes();
    const changed: number[] = [];
    for (let index = 0; index < this.count; index++) {
      if (this.failures.has(index)) continue;
      const { batch, index: own } = this.#entry(index);
      if (batch.change(own)) changed.push(index);
    }
    return changed;
  }

  /** @throws IoError naming the first file that is not as it was when it was staged */
  check(): void {
    const index = this.changedFiles()[0];
    if (index === undefined) return;
    const { batch, index: own } = this.#entry(index);
    batch.check(own);
  }

  /** @throws IoError when a view of the file met a fault; asks no file system */
  throwIfDamaged(index: number): void {
    const { batch, index: own } = this.#entry(index);
    batch.throwIfDamaged(own);
  }

  /** Unmaps the files, detaches their views. Pools keep what they need. May be called twice. */
  close(): void {
    this.#isClosed = true;
    this.#copies.clear();
    this.#batch.releaseAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #entry(index: number): BatchEntry {
    return this.#shared.get(index) ?? { batch: this.#batch, index };
  }
}

/** Bytes that {@link StagedSet.heads} has of each file. */
export const headBytes = 64;

function readWhole(path: string): Uint8Array {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    throw ioError(error as NodeJS.ErrnoException, path);
  }
}
