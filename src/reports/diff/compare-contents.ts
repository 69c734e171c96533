/**
 * Bytes of both files side by side. Where they differ, some field around must hold an address, relative or absolute,
 * that is the same thing in both files: no instruction is decoded, because a wrong field hits the same thing only
 * by a rare accident. Linear in the bytes; each field costs a binary search or some.
 */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_GNU_HASH,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
  SHT_GNU_versym,
  SHT_GROUP,
  SHT_HASH,
  SHT_NOBITS,
  SHT_RELA,
  SHT_RELR,
  SHT_STRTAB,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from "../../elf/constants.ts";
import type { ElfSection } from "../../elf/elf-file.ts";
import { type AddressUse, addressUse, bytesAfterDisplacement } from "../../targets/x86-64-image.ts";
import { compareLines } from "./compare-lines.ts";
import type { Correspondence } from "./correspondence.ts";
import type { Differences } from "./difference.ts";
import { type Image, isRelative } from "./image.ts";

/** Tables that are compared by what they say, elsewhere. */
const tableTypes: ReadonlySet<number> = new Set([
  SHT_SYMTAB,
  SHT_STRTAB,
  SHT_RELA,
  SHT_HASH,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_GROUP,
  SHT_SYMTAB_SHNDX,
  SHT_RELR,
  SHT_GNU_HASH,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
  SHT_GNU_versym,
]);
const ownNames = /^(\.got|\.got\.plt|\.i?plt(\..*)?|\.eh_frame|\.eh_frame_hdr|\.note\.gnu\.build-id|\.gnu_debuglink)$/;

/** Bytes that compilers, assemblers and linkers put between functions: nop in its lengths, int3, zeros. */
const fillers: ReadonlySet<number> = new Set([0x90, 0x66, 0x0f, 0x1f, 0x2e, 0x84, 0x00, 0x40, 0x44, 0x80, 0xcc]);

interface Range {
  readonly name: string;
  readonly first: number;
  readonly second: number;
  readonly firstBytes: Uint8Array;
  readonly secondBytes: Uint8Array;
  readonly isCode: boolean;
}

/** Contents of all sections that both files have and no table describes. */
export function compareContents(both: Correspondence, differences: Differences): void {
  const [first, second] = both.images;
  for (const [key, section] of first.sections) {
    const other = second.sections.get(key);
    if (other === undefined || tableTypes.has(section.type) || ownNames.test(section.name)) continue;
    if (section.type === SHT_NOBITS || other.type === SHT_NOBITS) continue;
    if (!((section.flags | other.flags) & SHF_ALLOC)) compareUnloaded(both, section, other, differences);
    else if (section.flags & other.flags & SHF_ALLOC) compareLoaded(both, section, other, differences);
  }
}

function compareLoaded(both: Correspondence, section: ElfSection, other: ElfSection, differences: Differences): void {
  const isCode = (section.flags & SHF_EXECINSTR) !== 0;
  const isMergeable = !isCode && !(section.flags & SHF_WRITE);
  for (const { name, first, second, firstRoom, secondRoom, size } of both.namedRanges(section, other)) {
    // What follows the symbol is padding, strings that are merged in another order, or data without a name.
    const isWhole = !isMergeable && (isCode ? size === 0 : firstRoom === secondRoom);
    const inside = Math.min(size, section.address + section.size - first, other.address + other.size - second);
    const length = isWhole ? Math.min(firstRoom, secondRoom) : inside;
    const [firstBytes, secondBytes] = [both.images[0].bytesAt(first, length), both.images[1].bytesAt(second, length)];
    compareRange(both, { name, first, second, firstBytes, secondBytes, isCode }, differences);
  }
}

/** Reports the first place of a range that means something else in each file. */
function compareRange(both: Correspondence, range: Range, differences: Differences): void {
  const { firstBytes, secondBytes, name, isCode } = range;
  if (firstBytes.length === secondBytes.length && Buffer.compare(firstBytes, secondBytes) === 0) return;
  const length = Math.min(firstBytes.length, secondBytes.length);
  let done = 0;
  for (let at = 0; at < length; at++) {
    if (firstBytes[at] === secondBytes[at]) continue;
    const end = fieldEnd(both, range, at, done);
    if (end === undefined) {
      if (isCode && isFilled(firstBytes, at) && isFilled(secondBytes, at)) return;
      const { first, second } = describePlace(both, range, at);
      differences.add("contents", `${name}+0x${at.toString(16)}`, isCode ? "code" : "data", first, second);
      return;
    }
    done = end;
    at = end - 1;
  }
}

const isFilled = (bytes: Uint8Array, begin: number): boolean =>
  bytes.subarray(begin).every((byte) => fillers.has(byte));

/** Where the field around a difference ends, if there is one that is the same thing in both files. */
function fieldEnd(both: Correspondence, range: Range, at: number, done: number): number | undefined {
  for (let begin = at; range.isCode && begin >= Math.max(done, at - 2); begin--)
    for (const hasRex of [true, false]) {
      const size = sameUse(both, range, begin, hasRex);
      if (size !== undefined) return begin + size;
    }
  const order = range.isCode ? [4, 8] : [8, 4];
  // Data is aligned, as a rule.
  for (const size of range.isCode ? [] : order) {
    const begin = at - ((range.first + at) % size);
    if (begin >= done && isSameField(both, range, begin, size)) return begin + size;
  }
  for (const size of order)
    for (let begin = at; begin > at - size && begin >= done; begin--)
      if (isSameField(both, range, begin, size)) return begin + size;
  return undefined;
}

/** The size of instructions that do the same with the same address, in two forms. */
function sameUse(both: Correspondence, range: Range, at: number, hasRex: boolean): number | undefined {
  const [first, second] = [addressUse(range.firstBytes, at, hasRex), addressUse(range.secondBytes, at, hasRex)];
  if (first === undefined || first.operation !== second?.operation || first.form === second.form) return undefined;
  const end = at + first.size;
  if (end > range.firstBytes.length || end > range.secondBytes.length) return undefined;
  const a = usedAddress(both.images[0], first, range.first + end, halfOf(range.firstBytes, end - 4));
  const b = usedAddress(both.images[1], second, range.second + end, halfOf(range.secondBytes, end - 4));
  return a !== undefined && b !== undefined && both.isSame(a, b) ? first.size : undefined;
}

/** The address that an instruction uses; nothing for a slot that the loader fills with a symbol's. */
function usedAddress(image: Image, { form }: AddressUse, next: number, field: number): number | undefined {
  if (form !== "slot") return form === "immediate" ? field : next + field;
  const relocation = image.relocations.get(next + field);
  return relocation === undefined ? image.wordAt(next + field) : isRelative(relocation) ? relocation.addend : undefined;
}

function isSameField(both: Correspondence, range: Range, at: number, size: number): boolean {
  const { firstBytes, secondBytes } = range;
  if (at + size > firstBytes.length || at + size > secondBytes.length) return false;
  const [a, b] = [range.first + at, range.second + at];
  const [first, second] = both.images;
  if (size === 8) {
    // The loader fills it; what it fills it with is compared with the relocations.
    if (first.relocations.has(a) || second.relocations.has(b)) return true;
    const [x, y] = [wordOf(firstBytes, at), wordOf(secondBytes, at)];
    if (both.isSame(x, y) || both.isSame(a + x, b + y) || both.isSameThreadLocal(x, y)) return true;
    const bases = [first.gotBase, second.gotBase];
    return bases[0] !== undefined && bases[1] !== undefined && both.isSame(bases[0] + x, bases[1] + y);
  }
  const [x, y] = [halfOf(firstBytes, at), halfOf(secondBytes, at)];
  if (range.isCode)
    for (const after of bytesAfterDisplacement)
      if (both.isSame(a + size + after + x, b + size + after + y)) return true;
  if (both.isSame(x >>> 0, y >>> 0) || both.isSameThreadLocal(x, y)) return true;
  return !range.isCode && both.isSame(a + x, b + y);
}

/** What the likeliest field is in each file, for the message. */
function describePlace(both: Correspondence, range: Range, at: number): { first: string; second: string } {
  const describe = (side: 0 | 1): string => {
    const bytes = side === 0 ? range.firstBytes : range.secondBytes;
    const address = (side === 0 ? range.first : range.second) + at;
    const hex = Buffer.from(bytes.subarray(at, at + 8)).toString("hex");
    if (at + 8 > bytes.length) return hex;
    const target = range.isCode ? address + 4 + halfOf(bytes, at) : wordOf(bytes, at);
    return both.images[side].sectionAt(target) === undefined ? hex : `${hex} (${both.describe(side, target)})`;
  };
  return { first: describe(0), second: describe(1) };
}

/** Debug information and the like: equal but for addresses and offsets of strings. */
function compareUnloaded(both: Correspondence, section: ElfSection, other: ElfSection, differences: Differences): void {
  const [first, second] = both.images;
  const name = section.name;
  if (name === ".debug_line" && compareLines(both, differences)) return;
  const bytes = [first.contents(section), second.contents(other)];
  if (/^\.(comment|debug_str|debug_line_str)$/.test(name)) {
    const texts = bytes.map((text) => Buffer.from(text).toString("latin1").split("\0"));
    const ends = texts.map((lines) => new Ends(lines));
    for (const [side, text] of texts.entries()) {
      const missing = text.filter((line) => !ends[1 - side].has(line));
      if (missing.length === 0) continue;
      const list = missing.slice(0, 3).map((line) => JSON.stringify(line));
      differences.add(
        "contents",
        name,
        `${missing.length} strings`,
        ...(side === 0 ? [list.join()] : [undefined, list.join()]),
      );
    }
    return;
  }
  if (bytes[0].length !== bytes[1].length) {
    differences.compare("contents", name, "size", bytes[0].length, bytes[1].length);
    return;
  }
  if (Buffer.compare(bytes[0], bytes[1]) === 0) return;
  const strings = [0, 1].map((side) =>
    [".debug_str", ".debug_line_str"].map((table) => {
      const found = both.images[side].sections.get(table);
      return found === undefined ? undefined : both.images[side].contents(found);
    }),
  );
  const isSameText = (x: number, y: number): boolean =>
    [0, 1].some((table) => {
      const [a, b] = [strings[0][table], strings[1][table]];
      return a !== undefined && b !== undefined && textAt(a, x) !== undefined && textAt(a, x) === textAt(b, y);
    });
  let done = 0;
  for (let at = 0; at < bytes[0].length; at++) {
    if (bytes[0][at] === bytes[1][at]) continue;
    let end: number | undefined;
    for (let begin = at; begin > at - 8 && begin >= done && end === undefined; begin--) {
      if (begin + 8 <= bytes[0].length && both.isSame(wordOf(bytes[0], begin), wordOf(bytes[1], begin)))
        end = begin + 8;
      else if (begin + 4 > at && begin + 4 <= bytes[0].length)
        if (isSameText(halfOf(bytes[0], begin) >>> 0, halfOf(bytes[1], begin) >>> 0)) end = begin + 4;
    }
    if (end === undefined) {
      const hex = bytes.map((part) => Buffer.from(part.subarray(at, at + 8)).toString("hex"));
      differences.add("contents", `${name}+0x${at.toString(16)}`, "bytes", hex[0], hex[1]);
      return;
    }
    done = end;
    at = end - 1;
  }
}

/** Texts, and with each all that it ends in: linkers may share tails. */
class Ends {
  readonly #reversed: readonly string[];

  constructor(lines: readonly string[]) {
    this.#reversed = lines.map(reverse).sort();
  }

  has(line: string): boolean {
    const wanted = reverse(line);
    let low = 0;
    let high = this.#reversed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#reversed[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return this.#reversed[low]?.startsWith(wanted) ?? false;
  }
}

const reverse = (text: string): string => text.split("").toReversed().join("");

function textAt(table: Uint8Array, offset: number): string | undefined {
  const end = offset < table.length ? table.indexOf(0, offset) : -1;
  return end === -1 ? undefined : Buffer.from(table.subarray(offset, end)).toString("latin1");
}

function halfOf(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function wordOf(bytes: Uint8Array, at: number): number {
  return halfOf(bytes, at + 4) * 2 ** 32 + (halfOf(bytes, at) >>> 0);
}
