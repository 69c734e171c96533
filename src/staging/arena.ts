/** The shared arena: memory that forked workers and the parent see at one address. */
import { constants } from "node:buffer";

import { addon } from "../addon/load.ts";
import type { ArenaHandle } from "../addon/staging-binding.ts";
import { IoError, ioError, isFailure } from "./io-error.ts";
import { Column, Counter, StringHeap } from "./shared-results.ts";
import type { ColumnPlace, ColumnType, CounterPlace, StringHeapPlace } from "./shared-results.ts";

export interface ArenaOptions {
  /**
   * Bytes of address space to reserve; nothing is spent on them. Default 64 GiB. Where the process may not
   * have as much (`RLIMIT_AS`), half of the largest half, quarter, … that it may have is taken: others need some.
   */
  readonly reserveBytes?: number;
}

export interface AllocateOptions {
  /** Take space that was freed, with whatever is in it. Pages that are in memory cost nothing to touch. */
  readonly isDirty?: boolean;
}

interface Segment {
  readonly offset: number;
  readonly bytes: number;
  readonly buffer: ArrayBuffer;
  /** What it lies in. */
  readonly extent: { readonly offset: number; readonly bytes: number };
}

/** No ArrayBuffer larger than this: Node-API throws above it. */
const maxSegmentBytes = Math.min(constants.MAX_LENGTH, 2 ** 32);

/**
 * A memfd mapped `MAP_SHARED`, grown on demand. Allocated and seen by one thread of the parent; workers
 * forked from it see the same bytes, also those allocated later. What a worker stored is visible when its
 * job has been reported.
 */
export class Arena implements Disposable {
  readonly #handle: ArenaHandle;
  /** Where the arena begins, in this process and in every worker. For native code only. */
  readonly baseAddress: number;
  /** Bytes of address space. */
  readonly reservedBytes: number;
  /** By offset; they do not overlap, because V8 aborts when it is given one address twice. */
  readonly #segments: Segment[] = [];
  readonly #closeCallbacks: (() => void)[] = [];
  #isClosed = false;

  private constructor(handle: ArenaHandle, baseAddress: number, reservedBytes: number) {
    this.#handle = handle;
    this.baseAddress = baseAddress;
    this.reservedBytes = reservedBytes;
  }

  /** @throws IoError when the memfd cannot be made or mapped */
  static create(options: ArenaOptions = {}): Arena {
    const result = addon().arenaCreate(options.reserveBytes ?? 64 * 2 ** 30);
    if (isFailure(result)) throw ioError(result);
    return new Arena(result.arena, result.baseAddress, result.reservedBytes);
  }

  /** The arena of another process, from a descriptor that it sent, which is taken over. */
  static adopt(descriptor: number, reservedBytes: number, baseAddress: number): Arena {
    const result = addon().arenaAdopt(descriptor, reservedBytes, baseAddress);
    if (isFailure(result)) throw ioError(result);
    return new Arena(result.arena, result.baseAddress, result.reservedBytes);
  }

  /** In a forked child, where `allocate()`, `free()` and `release()` fail from now on. */
  borrow(): void {
    addon().arenaBorrow(this.handle);
  }

  /** What is allocated: offset and size of each extent. Changes with {@link version}. */
  get extents(): Float64Array {
    return addon().arenaExtents(this.handle);
  }

  /** Set by a borrower, as the owner said. */
  set extents(extents: Float64Array) {
    addon().arenaSetExtents(this.handle, extents);
    // An extent that was freed may be part of another one now, of which there is to be one buffer.
    for (const segment of this.#segments.filter((it) => !this.#isAllocated(it.extent))) {
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      addon().detachBuffer(segment.buffer);
    }
  }

  get version(): number {
    return addon().arenaVersion(this.handle);
  }

  /** @internal The native side, for pools and spawned workers. */
  get handle(): ArenaHandle {
    this.#throwIfClosed("arena");
    return this.#handle;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Allocates an extent, zero-filled unless it may be dirty.
   * @param bytes its size
   * @param align a power of two
   * @returns its offset from the base
   * @throws IoError `ERR_ARENA_FULL` when the reserved space is exhausted, `ENOMEM`, …
   */
  allocate(bytes: number, align = 64, options: AllocateOptions = {}): number {
    this.#throwIfClosed("allocate");
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError(`cannot allocate ${bytes} bytes`);
    if (!(Number.isInteger(align) && align > 0 && Math.log2(align) % 1 === 0)) {
      throw new RangeError(`an alignment must be a power of two, not ${align}`);
    }
    const offset = addon().arenaAllocate(this.#handle, bytes, align, options.isDirty ?? false);
    if (isFailure(offset)) throw ioError(offset);
    return offset;
  }

  /**
   * Gives an extent back, for allocations that may be dirty, and detaches the views of it. Its pages stay in
   * memory; see {@link release}.
   * @throws RangeError when no extent begins at `offset`
   */
  free(offset: number): void {
    this.#throwIfClosed("free");
    const extent = addon().arenaExtent(this.#handle, offset, 1);
    if (!addon().arenaFree(this.#handle, offset)) throw new RangeError(`no extent of the arena begins at ${offset}`);
    for (let segment; (segment = this.#overlapping(offset, extent![1]));) {
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      addon().detachBuffer(segment.buffer);
    }
  }

  /**
   * Frees the pages that lie wholly inside a range; they are zeros when touched again. The extent stays
   * allocated. No worker may be using the range.
   */
  release(offset: number, bytes: number): void {
    this.#throwIfClosed("release");
    const failure = addon().arenaRelease(this.#handle, offset, bytes);
    if (failure) throw ioError(failure);
  }

  /** Bytes handed out, control blocks of pools and alignment included. */
  allocatedBytes(): number {
    this.#throwIfClosed("allocatedBytes");
    return addon().arenaUsage(this.#handle)[0];
  }

  /** Bytes that have pages, because some process touched them. */
  touchedBytes(): number {
    this.#throwIfClosed("touchedBytes");
    return addon().arenaUsage(this.#handle)[1];
  }

  /**
   * The bytes of a range as an ArrayBuffer: zero-copy, the same one for the same range. Valid until the
   * arena is closed, which detaches it. At most 4 GiB.
   * @throws RangeError when the range is not inside one extent, or overlaps another buffer without being the
   *   same: one address can be in one buffer only
   */
  buffer(offset: number, bytes: number): ArrayBuffer {
    const known = this.#overlapping(offset, bytes);
    if (!known) return this.#addSegment(offset, bytes).buffer;
    if (known.offset === offset && known.bytes === bytes) return known.buffer;
    throw new RangeError(
      `arena range ${offset}+${bytes} overlaps the buffer at ${known.offset}+${known.bytes}; use a typed-array view`,
    );
  }

  /** A view over `count` bytes; of the buffer that covers them, which is made for the whole extent if need be. */
  u8view(offset: number, count: number): Uint8Array {
    const { buffer, offset: begin } = this.#covering(offset, count);
    return new Uint8Array(buffer, offset - begin, count);
  }

  /** The same for 32-bit numbers; `offset` is in bytes and a multiple of 4. */
  u32view(offset: number, count: number): Uint32Array {
    const { buffer, offset: begin } = this.#covering(offset, count * 4);
    return new Uint32Array(buffer, offset - begin, count);
  }

  /** The same for 64-bit floating-point numbers; `offset` is in bytes and a multiple of 8. */
  f64view(offset: number, count: number): Float64Array {
    const { buffer, offset: begin } = this.#covering(offset, count * 8);
    return new Float64Array(buffer, offset - begin, count);
  }

  /** The same for 64-bit unsigned numbers, as BigInt; `offset` is in bytes and a multiple of 8. */
  u64view(offset: number, count: number): BigUint64Array {
    const { buffer, offset: begin } = this.#covering(offset, count * 8);
    return new BigUint64Array(buffer, offset - begin, count);
  }

  /** Allocates a column of `length` zeros; given a place, the column that is there, here or in another process. */
  column<Type extends ColumnType>(type: Type, length: number): Column<Type>;
  column<Type extends ColumnType>(place: ColumnPlace<Type>): Column<Type>;
  column(what: ColumnType | ColumnPlace, length = 0): Column {
    return typeof what === "string" ? Column.allocate(this, what, length) : new Column(this, what);
  }

  /** Allocates a counter at 0; given a place, the counter that is there. */
  counter(place?: CounterPlace): Counter {
    return place ? new Counter(this, place) : Counter.allocate(this);
  }

  /** Allocates a heap of strings; given a place, the one that is there. */
  strings(what: StringHeapPlace | Omit<StringHeapPlace, "offset">): StringHeap {
    return "offset" in what ? new StringHeap(this, what) : StringHeap.allocate(this, what);
  }

  /** Calls back when the arena is closed. */
  onClose(callback: () => void): void {
    this.#closeCallbacks.push(callback);
  }

  /** Detaches every buffer and gives the memory up; pools that use the arena keep it until they close. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const callback of this.#closeCallbacks.splice(0)) callback();
    for (const { buffer } of this.#segments) addon().detachBuffer(buffer);
    this.#segments.length = 0;
    addon().arenaClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #covering(offset: number, bytes: number): Segment {
    const known = this.#overlapping(offset, Math.max(bytes, 1));
    if (known) {
      if (known.offset <= offset && offset + bytes <= known.offset + known.bytes) return known;
      throw new RangeError(
        `arena range ${offset}+${bytes} is only partly in the buffer at ${known.offset}+${known.bytes}`,
      );
    }
    const extent = this.#extent(offset, bytes);
    if (extent.bytes > maxSegmentBytes || this.#overlapping(extent.offset, extent.bytes)) {
      return this.#addSegment(offset, bytes);
    }
    return this.#addSegment(extent.offset, extent.bytes);
  }

  #extent(offset: number, bytes: number): { offset: number; bytes: number } {
    this.#throwIfClosed("buffer");
    const extent = addon().arenaExtent(this.#handle, offset, bytes);
    if (!extent) throw new RangeError(`arena range ${offset}+${bytes} is not inside an allocated extent`);
    return { offset: extent[0], bytes: extent[1] };
  }

  #isAllocated({ offset, bytes }: Segment["extent"]): boolean {
    const now = addon().arenaExtent(this.#handle, offset, bytes);
    return now?.[0] === offset && now[1] === bytes;
  }

  #addSegment(offset: number, bytes: number): Segment {
    const extent = this.#extent(offset, bytes);
    if (bytes > maxSegmentBytes) throw new RangeError(`a buffer of ${bytes} bytes is more than 4 GiB`);
    const buffer = addon().arenaView(this.#handle, offset, bytes);
    if (!buffer) throw new IoError({ code: "ERR_ARENA_NO_VIEW", syscall: "buffer", path: undefined });
    const segment = { offset, bytes, buffer, extent };
    this.#segments.splice(this.#firstAfter(offset), 0, segment);
    return segment;
  }

  /** Index of the first segment that begins after `offset`. */
  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]!.offset > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #overlapping(offset: number, bytes: number): Segment | undefined {
    this.#throwIfClosed("buffer");
    const after = this.#firstAfter(offset);
    const before = this.#segments[after - 1];
    if (before && before.offset + before.bytes > offset) return before;
    const next = this.#segments[after];
    return next && next.offset < offset + bytes ? next : undefined;
  }

  #throwIfClosed(syscall: string): void {
    if (this.#isClosed) throw new IoError({ code: "ERR_ARENA_CLOSED", syscall, path: undefined });
  }
}
