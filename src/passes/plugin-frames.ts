/**
 * Frames between the linker and the process of a plugin: a u32 of bytes, a byte that says what it is, and so many bytes.
 * native/plugin-host is the other side.
 */
import type { IrSymbol } from "../inputs/ir-object.ts";

/** As native/plugin-host/frames.h has them. */
export const FrameKind = {
  LOAD: 1,
  CLAIM: 2,
  RESOLUTIONS: 3,
  ALL_SYMBOLS_READ: 4,
  CLEANUP: 5,
  LOADED: 16,
  CLAIMED: 17,
  ALL_READ: 18,
  CLEANED: 19,
  MESSAGE: 20,
  FAILED: 21,
  ENDED: 22,
} as const;

const HEADER_SIZE = 5;

/** A frame as it is written. */
export class FrameWriter {
  readonly #parts: Buffer[] = [];

  u8(value: number): this {
    this.#parts.push(Buffer.of(value));
    return this;
  }

  u32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.#parts.push(part);
    return this;
  }

  u64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.#parts.push(part);
    return this;
  }

  text(value: string): this {
    const part = Buffer.from(value);
    this.u32(part.length);
    this.#parts.push(part);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.u32(value.length);
    this.#parts.push(Buffer.from(value));
    return this;
  }

  finish(kind: number): Buffer {
    const body = Buffer.concat(this.#parts);
    const header = Buffer.alloc(HEADER_SIZE);
    header.writeUInt32LE(body.length);
    header.writeUInt8(kind, 4);
    return Buffer.concat([header, body]);
  }
}

/** A frame as it is read. Its sender is our own code, so that one that is cut off is a fault of ours. */
export class FrameReader {
  readonly kind: number;
  readonly #body: Buffer;
  #at = 0;

  constructor(kind: number, body: Buffer) {
    this.kind = kind;
    this.#body = body;
  }

  u8(): number {
    return this.#body.readUInt8(this.#advance(1));
  }

  u32(): number {
    return this.#body.readUInt32LE(this.#advance(4));
  }

  u64(): bigint {
    return this.#body.readBigUInt64LE(this.#advance(8));
  }

  text(): string {
    const size = this.u32();
    const at = this.#advance(size);
    return this.#body.toString("utf8", at, at + size);
  }

  symbols(): IrSymbol[] {
    return Array.from({ length: this.u32() }, () => ({
      kind: this.u8(),
      type: this.u8(),
      visibility: this.u8(),
      size: Number(this.u64()),
      name: this.text(),
      version: this.text(),
      comdatKey: this.text(),
    }));
  }

  #advance(size: number): number {
    const at = this.#at;
    this.#at += size;
    return at;
  }
}

/** Puts frames together from what arrives in pieces. */
export class FrameSplitter {
  #pending: Buffer[] = [];
  #size = 0;

  /** What is complete now. */
  *add(piece: Buffer): Generator<FrameReader> {
    this.#pending.push(piece);
    this.#size += piece.length;
    // A frame may have megabytes: pieces are joined when it is all there.
    for (let wanted = this.#wanted(); this.#size >= wanted; wanted = this.#wanted()) {
      const all = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
      this.#pending = [all.subarray(wanted)];
      this.#size -= wanted;
      yield new FrameReader(all.readUInt8(4), all.subarray(HEADER_SIZE, wanted));
    }
  }

  #wanted(): number {
    if (this.#size < HEADER_SIZE) return Infinity;
    if (this.#pending[0]!.length < HEADER_SIZE) this.#pending = [Buffer.concat(this.#pending)];
    return HEADER_SIZE + this.#pending[0]!.readUInt32LE();
  }
}
