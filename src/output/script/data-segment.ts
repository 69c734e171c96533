/**
 * DATA_SEGMENT_ALIGN, DATA_SEGMENT_RELRO_END and DATA_SEGMENT_END (ld manual, "Builtin Functions"): where the data
 * segment begins so that the part that the loader protects ends with a page, or so that a page of the file is saved.
 */
import type { ValueFunction } from "../../script/expressions.ts";
import type { Located } from "./located-section.ts";
import { isAllocated, isTbss } from "./stated-section.ts";

const toNumber = (value: bigint): number => Number(BigInt.asIntN(64, value));
const alignUp = (value: bigint, alignment: bigint): bigint =>
  alignment > 1n ? ((value + alignment - 1n) / alignment) * alignment : value;

export class DataSegment {
  readonly #isRelro: boolean;
  /** Where it begins, once that has been decided. */
  #decided: bigint | undefined;
  #isDone = false;
  #base: bigint | undefined;
  #pageSize = 1n;
  /** Where the protected part ends, before it is a whole page. */
  #relroEnd: bigint | undefined;
  #relroOffset = 0n;
  #end: bigint | undefined;

  constructor(isRelro: boolean) {
    this.#isRelro = isRelro;
  }

  /** What was decided is forgotten: sizes may have changed. */
  reset(): void {
    this.#decided = undefined;
    this.#isDone = false;
  }

  /** A walk begins. */
  begin(): void {
    this.#base = this.#relroEnd = this.#end = undefined;
  }

  value(asked: ValueFunction, [first = 0n, second = 0n]: readonly bigint[], dot: bigint): bigint {
    switch (asked) {
      case "DATA_SEGMENT_ALIGN": {
        const next = alignUp(BigInt.asUintN(64, dot), first) + (BigInt.asUintN(64, dot) & (first - 1n));
        this.#pageSize = second;
        return (this.#base = this.#decided ?? next);
      }
      case "DATA_SEGMENT_RELRO_END": {
        const end = first + second;
        if (!this.#isRelro || this.#base === undefined) return second;
        this.#relroOffset = first;
        this.#relroEnd = end;
        return this.#decided === undefined ? second : alignUp(end, this.#pageSize) - first;
      }
      default:
        return (this.#end = first);
    }
  }

  /** What the loader protects, in addresses. */
  get relro(): { readonly begin: number; readonly end: number } | undefined {
    if (this.#base === undefined || this.#relroEnd === undefined) return undefined;
    return { begin: toNumber(this.#base), end: toNumber(alignUp(this.#relroEnd, this.#pageSize)) };
  }

  /** After a walk: whether it begins elsewhere, so that another walk is needed. Asked until it is decided. */
  mayMove(located: readonly Located[]): boolean {
    if (this.#isDone || this.#base === undefined) return false;
    this.#isDone = true;
    if (this.#relroEnd !== undefined) {
      this.#decided = this.#baseForRelro(located);
      return true;
    }
    return this.#savesPage();
  }

  /** As GNU ld: sections are moved up until the last one ends where the protection does, as far as alignments allow. */
  #baseForRelro(located: readonly Located[]): bigint {
    const { begin } = this.relro!;
    let wanted = toNumber(alignUp(this.#relroEnd!, this.#pageSize) - this.#relroOffset);
    const limit = toNumber(this.#relroEnd! - this.#relroOffset);
    for (const { section, value } of located.toReversed()) {
      if (!isAllocated(section) || value.address < begin || value.address >= limit) continue;
      const end = isTbss(section) ? value.address : value.address + value.size;
      const start = value.address + (wanted - end);
      wanted = start - (((start % value.alignment) + value.alignment) % value.alignment);
    }
    return BigInt(wanted);
  }

  /** Whether beginning on a new page saves one: what is before it and what is behind the last page fit into one. */
  #savesPage(): boolean {
    if (this.#end === undefined) return false;
    const page = this.#pageSize;
    const [base, end] = [this.#base!, this.#end];
    const first = -base & (page - 1n);
    const last = end & (page - 1n);
    const crosses = (base & ~(page - 1n)) !== (end & ~(page - 1n));
    if (first === 0n || last === 0n || !crosses || first + last > page) return false;
    this.#decided = alignUp(base, page);
    return true;
  }
}
