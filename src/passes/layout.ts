/**
 * Layout: output sections in order, segments, addresses and file offsets; then the address of every symbol.
 * Policy is here; the sizes of what comes from inputs are counted by kernels. Addresses are final after it.
 */
import * as elf from "../elf/constants.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { linkerSymbolValue } from "../output/linker-symbols.ts";
import { nameRules, sortKey, UNNUMBERED } from "../output/name-rules.ts";
import { type Bucket, OutputSection } from "../output/output-section.ts";
import { type ProgramHeader, segmentsOf } from "../output/program-headers.ts";
import { type Protection, rankOf, Region, regionOf } from "../output/section-order.ts";
import { StringTable } from "../output/sections/string-table.ts";
import type { Target } from "../targets/target.ts";
import { defineDefsyms, type SymbolAddresses } from "./linker-object.ts";
import { wantsExecutableStack } from "./split.ts";
import type { Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

const { SHF_TLS, SHT_NOBITS } = elf;
const EHDR = 64;
const PHDR = 56;
const SHDR = 64;
const SYM = 24;

export interface Image extends Synthetic {
  /** In order; the null section is not among them. */
  readonly ordered: readonly OutputSection[];
  readonly segments: readonly ProgramHeader[];
  readonly sectionNames: StringTable;
  readonly sectionHeadersOffset: number;
  readonly hasGnuSymbols: boolean;
  /** Bytes. */
  readonly size: number;
}

export async function layout(
  workers: Workers,
  synthetic: Synthetic,
  internal: InternalObject,
  options: LinkOptions,
  target: Target,
  addressOf: SymbolAddresses,
): Promise<Image> {
  const { tables } = workers;
  const { fileBounds: bounds, buckets } = synthetic;
  const chunks = bounds.length - 1;
  tables.allocate("chunkBucket", chunks * buckets.length);
  await workers.run("sizeBuckets");
  if (options.strip !== "all") await workers.run("countSymtab", { bounds });

  const protection: Protection = { isRelro: options.z.isRelro && !options.isOmagic, isNow: options.z.isNow };
  const sizes = new Map<number, number>(); // bytes of each bucket that is not empty, by its row
  const ordered = outputSections(workers, synthetic, sizes, options, protection);
  for (const section of ordered) synthetic.sections.set(section.name, section);
  sizeSections(workers, synthetic, ordered, sizes);
  for (const [i, section] of ordered.entries()) section.index = i + 1;
  await sizeRelr(workers, synthetic, ordered);
  const sectionNames = new StringTable(ordered.map(({ name }) => name));
  synthetic.sections.get(".shstrtab")!.size = sectionNames.bytes.length;

  const base = options.imageBase ?? (options.outputKind === "exec" ? target.imageBase : 0);
  const isExecutableStack = options.z.execStack ?? wantsExecutableStack(workers, synthetic.files);
  const segmentCount = segmentsOf(ordered, options, protection, base, 0, isExecutableStack).length;
  const headerSize = EHDR + segmentCount * PHDR;
  const fileEnd = place(ordered, base, headerSize, options, protection);
  const segments = segmentsOf(ordered, options, protection, base, headerSize, isExecutableStack);
  const sectionHeadersOffset = alignUp(fileEnd, 8);

  placeBuckets(workers, ordered, sizes, target);
  publish(workers, synthetic, segments);
  // As tls_action() in native/kernels/reference.h: whether accesses are rewritten to Local Exec.
  const isLocalExec = options.outputKind !== "shared" && (options.isRelax || options.isStatic);
  const threadPointer = isLocalExec ? tables.get("tlsEnd") : undefined;
  for (const name of internal.names) {
    const value = linkerSymbolValue(name, { ordered, base, isPic: options.outputKind !== "exec", threadPointer });
    if (value !== undefined) internal.define(name, value.address, value.sectionIndex);
  }
  await workers.run("assignAddresses", { bounds });
  if (options.defsyms.some(({ symbol }) => symbol !== undefined)) {
    defineDefsyms(workers, internal, options, addressOf);
    await workers.run("assignAddresses", { bounds });
  }
  await workers.run("assignEntryAddresses");
  return {
    ...synthetic,
    ordered,
    segments,
    sectionNames,
    sectionHeadersOffset,
    hasGnuSymbols: tables.get("hasGnuSymbols") !== 0,
    size: sectionHeadersOffset + (ordered.length + 1) * SHDR,
  };
}

function alignUp(value: number, alignment: number): number {
  const rest = value % alignment;
  return rest === 0 ? value : value + alignment - rest;
}

/** Puts buckets into output sections and adds the linker's own, in the order of the output. */
function outputSections(
  workers: Workers,
  synthetic: Synthetic,
  sizes: Map<number, number>,
  options: LinkOptions,
  protection: Protection,
): OutputSection[] {
  const { tables } = workers;
  const byName = new Map<string, OutputSection>();
  for (const bucket of synthetic.buckets) {
    const size = sizeBucket(workers, bucket, synthetic.buckets.length);
    if (size === 0) continue;
    sizes.set(bucket.id, size);
    const name = outputName(bucket);
    let section = byName.get(name);
    if (section === undefined) {
      section = new OutputSection({ name, type: bucket.type, flags: 0, alignment: 1, entsize: bucket.entsize });
      byName.set(name, section);
    } else if (section.entsize !== bucket.entsize) {
      section.entsize = 0;
    }
    section.flags |= bucket.flags;
    section.buckets.push(bucket);
  }
  const alignment = tables.column("bucket", "alignment");
  for (const section of byName.values()) {
    sortBuckets(section);
    section.alignment = Math.max(...section.buckets.map(({ id }) => 2 ** alignment[id]));
    // A flag that speaks of all contents is kept when all agree.
    const isMerged = section.buckets.every(({ entsize }) => entsize !== 0) && section.entsize !== 0;
    if (!isMerged) section.flags &= ~(elf.SHF_MERGE | elf.SHF_STRINGS);
    else if (!section.buckets.every(({ flags }) => flags & elf.SHF_STRINGS)) section.flags &= ~elf.SHF_STRINGS;
    if (
      section.buckets.some(({ type }) => type !== SHT_NOBITS) &&
      section.buckets.some(({ type }) => type === SHT_NOBITS)
    )
      (section as { type: number }).type = elf.SHT_PROGBITS;
    const types = new Set(section.buckets.map(({ type }) => type));
    if (types.size > 1 && section.type === SHT_NOBITS) (section as { type: number }).type = elf.SHT_PROGBITS;
  }
  const all = [...synthetic.sections.values(), ...byName.values()];
  if (options.strip !== "all") all.push(...symbolTables(workers, synthetic));
  all.push(new OutputSection({ name: ".shstrtab", type: elf.SHT_STRTAB, flags: 0, alignment: 1 }));
  const ordered = all
    .map((section, i) => ({ section, i, rank: rankOf(section, protection) }))
    .toSorted((a, b) => a.rank - b.rank || a.i - b.i)
    .map(({ section }) => section);
  giveZerosBytes(ordered, protection);
  return ordered;
}

/** Zeros take bytes of the file where contents follow them in their segment, and among what is read only. */
function giveZerosBytes(ordered: readonly OutputSection[], protection: Protection): void {
  const withContents = new Set<Region>([Region.ReadOnly]);
  for (const section of ordered.toReversed()) {
    const region = regionOf(section, protection);
    if (region === Region.NotLoaded) continue;
    if (section.type !== SHT_NOBITS) withContents.add(region);
    else if (withContents.has(region) && !(section.flags & SHF_TLS))
      (section as { type: number }).type = elf.SHT_PROGBITS;
  }
}

function outputName(bucket: Bucket): string {
  if (bucket.rule >= 0 && nameRules[bucket.rule].output !== undefined) return nameRules[bucket.rule].output!;
  // Merged constants of different sizes keep their own sections, so that flags and sh_entsize stay true.
  if (bucket.name === ".rodata" && bucket.entsize !== 0)
    return bucket.flags & elf.SHF_STRINGS ? ".rodata.str" : ".rodata.cst";
  return bucket.name;
}

/** Hot and cold code, and numbered constructors, have their order within a section. */
function sortBuckets(section: OutputSection): void {
  const isSorted = ({ rule }: Bucket): boolean => rule >= 0 && nameRules[rule].isSorted === true;
  const key = (bucket: Bucket): number => {
    const { rule, name } = bucket;
    if (isSorted(bucket)) return sortKey(nameRules[rule], name);
    const isPartOfText = rule >= 0 && nameRules[rule].output === ".text" && name.startsWith(".text.");
    return isPartOfText ? rule : UNNUMBERED + 1;
  };
  // GNU ld: equal numbers by name, `.ctors.65434` before `.init_array.00101`.
  const byName = (a: Bucket, b: Bucket): number => (isSorted(a) && isSorted(b) ? (a.name < b.name ? -1 : 1) : 0);
  section.buckets.splice(0, Infinity, ...section.buckets.toSorted((a, b) => key(a) - key(b) || byName(a, b)));
}

/**
 * Sums a bucket's parts, and leaves the offset of each where kernels look for it. A part is aligned as its own
 * sections want, not as the bucket's: crti.o's and crtn.o's parts of .init are one function.
 */
function sizeBucket({ tables }: Workers, bucket: Bucket, buckets: number): number {
  const ordinal = tables.column("bucket", "ordinal")[bucket.id];
  const bucketAlignment = tables.column("bucket", "alignment");
  const table = bucket.entsize === 0 ? "chunkBucket" : "mergeCell";
  const size = tables.column(table, "size");
  const offset = tables.column(table, "offset");
  const alignment = tables.column(table, "alignment");
  let end = 0;
  for (let row = ordinal; row < tables.rows(table); row += buckets) {
    const bytes = size.get(row);
    if (bytes === 0) continue;
    if (alignment[row] > bucketAlignment[bucket.id]) bucketAlignment[bucket.id] = alignment[row];
    const begin = alignUp(end, 2 ** alignment[row]);
    offset.set(row, begin);
    end = begin + bytes;
  }
  return end;
}

/** Adds the words for each part of each bucket to .relr.dyn, after those of .got. */
async function sizeRelr(
  workers: Workers,
  { sections, buckets }: Synthetic,
  ordered: readonly OutputSection[],
): Promise<void> {
  const relr = sections.get(".relr.dyn");
  if (relr === undefined) return;
  const { tables } = workers;
  await workers.run("packRelatives");
  const ordinal = tables.column("bucket", "ordinal");
  const words = tables.column("chunkBucket", "relrWords");
  const first = tables.column("chunkBucket", "firstRelrWord");
  let next = tables.get("gotRelrWords");
  for (const section of ordered)
    for (const bucket of section.buckets)
      for (let row = ordinal[bucket.id]; row < tables.rows("chunkBucket"); row += buckets.length) {
        first[row] = next;
        next += words[row];
      }
  relr.size = next * relr.entsize;
}

/** .symtab and .strtab: each file's locals, then each file's globals. */
function symbolTables({ tables }: Workers, { files }: Synthetic): OutputSection[] {
  const locals = tables.column("file", "outputLocals");
  const globals = tables.column("file", "outputGlobals");
  const strings = tables.column("file", "outputStrings");
  const firstLocal = tables.column("file", "firstOutputLocal");
  const firstGlobal = tables.column("file", "firstOutputGlobal");
  const firstString = tables.column("file", "firstOutputString");
  let symbol = 1;
  let string = 1;
  for (let file = 0; file < files; file++) {
    firstLocal[file] = symbol;
    symbol += locals[file];
    firstString[file] = string;
    string += strings[file];
  }
  const localCount = symbol;
  for (let file = 0; file < files; file++) {
    firstGlobal[file] = symbol;
    symbol += globals[file];
  }
  const strtab = new OutputSection({ name: ".strtab", type: elf.SHT_STRTAB, flags: 0, alignment: 1, size: string });
  const symtab = new OutputSection({
    name: ".symtab",
    type: elf.SHT_SYMTAB,
    flags: 0,
    alignment: 8,
    size: symbol * SYM,
    entsize: SYM,
    link: () => strtab,
    info: () => localCount,
  });
  return [symtab, strtab];
}

/** Sections from inputs are as large as their buckets; those that TypeScript makes, as what it makes. */
function sizeSections(
  { tables }: Workers,
  { sections, strings }: Synthetic,
  ordered: readonly OutputSection[],
  sizes: ReadonlyMap<number, number>,
): void {
  for (const section of ordered) {
    for (const bucket of section.buckets) {
      const alignment = 2 ** tables.column("bucket", "alignment")[bucket.id];
      section.size = alignUp(section.size, alignment) + sizes.get(bucket.id)!;
    }
  }
  // .dynamic asks which sections there are, and adds to .dynstr.
  for (const section of ordered)
    if (section.size === 0 && section.contents !== undefined && section.name !== ".dynstr")
      section.size = section.contents().length;
  const dynstr = sections.get(".dynstr");
  if (dynstr === undefined) return;
  tables.set("dynstrOwn", strings.size);
  dynstr.size = strings.size + tables.get("dynstrSize");
}

/**
 * Gives sections their addresses and offsets; the two are congruent modulo the page size, so that a page of
 * the file can be mapped where two segments meet. Returns the end of the file's sections.
 */
function place(
  ordered: readonly OutputSection[],
  base: number,
  headerSize: number,
  options: LinkOptions,
  protection: Protection,
): number {
  const page = options.z.maxPageSize;
  let address = base + headerSize;
  let offset = headerSize;
  let region: Region = Region.ReadOnly;
  // PT_TLS begins where its own alignment allows, which is that of the strictest section in it.
  const threadLocal = ordered.filter(({ flags }) => (flags & SHF_TLS) !== 0);
  const threadLocalAlignment = Math.max(1, ...threadLocal.map(({ alignment }) => alignment));
  for (const [i, section] of ordered.entries()) {
    const own = section === threadLocal[0] ? threadLocalAlignment : section.alignment;
    const next = regionOf(section, protection);
    if (next === Region.NotLoaded) {
      offset = alignUp(offset, section.alignment);
      section.offset = offset;
      offset += section.type === SHT_NOBITS ? 0 : section.size;
      continue;
    }
    if (next !== region) {
      region = next;
      const alignment = Math.max(
        page,
        ...ordered
          .slice(i)
          .filter((s) => regionOf(s, protection) === next)
          .map((s) => s.alignment),
      );
      // Where segments share pages, the first section must lie where its address does: .tbss takes no part in the file.
      offset = alignUp(offset, options.z.separate === "none" ? own : page);
      // The first address on a page of its own that is congruent to the offset.
      address = alignUp(address, page);
      address += (((offset - address) % alignment) + alignment) % alignment;
    }
    const isTlsZero = (section.flags & SHF_TLS) !== 0 && section.type === SHT_NOBITS;
    const aligned = alignUp(address, own);
    // Zero-filled sections take no bytes of the file, but what follows them in the segment must line up.
    if (section.type !== SHT_NOBITS) offset += aligned - address;
    section.address = aligned;
    section.offset = offset;
    if (isTlsZero) continue; // .tbss is no part of the image: what follows lies at the same address
    address = aligned + section.size;
    if (section.type !== SHT_NOBITS) offset += section.size;
  }
  return offset;
}

/** Tells kernels where each bucket went. */
function placeBuckets(
  { tables }: Workers,
  ordered: readonly OutputSection[],
  sizes: ReadonlyMap<number, number>,
  target: Target,
): void {
  const address = tables.column("bucket", "address");
  const fileOffset = tables.column("bucket", "fileOffset");
  const isCopied = tables.column("bucket", "isCopied");
  const filler = tables.column("bucket", "filler");
  const index = tables.column("bucket", "index");
  const alignment = tables.column("bucket", "alignment");
  for (const section of ordered) {
    let at = 0;
    for (const bucket of section.buckets) {
      at = alignUp(at, 2 ** alignment[bucket.id]);
      address.set(bucket.id, section.address + at);
      fileOffset.set(bucket.id, section.offset + at);
      isCopied[bucket.id] = section.type === SHT_NOBITS ? 0 : 1;
      filler[bucket.id] = section.flags & elf.SHF_EXECINSTR ? target.codeFiller : 0;
      index[bucket.id] = section.index;
      at += sizes.get(bucket.id)!;
    }
  }
}

/** Leaves the addresses and offsets of the linker's own sections where kernels look for them. */
function publish({ tables }: Workers, { sections }: Synthetic, segments: readonly ProgramHeader[]): void {
  const find = (name: string): OutputSection | undefined => sections.get(name);
  const address = (name: string): number => find(name)?.address ?? 0;
  const offset = (name: string): number => find(name)?.offset ?? 0;
  const size = (name: string): number => find(name)?.size ?? 0;
  const index = (name: string): number => find(name)?.index ?? 0;
  tables.set("gotAddress", address(".got"));
  tables.set("gotOffset", offset(".got"));
  tables.set("gotSize", size(".got"));
  tables.set("gotPltAddress", address(".got.plt"));
  tables.set("gotPltOffset", offset(".got.plt"));
  tables.set("gotPltSize", size(".got.plt"));
  tables.set("pltAddress", address(".plt"));
  tables.set("pltOffset", offset(".plt"));
  tables.set("pltSize", size(".plt"));
  tables.set("pltIndex", index(find(".plt.sec") === undefined ? ".plt" : ".plt.sec"));
  tables.set("pltSecAddress", address(".plt.sec"));
  tables.set("pltSecOffset", offset(".plt.sec"));
  tables.set("pltSecSize", size(".plt.sec"));
  tables.set("pltGotAddress", address(".plt.got"));
  tables.set("pltGotOffset", offset(".plt.got"));
  tables.set("pltGotSize", size(".plt.got"));
  tables.set("copyAddress", address(".copyrel"));
  tables.set("copyIndex", index(".copyrel"));
  tables.set("copyRelroAddress", address(".copyrel.rel.ro"));
  tables.set("copyRelroIndex", index(".copyrel.rel.ro"));
  tables.set("relrOffset", offset(".relr.dyn"));
  tables.set("relaDynOffset", offset(".rela.dyn"));
  tables.set("relaPltOffset", offset(".rela.plt"));
  tables.set("relaPltSize", size(".rela.plt"));
  tables.set("ehFrameAddress", address(".eh_frame"));
  tables.set("ehFrameOffset", offset(".eh_frame"));
  tables.set("ehFrameIndex", index(".eh_frame"));
  tables.set("ehFrameHdrAddress", address(".eh_frame_hdr"));
  tables.set("ehFrameHdrOffset", offset(".eh_frame_hdr"));
  tables.set("dynamicAddress", address(".dynamic"));
  tables.set("dynsymOffset", offset(".dynsym"));
  tables.set("dynstrOffset", offset(".dynstr"));
  tables.set("gnuHashOffset", offset(".gnu.hash"));
  tables.set("sysvHashOffset", offset(".hash"));
  tables.set("versymOffset", offset(".gnu.version"));
  tables.set("symtabOffset", offset(".symtab"));
  tables.set("strtabOffset", offset(".strtab"));
  const tls = segments.find(({ type }) => type === elf.PT_TLS);
  tables.set("tlsBegin", tls?.address ?? 0);
  // psABI 3.4.6, variant II: the block ends at the thread pointer.
  tables.set("tlsEnd", tls === undefined ? 0 : alignUp(tls.address + tls.memorySize, tls.alignment));
}
