/** Place as a script states it: addresses by a walk over its statements, then segments, then places in the file. */
import type { ElfSegment } from "../../elf/elf-file.ts";
import {
  PT_GNU_RELRO,
  PT_LOAD,
  PT_PHDR,
  SHF_EXECINSTR,
  SHF_TLS,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_PROGBITS,
} from "../../elf/constants.ts";
import type { LinkOptions } from "../../options/link-options.ts";
import { addressOf, evaluate, type Value } from "../../script/evaluate.ts";
import { type Expression, ExpressionError } from "../../script/expressions.ts";
import type { ScriptPlace, SegmentDescription } from "../../script/commands.ts";
import type { ArrangedPart, ArrangedSection } from "../arrange.ts";
import { headerSize as sizeOfHeaders } from "../elf-header.ts";
import type { Placement, Placer } from "../kind-placer.ts";
import type { Located, StatedError } from "./located-section.ts";
import type { MemoryUsage } from "./memory-regions.ts";
import { overlapsOf } from "./overlaps.ts";
import { Placed, type PlacedPart, type PlacedSection } from "../placed-section.ts";
import type { StatedPlan } from "../plan.ts";
import { PF_R, PF_W, PF_X, segmentsOf } from "../program-headers.ts";
import { StatedLayout, type SymbolSource, type Walked } from "./stated-layout.ts";
import { type ArrangedItem, isBare, isSection, isTbss } from "./stated-section.ts";
import { mapToSegments, type SegmentMap, type StatedSegment } from "./stated-segments.ts";

/** Bytes that a script gives, over and over, and where they are in the file. */
export interface StatedBytes {
  readonly offset: number;
  readonly size: number;
  readonly bytes: Uint8Array;
}

export interface StatedPlacement extends Placement {
  readonly bytes: readonly StatedBytes[];
  /** What statements assign to each symbol. */
  readonly values: ReadonlyMap<string, Value>;
  readonly errors: readonly StatedError[];
  /** Sections that take memory and are in no segment. */
  readonly unmapped: readonly string[];
  readonly isProvisional: boolean;
  /** It depends on addresses of inputs' symbols, and may be another one once they are known. */
  readonly usesSymbols: boolean;
  readonly memoryUsage: readonly MemoryUsage[];
}

export interface StatedPlacing {
  readonly plan: StatedPlan;
  readonly items: readonly ArrangedItem[];
  readonly options: LinkOptions;
  readonly isStackExecutable: boolean | undefined;
  readonly codeFiller: number;
  readonly sizeOf: (part: ArrangedPart) => number;
  readonly symbols: SymbolSource;
}

/** As many program headers as most outputs of scripts have: of programs with a loader, and of others. */
const EXPECTED_SEGMENTS = { dynamic: 13, other: 3 };
/** Walks that a script may take until its symbols have the values that they have at the end. */
const MAX_WALKS = 16;

/** Places sections and evaluates statements; it keeps what it found, and can be asked again when symbols are known. */
export class StatedPlacer implements Placer {
  readonly #placing: StatedPlacing;
  readonly #layout: StatedLayout;
  #headerSize: number;

  get sections(): readonly ArrangedSection[] {
    return this.#placing.items.filter(isSection);
  }

  constructor(placing: StatedPlacing) {
    const { plan, items, options, codeFiller, sizeOf, symbols } = placing;
    this.#placing = placing;
    const { z, paged } = options;
    this.#layout = new StatedLayout(plan, items, {
      maxPageSize: z.maxPageSize,
      isRelro: z.isRelro && paged === "segments",
      codeFiller,
      sizeOf,
      symbols,
      sectionStart: (name) => options.sectionStarts.get(name),
      segmentStart: (name) => {
        const start = name === "text-segment" ? options.imageBase : options.segmentStarts.get(name);
        return start === undefined ? undefined : BigInt(start);
      },
    });
    const { programHeaders } = plan;
    const isDynamic = items.some((item) => isSection(item) && item.parts.some((part) => part.own === "dynamic"));
    const expected = isDynamic ? EXPECTED_SEGMENTS.dynamic : EXPECTED_SEGMENTS.other;
    this.#headerSize = sizeOfHeaders(programHeaders.length > 0 ? programHeaders.length : expected);
  }

  place(): StatedPlacement {
    for (let walks = 1; ; walks++) {
      const walked = this.#layout.walk(this.#headerSize);
      const placement = this.#placement(walked);
      const wanted = sizeOfHeaders(placement.segments.length);
      const isSettled = wanted === this.#headerSize;
      this.#headerSize = wanted;
      if ((isSettled && !walked.isProvisional) || walks === MAX_WALKS) return placement;
      if (isSettled && walks > 2 && walked.errors.length > 0) return placement;
    }
  }

  /** With other sections in place of those that have been compressed. */
  again(sections: readonly ArrangedSection[]): StatedPlacement {
    let next = 0;
    const items = this.#placing.items.map((item) => (isSection(item) ? sections[next++]! : item));
    return new StatedPlacer({ ...this.#placing, items }).place();
  }

  #placement(walked: Walked): StatedPlacement {
    const { plan, options, isStackExecutable } = this.#placing;
    const { z, paged } = options;
    const headerSize = this.#headerSize;
    const map = mapToSegments(walked.located, plan.programHeaders, {
      maxPageSize: z.maxPageSize,
      isPaged: paged === "segments",
      isCodeSeparate: z.separate !== "none",
      headerSize,
      wantsHeaders: walked.usesHeaders,
      valueOf: (expression) => this.#value(expression, walked, undefined),
    });
    const sections = walked.located.map((located, i) => placedSection(located, map.offsets.get(located)!, i + 1));
    const planned = new Map<string, PlacedSection>();
    for (const section of sections) if (!planned.has(section.name)) planned.set(section.name, section);
    const placed = new Placed(sections, planned, walked.leftOut);
    const headerAddress = addressOfHeaders(map);
    const segments =
      plan.programHeaders.length > 0
        ? map.segments.map((segment) => this.#statedSegment(segment, map, walked))
        : segmentsOf(plan.segments, placed, {
            options,
            headerSize,
            headerAddress,
            loads: map.segments.map((segment) => {
              const load = loadOf(segment, map, headerSize, z.maxPageSize, paged !== "segments");
              return paged === "none" ? { ...load, flags: PF_R | PF_W | PF_X } : load; // -N: code may write itself
            }),
            relro: relroOf(walked, sections),
            isStackExecutable,
          });
    const bytes = walked.located.flatMap((located) => bytesOf(located, map.offsets.get(located)!));
    const { values, isProvisional, usesSymbols, memoryUsage } = walked;
    const errors = [...walked.errors, ...(options.isCheckSections ? overlapsOf(walked.located) : [])];
    return {
      placed,
      fileEnd: map.fileEnd,
      segments,
      headerAddress,
      bytes,
      values,
      errors,
      unmapped: map.unmapped,
      isProvisional,
      usesSymbols,
      memoryUsage,
    };
  }

  /** What PHDRS says, once sections and symbols have their addresses. */
  #value(expression: Expression, { values, located, errors }: Walked, place: ScriptPlace | undefined): number {
    try {
      const value = evaluate(expression, {
        symbol: (name) => {
          const found = values.get(name);
          if (found === undefined) throw new ExpressionError(`'${name}' has no value in PHDRS`);
          return found;
        },
        isDefined: (name) => values.has(name),
        section: (name) => located.find(({ section }) => section.name === name)?.value,
        headerSize: this.#headerSize,
        maxPageSize: this.#placing.options.z.maxPageSize,
        dot: 0,
      });
      return Number(BigInt.asIntN(64, addressOf(value)));
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      errors.push({ place, detail: error.message });
      return 0;
    }
  }

  /** The program headers themselves, where a segment loads them. */
  #programHeaders(map: SegmentMap, stated: SegmentDescription | undefined, walked: Walked): ElfSegment {
    const begin = sizeOfHeaders(0);
    const address = (addressOfHeaders(map) ?? -begin) + begin;
    const size = this.#headerSize - begin;
    const flags = stated?.flags === undefined ? PF_R : this.#value(stated.flags, walked, stated.place);
    return { type: PT_PHDR, flags, offset: begin, address, fileSize: size, memorySize: size, alignment: 8 };
  }

  /** A segment of PHDRS. */
  #statedSegment(segment: StatedSegment, map: SegmentMap, walked: Walked): ElfSegment {
    const { stated, type } = segment;
    const { z, paged } = this.#placing.options;
    if (type === PT_PHDR) return this.#programHeaders(map, stated, walked);
    const load = loadOf(
      segment,
      map,
      this.#headerSize,
      type === PT_LOAD ? z.maxPageSize : 1,
      paged !== "segments" || type !== PT_LOAD,
    );
    const flags = stated?.flags === undefined ? load.flags : this.#value(stated.flags, walked, stated.place);
    const loadAddress =
      stated?.loadAddress === undefined ? load.loadAddress : this.#value(stated.loadAddress, walked, stated.place);
    return { ...load, type, flags, ...(loadAddress === undefined ? {} : { loadAddress }) };
  }
}

function placedSection({ section, value, parts }: Located, offset: number, index: number): PlacedSection {
  const { name, entsize } = section;
  const isNothing = value.size === 0 && isBare(section);
  // As GNU ld has what nothing but `.` keeps in the output.
  const isKnown = /^\.(text|rodata|data|bss)$/.test(name);
  const type = isNothing && name !== ".bss" ? SHT_PROGBITS : section.type;
  const flags = isNothing && !isKnown ? SHF_WRITE : section.flags;
  const { address, loadAddress, alignment, size } = value;
  const places: PlacedPart[] = [];
  for (const { part, offset: at, size: bytes, bytes: own, fill } of parts)
    if (own === undefined && part.content === undefined)
      places.push({
        bucket: part.bucket,
        own: part.own,
        address: address + at,
        offset: offset + at,
        size: bytes,
        fill,
      });
  return {
    name,
    type,
    flags,
    alignment,
    entsize,
    load: undefined,
    parts: places,
    index,
    address,
    loadAddress,
    offset,
    size,
  };
}

function bytesOf({ section, parts }: Located, offset: number): StatedBytes[] {
  if (section.type === SHT_NOBITS) return [];
  return parts.flatMap(({ offset: at, size, bytes }) =>
    bytes === undefined ? [] : [{ offset: offset + at, size, bytes }],
  );
}

/** What a segment loads, as its sections are; `page` is the least alignment. */
function loadOf(
  { sections, hasHeaders, before: next, stated, type }: StatedSegment,
  { offsets }: SegmentMap,
  headerSize: number,
  page: number,
  isUnpaged: boolean,
): ElfSegment {
  const [first] = sections;
  if (first === undefined) {
    const isHeader = hasHeaders || stated?.hasProgramHeaders === true;
    const size = isHeader ? headerSize : 0;
    // As if what follows began with the page of the file that the headers are in.
    const from = next === undefined ? 0 : offsets.get(next)!;
    const address = next === undefined ? 0 : next.value.address - from;
    const loadAddress = next === undefined ? 0 : next.value.loadAddress - from;
    return {
      type,
      flags: PF_R,
      offset: 0,
      address,
      loadAddress,
      fileSize: size,
      memorySize: size,
      alignment: Math.max(page, 8),
    };
  }
  const firstOffset = offsets.get(first)!;
  const begin = hasHeaders ? 0 : stated?.hasProgramHeaders ? sizeOfHeaders(0) : firstOffset;
  let [fileEnd, memoryEnd] = [firstOffset, first.value.address];
  let flags = PF_R;
  for (const item of sections) {
    const { section, value } = item;
    if (section.flags & SHF_WRITE) flags |= PF_W;
    if (section.flags & SHF_EXECINSTR) flags |= PF_X;
    if (section.type !== SHT_NOBITS) fileEnd = Math.max(fileEnd, offsets.get(item)! + value.size);
    if (!isTbss(section) || type !== PT_LOAD) memoryEnd = Math.max(memoryEnd, value.address + value.size);
  }
  const before = firstOffset - begin;
  const alignment = sections.reduce((largest, { value }) => Math.max(largest, value.alignment), isUnpaged ? 1 : page);
  return {
    type,
    flags,
    offset: begin,
    address: first.value.address - before,
    loadAddress: first.value.loadAddress - before,
    fileSize: fileEnd - begin,
    memorySize: memoryEnd - first.value.address + before,
    alignment,
  };
}

/** Address of the ELF header, where a segment loads it. */
function addressOfHeaders({ segments, offsets }: SegmentMap): number | undefined {
  const segment = segments.find(({ hasHeaders }) => hasHeaders);
  const first = segment?.sections[0] ?? segment?.before;
  return first && first.value.address - offsets.get(first)!;
}

/** What the loader protects: from the first section of the data segment to where DATA_SEGMENT_RELRO_END says. */
function relroOf({ relro }: Walked, sections: readonly PlacedSection[]): ElfSegment | undefined {
  if (relro === undefined) return undefined;
  const inside = sections.filter(
    ({ flags, address, size, type }) =>
      flags & (SHF_WRITE | SHF_TLS) &&
      address >= relro.begin &&
      address + (flags & SHF_TLS && type === SHT_NOBITS ? 0 : size) <= relro.end,
  );
  const [first] = inside;
  const last = inside.findLast(({ type }) => type !== SHT_NOBITS);
  if (first === undefined || last === undefined) return undefined;
  return {
    type: PT_GNU_RELRO,
    flags: PF_R,
    offset: first.offset,
    address: first.address,
    fileSize: last.offset + last.size - first.offset,
    memorySize: relro.end - first.address,
    alignment: 1,
  };
}
