/**
 * Place: gives arranged sections their addresses and offsets, which are congruent modulo the page size, so that a
 * page of the file can be mapped where two segments meet. Depends on its arguments only: it can be called again when
 * a size has changed, until nothing moves.
 */
import { SHF_TLS, SHT_NOBITS } from "../elf/constants.ts";
import type { ArrangedPart, ArrangedSection } from "./arrange.ts";
import { type LeftOut, Placed, type PlacedPart, type PlacedSection } from "./placed-section.ts";
import type { LoadSegment } from "./plan.ts";

export interface PlaceOptions {
  /** Address of the first byte of the image. */
  readonly base: number;
  /** Bytes of the ELF header and the program headers, which come first. */
  readonly headerSize: number;
  readonly pageSize: number;
  /** Segments share pages of the file: `-z noseparate-code`, and what lld and mold do. */
  readonly isPacked: boolean;
  /** Bytes of a part. */
  readonly sizeOf: (part: ArrangedPart) => number;
}

export interface Placement {
  readonly placed: Placed;
  /** Where the last section ends in the file. */
  readonly fileEnd: number;
}

export function place(arranged: readonly ArrangedSection[], options: PlaceOptions): Placement {
  const { base, headerSize, pageSize, isPacked } = options;
  let address = base + headerSize;
  let offset = headerSize;
  let load = arranged.find(({ isEmpty, load: first }) => !isEmpty && first !== undefined)?.load;
  if (!load?.hasHeaders) load = undefined;
  // PT_TLS begins where its own alignment allows, which is that of the strictest section in it.
  const threadLocal = arranged.filter(({ flags, isEmpty }) => (flags & SHF_TLS) !== 0 && !isEmpty);
  const threadLocalAlignment = Math.max(1, ...threadLocal.map(({ alignment }) => alignment));
  const alignmentOf = segmentAlignments(arranged, pageSize);
  const sections: PlacedSection[] = [];
  const planned = new Map<string, PlacedSection>();
  const add = (section: ArrangedSection, alignment: number, size: number, at: number): void => {
    const { name, type, flags, entsize, planned: plannedName } = section;
    const parts = partsAt(section, at, offset, options);
    const index = sections.length + 1;
    // Field by field: a spread takes 10 µs, and there may be 100,000 sections.
    const placed: PlacedSection = {
      name,
      type,
      flags,
      alignment,
      entsize,
      load: section.load,
      parts,
      index,
      address: at,
      offset,
      size,
    };
    sections.push(placed);
    if (plannedName !== undefined) planned.set(plannedName, placed);
  };
  const leftOut: LeftOut[] = [];
  for (const section of arranged) {
    if (section.isEmpty) {
      for (const { bucket } of section.parts)
        if (bucket !== undefined) leftOut.push({ bucket, address, index: Math.max(1, sections.length) });
      continue;
    }
    const isZero = section.type === SHT_NOBITS;
    const size = sizeOfSection(section, options);
    const own = section === threadLocal[0] ? threadLocalAlignment : section.alignment;
    if (section.load === undefined) {
      offset = alignUp(offset, section.alignment);
      add(section, section.alignment, size, 0);
      offset += isZero ? 0 : size;
      continue;
    }
    if (section.load !== load) {
      load = section.load;
      // Where segments share pages, the first section must lie where its address does: .tbss takes no part in the file.
      offset = alignUp(offset, isPacked ? own : pageSize);
      // The first address on a page of its own that is congruent to the offset.
      const alignment = alignmentOf.get(load)!;
      address = alignUp(address, pageSize);
      address += (((offset - address) % alignment) + alignment) % alignment;
    }
    const aligned = alignUp(address, own);
    // Zero-filled sections take no bytes of the file, but what follows them in the segment must line up.
    if (!isZero) offset += aligned - address;
    add(section, own, size, aligned);
    if (isZero && section.flags & SHF_TLS) continue; // .tbss is no part of the image: what follows lies at the same address
    address = aligned + size;
    if (!isZero) offset += size;
  }
  return { placed: new Placed(sections, planned, leftOut), fileEnd: offset };
}

/** Bytes of a section: its parts, each where its alignment allows. */
function sizeOfSection({ parts, packedSize }: ArrangedSection, { sizeOf }: Pick<PlaceOptions, "sizeOf">): number {
  if (packedSize !== undefined) return packedSize;
  let at = 0;
  for (const part of parts) at = alignUp(at, part.alignment) + sizeOf(part);
  return at;
}

function partsAt({ parts }: ArrangedSection, address: number, offset: number, { sizeOf }: PlaceOptions): PlacedPart[] {
  let at = 0;
  return parts.map((part) => {
    at = alignUp(at, part.alignment);
    const size = sizeOf(part);
    const placed = {
      bucket: part.bucket,
      own: part.own,
      address: address + at,
      offset: offset + at,
      size,
    };
    at += size;
    return placed;
  });
}

function segmentAlignments(arranged: readonly ArrangedSection[], pageSize: number): Map<LoadSegment, number> {
  const alignments = new Map<LoadSegment, number>();
  for (const { load, alignment, isEmpty } of arranged)
    if (!isEmpty && load !== undefined) alignments.set(load, Math.max(alignments.get(load) ?? pageSize, alignment));
  return alignments;
}

export function alignUp(value: number, alignment: number): number {
  const rest = value % alignment;
  return rest === 0 ? value : value + alignment - rest;
}
