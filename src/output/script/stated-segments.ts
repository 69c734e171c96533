/**
 * Which sections that have their addresses are loaded together, and where each is in the file: by PHDRS where a script
 * has that, else as GNU ld decides it. An address and its offset are congruent modulo the page size.
 */
import { PT_LOAD, PT_NULL, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS } from "../../elf/constants.ts";
import type { SegmentDescription } from "../../script/commands.ts";
import type { Expression } from "../../script/expressions.ts";
import { alignAddress, type Located } from "./located-section.ts";
import { isAllocated, isBare, isTbss } from "./stated-section.ts";

export interface SegmentOptions {
  readonly maxPageSize: number;
  /** The loader maps pages of the file: not -n, not -N. */
  readonly isPaged: boolean;
  /** Code has pages of its own. */
  readonly isCodeSeparate: boolean;
  /** Bytes of the ELF header and the program headers. */
  readonly headerSize: number;
  /** The headers are loaded if they can be: the script asks for their size. */
  readonly wantsHeaders: boolean;
  readonly valueOf: (expression: Expression) => number;
}

/** A segment, with its sections. */
export interface StatedSegment {
  /** PT_LOAD and the like. */
  readonly type: number;
  readonly sections: readonly Located[];
  /** It maps the file from its start. */
  readonly hasHeaders: boolean;
  /** Of headers that are alone: what is loaded behind them. */
  readonly before?: Located | undefined;
  readonly stated: SegmentDescription | undefined;
}

export interface SegmentMap {
  /** In the order of program headers. */
  readonly segments: readonly StatedSegment[];
  /** In the file, by section. */
  readonly offsets: ReadonlyMap<Located, number>;
  readonly fileEnd: number;
  /** Names of sections that take memory and are in no segment: a loader will not load them. */
  readonly unmapped: readonly string[];
}

export function mapToSegments(
  located: readonly Located[],
  programHeaders: readonly SegmentDescription[],
  options: SegmentOptions,
): SegmentMap {
  const segments =
    programHeaders.length > 0 ? statedSegments(located, programHeaders, options) : runs(located, options);
  const offsets = new Map<Located, number>();
  let end = options.headerSize;
  for (const segment of segments)
    if (segment.type === PT_LOAD) end = Math.max(end, placeInFile(segment, end, options, offsets));
  for (const item of located) {
    if (offsets.has(item)) continue;
    const { section, value } = item;
    end = alignAddress(end, isAllocated(section) ? 1 : value.alignment);
    offsets.set(item, end);
    if (section.type !== SHT_NOBITS) end += value.size;
  }
  const mapped = new Set(segments.flatMap(({ type, sections }) => (type === PT_LOAD ? sections : [])));
  const unmapped = located.filter((item) => isAllocated(item.section) && item.value.size > 0 && !mapped.has(item));
  return { segments, offsets, fileEnd: end, unmapped: unmapped.map(({ section }) => section.name) };
}

/** As GNU ld: sections in the order of their load addresses; a new segment where one cannot hold the next one. */
function runs(located: readonly Located[], options: SegmentOptions): StatedSegment[] {
  const ordered = located
    .filter(({ section, value }) => isAllocated(section) && !(value.size === 0 && isBare(section)))
    .sort(byLoadAddress);
  const groups: Located[][] = [];
  let flags = 0;
  let last: Located | undefined;
  for (const item of ordered) {
    const { section } = item;
    const isNew = last === undefined || needsNewSegment(last, item, flags, options);
    if (isNew) groups.push([item]);
    else groups.at(-1)!.push(item);
    flags = isNew ? section.flags : flags | section.flags;
    last = item;
  }
  const [first] = groups;
  const hasHeaders = first !== undefined && hasRoomForHeaders(first[0]!, options);
  const isApart =
    hasHeaders &&
    options.isCodeSeparate &&
    (first[0]!.section.flags & SHF_EXECINSTR) !== 0 &&
    !isBare(first[0]!.section);
  const segments = groups.map((sections): StatedSegment => ({
    type: PT_LOAD,
    sections,
    hasHeaders: sections === first && hasHeaders && !isApart,
    stated: undefined,
  }));
  if (isApart) segments.unshift({ type: PT_LOAD, sections: [], hasHeaders: true, before: first[0], stated: undefined });
  return segments;
}

function byLoadAddress(a: Located, b: Located): number {
  const [first, second] = [a.value, b.value];
  const loaded = ({ section, value }: Located): number => (section.type === SHT_NOBITS ? 0 : value.size);
  const isLoaded = ({ section, value }: Located): number =>
    section.type === SHT_NOBITS && value.size > 0 && !isTbss(section) ? 1 : 0;
  return (
    compareUnsigned(first.loadAddress, second.loadAddress) ||
    compareUnsigned(first.address, second.address) ||
    isLoaded(a) - isLoaded(b) ||
    loaded(a) - loaded(b) ||
    first.index - second.index
  );
}

/** Negative numbers are the upper half of the address space. */
function compareUnsigned(a: number, b: number): number {
  if (a < 0 !== b < 0) return a < 0 ? 1 : -1;
  return a - b;
}

const pageOf = (address: number, page: number): number => Math.floor(address / page);

function needsNewSegment(last: Located, next: Located, flags: number, options: SegmentOptions): boolean {
  const { maxPageSize: page, isPaged, isCodeSeparate } = options;
  const [before, after] = [last.value, next.value];
  const end = before.loadAddress + (isTbss(last.section) ? 0 : before.size);
  if (before.loadAddress - before.address !== after.loadAddress - after.address) return true;
  if (compareUnsigned(after.loadAddress, end) < 0) return true;
  if (isPaged && pageOf(end - 1, page) === pageOf(after.loadAddress, page)) return false; // one page is mapped once
  if (alignAddress(end, page) + page <= after.loadAddress) return true; // a whole page would be skipped
  const isZero = (item: Located): boolean => item.section.type === SHT_NOBITS && (item.section.flags & SHF_TLS) === 0;
  if (isZero(last) && !isZero(next)) return true;
  if (!isPaged) return false;
  if (isCodeSeparate && (flags & SHF_EXECINSTR) !== (next.section.flags & SHF_EXECINSTR)) return true;
  return (flags & SHF_WRITE) === 0 && (next.section.flags & SHF_WRITE) !== 0;
}

function hasRoomForHeaders({ value }: Located, options: SegmentOptions): boolean {
  const { isPaged, maxPageSize, headerSize, wantsHeaders } = options;
  if (!isPaged || compareUnsigned(value.loadAddress, headerSize) < 0) return false;
  return wantsHeaders || ((value.loadAddress % maxPageSize) + maxPageSize) % maxPageSize >= headerSize % maxPageSize;
}

/** PHDRS: each section is where it, or the one before it, says. */
function statedSegments(
  located: readonly Located[],
  programHeaders: readonly SegmentDescription[],
  { valueOf }: SegmentOptions,
): StatedSegment[] {
  const sections = new Map<string, Located[]>(programHeaders.map(({ name }) => [name, []]));
  let names: readonly string[] = programHeaders
    .filter((header) => valueOf(header.type) === PT_LOAD)
    .slice(0, 1)
    .map(({ name }) => name);
  for (const item of located) {
    const { section } = item;
    const asked = section.stated?.segments ?? [];
    if (asked.length > 0) names = asked;
    if (!isAllocated(section)) continue;
    for (const name of names) if (name !== "NONE") sections.get(name)!.push(item);
  }
  return programHeaders
    .map((stated) => ({
      type: valueOf(stated.type),
      sections: sections.get(stated.name)!,
      hasHeaders: stated.hasFileHeader,
      stated,
    }))
    .filter(({ type }) => type !== PT_NULL);
}

/** Gives the sections of a segment their offsets. Returns where it ends in the file. */
function placeInFile(
  { sections, hasHeaders, stated }: StatedSegment,
  end: number,
  { maxPageSize, isPaged, headerSize }: SegmentOptions,
  offsets: Map<Located, number>,
): number {
  const [first] = sections;
  if (first === undefined) return end;
  const alignment = sections.reduce(
    (largest, { value }) => Math.max(largest, value.alignment),
    isPaged ? maxPageSize : 1,
  );
  const from = hasHeaders || stated?.hasProgramHeaders ? headerSize : end;
  const { address } = first.value;
  const begin = from + ((((address - from) % alignment) + alignment) % alignment);
  let fileEnd = begin;
  for (const item of sections) {
    const { section, value } = item;
    if (offsets.has(item)) continue;
    if (section.type === SHT_NOBITS) {
      offsets.set(item, fileEnd);
      continue;
    }
    const offset = begin + value.address - address;
    offsets.set(item, offset);
    fileEnd = Math.max(fileEnd, offset + value.size);
  }
  return fileEnd;
}
