/**
 * Layout: walks the plan. Sizes of what comes from inputs are counted by kernels; sections are arranged as the plan
 * says and placed; kernels are told where everything is, and give every symbol its address. Addresses are final after it.
 */
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { arrange, type ArrangedPart, type ArrangedSection, type BucketSize } from "../output/arrange.ts";
import { arrangeStated } from "../output/script/arrange-stated.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { headerSize } from "../output/elf-header.ts";
import { KindPlacer, type Placement, type Placer } from "../output/kind-placer.ts";
import { alignUp } from "../output/place.ts";
import type { MemoryUsage } from "../output/script/memory-regions.ts";
import { type StatedBytes, type StatedPlacement, StatedPlacer } from "../output/script/place-stated.ts";
import type { Placed } from "../output/placed-section.ts";
import type { Bucket, OutputPlan, StatedPlan } from "../output/plan.ts";
import { isLoadedWithAllPermissions } from "../output/program-headers.ts";
import { placeSectionHeaders } from "../output/section-headers.ts";
import { dynamicHeader, dynamicSection } from "../output/sections/dynamic.ts";
import { dynstrSize } from "../output/sections/dynamic-strings.ts";
import { type OwnSection, type OwnSections, ownNames } from "../output/sections/own-section.ts";
import { relrSize } from "../output/sections/relocation-tables.ts";
import { StringTable } from "../output/sections/string-table.ts";
import { shstrtabSection } from "../output/sections/symbol-tables.ts";
import { isSection } from "../output/script/stated-section.ts";
import { symbolValue } from "../output/symbol-values.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations, type OwnSectionId } from "../tables/schema.ts";
import type { Target } from "../targets/target.ts";
import { defineAssignments, defineStated, type PlacedImage, reportStated, symbolSource } from "./define-assignments.ts";
import { allocateDigests } from "./digests.ts";
import { ExpressionSymbols } from "./expression-symbols.ts";
import type { FindingReader } from "./findings.ts";
import type { SymbolAddresses } from "./linker-object.ts";
import { placeOrdered, settleOrdered } from "./place-ordered.ts";
import { publish } from "./publish.ts";
import { countSymtab, symtabSections } from "./symtab.ts";
import type { DynamicFacts, Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

/** Placements of a script whose addresses depend on symbols that depend on addresses. */
const MAX_PLACEMENTS = 16;
/** As in the kernels. */
const ADDRESS_SPACE = 2 ** 47;

export interface Image extends Synthetic {
  /** What was placed, and how: it can be placed again. */
  readonly placer: Placer;
  /** What a script gives of bytes. */
  readonly statedBytes: readonly StatedBytes[];
  /** How much of the memory regions of a script is taken. */
  readonly memoryUsage: readonly MemoryUsage[];
  readonly placed: Placed;
  readonly segments: readonly ElfSegment[];
  readonly sectionNames: StringTable;
  readonly sectionHeadersOffset: number;
  /** Bytes. */
  readonly size: number;
}

export async function layout(
  workers: Workers,
  synthetic: Synthetic,
  plan: OutputPlan,
  internal: InternalObject,
  options: LinkOptions,
  target: Target,
  addressOf: SymbolAddresses,
  findings: FindingReader,
): Promise<Image> {
  const { tables } = workers;
  const { fileBounds: bounds, buckets } = synthetic;
  tables.allocate("chunkBucket", (bounds.length - 1) * buckets.length);
  if (plan.order === "statements") forceAlignments(workers, plan, buckets);
  await workers.run("sizeBuckets");
  await placeOrdered(workers);
  const own = new Map(synthetic.own);
  const add = (section: OwnSection): void => {
    own.set(section.id, section);
  };
  if (options.strip !== "all") {
    await countSymtab(workers, bounds, findings);
    for (const section of symtabSections(workers, synthetic)) add(section);
  }
  add(shstrtabSection);
  const { dynamic } = synthetic;
  if (dynamic !== undefined) add(dynamicHeader);
  const bucketSizes = sizeBuckets(workers, buckets, plan.order === "statements");
  settleOrdered(workers, buckets);
  const symbols = new ExpressionSymbols(workers, synthetic, internal);
  if (plan.order === "statements") discardOwn(workers, plan, own, symbols.isMentioned("_GLOBAL_OFFSET_TABLE_"));
  const items =
    plan.order === "kinds"
      ? arrange(plan, buckets, bucketSizes, own)
      : arrangeStated(plan, buckets, bucketSizes, own, (name) => reportOrphan(workers, name, options));
  const arranged = items.filter(isSection);
  if (dynamic !== undefined && own.has("dynamic")) add(dynamicOf(workers, dynamic, own, arranged, options, addressOf));
  if (own.has("relr")) await packRelatives(workers, synthetic, arranged);
  const sectionNames = new StringTable(arranged.flatMap(({ name, isEmpty }) => (isEmpty ? [] : [name])));
  const sizeOf = partSizes(workers, synthetic, own, bucketSizes, sectionNames);

  const { isStackExecutable } = synthetic;
  const finish = (placement: Placement): Promise<void> =>
    giveAddresses(workers, synthetic, plan, internal, target, placement);
  let placer: Placer;
  let placement: Placement;
  let statedBytes: readonly StatedBytes[] = [];
  let memoryUsage: readonly MemoryUsage[] = [];
  if (plan.order === "kinds") {
    const kinds = new KindPlacer(plan, arranged, options, isStackExecutable, sizeOf);
    placer = kinds;
    placement = kinds.place();
    await finish(placement);
    if (synthetic.assignments.length > 0 || synthetic.assertions.length > 0) {
      await workers.run("assignEntryAddresses"); // of what a value may be made of
      const image = placedImage(placement, options);
      defineAssignments(workers, synthetic, internal, synthetic.assignments, synthetic.assertions, image);
      await workers.run("assignAddresses", { bounds });
    }
  } else {
    let known: PlacedImage | undefined;
    const source = symbolSource(symbols, synthetic.assignments, () => known);
    const { codeFiller } = target;
    const stated = new StatedPlacer({ plan, items, options, isStackExecutable, codeFiller, sizeOf, symbols: source });
    placer = stated;
    const found = await placeUntilStill(workers, stated, finish, (image) => (known = placedImage(image, options)));
    reportStated(workers, found.errors);
    for (const name of found.unmapped) workers.diagnostics.add("sectionNotInSegment", { name });
    defineStated(workers, synthetic, internal, found.values, placedImage(found, options));
    await workers.run("assignAddresses", { bounds });
    placement = found;
    statedBytes = found.bytes;
    ({ memoryUsage } = found);
  }
  await workers.run("assignEntryAddresses");
  const { placed, fileEnd, segments } = placement;
  if (options.isWarnRwxSegments && segments.some(isLoadedWithAllPermissions))
    workers.diagnostics.add("segmentWithAllPermissions", { output: options.output });
  allocateDigests(workers, synthetic);
  return {
    ...synthetic,
    own,
    placer,
    placed,
    segments,
    statedBytes,
    memoryUsage,
    sectionNames,
    ...placeSectionHeaders(placed, fileEnd),
  };
}

const placedImage = ({ placed, segments }: Placement, options: LinkOptions): PlacedImage => ({
  ordered: placed.sections,
  headerSize: headerSize(segments.length),
  options,
});

/** Walks a script's statements until they come to the same places, now that symbols of inputs are known. */
async function placeUntilStill(
  workers: Workers,
  placer: StatedPlacer,
  finish: (placement: Placement) => Promise<void>,
  know: (placement: Placement) => void,
): Promise<StatedPlacement> {
  let placement = placer.place();
  for (let walks = 1; ; walks++) {
    await finish(placement);
    if (!placement.usesSymbols) return placement;
    await workers.run("assignEntryAddresses");
    know(placement);
    const next = placer.place();
    const isStill = isSamePlacement(placement, next);
    placement = next;
    if (isStill) return placement;
    if (walks === MAX_PLACEMENTS) {
      workers.diagnostics.add("layoutNeverStill", {});
      return placement;
    }
  }
}

function isSamePlacement(before: Placement, after: Placement): boolean {
  const sections = after.placed.sections;
  return (
    before.placed.sections.length === sections.length &&
    before.placed.sections.every(({ address, offset, size }, i) => {
      const other = sections[i]!;
      return address === other.address && offset === other.offset && size === other.size;
    })
  );
}

/** Tells kernels where everything is, and gives every symbol of the inputs, and of the plan, its address. */
async function giveAddresses(
  workers: Workers,
  synthetic: Synthetic,
  plan: OutputPlan,
  internal: InternalObject,
  target: Target,
  placement: Placement,
): Promise<void> {
  publish(workers, placement.placed, placement.segments, target);
  defineSymbols(workers, internal, plan, placement, target);
  await workers.run("assignAddresses", { bounds: synthetic.fileBounds });
}

/** A section of inputs that no statement names. */
function reportOrphan({ diagnostics }: Workers, name: string, { orphanHandling }: LinkOptions): void {
  if (orphanHandling === "warn") diagnostics.add("orphanPlaced", { name });
  else if (orphanHandling === "error") diagnostics.add("orphanUnplaced", { name });
}

/**
 * What /DISCARD/ may leave out of what the linker makes: no code refers to these. An image that is started by code of
 * its own, such as the Linux kernel's decompressor, has no use for the loader's tables, though it is a PIE.
 */
const discardable: ReadonlySet<OwnSectionId> = new Set([
  "interp",
  "propertyNote",
  "buildIdNote",
  "packageNote",
  "dynamic",
  "dynsym",
  "dynstr",
  "hash",
  "gnuHash",
  "versym",
  "versionDefinitions",
  "versionNeeds",
]);

function discardOwn(
  { diagnostics }: Workers,
  { discarded }: StatedPlan,
  own: Map<OwnSectionId, OwnSection>,
  isGotUsed: boolean,
): void {
  // As GNU ld: with nothing in it but what the loader takes for itself.
  const isTableEmpty = !own.has("got") && !own.has("plt") && !own.has("relaPlt");
  if (isTableEmpty && !isGotUsed) own.delete("gotPlt");
  for (const id of discarded)
    if (discardable.has(id)) own.delete(id);
    else if (own.has(id)) diagnostics.add("discardedOwnSection", { name: ownNames[id] });
}

/** SUBALIGN: input sections of a statement are aligned as it says. Kernels lay them out, so it is a number. */
function forceAlignments(
  { tables, diagnostics }: Workers,
  { statements }: StatedPlan,
  buckets: readonly Bucket[],
): void {
  const forced = new Map<number, number>();
  for (const statement of statements)
    if (statement.kind === "section" && statement.subalignment !== undefined) {
      const { kind } = statement.subalignment;
      const value = kind === "number" ? Number(statement.subalignment.value) : 0;
      if (value === 0 || Math.log2(value) % 1 !== 0) {
        diagnostics.add("scriptSyntax", {
          ...statement.place,
          detail: "SUBALIGN of other than a power of 2 is not supported",
        });
        continue;
      }
      for (const part of statement.parts) if (part.kind === "inputs") forced.set(part.rule, Math.log2(value) + 1);
    }
  const column = tables.column("bucket", "subalignment");
  for (const { id, rule } of buckets) column[id] = forced.get(rule) ?? 0;
}

/** .dynamic, once it is known which other sections there are. */
function dynamicOf(
  { tables }: Workers,
  dynamic: DynamicFacts,
  own: OwnSections,
  arranged: readonly ArrangedSection[],
  options: LinkOptions,
  addressOf: SymbolAddresses,
): OwnSection {
  const planned = new Set(arranged.map((section) => section.planned));
  return dynamicSection({
    ...dynamic,
    options,
    addressOf,
    has: (id) => own.has(id),
    hasPlanned: (name) => planned.has(name),
    hasTextRelocations: tables.get("hasTextRelocations") !== 0,
    hasStaticTls: tables.get("hasStaticTls") !== 0,
  });
}

/** Bytes of each part, once all that layout counts is known. */
function partSizes(
  { tables }: Workers,
  { dynamic }: Synthetic,
  sections: OwnSections,
  buckets: ReadonlyMap<number, BucketSize>,
  sectionNames: StringTable,
): (part: ArrangedPart) => number {
  const late: Partial<Record<OwnSectionId, number>> = {
    relr: relrSize(tables.get("relrWords")),
    shstrtab: sectionNames.bytes.length,
  };
  if (dynamic !== undefined) {
    late.dynstr = dynstrSize(dynamic.strings, tables.get("dynstrSize"));
    tables.set("dynstrOwn", dynamic.strings.size);
  }
  return ({ bucket, own }) =>
    bucket === undefined ? (sections.get(own!)?.size ?? late[own!] ?? 0) : buckets.get(bucket.id)!.size;
}

/**
 * Bytes of each bucket, by its row.
 * @param isEmptyCounted as GNU ld: what is empty is aligned, too, and what is before it is that much larger
 */
function sizeBuckets(
  { tables }: Workers,
  buckets: readonly Bucket[],
  isEmptyCounted: boolean,
): Map<number, BucketSize> {
  const sizes = new Map<number, BucketSize>();
  const ordinal = tables.column("bucket", "ordinal");
  const alignment = tables.column("bucket", "alignment");
  let total = 0;
  for (const { id, entsize } of buckets) {
    const table = entsize === 0 ? "chunkBucket" : "mergeCell";
    const parts = sizeParts(tables, table, ordinal[id], buckets.length, isEmptyCounted);
    total += parts.size;
    if (parts.log2 > alignment[id]) alignment[id] = parts.log2;
    // An empty one has a place too: a symbol may be in it.
    sizes.set(id, { size: parts.size, alignment: 2 ** alignment[id] });
  }
  if (total > ADDRESS_SPACE) throw new LimitExceeded("bytes of sections", "2^47, the address space of a process");
  return sizes;
}

/**
 * Sums a bucket's parts, and leaves the offset of each where kernels look for it. A part is aligned as its own
 * sections want, not as the bucket's: crti.o's and crtn.o's parts of .init are one function. Returns bytes, and the
 * greatest alignment.
 */
function sizeParts(
  tables: Workers["tables"],
  table: "chunkBucket" | "mergeCell",
  ordinal: number,
  buckets: number,
  isEmptyCounted: boolean,
): { readonly size: number; readonly log2: number } {
  const size = tables.column(table, "size");
  const offset = tables.column(table, "offset");
  const alignment = tables.column(table, "alignment");
  const startAlignment = table === "chunkBucket" ? tables.column(table, "startAlignment") : alignment;
  const rows = tables.rows(table);
  let end = 0;
  let log2 = 0;
  let before: { readonly row: number; readonly begin: number } | undefined;
  for (let row = ordinal; row < rows; row += buckets) {
    const bytes = size.get(row);
    const begin = alignUp(end, 2 ** startAlignment[row]);
    offset.set(row, begin); // of an empty part, too: a label in it is there
    if (bytes === 0 && !isEmptyCounted) continue;
    if (alignment[row] > log2) log2 = alignment[row];
    // Who writes a part fills the gap behind it, too: code may run on through it.
    if (before !== undefined && table === "chunkBucket") size.set(before.row, begin - before.begin);
    if (bytes > 0) before = { row, begin };
    end = begin + bytes;
  }
  return { size: end, log2 };
}

/** Counts the words of .relr.dyn for each part of each bucket, after those of .got, and numbers them. */
async function packRelatives(
  workers: Workers,
  { buckets }: Synthetic,
  arranged: readonly ArrangedSection[],
): Promise<void> {
  const { tables } = workers;
  await workers.run("packRelatives");
  const ordinal = tables.column("bucket", "ordinal");
  const words = tables.column("chunkBucket", "relrWords");
  const first = tables.column("chunkBucket", "firstRelrWord");
  let next = tables.get("gotRelrWords");
  for (const { parts } of arranged)
    for (const { bucket } of parts) {
      if (bucket === undefined) continue;
      for (let row = ordinal[bucket.id]; row < tables.rows("chunkBucket"); row += buckets.length) {
        first[row] = next;
        next += words[row];
      }
    }
  tables.set("relrWords", next);
}

/** Gives the names of the plan their values, and `__start_SECTION` and `__stop_SECTION`. */
function defineSymbols(
  { tables }: Workers,
  internal: InternalObject,
  plan: OutputPlan,
  { placed, headerAddress }: Placement,
  target: Target,
): void {
  const isLocalExec = (tables.get("outputFlags") & enumerations.OutputFlags.KEEPS_TLS_MODELS) === 0;
  const block = { begin: tables.get("tlsBegin"), end: tables.get("tlsEnd") };
  const threadPointer = isLocalExec ? target.threadPointer(block) : undefined;
  const byName = new Map(placed.sections.toReversed().map((section) => [section.name, section]));
  tables.allocate("linkerSymbol", internal.usedSymbols);
  const section = tables.column("linkerSymbol", "section");
  for (const name of internal.names) {
    const value = symbolValue(name, { plan, placed, headerAddress, byName, threadPointer });
    if (value !== undefined) section[internal.define(name, value.address)] = value.sectionIndex;
  }
}
