/**
 * Sections that no statement of a script names: as in GNU ld they join the section of their name, or go behind the last
 * one that is like them, together with those that came before.
 */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_TLS,
  SHF_WRITE,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_REL,
  SHT_RELA,
} from "../../elf/constants.ts";
import type { ArrangedSection } from "../arrange.ts";
import type { Bucket } from "../plan.ts";
import { type OwnSection, ownNames } from "../sections/own-section.ts";
import { type ArrangedItem, type GatheredItem, type GatheredSection, isSection } from "./stated-section.ts";

/** What of a section decides its place. */
interface Traits {
  readonly type: number;
  readonly isAllocated: boolean;
  readonly isZero: boolean;
  readonly isReadOnly: boolean;
  readonly isCode: boolean;
  readonly isThreadLocal: boolean;
}

function traitsOf({ type, flags }: { readonly type: number; readonly flags: number }): Traits {
  return {
    type,
    isAllocated: (flags & SHF_ALLOC) !== 0,
    isZero: type === SHT_NOBITS,
    isReadOnly: (flags & SHF_WRITE) === 0,
    isCode: (flags & SHF_EXECINSTR) !== 0,
    isThreadLocal: (flags & SHF_TLS) !== 0,
  };
}

/** Kinds of orphans, each with the section of a script that it goes behind, where there is one of that name. */
const anchors = {
  text: ".text",
  rodata: ".rodata",
  tdata: ".tdata",
  data: ".data",
  bss: ".bss",
  relocations: undefined,
  note: ".interp",
  notLoaded: ".comment",
} as const;
type Kind = keyof typeof anchors;

function kindOf({ type, isAllocated, isZero, isReadOnly, isCode, isThreadLocal }: Traits): Kind {
  if (!isAllocated) return "notLoaded";
  if (!isZero && type === SHT_NOTE) return "note";
  if (isZero && !isThreadLocal) return "bss";
  if (isThreadLocal) return "tdata";
  if (!isReadOnly) return "data";
  if (type === SHT_RELA || type === SHT_REL) return "relocations";
  return isCode ? "text" : "rodata";
}

export class Orphans {
  readonly #items: ArrangedItem[];
  readonly #finish: (section: GatheredSection) => ArrangedSection;
  /** What each section that is made here, or joined, consists of. */
  readonly #gathered = new Map<ArrangedSection, GatheredSection>();
  /** The last orphan of each kind: the next one goes behind it. */
  readonly #last = new Map<Kind, ArrangedSection>();

  constructor(items: readonly GatheredItem[], finish: (section: GatheredSection) => ArrangedSection) {
    this.#finish = finish;
    this.#items = items.map((item) => {
      if (!("buckets" in item)) return item;
      const section = finish(item);
      this.#gathered.set(section, item);
      return section;
    });
  }

  get items(): readonly ArrangedItem[] {
    return this.#items;
  }

  addBucket(bucket: Bucket, size: number): void {
    const traits = traitsOf(bucket);
    const there = this.#named(bucket.name, traits);
    if (there !== undefined)
      this.#join(there, (section) => section.buckets.set(-1, [...(section.buckets.get(-1) ?? []), bucket]));
    else if (size > 0 || bucket.commons === undefined)
      this.#insert({ name: bucket.name, stated: undefined, buckets: new Map([[-1, [bucket]]]), own: [] }, traits);
  }

  addOwn(own: OwnSection): void {
    const traits = traitsOf(own);
    const name = ownNames[own.id];
    const there = this.#named(name, traits);
    if (there !== undefined) this.#join(there, (section) => section.own.push(own));
    else this.#insert({ name, stated: undefined, buckets: new Map(), own: [own] }, traits);
  }

  /** The section of a name, where both are loaded or neither is; or one that has nothing in it yet. */
  #named(name: string, traits: Traits): ArrangedSection | undefined {
    let unused: ArrangedSection | undefined;
    for (const item of this.#items) {
      if (!isSection(item) || item.name !== name) continue;
      const { isAllocated } = traitsOf(item);
      if (!hasInputs(item)) unused = item;
      else if (isAllocated === traits.isAllocated && firstType(item) === traits.type) return item;
    }
    return unused;
  }

  #join(section: ArrangedSection, add: (gathered: GatheredSection) => void): void {
    const gathered = this.#gathered.get(section)!;
    add(gathered);
    const joined = this.#finish(gathered);
    this.#gathered.delete(section);
    this.#gathered.set(joined, gathered);
    this.#items[this.#items.indexOf(section)] = joined;
    for (const [kind, last] of this.#last) if (last === section) this.#last.set(kind, joined);
  }

  #insert(gathered: GatheredSection, traits: Traits): void {
    const kind = kindOf(traits);
    const before = this.#last.get(kind);
    const anchor = before === undefined ? this.#anchorOf(kind, traits) : this.#items.indexOf(before);
    const at = before === undefined ? this.#behind(anchor) : anchor + 1;
    const follows = this.#items[anchor];
    const section = this.#finish({
      ...gathered,
      follows: follows !== undefined && isSection(follows) ? follows : undefined,
    });
    this.#gathered.set(section, gathered);
    this.#items.splice(at, 0, section);
    this.#last.set(kind, section);
  }

  /** Index of the section that an orphan goes behind; -1: it is the first of all. */
  #anchorOf(kind: Kind, traits: Traits): number {
    const name = anchors[kind];
    const named = this.#items.findIndex((item) => isSection(item) && item.name === name);
    if (named !== -1) return named;
    for (const isType of [(item: ArrangedSection): boolean => firstType(item) === traits.type, (): boolean => true])
      for (const isLike of likenesses(traits)) {
        const found = this.#items.findLastIndex(
          (item) => isSection(item) && hasInputs(item) && isType(item) && isLike(traitsOf(item)),
        );
        if (found !== -1) return found;
      }
    return -1;
  }

  /** Where something goes behind a section: before the next one, and before `.` is moved for that. */
  #behind(anchor: number): number {
    let beforeDot: number | undefined;
    for (let at = anchor + 1; at < this.#items.length; at++) {
      const item = this.#items[at]!;
      if (!isSection(item)) {
        if (item.kind === "assignment" && item.name === "." && anchor !== -1) beforeDot ??= at;
        continue;
      }
      const isAlloc = item.isEmpty || (item.flags & SHF_ALLOC) !== 0;
      return beforeDot !== undefined && isAlloc ? beforeDot : at;
    }
    return this.#items.length;
  }
}

/** Sections of inputs, if only empty ones, or the linker's own: what a section has nothing of is like no other. */
const hasInputs = ({ parts }: ArrangedSection): boolean =>
  parts.some(({ bucket, own }) => bucket !== undefined || own !== undefined);

/** sh_type of the first input section. */
const firstType = ({ parts, type }: ArrangedSection): number =>
  parts.find(({ bucket }) => bucket !== undefined)?.bucket?.type ?? type;

/** From those that are alike in all to those that are in little. */
function* likenesses(own: Traits): Generator<(other: Traits) => boolean> {
  const { isAllocated, isZero, isReadOnly, isCode, isThreadLocal } = own;
  const isLoaded = (traits: Traits): boolean => traits.isAllocated && !traits.isZero;
  const isSameLoad = (other: Traits): boolean =>
    other.isAllocated === isAllocated && (other.isZero === isZero || !isAllocated);
  yield (other) =>
    isSameLoad(other) &&
    other.isReadOnly === isReadOnly &&
    other.isCode === isCode &&
    other.isThreadLocal === isThreadLocal;
  if (isAllocated && isCode)
    yield (other) => isSameLoad(other) && other.isCode && other.isThreadLocal === isThreadLocal;
  else if (isAllocated && isReadOnly) yield (other) => isLoaded(other) && other.isReadOnly && !other.isThreadLocal;
  else if (isAllocated && isThreadLocal) yield (other) => isLoaded(other) && !other.isReadOnly;
  else if (isAllocated && !isZero) yield (other) => isLoaded(other) && !other.isThreadLocal;
  else if (isAllocated) yield (other) => other.isAllocated;
  else yield () => true;
}
