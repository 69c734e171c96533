/**
 * The file that a link writes: a temporary beside the output, renamed over it when the link is right, removed
 * when it is not, whatever ended it. A failed link leaves the old output as it was.
 *
 * Two kinds of output can not be replaced by a rename: what is no regular file (/dev/null, a pipe), which must
 * not be renamed over, unlinked or changed in mode, and a writable file in a directory that is not. For these
 * the temporary is in the system's directory for such files, and copied when the link is right.
 *
 * Workers were forked before the file exists and open it themselves, by `path`.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  statfsSync,
  statSync,
  type Stats,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

import { allocateFile, IoError } from "../staging/index.ts";
import { throwIfCut } from "../staging/io-error.ts";

export interface OutputFileOptions {
  /** Whether it may be run, or loaded: its mode is 0777 less the umask, else 0666 less the umask. */
  readonly isExecutable?: boolean;
}

/** Signals that end the command, and must not leave a temporary behind. */
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Errors of creating a file in a directory that may still let an existing file be written. */
const directoryErrors: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EROFS"]);

const COPY_BYTES = 1 << 20;

/** Symbolic links that Linux follows in one path. */
const MAX_LINKS = 40;

/** Longest file name on Linux, in bytes. */
const NAME_MAX = 255;

/** One output, from its temporary to its place. Disposing of it without `commit()` removes the temporary. */
export class OutputFile implements Disposable, AsyncDisposable {
  /** The temporary, absolute: what workers open and write. */
  readonly path: string;
  /** What it takes the place of, as it was asked for. */
  readonly target: string;
  /** Of the file that it takes the place of, whose pages are freed when nobody has it open any more. */
  readonly replacedBytes: number;
  /** Where `commit()` puts it; undefined for what is copied into the target. */
  readonly #place: string | undefined;
  readonly #onSignal: (signal: NodeJS.Signals) => void;
  readonly #onExit: () => void;
  #fd: number;
  readonly #size: number;
  #isRemoved = false;

  /**
   * Makes a temporary of `size` bytes for the output `target`.
   * @throws IoError naming the output: no permission, no such directory, a directory, no space
   */
  static create(target: string, size: number, options: OutputFileOptions = {}): OutputFile {
    throwIfCut(target, "open");
    const mode = options.isExecutable === false ? 0o666 : 0o777;
    const found = statTarget(target);
    if (found?.isDirectory() === true) throw new IoError({ code: "EISDIR", syscall: "open", path: target });
    // What leads to a descriptor is a name for it: that name is not the output's to replace.
    const isDescriptor = /^\/(?:dev\/(?:stdout|stderr|fd\/)|proc\/)/.test(target);
    if (found !== undefined && (!found.isFile() || isDescriptor)) return openIn(tmpdir(), target, size, mode);
    const place = found === undefined ? endOfLinks(target) : target;
    try {
      // Of a working folder that was deleted, nobody knows the name.
      const path = attempt("open", target, () => resolve(place));
      return openIn(dirname(path), target, size, mode, place);
    } catch (error) {
      if (found === undefined || !directoryErrors.has((error as IoError).code)) throw error;
      checkWritable(target);
      return openIn(tmpdir(), target, size, mode);
    }
  }

  /** Made by `create`. Takes over the descriptor. */
  constructor(path: string, target: string, size: number, fd: number, place: string | undefined) {
    this.path = path;
    this.target = target;
    this.#size = size;
    this.#fd = fd;
    this.#place = place;
    this.replacedBytes = place === undefined ? 0 : (statTarget(target)?.size ?? 0);
    this.#onExit = () => this.#remove();
    this.#onSignal = (signal) => {
      this[Symbol.dispose]();
      // Ends as the signal would have ended it, unless somebody else handles it.
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    process.on("exit", this.#onExit);
    for (const signal of endingSignals) process.on(signal, this.#onSignal);
  }

  /** In bytes. */
  get size(): number {
    return this.#size;
  }

  /** The temporary's descriptor, open for reading and writing in this process. */
  get fd(): number {
    return this.#fd;
  }

  /** The temporary as another process of this user can open it, even when it has no other name. */
  get descriptorPath(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`;
  }

  /** Writes bytes at `offset`. For what the parent decides last, such as the build id. @throws IoError */
  write(bytes: Uint8Array, offset: number): void {
    writeAll(this.#fd, bytes, offset, this.target);
  }

  /** Puts the file in its place. @throws IoError; the old output is then as it was, unless it was copied over */
  commit(): void {
    const place = this.#place;
    if (place === undefined) {
      this.#copy();
      this.#remove();
    } else {
      attempt("rename", this.target, () => renameSync(this.path, place));
      this.#isRemoved = true;
    }
    this[Symbol.dispose]();
  }

  #copy(): void {
    // No O_CREAT and no O_EXCL: the file exists. No O_TRUNC: a device is not to be changed more than needed.
    const fd = attempt("open", this.target, () => openSync(this.target, constants.O_WRONLY));
    try {
      const buffer = new Uint8Array(COPY_BYTES);
      for (let offset = 0; offset < this.size;) {
        const count = readSync(this.#fd, buffer, 0, Math.min(COPY_BYTES, this.size - offset), offset);
        if (count === 0) throw new IoError({ code: "EIO", syscall: "read", path: this.path });
        writeAll(fd, buffer.subarray(0, count), undefined, this.target);
        offset += count;
      }
      if (statSync(this.target).isFile()) attempt("ftruncate", this.target, () => ftruncateSync(fd, this.size));
    } finally {
      closeSync(fd);
    }
  }

  #remove(): void {
    if (this.#isRemoved) return;
    this.#isRemoved = true;
    try {
      unlinkSync(this.path);
    } catch {
      // Somebody else removed it.
    }
  }

  /** Removes the temporary, unless it was committed. May be called twice. */
  [Symbol.dispose](): void {
    this.#remove();
    if (this.#fd !== -1) closeSync(this.#fd);
    this.#fd = -1;
    process.removeListener("exit", this.#onExit);
    for (const signal of endingSignals) process.removeListener(signal, this.#onSignal);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    return Promise.resolve();
  }
}

/** Follows symbolic links: /dev/stdout is one. A link to a regular file is replaced, as GNU ld does, one to nothing is followed. */
function statTarget(target: string): Stats | undefined {
  return attempt("stat", target, () => statSync(target, { throwIfNoEntry: false }));
}

/** Where a link leads that leads to nothing: there GNU ld makes the file. @throws IoError for links in a circle */
function endOfLinks(target: string): string {
  let path = target;
  for (let links = 0; lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true; links++) {
    if (links === MAX_LINKS) throw new IoError({ code: "ELOOP", syscall: "open", path: target });
    path = resolve(dirname(path), readlinkSync(path));
  }
  return path;
}

/** @param place where it is renamed to; undefined for what is copied */
function openIn(folder: string, target: string, size: number, mode: number, place?: string): OutputFile {
  const unique = Math.random().toString(36).slice(2, 10); // O_EXCL settles it; node:crypto costs 3 ms to load
  const suffix = `.${process.pid}-${unique}.spore`;
  const name = Buffer.from(basename(target))
    .subarray(0, NAME_MAX - suffix.length - 1)
    .toString("latin1");
  const path = join(folder, `.${name.replaceAll(/[^\w.+-]/g, "_")}${suffix}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
  // The kernel takes the umask off the mode, and honours a directory's default ACL.
  const fd = attempt("open", target, () => openSync(path, flags, place === undefined ? 0o600 : mode));
  const output = new OutputFile(path, target, size, fd, place);
  try {
    checkSpace(folder, target, size);
    allocateFile(fd, size, target);
  } catch (error) {
    output[Symbol.dispose]();
    throw error;
  }
  return output;
}

/** A full disk is better said before anything is written than by a worker in the middle. */
function checkSpace(folder: string, target: string, size: number): void {
  const { bsize, blocks, bfree, bavail } = attempt("statfs", target, () => statfsSync(folder));
  const free = (process.geteuid?.() === 0 ? bfree : bavail) * bsize;
  // Some file systems know no size and say 0.
  if (blocks > 0 && free < size) throw new IoError({ code: "ENOSPC", syscall: "write", path: target });
}

/** @throws IoError when the file may not be written: no permission, or a program that runs */
function checkWritable(target: string): void {
  closeSync(attempt("open", target, () => openSync(target, constants.O_WRONLY)));
}

/** Writes all bytes, at `offset` or where the descriptor is. */
function writeAll(fd: number, bytes: Uint8Array, offset: number | undefined, path: string): void {
  for (let done = 0; done < bytes.length;) {
    const position = offset === undefined ? null : offset + done;
    done += attempt("write", path, () => writeSync(fd, bytes, done, bytes.length - done, position));
  }
}

/** Turns an error of node:fs into one that names the output, not the temporary. */
function attempt<T>(syscall: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new IoError({ code, syscall, path });
  }
}
