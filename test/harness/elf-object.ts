/** Reads and changes fields of an ELF object in memory: for inputs that are wrong on purpose. */

/** Offsets and sizes of fields (gABI ch. 4). */
const headerFields = {
  e_type: [16, 2],
  e_machine: [18, 2],
  e_shoff: [40, 8],
  e_shentsize: [58, 2],
  e_shnum: [60, 2],
  e_shstrndx: [62, 2],
} as const;
const sectionFields = {
  sh_name: [0, 4],
  sh_type: [4, 4],
  sh_flags: [8, 8],
  sh_addr: [16, 8],
  sh_offset: [24, 8],
  sh_size: [32, 8],
  sh_link: [40, 4],
  sh_info: [44, 4],
  sh_addralign: [48, 8],
  sh_entsize: [56, 8],
} as const;
const symbolFields = {
  st_name: [0, 4],
  st_info: [4, 1],
  st_other: [5, 1],
  st_shndx: [6, 2],
  st_value: [8, 8],
  st_size: [16, 8],
} as const;
const relocationFields = { r_offset: [0, 8], r_type: [8, 4], r_sym: [12, 4], r_addend: [16, 8] } as const;

export type SectionField = keyof typeof sectionFields;

/** A place of a field: where it begins in the file, and how many bytes it has. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

export interface Section {
  readonly index: number;
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly info: number;
}

const SHDR = 64;
const SYM = 24;
const RELA = 24;
const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_DYNSYM = 11;
const SHT_GROUP = 17;

export class ElfObject {
  readonly bytes: Buffer;
  readonly sections: readonly Section[];
  readonly #headers: number;

  /** The bytes are changed in place. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#headers = Number(bytes.readBigUInt64LE(40));
    const count = bytes.readUInt16LE(60);
    const row = (index: number) => this.#headers + index * SHDR;
    const names = Number(bytes.readBigUInt64LE(row(bytes.readUInt16LE(62)) + 24));
    this.sections = Array.from({ length: count }, (_, index) => {
      const at = row(index);
      const begin = names + bytes.readUInt32LE(at);
      return {
        index,
        name: bytes.toString("latin1", begin, bytes.indexOf(0, begin)),
        type: bytes.readUInt32LE(at + 4),
        offset: Number(bytes.readBigUInt64LE(at + 24)),
        size: Number(bytes.readBigUInt64LE(at + 32)),
        info: bytes.readUInt32LE(at + 44),
      };
    });
  }

  section(name: string): Section {
    const found = this.sections.find((section) => section.name === name);
    if (found === undefined) throw new Error(`no section ${name}`);
    return found;
  }

  headerField(name: keyof typeof headerFields): Field {
    const [offset, size] = headerFields[name];
    return { name, offset, size };
  }

  sectionField(section: Section, name: SectionField): Field {
    const [offset, size] = sectionFields[name];
    return { name: `${section.name} ${name}`, offset: this.#headers + section.index * SHDR + offset, size };
  }

  /** The field of row `row` in a symbol table. */
  symbolField(row: number, name: keyof typeof symbolFields, table = ".symtab"): Field {
    const [offset, size] = symbolFields[name];
    return { name: `symbol ${row} ${name}`, offset: this.section(table).offset + row * SYM + offset, size };
  }

  relocationField(section: Section, row: number, name: keyof typeof relocationFields): Field {
    const [offset, size] = relocationFields[name];
    return { name: `${section.name} ${row} ${name}`, offset: section.offset + row * RELA + offset, size };
  }

  read({ offset, size }: Field): bigint {
    return size === 8 ? this.bytes.readBigUInt64LE(offset) : BigInt(this.bytes.readUIntLE(offset, size));
  }

  set({ offset, size }: Field, value: number | bigint): void {
    const bits = BigInt.asUintN(size * 8, BigInt(value));
    if (size === 8) this.bytes.writeBigUInt64LE(bits, offset);
    else this.bytes.writeUIntLE(Number(bits), offset, size);
  }

  /** Every field of headers, symbols, relocations and groups. */
  allFields(): Field[] {
    const fields: Field[] = (Object.keys(headerFields) as (keyof typeof headerFields)[]).map((name) =>
      this.headerField(name),
    );
    for (const section of this.sections) {
      for (const name of Object.keys(sectionFields) as SectionField[]) fields.push(this.sectionField(section, name));
      const rows = (size: number): number[] =>
        Array.from({ length: Math.min(Math.floor(section.size / size), 40) }, (_, row) => row);
      if (section.type === SHT_SYMTAB || section.type === SHT_DYNSYM)
        for (const row of rows(SYM))
          for (const name of Object.keys(symbolFields) as (keyof typeof symbolFields)[])
            fields.push(this.symbolField(row, name, section.name));
      if (section.type === SHT_RELA)
        for (const row of rows(RELA))
          for (const name of Object.keys(relocationFields) as (keyof typeof relocationFields)[])
            fields.push(this.relocationField(section, row, name));
      if (section.type === SHT_GROUP)
        for (const row of rows(4))
          fields.push({ name: `group ${section.index} word ${row}`, offset: section.offset + row * 4, size: 4 });
    }
    return fields;
  }
}
