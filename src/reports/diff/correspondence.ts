/**
 * Which address of one file is what an address of the other is. Two addresses are the same when they are as far from
 * a symbol that both files have, or from a section's bounds; entries of PLTs and slots of GOTs when they stand for the
 * same; data without a name, strings above all, when the contents are.
 */
import { SHF_EXECINSTR, SHF_TLS, SHF_WRITE, STT_TLS } from "../../elf/constants.ts";
import type { ElfSection } from "../../elf/elf-file.ts";
import { dynamicKind, dynamicName } from "../../targets/x86-64-image.ts";
import type { DynamicRelocation, Image, NamedSymbol } from "./image.ts";

/** Chains of slots, strings and addresses are not followed further. */
const MAX_DEPTH = 6;
/** Symbols at one address that are tried. */
const MAX_ALIASES = 64;
/** References to a little before a symbol: `array[-1]`, and displacements with an immediate after them. */
const MAX_BEFORE = 64;
const LONGEST_TEXT = 4096;

/** Names of both files, by address in one of them. */
class Anchors {
  readonly addresses: Float64Array;
  readonly ids: Int32Array;

  constructor(addressOf: readonly number[]) {
    const order = Array.from(addressOf, (_, id) => id).sort((a, b) => addressOf[a] - addressOf[b]);
    this.ids = Int32Array.from(order);
    this.addresses = Float64Array.from(order, (id) => addressOf[id]);
  }

  /** The row of the last name at or before an address; -1 when there is none. */
  rowBefore(address: number): number {
    const { addresses } = this;
    let low = 0;
    let high = addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (addresses[middle] <= address) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

export type Side = 0 | 1;

/** What both files have under a name, up to the next name of each. */
export interface NamedRange {
  readonly name: string;
  readonly first: number;
  readonly second: number;
  readonly firstRoom: number;
  readonly secondRoom: number;
  /** Bytes that are the symbol's in both files; 0 of bounds of sections. */
  readonly size: number;
}

export class Correspondence {
  readonly images: readonly [Image, Image];
  /** What anchors are called, by id. */
  readonly names: string[] = [];
  /** st_size of the anchor in each file; 0 of bounds of sections. */
  readonly sizes: readonly [number[], number[]] = [[], []];
  readonly addressOf: readonly [number[], number[]] = [[], []];
  /** Whether the anchor is the end of something: what is there is something else's. */
  readonly #isEnd: boolean[] = [];
  readonly anchors: readonly [Anchors, Anchors];
  readonly #threadLocal: Map<number, string[]>[];

  constructor(first: Image, second: Image) {
    this.images = [first, second];
    for (const [key, section] of first.sections) {
      const other = second.sections.get(key);
      if (other === undefined || !first.loaded.includes(section) || !second.loaded.includes(other)) continue;
      this.#add(key, section.address, other.address, 0, 0);
      this.#add(`end of ${key}`, section.address + section.size, other.address + other.size, 0, 0, true);
    }
    for (const table of ["symbols", "dynamicSymbols"] as const) {
      const others = new Map(second[table].filter(isPlaced).map((symbol) => [symbol.key, symbol]));
      for (const symbol of first[table].filter(isPlaced)) {
        const other = others.get(symbol.key);
        if (other !== undefined && (table === "symbols" || first.symbols.length * second.symbols.length === 0))
          this.#add(symbol.key, symbol.value, other.value, symbol.size, other.size, isEnd(first, symbol));
      }
    }
    this.anchors = [new Anchors(this.addressOf[0]), new Anchors(this.addressOf[1])];
    this.#threadLocal = this.images.map(threadLocalNames);
  }

  #add(name: string, first: number, second: number, firstSize: number, secondSize: number, atEnd = false): void {
    this.names.push(name);
    this.#isEnd.push(atEnd);
    this.addressOf[0].push(first);
    this.addressOf[1].push(second);
    this.sizes[0].push(firstSize);
    this.sizes[1].push(secondSize);
  }

  /** Where the second file has what the first has at an address, by names alone. */
  secondOf(address: number): number | undefined {
    const anchors = this.anchors[0];
    const row = this.#rowOf(0, address);
    return row < 0 ? undefined : this.addressOf[1][anchors.ids[row]] + address - anchors.addresses[row];
  }

  /** Names in a section of the first file that are in this one of the second, too: the largest at each address. */
  *namedRanges(section: ElfSection, other: ElfSection): Generator<NamedRange> {
    const { addresses, ids } = this.anchors[0];
    const end = section.address + section.size;
    const otherEnd = other.address + other.size;
    let row = this.anchors[0].rowBefore(section.address - 1) + 1;
    while (row < ids.length && addresses[row] < end) {
      const first = addresses[row];
      let size = 0;
      let id = ids[row];
      let isInside = false;
      for (; row < ids.length && addresses[row] === first; row++) {
        const at = this.addressOf[1][ids[row]];
        if (at < other.address || at >= otherEnd) continue;
        const sized = Math.min(this.sizes[0][ids[row]], this.sizes[1][ids[row]]);
        if (!isInside || sized > size) {
          id = ids[row];
          size = sized;
        }
        isInside = true;
      }
      if (!isInside) continue;
      const second = this.addressOf[1][id];
      const nextRow = this.anchors[1].rowBefore(second) + 1;
      const firstRoom = Math.min(end, addresses[row] ?? end) - first;
      const secondRoom = Math.min(otherEnd, this.anchors[1].addresses[nextRow] ?? otherEnd) - second;
      yield { name: this.names[id], first, second, firstRoom, secondRoom, size };
    }
  }

  /** Whether an address is in a symbol that both files have, so that `secondOf` is no guess. */
  isFirm(side: Side, address: number): boolean {
    const { addresses } = this.anchors[side];
    return addresses[this.anchors[side].rowBefore(address)] === address || this.#isInSymbol(side, address);
  }

  /** Whether address `a` of the first file is what `b` of the second is. */
  isSame(a: number, b: number, depth = 0): boolean {
    const [first, second] = this.images;
    if (depth > MAX_DEPTH) return true;
    if (a === b && first.sectionAt(a) === undefined && second.sectionAt(b) === undefined) return true;
    const slots = [first.pltSlotAt(a), second.pltSlotAt(b)];
    if (slots[0] !== undefined && slots[1] !== undefined) return this.isSameSlot(slots[0], slots[1], depth + 1);
    if (slots[0] !== undefined || slots[1] !== undefined) return false;
    if (first.isGot(a) && second.isGot(b)) {
      if (a === first.gotBase && b === second.gotBase) return true;
      return this.isSameSlot(a, b, depth + 1);
    }
    if (this.#isNamedSame(0, a, b) || this.#isNamedSame(1, b, a)) return true;
    return this.#hasSameContents(a, b, depth + 1);
  }

  /** Whether two slots of GOTs hold the same when the program runs. */
  isSameSlot(a: number, b: number, depth = 0): boolean {
    const [first, second] = this.images;
    const slots = [this.#throughPlt(0, a), this.#throughPlt(1, b)];
    if (depth <= MAX_DEPTH && (slots[0] !== a || slots[1] !== b)) return this.isSameSlot(slots[0], slots[1], depth + 1);
    const relocations = [first.relocations.get(a), second.relocations.get(b)];
    if (relocations[0] !== undefined && relocations[1] !== undefined)
      return this.isSameRelocation(relocations[0], relocations[1], depth);
    if (relocations[0] !== undefined || relocations[1] !== undefined) return false;
    const words = [first.wordAt(a), second.wordAt(b)];
    if (words[0] === undefined || words[1] === undefined) return false;
    if (words[0] === words[1] && first.sectionAt(words[0]) === undefined) return true;
    return this.isSame(words[0], words[1], depth + 1) || this.isSameThreadLocal(words[0], words[1]);
  }

  /** Where a slot holds the address of a PLT entry, the slot of that: a function and its PLT entry do the same. */
  #throughPlt(side: Side, slot: number): number {
    const image = this.images[side];
    const relocation = image.relocations.get(slot);
    if (relocation !== undefined && dynamicKind(relocation.type) !== "relative") return slot;
    return image.pltSlotAt(relocation?.addend ?? image.wordAt(slot) ?? 0) ?? slot;
  }

  isSameRelocation(a: DynamicRelocation, b: DynamicRelocation, depth = 0): boolean {
    const kind = dynamicKind(a.type);
    if (kind !== dynamicKind(b.type) || a.symbol !== b.symbol) return false;
    if (kind === "relative" || kind === "indirect") return this.isSame(a.addend, b.addend, depth + 1);
    if (a.addend === b.addend) return a.type === b.type || kind === "symbol";
    const begins = this.images.map(({ tls }) => tls?.begin ?? 0);
    return a.symbol === "" && this.#isSameInBlock(begins[0] + a.addend, begins[1] + b.addend);
  }

  /** Whether offsets from the thread pointer are of the same variable. */
  isSameThreadLocal(a: number, b: number): boolean {
    const [first, second] = this.images.map(({ tls }) => tls);
    if (first === undefined || second === undefined) return false;
    return this.#isSameInBlock(first.pointer + a, second.pointer + b);
  }

  #isSameInBlock(a: number, b: number): boolean {
    const [first, second] = this.images.map(({ tls }) => tls);
    if (first === undefined || second === undefined) return false;
    const inFirst = a >= first.begin && a <= first.begin + first.size;
    if (!inFirst || b < second.begin || b > second.begin + second.size) return false;
    const offsets = [a - first.begin, b - second.begin];
    if (offsets[0] === offsets[1]) return true;
    const names = [nearestName(this.#threadLocal[0], offsets[0]), nearestName(this.#threadLocal[1], offsets[1])];
    return names[0] !== undefined && names[0] === names[1];
  }

  /** `main+0x4`, `slot of printf`, `.rodata+0x10 "text"`. */
  describe(side: Side, address: number): string {
    const image = this.images[side];
    const slot = image.pltSlotAt(address);
    if (slot !== undefined) return `PLT of ${this.describeSlot(side, slot)}`;
    if (image.isGot(address) && address !== image.gotBase) return `slot of ${this.describeSlot(side, address)}`;
    const anchors = this.anchors[side];
    const row = this.#rowOf(side, address);
    const hex = `0x${address.toString(16)}`;
    if (image.sectionAt(address) === undefined && (row < 0 || anchors.addresses[row] !== address)) return hex;
    if (row < 0) return hex;
    const offset = address - anchors.addresses[row];
    const name = `${this.names[anchors.ids[row]]}${offset === 0 ? "" : `+0x${offset.toString(16)}`}`;
    const text = /^[\x20-\x7e]{3,}/.exec(Buffer.from(image.bytesAt(address, 24)).toString("latin1"))?.[0];
    const isQuoted = text !== undefined && !((image.sectionAt(address)?.flags ?? 0) & (SHF_EXECINSTR | SHF_WRITE));
    return isQuoted ? `${name} "${text}"` : name;
  }

  describeSlot(side: Side, slot: number): string {
    const image = this.images[side];
    const relocation = image.relocations.get(slot);
    if (relocation !== undefined) return this.describeRelocation(side, relocation);
    const word = image.wordAt(slot) ?? 0;
    return image.sectionAt(word) === undefined ? `0x${word.toString(16)}` : this.describe(side, word);
  }

  describeRelocation(side: Side, { type, symbol, addend }: DynamicRelocation): string {
    const kind = dynamicKind(type);
    const isAddress = kind === "relative" || kind === "indirect";
    const target = isAddress
      ? this.describe(side, addend)
      : `${symbol}${addend === 0 ? "" : `+0x${addend.toString(16)}`}`;
    return `${dynamicName(type)} ${target}`;
  }

  /** The row of the last name at or before an address that does not end something there. */
  #rowOf(side: Side, address: number): number {
    const { ids } = this.anchors[side];
    let row = this.anchors[side].rowBefore(address);
    while (row >= 0 && this.#isEnd[ids[row]]) row--;
    return row;
  }

  /** Whether a name near `address` of one file says that it is `other` in the other file. */
  #isNamedSame(side: Side, address: number, other: number): boolean {
    const { addresses, ids } = this.anchors[side];
    const addressOf = this.addressOf[side === 0 ? 1 : 0];
    const row = this.anchors[side].rowBefore(address);
    const agrees = (at: number): boolean => addressOf[ids[at]] + address - addresses[at] === other;
    for (let at = row; at >= 0 && addresses[at] === addresses[row] && row - at < MAX_ALIASES; at--)
      if (agrees(at)) return true;
    for (let at = row + 1; at < ids.length && addresses[at] - address < MAX_BEFORE && at - row < MAX_ALIASES; at++)
      if (agrees(at)) return true;
    return false;
  }

  /** What has no name of its own is what it holds: a text up to its end, else a few bytes or an entry of a table. */
  #hasSameContents(a: number, b: number, depth: number): boolean {
    const [first, second] = this.images;
    const sections = [first.sectionAt(a), second.sectionAt(b)];
    if (!isConstant(sections[0]) || !isConstant(sections[1])) return false;
    if (this.#isInSymbol(0, a) || this.#isInSymbol(1, b)) return false;
    const bytes = [first.bytesAt(a, LONGEST_TEXT), second.bytesAt(b, LONGEST_TEXT)];
    const length = bytes[0].indexOf(0);
    if (length === bytes[1].indexOf(0) && isText(bytes[0], length))
      return Buffer.compare(bytes[0].subarray(0, length), bytes[1].subarray(0, length)) === 0;
    const views = bytes.map((part) => new DataView(part.buffer, part.byteOffset, part.byteLength));
    const isWide = a % 8 === 0 && b % 8 === 0 && bytes[0].length >= 8 && bytes[1].length >= 8;
    if (isWide && Buffer.compare(bytes[0].subarray(0, 8), bytes[1].subarray(0, 8)) === 0) return true;
    if (bytes[0].length < 4 || bytes[1].length < 4) return false;
    const words = views.map((view) => view.getInt32(0, true));
    if (words[0] === words[1] && words[0] !== 0) return true;
    return words[0] !== 0 && words[1] !== 0 && this.isSame(a + words[0], b + words[1], depth + 1);
  }

  #isInSymbol(side: Side, address: number): boolean {
    const { addresses, ids } = this.anchors[side];
    const row = this.anchors[side].rowBefore(address);
    for (let at = row; at >= 0 && addresses[at] === addresses[row] && row - at < MAX_ALIASES; at--)
      if (addresses[at] + this.sizes[side][ids[at]] > address) return true;
    return false;
  }
}

/** Whether a symbol is at an address: not undefined, absolute, common or thread-local. */
export function isPlaced({ section, type, isAmbiguous }: NamedSymbol): boolean {
  return section > 0 && type !== STT_TLS && !isAmbiguous;
}

function isEnd(image: Image, { section, value }: NamedSymbol): boolean {
  const { address, size } = image.elf.sections[section] ?? { address: 0, size: 0 };
  return size > 0 && value >= address + size;
}

function isConstant(section: ElfSection | undefined): boolean {
  return section !== undefined && !(section.flags & (SHF_WRITE | SHF_EXECINSTR | SHF_TLS));
}

function isText(bytes: Uint8Array, length: number): boolean {
  return (
    length >= 0 && bytes.subarray(0, length).every((byte) => byte >= 0x20 || (byte >= 7 && byte <= 13) || byte === 27)
  );
}

/** Names of thread-local variables by their offset in the block. */
function threadLocalNames({ symbols, dynamicSymbols }: Image): Map<number, string[]> {
  const names = new Map<number, string[]>();
  for (const { type, section, value, key } of symbols.length > 0 ? symbols : dynamicSymbols) {
    if (type !== STT_TLS || section === 0) continue;
    const known = names.get(value) ?? [];
    known.push(key);
    names.set(value, known);
  }
  return names;
}

/** The variable at an offset of the block, or some bytes before it. */
function nearestName(names: ReadonlyMap<number, readonly string[]>, offset: number): string | undefined {
  let begin = -1;
  for (const at of names.keys()) if (at <= offset && at > begin) begin = at;
  const name = names.get(begin)?.toSorted()[0];
  return name === undefined ? undefined : `${name}+${offset - begin}`;
}
