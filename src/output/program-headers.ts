/** Segments: what the loader maps and what it is told besides (gABI ch. 5, Program Header), as a plan lists them. */
import * as elf from "../elf/constants.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { Elf64_Ehdr } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { alignUp } from "./place.ts";
import { endOf, type Placed, type PlacedSection } from "./placed-section.ts";
import type { LoadSegment, OutputPlan, SegmentPlan } from "./plan.ts";

const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

const accessFlags: Readonly<Record<LoadSegment["access"], number>> = {
  read: PF_R,
  execute: PF_R | PF_X,
  write: PF_R | PF_W,
};

/** What segments depend on besides the sections. */
export interface SegmentFacts {
  readonly options: LinkOptions;
  /** Bytes of the ELF header and the program headers, which the first segment maps. */
  readonly headerSize: number;
  /** Undefined: nothing is said of the stack. */
  readonly isStackExecutable: boolean | undefined;
}

/** The segments for sections that have their places. Called before too, when only their number counts. */
export function segmentsOf(plan: OutputPlan, placed: Placed, facts: SegmentFacts): ElfSegment[] {
  const list = new SegmentList(plan, placed, facts);
  for (const segment of plan.segments) list.add(segment);
  return list.segments;
}

/** Whether what is loaded may be written and run, which a program rarely means. */
export const isLoadedWithAllPermissions = ({ type, flags }: ElfSegment): boolean =>
  type === elf.PT_LOAD && flags === (PF_R | PF_W | PF_X);

const isZero = (section: PlacedSection): boolean => section.type === elf.SHT_NOBITS;
const isTls = (section: PlacedSection): boolean => (section.flags & elf.SHF_TLS) !== 0;

class SegmentList {
  readonly segments: ElfSegment[] = [];
  readonly #plan: OutputPlan;
  readonly #placed: Placed;
  readonly #facts: SegmentFacts;

  constructor(plan: OutputPlan, placed: Placed, facts: SegmentFacts) {
    this.#plan = plan;
    this.#placed = placed;
    this.#facts = facts;
  }

  add(segment: SegmentPlan): void {
    const { sections } = this.#placed;
    if ("loads" in segment) return this.#addLoads();
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
        return this.#addProtected();
    }
  }

  #find({ own, orNamed }: Extract<SegmentPlan, { own: unknown }>): PlacedSection | undefined {
    const isNamed = ({ name, flags }: PlacedSection): boolean => name === orNamed && (flags & elf.SHF_ALLOC) !== 0;
    return this.#placed.own(own)?.section ?? this.#placed.sections.find(isNamed);
  }

  #addSections(type: number, flags: number, sections: readonly PlacedSection[], alignment?: number): void {
    const [first] = sections;
    if (first === undefined) return;
    const inFile = sections.findLast((section) => !isZero(section));
    const inMemory =
      sections.findLast((section) => !(isTls(section) && isZero(section)) || type === elf.PT_TLS) ?? first;
    this.segments.push({
      type,
      flags,
      offset: first.offset,
      address: first.address,
      fileSize: inFile === undefined ? 0 : inFile.offset + inFile.size - first.offset,
      memorySize: Math.max(endOf(inMemory) - first.address, 0),
      alignment: alignment ?? Math.max(...sections.map((section) => section.alignment)),
    });
  }

  #addProgramHeaders(): void {
    const isInterpreted = this.#plan.segments.some(
      (segment) => "own" in segment && segment.type === elf.PT_INTERP && this.#find(segment) !== undefined,
    );
    if (!isInterpreted) return;
    const size = this.#facts.headerSize - Elf64_Ehdr.sizeof;
    this.segments.push({
      type: elf.PT_PHDR,
      flags: PF_R,
      offset: Elf64_Ehdr.sizeof,
      address: this.#plan.base + Elf64_Ehdr.sizeof,
      fileSize: size,
      memorySize: size,
      alignment: 8,
    });
  }

  #addLoads(): void {
    const { options } = this.#facts;
    const all = options.isOmagic ? PF_R | PF_W | PF_X : 0; // GNU ld has one segment then
    const byLoad = new Map<LoadSegment, PlacedSection[]>();
    for (const { load } of this.#plan.slots) if (load !== undefined) byLoad.set(load, []);
    for (const section of this.#placed.sections)
      if (section.load !== undefined) byLoad.get(section.load)!.push(section);
    for (const [load, sections] of byLoad) {
      const alignment = Math.max(options.z.maxPageSize, ...sections.map((section) => section.alignment));
      if (load.hasHeaders) {
        this.#addWithHeaders(accessFlags[load.access] | all, sections.at(-1), alignment);
        continue;
      }
      const code = sections.some(({ flags }) => flags & elf.SHF_EXECINSTR) ? PF_X : 0; // code that may be written is with data
      this.#addSections(elf.PT_LOAD, accessFlags[load.access] | code | all, sections, alignment);
      if (load.isProtected && sections.length > 0) this.#fillLastPage();
    }
  }

  #addWithHeaders(flags: number, last: PlacedSection | undefined, alignment: number): void {
    const size = last === undefined ? this.#facts.headerSize : last.offset + last.size;
    const { base: address } = this.#plan;
    this.segments.push({ type: elf.PT_LOAD, flags, offset: 0, address, fileSize: size, memorySize: size, alignment });
  }

  /** The loader protects whole pages: the segment is given the rest of its last one. */
  #fillLastPage(): void {
    const load = this.segments.pop()!;
    const end = alignUp(load.address + load.memorySize, this.#facts.options.z.maxPageSize);
    this.segments.push({ ...load, memorySize: end - load.address });
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

  #addProtected(): void {
    const first = this.#placed.sections.find(({ load }) => load?.isProtected);
    const load = this.segments.find(({ type, address }) => type === elf.PT_LOAD && address === first?.address);
    if (load !== undefined) this.segments.push({ ...load, type: elf.PT_GNU_RELRO, flags: PF_R, alignment: 1 });
  }
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
