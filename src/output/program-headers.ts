/** Segments: what the loader maps and what it is told besides (gABI ch. 5, Program Header). */
import * as elf from "../elf/constants.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { endOf, type Placed, type PlacedSection } from "./placed-section.ts";
import { Region } from "./plan.ts";

const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

const regionFlags: Readonly<Record<Region, number>> = {
  [Region.ReadOnly]: PF_R,
  [Region.Code]: PF_R | PF_X,
  [Region.Relro]: PF_R | PF_W,
  [Region.Data]: PF_R | PF_W,
  [Region.LargeReadOnly]: PF_R,
  [Region.LargeData]: PF_R | PF_W,
  [Region.LargeCode]: PF_R | PF_X,
  [Region.NotLoaded]: 0,
};

const isZero = (section: PlacedSection): boolean => section.type === elf.SHT_NOBITS;
const isTls = (section: PlacedSection): boolean => (section.flags & elf.SHF_TLS) !== 0;

/**
 * The segments for sections that have their places. Called before too, when only their number counts.
 * `headerSize` is that of the ELF header and the program headers, which the first segment maps.
 */
export function segmentsOf(
  placed: Placed,
  options: LinkOptions,
  base: number,
  headerSize: number,
  isStackExecutable: boolean | undefined,
): ElfSegment[] {
  const headers: ElfSegment[] = [];
  const ordered = placed.sections;
  const add = (type: number, flags: number, sections: readonly PlacedSection[], alignment?: number): void => {
    const [first] = sections;
    if (first === undefined) return;
    const inFile = sections.findLast((section) => !isZero(section));
    const inMemory =
      sections.findLast((section) => !(isTls(section) && isZero(section)) || type === elf.PT_TLS) ?? first;
    headers.push({
      type,
      flags,
      offset: first.offset,
      address: first.address,
      fileSize: inFile === undefined ? 0 : inFile.offset + inFile.size - first.offset,
      memorySize: Math.max(endOf(inMemory) - first.address, 0),
      alignment: alignment ?? Math.max(...sections.map((section) => section.alignment)),
    });
  };
  // A shared object that can be run as a program brings its own.
  const interp =
    placed.own("interp")?.section ?? ordered.find(({ name, flags }) => name === ".interp" && flags & elf.SHF_ALLOC);
  if (interp !== undefined)
    headers.push({
      type: elf.PT_PHDR,
      flags: PF_R,
      offset: 64,
      address: base + 64,
      fileSize: headerSize - 64,
      memorySize: headerSize - 64,
      alignment: 8,
    });
  if (interp !== undefined) add(elf.PT_INTERP, PF_R, [interp]);
  for (const notes of noteRuns(ordered)) add(elf.PT_NOTE, PF_R, notes);

  const property = placed.own("propertyNote")?.section;
  if (property !== undefined) add(elf.PT_GNU_PROPERTY, PF_R, [property]);

  const page = options.z.maxPageSize;
  const all = options.isOmagic ? PF_R | PF_W | PF_X : 0; // GNU ld has one segment then
  for (const region of Object.values(Region)) {
    if (region === Region.NotLoaded) continue;
    const sections = ordered.filter((section) => section.region === region);
    const alignment = Math.max(page, ...sections.map((section) => section.alignment));
    if (region === Region.ReadOnly) {
      const last = sections.at(-1);
      const size = last === undefined ? headerSize : last.offset + last.size;
      headers.push({
        type: elf.PT_LOAD,
        flags: PF_R | all,
        offset: 0,
        address: base,
        fileSize: size,
        memorySize: size,
        alignment,
      });
      continue;
    }
    const before = headers.length;
    const code = sections.some(({ flags }) => flags & elf.SHF_EXECINSTR) ? PF_X : 0; // code that may be written is with data
    add(elf.PT_LOAD, regionFlags[region] | code | all, sections, alignment);
    if (region === Region.Relro && headers.length > before) {
      // The loader protects whole pages: the segment is given the rest of its last one.
      const load = headers.pop()!;
      const end = Math.ceil((load.address + load.memorySize) / page) * page;
      headers.push({ ...load, memorySize: end - load.address });
    }
  }
  const tls = ordered.filter(isTls);
  add(elf.PT_TLS, PF_R, tls);
  const dynamic = placed.own("dynamic")?.section;
  if (dynamic !== undefined) add(elf.PT_DYNAMIC, PF_R | PF_W, [dynamic]);
  const ehFrameHdr = placed.own("ehFrameHdr")?.section;
  if (ehFrameHdr !== undefined) add(elf.PT_GNU_EH_FRAME, PF_R, [ehFrameHdr]);
  if (isStackExecutable !== undefined)
    headers.push({
      type: elf.PT_GNU_STACK,
      flags: PF_R | PF_W | (isStackExecutable ? PF_X : 0),
      offset: 0,
      address: 0,
      fileSize: 0,
      memorySize: options.z.stackSize ?? 0,
      alignment: 16,
    });
  const relro = headers.find(
    ({ type, address }) =>
      type === elf.PT_LOAD && ordered.some((section) => section.address === address && section.region === Region.Relro),
  );
  if (relro !== undefined) headers.push({ ...relro, type: elf.PT_GNU_RELRO, flags: PF_R, alignment: 1 });
  return headers;
}

/** Whether what is loaded may be written and run, which a program rarely means. */
export const isLoadedWithAllPermissions = ({ type, flags }: ElfSegment): boolean =>
  type === elf.PT_LOAD && flags === (PF_R | PF_W | PF_X);

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
