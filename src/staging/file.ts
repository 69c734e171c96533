/** One open file, which can be read, or staged and seen as bytes. */
import { closeSync, fstatSync, open, read, readSync } from "node:fs";
import { promisify } from "node:util";

import { addon } from "../addon/load.ts";
import { Batch } from "./batch.ts";
import type { BatchEntry, BatchInput } from "./batch.ts";
import { IoError, ioError, throwIfCut } from "./io-error.ts";
import { StageMode } from "./stage-mode.ts";
import { stateOf, unstagedState } from "./stage-state.ts";
import type { StageState } from "./stage-state.ts";

const openFile = promisify(open);
const readFile = promisify(read);

/** Closes the descriptors of files that were forgotten. */
const forgotten = new FinalizationRegistry((descriptor: number) => closeSync(descriptor));

/** A file open for reading. Belongs to one thread. */
export class File implements Disposable, AsyncDisposable {
  readonly path: string;
  #descriptor: number;
  #staged: BatchEntry | undefined;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
    forgotten.register(this, descriptor, this);
  }

  /**
   * Opens a file for reading.
   * @throws IoError `ENOENT`, `EACCES`, …; `EISDIR` for a folder
   */
  static async openRead(path: string): Promise<File> {
    addon(); // says so here when the platform is not supported
    throwIfCut(path, "open");
    let descriptor: number;
    try {
      descriptor = await openFile(path, "r");
    } catch (error) {
      throw ioError(error as NodeJS.ErrnoException, path);
    }
    if (fstatSync(descriptor).isDirectory()) {
      closeSync(descriptor);
      throw new IoError({ code: "EISDIR", syscall: "open", path });
    }
    return new File(path, descriptor);
  }

  /** Bytes: as of staging while it is staged, else as of now. */
  size(): number {
    this.#throwIfUnusable("size");
    return this.#staged ? this.#staged.batch.sizes[this.#staged.index]! : fstatSync(this.#descriptor).size;
  }

  /**
   * Reads into `buffer`, from `position` or, without it, from where the last such read ended.
   * @returns how many bytes were read; 0 at the end of the file
   */
  async read(buffer: Uint8Array, position?: number): Promise<number> {
    this.#throwIfUnusable("read");
    try {
      const { bytesRead } = await readFile(this.#descriptor, buffer, 0, buffer.byteLength, position ?? null);
      return bytesRead;
    } catch (error) {
      throw ioError(error as NodeJS.ErrnoException, this.path);
    }
  }

  /**
   * All bytes of the file. Zero-copy where it is staged: the same array each time, valid until it is
   * unstaged, which detaches it, and read-only (a write makes the next call throw). Else a fresh copy.
   */
  bytes(): Uint8Array {
    this.#throwIfUnusable("bytes");
    if (this.#staged && this.state.mode !== StageMode.None) return this.#staged.batch.view(this.#staged.index);
    const bytes = new Uint8Array(this.size());
    try {
      let done = 0;
      while (done < bytes.length) {
        const count = readSync(this.#descriptor, bytes, done, bytes.length - done, done);
        if (count === 0) break;
        done += count;
      }
      return done < bytes.length ? bytes.slice(0, done) : bytes;
    } catch (error) {
      throw ioError(error as NodeJS.ErrnoException, this.path);
    }
  }

  /** Maps the file `MAP_PRIVATE`, read-only. A file that is staged otherwise is unstaged first. */
  stageMmap(): Promise<StageState> {
    return this.stage(StageMode.Mmap);
  }

  /** Maps the file `MAP_SHARED`, read-only. */
  stageMmapShared(): Promise<StageState> {
    return this.stage(StageMode.MmapShared);
  }

  /** Reads the whole file into memory. */
  stagePrefetch(): Promise<StageState> {
    return this.stage(StageMode.Prefetch);
  }

  /** Stages the file as its size suggests; see `adaptiveThresholds`. */
  stageAuto(): Promise<StageState> {
    return this.stage(StageMode.Adaptive);
  }

  /** @throws IoError when the file cannot be mapped or read, or the budget is exhausted */
  async stage(mode: StageMode): Promise<StageState> {
    this.#throwIfUnusable("stage");
    const batch = await Batch.stageAsync(mode, [{ path: this.path, descriptor: this.#descriptor }]);
    if (this.#descriptor < 0) {
      batch.releaseAll();
      throw this.#closed("stage");
    }
    this.unstage();
    this.#staged = { batch, index: 0 };
    return this.state;
  }

  /** How the file is staged. */
  get state(): StageState {
    return this.#staged ? stateOf(this.#staged) : unstagedState;
  }

  /** Tells the kernel that the staged bytes will be read in order. */
  adviseSequential(): void {
    this.#throwIfUnusable("madvise");
    this.#staged?.batch.advise(this.#staged.index);
  }

  /**
   * Makes sure that the file is as it was when it was staged. Does nothing for one that is not staged.
   * @throws IoError `ERR_STAGE_SHRANK`, `ERR_STAGE_WRITTEN` or `ERR_STAGE_CHANGED`
   */
  check(): void {
    if (this.#descriptor < 0) throw this.#closed("check");
    this.#entry()?.batch.check(this.#staged!.index, this.#descriptor);
  }

  /** Gives the bytes up: detaches the views, unmaps the file. It stays open. May be called twice. */
  unstage(): void {
    const staged = this.#staged;
    this.#staged = undefined;
    staged?.batch.release(staged.index);
  }

  /** Unstages and closes the file. May be called twice. */
  async close(): Promise<void> {
    this[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  [Symbol.dispose](): void {
    if (this.#descriptor < 0) return;
    this.unstage();
    forgotten.unregister(this);
    closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  /** @internal For `stage()`: what to stage of this file, or where it is staged. */
  toBatchInput(): BatchInput {
    this.#throwIfUnusable("stage");
    const staged = this.#entry();
    return staged
      ? { path: this.path, descriptor: this.#descriptor, adopt: staged }
      : { path: this.path, descriptor: this.#descriptor };
  }

  /** @internal For `stage()`: this file is staged now, as one of a batch. */
  adopt(entry: BatchEntry): void {
    if (this.#descriptor < 0) return; // closed meanwhile
    this.unstage();
    this.#staged = entry;
  }

  /** Where the file is staged, unless the set that staged it has been closed. */
  #entry(): BatchEntry | undefined {
    if (this.#staged?.batch.isReleased(this.#staged.index)) this.#staged = undefined;
    return this.#staged;
  }

  #throwIfUnusable(syscall: string): void {
    if (this.#descriptor < 0) throw this.#closed(syscall);
    this.#entry()?.batch.throwIfDamaged(this.#staged!.index);
  }

  #closed(syscall: string): IoError {
    return new IoError({ code: "EBADF", syscall, path: this.path });
  }
}
