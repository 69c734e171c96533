/**
 * Pack: with --compress-debug-sections, debug sections are made and compressed (gABI ch. 4, Compression) before
 * anything is written, and what is not loaded is placed again by their new sizes. Workers compress what a run of chunks
 * or of partitions has of a bucket by itself; runs depend on sizes only, so the bytes are the same for any number of
 * workers.
 */
import { ELFCOMPRESS_ZLIB, SHF_ALLOC, SHF_COMPRESSED, SHT_NOBITS } from "../elf/constants.ts";
import { Elf64_Chdr } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Placed, PlacedSection } from "../output/placed-section.ts";
import type { Bucket } from "../output/plan.ts";
import { placeSectionHeaders } from "../output/section-headers.ts";
import { enumerations } from "../tables/schema.ts";
import type { Tables } from "../tables/views.ts";
import type { Target } from "../targets/target.ts";
import type { Image } from "./layout.ts";
import { publish } from "./publish.ts";
import type { Workers } from "./workers.ts";

const { PartEnding } = enumerations;

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

/** Bytes of a run, at least, where there are as many: what is compressed by itself has no more text to refer to. */
const RUN_BYTES = 1 << 20;
/** Buckets of a run that are compressed side by side, which takes memory; where there are more, each part is a piece. */
const MAX_JOINED_BUCKETS = 64;

/** A part of a section that has bytes. */
interface Part {
  readonly bucket: Bucket;
  readonly table: "chunkBucket" | "mergeCell";
  /** Its chunk, or its partition. */
  readonly of: number;
  /** In packedPart. */
  readonly row: number;
  /** Zeros before it. */
  readonly gap: number;
  /** Bytes. */
  readonly size: number;
}

/** Parts that are compressed as one. */
interface Piece {
  /** In packedPart, that of its first part. */
  readonly row: number;
  /** Bytes, with the gaps before its parts. */
  readonly size: number;
}

/** A debug section, and all that it is made of. */
interface Candidate {
  readonly section: PlacedSection;
  readonly pieces: readonly Piece[];
}

export async function pack(workers: Workers, image: Image, options: LinkOptions, target: Target): Promise<Packed> {
  const unpacked = { ...image, packed: [] };
  if (options.compressDebugSections === "none") return unpacked;
  const { tables } = workers;
  const sections = listDebugSections(image);
  if (sections.length === 0) return unpacked;
  const partsOf = listParts(tables, image, sections);
  const runs = listRuns(tables, image, [...partsOf.values()].flat());
  const candidates = sections.map((section) => ({ section, pieces: joinParts(tables, partsOf.get(section)!, runs) }));
  makeRooms(tables, candidates);
  await workers.run("packChunks", { rows: runs.chunkBucket.count });
  await workers.run("packPieces", { rows: runs.mergeCell.count });

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
  for (const { section, pieces } of candidates)
    if (sizes.has(section.index)) placePieces(tables, pieces, placed.sections[section.index - 1]);
  return { ...image, placed, ...placeSectionHeaders(placed, fileEnd), packed };
}

function listDebugSections({ placed }: Image): PlacedSection[] {
  return placed.sections.filter(
    ({ name, flags, type, size, parts }) =>
      name.startsWith(".debug_") &&
      !(flags & SHF_ALLOC) &&
      type !== SHT_NOBITS &&
      size > Elf64_Chdr.sizeof &&
      parts.every(({ bucket }) => bucket !== undefined),
  );
}

/** Gives buckets their rows of packedPart. Returns the parts of each section. */
function listParts(
  tables: Tables,
  { buckets, fileBounds }: Image,
  sections: readonly PlacedSection[],
): Map<PlacedSection, Part[]> {
  const rowsOf = { chunkBucket: fileBounds.length - 1, mergeCell: tables.get("partitions") };
  const firstPacked = tables.column("bucket", "firstPacked");
  let rows = 0;
  for (const { parts } of sections)
    for (const { bucket } of parts) {
      firstPacked[bucket!.id] = rows + 1;
      rows += rowsOf[tableOf(bucket!)];
    }
  tables.allocate("packedPart", rows);
  return new Map(sections.map((section) => [section, [...partsWithBytes(tables, section, buckets.length)]]));
}

/** Where the parts of a bucket are sized and placed. */
function tableOf({ entsize }: Bucket): Part["table"] {
  return entsize === 0 ? "chunkBucket" : "mergeCell";
}

/** The parts of a section that have bytes, from first to last. Fills their gaps. */
function* partsWithBytes(tables: Tables, section: PlacedSection, buckets: number): Generator<Part> {
  const ordinal = tables.column("bucket", "ordinal");
  const firstPacked = tables.column("bucket", "firstPacked");
  const gaps = tables.column("packedPart", "gap");
  let end = 0;
  for (const { bucket, address } of section.parts) {
    if (bucket === undefined) continue;
    const { id } = bucket;
    const table = tableOf(bucket);
    const sizes = tables.column(table, "size");
    const offset = tables.column(table, "offset");
    for (let of = 0, cell = ordinal[id]; cell < tables.rows(table); of++, cell += buckets) {
      const size = sizes.get(cell);
      if (size === 0) continue;
      const begin = address + offset.get(cell);
      const part = { bucket, table, of, row: firstPacked[id] - 1 + of, gap: begin - end, size };
      gaps.set(part.row, part.gap);
      yield part;
      end = begin + size;
    }
  }
}

/** Runs of chunks or of partitions, by what is compressed of them. */
interface Runs {
  readonly count: number;
  /** The run of each. */
  readonly of: Uint32Array;
}

function listRuns(tables: Tables, { fileBounds }: Image, parts: readonly Part[]): Record<Part["table"], Runs> {
  const bytes = {
    chunkBucket: new Float64Array(fileBounds.length - 1),
    mergeCell: new Float64Array(tables.get("partitions")),
  };
  for (const { table, of, gap, size } of parts) bytes[table][of] += gap + size;
  const isJoined = new Set(parts.map(({ bucket }) => bucket)).size <= MAX_JOINED_BUCKETS;
  const least = isJoined ? RUN_BYTES : 0;
  const firsts = { chunkBucket: firstOfRuns(bytes.chunkBucket, least), mergeCell: firstOfRuns(bytes.mergeCell, least) };
  tables.allocate("packRun", Math.max(firsts.chunkBucket.length, firsts.mergeCell.length));
  tables.column("packRun", "firstChunk").set(firsts.chunkBucket);
  tables.column("packRun", "firstPartition").set(firsts.mergeCell);
  return {
    chunkBucket: runsFrom(firsts.chunkBucket, bytes.chunkBucket.length),
    mergeCell: runsFrom(firsts.mergeCell, bytes.mergeCell.length),
  };
}

/** Where runs begin, and where the last ends; none where there is nothing to compress. */
function firstOfRuns(bytes: Float64Array, least: number): number[] {
  const firsts = [0];
  let sum = 0;
  for (const [i, size] of bytes.entries()) {
    sum += size;
    if (sum < least) continue;
    firsts.push(i + 1);
    sum = 0;
  }
  if (sum > 0) firsts.push(bytes.length);
  return firsts;
}

function runsFrom(firsts: readonly number[], rows: number): Runs {
  const of = new Uint32Array(rows);
  for (let run = 0; run + 1 < firsts.length; run++) of.fill(run, firsts[run], firsts[run + 1]);
  return { count: firsts.length - 1, of };
}

/** The pieces of a section. Says of its parts how they end. */
function joinParts(tables: Tables, parts: readonly Part[], runs: Record<Part["table"], Runs>): Piece[] {
  const endings = tables.column("packedPart", "ending");
  const pieces: { row: number; size: number }[] = [];
  for (const [i, part] of parts.entries()) {
    const next = parts.at(i + 1);
    const before = i === 0 ? undefined : parts[i - 1];
    if (before !== undefined && endings[before.row] === PartEnding.GOES_ON) pieces.at(-1)!.size += part.gap + part.size;
    else pieces.push({ row: part.row, size: part.gap + part.size });
    if (next === undefined) endings[part.row] = PartEnding.STREAM;
    else endings[part.row] = isOnePiece(part, next, runs) ? PartEnding.GOES_ON : PartEnding.BYTE;
  }
  return pieces;
}

function isOnePiece(part: Part, next: Part, runs: Record<Part["table"], Runs>): boolean {
  const { of } = runs[part.table];
  return part.bucket === next.bucket && of[part.of] === of[next.of];
}

/** Room for each piece, as zlib bounds what it becomes: only what is used of it is touched. */
function makeRooms(tables: Tables, candidates: readonly Candidate[]): void {
  const rooms = tables.column("packedPart", "room");
  const capacities = tables.column("packedPart", "capacity");
  // deflateBound() of zlib.h, for any settings.
  const capacityOf = ({ size }: Piece): number => Math.ceil(size * (1 + 1 / 8 + 1 / 64)) + 64;
  const all = candidates.flatMap(({ pieces }) => pieces);
  const { arena } = tables;
  let room = arena.baseAddress + arena.allocate(all.reduce((sum, piece) => sum + capacityOf(piece), 0));
  for (const piece of all) {
    const capacity = capacityOf(piece);
    rooms.set(piece.row, room);
    capacities.set(piece.row, capacity);
    room += capacity;
  }
}

/** Bytes of a section, compressed; undefined where some did not fit, because an input has changed. */
function packedSize(tables: Tables, { pieces }: Candidate): number | undefined {
  const size = tables.column("packedPart", "size");
  if (pieces.some(({ row }) => size.get(row) === 0)) return undefined;
  return pieces.reduce((sum, { row }) => sum + size.get(row), Elf64_Chdr.sizeof + ZLIB_HEADER.length + ADLER_BYTES);
}

/** A section is written as it is. */
function leave(tables: Tables, { section, pieces }: Candidate): void {
  const firstPacked = tables.column("bucket", "firstPacked");
  const size = tables.column("packedPart", "size");
  for (const { bucket } of section.parts) firstPacked[bucket!.id] = 0;
  for (const { row } of pieces) size.set(row, 0);
}

function endsOf(tables: Tables, { section, pieces }: Candidate): PackedSection {
  const head = new DataView(new ArrayBuffer(Elf64_Chdr.sizeof + ZLIB_HEADER.length));
  head.setUint32(Elf64_Chdr.ch_type, ELFCOMPRESS_ZLIB, true);
  head.setBigUint64(Elf64_Chdr.ch_size, BigInt(section.size), true);
  head.setBigUint64(Elf64_Chdr.ch_addralign, BigInt(section.alignment), true);
  for (const [i, byte] of ZLIB_HEADER.entries()) head.setUint8(Elf64_Chdr.sizeof + i, byte);
  const checksum = tables.column("packedPart", "checksum");
  const tail = new DataView(new ArrayBuffer(ADLER_BYTES));
  const adler = pieces.reduce((sum, { row, size }) => combineAdler(sum, checksum[row], size), 1);
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
  { placer, placed: before }: Image,
  sizes: ReadonlyMap<number, number>,
): { readonly placed: Placed; readonly fileEnd: number } {
  let index = 0;
  const again = placer.sections.map((section) => {
    const size = section.isEmpty ? undefined : sizes.get(++index);
    if (size === undefined) return section;
    return { ...section, flags: section.flags | SHF_COMPRESSED, alignment: ALIGNMENT, packedSize: size };
  });
  const placement = placer.again(again);
  for (const [i, { address, offset, flags }] of placement.placed.sections.entries())
    if (address !== before.sections[i].address || (flags & SHF_ALLOC && offset !== before.sections[i].offset))
      throw new Error("a loaded section was moved by what is not loaded");
  return placement;
}

/** Pieces follow one another. */
function placePieces(tables: Tables, pieces: readonly Piece[], { offset }: PlacedSection): void {
  const size = tables.column("packedPart", "size");
  const fileOffset = tables.column("packedPart", "fileOffset");
  let at = offset + Elf64_Chdr.sizeof + ZLIB_HEADER.length;
  for (const { row } of pieces) {
    fileOffset.set(row, at);
    at += size.get(row);
  }
}
