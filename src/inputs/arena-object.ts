/**
 * Writes an ELF object into the arena: what the linker itself contributes goes the same way through the passes
 * as any other input. Custom sections come first, then .symtab and .strtab.
 */
import {
  ELFCLASS64,
  ELFDATA2LSB,
  EM_X86_64,
  ET_REL,
  SHT_GROUP,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_LOCAL,
} from "../elf/constants.ts";
import { Elf64_Ehdr, Elf64_Shdr, Elf64_Sym } from "../elf/records.ts";
import type { Arena } from "../staging/index.ts";

export interface ObjectSection {
  readonly name: string;
  readonly flags: number;
  readonly contents: Uint8Array;
  /** Of a COMDAT group: the index of the symbol that names it. */
  readonly signature?: number;
}

export interface ObjectSymbol {
  readonly name: string;
  readonly binding: number;
  readonly type?: number;
  /** st_shndx: 0, SHN_ABS, or 1 + the index of a section. */
  readonly section: number;
  readonly value?: number;
  readonly size?: number;
  readonly visibility?: number;
}

export interface ArenaObject {
  /** For native code. */
  readonly address: number;
  readonly size: number;
  /** The symbol table; the null symbol comes first. */
  readonly symbols: DataView;
  /** Symbols that follow it, which .symtab's size does not count. A view made when it is asked for: it may be large. */
  readonly spareSymbols: () => DataView;
}

/**
 * @param symbols local ones come first
 * @param spare symbols with room behind the table
 */
export function writeObject(
  arena: Arena,
  sections: readonly ObjectSection[],
  symbols: readonly ObjectSymbol[],
  spare = 0,
): ArenaObject {
  const strings = new StringBytes(["", ...sections.map(({ name }) => name), ".symtab", ".strtab"]);
  const names = symbols.map(({ name }) => strings.add(name));
  const headers = 1 + sections.length + 2;
  let at = Elf64_Ehdr.sizeof + headers * Elf64_Shdr.sizeof;
  const place = (bytes: number): number => {
    const begin = at;
    at += (bytes + 7) & ~7;
    return begin;
  };
  const stringsOffset = place(strings.size);
  const contents = sections.map((section) => place(section.contents.length));
  const symbolsSize = (1 + symbols.length) * Elf64_Sym.sizeof;
  const symbolsOffset = place(symbolsSize);
  const spareSize = spare * Elf64_Sym.sizeof;

  const offset = arena.allocate(at + spareSize, 16);
  const bytes = new Uint8Array(arena.buffer(offset, at));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  writeHeader(bytes, view, headers);
  const symtab = sections.length + 1;
  for (const [i, { flags, contents: data, signature }] of sections.entries()) {
    bytes.set(data, contents[i]);
    const header = { name: strings.sectionNames[1 + i]!, flags, offset: contents[i]!, size: data.length };
    const isGroup = signature !== undefined;
    const kind = isGroup
      ? { type: SHT_GROUP, link: symtab, info: signature, entsize: 4 }
      : { type: SHT_PROGBITS, link: 0, info: 0, entsize: 0 };
    writeSection(view, 1 + i, { ...header, ...kind });
  }
  const [symtabName, strtabName] = strings.sectionNames.slice(symtab);
  const table = { type: SHT_SYMTAB, flags: 0, offset: symbolsOffset, size: symbolsSize, entsize: Elf64_Sym.sizeof };
  const locals = symbols.findIndex(({ binding }) => binding !== STB_LOCAL);
  const firstGlobal = 1 + (locals === -1 ? symbols.length : locals);
  writeSection(view, symtab, { ...table, name: symtabName!, link: symtab + 1, info: firstGlobal });
  const text = { type: SHT_STRTAB, flags: 0, offset: stringsOffset, size: strings.size, entsize: 0 };
  writeSection(view, symtab + 1, { ...text, name: strtabName!, link: 0, info: 0 });
  strings.copyTo(bytes.subarray(stringsOffset));
  const symbolTable = new DataView(view.buffer, view.byteOffset + symbolsOffset, symbolsSize);
  for (const [i, symbol] of symbols.entries()) writeSymbol(symbolTable, 1 + i, symbol, names[i]!);
  return {
    address: arena.baseAddress + offset,
    size: at + spareSize,
    symbols: symbolTable,
    spareSymbols: () => new DataView(arena.buffer(offset + at, spareSize)),
  };
}

export function writeSymbol(view: DataView, index: number, symbol: Omit<ObjectSymbol, "name">, name: number): void {
  const at = index * Elf64_Sym.sizeof;
  view.setUint32(at + Elf64_Sym.st_name, name, true);
  view.setUint8(at + Elf64_Sym.st_info, (symbol.binding << 4) | (symbol.type ?? 0));
  view.setUint8(at + Elf64_Sym.st_other, symbol.visibility ?? 0);
  view.setUint16(at + Elf64_Sym.st_shndx, symbol.section, true);
  view.setBigUint64(at + Elf64_Sym.st_value, BigInt(symbol.value ?? 0), true);
  view.setBigUint64(at + Elf64_Sym.st_size, BigInt(symbol.size ?? 0), true);
}

function writeHeader(bytes: Uint8Array, view: DataView, headers: number): void {
  bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, 1]);
  view.setUint16(Elf64_Ehdr.e_type, ET_REL, true);
  view.setUint16(Elf64_Ehdr.e_machine, EM_X86_64, true);
  view.setUint32(Elf64_Ehdr.e_version, 1, true);
  view.setBigUint64(Elf64_Ehdr.e_shoff, BigInt(Elf64_Ehdr.sizeof), true);
  view.setUint16(Elf64_Ehdr.e_ehsize, Elf64_Ehdr.sizeof, true);
  view.setUint16(Elf64_Ehdr.e_shentsize, Elf64_Shdr.sizeof, true);
  view.setUint16(Elf64_Ehdr.e_shnum, headers, true);
  view.setUint16(Elf64_Ehdr.e_shstrndx, headers - 1, true); // .strtab has the sections' names, too
}

interface SectionHeader {
  readonly name: number;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
}

function writeSection(view: DataView, index: number, header: SectionHeader): void {
  const base = Elf64_Ehdr.sizeof + index * Elf64_Shdr.sizeof;
  view.setUint32(base + Elf64_Shdr.sh_name, header.name, true);
  view.setUint32(base + Elf64_Shdr.sh_type, header.type, true);
  view.setBigUint64(base + Elf64_Shdr.sh_flags, BigInt(header.flags), true);
  view.setBigUint64(base + Elf64_Shdr.sh_offset, BigInt(header.offset), true);
  view.setBigUint64(base + Elf64_Shdr.sh_size, BigInt(header.size), true);
  view.setUint32(base + Elf64_Shdr.sh_link, header.link, true);
  view.setUint32(base + Elf64_Shdr.sh_info, header.info, true);
  view.setBigUint64(base + Elf64_Shdr.sh_addralign, 1n, true);
  view.setBigUint64(base + Elf64_Shdr.sh_entsize, BigInt(header.entsize), true);
}

/** A string table, as it grows. */
class StringBytes {
  readonly sectionNames: readonly number[];
  readonly #parts: Buffer[] = [];
  size = 0;

  constructor(sectionNames: readonly string[]) {
    this.sectionNames = sectionNames.map((name) => this.add(name));
  }

  add(name: string): number {
    const offset = this.size;
    const part = Buffer.from(`${name}\0`);
    this.#parts.push(part);
    this.size += part.length;
    return offset;
  }

  copyTo(bytes: Uint8Array): void {
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
  }
}
