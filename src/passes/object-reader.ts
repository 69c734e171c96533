/**
 * What messages and reports say about the inside of one object: names of sections and symbols, the function and
 * source line of a place. Read from the input, where the scan found its tables, for what is asked only.
 */
import type * as Zlib from "node:zlib";

import { type DebugReference, type DebugSection, sourceLineOf } from "../diagnostics/debug-line.ts";
import { type ByteReader, FormatError } from "../elf/byte-reader.ts";
import {
  ELFCOMPRESS_ZLIB,
  ELFCOMPRESS_ZSTD,
  SHF_COMPRESSED,
  SHN_XINDEX,
  SHT_RELA,
  STT_FUNC,
} from "../elf/constants.ts";
import type { Tables } from "../tables/views.ts";
import { relocations } from "../targets/x86-64-relocations.ts";

const SHDR = 64;
const SYM = 24;
const RELA = 24;
const CHDR = 24;
/** Debug sections that say they are larger than this uncompressed are not read for a message. */
const MAX_DEBUG_SIZE = 1 << 30;

const relocationNames = new Map<number, string>(
  Object.entries(relocations).map(([name, { number }]) => [number, name]),
);

/** `R_X86_64_PC32`, or the number of a type that is unknown. */
export const relocationName = (type: number): string => relocationNames.get(type) ?? `${type}`;

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

export class ObjectReader {
  readonly #tables: Tables;
  readonly #file: number;
  readonly #reader: ByteReader;
  #functions: Map<number, FunctionRange[]> | undefined;
  readonly #debugSections = new Map<string, DebugSection | undefined>();

  constructor(tables: Tables, file: number, reader: ByteReader) {
    this.#tables = tables;
    this.#file = file;
    this.#reader = reader;
  }

  sectionName(index: number): string {
    const names = this.#column("sectionNames");
    return this.#text(names, this.#column("sectionNamesSize"), () => this.#reader.u32(this.#header(index)));
  }

  /** sh_size and sh_addralign, as the file has them. */
  sectionSize(index: number): number {
    return this.#reader.u64(this.#header(index) + 32);
  }
  sectionAlignment(index: number): number {
    return Math.max(1, this.#reader.u64(this.#header(index) + 48));
  }

  symbolName(symbol: number): string {
    if (symbol >= this.#column("symbolCount")) return "";
    return this.#text(this.#column("strings"), this.#column("stringsSize"), () =>
      this.#reader.u32(this.#symbol(symbol)),
    );
  }

  get symbolCount(): number {
    return this.#column("symbolCount");
  }

  isDefined(symbol: number): boolean {
    return attempt(() => this.#sectionOf(symbol) !== 0) ?? false;
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
      return { section, offset: this.#reader.u64(this.#symbol(symbol) + 8) };
    });
  }

  /** A section's contents as text. */
  sectionText(index: number): string {
    const header = this.#header(index);
    return this.#reader.text(this.#reader.u64(header + 24), this.#reader.u64(header + 32));
  }

  /** The name of the relocation of a place. */
  relocationAt(section: number, offset: number): string | undefined {
    return attempt(() => {
      for (const at of this.#relocationsOf(section))
        if (this.#reader.u64(at) === offset) return relocationName(this.#reader.u32(at + 8));
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
        if ((this.#reader.u8(at + 4) & 15) !== STT_FUNC) continue;
        const section = this.#sectionOf(i);
        const begin = this.#reader.u64(at + 8);
        const ranges = functions.get(section) ?? [];
        if (ranges.length === 0) functions.set(section, ranges);
        ranges.push({ begin, end: begin + this.#reader.u64(at + 16), symbol: i });
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
    const header = this.#header(index);
    let bytes = this.#reader.bytes(this.#reader.u64(header + 24), this.#reader.u64(header + 32));
    if (this.#reader.u64(header + 8) & SHF_COMPRESSED) bytes = this.#uncompress(bytes, this.#reader.u64(header + 24));
    const references = new Map<number, DebugReference>();
    for (const at of this.#relocationsOf(index)) {
      const symbol = this.#reader.u32(at + 12);
      if (symbol >= this.#column("symbolCount")) continue;
      const value = this.#reader.u64(this.#symbol(symbol) + 8);
      references.set(this.#reader.u64(at), {
        section: this.#sectionOf(symbol),
        offset: value + this.#reader.i64(at + 16),
      });
    }
    return { bytes, references };
  }

  /** What follows an Elf64_Chdr (gABI ch. 4, Compression). */
  #uncompress(bytes: Uint8Array, offset: number): Uint8Array {
    const type = this.#reader.u32(offset);
    const size = this.#reader.u64(offset + 8);
    if (bytes.length < CHDR || size > MAX_DEBUG_SIZE) throw this.#reader.error(offset, "corrupt compressed section");
    // Loaded here, because a link that succeeds needs none of it. Node 20 has no zstd.
    const zlib = process.getBuiltinModule("node:zlib") as Pick<typeof Zlib, "inflateSync"> & {
      readonly zstdDecompressSync?: typeof Zlib.inflateSync;
    };
    const uncompress =
      type === ELFCOMPRESS_ZLIB ? zlib.inflateSync : type === ELFCOMPRESS_ZSTD ? zlib.zstdDecompressSync : undefined;
    if (uncompress === undefined) throw this.#reader.error(offset, `compression type ${type}`);
    try {
      return uncompress(bytes.subarray(CHDR), { maxOutputLength: Math.max(1, size) });
    } catch (error) {
      throw this.#reader.error(offset, `corrupt compressed section: ${String(error)}`);
    }
  }

  /** Offsets in the file of the relocations of a section. */
  *#relocationsOf(section: number): Generator<number> {
    for (let i = 1; i < this.#column("sectionCount"); i++) {
      const header = this.#header(i);
      if (this.#reader.u32(header + 4) !== SHT_RELA || this.#reader.u32(header + 44) !== section) continue;
      const begin = this.#reader.u64(header + 24);
      const end = begin + this.#reader.u64(header + 32);
      for (let at = begin; at + RELA <= end; at += RELA) yield at;
    }
  }

  /** Index of the section that a symbol is in; 0 or a reserved index for one that is in none. */
  #sectionOf(symbol: number): number {
    const index = this.#reader.u16(this.#symbol(symbol) + 6);
    if (index !== SHN_XINDEX) return index;
    const indices = this.#column("sectionIndices");
    return indices === 0 ? 0 : this.#reader.u32(indices + symbol * 4);
  }

  #header(section: number): number {
    return this.#column("sectionHeaders") + section * SHDR;
  }

  #symbol(symbol: number): number {
    return this.#column("symbols") + symbol * SYM;
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
