/**
 * What a worker found in the chunks of a `map()`, on its way to the pool through the arena: a chunk costs no message,
 * and what was found is there when its worker dies. One process writes, one reads.
 */
import type { Arena } from "../arena.ts";
import { plainText } from "./channel.ts";

/** The counters, each on a cache line of its own; results follow. They count bytes from the start, modulo 2^32. */
const readWord = 0;
const writtenWord = 16;
const dataStart = 128;
/** Results of some hundred chunks. A power of two, so that the counters may wrap. */
const dataBytes = 8192;
export const ringBytes = dataStart + dataBytes;
/** Before each result: its chunk, and the length of its JSON text, 0 for undefined. */
const headBytes = 8;
/** In place of a chunk: what follows is at the start. */
const skip = 0xffff_ffff;

const padded = (bytes: number): number => (bytes + 7) & ~7;

export class ResultRing {
  readonly #counters: Uint32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Buffer;

  /** @param offset of the ring, in the arena; a multiple of 64 */
  constructor(arena: Arena, offset: number) {
    this.#counters = arena.u32view(offset, dataStart / 4);
    this.#words = arena.u32view(offset + dataStart, dataBytes / 4);
    const { buffer, byteOffset, byteLength } = this.#words;
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength);
  }

  /** In the reader, before anybody writes. */
  clear(): void {
    this.#counters[readWord] = 0;
    this.#counters[writtenWord] = 0;
  }

  /** In the writer. False: it is full, or the value is none that JSON keeps; then it takes a packet. */
  put(chunk: number, value: unknown): boolean {
    const text = value === undefined ? "" : plainText(value);
    if (text === undefined) return false;
    const length = Buffer.byteLength(text);
    const size = headBytes + padded(length);
    const written = this.#counters[writtenWord]!;
    const used = (written - Atomics.load(this.#counters, readWord)) >>> 0;
    let at = this.#place(written);
    const skipped = size > dataBytes - at ? dataBytes - at : 0;
    if (used + skipped + size > dataBytes) return false;
    if (skipped > 0) {
      this.#words[at / 4] = skip;
      at = 0;
    }
    this.#words[at / 4] = chunk;
    this.#words[at / 4 + 1] = length;
    this.#bytes.write(text, at + headBytes);
    Atomics.store(this.#counters, writtenWord, written + skipped + size);
    return true;
  }

  /**
   * In the reader: what has been put since the last time.
   * @throws Error when somebody has overwritten it
   */
  *take(): Generator<[chunk: number, value: unknown]> {
    const written = Atomics.load(this.#counters, writtenWord);
    for (let read = this.#counters[readWord]!; read !== written;) {
      const left = (written - read) >>> 0;
      const at = this.#place(read);
      const chunk = this.#words[at / 4]!;
      const length = this.#words[at / 4 + 1]!;
      const size = chunk === skip ? dataBytes - at : headBytes + padded(length);
      if (left > dataBytes || size > left || size > dataBytes - at) throw new Error("a worker overwrote the results");
      const text = chunk === skip ? "" : this.#bytes.toString("utf8", at + headBytes, at + headBytes + length);
      read = (read + size) >>> 0;
      Atomics.store(this.#counters, readWord, read);
      if (chunk !== skip) yield [chunk, text === "" ? undefined : JSON.parse(text)];
    }
  }

  /** Where a counter points to. */
  #place(counter: number): number {
    return counter % dataBytes;
  }
}
