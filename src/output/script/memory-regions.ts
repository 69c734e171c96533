/** MEMORY: which region a section is in, how far each is taken, and what does not fit (ld manual, "MEMORY Command"). */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS } from "../../elf/constants.ts";
import { READ_ONLY } from "../../script/memory-and-segments.ts";
import type { ScriptPlace } from "../../script/commands.ts";
import { type Expression, ExpressionError } from "../../script/expressions.ts";
import type { ArrangedSection } from "../arrange.ts";
import { alignAddress, type SectionCounter, type StatedError } from "./located-section.ts";
import type { MemoryRegion } from "../plan.ts";
import { isAllocated } from "./stated-section.ts";

export interface MemoryUsage {
  readonly name: string;
  /** Bytes. */
  readonly used: number;
  readonly size: number;
}

interface Region {
  readonly stated: MemoryRegion | undefined;
  readonly origin: number;
  readonly length: number;
  /** Address of the first byte that is not taken. */
  current: number;
  /** The largest that is, past the end. */
  overflow: number;
  /** Whose relation between address and load address the next one has. */
  last: { readonly address: number; readonly loadAddress: number; readonly size: number } | undefined;
  /** Sections that do not fit, with the bytes that each has. */
  readonly outside: string[];
}

export class MemoryRegions {
  readonly #regions: Region[];
  /** What is in no region. */
  readonly #none: Region = newRegion(undefined, 0, Number.MAX_SAFE_INTEGER);
  readonly #errors: StatedError[] = [];

  /** @param evaluate says so where an expression has no value, and takes the last one */
  constructor(
    regions: readonly MemoryRegion[],
    evaluate: (expression: Expression, place: ScriptPlace, otherwise: number) => number,
  ) {
    this.#regions = [];
    for (const region of regions) {
      const origin = evaluate(region.origin, region.place, 0);
      this.#regions.push(newRegion(region, origin, evaluate(region.length, region.place, Number.MAX_SAFE_INTEGER)));
    }
  }

  find(name: string): { readonly origin: bigint; readonly length: bigint } {
    const { origin, length } = this.#named(name);
    return { origin: BigInt(origin), length: BigInt(length) };
  }

  /** `.` was moved outside of sections. */
  moveDefault(address: number): void {
    this.#none.current = address;
  }

  /** Where a section may begin that has no address of its own. */
  enter(section: ArrangedSection, dot: number): number {
    const region = this.#regionOf(section);
    return region === this.#none ? (isAllocated(section) ? region.current : dot) : region.current;
  }

  /** A section that is empty begins here. */
  moveTo(section: ArrangedSection, address: number): void {
    this.#regionOf(section).current = address;
  }

  /** A section takes its room. */
  take(section: ArrangedSection, counter: SectionCounter, dot: number): void {
    const region = this.#regionOf(section);
    region.current = dot;
    this.#check(region, section, counter.address, counter.size);
    const load = this.#loadRegionOf(section);
    if (load !== undefined && load !== region && section.type !== SHT_NOBITS) {
      load.current = counter.loadAddress + counter.size;
      this.#check(load, section, counter.loadAddress, counter.size);
    }
    const isCounted =
      counter.size !== 0 ||
      (region.last === undefined ? counter.address !== counter.loadAddress : counter.address >= region.last.address);
    if (isCounted && load === undefined)
      region.last = { address: counter.address, loadAddress: counter.loadAddress, size: counter.size };
  }

  /** The load address of a section that states none; as far from its address as that of the one before. */
  loadAddress(section: ArrangedSection, counter: SectionCounter, padding: number, stated: number): number {
    const region = this.#regionOf(section);
    const load = this.#loadRegionOf(section);
    const { address, size, alignment } = counter;
    if (load !== undefined) {
      if (section.stated?.isAlignedWithInput) return load.current + padding;
      return alignAddress(load.current, load === region ? alignment : stated);
    }
    const { last } = region;
    if (last === undefined || !isAllocated(section)) return address;
    if (address < last.address && size !== 0 && address + size <= last.address) return address; // it moved back
    return alignAddress(address + last.loadAddress - last.address, alignment);
  }

  /** How far each is taken. */
  usage(): readonly MemoryUsage[] {
    return this.#regions.map(({ stated, origin, current, length }) => ({
      name: stated!.name,
      used: current - origin,
      size: length,
    }));
  }

  errors(): readonly StatedError[] {
    const overflows = this.#regions
      .filter(({ overflow }) => overflow > 0)
      .map(({ stated, overflow, outside }): StatedError => {
        const largest = outside.length > 0 ? ` (${outside.join(", ")})` : "";
        return { place: stated!.place, detail: `region '${stated!.name}' overflowed by ${overflow} bytes${largest}` };
      });
    return [...this.#errors, ...overflows];
  }

  #check(region: Region, { name, stated }: ArrangedSection, address: number, size: number): void {
    if (region === this.#none || (address >= region.origin && address + size <= region.origin + region.length)) return;
    if (address < region.origin || stated?.address !== undefined) {
      const detail = `section '${name}' is not within region '${region.stated!.name}'`;
      this.#errors.push({ place: stated?.place, detail });
      return;
    }
    region.overflow = Math.max(region.overflow, address + size - region.origin - region.length);
    if (size > 0) region.outside.push(`section '${name}' will not fit`);
  }

  #named(name: string): Region {
    const found = this.#regions.find(({ stated }) => stated!.names.includes(name));
    if (found === undefined) throw new ExpressionError(`there is no memory region '${name}'`);
    return found;
  }

  #regionOf(section: ArrangedSection): Region {
    const { stated, regions } = section;
    if (regions?.region === "*default*") return this.#none;
    if (regions?.region !== undefined && isAllocated(section)) return this.#named(regions.region);
    if (stated?.address !== undefined || !isAllocated(section)) return this.#none;
    return this.#regions.find((region) => takes(region, section)) ?? this.#none;
  }

  #loadRegionOf({ regions }: ArrangedSection): Region | undefined {
    return regions?.loadRegion === undefined ? undefined : this.#named(regions.loadRegion);
  }
}

function newRegion(stated: MemoryRegion | undefined, origin: number, length: number): Region {
  return { stated, origin, length, current: origin, overflow: 0, last: undefined, outside: [] };
}

/** Whether the attributes of a region are those of a section that names none. */
function takes({ stated }: Region, { flags, type }: ArrangedSection): boolean {
  const attributes = stated?.attributes;
  if (attributes === undefined) return false;
  const isData = (flags & (SHF_WRITE | SHF_EXECINSTR)) === SHF_WRITE;
  const own =
    (flags & SHF_EXECINSTR) |
    (isData ? SHF_WRITE : 0) |
    ((flags & SHF_WRITE) === 0 ? READ_ONLY : 0) |
    (type === SHT_NOBITS ? 0 : flags & SHF_ALLOC);
  return (own & attributes.withAny) !== 0 && (own & attributes.without) === 0;
}
