/**
 * One file of a comparison: where its sections are in memory, its symbols under names that both files can have, its
 * dynamic relocations by place, and what its PLT and GOT stand for. Linear in the size of its tables.
 */
import { uncompress } from "../../elf/compressed-section.ts";
import {
  DT_RELR,
  PT_TLS,
  SHF_ALLOC,
  SHF_COMPRESSED,
  SHF_TLS,
  SHN_ABS,
  SHN_COMMON,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
  SHT_GNU_versym,
  SHT_NOBITS,
  SHT_RELA,
  SHT_RELR,
  SHT_SYMTAB,
  STT_FILE,
  STT_SECTION,
  VERSYM_HIDDEN,
} from "../../elf/constants.ts";
import { type DynamicEntry, ElfFile, type ElfSection, type ElfSymbol, reservedIndex } from "../../elf/elf-file.ts";
import { Elf64_Chdr } from "../../elf/records.ts";
import { dynamicKind, PLT_STEP, pltSlotOffset, relativeType, threadPointer } from "../../targets/x86-64-image.ts";

/** A symbol and what it is called in a comparison. */
export interface NamedSymbol extends ElfSymbol {
  key: string;
  /** Of a local symbol, or empty. */
  readonly sourceFile: string;
  /** There are others that have its name; it need not be the one that has its key in the other file. */
  isAmbiguous: boolean;
}

export interface DynamicRelocation {
  readonly type: number;
  /** With its version; empty where there is none. */
  readonly symbol: string;
  readonly addend: number;
}

/** The thread-local block of the file. */
export interface TlsBlock {
  readonly begin: number;
  readonly size: number;
  readonly alignment: number;
  readonly pointer: number;
}

export class Image {
  readonly elf: ElfFile;
  /** All but the null section, under their names; a name that is there again has a number. */
  readonly sections = new Map<string, ElfSection>();
  readonly keyOfSection: string[] = [];
  /** What is in memory, by address. Thread-local zeros share their addresses with what follows and are left out. */
  readonly loaded: readonly ElfSection[];
  readonly symbols: readonly NamedSymbol[];
  readonly dynamicSymbols: readonly NamedSymbol[];
  readonly dynamicEntries: readonly DynamicEntry[];
  /** By index in .gnu.version: the name, or nothing for what has none. */
  readonly versionNames = new Map<number, string>();
  /** By the address of their place. */
  readonly relocations = new Map<number, DynamicRelocation>();
  readonly tls: TlsBlock | undefined;
  /** What relative slots are relative to; the address of the GOT. */
  readonly gotBase: number | undefined;
  /** By the address of an entry in a PLT: the slot. */
  readonly #pltSlots = new Map<number, number>();
  #lastSection: ElfSection | undefined;

  constructor(file: string, bytes: Uint8Array) {
    this.elf = new ElfFile(file, bytes);
    const { elf } = this;
    const counts = new Map<string, number>();
    for (const section of elf.sections.slice(1)) {
      const key = numbered(counts, section.name);
      this.keyOfSection[section.index] = key;
      this.sections.set(key, section);
    }
    this.loaded = elf.sections
      .filter(({ flags, type, size }) => flags & SHF_ALLOC && size > 0 && !(flags & SHF_TLS && type === SHT_NOBITS))
      .sort((a, b) => a.address - b.address);
    const tls = elf.segments.find(({ type }) => type === PT_TLS);
    if (tls !== undefined) {
      const { address: begin, memorySize: size, alignment } = tls;
      this.tls = { begin, size, alignment, pointer: threadPointer(begin, size, alignment) };
    }
    this.#readVersionNames();
    const symtab = elf.sectionOfType(SHT_SYMTAB);
    const dynsym = elf.sectionOfType(SHT_DYNSYM);
    this.symbols = symtab === undefined ? [] : readSymbols(elf.symbols(symtab), [...this.versionNames.values()]);
    this.dynamicSymbols = dynsym === undefined ? [] : this.#nameVersions(elf.symbols(dynsym));
    const dynamic = elf.sectionOfType(SHT_DYNAMIC);
    this.dynamicEntries = dynamic === undefined ? [] : elf.dynamicEntries(dynamic);
    this.#readRelocations();
    this.#readPlt();
    this.gotBase = this.sections.get(".got.plt")?.address ?? this.sections.get(".got")?.address;
  }

  /** The section in memory that has this address. */
  sectionAt(address: number): ElfSection | undefined {
    const last = this.#lastSection;
    if (last !== undefined && address >= last.address && address - last.address < last.size) return last;
    const at = lastNotAbove(this.loaded, address, (section) => section.address);
    const section = this.loaded[at];
    if (section === undefined || address - section.address >= section.size) return undefined;
    this.#lastSection = section;
    return section;
  }

  /** The bytes of a section, uncompressed. */
  contents(section: ElfSection): Uint8Array {
    const { elf } = this;
    const { offset, size } = section;
    return section.flags & SHF_COMPRESSED ? uncompress(elf.reader, offset, size, Infinity) : elf.contents(section);
  }

  /** How large a section is uncompressed, and how it is aligned then. */
  extentOf({ flags, offset, size, alignment }: ElfSection): { size: number; alignment: number } {
    if (!(flags & SHF_COMPRESSED)) return { size, alignment };
    const { reader } = this.elf;
    return {
      size: reader.u64(offset + Elf64_Chdr.ch_size),
      alignment: reader.u64(offset + Elf64_Chdr.ch_addralign),
    };
  }

  /** Up to `size` bytes at an address; none where there are no contents. */
  bytesAt(address: number, size: number): Uint8Array {
    const section = this.sectionAt(address);
    if (section === undefined || section.type === SHT_NOBITS) return new Uint8Array(0);
    const offset = address - section.address;
    return this.elf.reader.bytes(section.offset + offset, Math.min(size, section.size - offset));
  }

  /** What the loader puts into a place, or else what is there. */
  wordAt(address: number): number | undefined {
    const bytes = this.bytesAt(address, 8);
    if (bytes.length < 8) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    return view.getInt32(4, true) * 2 ** 32 + view.getUint32(0, true);
  }

  /** The slot of the GOT that an entry of a PLT jumps through. */
  pltSlotAt(address: number): number | undefined {
    return this.#pltSlots.get(address);
  }

  isGot(address: number): boolean {
    const name = this.sectionAt(address)?.name;
    return name === ".got" || name === ".got.plt";
  }

  /** The name of the section that a symbol is in, or what is instead. */
  sectionOf({ section }: ElfSymbol): string {
    if (section === 0) return "undefined";
    if (section === reservedIndex(SHN_ABS)) return "absolute";
    if (section === reservedIndex(SHN_COMMON)) return "common";
    return this.keyOfSection[section] ?? `section ${section}`;
  }

  #readVersionNames(): void {
    const { elf } = this;
    const defined = elf.sectionOfType(SHT_GNU_verdef);
    const required = elf.sectionOfType(SHT_GNU_verneed);
    if (defined !== undefined)
      for (const { index, name, flags } of elf.versionDefinitions(defined))
        if ((flags & 1) === 0) this.versionNames.set(index, name);
    if (required !== undefined)
      for (const { index, name, file } of elf.versionRequirements(required))
        this.versionNames.set(index, `${name} of ${file}`);
  }

  /** `printf@GLIBC_2.2.5 of libc.so.6`, `own@@V2`. */
  #nameVersions(symbols: readonly ElfSymbol[]): NamedSymbol[] {
    const table = this.elf.sectionOfType(SHT_GNU_versym);
    const versions = table === undefined ? [] : this.elf.symbolVersions(table);
    const counts = new Map<string, number>();
    return symbols.slice(1).map((symbol, i) => {
      const version = versions[i + 1] ?? 0;
      const name = this.versionNames.get(version & ~VERSYM_HIDDEN);
      const isHidden = (version & VERSYM_HIDDEN) !== 0 || symbol.section === 0;
      const suffix = name === undefined ? "" : `${isHidden ? "@" : "@@"}${name}`;
      return { ...symbol, key: numbered(counts, symbol.name + suffix), sourceFile: "", isAmbiguous: false };
    });
  }

  #readRelocations(): void {
    const { elf } = this;
    const isLoaded = (section: ElfSection): boolean => (section.flags & SHF_ALLOC) !== 0;
    for (const table of elf.sections.filter((section) => section.type === SHT_RELA && isLoaded(section)))
      for (const { offset, type, symbol, addend } of elf.relocations(table))
        // What GNU ld counted and did not need in the end is filled with zeros.
        if (type !== 0)
          this.relocations.set(offset, { type, symbol: this.dynamicSymbols[symbol - 1]?.key ?? "", addend });
    if (!this.dynamicEntries.some(({ tag }) => tag === DT_RELR)) return;
    for (const table of elf.sections.filter(({ type }) => type === SHT_RELR))
      for (const address of elf.packedAddresses(table))
        this.relocations.set(address, { type: relativeType, symbol: "", addend: this.wordAt(address) ?? 0 });
  }

  #readPlt(): void {
    for (const section of this.loaded) {
      if (!/^\.i?plt(\.|$)/.test(section.name) || section.type === SHT_NOBITS) continue;
      const bytes = this.elf.contents(section);
      for (let at = 0; at + PLT_STEP <= bytes.length; at += PLT_STEP) {
        const entry = new DataView(bytes.buffer, bytes.byteOffset + at, Math.min(16, bytes.length - at));
        const offset = pltSlotOffset(entry);
        if (offset === undefined) continue;
        const address = section.address + at;
        if (this.isGot(address + offset)) this.#pltSlots.set(address, address + offset);
      }
    }
  }
}

/** The index of the last row that does not begin above `address`, or -1. */
export function lastNotAbove<T>(rows: readonly T[], address: number, begin: (row: T) => number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (begin(rows[middle]) <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether the loader adds the image's own address. */
export const isRelative = ({ type }: DynamicRelocation): boolean => dynamicKind(type) === "relative";

function numbered(counts: Map<string, number>, name: string): string {
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  return count === 1 ? name : `${name}#${count}`;
}

/**
 * Names both files' symbols. A name that each has once is enough. Of local symbols of one name, the source files tell
 * which is which if both files name the same ones; else the sizes and a number do, which is a guess: linkers differ
 * in the symbols they make local, in the names of files that they write, and in the order of members of archives.
 */
export function nameSymbols(images: readonly [Image, Image]): void {
  const byName = images.map(({ symbols }) => {
    const found = new Map<string, NamedSymbol[]>();
    for (const symbol of symbols) {
      const known = found.get(symbol.key);
      if (known === undefined) found.set(symbol.key, [symbol]);
      else known.push(symbol);
    }
    return found;
  });
  for (const name of new Set(byName.flatMap((found) => [...found.keys()]))) {
    const groups = byName.map((found) => found.get(name) ?? []);
    if (groups.every((group) => group.length < 2)) continue;
    const files = groups.map((group) => group.map(({ sourceFile }) => sourceFile).sort());
    const areFilesEnough = new Set(files[0]).size === files[0].length && files[0].join("\0") === files[1].join("\0");
    for (const group of groups) {
      const counts = new Map<string, number>();
      for (const symbol of group) {
        symbol.key = areFilesEnough
          ? `${symbol.sourceFile}:${name}`
          : numbered(counts, `${name} of ${symbol.size} bytes`);
        symbol.isAmbiguous = !areFilesEnough;
      }
    }
  }
}

/**
 * Symbols of files and sections are left out, and so is the version in the name of a symbol of a shared object, also of
 * one that is copied from there: .dynsym tells it.
 */
function readSymbols(symbols: readonly ElfSymbol[], versions: readonly string[]): NamedSymbol[] {
  let sourceFile = "";
  const required = new Set(versions.flatMap((version) => version.match(/^(.*) of /)?.[1] ?? []));
  return symbols.slice(1).flatMap((symbol) => {
    // Of an object without such a symbol, GNU ld writes the object's name.
    if (symbol.type === STT_FILE) sourceFile = symbol.name.endsWith(".o") ? "" : symbol.name;
    if (symbol.type === STT_FILE || symbol.type === STT_SECTION) return [];
    const [name, version] = symbol.name.split(/(?!^)@/);
    const key = symbol.section === 0 || required.has(version) ? name : symbol.name;
    return [{ ...symbol, key, sourceFile, isAmbiguous: false }];
  });
}
