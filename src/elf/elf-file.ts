/**
 * A checked reader of ELF files with 64 bits: headers, symbols, the dynamic section, relocations, versions. It knows
 * the structures and no policy. Whatever it is asked for is read then, and throws FormatError when it is outside the
 * file or is not what its table says.
 */
import { ByteReader } from "./byte-reader.ts";
import {
  DT_NULL,
  EI_CLASS,
  EI_DATA,
  EI_OSABI,
  ELFCLASS64,
  ELFDATA2LSB,
  SHN_LORESERVE,
  SHN_XINDEX,
  SHT_GNU_verdef,
  SHT_NOBITS,
  SHT_NULL,
  SHT_SYMTAB_SHNDX,
} from "./constants.ts";
import {
  Elf64_Dyn,
  Elf64_Ehdr,
  Elf64_Phdr,
  Elf64_Rela,
  Elf64_Relr,
  Elf64_Shdr,
  Elf64_Sym,
  Elf64_Verdaux,
  Elf64_Verdef,
  Elf64_Vernaux,
  Elf64_Verneed,
} from "./records.ts";

export interface ElfSection {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly alignment: number;
  readonly entrySize: number;
}

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  /** p_paddr, where it is another. */
  readonly loadAddress?: number | undefined;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly alignment: number;
}

export interface ElfSymbol {
  readonly name: string;
  /** With a sign: what is at the upper end of the address space is negative. Beyond 2^53 it is rounded. */
  readonly value: number;
  readonly size: number;
  readonly type: number;
  readonly binding: number;
  readonly visibility: number;
  /** Index of a section header, also of one beyond SHN_LORESERVE; or a reserved index, which is negative here. */
  readonly section: number;
}

export interface ElfRelocation {
  readonly offset: number;
  readonly type: number;
  readonly symbol: number;
  readonly addend: number;
}

export interface DynamicEntry {
  readonly tag: number;
  readonly value: number;
}

export interface VersionDefinition {
  readonly index: number;
  readonly flags: number;
  readonly name: string;
  /** Versions that it inherits from. */
  readonly parents: readonly string[];
}

export interface VersionRequirement {
  readonly file: string;
  readonly index: number;
  readonly flags: number;
  readonly name: string;
}

/** Where section headers are, and the string table of their names. */
interface SectionHeaders {
  readonly begin: number;
  readonly count: number;
  /** Its first byte and the one behind it; undefined where sections have no names. */
  readonly strings: readonly [number, number] | undefined;
}

/** Reserved section indices, as `ElfSymbol.section` has them. */
export const reservedIndex = (index: number): number => index - 0x10000;

/** The Elf64_Rela at an offset. */
export const readRelocation = (reader: ByteReader, at: number): ElfRelocation => ({
  offset: reader.u64(at + Elf64_Rela.r_offset),
  type: reader.u32(at + Elf64_Rela.r_type),
  symbol: reader.u32(at + Elf64_Rela.r_sym),
  addend: reader.word64(at + Elf64_Rela.r_addend),
});

/** Indices of versions have 15 bits. */
const MAX_VERSIONS = 0x8000;
const VERSION_INDEX = 0x7fff;

/** Names of versions by index, each read when it is asked for. */
export class VersionNames {
  readonly #elf: ElfFile;
  readonly #strings: ElfSection;
  readonly #offsets: readonly number[];
  readonly #names: (string | undefined)[] = [];

  /** @param offsets where in the string table; an index without a version has a hole */
  constructor(elf: ElfFile, strings: ElfSection, offsets: readonly number[]) {
    this.#elf = elf;
    this.#strings = strings;
    this.#offsets = offsets;
  }

  /** Beyond the greatest index. */
  get length(): number {
    return this.#offsets.length;
  }

  /** @throws FormatError for a name that is not in its table */
  at(index: number): string | undefined {
    const { [index]: offset } = this.#offsets;
    return offset === undefined ? undefined : (this.#names[index] ??= this.#elf.string(this.#strings, offset));
  }

  /** The index of a name, or -1. */
  indexOf(name: string): number {
    for (let index = 0; index < this.length; index++) if (this.at(index) === name) return index;
    return -1;
  }
}

export class ElfFile {
  readonly reader: ByteReader;
  readonly type: number;
  readonly machine: number;
  readonly entry: number;
  readonly flags: number;
  readonly osAbi: number;
  #headers: SectionHeaders | undefined;
  #sections: readonly ElfSection[] | undefined;
  #segments: readonly ElfSegment[] | undefined;

  /** `file` is for messages. The bytes are not copied. */
  constructor(file: string, bytes: Uint8Array) {
    const reader = new ByteReader(file, bytes);
    this.reader = reader;
    if (reader.size < Elf64_Ehdr.sizeof || reader.text(0, 4) !== "\x7fELF") throw reader.error(0, "not an ELF file");
    if (reader.u8(EI_CLASS) !== ELFCLASS64 || reader.u8(EI_DATA) !== ELFDATA2LSB)
      throw reader.error(EI_CLASS, "not a little-endian ELF file with 64 bits");
    this.osAbi = reader.u8(EI_OSABI);
    this.type = reader.u16(Elf64_Ehdr.e_type);
    this.machine = reader.u16(Elf64_Ehdr.e_machine);
    this.entry = reader.u64(Elf64_Ehdr.e_entry);
    this.flags = reader.u32(Elf64_Ehdr.e_flags);
  }

  /** All section headers; the first is the null header. */
  get sections(): readonly ElfSection[] {
    return (this.#sections ??= Array.from({ length: this.#sectionHeaders.count }, (_, index) => this.#section(index)));
  }

  get segments(): readonly ElfSegment[] {
    return (this.#segments ??= this.#readSegments());
  }

  sectionNamed(name: string): ElfSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  /** Reads no other section than this one. */
  sectionOfType(type: number): ElfSection | undefined {
    const { begin, count } = this.#sectionHeaders;
    for (let index = 0, at = begin + Elf64_Shdr.sh_type; index < count; index++, at += Elf64_Shdr.sizeof)
      if (this.reader.u32(at) === type) return this.#section(index);
    return undefined;
  }

  /** The bytes of a section in the file: none of one without contents. */
  contents(section: ElfSection): Uint8Array {
    const isEmpty = section.type === SHT_NOBITS || section.type === SHT_NULL;
    return isEmpty ? new Uint8Array(0) : this.reader.bytes(section.offset, section.size);
  }

  /** The text at an offset of a string table. */
  string(table: ElfSection, offset: number): string {
    return this.reader.cString(table.offset + offset, table.offset + table.size);
  }

  /** The section that sh_link names. */
  linked(section: ElfSection): ElfSection {
    const isThere = section.link > 0 && section.link < this.#sectionHeaders.count;
    if (!isThere) throw this.#error(section, "sh_link names no section");
    return this.#sections?.[section.link] ?? this.#section(section.link);
  }

  /** All rows of a symbol table; the first is the null symbol. */
  symbols(table: ElfSection): ElfSymbol[] {
    const { reader } = this;
    const strings = this.linked(table);
    const indices = this.sections.find(({ type, link }) => type === SHT_SYMTAB_SHNDX && link === table.index);
    return this.#rows(table, Elf64_Sym.sizeof, (at, row) => {
      const info = reader.u8(at + Elf64_Sym.st_info);
      const index = reader.u16(at + Elf64_Sym.st_shndx);
      let section = index < SHN_LORESERVE ? index : reservedIndex(index);
      if (index === SHN_XINDEX && indices !== undefined) section = reader.u32(indices.offset + row * 4);
      return {
        name: this.string(strings, reader.u32(at + Elf64_Sym.st_name)),
        value: reader.word64(at + Elf64_Sym.st_value),
        size: reader.word64(at + Elf64_Sym.st_size),
        type: info & 15,
        binding: info >> 4,
        visibility: reader.u8(at + Elf64_Sym.st_other) & 3,
        section,
      };
    });
  }

  relocations(table: ElfSection): ElfRelocation[] {
    return this.#rows(table, Elf64_Rela.sizeof, (at) => readRelocation(this.reader, at));
  }

  /** The addresses that a table of relative relocations (SHT_RELR) lists. */
  packedAddresses(table: ElfSection): number[] {
    const addresses: number[] = [];
    let next = 0;
    for (let at = 0; at + Elf64_Relr.sizeof <= table.size; at += Elf64_Relr.sizeof) {
      const low = this.reader.u32(table.offset + at);
      if ((low & 1) === 0) {
        next = this.reader.u64(table.offset + at);
        addresses.push(next);
        next += 8;
        continue;
      }
      const bits = [low >>> 1, this.reader.u32(table.offset + at + 4)];
      for (let i = 0; i < 63; i++)
        if ((i < 31 ? bits[0] >>> i : bits[1] >>> (i - 31)) & 1) addresses.push(next + i * 8);
      next += 63 * 8;
    }
    return addresses;
  }

  /** Entries of .dynamic up to DT_NULL. */
  dynamicEntries(table: ElfSection): DynamicEntry[] {
    const entries: DynamicEntry[] = [];
    const end = table.offset + this.contents(table).length;
    for (let at = table.offset; at + Elf64_Dyn.sizeof <= end; at += Elf64_Dyn.sizeof) {
      const tag = this.reader.word64(at + Elf64_Dyn.d_tag);
      if (tag === DT_NULL) break;
      entries.push({ tag, value: this.reader.word64(at + Elf64_Dyn.d_val) });
    }
    return entries;
  }

  /** Rows of .gnu.version, with their hidden bits. */
  symbolVersions(table: ElfSection): number[] {
    return this.#rows(table, 2, (at) => this.reader.u16(at));
  }

  versionDefinitions(table: ElfSection): VersionDefinition[] {
    const { reader } = this;
    const strings = this.linked(table);
    const definitions: VersionDefinition[] = [];
    this.#list(table.offset, Math.min(table.info, MAX_VERSIONS), Elf64_Verdef.vd_next, (at) => {
      const names: string[] = [];
      const first = at + reader.u32(at + Elf64_Verdef.vd_aux);
      this.#list(first, reader.u16(at + Elf64_Verdef.vd_cnt), Elf64_Verdaux.vda_next, (name) => {
        names.push(this.string(strings, reader.u32(name + Elf64_Verdaux.vda_name)));
      });
      const index = reader.u16(at + Elf64_Verdef.vd_ndx) & VERSION_INDEX;
      const flags = reader.u16(at + Elf64_Verdef.vd_flags);
      if (names.length === 0) throw reader.error(at, "version without a name");
      definitions.push({ index, flags, name: names[0], parents: names.slice(1) });
    });
    return definitions;
  }

  /** Names alone, by index: of SHT_GNU_verdef, or of SHT_GNU_verneed. A library may have hundreds, few of which matter. */
  versionNames(table: ElfSection): VersionNames {
    const { reader } = this;
    const names: number[] = [];
    const count = Math.min(table.info, MAX_VERSIONS);
    if (table.type === SHT_GNU_verdef)
      this.#list(table.offset, count, Elf64_Verdef.vd_next, (at) => {
        const index = reader.u16(at + Elf64_Verdef.vd_ndx) & VERSION_INDEX;
        names[index] = reader.u32(at + reader.u32(at + Elf64_Verdef.vd_aux) + Elf64_Verdaux.vda_name);
      });
    else
      this.#list(table.offset, count, Elf64_Verneed.vn_next, (at) => {
        const first = at + reader.u32(at + Elf64_Verneed.vn_aux);
        this.#list(first, reader.u16(at + Elf64_Verneed.vn_cnt), Elf64_Vernaux.vna_next, (version) => {
          const index = reader.u16(version + Elf64_Vernaux.vna_other) & VERSION_INDEX;
          names[index] = reader.u32(version + Elf64_Vernaux.vna_name);
        });
      });
    return new VersionNames(this, this.linked(table), names);
  }

  versionRequirements(table: ElfSection): VersionRequirement[] {
    const { reader } = this;
    const strings = this.linked(table);
    const required: VersionRequirement[] = [];
    this.#list(table.offset, Math.min(table.info, MAX_VERSIONS), Elf64_Verneed.vn_next, (at) => {
      const file = this.string(strings, reader.u32(at + Elf64_Verneed.vn_file));
      const first = at + reader.u32(at + Elf64_Verneed.vn_aux);
      this.#list(first, reader.u16(at + Elf64_Verneed.vn_cnt), Elf64_Vernaux.vna_next, (version) => {
        required.push({
          file,
          index: reader.u16(version + Elf64_Vernaux.vna_other) & VERSION_INDEX,
          flags: reader.u16(version + Elf64_Vernaux.vna_flags),
          name: this.string(strings, reader.u32(version + Elf64_Vernaux.vna_name)),
        });
      });
    });
    return required;
  }

  get #sectionHeaders(): SectionHeaders {
    return (this.#headers ??= this.#readSectionHeaders());
  }

  #readSectionHeaders(): SectionHeaders {
    const { reader } = this;
    const begin = reader.u64(Elf64_Ehdr.e_shoff);
    if (begin === 0) return { begin, count: 0, strings: undefined };
    if (reader.u16(Elf64_Ehdr.e_shentsize) !== Elf64_Shdr.sizeof)
      throw reader.error(Elf64_Ehdr.e_shentsize, "section headers of another size");
    // gABI ch. 4: what does not fit into the ELF header is in the null section's.
    const count = reader.u16(Elf64_Ehdr.e_shnum) || reader.u64(begin + Elf64_Shdr.sh_size);
    const nameIndex = reader.u16(Elf64_Ehdr.e_shstrndx);
    const names = nameIndex === SHN_XINDEX ? reader.u32(begin + Elf64_Shdr.sh_link) : nameIndex;
    if (count > (reader.size - begin) / Elf64_Shdr.sizeof)
      throw reader.error(begin, `${count} section headers do not fit into the file`);
    if (names >= count) throw reader.error(Elf64_Ehdr.e_shstrndx, "e_shstrndx names no section");
    if (names === 0) return { begin, count, strings: undefined };
    const nameHeader = begin + names * Elf64_Shdr.sizeof;
    const strings = reader.u64(nameHeader + Elf64_Shdr.sh_offset);
    return { begin, count, strings: [strings, strings + reader.u64(nameHeader + Elf64_Shdr.sh_size)] };
  }

  #section(index: number): ElfSection {
    const { reader } = this;
    const { begin, strings } = this.#sectionHeaders;
    const at = begin + index * Elf64_Shdr.sizeof;
    const name = reader.u32(at + Elf64_Shdr.sh_name);
    return {
      index,
      name: strings === undefined ? "" : reader.cString(strings[0] + name, strings[1]),
      type: reader.u32(at + Elf64_Shdr.sh_type),
      flags: reader.u64(at + Elf64_Shdr.sh_flags),
      address: reader.u64(at + Elf64_Shdr.sh_addr),
      offset: reader.u64(at + Elf64_Shdr.sh_offset),
      size: reader.u64(at + Elf64_Shdr.sh_size),
      link: reader.u32(at + Elf64_Shdr.sh_link),
      info: reader.u32(at + Elf64_Shdr.sh_info),
      alignment: reader.u64(at + Elf64_Shdr.sh_addralign),
      entrySize: reader.u64(at + Elf64_Shdr.sh_entsize),
    };
  }

  #readSegments(): ElfSegment[] {
    const { reader } = this;
    const begin = reader.u64(Elf64_Ehdr.e_phoff);
    if (begin === 0) return [];
    if (reader.u16(Elf64_Ehdr.e_phentsize) !== Elf64_Phdr.sizeof)
      throw reader.error(Elf64_Ehdr.e_phentsize, "program headers of another size");
    return Array.from({ length: reader.u16(Elf64_Ehdr.e_phnum) }, (_, index) => {
      const at = begin + index * Elf64_Phdr.sizeof;
      return {
        type: reader.u32(at + Elf64_Phdr.p_type),
        flags: reader.u32(at + Elf64_Phdr.p_flags),
        offset: reader.u64(at + Elf64_Phdr.p_offset),
        address: reader.u64(at + Elf64_Phdr.p_vaddr),
        fileSize: reader.u64(at + Elf64_Phdr.p_filesz),
        memorySize: reader.u64(at + Elf64_Phdr.p_memsz),
        alignment: reader.u64(at + Elf64_Phdr.p_align),
      };
    });
  }

  #rows<T>(table: ElfSection, rowSize: number, read: (at: number, row: number) => T): T[] {
    const rows = Math.floor(this.contents(table).length / rowSize);
    return Array.from({ length: rows }, (_, row) => read(table.offset + row * rowSize, row));
  }

  /** A list whose records say how far the next one is; at most `count`, as a list may go round. */
  #list(begin: number, count: number, nextField: number, visit: (at: number) => void): void {
    for (let at = begin, left = count; left > 0; left--) {
      visit(at);
      const next = this.reader.u32(at + nextField);
      if (next === 0) return;
      at += next;
    }
  }

  #error(section: ElfSection, detail: string): Error {
    return this.reader.error(section.offset, `section "${section.name}": ${detail}`);
  }
}
