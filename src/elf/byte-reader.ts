/**
 * Checked reads from bytes that come from a file. Every offset, size and number in an input is hostile: a
 * reader outside `native/elf/` uses this class and no index of its own.
 */

/** Bytes are not what their format says. Names the file and the place. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly file: string;
  /** In bytes from the beginning of the file. */
  readonly offset: number;
  /** What is wrong, without the place. */
  readonly detail: string;

  constructor(file: string, offset: number, detail: string) {
    super(`${file}: offset 0x${offset.toString(16)}: ${detail}`);
    this.file = file;
    this.offset = offset;
    this.detail = detail;
  }
}

/** Little-endian reads at offsets in bytes. Each throws FormatError when it would leave the bytes. */
export class ByteReader {
  readonly file: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** `file` is for messages only. The bytes are not copied: the reader is valid as long as they are. */
  constructor(file: string, bytes: Uint8Array) {
    this.file = file;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** In bytes. */
  get size(): number {
    return this.#bytes.length;
  }

  u8(offset: number): number {
    this.#check(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#check(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  /** A u64 as a number; what is not below 2^53 is an error, since no offset or address in use is. */
  u64(offset: number): number {
    this.#check(offset, 8);
    const high = this.#view.getUint32(offset + 4, true);
    if (high >= 2 ** 21)
      throw this.error(offset, `number 0x${this.#view.getBigUint64(offset, true).toString(16)} is too large`);
    return high * 2 ** 32 + this.#view.getUint32(offset, true);
  }

  /** 64 bits with a sign as a number, rounded where it has no such number: for what may be any value. */
  word64(offset: number): number {
    this.#check(offset, 8);
    return this.#view.getInt32(offset + 4, true) * 2 ** 32 + this.#view.getUint32(offset, true);
  }

  /** A view of `size` bytes. */
  bytes(offset: number, size: number): Uint8Array {
    this.#check(offset, size);
    return this.#bytes.subarray(offset, offset + size);
  }

  /** `size` bytes as Latin-1, the encoding that keeps any byte. */
  text(offset: number, size: number): string {
    const bytes = this.bytes(offset, size);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  }

  /** The UTF-8 text up to the next NUL, which must come before `end`. */
  cString(offset: number, end: number = this.size): string {
    this.#check(offset, 0);
    const stop = this.#bytes.indexOf(0, offset);
    if (stop === -1 || stop >= end) throw this.error(offset, "string without an end");
    const bytes = this.#bytes.subarray(offset, stop);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  }

  /** An error at `offset` of this file. */
  error(offset: number, detail: string): FormatError {
    return new FormatError(this.file, offset, detail);
  }

  #check(offset: number, size: number): void {
    // Subtracts: offset + size may not be a safe integer.
    if (!Number.isSafeInteger(offset) || offset < 0 || size < 0 || size > this.size - offset)
      throw this.error(offset, `${size} bytes are needed and the file has ${this.size}`);
  }
}
