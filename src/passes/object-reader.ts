/**
 * What messages and reports say about the inside of one object: names of sections and symbols, the function and
 * source line of a place. Read from the input, where the scan found its tables, for what is asked only: one field at a
 * time, so that what else is wrong with a header, which ElfFile would refuse, does not keep its name from the message.
 */
import { type DebugReference, type DebugSection, sourceLineOf } from "../diagnostics/debug-line.ts";
import { type ByteReader, FormatError } from "../elf/byte-reader.ts";
import { uncompress } from "../elf/compressed-section.ts";
import {
  SHF_COMPRESSED,
  SHN_ABS,
  SHN_XINDEX,
  SHT_LLVM_CALL_GRAPH_PROFILE,
  SHT_REL,
  SHT_RELA,
  STT_FUNC,
} from "../elf/constants.ts";
import { Elf64_Rela, Elf64_Shdr, Elf64_Sym } from "../elf/records.ts";
import { type ElfRelocation, readRelocation } from "../elf/elf-file.ts";
import type { FileRow, Tables } from "../tables/views.ts";
import { relocationName } from "../targets/x86-64-relocations.ts";

/** Debug sections that say they are larger than this uncompressed are not read for a message. */
const MAX_DEBUG_SIZE = 1 << 30;

/** A place in an object's section. */
export interface SectionPlace {
  /** Index of the section header. */
  readonly section: number;
  /** In bytes, within the section. */
  readonly offset: number;
}

interface FunctionRange {
  readonly begin: number;
  readonly end: number;
  readonly symbol: number;
}

type FileColumn =
  | "sectionNames"
  | "sectionNamesSize"
  | "sectionHeaders"
  | "sectionCount"
  | "sectionIndices"
  | "symbolCount"
  | "symbols"
  | "strings"
  | "stringsSize"
  | "versions";

/** An Elf64_Rel, and the upper half of its r_info. */
const REL_SIZE = 16;
const REL_SYMBOL = 12;

export class ObjectReader {
  readonly #tables: Tables;
  readonly #file: FileRow;
  readonly #reader: ByteReader;
  #functions: Map<number, FunctionRange[]> | undefined;
  readonly #debugSections = new Map<string, DebugSection | undefined>();

  constructor(tables: Tables, file: FileRow, reader: ByteReader) {
    this.#tables = tables;
    this.#file = file;
    this.#reader = reader;
  }

  /** sh_type. */
  sectionType(index: number): number {
    return this.#reader.u32(this.#header(index) + Elf64_Shdr.sh_type);
  }

  sectionName(index: number): string {
    const names = this.#column("sectionNames");
    return this.#text(names, this.#column("sectionNamesSize"), () =>
      this.#reader.u32(this.#header(index) + Elf64_Shdr.sh_name),
    );
  }

  /** sh_size and sh_addralign, as the file has them. */
  sectionSize(index: number): number {
    return this.#reader.u64(this.#header(index) + Elf64_Shdr.sh_size);
  }
  sectionAlignment(index: number): number {
    return Math.max(1, this.#reader.u64(this.#header(index) + Elf64_Shdr.sh_addralign));
  }

  symbolName(symbol: number): string {
    if (symbol >= this.#column("symbolCount")) return "";
    return this.#text(this.#column("strings"), this.#column("stringsSize"), () =>
      this.#reader.u32(this.#symbol(symbol) + Elf64_Sym.st_name),
    );
  }

  get symbolCount(): number {
    return this.#column("symbolCount");
  }

  isDefined(symbol: number): boolean {
    return attempt(() => this.#sectionOf(symbol) !== 0) ?? false;
  }

  /** STT_FUNC and the like. */
  symbolType(symbol: number): number {
    return (attempt(() => this.#reader.u8(this.#symbol(symbol) + Elf64_Sym.st_info)) ?? 0) & 15;
  }

  /** STV_PROTECTED and the like. */
  visibility(symbol: number): number {
    return (attempt(() => this.#reader.u8(this.#symbol(symbol) + Elf64_Sym.st_other)) ?? 0) & 3;
  }

  isAbsolute(symbol: number): boolean {
    return attempt(() => this.#reader.u16(this.#symbol(symbol) + Elf64_Sym.st_shndx)) === SHN_ABS;
  }

  /** Index of a symbol's version in a shared object (.gnu.version). */
  versionOf(symbol: number): number {
    const versions = this.#column("versions");
    return versions === 0 ? 0 : (attempt(() => this.#reader.u16(versions + symbol * 2)) ?? 0) & 0x7fff;
  }

  /** The global symbol of this name. */
  indexOfGlobal(name: string): number | undefined {
    const first = this.#tables.column("file", "firstGlobal")[this.#file];
    for (let i = first; i < this.#column("symbolCount"); i++) if (this.symbolName(i) === name) return i;
    return undefined;
  }

  /** Where a symbol is defined; undefined for one that is in no section. */
  definitionOf(symbol: number): SectionPlace | undefined {
    return attempt(() => {
      const section = this.#sectionOf(symbol);
      if (section === 0 || section >= this.#column("sectionCount")) return undefined;
      return { section, offset: this.#reader.u64(this.#symbol(symbol) + Elf64_Sym.st_value) };
    });
  }

  /** A section's contents as text. */
  sectionText(index: number): string {
    const { offset, size } = this.#contents(index);
    return this.#reader.text(offset, size);
  }

  /** The name of the relocation of a place. */
  relocationAt(section: number, offset: number): string | undefined {
    return attempt(() => {
      for (const relocation of this.#relocationsOf(section))
        if (relocation.offset === offset) return relocationName(relocation.type);
      return undefined;
    });
  }

  /** The function whose bytes hold an offset in a section. */
  functionAt(section: number, offset: number): string | undefined {
    this.#functions ??= this.#readFunctions();
    const ranges = this.#functions.get(section) ?? [];
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ranges[middle].begin <= offset) low = middle + 1;
      else high = middle;
    }
    const range = ranges[low - 1];
    return range !== undefined && offset < range.end ? this.symbolName(range.symbol) : undefined;
  }

  /** `dir/main.c:12` from `.debug_line`; undefined where there is none, or none that can be read. */
  sourceLineAt(section: number, offset: number): string | undefined {
    return attempt(() => {
      const line = this.#debugSection(".debug_line");
      if (line === undefined) return undefined;
      const lineStrings = this.#debugSection(".debug_line_str");
      const strings = this.#debugSection(".debug_str");
      return sourceLineOf({ file: this.#reader.file, line, lineStrings, strings }, section, offset);
    });
  }

  #readFunctions(): Map<number, FunctionRange[]> {
    const functions = new Map<number, FunctionRange[]>();
    attempt(() => {
      for (let i = 1; i < this.#column("symbolCount"); i++) {
        const at = this.#symbol(i);
        if ((this.#reader.u8(at + Elf64_Sym.st_info) & 15) !== STT_FUNC) continue;
        const section = this.#sectionOf(i);
        const begin = this.#reader.u64(at + Elf64_Sym.st_value);
        const ranges = functions.get(section) ?? [];
        if (ranges.length === 0) functions.set(section, ranges);
        ranges.push({ begin, end: begin + this.#reader.u64(at + Elf64_Sym.st_size), symbol: i });
      }
    });
    for (const ranges of functions.values()) ranges.sort((a, b) => a.begin - b.begin);
    return functions;
  }

  /** A section without SHF_ALLOC by name, uncompressed, with what its relocations refer to. */
  #debugSection(name: string): DebugSection | undefined {
    if (!this.#debugSections.has(name)) this.#debugSections.set(name, this.#readDebugSection(name));
    return this.#debugSections.get(name);
  }

  #readDebugSection(name: string): DebugSection | undefined {
    let index = 1;
    while (index < this.#column("sectionCount") && this.sectionName(index) !== name) index++;
    if (index >= this.#column("sectionCount")) return undefined;
    const { offset, size } = this.#contents(index);
    const isCompressed = this.#reader.u64(this.#header(index) + Elf64_Shdr.sh_flags) & SHF_COMPRESSED;
    const bytes = isCompressed
      ? uncompress(this.#reader, offset, size, MAX_DEBUG_SIZE)
      : this.#reader.bytes(offset, size);
    const references = new Map<number, DebugReference>();
    for (const { offset: at, symbol, addend } of this.#relocationsOf(index)) {
      if (symbol >= this.#column("symbolCount")) continue;
      const value = this.#reader.u64(this.#symbol(symbol) + Elf64_Sym.st_value);
      references.set(at, { section: this.#sectionOf(symbol), offset: value + addend });
    }
    return { bytes, references };
  }

  /** What .llvm.call-graph-profile says: symbols that call others, and how often. A malformed one says less. */
  callGraphProfile(): { readonly from: number; readonly to: number; readonly weight: number }[] {
    const calls: { from: number; to: number; weight: number }[] = [];
    attempt(() => {
      for (let i = 1; i < this.#column("sectionCount"); i++) {
        const header = this.#header(i);
        if (this.#reader.u32(header + Elf64_Shdr.sh_type) !== SHT_REL) continue;
        const profile = this.#reader.u32(header + Elf64_Shdr.sh_info);
        if (profile >= this.#column("sectionCount") || this.sectionType(profile) !== SHT_LLVM_CALL_GRAPH_PROFILE)
          continue;
        const references = this.#contents(i);
        const weights = this.#contents(profile);
        // A weight for each pair of relocations: of the caller and of the callee.
        const count = Math.min(Math.floor(weights.size / 8), Math.floor(references.size / (2 * REL_SIZE)));
        const symbol = (at: number): number => this.#reader.u32(references.offset + at * REL_SIZE + REL_SYMBOL);
        for (let call = 0; call < count; call++)
          calls.push({
            from: symbol(2 * call),
            to: symbol(2 * call + 1),
            weight: this.#reader.word64(weights.offset + 8 * call),
          });
      }
    });
    return calls;
  }

  *#relocationsOf(section: number): Generator<ElfRelocation> {
    for (let i = 1; i < this.#column("sectionCount"); i++) {
      const header = this.#header(i);
      if (this.#reader.u32(header + Elf64_Shdr.sh_type) !== SHT_RELA) continue;
      if (this.#reader.u32(header + Elf64_Shdr.sh_info) !== section) continue;
      const { offset, size } = this.#contents(i);
      for (let at = offset; at + Elf64_Rela.sizeof <= offset + size; at += Elf64_Rela.sizeof)
        yield readRelocation(this.#reader, at);
    }
  }

  /** Index of the section that a symbol is in; 0 or a reserved index for one that is in none. */
  #sectionOf(symbol: number): number {
    const index = this.#reader.u16(this.#symbol(symbol) + Elf64_Sym.st_shndx);
    if (index !== SHN_XINDEX) return index;
    const indices = this.#column("sectionIndices");
    return indices === 0 ? 0 : this.#reader.u32(indices + symbol * 4);
  }

  #header(section: number): number {
    return this.#column("sectionHeaders") + section * Elf64_Shdr.sizeof;
  }

  /** Where a section's bytes are in the file. */
  #contents(section: number): { readonly offset: number; readonly size: number } {
    const header = this.#header(section);
    return {
      offset: this.#reader.u64(header + Elf64_Shdr.sh_offset),
      size: this.#reader.u64(header + Elf64_Shdr.sh_size),
    };
  }

  #symbol(symbol: number): number {
    return this.#column("symbols") + symbol * Elf64_Sym.sizeof;
  }

  #column(name: FileColumn): number {
    return this.#tables.column("file", name)[this.#file];
  }

  #text(table: number, size: number, offset: () => number): string {
    return attempt(() => this.#reader.cString(table + offset(), table + size)) ?? "";
  }
}

/** What cannot be read is no help in a message about something else. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return undefined;
  }
}
