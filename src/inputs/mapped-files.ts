/**
 * The files that a link reads: each path is mapped once, whoever asked for it. What is no regular file (a pipe,
 * /dev/stdin) is read to its end instead. What can not be opened is added to the diagnostics, once.
 */
import { constants } from "node:buffer";
import { closeSync, openSync, readSync, statSync } from "node:fs";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { IoError, type IoFailure, type StagedSet, stageFiles, StageMode } from "../staging/index.ts";
import { type FileType, fileTypeOf, HEAD_SIZE } from "./file-type.ts";

/** A file that is mapped, or what came through a pipe. */
export interface MappedFile {
  readonly path: string;
  readonly type: FileType;
  /** In bytes. */
  readonly size: number;
  /** Of the first byte, in this process and its workers; 0 for what is not mapped. For native code only. */
  readonly address: number;
  /** @throws IoError for a file that is larger than an ArrayBuffer can be, as archives may be */
  bytes(): Uint8Array;
  /** Those of a part, as far as the file has it; of a file of any size. */
  bytesAt(offset: number, size: number): Uint8Array;
}

/** More than the index of any archive whose bytes cannot be had at once. */
const BEGINNING = 2 ** 28;

/** All bytes of an archive, or as many of the first ones as its index has. */
export function beginningOf(file: MappedFile): Uint8Array {
  return file.size > constants.MAX_LENGTH ? file.bytesAt(0, BEGINNING) : file.bytes();
}

/** The member of a thin archive that a path is. */
export interface ThinMember {
  readonly archive: string;
  /** Offset of its header there. */
  readonly header: number;
  readonly name: string;
  /** It is an archive itself, whose members are those of the thin archive. */
  readonly isArchive: boolean;
}

export interface FileRequest {
  readonly path: string;
  readonly member?: ThinMember | undefined;
}

/** What linkers write and compilers make is never sent through a pipe: GNU ld could not read it, either. */
const objectName = /\.(o|a|so|lo|rlib|obj)(\.[0-9.]+)?$/;

export class MappedFiles {
  /** One for each call of {@link map}. */
  readonly sets: StagedSet[] = [];
  readonly #diagnostics: Diagnostics;
  /** Why members of thin archives could not be mapped, by path: whether that matters is not known here. */
  readonly #missing = new Map<string, string>();
  /** A path that failed is undefined, so that it is reported once. */
  readonly #files = new Map<string, MappedFile | undefined>();

  constructor(diagnostics: Diagnostics) {
    this.#diagnostics = diagnostics;
  }

  /** A file that was mapped; undefined when it could not be. */
  get(path: string): MappedFile | undefined {
    return this.#files.get(path);
  }

  /** Why a member of a thin archive is not there. */
  whyMissing(path: string): string | undefined {
    return this.#missing.get(path);
  }

  /** Maps those that are not mapped yet, in one call. */
  map(requests: readonly FileRequest[]): void {
    const missing: FileRequest[] = [];
    for (const request of requests) {
      const { path } = request;
      if (this.#files.has(path)) continue;
      this.#files.set(path, undefined);
      if (!objectName.test(path) && isPipe(path)) this.#files.set(path, this.#read(path));
      else missing.push(request);
    }
    if (missing.length === 0) return;
    const set = stageFiles(
      StageMode.MmapShared,
      missing.map(({ path }) => path),
      { onError: "collect" },
    );
    this.sets.push(set);
    for (const [index, request] of missing.entries()) {
      const failure = set.failures.get(index);
      if (failure === undefined) this.#files.set(request.path, new StagedFile(request.path, set, index));
      else this.#reportFailure(request, failure);
    }
  }

  /** Every file that was read, in the order of opening. */
  get openedPaths(): string[] {
    const paths: string[] = [];
    for (const [path, file] of this.#files) if (file !== undefined) paths.push(path);
    return paths;
  }

  release(): void {
    for (const set of this.sets) set[Symbol.dispose]();
  }

  #read(path: string): MappedFile | undefined {
    let contents: Buffer;
    try {
      contents = readPipe(path);
    } catch (error) {
      this.#diagnostics.add("cannotOpen", { path, reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
    const type = fileTypeOf(contents.subarray(0, HEAD_SIZE), contents.length);
    const bytesAt = (offset: number, size: number): Uint8Array => contents.subarray(offset, offset + size);
    return { path, type, size: contents.length, address: 0, bytes: () => contents, bytesAt };
  }

  #reportFailure({ path, member }: FileRequest, failure: IoFailure): void {
    const { reason } = new IoError(failure);
    if (member !== undefined) this.#missing.set(path, reason);
    else if (failure.code === "EISDIR") this.#diagnostics.add("inputIsDirectory", { path });
    else this.#diagnostics.add("cannotOpen", { path: path.replaceAll("\0", "\\0"), reason });
  }
}

/** Scripts have much less; /dev/zero has no end. */
const MAX_PIPE_BYTES = 64 << 20;

/** All that comes through a pipe or a device. @throws Error for what cannot be read, or does not end */
function readPipe(path: string): Buffer {
  const fd = openSync(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; ;) {
      const chunk = Buffer.alloc(1 << 16);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks);
      total += count;
      if (total > MAX_PIPE_BYTES) throw new Error("more than 64 MiB come through it");
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

/** Of what the system does not even look for (a name too long, a NUL in it), staging says why. */
function isPipe(path: string): boolean {
  let status;
  try {
    status = statSync(path, { throwIfNoEntry: false });
  } catch {
    return false;
  }
  return status !== undefined && (status.isFIFO() || status.isCharacterDevice() || status.isSocket());
}

/** A file of a staged set. A class: there may be 100,000, most of whose bytes only kernels read. */
class StagedFile implements MappedFile {
  readonly path: string;
  readonly type: FileType;
  readonly size: number;
  readonly address: number;
  readonly #set: StagedSet;
  readonly #index: number;

  constructor(path: string, set: StagedSet, index: number) {
    this.path = path;
    this.size = set.sizes[index] as number;
    this.type = fileTypeOf(set.heads.subarray(index * HEAD_SIZE, (index + 1) * HEAD_SIZE), this.size);
    this.address = set.addresses[index] as number;
    this.#set = set;
    this.#index = index;
  }

  bytes(): Uint8Array {
    return this.size === 0 ? new Uint8Array() : this.#set.bytes(this.#index);
  }

  bytesAt(offset: number, size: number): Uint8Array {
    if (this.size > constants.MAX_LENGTH) return readPart(this.path, offset, size);
    return this.bytes().subarray(offset, offset + size);
  }
}

/** @throws an error of the system; few parts of such a file are asked for, and for messages */
function readPart(path: string, offset: number, size: number): Uint8Array {
  const descriptor = openSync(path, "r");
  try {
    const part = new Uint8Array(size);
    for (let done = 0; done < size;) {
      const count = readSync(descriptor, part, done, Math.min(size - done, BEGINNING), offset + done);
      if (count === 0) return part.subarray(0, done);
      done += count;
    }
    return part;
  } finally {
    closeSync(descriptor);
  }
}
