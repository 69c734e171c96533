/**
 * Pack: with --compress-debug-sections, debug sections are made and compressed (gABI ch. 4, Compression) before
 * anything is written, and what is not loaded is placed again by their new sizes. Workers compress each chunk's and
 * each partition's part by itself, so the bytes are the same for any number of workers.
 */
import { ELFCOMPRESS_ZLIB, SHF_ALLOC, SHF_COMPRESSED, SHT_NOBITS } from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { place } from "../output/place.ts";
import type { Placed, PlacedSection } from "../output/placed-section.ts";
import type { Bucket } from "../output/plan.ts";
import { placeSectionHeaders } from "../output/section-headers.ts";
import type { Tables } from "../tables/views.ts";
import type { Target } from "../targets/target.ts";
import type { Image } from "./layout.ts";
import { publish } from "./publish.ts";
import type { Workers } from "./workers.ts";

const CHDR = 24;
/** Deflate, a window of 32 KiB, the fastest level (RFC 1950). */
const ZLIB_HEADER = [0x78, 0x01];
const ADLER_BYTES = 4;
const ADLER_BASE = 65521;
/** Of an Elf64_Chdr. */
const ALIGNMENT = 8;

/** A section of the output that is compressed: what its packed parts lie between. */
export interface PackedSection {
  /** Header index. */
  readonly index: number;
  /** Elf64_Chdr, and how a zlib stream begins. */
  readonly head: Uint8Array;
  /** How it ends. */
  readonly tail: Uint8Array;
}

export interface Packed extends Image {
  readonly packed: readonly PackedSection[];
}

/** A part of a section that has bytes. */
interface Part {
  /** In packedPart. */
  readonly row: number;
  /** Zeros before it. */
  readonly gap: number;
  /** Bytes. */
  readonly size: number;
}

/** A debug section, and all that it is made of. */
interface Candidate {
  readonly section: PlacedSection;
  readonly parts: readonly Part[];
}

export async function pack(workers: Workers, image: Image, options: LinkOptions, target: Target): Promise<Packed> {
  const unpacked = { ...image, packed: [] };
  if (options.compressDebugSections === "none") return unpacked;
  const { tables } = workers;
  const candidates = listCandidates(tables, image);
  if (candidates.length === 0) return unpacked;
  makeRooms(tables, candidates);
  await workers.run("packChunks");
  if (tables.rows("piece") > 0) await workers.run("packPieces", { rows: tables.get("partitions") });

  const sizes = new Map<number, number>();
  const packed: PackedSection[] = [];
  for (const candidate of candidates) {
    const size = packedSize(tables, candidate);
    // As GNU ld: what gets no smaller stays.
    if (size === undefined || size >= candidate.section.size) leave(tables, candidate);
    else {
      sizes.set(candidate.section.index, size);
      packed.push(endsOf(tables, candidate));
    }
  }
  const { placed, fileEnd } = placeAgain(image, sizes);
  publish(workers, placed, image.segments, target);
  for (const { section, parts } of candidates)
    if (sizes.has(section.index)) placeParts(tables, parts, placed.sections[section.index - 1]);
  return { ...image, placed, ...placeSectionHeaders(placed, fileEnd), packed };
}

/** The debug sections of the output. Gives their buckets rows of packedPart. */
function listCandidates(tables: Tables, { placed, buckets, fileBounds }: Image): Candidate[] {
  const debug = placed.sections.filter(
    ({ name, flags, type, size, parts }) =>
      name.startsWith(".debug_") &&
      !(flags & SHF_ALLOC) &&
      type !== SHT_NOBITS &&
      size > CHDR &&
      parts.every(({ bucket }) => bucket !== undefined),
  );
  const partsOf = { chunkBucket: fileBounds.length - 1, mergeCell: tables.get("partitions") };
  const firstPacked = tables.column("bucket", "firstPacked");
  let rows = 0;
  for (const { parts } of debug)
    for (const { bucket } of parts) {
      firstPacked[bucket!.id] = rows + 1;
      rows += partsOf[tableOf(bucket!)];
    }
  tables.allocate("packedPart", rows);
  return debug.map((section) => ({ section, parts: [...partsWithBytes(tables, section, buckets.length)] }));
}

/** Where the parts of a bucket are sized and placed. */
function tableOf({ entsize }: Bucket): "chunkBucket" | "mergeCell" {
  return entsize === 0 ? "chunkBucket" : "mergeCell";
}

/** The parts of a section that have bytes, from first to last. */
function* partsWithBytes(tables: Tables, section: PlacedSection, buckets: number): Generator<Part> {
  const ordinal = tables.column("bucket", "ordinal");
  const firstPacked = tables.column("bucket", "firstPacked");
  let end = 0;
  for (const { bucket, address } of section.parts) {
    const { id } = bucket!;
    const table = tableOf(bucket!);
    const size = tables.column(table, "size");
    const offset = tables.column(table, "offset");
    let row = firstPacked[id] - 1;
    for (let cell = ordinal[id]; cell < tables.rows(table); cell += buckets, row++) {
      if (size.get(cell) === 0) continue;
      const begin = address + offset.get(cell);
      yield { row, gap: begin - end, size: size.get(cell) };
      end = begin + size.get(cell);
    }
  }
}

/** Room for each part, as zlib bounds what it becomes: only what is used of it is touched. */
function makeRooms(tables: Tables, candidates: readonly Candidate[]): void {
  const column = (name: "gap" | "room" | "capacity") => tables.column("packedPart", name);
  const isLast = tables.column("packedPart", "isLast");
  // deflateBound() of zlib.h, for any settings.
  const capacityOf = ({ gap, size }: Part): number => Math.ceil((gap + size) * (1 + 1 / 8 + 1 / 64)) + 64;
  const all = candidates.flatMap(({ parts }) => parts);
  const { arena } = tables;
  let room = arena.baseAddress + arena.allocate(all.reduce((sum, part) => sum + capacityOf(part), 0));
  for (const part of all) {
    const capacity = capacityOf(part);
    column("gap").set(part.row, part.gap);
    column("room").set(part.row, room);
    column("capacity").set(part.row, capacity);
    room += capacity;
  }
  for (const { parts } of candidates) isLast[parts.at(-1)!.row] = 1;
}

/** Bytes of a section, compressed; undefined where some did not fit, because an input has changed. */
function packedSize(tables: Tables, { parts }: Candidate): number | undefined {
  const size = tables.column("packedPart", "size");
  if (parts.some(({ row }) => size.get(row) === 0)) return undefined;
  return parts.reduce((sum, { row }) => sum + size.get(row), CHDR + ZLIB_HEADER.length + ADLER_BYTES);
}

/** A section is written as it is. */
function leave(tables: Tables, { section, parts }: Candidate): void {
  const firstPacked = tables.column("bucket", "firstPacked");
  const size = tables.column("packedPart", "size");
  for (const { bucket } of section.parts) firstPacked[bucket!.id] = 0;
  for (const { row } of parts) size.set(row, 0);
}

function endsOf(tables: Tables, { section, parts }: Candidate): PackedSection {
  const head = new DataView(new ArrayBuffer(CHDR + ZLIB_HEADER.length));
  head.setUint32(0, ELFCOMPRESS_ZLIB, true);
  head.setBigUint64(8, BigInt(section.size), true);
  head.setBigUint64(16, BigInt(section.alignment), true);
  for (const [i, byte] of ZLIB_HEADER.entries()) head.setUint8(CHDR + i, byte);
  const checksum = tables.column("packedPart", "checksum");
  const tail = new DataView(new ArrayBuffer(ADLER_BYTES));
  const adler = parts.reduce((sum, { row, gap, size }) => combineAdler(sum, checksum[row], gap + size), 1);
  tail.setUint32(0, adler, false);
  return { index: section.index, head: new Uint8Array(head.buffer), tail: new Uint8Array(tail.buffer) };
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

/** Places all sections, those of which `sizes` has the compressed size with that. Only what is not loaded moves. */
function placeAgain(
  { arranged, placing, placed: before }: Image,
  sizes: ReadonlyMap<number, number>,
): { readonly placed: Placed; readonly fileEnd: number } {
  let index = 0;
  const again = arranged.map((section) => {
    const size = section.isEmpty ? undefined : sizes.get(++index);
    if (size === undefined) return section;
    return { ...section, flags: section.flags | SHF_COMPRESSED, alignment: ALIGNMENT, packedSize: size };
  });
  const placement = place(again, placing);
  for (const [i, { address, offset, flags }] of placement.placed.sections.entries())
    if (address !== before.sections[i].address || (flags & SHF_ALLOC && offset !== before.sections[i].offset))
      throw new Error("a loaded section was moved by what is not loaded");
  return placement;
}

/** Parts follow one another. */
function placeParts(tables: Tables, parts: readonly Part[], { offset }: PlacedSection): void {
  const size = tables.column("packedPart", "size");
  const fileOffset = tables.column("packedPart", "fileOffset");
  let at = offset + CHDR + ZLIB_HEADER.length;
  for (const { row } of parts) {
    fileOffset.set(row, at);
    at += size.get(row);
  }
}
