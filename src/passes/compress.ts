/**
 * Compress: with --compress-debug-sections, debug sections of the output become smaller (gABI ch. 4, Compression),
 * and what follows them in the file moves up. Workers compress pieces; the same bytes for any number of workers,
 * because a piece has a fixed size. Done after write, so that the layout of a link without it is as it was.
 */
import { ELFCOMPRESS_ZLIB, SHF_ALLOC, SHF_COMPRESSED, SHT_NOBITS } from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { elfHeader } from "../output/elf-header.ts";
import type { OutputFile } from "../output/output-file.ts";
import { Placed, type PlacedSection } from "../output/placed-section.ts";
import { sectionHeaders } from "../output/section-headers.ts";
import type { Target } from "../targets/target.ts";
import type { Workers } from "./workers.ts";
import { type EntryImage, headerFacts } from "./write.ts";

const PIECE = 1 << 20;
/** zlib's own bound for a piece that does not get smaller, and the end of a piece. */
const capacityOf = (size: number): number => size + Math.ceil(size / 1000) + 64;
const CHDR = 24;
/** Deflate, a window of 32 KiB, the fastest level (RFC 1950). */
const ZLIB_HEADER = [0x78, 0x01];
const ADLER_BYTES = 4;
const ADLER_BASE = 65521;
/** Of an Elf64_Chdr. */
const ALIGNMENT = 8;

interface Packed {
  readonly section: PlacedSection;
  /** Its rows of debugPiece. */
  readonly first: number;
  readonly end: number;
}

export async function compress(
  workers: Workers,
  image: EntryImage,
  output: OutputFile,
  options: LinkOptions,
  target: Target,
): Promise<void> {
  if (options.compressDebugSections === "none") return;
  const packed = cutIntoPieces(workers, image.placed.sections);
  if (packed.length === 0) return;
  await workers.run("compressPieces", { rows: workers.tables.rows("debugPiece") });

  const bySection = new Map(packed.map((entry) => [entry.section, entry]));
  const moved: PlacedSection[] = [];
  const notLoaded = image.placed.sections.filter((section) => !(section.flags & SHF_ALLOC));
  let end = notLoaded[0].offset;
  for (const section of notLoaded) {
    const entry = bySection.get(section);
    const size = entry === undefined ? section.size : packedSize(workers, entry);
    // As GNU ld: what gets no smaller stays. Aligned as it will be, nothing moves back.
    if (entry !== undefined && size + ALIGNMENT <= section.size) {
      end = skipTo(output, end, ALIGNMENT);
      writePacked(workers, entry, output, end);
      moved.push({ ...section, flags: section.flags | SHF_COMPRESSED, alignment: ALIGNMENT, size, offset: end });
    } else {
      end = skipTo(output, end, section.alignment);
      if (section.type !== SHT_NOBITS) output.move(section.offset, end, section.size);
      moved.push({ ...section, offset: end });
    }
    end += section.type === SHT_NOBITS ? 0 : moved.at(-1)!.size;
  }
  const sectionHeadersOffset = skipTo(output, end, ALIGNMENT);
  const loaded = image.placed.sections.slice(0, -notLoaded.length);
  const placed = new Placed([...loaded, ...moved], new Map());
  const headers = sectionHeaders(placed, image.own, image.sectionNames);
  output.write(headers, sectionHeadersOffset);
  output.write(elfHeader({ ...headerFacts(workers.tables, image), placed, sectionHeadersOffset }, options, target), 0);
  output.truncate(sectionHeadersOffset + headers.length);
}

/** Fills debugPiece with the debug sections of the output. */
function cutIntoPieces({ tables }: Workers, ordered: readonly PlacedSection[]): Packed[] {
  const sections = ordered.filter(
    ({ name, flags, type, size }) =>
      name.startsWith(".debug_") && !(flags & SHF_ALLOC) && type !== SHT_NOBITS && size > CHDR,
  );
  let rows = 0;
  const packed = sections.map((section) => {
    const first = rows;
    rows += Math.ceil(section.size / PIECE);
    return { section, first, end: rows };
  });
  tables.allocate("debugPiece", rows);
  const offset = tables.column("debugPiece", "offset");
  const size = tables.column("debugPiece", "size");
  const isLast = tables.column("debugPiece", "isLast");
  const target = tables.column("debugPiece", "target");
  const capacity = tables.column("debugPiece", "capacity");
  for (const { section, first, end } of packed)
    for (let row = first; row < end; row++) {
      const begin = (row - first) * PIECE;
      size[row] = Math.min(PIECE, section.size - begin);
      offset.set(row, section.offset + begin);
      isLast[row] = row + 1 === end ? 1 : 0;
      capacity[row] = capacityOf(size[row]);
      target.set(row, tables.arena.baseAddress + tables.arena.allocate(capacity[row]));
    }
  return packed;
}

function packedSize({ tables }: Workers, { first, end }: Packed): number {
  const packed = tables.column("debugPiece", "packed");
  let size = CHDR + ZLIB_HEADER.length + ADLER_BYTES;
  for (let row = first; row < end; row++) size += packed[row];
  return size;
}

/** Elf64_Chdr, then a zlib stream of the section's pieces. */
function writePacked({ tables }: Workers, { section, first, end }: Packed, output: OutputFile, offset: number): void {
  const packed = tables.column("debugPiece", "packed");
  const size = tables.column("debugPiece", "size");
  const target = tables.column("debugPiece", "target");
  const checksum = tables.column("debugPiece", "checksum");
  const head = new DataView(new ArrayBuffer(CHDR + ZLIB_HEADER.length));
  head.setUint32(0, ELFCOMPRESS_ZLIB, true);
  head.setBigUint64(8, BigInt(section.size), true);
  head.setBigUint64(16, BigInt(section.alignment), true);
  for (const [i, byte] of ZLIB_HEADER.entries()) head.setUint8(CHDR + i, byte);
  output.write(new Uint8Array(head.buffer), offset);
  let at = offset + head.byteLength;
  let adler = 1;
  for (let row = first; row < end; row++) {
    output.write(tables.arena.u8view(target.get(row) - tables.arena.baseAddress, packed[row]), at);
    at += packed[row];
    adler = combineAdler(adler, checksum[row], size[row]);
  }
  const tail = new DataView(new ArrayBuffer(ADLER_BYTES));
  tail.setUint32(0, adler, false);
  output.write(new Uint8Array(tail.buffer), at);
}

/** The Adler-32 (RFC 1950) of two texts one after another, the second of `size` bytes. */
function combineAdler(first: number, second: number, size: number): number {
  const [a1, b1] = [first & 0xffff, first >>> 16];
  const [a2, b2] = [second & 0xffff, second >>> 16];
  const a = (a1 + a2 - 1 + ADLER_BASE) % ADLER_BASE;
  // b2 was summed from a = 1; each of the second text's bytes also adds a1 - 1.
  const b = (b1 + b2 + (size % ADLER_BASE) * ((a1 - 1 + ADLER_BASE) % ADLER_BASE)) % ADLER_BASE;
  return b * 2 ** 16 + a;
}

/** The next offset that is aligned. What was there before is no part of the output any more. */
function skipTo(output: OutputFile, offset: number, alignment: number): number {
  const aligned = Math.ceil(offset / alignment) * alignment;
  if (aligned > offset) output.write(new Uint8Array(aligned - offset), offset);
  return aligned;
}
