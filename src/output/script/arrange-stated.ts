/**
 * Arrange as a script states it: each bucket and each section of the linker's own goes where the first pattern that
 * matches says; what none matches has its place as in GNU ld (orphans.ts).
 */
import { SHF_TLS, SHF_WRITE, SHT_NOTE } from "../../elf/constants.ts";
import type { OwnSectionId } from "../../tables/schema.ts";
import { type ArrangedSection, type BucketSize, orderedByOthers } from "../arrange.ts";
import { Orphans } from "./orphans.ts";
import type { Bucket, StatedPart, StatedPlan } from "../plan.ts";
import { type OwnSection, type OwnSections, ownNames, scriptNames } from "../sections/own-section.ts";
import {
  type ArrangedItem,
  arrangedSection,
  type GatheredItem,
  type GatheredSection,
  isSection,
} from "./stated-section.ts";

export function arrangeStated(
  plan: StatedPlan,
  buckets: readonly Bucket[],
  sizes: ReadonlyMap<number, BucketSize>,
  own: OwnSections,
  onOrphan: (name: string) => void,
): readonly ArrangedItem[] {
  const gathering = new Gathering(plan, own);
  const orphans: Bucket[] = [];
  for (const bucket of buckets) {
    const hasNone = bucket.commons !== undefined && sizes.get(bucket.id)!.size === 0;
    if (!hasNone && !gathering.add(bucket)) orphans.push(bucket);
  }
  const finish = (section: GatheredSection): ReturnType<typeof arrangedSection> => arrangedSection(section, sizes, own);
  const placed = new Orphans(gathering.items, finish);
  for (const name of new Set(orphans.map((bucket) => bucket.name))) onOrphan(name);
  const unplaced = gathering.unplacedOwn;
  for (const section of unplaced) if (section.type === SHT_NOTE) placed.addOwn(section);
  for (const bucket of orphans) placed.addBucket(bucket, sizes.get(bucket.id)!.size);
  for (const section of unplaced) if (section.type !== SHT_NOTE) placed.addOwn(section);
  // No script places these, and they are in every output.
  const last = [...own.values()].filter(({ id }) => !scriptNames.has(id));
  const tables = last.map((section) =>
    finish({ name: ownNames[section.id], stated: undefined, buckets: new Map(), own: [section] }),
  );
  return finished(alignThreadLocal(orderedItems([...placed.items, ...tables])));
}

const loaderTables: readonly OwnSectionId[] = [
  "versionDefinitions",
  "versym",
  "versionNeeds",
  "dynsym",
  "dynstr",
  "hash",
  "gnuHash",
];

/** Sections of statements, in order, and what is between them. */
class Gathering {
  readonly items: GatheredItem[] = [];
  readonly #homes = new Map<number, { section: GatheredSection; part: number }>();
  readonly #commons = new Map<string, { section: GatheredSection; part: number }>();
  readonly #placed = new Set<OwnSectionId>();
  readonly #plan: StatedPlan;
  readonly #own: OwnSections;

  constructor(plan: StatedPlan, own: OwnSections) {
    this.#plan = plan;
    this.#own = own;
    for (const statement of plan.statements) {
      if (statement.kind !== "section") {
        this.items.push(statement);
        continue;
      }
      const section: GatheredSection = { name: statement.name, stated: statement, buckets: new Map(), own: [] };
      this.items.push(section);
      for (const [part, content] of statement.parts.entries()) this.#notePart(section, part, content);
    }
  }

  #notePart(section: GatheredSection, part: number, content: StatedPart): void {
    if (content.kind === "inputs") this.#homes.set(content.rule, { section, part });
    else if (content.kind === "commons") this.#commons.set(content.commons, { section, part });
    else if (content.kind === "own") {
      const own = this.#own.get(content.id);
      this.#placed.add(content.id);
      if (own !== undefined) section.own.push(own);
    }
  }

  /** False for an orphan. */
  add(bucket: Bucket): boolean {
    const home = bucket.commons === undefined ? this.#homes.get(bucket.rule) : this.#commons.get(bucket.commons);
    if (home === undefined) return false;
    const { buckets } = home.section;
    const there = buckets.get(home.part);
    if (there === undefined) buckets.set(home.part, [bucket]);
    else there.push(bucket);
    return true;
  }

  /** What the output has and no statement names; the loader's tables in GNU ld's order. */
  get unplacedOwn(): OwnSection[] {
    const unplaced = [...this.#own.values()].filter(
      ({ id }) => scriptNames.has(id) && !this.#placed.has(id) && !this.#plan.discarded.has(id),
    );
    const tables = loaderTables.flatMap((asked) => unplaced.find(({ id }) => id === asked) ?? []);
    const at = unplaced.findIndex((section) => tables.includes(section));
    const others = unplaced.filter((section) => !tables.includes(section));
    return at === -1 ? others : others.toSpliced(at, 0, ...tables);
  }
}

/**
 * As GNU ld: a section that states neither address nor load region is loaded into the region of the one before, where
 * that is in its memory region; and .text is never written to, whatever is in it.
 */
function finished(items: readonly ArrangedItem[]): readonly ArrangedItem[] {
  let before: ArrangedSection["regions"];
  return items.map((item) => {
    if (!isSection(item)) return item;
    const { stated, regions, flags } = item;
    const isFree = stated?.loadAddress === undefined && stated?.address === undefined;
    const isSameRegion = regions?.region === before?.region;
    const loadRegion = regions?.loadRegion ?? (isFree && isSameRegion ? before?.loadRegion : undefined);
    before = { region: regions?.region, loadRegion };
    return { ...item, flags: item.name === ".text" ? flags & ~SHF_WRITE : flags, regions: before };
  });
}

/** PT_TLS begins where its own alignment allows, which is that of the strictest section in it. */
function alignThreadLocal(items: readonly ArrangedItem[]): readonly ArrangedItem[] {
  const isThreadLocal = (item: ArrangedItem): item is ArrangedSection =>
    isSection(item) && (item.flags & SHF_TLS) !== 0 && !item.isEmpty;
  const alignment = items.filter(isThreadLocal).reduce((largest, section) => Math.max(largest, section.alignment), 1);
  const first = items.find(isThreadLocal);
  return items.map((item) => (item === first ? { ...first, alignment } : item));
}

/** Puts what has SHF_LINK_ORDER in the order of what it names. */
function orderedItems(items: readonly ArrangedItem[]): readonly ArrangedItem[] {
  const sections = items.filter(isSection);
  const ordered = orderedByOthers(sections.map(({ parts }) => parts));
  let next = 0;
  return items.map((item) => (isSection(item) ? { ...item, parts: ordered[next++]! } : item));
}
