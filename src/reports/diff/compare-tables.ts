/** What the tables of both files say: headers, segments, .dynamic, symbols, versions, relocations, unwinding. */
import * as elf from "../../elf/constants.ts";
import { type ElfSection, reservedIndex } from "../../elf/elf-file.ts";
import { dynamicKind } from "../../targets/x86-64-image.ts";
import { type Correspondence, isPlaced, type Side } from "./correspondence.ts";
import { type Difference, type Differences, Tally } from "./difference.ts";
import { type Fde, readFrames, readSearchTable } from "./eh-frame.ts";
import type { Image, NamedSymbol } from "./image.ts";

export function compareHeaders(both: Correspondence, differences: Differences): void {
  const [first, second] = both.images.map((image) => image.elf);
  differences.compare("file", "ELF header", "type", first.type, second.type);
  differences.compare("file", "ELF header", "machine", first.machine, second.machine);
  differences.compare("file", "ELF header", "OS ABI", first.osAbi, second.osAbi);
  differences.compare("file", "ELF header", "flags", first.flags, second.flags);
  if (first.entry !== second.entry && !both.isSame(first.entry, second.entry))
    differences.add("file", "ELF header", "entry", both.describe(0, first.entry), both.describe(1, second.entry));
}

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Sections whose sizes follow from how a linker counts and orders, not from what is linked. */
const freeSizes =
  /^(\.dynstr|\.dynamic|\.strtab|\.shstrtab|\.symtab|\.dynsym|\.gnu\.hash|\.hash|\.got.*|\.i?plt.*|\.eh_frame.*|\.rela.*|\.relr.*|\.gnu\.version.*)$/;

export function compareSections(both: Correspondence, differences: Differences): void {
  const [first, second] = both.images;
  for (const [key, section] of first.sections) {
    const other = second.sections.get(key);
    if (other === undefined) {
      differences.add("section", key, "presence", hex(section.size));
      continue;
    }
    differences.compare("section", key, "type", hex(section.type), hex(other.type));
    differences.compare("section", key, "flags", hex(section.flags), hex(other.flags));
    differences.compare("section", key, "entry size", section.entrySize, other.entrySize);
    const [extent, otherExtent] = [first.extentOf(section), second.extentOf(other)];
    differences.compare("section", key, "alignment", extent.alignment, otherExtent.alignment);
    if (!freeSizes.test(section.name))
      differences.compare("section", key, "size", hex(extent.size), hex(otherExtent.size));
    const links = both.images.map((image, side) => image.keyOfSection[(side === 0 ? section : other).link] ?? "none");
    differences.compare("section", key, "link", links[0], links[1]);
  }
  for (const [key, section] of second.sections)
    if (!first.sections.has(key)) differences.add("section", key, "presence", undefined, hex(section.size));
}

const segmentNames = new Map<number, string>(
  Object.entries(elf).flatMap(([name, value]) => (name.startsWith("PT_") ? [[value as number, name] as const] : [])),
);

/** Each segment by its type: flags, and the sections inside. Of loaded ones, by section: what may be done there. */
export function compareSegments(both: Correspondence, differences: Differences): void {
  const lists = both.images.map((image) => {
    const segments = new Map<string, string>();
    for (const segment of image.elf.segments) {
      const { type, flags, alignment, memorySize } = segment;
      if (type === elf.PT_GNU_STACK) {
        segments.set("PT_GNU_STACK", `${flagText(flags)} of ${hex(memorySize)} bytes`);
        continue;
      }
      const inside = sectionsIn(image, segment);
      const name = segmentNames.get(type) ?? hex(type);
      if (type === elf.PT_LOAD) {
        for (const section of inside) segments.set(`PT_LOAD of ${image.keyOfSection[section.index]}`, flagText(flags));
        continue;
      }
      const names = inside.map(({ index }) => image.keyOfSection[index]).sort();
      const isAligned = type === elf.PT_TLS;
      let key = name;
      for (let i = 2; segments.has(key); i++) key = `${name}#${i}`;
      segments.set(
        key,
        `${flagText(flags)}${isAligned ? ` aligned to ${alignment}` : ""}: ${names.join(" ") || "nothing"}`,
      );
    }
    return segments;
  });
  const [first, second] = both.images;
  for (const name of new Set(lists.flatMap((list) => [...list.keys()]))) {
    // What one file has no section for is said once.
    const section = name.startsWith("PT_LOAD of ") ? name.slice("PT_LOAD of ".length) : undefined;
    if (section !== undefined && !(first.sections.has(section) && second.sections.has(section))) continue;
    differences.compare("segment", name, "contents", lists[0].get(name), lists[1].get(name));
  }
}

const flagText = (flags: number): string =>
  `${flags & elf.PF_R ? "R" : "-"}${flags & elf.PF_W ? "W" : "-"}${flags & elf.PF_X ? "X" : "-"}`;

function sectionsIn(image: Image, segment: { address: number; memorySize: number; type: number }): ElfSection[] {
  const end = segment.address + segment.memorySize;
  const isTls = segment.type === elf.PT_TLS;
  return [...image.sections.values()].filter(({ flags, type, address, size }) => {
    if (!(flags & elf.SHF_ALLOC) || size === 0) return false;
    const isThreadLocal = (flags & elf.SHF_TLS) !== 0;
    if (isTls ? !isThreadLocal : isThreadLocal && type === elf.SHT_NOBITS) return false;
    return address >= segment.address && address + size <= end;
  });
}

/** Tags whose value is an offset in .dynstr. */
const textTags = new Set([
  elf.DT_NEEDED,
  elf.DT_SONAME,
  elf.DT_RPATH,
  elf.DT_RUNPATH,
  elf.DT_AUDIT,
  elf.DT_DEPAUDIT,
  elf.DT_FILTER,
  elf.DT_AUXILIARY,
]);
/** Tags whose value is what it says. */
const plainTags = new Set([
  elf.DT_FLAGS,
  elf.DT_FLAGS_1,
  elf.DT_GNU_FLAGS_1,
  elf.DT_PLTREL,
  elf.DT_RELAENT,
  elf.DT_SYMENT,
  elf.DT_RELRENT,
  elf.DT_INIT_ARRAYSZ,
  elf.DT_FINI_ARRAYSZ,
  elf.DT_PREINIT_ARRAYSZ,
]);
/** Tags whose value is the address of something, which both files should call the same. */
const addressTags = new Set([elf.DT_INIT, elf.DT_FINI, elf.DT_INIT_ARRAY, elf.DT_FINI_ARRAY, elf.DT_PREINIT_ARRAY]);
/** Tags that say where a table of the linker is. */
const tableTags = new Set([
  elf.DT_PLTGOT,
  elf.DT_HASH,
  elf.DT_GNU_HASH,
  elf.DT_STRTAB,
  elf.DT_SYMTAB,
  elf.DT_RELA,
  elf.DT_RELR,
  elf.DT_JMPREL,
  elf.DT_VERSYM,
  elf.DT_VERDEF,
  elf.DT_VERNEED,
  elf.DT_TLSDESC_PLT,
  elf.DT_TLSDESC_GOT,
]);

const tagNames = new Map<number, string>(
  Object.entries(elf).flatMap(([name, value]) => (name.startsWith("DT_") ? [[value as number, name] as const] : [])),
);

export function compareDynamic(both: Correspondence, differences: Differences): void {
  const lists = both.images.map((image, side) => dynamicTexts(both, image, side as Side));
  for (const tag of new Set(lists.flatMap((list) => [...list.keys()]))) {
    const [first, second] = lists.map((list) => list.get(tag));
    const name = tagNames.get(tag) ?? hex(tag);
    if (addressTags.has(tag) && first !== undefined && second !== undefined) {
      const values = both.images.map((image) => image.dynamicEntries.find((entry) => entry.tag === tag)?.value ?? 0);
      if (both.isSame(values[0], values[1])) continue;
    }
    differences.compare("dynamic", name, "value", first, second);
  }
}

function dynamicTexts(both: Correspondence, image: Image, side: Side): Map<number, string> {
  const texts = new Map<number, string>();
  const dynamic = image.elf.sectionOfType(elf.SHT_DYNAMIC);
  if (dynamic === undefined) return texts;
  const strings = image.elf.linked(dynamic);
  for (const { tag, value } of image.dynamicEntries) {
    let text = "present"; // sizes and counts follow from tables that are compared
    if (textTags.has(tag)) text = image.elf.string(strings, value);
    else if (plainTags.has(tag)) text = hex(value);
    else if (addressTags.has(tag)) text = both.describe(side, value);
    else if (tableTags.has(tag))
      text = `in ${image.sectionAt(value)?.name.replace(/^\.got(\.plt)?$/, "the GOT") ?? "nothing"}`;
    const known = texts.get(tag);
    texts.set(tag, known === undefined ? text : `${known} ${text}`);
  }
  return texts;
}

const types = new Map<number, string>(
  Object.entries(elf).flatMap(([name, value]) =>
    name.startsWith("STT_") ? [[value as number, name.slice(4)] as const] : [],
  ),
);
const bindings = new Map<number, string>([
  [elf.STB_LOCAL, "local"],
  [elf.STB_GLOBAL, "global"],
  [elf.STB_WEAK, "weak"],
  [elf.STB_GNU_UNIQUE, "unique"],
]);
const visibilities = ["default", "internal", "hidden", "protected"];

export function compareSymbols(both: Correspondence, differences: Differences): void {
  compareTable(both, "symbol", (image) => image.symbols, differences);
  compareTable(both, "dynamicSymbol", (image) => image.dynamicSymbols, differences);
}

function compareTable(
  both: Correspondence,
  kind: Difference["kind"],
  symbolsOf: (image: Image) => readonly NamedSymbol[],
  differences: Differences,
): void {
  const [first, second] = both.images;
  const others = new Map(symbolsOf(second).map((symbol) => [symbol.key, symbol]));
  for (const symbol of symbolsOf(first)) {
    const { key } = symbol;
    const other = others.get(key);
    if (other === undefined) {
      differences.add(kind, key, "presence", first.sectionOf(symbol));
      continue;
    }
    others.delete(key);
    differences.compare(kind, key, "section", first.sectionOf(symbol), second.sectionOf(other));
    differences.compare(kind, key, "size", symbol.size, other.size);
    differences.compare(kind, key, "type", types.get(symbol.type), types.get(other.type));
    differences.compare(kind, key, "binding", bindings.get(symbol.binding), bindings.get(other.binding));
    differences.compare(kind, key, "visibility", visibilities[symbol.visibility], visibilities[other.visibility]);
    if (symbol.section === reservedIndex(elf.SHN_ABS) && other.section === symbol.section)
      differences.compare(kind, key, "value", hex(symbol.value), hex(other.value));
    else if (symbol.section === 0 && other.section === 0)
      differences.compare(
        kind,
        key,
        "address",
        symbol.value === 0 ? "none" : "PLT",
        other.value === 0 ? "none" : "PLT",
      );
    else if (isPlaced(symbol) && isPlaced(other)) comparePlace(both, kind, symbol, other, differences);
  }
  for (const symbol of others.values())
    differences.add(kind, symbol.key, "presence", undefined, second.sectionOf(symbol));
}

/** A symbol is where its section or one of its neighbours say that it is; what is inside is compared elsewhere. */
function comparePlace(
  both: Correspondence,
  kind: Difference["kind"],
  symbol: NamedSymbol,
  other: NamedSymbol,
  differences: Differences,
): void {
  const [first, second] = both.images;
  const section = first.elf.sections[symbol.section];
  const otherSection = second.elf.sections[other.section];
  if (section === undefined || otherSection === undefined) return;
  if (symbol.size > 0 || section.name === ".eh_frame") return;
  if (symbol.value - section.address === other.value - otherSection.address) return;
  if (section.address + section.size - symbol.value === otherSection.address + otherSection.size - other.value) return;
  const { ids, addresses } = both.anchors[0];
  let row = both.anchors[0].rowBefore(symbol.value);
  const next = row + 1 < ids.length ? row + 1 : row;
  while (row > 0 && addresses[row] === symbol.value) row--;
  for (const at of [row, next])
    if (at >= 0 && both.addressOf[1][ids[at]] + symbol.value - addresses[at] === other.value) return;
  differences.add(kind, symbol.key, "place", both.describe(0, symbol.value), both.describe(1, other.value));
}

export function compareVersions(both: Correspondence, differences: Differences): void {
  const texts = both.images.map(({ elf: file }) => {
    const found = new Map<string, string>();
    const defined = file.sectionOfType(elf.SHT_GNU_verdef);
    const required = file.sectionOfType(elf.SHT_GNU_verneed);
    if (defined !== undefined)
      for (const { name, flags, parents } of file.versionDefinitions(defined))
        found.set(`definition ${name}`, [hex(flags), ...parents].join(" "));
    if (required !== undefined)
      for (const { name, file: library, flags } of file.versionRequirements(required))
        found.set(`requirement ${name} of ${library}`, hex(flags));
    return found;
  });
  for (const name of new Set(texts.flatMap((found) => [...found.keys()])))
    differences.compare("version", name, "flags and parents", texts[0].get(name), texts[1].get(name));
}

/**
 * Dynamic relocations by what is relocated: a place that has a name; else how often something is referred to, by
 * slots of the GOT and by data without a name.
 */
export function compareRelocations(both: Correspondence, differences: Differences): void {
  const [first, second] = both.images;
  const seen = new Set<number>();
  const slots = new Tally();
  const unnamed = new Tally();
  for (const [address, relocation] of first.relocations) {
    const text = both.describeRelocation(0, relocation);
    const at = both.secondOf(address);
    const other = at === undefined ? undefined : second.relocations.get(at);
    if (first.isGot(address)) slots.add(0, text);
    else if (at !== undefined && other !== undefined && both.isSameRelocation(relocation, other)) seen.add(at);
    else if (!both.isFirm(0, address)) unnamed.add(0, text);
    else {
      const otherText = other === undefined ? undefined : both.describeRelocation(1, other);
      differences.add("relocation", both.describe(0, address), "target", text, otherText);
      if (at !== undefined) seen.add(at);
    }
  }
  for (const [address, relocation] of second.relocations) {
    const text = both.describeRelocation(1, relocation);
    if (second.isGot(address)) slots.add(1, text);
    else if (seen.has(address)) continue;
    else if (!both.isFirm(1, address)) unnamed.add(1, text);
    else differences.add("relocation", both.describe(1, address), "target", undefined, text);
  }
  slots.report(differences, "relocation", "GOT");
  unnamed.report(differences, "relocation", "unnamed place");
}

export function compareUnwinding(both: Correspondence, differences: Differences): void {
  const [first, second] = both.images;
  const frames = both.images.map((image) => new Map(readFrames(image).map((frame) => [frame.begin, frame])));
  const seen = new Set<number>();
  const unnamed = new Tally();
  for (const [address, frame] of frames[0]) {
    const at = both.secondOf(address);
    // The end of one file's .plt is that of the other's, and what follows may be an entry in one of them only.
    const isAlike =
      at !== undefined && (first.pltSlotAt(address) === undefined) === (second.pltSlotAt(at) === undefined);
    const other = isAlike ? frames[1].get(at) : undefined;
    if (!both.isFirm(0, address)) {
      unnamed.add(0, `${frame.size} bytes ${frame.rules}`);
      continue;
    }
    const name = both.describe(0, address);
    if (at === undefined || other === undefined) {
      differences.add("unwind", name, "FDE", frame.rules);
      continue;
    }
    seen.add(at);
    differences.compare("unwind", name, "size", frame.size, other.size);
    differences.compare("unwind", name, "rules", frame.rules, other.rules);
    compareReferences(both, name, frame, other, differences);
  }
  for (const [address, frame] of frames[1])
    if (!both.isFirm(1, address)) unnamed.add(1, `${frame.size} bytes ${frame.rules}`);
    else if (!seen.has(address)) differences.add("unwind", both.describe(1, address), "FDE", undefined, frame.rules);
  unnamed.report(differences, "unwind", "FDE of an unnamed place");
  const tables = [first, second].map(readSearchTable);
  const coverage = tables.map((table, side) => {
    if (table === undefined) return "none";
    const covered = new Set(table);
    const missing = [...frames[side].values()].filter(({ begin, size }) => size > 0 && !covered.has(begin));
    return missing.length === 0
      ? "all"
      : `all but ${missing.map(({ begin }) => both.describe(side as Side, begin)).join()}`;
  });
  differences.compare("unwind", ".eh_frame_hdr", "functions", coverage[0], coverage[1]);
}

function compareReferences(both: Correspondence, name: string, frame: Fde, other: Fde, differences: Differences): void {
  for (const field of ["personality", "lsda"] as const) {
    const [a, b] = [frame[field], other[field]];
    if (a === b || (a !== undefined && b !== undefined && isSamePointer(both, a, b))) continue;
    const texts = [a, b].map((address, side) =>
      address === undefined ? undefined : both.describe(side as Side, address),
    );
    differences.compare("unwind", name, field, texts[0], texts[1]);
  }
}

/** Of pointers to a personality there may be several, each relocated; what they point to counts. */
function isSamePointer(both: Correspondence, a: number, b: number): boolean {
  if (both.isSame(a, b)) return true;
  const [x, y] = [both.images[0].relocations.get(a), both.images[1].relocations.get(b)];
  if (x !== undefined && y !== undefined)
    return dynamicKind(x.type) === dynamicKind(y.type) && both.isSameRelocation(x, y);
  // .gcc_except_table has no names: that two tables are the same is told by their first bytes.
  const bytes = both.images.map((image, side) => image.bytesAt(side === 0 ? a : b, 8));
  return bytes[0].length > 0 && Buffer.compare(bytes[0], bytes[1]) === 0;
}
