/**
 * Arrange: puts buckets of input sections and the linker's own sections into sections of the output, in the order of
 * a plan. Costs O(output sections); reads no table.
 */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_TLS,
  SHF_WRITE,
  SHF_X86_64_LARGE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PREINIT_ARRAY,
  SHT_PROGBITS,
} from "../elf/constants.ts";
import type { OwnSectionId } from "../tables/schema.ts";
import { InputPatterns } from "./input-patterns.ts";
import type {
  Bucket,
  KindPlan,
  LoadSegment,
  OrphanKind,
  SectionPlan,
  Slot,
  StatedContent,
  StatedSection,
} from "./plan.ts";
import type { OwnSection, OwnSections } from "./sections/own-section.ts";

/** Bytes of a bucket, and their alignment. */
export interface BucketSize {
  readonly size: number;
  readonly alignment: number;
}

export interface ArrangedPart {
  readonly bucket: Bucket | undefined;
  readonly own: OwnSectionId | undefined;
  readonly alignment: number;
  /** Of a script's statement: bytes that it gives, what fills gaps, symbols, `.`. */
  readonly content?: StatedContent;
}

/** A section of the output that has no place yet. */
export interface ArrangedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entsize: number;
  /** Bytes. */
  readonly alignment: number;
  /** Undefined for what is not loaded. */
  readonly load: LoadSegment | undefined;
  readonly parts: readonly ArrangedPart[];
  /** It has no contents, and is left out of the output; what is in it has an address all the same. */
  readonly isEmpty: boolean;
  /** The name by which a statement of the plan speaks of it. */
  readonly planned: string | undefined;
  /** The statement of a script that it follows from. */
  readonly stated?: StatedSection | undefined;
  /** Memory regions of a script that it is in. */
  readonly regions?: Pick<StatedSection, "region" | "loadRegion"> | undefined;
  /** Bytes that it takes compressed, where it is. */
  readonly packedSize?: number;
}

/** A section while parts are added to it. */
interface Gathered {
  readonly name: string;
  readonly plan: SectionPlan | undefined;
  slot: Slot | undefined;
  readonly own: OwnSection[];
  readonly buckets: Bucket[];
  /** Its place among those of its slot. */
  order: number;
}

/** Before sections that come in the order of inputs, in a slot that has such. */
const FIRST = -1e9;

export function arrange(
  plan: KindPlan,
  buckets: readonly Bucket[],
  sizes: ReadonlyMap<number, BucketSize>,
  own: OwnSections,
): ArrangedSection[] {
  const patterns = new InputPatterns(plan);
  const gathered = new Gathering();
  for (const slot of plan.slots)
    for (const [i, statement] of slot.sections.entries())
      for (const part of statement.parts) {
        const section = "own" in part ? own.get(part.own) : undefined;
        if (section !== undefined) gathered.planned(slot, statement, orderOf(slot, i, FIRST + i)).own.push(section);
      }
  const indexOf = new Map(buckets.map((bucket, i) => [bucket, i]));
  const isEmpty = ({ id }: Bucket): boolean => sizes.get(id)!.size === 0;
  // What is empty decides nothing: it joins what is there already.
  for (const bucket of [...buckets.filter((it) => !isEmpty(it)), ...buckets.filter((it) => isEmpty(it))]) {
    const order = indexOf.get(bucket)!;
    const home = patterns.homeOf(bucket);
    const section =
      home !== undefined && mayJoin(home.slot, home.statement, bucket, own)
        ? gathered.planned(home.slot, home.statement, orderOf(home.slot, home.index, order), bucket)
        : gathered.orphan(bucket, order);
    section.buckets.push(bucket);
  }
  for (const { buckets: gatheredBuckets } of gathered.sections)
    if (gatheredBuckets.length > 1) gatheredBuckets.sort((a, b) => indexOf.get(a)! - indexOf.get(b)!);
  return inOrder(plan, patterns, gathered.sections, sizes);
}

/** A slot's own order is that of its statements, unless it takes orphans, which come in the order of inputs. */
function orderOf({ orphans }: Slot, index: number, order: number): number {
  return orphans === undefined ? index : order;
}

/** Sections by what makes them one. */
class Gathering {
  readonly #byKey = new Map<string, Gathered>();

  get sections(): readonly Gathered[] {
    return [...this.#byKey.values()];
  }

  /** The section of a statement, or the one that merged constants and strings have beside it. */
  planned(slot: Slot, plan: SectionPlan, order: number, bucket?: Bucket): Gathered {
    const name = (bucket && mergedName(plan, bucket)) ?? plan.name;
    return this.#take(name, { name, plan, slot, own: [], buckets: [], order });
  }

  /** As GNU ld: what is loaded and what is not do not share a section, nor do threads' variables and others. */
  orphan({ name, flags }: Bucket, order: number): Gathered {
    const key = `${name}\0${(flags & SHF_ALLOC) !== 0} ${(flags & SHF_TLS) !== 0}`;
    return this.#take(key, { name, plan: undefined, slot: undefined, own: [], buckets: [], order });
  }

  #take(key: string, otherwise: Gathered): Gathered {
    const section = this.#byKey.get(key);
    if (section === undefined) this.#byKey.set(key, otherwise);
    return section ?? otherwise;
  }
}

/** Whether a bucket goes into the section that its name says: its kind of access must be that of the section. */
function mayJoin(slot: Slot, statement: SectionPlan, bucket: Bucket, own: OwnSections): boolean {
  const { flags, type } = bucket;
  const access = SHF_ALLOC | SHF_WRITE | SHF_EXECINSTR | SHF_TLS;
  for (const part of statement.parts)
    if ("own" in part) {
      const section = own.get(part.own);
      if (section !== undefined)
        return (section.flags & access) === (flags & access) && (type === section.type || type === SHT_NOBITS);
    }
  const isThreadLocal = slot.orphans === "tlsData" || slot.orphans === "tlsZero";
  return (flags & SHF_ALLOC) !== 0 && ((flags & SHF_TLS) !== 0) === isThreadLocal;
}

function mergedName({ merged, parts }: SectionPlan, { name, entsize, flags }: Bucket): string | undefined {
  if (merged === undefined || entsize === 0) return undefined;
  const [first] = parts;
  if (!("inputs" in first) || name !== first.inputs[0].name) return undefined;
  return flags & SHF_STRINGS ? merged.strings : merged.constants;
}

function inOrder(
  plan: KindPlan,
  patterns: InputPatterns,
  sections: readonly Gathered[],
  sizes: ReadonlyMap<number, BucketSize>,
): ArrangedSection[] {
  const slotIndex = new Map(plan.slots.map((slot, i) => [slot, i]));
  const placed = sections.map((section) => {
    const { own } = section;
    const solid = section.buckets.filter(({ id }) => sizes.get(id)!.size > 0);
    const isEmpty = own.length === 0 && solid.length === 0;
    const buckets = isEmpty ? section.buckets : solid;
    const type = own.length > 0 ? own[0].type : typeOf(buckets);
    const flags = flagsOf(own, buckets);
    const slot = slotOf(plan, section, type, flags);
    return { section, isEmpty, type, flags, entsize: entsizeOf(own, buckets, type), slot };
  });
  placed.sort((a, b) => slotIndex.get(a.slot)! - slotIndex.get(b.slot)! || a.section.order - b.section.order);
  const isZeroKept = zerosWithoutBytes(placed);
  const allParts = orderedByOthers(placed.map(({ section }) => partsOf(section, patterns, sizes)));
  return placed.map(({ section, isEmpty, type, flags, entsize, slot }, i) => {
    const parts = allParts[i];
    return {
      name: section.name,
      type: type === SHT_NOBITS && !isZeroKept[i] ? SHT_PROGBITS : type,
      flags,
      entsize,
      alignment: parts.reduce((largest, { alignment }) => Math.max(largest, alignment), 1),
      load: slot.load,
      parts,
      isEmpty,
      planned: !isEmpty && section.plan?.name === section.name ? section.name : undefined,
    };
  });
}

/** The slot of a section: the plan's, where its accesses are those of the slot; else that of its kind. */
function slotOf(plan: KindPlan, { slot, name, own }: Gathered, type: number, flags: number): Slot {
  if (own.length > 0) return slot!;
  if (slot !== undefined && fits(slot, type, flags)) return slot;
  const kind = kindOf(name, type, flags, slot?.load?.isProtected === true);
  for (const tried of [kind, ...(instead[kind] ?? [])]) {
    const found = plan.slots.find(({ orphans }) => orphans === tried);
    if (found !== undefined) return found;
  }
  throw new RangeError(`the plan has no place for ${name}`);
}

/** Where a plan has no place for a kind. */
const instead: Readonly<Partial<Record<OrphanKind, readonly OrphanKind[]>>> = {
  relro: ["data"],
  relroZero: ["zero"],
};

function fits({ load, isZero = false }: Slot, type: number, flags: number): boolean {
  const writes = (flags & SHF_WRITE) !== 0;
  const runs = (flags & SHF_EXECINSTR) !== 0;
  switch (load?.access) {
    case "read":
      return !writes && !runs;
    case "execute":
      return !writes && runs;
    case "write":
      return (writes || (flags & SHF_TLS) !== 0) && isZero === (type === SHT_NOBITS);
    case undefined:
      return (flags & SHF_ALLOC) === 0;
  }
}

/** Names of lists of functions that are protected once the loader has written to them. */
const relroNames: ReadonlySet<string> = new Set([".ctors", ".dtors", ".jcr"]);

/** What a section is, that no statement names. */
function kindOf(name: string, type: number, flags: number, isProtected: boolean): OrphanKind {
  const isZero = type === SHT_NOBITS;
  const isLarge = (flags & SHF_X86_64_LARGE) !== 0;
  if (!(flags & SHF_ALLOC)) return "notLoaded";
  if (flags & SHF_TLS) return isZero ? "tlsZero" : "tlsData";
  if (!(flags & SHF_WRITE)) {
    if (flags & SHF_EXECINSTR) return isLarge ? "largeCode" : "code";
    if (type === SHT_NOTE) return "note";
    return isLarge ? "largeReadOnly" : "readOnly";
  }
  const isFunctionList =
    type === SHT_INIT_ARRAY || type === SHT_FINI_ARRAY || type === SHT_PREINIT_ARRAY || relroNames.has(name);
  if (isProtected || isFunctionList) return isZero ? "relroZero" : "relro";
  if (isLarge) return isZero ? "largeZero" : "largeData";
  return isZero ? "zero" : "data";
}

export function typeOf(buckets: readonly Bucket[]): number {
  const [{ type: first }] = buckets;
  const isMixed = buckets.some((bucket) => bucket.type !== first || bucket.isMixed);
  return isMixed && buckets.some(({ type }) => type === SHT_NOBITS) ? SHT_PROGBITS : first;
}

/** sh_entsize, where all parts have the same. */
export function entsizeOf(own: readonly OwnSection[], buckets: readonly Bucket[], type: number): number {
  if (type === SHT_INIT_ARRAY || type === SHT_FINI_ARRAY || type === SHT_PREINIT_ARRAY) return 8; // gABI ch. 4
  const entsize = own[0]?.entsize ?? buckets[0]?.entsize ?? 0;
  const isOne =
    own.every((section) => (section.entsize ?? 0) === entsize) && buckets.every((bucket) => bucket.entsize === entsize);
  return isOne ? entsize : 0;
}

export function flagsOf(own: readonly OwnSection[], buckets: readonly Bucket[]): number {
  let flags = 0;
  for (const section of own) flags |= section.flags;
  for (const bucket of buckets) flags |= bucket.flags;
  // A flag that speaks of all contents is kept when all agree.
  const isMerged = own.length === 0 && buckets.every(({ entsize }) => entsize !== 0 && entsize === buckets[0].entsize);
  if (!isMerged) flags &= ~(SHF_MERGE | SHF_STRINGS);
  else if (!buckets.every((bucket) => bucket.flags & SHF_STRINGS)) flags &= ~SHF_STRINGS;
  return flags;
}

function partsOf(
  { own, buckets }: Gathered,
  patterns: InputPatterns,
  sizes: ReadonlyMap<number, BucketSize>,
): ArrangedPart[] {
  // The linker's own comes first: what finds it by the section's address or by its symbol finds it.
  return [
    ...own.map(({ id, alignment }) => ({ bucket: undefined, own: id, alignment })),
    ...patterns
      .sorted(buckets)
      .map((bucket) => ({ bucket, own: undefined, alignment: sizes.get(bucket.id)!.alignment })),
  ];
}

/** Puts what has SHF_LINK_ORDER in the order of what it names, after what has not, as GNU ld does. */
export function orderedByOthers(sections: readonly (readonly ArrangedPart[])[]): readonly (readonly ArrangedPart[])[] {
  if (!sections.some((parts) => parts.some(({ bucket }) => bucket?.orderedBy !== undefined))) return sections;
  const places = new Map(
    sections.flat().flatMap(({ bucket }, place) => (bucket === undefined ? [] : [[bucket.id, place] as const])),
  );
  const placeOf = ({ bucket }: ArrangedPart): number =>
    bucket?.orderedBy === undefined ? -1 : (places.get(bucket.orderedBy) ?? places.size);
  return sections.map((parts) => parts.toSorted((a, b) => placeOf(a) - placeOf(b)));
}

/**
 * Whether each zero-filled section takes no bytes of the file: where contents follow in its segment it must, and
 * beside the headers.
 */
function zerosWithoutBytes(
  sections: readonly {
    readonly isEmpty: boolean;
    readonly type: number;
    readonly flags: number;
    readonly slot: Slot;
  }[],
): boolean[] {
  const withContents = new Set<LoadSegment>();
  return sections
    .toReversed()
    .map(({ isEmpty, type, flags, slot: { load } }) => {
      if (isEmpty || load === undefined) return true;
      if (type === SHT_NOBITS) return !(load.hasHeaders || withContents.has(load)) || (flags & SHF_TLS) !== 0;
      withContents.add(load);
      return false;
    })
    .toReversed();
}
