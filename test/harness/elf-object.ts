/** Reads and changes fields of an ELF object in memory: for inputs that are wrong on purpose. */

import {
  SHF_COMPRESSED,
  SHF_MERGE,
  SHT_DYNAMIC,
  SHT_DYNSYM,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
  SHT_GNU_versym,
  SHT_GROUP,
  SHT_NOTE,
  SHT_RELA,
  SHT_SYMTAB,
} from "../../src/elf/constants.ts";
import { Elf64_Rela, Elf64_Shdr, Elf64_Sym } from "../../src/elf/records.ts";

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
const compressionFields: Columns = [
  ["ch_type", 0, 4],
  ["ch_reserved", 4, 4],
  ["ch_size", 8, 8],
  ["ch_addralign", 16, 8],
];
const relocationFields = { r_offset: [0, 8], r_type: [8, 4], r_sym: [12, 4], r_addend: [16, 8] } as const;

/** What `ElfObject.fields` can list. */
export const fieldKinds = [
  "header",
  "section headers",
  "symbols",
  "relocations",
  "groups",
  "notes",
  "frames",
  "mergeable sections",
  "compressed sections",
  "dynamic",
  "versions",
] as const;
export type FieldKind = (typeof fieldKinds)[number];

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

const SHDR = Elf64_Shdr.sizeof;
const SYM = Elf64_Sym.sizeof;
const RELA = Elf64_Rela.sizeof;
/** Rows of one table that `fields` goes through. */
const MAX_ROWS = 60;

/** Fields of a row: name, offset, size. */
type Columns = readonly (readonly [name: string, offset: number, size: number])[];

const keysOf = <T extends object>(object: T): (keyof T & string)[] => Object.keys(object) as (keyof T & string)[];

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

  /** The fields of one kind in the whole file: of long tables, those of the first rows. */
  fields(kind: FieldKind): Field[] {
    switch (kind) {
      case "header":
        return keysOf(headerFields).map((name) => this.headerField(name));
      case "section headers":
        return this.sections.flatMap((section) =>
          keysOf(sectionFields).map((name) => this.sectionField(section, name)),
        );
      case "symbols":
        return this.#rowsOf(
          ({ type }) => type === SHT_SYMTAB || type === SHT_DYNSYM,
          SYM,
          keysOf(symbolFields).map((name) => [name, ...symbolFields[name]] as const),
        );
      case "relocations":
        return this.#rowsOf(
          ({ type }) => type === SHT_RELA,
          RELA,
          keysOf(relocationFields).map((name) => [name, ...relocationFields[name]] as const),
        );
      case "groups":
        return this.#rowsOf(({ type }) => type === SHT_GROUP, 4, [["word", 0, 4]]);
      case "notes":
        return this.#rowsOf(({ type }) => type === SHT_NOTE, 4, [["word", 0, 4]]);
      case "frames":
        return this.sections
          .filter(({ name }) => name === ".eh_frame")
          .flatMap((section) => this.#frameFields(section));
      case "mergeable sections":
        return this.sections
          .filter((section) => this.read(this.sectionField(section, "sh_flags")) & BigInt(SHF_MERGE))
          .flatMap((section) => [
            ...(["sh_flags", "sh_size", "sh_entsize", "sh_addralign"] as const).map((name) =>
              this.sectionField(section, name),
            ),
            ...this.#rows(section, 1, [["byte", 0, 1]]),
          ]);
      case "compressed sections":
        return this.sections
          .filter((section) => this.read(this.sectionField(section, "sh_flags")) & BigInt(SHF_COMPRESSED))
          .flatMap((section) => [
            ...compressionFields.map(([name, offset, size]) => ({
              name: `${section.name} ${name}`,
              offset: section.offset + offset,
              size,
            })),
            ...this.#rows(section, 1, [["byte", 0, 1]]),
          ]);
      case "dynamic":
        return this.#rowsOf(({ type }) => type === SHT_DYNAMIC, 16, [
          ["d_tag", 0, 8],
          ["d_val", 8, 8],
        ]);
      case "versions":
        return [
          ...this.#rowsOf(({ type }) => type === SHT_GNU_versym, 2, [["index", 0, 2]]),
          ...this.#rowsOf(({ type }) => type === SHT_GNU_verdef || type === SHT_GNU_verneed, 4, [
            ["word", 0, 4],
            ["half", 0, 2],
            ["half", 2, 2],
          ]),
        ];
    }
  }

  /** Where the rows of tables are: section headers, symbols, relocations, entries of .dynamic. */
  tables(): { readonly offset: number; readonly rowSize: number; readonly rows: number }[] {
    const sizes = new Map([
      [SHT_SYMTAB, SYM],
      [SHT_DYNSYM, SYM],
      [SHT_RELA, RELA],
      [SHT_DYNAMIC, 16],
    ]);
    return [
      { offset: this.#headers, rowSize: SHDR, rows: this.sections.length },
      ...this.sections.flatMap(({ type, offset, size }) => {
        const rowSize = sizes.get(type);
        return rowSize === undefined ? [] : [{ offset, rowSize, rows: Math.floor(size / rowSize) }];
      }),
    ].filter(({ rows }) => rows > 1);
  }

  #rowsOf(isWanted: (section: Section) => boolean, rowSize: number, columns: Columns): Field[] {
    return this.sections.filter(isWanted).flatMap((section) => this.#rows(section, rowSize, columns));
  }

  #rows({ name, offset, size }: Section, rowSize: number, columns: Columns): Field[] {
    return Array.from({ length: Math.min(Math.floor(size / rowSize), MAX_ROWS) }, (_, row) =>
      columns.map(([column, at, width]) => ({
        name: `${name} ${row} ${column}`,
        offset: offset + row * rowSize + at,
        size: width,
      })),
    ).flat();
  }

  /** Length, CIE pointer and the bytes that follow, of each record of .eh_frame. */
  #frameFields({ name, offset, size }: Section): Field[] {
    const fields: Field[] = [];
    for (let at = offset; at + 8 <= offset + size;) {
      const length = this.bytes.readUInt32LE(at);
      fields.push({ name: `${name} length`, offset: at, size: 4 }, { name: `${name} CIE`, offset: at + 4, size: 4 });
      for (let i = 8; i < length + 4; i++) fields.push({ name: `${name} byte ${i}`, offset: at + i, size: 1 });
      at += length + 4;
    }
    return fields;
  }
}
