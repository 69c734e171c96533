/** Segments: what the loader maps and what it is told besides (gABI ch. 5, Program Header), as a plan lists them. */
import * as elf from "../elf/constants.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { Elf64_Ehdr } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { alignUp } from "./place.ts";
import { endOf, type Placed, type PlacedSection } from "./placed-section.ts";
import type { KindPlan, LoadSegment, SegmentPlan } from "./plan.ts";

/** p_flags (gABI ch. 5, Segment Permissions). */
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

const accessFlags: Readonly<Record<LoadSegment["access"], number>> = {
  read: PF_R,
  execute: PF_R | PF_X,
  write: PF_R | PF_W,
};

/** What segments depend on besides the sections. */
export interface SegmentFacts {
  readonly options: LinkOptions;
  /** Bytes of the ELF header and the program headers. */
  readonly headerSize: number;
  /** Where these are in memory; undefined: nowhere. */
  readonly headerAddress: number | undefined;
  /** What is loaded, in order. */
  readonly loads: readonly ElfSegment[];
  readonly relro: ElfSegment | undefined;
  /** Undefined: nothing is said of the stack. */
  readonly isStackExecutable: boolean | undefined;
}

/** The segments for sections that have their places. Called before too, when only their number counts. */
export function segmentsOf(plans: readonly SegmentPlan[], placed: Placed, facts: SegmentFacts): ElfSegment[] {
  const list = new SegmentList(plans, placed, facts);
  for (const segment of plans) list.add(segment);
  return list.segments;
}

/** Whether what is loaded may be written and run, which a program rarely means. */
export const isLoadedWithAllPermissions = ({ type, flags }: ElfSegment): boolean =>
  type === elf.PT_LOAD && flags === (PF_R | PF_W | PF_X);

const isZero = (section: PlacedSection): boolean => section.type === elf.SHT_NOBITS;
const isTls = (section: PlacedSection): boolean => (section.flags & elf.SHF_TLS) !== 0;

class SegmentList {
  readonly segments: ElfSegment[] = [];
  readonly #plans: readonly SegmentPlan[];
  readonly #placed: Placed;
  readonly #facts: SegmentFacts;

  constructor(plans: readonly SegmentPlan[], placed: Placed, facts: SegmentFacts) {
    this.#plans = plans;
    this.#placed = placed;
    this.#facts = facts;
  }

  add(segment: SegmentPlan): void {
    const { sections } = this.#placed;
    if ("loads" in segment) {
      this.segments.push(...this.#facts.loads);
      return;
    }
    if ("own" in segment) {
      const section = this.#find(segment);
      return this.#addSections(segment.type, segment.isWritable ? PF_R | PF_W : PF_R, section ? [section] : []);
    }
    switch (segment.type) {
      case elf.PT_PHDR:
        return this.#addProgramHeaders();
      case elf.PT_NOTE:
        for (const notes of noteRuns(sections)) this.#addSections(elf.PT_NOTE, PF_R, notes);
        return;
      case elf.PT_TLS:
        return this.#addSections(elf.PT_TLS, PF_R, sections.filter(isTls));
      case elf.PT_GNU_STACK:
        return this.#addStack();
      case elf.PT_GNU_RELRO:
        if (this.#facts.relro !== undefined) this.segments.push(this.#facts.relro);
    }
  }

  #find({ own, orNamed }: Extract<SegmentPlan, { own: unknown }>): PlacedSection | undefined {
    const isNamed = ({ name, flags }: PlacedSection): boolean => name === orNamed && (flags & elf.SHF_ALLOC) !== 0;
    return this.#placed.own(own)?.section ?? this.#placed.sections.find(isNamed);
  }

  #addSections(type: number, flags: number, sections: readonly PlacedSection[]): void {
    if (sections.length > 0) this.segments.push(segmentOf(type, flags, sections));
  }

  #addProgramHeaders(): void {
    const isInterpreted = this.#plans.some(
      (segment) => "own" in segment && segment.type === elf.PT_INTERP && this.#find(segment) !== undefined,
    );
    const { headerAddress } = this.#facts;
    if (!isInterpreted || headerAddress === undefined) return;
    const size = this.#facts.headerSize - Elf64_Ehdr.sizeof;
    this.segments.push({
      type: elf.PT_PHDR,
      flags: PF_R,
      offset: Elf64_Ehdr.sizeof,
      address: headerAddress + Elf64_Ehdr.sizeof,
      fileSize: size,
      memorySize: size,
      alignment: 8,
    });
  }

  #addStack(): void {
    const { isStackExecutable, options } = this.#facts;
    if (isStackExecutable === undefined) return;
    this.segments.push({
      type: elf.PT_GNU_STACK,
      flags: PF_R | PF_W | (isStackExecutable ? PF_X : 0),
      offset: 0,
      address: 0,
      fileSize: 0,
      memorySize: options.z.stackSize ?? 0,
      alignment: 16,
    });
  }
}

/** What maps these sections. */
function segmentOf(type: number, flags: number, sections: readonly PlacedSection[], alignment?: number): ElfSegment {
  const [first] = sections;
  const inFile = sections.findLast((section) => !isZero(section));
  const inMemory = sections.findLast((section) => !(isTls(section) && isZero(section)) || type === elf.PT_TLS) ?? first;
  return {
    type,
    flags,
    offset: first.offset,
    address: first.address,
    fileSize: inFile === undefined ? 0 : inFile.offset + inFile.size - first.offset,
    memorySize: Math.max(endOf(inMemory) - first.address, 0),
    alignment: alignment ?? Math.max(...sections.map((section) => section.alignment)),
  };
}

/** What a plan of kinds loads, and what of it the loader protects. */
export function kindLoads(
  { slots, base }: KindPlan,
  { sections: all }: Placed,
  headerSize: number,
  options: LinkOptions,
): { readonly loads: readonly ElfSegment[]; readonly relro: ElfSegment | undefined } {
  const page = options.z.maxPageSize;
  const byLoad = new Map<LoadSegment, PlacedSection[]>();
  for (const { load } of slots) if (load !== undefined) byLoad.set(load, []);
  for (const section of all) if (section.load !== undefined) byLoad.get(section.load)!.push(section);
  const loads: ElfSegment[] = [];
  let relro: ElfSegment | undefined;
  for (const [load, sections] of byLoad) {
    const flags = accessFlags[load.access];
    const alignment = Math.max(page, ...sections.map((section) => section.alignment));
    if (load.hasHeaders) {
      const last = sections.at(-1);
      const size = last === undefined ? headerSize : last.offset + last.size;
      loads.push({ type: elf.PT_LOAD, flags, offset: 0, address: base, fileSize: size, memorySize: size, alignment });
      continue;
    }
    if (sections.length === 0) continue;
    const code = sections.some((section) => section.flags & elf.SHF_EXECINSTR) ? PF_X : 0; // code that may be written is with data
    let segment = segmentOf(elf.PT_LOAD, flags | code, sections, alignment);
    if (load.isProtected) {
      // The loader protects whole pages: the segment is given the rest of its last one.
      segment = { ...segment, memorySize: alignUp(segment.address + segment.memorySize, page) - segment.address };
      relro = { ...segment, type: elf.PT_GNU_RELRO, flags: PF_R, alignment: 1 };
    }
    loads.push(segment);
  }
  return { loads, relro };
}

/** Notes that lie together with the same alignment share a segment: readers walk it as one list. */
function noteRuns(ordered: readonly PlacedSection[]): PlacedSection[][] {
  const runs: PlacedSection[][] = [];
  let previous: PlacedSection | undefined;
  for (const section of ordered) {
    const isNote = section.type === elf.SHT_NOTE && (section.flags & elf.SHF_ALLOC) !== 0;
    if (isNote) {
      if (previous?.type === elf.SHT_NOTE && previous.alignment === section.alignment) runs.at(-1)!.push(section);
      else runs.push([section]);
    }
    previous = section;
  }
  return runs;
}
