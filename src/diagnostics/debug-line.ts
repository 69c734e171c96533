/**
 * Source file and line of code, from `.debug_line` (DWARF 5 §6.2; versions 2 to 5): of a place in an object, or of all
 * that was linked. The first is asked only for what is wrong and will be listed: each question runs the line programs
 * until one answers and keeps nothing. Damaged debug information throws FormatError.
 */
import { ByteReader } from "../elf/byte-reader.ts";

/** What a relocation of a debug section refers to. */
export interface DebugReference {
  /** Index of the section header. */
  readonly section: number;
  /** In bytes, within that section. */
  readonly offset: number;
}

/** A section of an object, uncompressed. */
export interface DebugSection {
  readonly bytes: Uint8Array;
  /** What the bytes at an offset refer to, where there is a relocation; nothing of a file that was linked. */
  readonly references?: ReadonlyMap<number, DebugReference>;
}

/** The sections that line tables are in. */
export interface DebugLineSections {
  readonly file: string;
  readonly line: DebugSection;
  /** `.debug_line_str` and `.debug_str`, which DWARF 5 keeps names in. */
  readonly lineStrings: DebugSection | undefined;
  readonly strings: DebugSection | undefined;
}

const DW_LNS_copy = 1;
const DW_LNS_advance_pc = 2;
const DW_LNS_advance_line = 3;
const DW_LNS_set_file = 4;
const DW_LNS_const_add_pc = 8;
const DW_LNS_fixed_advance_pc = 9;
const DW_LNE_end_sequence = 1;
const DW_LNE_set_address = 2;

const DW_LNCT_path = 1;
const DW_LNCT_directory_index = 2;

const DW_FORM_data2 = 0x05;
const DW_FORM_data4 = 0x06;
const DW_FORM_data8 = 0x07;
const DW_FORM_string = 0x08;
const DW_FORM_block = 0x09;
const DW_FORM_data1 = 0x0b;
const DW_FORM_strp = 0x0e;
const DW_FORM_udata = 0x0f;
const DW_FORM_data16 = 0x1e;
const DW_FORM_line_strp = 0x1f;

const DWARF64 = 0xffffffff;

/** `dir/main.c:12` of the code at an offset in a section; undefined when no line table covers it. */
export function sourceLineOf(sections: DebugLineSections, section: number, offset: number): string | undefined {
  const cursor = new Cursor(new ByteReader(sections.file, sections.line.bytes));
  while (cursor.at < cursor.reader.size) {
    const unit = readUnit(cursor);
    const row = findRow(unit, sections.line.references, section, offset);
    if (row !== undefined)
      return row.line === 0 ? undefined : `${nameOf(fileNames(unit, sections), row, unit)}:${row.line}`;
    cursor.at = unit.end;
  }
  return undefined;
}

/** Code that a row of a line table is about. */
export interface LineRange {
  readonly address: number;
  /** In bytes; 0 where the next row is at the same address. */
  readonly size: number;
  readonly file: string;
  readonly line: number;
}

/**
 * What the line tables of a linked file say, as they have it.
 *
 * @param isCode whether code is at an address: sequences about what is not in the file begin elsewhere
 */
export function lineRangesOf(sections: DebugLineSections, isCode: (address: number) => boolean): LineRange[] {
  const found: LineRange[] = [];
  const cursor = new Cursor(new ByteReader(sections.file, sections.line.bytes));
  while (cursor.at < cursor.reader.size) {
    const unit = readUnit(cursor);
    let names: (string | undefined)[] | undefined;
    let previous: Row | undefined;
    let isWanted = false;
    for (const row of rowsOf(unit, undefined)) {
      if (previous === undefined) isWanted = isCode(row.address);
      else if (isWanted && !(row.isEnd && row.address === previous.address)) {
        const file = nameOf((names ??= fileNames(unit, sections)), previous, unit);
        found.push({ address: previous.address, size: row.address - previous.address, file, line: previous.line });
      }
      previous = row.isEnd ? undefined : row;
    }
    cursor.at = unit.end;
  }
  return found;
}

/** A position in a section that moves with what is read. */
class Cursor {
  readonly reader: ByteReader;
  at: number;

  constructor(reader: ByteReader, at = 0) {
    this.reader = reader;
    this.at = at;
  }

  u8(): number {
    return this.reader.u8(this.#next(1));
  }
  u16(): number {
    return this.reader.u16(this.#next(2));
  }
  u32(): number {
    return this.reader.u32(this.#next(4));
  }
  u64(): number {
    return this.reader.u64(this.#next(8));
  }
  /** An offset or length of 4 bytes, or 8 in the 64-bit format. */
  offset(is64: boolean): number {
    return is64 ? this.u64() : this.u32();
  }
  uleb(): number {
    return this.#leb().value;
  }
  sleb(): number {
    const { value, unit, isNegative } = this.#leb();
    return isNegative ? value - unit : value;
  }
  cString(): string {
    const begin = this.at;
    while (this.u8() !== 0);
    return this.reader.cString(begin);
  }
  skip(size: number): void {
    this.reader.bytes(this.at, size);
    this.at += size;
  }

  #next(size: number): number {
    const at = this.at;
    this.at += size;
    return at;
  }

  /** LEB128 (DWARF 5 §7.6): seven bits a byte. Numbers from 2^53 are errors. */
  #leb(): { value: number; unit: number; isNegative: boolean } {
    for (let value = 0, unit = 1; ;) {
      const byte = this.u8();
      value += (byte & 0x7f) * unit;
      unit *= 128;
      if (!Number.isSafeInteger(value)) throw this.reader.error(this.at, "number is too large");
      if (byte < 0x80) return { value, unit, isNegative: (byte & 0x40) !== 0 };
    }
  }
}

/** The header of a unit's line table. */
interface Unit {
  readonly reader: ByteReader;
  readonly version: number;
  readonly is64: boolean;
  readonly minInstructionLength: number;
  readonly lineBase: number;
  readonly lineRange: number;
  /** Number of LEB128 operands of each standard opcode; opcodes from its length on are special. */
  readonly operandCounts: readonly number[];
  /** Where the directory table begins. */
  readonly tables: number;
  readonly program: number;
  readonly end: number;
}

function readUnit(cursor: Cursor): Unit {
  const { reader } = cursor;
  let length = cursor.u32();
  const is64 = length === DWARF64;
  if (is64) length = cursor.u64();
  const begin = cursor.at;
  cursor.skip(length);
  const end = cursor.at;
  cursor.at = begin;
  const version = cursor.u16();
  if (version < 2 || version > 5) throw reader.error(begin, `line table of version ${version}`);
  if (version >= 5) cursor.skip(2); // address and segment selector size
  const headerLength = cursor.offset(is64);
  const program = cursor.at + headerLength;
  const minInstructionLength = cursor.u8();
  if (version >= 4) cursor.skip(1); // operations per instruction: of VLIW machines
  cursor.skip(1); // default_is_stmt
  const lineBase = (cursor.u8() << 24) >> 24;
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  if (lineRange === 0 || opcodeBase === 0) throw reader.error(begin, "corrupt line table header");
  const operandCounts = [0];
  while (operandCounts.length < opcodeBase) operandCounts.push(cursor.u8());
  const tables = cursor.at;
  return { reader, version, is64, minInstructionLength, lineBase, lineRange, operandCounts, tables, program, end };
}

/** A row of a line program: of the code up to the next row. */
interface Row {
  /** What addresses are relative to in an object; nothing before there is one, and in a file that was linked. */
  readonly section: number | undefined;
  readonly address: number;
  readonly file: number;
  readonly line: number;
  /** Of no code: where its sequence ends. */
  readonly isEnd: boolean;
}

/** Runs a unit's line program up to the row that covers a place. */
function findRow(
  unit: Unit,
  references: ReadonlyMap<number, DebugReference> | undefined,
  section: number,
  offset: number,
): Row | undefined {
  let previous: Row | undefined;
  for (const row of rowsOf(unit, references)) {
    if (previous !== undefined && previous.address <= offset && offset < row.address && row.section === section)
      return previous;
    previous = row.isEnd || row.section !== section ? undefined : row;
  }
  return undefined;
}

/** Runs a unit's line program (DWARF 5 §6.2.5). */
function* rowsOf(unit: Unit, references: ReadonlyMap<number, DebugReference> | undefined): Generator<Row> {
  const cursor = new Cursor(unit.reader, unit.program);
  let section: number | undefined;
  let address = 0;
  let file = 1;
  let line = 1;
  const row = (isEnd = false): Row => ({ section, address, file, line, isEnd });
  const advance = (operations: number): void => {
    address += operations * unit.minInstructionLength;
  };
  const { operandCounts, lineBase, lineRange } = unit;
  const opcodeBase = operandCounts.length;

  while (cursor.at < unit.end) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      advance(Math.floor(adjusted / lineRange));
      line += lineBase + (adjusted % lineRange);
      yield row();
    } else if (opcode === 0) {
      const length = cursor.uleb();
      const next = cursor.at + length;
      const extended = length === 0 ? 0 : cursor.u8();
      if (extended === DW_LNE_end_sequence) {
        yield row(true);
        section = undefined;
        address = 0;
        file = line = 1;
      } else if (extended === DW_LNE_set_address) {
        const reference = references?.get(cursor.at);
        section = reference?.section;
        address = references === undefined ? unit.reader.word64(cursor.at) : (reference?.offset ?? 0);
      }
      cursor.at = next;
    } else {
      switch (opcode) {
        case DW_LNS_copy:
          yield row();
          break;
        case DW_LNS_advance_pc:
          advance(cursor.uleb());
          break;
        case DW_LNS_advance_line:
          line += cursor.sleb();
          break;
        case DW_LNS_set_file:
          file = cursor.uleb();
          break;
        case DW_LNS_const_add_pc:
          advance(Math.floor((255 - opcodeBase) / lineRange));
          break;
        case DW_LNS_fixed_advance_pc:
          address += cursor.u16();
          break;
        default:
          for (let left = operandCounts[opcode]; left > 0; left--) cursor.uleb();
      }
    }
  }
}

interface Entry {
  readonly path: string;
  readonly directory: number;
}

/** The paths of a unit's files by their numbers, with their directories as the compiler gave them. */
function fileNames(unit: Unit, sections: DebugLineSections): (string | undefined)[] {
  const cursor = new Cursor(unit.reader, unit.tables);
  const isV5 = unit.version >= 5;
  const directories = isV5
    ? readEntries(cursor, unit, sections).map(({ path }) => path)
    : ["", ...readNames(cursor, () => undefined).map(({ path }) => path)];
  const files = isV5
    ? readEntries(cursor, unit, sections)
    : [undefined, ...readNames(cursor, () => [cursor.uleb(), cursor.uleb(), cursor.uleb()][0])];
  // Directory 0 is the one in which the compiler ran. Before version 5 it is not in this section.
  return files.map((file) => file && [directories[0], directories[file.directory], file.path].reduce<string>(join, ""));
}

function nameOf(names: readonly (string | undefined)[], { file }: Row, unit: Unit): string {
  const name = names[file];
  if (name === undefined) throw unit.reader.error(unit.tables, `there is no file ${file}`);
  return name;
}

function join(directory: string, path: string | undefined): string {
  if (path === undefined || path === "" || path === ".") return directory;
  if (directory === "" || path.startsWith("/") || path === directory) return path;
  return `${directory}/${path}`;
}

/** Names up to an empty one, each followed by what `readRest` reads: versions 2 to 4. */
function readNames(cursor: Cursor, readRest: () => number | undefined): Entry[] {
  const names: Entry[] = [];
  for (;;) {
    const path = cursor.cString();
    if (path === "") return names;
    names.push({ path, directory: readRest() ?? 0 });
  }
}

/** A table of version 5: the format of its entries, then the entries. */
function readEntries(cursor: Cursor, unit: Unit, sections: DebugLineSections): Entry[] {
  const format: { content: number; form: number }[] = [];
  for (let left = cursor.u8(); left > 0; left--) format.push({ content: cursor.uleb(), form: cursor.uleb() });
  const count = cursor.uleb();
  if (format.length === 0 && count > 0) throw unit.reader.error(cursor.at, "entries without a format");
  const entries: Entry[] = [];
  while (entries.length < count) {
    let path = "";
    let directory = 0;
    for (const { content, form } of format) {
      const value = readForm(cursor, form, unit, sections);
      if (content === DW_LNCT_path) path = String(value ?? "");
      else if (content === DW_LNCT_directory_index) directory = Number(value ?? 0);
    }
    entries.push({ path, directory });
  }
  return entries;
}

/** A value of a form that version 5 allows in these tables (§6.2.4.1); undefined for what is skipped. */
function readForm(cursor: Cursor, form: number, unit: Unit, sections: DebugLineSections): string | number | undefined {
  switch (form) {
    case DW_FORM_string:
      return cursor.cString();
    case DW_FORM_line_strp:
    case DW_FORM_strp: {
      const strings = form === DW_FORM_strp ? sections.strings : sections.lineStrings;
      const reference = sections.line.references?.get(cursor.at);
      const offset = cursor.offset(unit.is64);
      if (strings === undefined) return undefined;
      return new ByteReader(sections.file, strings.bytes).cString(reference?.offset ?? offset);
    }
    case DW_FORM_udata:
      return cursor.uleb();
    case DW_FORM_data1:
      return cursor.u8();
    case DW_FORM_data2:
      return cursor.u16();
    case DW_FORM_data4:
      return cursor.u32();
    case DW_FORM_data8:
    case DW_FORM_data16:
      cursor.skip(form === DW_FORM_data8 ? 8 : 16);
      return undefined;
    case DW_FORM_block:
      cursor.skip(cursor.uleb());
      return undefined;
    default:
      throw unit.reader.error(cursor.at, `form ${form} in a line table`);
  }
}
