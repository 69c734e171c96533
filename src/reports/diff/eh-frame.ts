/** Reads .eh_frame and the search table of .eh_frame_hdr (LSB Core, Exception Frames). */
import { FormatError } from "../../elf/byte-reader.ts";
import type { Image } from "./image.ts";

export interface Fde {
  readonly begin: number;
  readonly size: number;
  /** Instructions of the CIE and of the FDE, and what the CIE says besides. */
  readonly rules: string;
  readonly personality: number | undefined;
  readonly lsda: number | undefined;
}

/** Pointer encodings: a format in the lower four bits, what it is relative to in three, and whether it is a pointer to one. */
const DW_EH_PE_omit = 0xff;
const DW_EH_PE_pcrel = 0x10;
const DW_EH_PE_datarel = 0x30;
const DW_EH_PE_indirect = 0x80;

interface Cie {
  readonly pointers: number;
  readonly lsda: number;
  readonly personality: number | undefined;
  readonly rules: string;
  readonly hasAugmentation: boolean;
}

/** Reads numbers of one section, at addresses. */
class Cursor {
  readonly #image: Image;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: number;
  at = 0;

  constructor(image: Image, bytes: Uint8Array, base: number) {
    this.#image = image;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#base = base;
  }

  get size(): number {
    return this.#bytes.length;
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  uleb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  text(): string {
    let text = "";
    for (let byte = this.u8(); byte !== 0; byte = this.u8()) text += String.fromCharCode(byte);
    return text;
  }
  hex(end: number): string {
    const bytes = this.#bytes.subarray(this.at, Math.max(this.at, end));
    this.at = end;
    return Buffer.from(bytes).toString("hex");
  }

  /** A pointer; undefined for one that is omitted or null. `data` is what datarel is relative to. */
  pointer(encoding: number, data = 0): number | undefined {
    if (encoding === DW_EH_PE_omit) return undefined;
    const place = this.#base + this.at;
    const value = this.value(encoding & 15);
    if (value === 0) return undefined;
    const relative = encoding & 0x70;
    const base = relative === DW_EH_PE_pcrel ? place : relative === DW_EH_PE_datarel ? data : 0;
    return base + value;
  }

  /** A number in one of the formats: of 2, 4 or 8 bytes, with or without a sign. */
  value(format: number): number {
    switch (format) {
      case 2:
        return this.#view.getUint16(this.#take(2), true);
      case 10:
        return this.#view.getInt16(this.#take(2), true);
      case 3:
        return this.#view.getUint32(this.#take(4), true);
      case 11:
        return this.#view.getInt32(this.#take(4), true);
      default: {
        const at = this.#take(8);
        return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
      }
    }
  }

  #take(size: number): number {
    const at = this.at;
    if (size > this.size - at) throw new FormatError(this.#image.elf.reader.file, at, "unwind table is cut off");
    this.at += size;
    return at;
  }
}

/** All FDEs in the order of the section. */
export function readFrames(image: Image): Fde[] {
  const section = image.sections.get(".eh_frame");
  if (section === undefined) return [];
  const cursor = new Cursor(image, image.elf.contents(section), section.address);
  const cies = new Map<number, Cie>();
  const frames: Fde[] = [];
  while (cursor.at + 4 <= cursor.size) {
    const begin = cursor.at;
    const length = cursor.u32();
    if (length === 0) continue; // a terminator; crtend.o's is the last
    const end = begin + 4 + length;
    if (length === 0xffffffff || end > cursor.size)
      throw image.elf.reader.error(section.offset + begin, "record of .eh_frame is cut off");
    const idAt = cursor.at;
    const id = cursor.u32();
    if (id === 0) {
      cies.set(begin, readCie(cursor, end));
    } else {
      const cie = cies.get(idAt - id);
      if (cie === undefined) throw image.elf.reader.error(section.offset + begin, "FDE without a CIE");
      const address = cursor.pointer(cie.pointers) ?? 0;
      const size = cursor.value(cie.pointers & 15);
      const skip = cie.hasAugmentation ? cursor.uleb() : 0;
      const instructions = cursor.at + skip;
      const lsda = cie.lsda === DW_EH_PE_omit || skip === 0 ? undefined : cursor.pointer(cie.lsda);
      cursor.at = instructions;
      // Padding is no rule: DW_CFA_nop.
      const rules = `${cie.rules} ${cursor.hex(end).replace(/(00)+$/, "")}`;
      frames.push({ begin: address, size, rules, personality: cie.personality, lsda });
    }
    cursor.at = end;
  }
  return frames;
}

function readCie(cursor: Cursor, end: number): Cie {
  const version = cursor.u8();
  const augmentation = cursor.text();
  const alignments = [cursor.uleb(), cursor.uleb(), version === 1 ? cursor.u8() : cursor.uleb()].join();
  let pointers = 0;
  let lsda = DW_EH_PE_omit;
  let personality: number | undefined;
  if (augmentation.startsWith("z")) {
    const instructions = cursor.uleb() + cursor.at;
    for (const letter of augmentation.slice(1)) {
      if (letter === "R") pointers = cursor.u8();
      else if (letter === "L") lsda = cursor.u8();
      else if (letter === "P") {
        const encoding = cursor.u8();
        personality = cursor.pointer(encoding & ~DW_EH_PE_indirect);
      }
    }
    cursor.at = instructions;
  }
  const rules = `${version} ${augmentation} ${alignments} ${cursor.hex(end).replace(/(00)+$/, "")}`;
  return { pointers, lsda, personality, rules, hasAugmentation: augmentation.startsWith("z") };
}

/** Addresses of functions in the search table; nothing where there is no table. */
export function readSearchTable(image: Image): number[] | undefined {
  const section = image.sections.get(".eh_frame_hdr");
  if (section === undefined) return undefined;
  const cursor = new Cursor(image, image.elf.contents(section), section.address);
  const [version, frame, count, table] = [cursor.u8(), cursor.u8(), cursor.u8(), cursor.u8()];
  if (version !== 1 || count === DW_EH_PE_omit || table === DW_EH_PE_omit) return undefined;
  cursor.pointer(frame);
  const rows = cursor.value(count & 15);
  if (rows * 8 > cursor.size - cursor.at) throw image.elf.reader.error(section.offset, "search table is cut off");
  return Array.from({ length: rows }, () => {
    const begin = cursor.value(table & 15) + section.address;
    cursor.value(table & 15); // where its FDE is
    return begin;
  });
}
