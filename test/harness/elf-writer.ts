/**
 * Writes relocatable x86-64 objects (gABI ch. 4) without a compiler, for workloads of thousands of files and for
 * generated programs. It writes what it is told: whoever calls it gives valid sections, and the links run the result.
 */

import { relocations as types } from "../../src/targets/x86-64-relocations.ts";
import {
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  EV_CURRENT,
  GRP_COMDAT,
  SHF_GROUP,
  SHF_INFO_LINK,
  SHN_ABS,
  SHN_COMMON,
  SHT_GROUP,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
  STT_FILE,
  STT_SECTION,
} from "../../src/elf/constants.ts";
import { Elf64_Ehdr, Elf64_Rela, Elf64_Shdr, Elf64_Sym } from "../../src/elf/records.ts";

export * from "../../src/elf/constants.ts";

export const R_X86_64_64 = types.R_X86_64_64.number;
export const R_X86_64_PC32 = types.R_X86_64_PC32.number;
export const R_X86_64_PLT32 = types.R_X86_64_PLT32.number;
export const R_X86_64_REX_GOTPCRELX = types.R_X86_64_REX_GOTPCRELX.number;

const EHDR_BYTES = Elf64_Ehdr.sizeof;
const SHDR_BYTES = Elf64_Shdr.sizeof;
const SYM_BYTES = Elf64_Sym.sizeof;
const RELA_BYTES = Elf64_Rela.sizeof;

/** Bytes that grow at their end, little-endian. */
export class Bytes {
  #buffer: Buffer;
  #size = 0;

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity);
  }

  /** So far, in bytes. */
  get size(): number {
    return this.#size;
  }

  u8(...values: readonly number[]): void {
    let at = this.#reserve(values.length);
    for (const value of values) this.#buffer[at++] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
  }

  /** Of 32 bits, with or without a sign. */
  u32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeInt32LE(value | 0, at);
  }

  /** Of 64 bits; a safe integer, with or without a sign. */
  u64(value: number): void {
    const at = this.#reserve(8);
    this.#buffer.writeInt32LE(value | 0, at);
    this.#buffer.writeInt32LE(Math.floor(value / 2 ** 32) | 0, at + 4);
  }

  /** A name of ASCII characters, without a NUL. */
  text(text: string): void {
    const at = this.#reserve(text.length);
    this.#buffer.write(text, at, "latin1");
  }

  append(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** Zeros up to a multiple of `alignment`. */
  align(alignment: number): void {
    const padding = -this.#size & (alignment - 1);
    const at = this.#reserve(padding);
    this.#buffer.fill(0, at, at + padding);
  }

  /** What is there, not copied: valid until more is added. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }

  #reserve(count: number): number {
    const at = this.#size;
    this.#size += count;
    if (this.#size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#size, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, at));
      this.#buffer = larger;
    }
    return at;
  }
}

export interface NewSection {
  readonly name: string;
  /** Default: SHT_PROGBITS. */
  readonly type?: number;
  readonly flags: number;
  readonly contents?: Uint8Array;
  /** Of SHT_NOBITS, in bytes. */
  readonly size?: number;
  /** A power of two; default 1. */
  readonly alignment?: number;
  /** Bytes of an entry: for SHF_MERGE. */
  readonly entrySize?: number;
  /** What `addGroup` returned: the section comes and goes with the group. */
  readonly group?: GroupHandle;
}

export interface NewSymbol {
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  /** What `addSection` returned; nothing for a reference. */
  readonly section?: number | "absolute" | "common";
  /** Offset in the section; of a common symbol its alignment. */
  readonly value?: number;
  readonly size?: number;
  /** STV_DEFAULT unless it says otherwise. */
  readonly visibility?: number;
}

/** A symbol of one writer. Its index is known when the object is written: locals come first. */
export type SymbolHandle = number & { readonly __handle: "symbol" };
export type GroupHandle = number & { readonly __handle: "group" };

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly contents: Uint8Array | undefined;
  readonly size: number;
  readonly alignment: number;
  readonly entrySize: number;
  readonly group: GroupHandle | undefined;
  /** Of relocations, with symbol handles where symbol indices will be. */
  relocations: Bytes | undefined;
}

interface Group {
  readonly signature: SymbolHandle;
  readonly members: number[];
}

const GLOBAL = 0x8000_0000;

/** One object. Sections, symbols and relocations are added in any order; `write` puts them together. */
export class ObjectWriter {
  readonly #sections: Section[] = [];
  readonly #groups: Group[] = [];
  readonly #locals = new Bytes(1024);
  readonly #globals = new Bytes(8192);
  readonly #strings = new Bytes(8192);
  readonly #sectionSymbols = new Map<number, SymbolHandle>();

  /** @param fileName what the compiler would have called the source */
  constructor(fileName: string) {
    this.#strings.u8(0);
    this.#locals.append(new Uint8Array(SYM_BYTES));
    this.#addSymbol(this.#locals, this.#addString(fileName), STT_FILE, SHN_ABS, 0, 0);
  }

  /** Returns what symbols and relocations call the section. */
  addSection(section: NewSection): number {
    const { name, type = SHT_PROGBITS, flags, contents, alignment = 1, entrySize = 0, group } = section;
    const size = contents?.length ?? section.size ?? 0;
    this.#sections.push({
      name,
      type,
      alignment,
      entrySize,
      contents,
      size,
      group,
      relocations: undefined,
      flags: flags | (group === undefined ? 0 : SHF_GROUP),
    });
    return this.#sections.length - 1;
  }

  /** What `addSymbol` will return for the next symbol that is not local: groups come before what they hold. */
  get nextGlobal(): SymbolHandle {
    return (this.#globals.size / SYM_BYTES + GLOBAL) as SymbolHandle;
  }

  /** A COMDAT group that is called after a symbol. */
  addGroup(signature: SymbolHandle): GroupHandle {
    this.#groups.push({ signature, members: [] });
    return (this.#groups.length - 1) as GroupHandle;
  }

  addSymbol({ name, binding, type, section, value = 0, size = 0, visibility = 0 }: NewSymbol): SymbolHandle {
    const table = binding === STB_LOCAL ? this.#locals : this.#globals;
    // Replaced by the header's index when the object is written, for which a name and a section suffice.
    const index =
      section === undefined ? 0 : section === "absolute" ? SHN_ABS : section === "common" ? SHN_COMMON : section + 1;
    const handle = table.size / SYM_BYTES + (binding === STB_LOCAL ? 0 : GLOBAL);
    this.#addSymbol(table, this.#addString(name), (binding << 4) | type, index, value, size, visibility);
    return handle as SymbolHandle;
  }

  /** The section's own symbol: what relocations against local data name. */
  sectionSymbol(section: number): SymbolHandle {
    let handle = this.#sectionSymbols.get(section);
    if (handle === undefined) {
      handle = (this.#locals.size / SYM_BYTES) as SymbolHandle;
      this.#addSymbol(this.#locals, 0, STT_SECTION, section + 1, 0, 0);
      this.#sectionSymbols.set(section, handle);
    }
    return handle;
  }

  addRelocation(section: number, offset: number, type: number, symbol: SymbolHandle, addend: number): void {
    const relocations = (this.#sections[section].relocations ??= new Bytes(RELA_BYTES * 8));
    relocations.u64(offset);
    relocations.u32(type);
    relocations.u32(symbol);
    relocations.u64(addend);
  }

  /** The file's bytes. The writer is of no use afterwards. */
  write(): Buffer {
    const groupCount = this.#groups.length;
    // Null, groups (gABI: before their members), sections, relocations, .symtab, .strtab, .shstrtab
    const headerOf = (section: number): number => 1 + groupCount + section;
    const firstRela = headerOf(this.#sections.length);
    const relocated = this.#sections.flatMap(({ relocations }, i) => (relocations === undefined ? [] : [i]));
    const symtab = firstRela + relocated.length;
    const count = symtab + 3;
    for (const [i, { group }] of this.#sections.entries())
      if (group !== undefined) this.#groups[group].members.push(headerOf(i));
    for (const [i, section] of relocated.entries()) {
      const { group } = this.#sections[section];
      if (group !== undefined) this.#groups[group].members.push(firstRela + i);
    }

    const locals = this.#locals.size / SYM_BYTES;
    const indexOf = (handle: number): number => (handle >>> 0 >= GLOBAL ? (handle >>> 0) - GLOBAL + locals : handle);
    const symbols = Buffer.concat([this.#locals.done(), this.#globals.done()]);
    for (let at = SYM_BYTES; at < symbols.length; at += SYM_BYTES) {
      const section = symbols.readUInt16LE(at + 6);
      if (section !== 0 && section !== SHN_ABS && section !== SHN_COMMON)
        symbols.writeUInt16LE(headerOf(section - 1), at + 6);
    }

    const names = new SectionNames();
    const file = new Bytes(symbols.length + this.#strings.size + 65536);
    file.append(new Uint8Array(EHDR_BYTES));
    const headers = new Bytes(count * SHDR_BYTES);
    headers.append(new Uint8Array(SHDR_BYTES));
    const add = (contents: Uint8Array | undefined, header: Omit<Header, "offset">): void => {
      file.align(header.alignment);
      addHeader(headers, { ...header, offset: file.size });
      if (contents !== undefined) file.append(contents);
    };

    for (const { signature, members } of this.#groups) {
      const words = new Bytes(16);
      words.u32(GRP_COMDAT);
      for (const member of members) words.u32(member);
      const header = { name: names.add(".group"), type: SHT_GROUP, flags: 0, size: words.size, alignment: 4 };
      add(words.done(), { ...header, link: symtab, info: indexOf(signature), entrySize: 4 });
    }
    for (const section of this.#sections) {
      const { type, flags, size, alignment, entrySize, contents } = section;
      const name = names.add(section.name, section.relocations !== undefined);
      add(contents, { name, type, flags, size, alignment, entrySize, link: 0, info: 0 });
    }
    for (const section of relocated) {
      const { name, group } = this.#sections[section];
      const contents = this.#sections[section].relocations!.done();
      for (let at = 12; at < contents.length; at += RELA_BYTES)
        contents.writeUInt32LE(indexOf(contents.readUInt32LE(at)), at);
      add(contents, {
        name: names.addRelocated(name),
        type: SHT_RELA,
        size: contents.length,
        alignment: 8,
        flags: SHF_INFO_LINK | (group === undefined ? 0 : SHF_GROUP),
        link: symtab,
        info: headerOf(section),
        entrySize: RELA_BYTES,
      });
    }
    const table = { name: names.add(".symtab"), type: SHT_SYMTAB, flags: 0, size: symbols.length, alignment: 8 };
    add(symbols, { ...table, link: symtab + 1, info: locals, entrySize: SYM_BYTES });
    const strings = { type: SHT_STRTAB, flags: 0, alignment: 1, link: 0, info: 0, entrySize: 0 };
    add(this.#strings.done(), { ...strings, name: names.add(".strtab"), size: this.#strings.size });
    const name = names.add(".shstrtab");
    add(names.bytes.done(), { ...strings, name, size: names.bytes.size });

    file.align(8);
    const headersOffset = file.size;
    file.append(headers.done());
    const bytes = file.done();
    writeFileHeader(bytes, headersOffset, count);
    return bytes;
  }

  #addString(text: string): number {
    const at = this.#strings.size;
    this.#strings.text(text);
    this.#strings.u8(0);
    return at;
  }

  #addSymbol(
    table: Bytes,
    name: number,
    info: number,
    section: number,
    value: number,
    size: number,
    visibility = 0,
  ): void {
    table.u32(name);
    table.u8(info, visibility);
    table.u16(section);
    table.u64(value);
    table.u64(size);
  }
}

/** .shstrtab: equal names once, and a section's name as the end of its relocations' name. */
class SectionNames {
  readonly bytes = new Bytes(1024);
  readonly #offsets = new Map<string, number>();

  constructor() {
    this.bytes.u8(0);
  }

  add(name: string, isRelocated = false): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    if (isRelocated) return this.addRelocated(name) + 5;
    const at = this.bytes.size;
    this.#offsets.set(name, at);
    this.bytes.text(name);
    this.bytes.u8(0);
    return at;
  }

  addRelocated(name: string): number {
    const full = `.rela${name}`;
    const at = this.add(full);
    this.#offsets.set(name, at + 5);
    return at;
  }
}

interface Header {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

function addHeader(headers: Bytes, header: Header): void {
  headers.u32(header.name);
  headers.u32(header.type);
  headers.u64(header.flags);
  headers.u64(0);
  headers.u64(header.offset);
  headers.u64(header.size);
  headers.u32(header.link);
  headers.u32(header.info);
  headers.u64(header.alignment);
  headers.u64(header.entrySize);
}

function writeFileHeader(bytes: Buffer, headersOffset: number, count: number): void {
  bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, EV_CURRENT]);
  bytes.writeUInt16LE(ET_REL, Elf64_Ehdr.e_type);
  bytes.writeUInt16LE(EM_X86_64, Elf64_Ehdr.e_machine);
  bytes.writeUInt32LE(EV_CURRENT, Elf64_Ehdr.e_version);
  bytes.writeBigUInt64LE(BigInt(headersOffset), Elf64_Ehdr.e_shoff);
  bytes.writeUInt16LE(EHDR_BYTES, Elf64_Ehdr.e_ehsize);
  bytes.writeUInt16LE(SHDR_BYTES, Elf64_Ehdr.e_shentsize);
  bytes.writeUInt16LE(count, Elf64_Ehdr.e_shnum);
  bytes.writeUInt16LE(count - 1, Elf64_Ehdr.e_shstrndx);
}
