/**
 * Order sections: what --symbol-ordering-file, --call-graph-ordering-file and --shuffle-sections say of the order of input
 * sections within a section of the output. Fills orderedSection, bucket.isOrdered, and the bucket of what is listed. Without
 * these options nothing runs.
 */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { InputPatterns } from "../output/input-patterns.ts";
import type { Bucket, OutputPlan } from "../output/plan.ts";
import { claimingFile, claimingSymbol, isClaimed, isClaimedByShared } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type BucketRow, type FileRow, rowAt, type SectionRow } from "../tables/views.ts";
import { orderByCalls } from "./call-graph-order.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import type { Folded } from "./fold.ts";
import { liveSections } from "./list-sections.ts";
import { dropRequests, readRequests } from "./requests.ts";
import { packsRelatives } from "./spawn.ts";
import type { Workers } from "./workers.ts";

const { SectionFlags } = enumerations;
/** From here on, buckets have their high bits in a column of their own. */
const FAR_BUCKET = 2 ** 15;

interface Section {
  readonly file: FileRow;
  /** Header index. */
  readonly section: number;
  readonly row: SectionRow;
}

export async function orderSections(
  workers: Workers,
  folded: Folded,
  plan: OutputPlan,
  inputs: Inputs,
  options: LinkOptions,
  findings: FindingReader,
): Promise<Folded> {
  const { shuffleSeed } = options;
  const isListed = inputs.symbolOrder.length > 0 || inputs.calls.length > 0 || options.isSortedByProfile;
  if (!isListed && shuffleSeed === undefined) return folded;
  const { tables } = workers;
  const listed =
    shuffleSeed === undefined
      ? await listedSections(workers, folded, inputs, options, findings)
      : shuffled(codeSections(workers, folded), shuffleSeed);
  const isOrderable = new Map(folded.buckets.map((bucket) => [bucket.id, mayOrder(bucket, options)]));
  const homes = plan.order === "kinds" && shuffleSeed === undefined ? mainBuckets(folded.buckets, plan) : undefined;
  const bucketOf = tables.column("section", "bucket");
  const isOrdered = tables.column("bucket", "isOrdered");
  const ordered = listed.filter(({ row }) => {
    const bucket = bucketOf[row];
    if (bucket >= FAR_BUCKET || isOrderable.get(bucket as BucketRow) !== true) return false;
    const home = homes?.get(bucket as BucketRow);
    if (home !== undefined) bucketOf[row] = home;
    isOrdered[bucketOf[row] as BucketRow] = 1;
    return true;
  });
  tables.allocate("orderedSection", ordered.length);
  const file = tables.column("orderedSection", "file");
  const section = tables.column("orderedSection", "section");
  for (const [rank, one] of ordered.entries()) {
    file[rank] = one.file;
    section[rank] = one.section;
  }
  return folded;
}

/** Sections whose order means nothing to anybody. Relocations of data are packed in the order of inputs. */
function mayOrder({ type, flags, entsize, commons, orderedBy }: Bucket, options: LinkOptions): boolean {
  if ((type !== SHT_PROGBITS && type !== SHT_NOBITS) || entsize !== 0 || orderedBy !== undefined) return false;
  if (commons !== undefined || !(flags & SHF_ALLOC)) return false;
  return !(flags & SHF_WRITE) || !packsRelatives(options);
}

/** Where the default plan tells hot and cold code apart, what is listed is put among the rest, whose order is free. */
function mainBuckets(buckets: readonly Bucket[], plan: OutputPlan & { order: "kinds" }): Map<BucketRow, BucketRow> {
  const patterns = new InputPatterns(plan);
  const main = new Map<unknown, BucketRow>();
  for (const bucket of buckets) {
    const statement = patterns.homeOf(bucket)?.statement;
    if (statement?.name === bucket.name && bucket.id < FAR_BUCKET && bucket.type === SHT_PROGBITS)
      main.set(statement, bucket.id);
  }
  const homes = new Map<BucketRow, BucketRow>();
  for (const bucket of buckets) {
    const home = main.get(patterns.homeOf(bucket)?.statement);
    if (home !== undefined && bucket.type === SHT_PROGBITS) homes.set(bucket.id, home);
  }
  return homes;
}

/** The sections of the symbols that were named: as they are listed, else as they call each other. */
async function listedSections(
  workers: Workers,
  folded: Folded,
  { symbolOrder, calls }: Inputs,
  options: LinkOptions,
  findings: FindingReader,
): Promise<Section[]> {
  const names = [...new Set([...symbolOrder, ...calls.flatMap(({ from, to }) => [from, to])])];
  const found = await findSections(workers, names, folded.fileBounds, findings);
  if (options.isWarnSymbolOrdering)
    for (const name of new Set(symbolOrder))
      if (!found.has(name)) workers.diagnostics.add("orderedSymbolUnknown", { symbol: name });
  const listed = symbolOrder.flatMap((name) => found.get(name) ?? []);
  const profiled = options.isSortedByProfile && calls.length === 0 ? profiledCalls(workers, folded, findings) : [];
  const named = calls.map(({ from, to, weight }) => ({ from: found.get(from), to: found.get(to), weight }));
  return distinct([...listed, ...calledSections([...named, ...profiled], findings)]);
}

interface KnownCall {
  /** Undefined for what the link does not define. */
  readonly from: Section | undefined;
  readonly to: Section | undefined;
  readonly weight: number;
}

/** What the objects' own profiles say, of functions that are in the output. */
function profiledCalls({ tables }: Workers, { files }: Folded, findings: FindingReader): KnownCall[] {
  const flags = tables.column("section", "flags");
  const firstSection = tables.column("file", "firstSection");
  const firstGlobal = tables.column("file", "firstGlobal");
  const firstMention = tables.column("file", "firstMention");
  const claim = tables.column("symbol", "claim");
  const live = SectionFlags.LIVE | SectionFlags.DISCARDED | SectionFlags.FOLDED;
  const sectionAt = (file: FileRow, symbol: number): Section | undefined => {
    const section = findings.object(file)?.definitionOf(symbol)?.section;
    if (section === undefined) return undefined;
    const row = rowAt(firstSection[file], section);
    return (flags[row] & live) === SectionFlags.LIVE ? { file, section, row } : undefined;
  };
  const sectionOf = (file: FileRow, symbol: number): Section | undefined => {
    if (symbol >= tables.column("file", "symbolCount")[file]) return undefined;
    if (symbol < firstGlobal[file]) return sectionAt(file, symbol);
    const mention = rowAt(firstMention[file], symbol - firstGlobal[file]);
    const row = tables.column("mention", "symbol")[mention];
    if (!isClaimed(claim, row) || isClaimedByShared(tables, row)) return undefined;
    return sectionAt(claimingFile(claim.high(row)), claimingSymbol(claim.low(row)));
  };
  const calls: KnownCall[] = [];
  const { FileState, FileTraits } = enumerations;
  for (let file = 0 as FileRow; file < files; file++) {
    if (tables.column("file", "traits")[file] & (FileTraits.IS_SHARED | FileTraits.IS_BROKEN)) continue;
    if (!(tables.column("file", "state")[file] & FileState.REACHED)) continue;
    for (const { from, to, weight } of findings.object(file)?.callGraphProfile() ?? [])
      calls.push({ from: sectionOf(file, from), to: sectionOf(file, to), weight });
  }
  return calls;
}

function calledSections(calls: readonly KnownCall[], findings: FindingReader): Section[] {
  const sections: Section[] = [];
  const indexOf = new Map<number, number>();
  const node = (section: Section | undefined): number | undefined => {
    if (section === undefined) return undefined;
    if (!indexOf.has(section.row)) indexOf.set(section.row, sections.push(section) - 1);
    return indexOf.get(section.row);
  };
  const known = calls.flatMap(({ from, to, weight }) => {
    const [caller, callee] = [node(from), node(to)];
    return caller === undefined || callee === undefined ? [] : [{ from: caller, to: callee, weight }];
  });
  const sizes = sections.map(({ file, section }) => findings.object(file)?.sectionSize(section) ?? 0);
  return orderByCalls({ sizes, calls: known }).map((index) => sections[index]);
}

function distinct(sections: readonly Section[]): Section[] {
  const seen = new Set<number>();
  return sections.filter(({ row }) => !seen.has(row) && seen.add(row));
}

/** Where the symbols of these names are defined; of local ones of one name, the first. */
async function findSections(
  workers: Workers,
  names: readonly string[],
  bounds: Uint32Array,
  findings: FindingReader,
): Promise<Map<string, Section>> {
  const { tables } = workers;
  const texts = names.map((name) => Buffer.from(`${name}\0`));
  const bytes = texts.reduce((sum, { length }) => sum + length, 1);
  const room = tables.arena.allocate(bytes, 1);
  const memory = tables.arena.u8view(room, bytes);
  tables.allocate("orderedName", names.length);
  let at = 0;
  for (const [row, text] of texts.entries()) {
    memory.set(text, at);
    tables.column("orderedName", "text").set(row, tables.arena.baseAddress + room + at);
    tables.column("orderedName", "length")[row] = text.length - 1;
    at += text.length;
  }
  await workers.run("findOrdered", { bounds });
  const found = new Map<string, Section>();
  const firstSection = tables.column("file", "firstSection");
  const firstGlobal = tables.column("file", "firstGlobal");
  const requests = readRequests(workers, "ORDERED_NAME");
  // A global symbol is meant rather than a local one.
  for (const isGlobal of [true, false])
    for (const { file, index, operandLow } of requests) {
      const name = names[operandLow]!;
      const place = findings.object(file)?.definitionOf(index);
      if (index >= firstGlobal[file] !== isGlobal || place === undefined || found.has(name)) continue;
      const { section } = place;
      found.set(name, { file, section, row: rowAt(firstSection[file], section) });
    }
  dropRequests(workers);
  return found;
}

/** Code, in input order. */
function codeSections(workers: Workers, { files, buckets }: Folded): Section[] {
  const { tables } = workers;
  const bucketOf = tables.column("section", "bucket");
  const flags = tables.column("section", "flags");
  const code = new Set<number>(
    buckets
      .filter((bucket) => bucket.flags & SHF_EXECINSTR && bucket.name !== ".init" && bucket.name !== ".fini")
      .map(({ id }) => id),
  );
  const live = SectionFlags.LIVE | SectionFlags.DISCARDED | SectionFlags.FOLDED;
  return [...liveSections(workers, files)].filter(
    ({ row }) => (flags[row] & live) === SectionFlags.LIVE && code.has(bucketOf[row]),
  );
}

/** The same for one seed: Fisher and Yates, with a generator of 32 bits (xorshift, Marsaglia 2003). */
function shuffled(sections: Section[], seed: number): Section[] {
  let state = seed >>> 0 || 0x9e3779b9;
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
  for (let last = sections.length - 1; last > 0; last--) {
    const other = random(last + 1);
    [sections[last], sections[other]] = [sections[other]!, sections[last]!];
  }
  return sections;
}
