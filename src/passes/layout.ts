/**
 * Layout: walks the plan. Sizes of what comes from inputs are counted by kernels; sections are arranged as the plan
 * says and placed; kernels are told where everything is, and give every symbol its address. Addresses are final after it.
 */
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { arrange, type ArrangedPart, type ArrangedSection, type BucketSize } from "../output/arrange.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { headerSize } from "../output/elf-header.ts";
import type { InputPatterns } from "../output/input-patterns.ts";
import { alignUp, place, type PlaceOptions, type Placement } from "../output/place.ts";
import type { Placed } from "../output/placed-section.ts";
import type { Bucket, OutputPlan } from "../output/plan.ts";
import { isLoadedWithAllPermissions, segmentsOf } from "../output/program-headers.ts";
import { placeSectionHeaders } from "../output/section-headers.ts";
import { dynamicHeader, dynamicSection } from "../output/sections/dynamic.ts";
import { dynstrSize } from "../output/sections/dynamic-strings.ts";
import type { OwnSection, OwnSections } from "../output/sections/own-section.ts";
import { relrSize } from "../output/sections/relocation-tables.ts";
import { StringTable } from "../output/sections/string-table.ts";
import { shstrtabSection } from "../output/sections/symbol-tables.ts";
import { symbolValue } from "../output/symbol-values.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations, type OwnSectionId } from "../tables/schema.ts";
import type { Target } from "../targets/target.ts";
import { defineAssignments } from "./define-assignments.ts";
import { allocateDigests } from "./digests.ts";
import type { FindingReader } from "./findings.ts";
import type { SymbolAddresses } from "./linker-object.ts";
import { publish } from "./publish.ts";
import { countSymtab, symtabSections } from "./symtab.ts";
import type { DynamicFacts, Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

/** As in the kernels. */
const ADDRESS_SPACE = 2 ** 47;

export interface Image extends Synthetic {
  /** What was placed, and how: it can be placed again. */
  readonly arranged: readonly ArrangedSection[];
  readonly placing: PlaceOptions;
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
  patterns: InputPatterns,
  internal: InternalObject,
  options: LinkOptions,
  target: Target,
  addressOf: SymbolAddresses,
  findings: FindingReader,
): Promise<Image> {
  const { tables } = workers;
  const { fileBounds: bounds, buckets } = synthetic;
  tables.allocate("chunkBucket", (bounds.length - 1) * buckets.length);
  await workers.run("sizeBuckets");
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
  const bucketSizes = sizeBuckets(workers, buckets);
  const arranged = arrange(plan, patterns, buckets, bucketSizes, own);
  if (dynamic !== undefined) add(dynamicOf(workers, dynamic, own, arranged, options, addressOf));
  if (own.has("relr")) await packRelatives(workers, synthetic, arranged);
  const sectionNames = new StringTable(arranged.map(({ name }) => name));
  const sizeOf = partSizes(workers, synthetic, own, bucketSizes, sectionNames);

  const isExecutableStack = synthetic.isStackExecutable;
  const { placing, placed, fileEnd, segments } = placeAll(arranged, plan, options, isExecutableStack, sizeOf);
  if (options.isWarnRwxSegments && segments.some(isLoadedWithAllPermissions))
    workers.diagnostics.add("segmentWithAllPermissions", { output: options.output });

  publish(workers, placed, segments, target);
  defineSymbols(workers, internal, plan, placed, target);
  await workers.run("assignAddresses", { bounds });
  if (synthetic.assignments.length > 0) {
    await workers.run("assignEntryAddresses"); // of what a value may be made of
    const image = { ordered: placed.sections, headerSize: headerSize(segments.length), options };
    defineAssignments(workers, synthetic, internal, synthetic.assignments, image);
    await workers.run("assignAddresses", { bounds });
  }
  await workers.run("assignEntryAddresses");
  allocateDigests(workers, synthetic);
  return {
    ...synthetic,
    own,
    arranged,
    placing,
    placed,
    segments,
    sectionNames,
    ...placeSectionHeaders(placed, fileEnd),
  };
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

/** As many as most programs have. Where it is another number, sections are placed once more. */
const EXPECTED_SEGMENTS = 13;

/** Places sections; how many program headers come before them follows from the sections themselves. */
function placeAll(
  arranged: readonly ArrangedSection[],
  plan: OutputPlan,
  options: LinkOptions,
  isStackExecutable: boolean | undefined,
  sizeOf: PlaceOptions["sizeOf"],
): Placement & { readonly placing: PlaceOptions; readonly segments: readonly ElfSegment[] } {
  const { maxPageSize: pageSize, separate } = options.z;
  let reserved = headerSize(EXPECTED_SEGMENTS);
  for (;;) {
    const placing = { base: plan.base, headerSize: reserved, pageSize, isPacked: separate === "none", sizeOf };
    const placement = place(arranged, placing);
    const segments = segmentsOf(plan, placement.placed, { options, headerSize: reserved, isStackExecutable });
    const wanted = headerSize(segments.length);
    if (wanted === reserved) return { ...placement, placing, segments };
    reserved = wanted;
  }
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

/** Bytes of each bucket, by its row. */
function sizeBuckets({ tables }: Workers, buckets: readonly Bucket[]): Map<number, BucketSize> {
  const sizes = new Map<number, BucketSize>();
  const ordinal = tables.column("bucket", "ordinal");
  const alignment = tables.column("bucket", "alignment");
  let total = 0;
  for (const { id, entsize } of buckets) {
    const parts = sizeParts(tables, entsize === 0 ? "chunkBucket" : "mergeCell", ordinal[id], buckets.length);
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
): { readonly size: number; readonly log2: number } {
  const size = tables.column(table, "size");
  const offset = tables.column(table, "offset");
  const alignment = tables.column(table, "alignment");
  const rows = tables.rows(table);
  let end = 0;
  let log2 = 0;
  for (let row = ordinal; row < rows; row += buckets) {
    const bytes = size.get(row);
    const begin = alignUp(end, 2 ** alignment[row]);
    offset.set(row, begin); // of an empty part, too: a label in it is there
    if (bytes === 0) continue;
    if (alignment[row] > log2) log2 = alignment[row];
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
  placed: Placed,
  target: Target,
): void {
  const isLocalExec = (tables.get("outputFlags") & enumerations.OutputFlags.KEEPS_TLS_MODELS) === 0;
  const block = { begin: tables.get("tlsBegin"), end: tables.get("tlsEnd") };
  const threadPointer = isLocalExec ? target.threadPointer(block) : undefined;
  const byName = new Map(placed.sections.toReversed().map((section) => [section.name, section]));
  tables.allocate("linkerSymbol", internal.usedSymbols);
  const section = tables.column("linkerSymbol", "section");
  for (const name of internal.names) {
    const value = symbolValue(name, { plan, placed, byName, threadPointer });
    if (value !== undefined) section[internal.define(name, value.address)] = value.sectionIndex;
  }
}
