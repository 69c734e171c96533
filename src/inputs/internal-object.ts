/**
 * The object file that the linker itself contributes: symbols that it defines (`_end`, `__ehdr_start`), and
 * names that the command line refers to (`-u`, the entry). It is an ordinary ELF object in the arena, the
 * last input, so that no pass needs another way to look at these names.
 */
import { ELFCLASS64, ELFDATA2LSB, EM_X86_64, ET_REL, SHN_ABS, SHT_STRTAB, SHT_SYMTAB } from "../elf/constants.ts";
import { Elf64_Ehdr, Elf64_Shdr, Elf64_Sym } from "../elf/records.ts";
import type { Arena } from "../staging/index.ts";

const SECTIONS = 3;
const SYMBOLS_OFFSET = Elf64_Ehdr.sizeof + SECTIONS * Elf64_Shdr.sizeof;
const STB_GLOBAL = 1 << 4;
const STB_WEAK = 2 << 4;

/** How a name is mentioned. */
export type Mention =
  /** Looked for in archives too; no error when nothing defines it. */
  | "reference"
  /** Looked for only where it is. */
  | "weak reference"
  /** Defined unless an input does; the value comes with layout, and moves with the image. */
  | "definition"
  /** Defined by the command line, before any input. */
  | "strong definition";

export class InternalObject {
  readonly address: number;
  readonly size: number;
  /** Symbols that the object has from the start, the null symbol among them. */
  readonly symbolCount: number;
  readonly #view: DataView;
  readonly #indices = new Map<string, number>();
  /** Symbols with room in the table, whose names the link finds out later. */
  readonly #spare: number;
  #used: number;

  /** @param spare how many symbols may be added once the mentioned names are known */
  constructor(arena: Arena, mentions: ReadonlyMap<string, Mention>, spare: number) {
    const names = [...mentions.keys()].map((name) => Buffer.from(name));
    const sectionNames = Buffer.from("\0.symtab\0.strtab\0");
    const stringBytes = names.reduce((sum, name) => sum + name.length + 1, sectionNames.length);
    const count = 1 + names.length;
    const stringsOffset = SYMBOLS_OFFSET + (count + spare) * Elf64_Sym.sizeof;
    this.size = stringsOffset + stringBytes;
    const offset = arena.allocate(this.size, 16);
    this.address = arena.baseAddress + offset;
    const bytes = arena.u8view(offset, this.size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = view;
    this.#spare = spare;
    this.#used = count;
    this.symbolCount = count;

    bytes.set([0x7f, 0x45, 0x4c, 0x46, ELFCLASS64, ELFDATA2LSB, 1]);
    view.setUint16(Elf64_Ehdr.e_type, ET_REL, true);
    view.setUint16(Elf64_Ehdr.e_machine, EM_X86_64, true);
    view.setUint32(Elf64_Ehdr.e_version, 1, true);
    view.setBigUint64(Elf64_Ehdr.e_shoff, BigInt(Elf64_Ehdr.sizeof), true);
    view.setUint16(Elf64_Ehdr.e_ehsize, Elf64_Ehdr.sizeof, true);
    view.setUint16(Elf64_Ehdr.e_shentsize, Elf64_Shdr.sizeof, true);
    view.setUint16(Elf64_Ehdr.e_shnum, SECTIONS, true);
    view.setUint16(Elf64_Ehdr.e_shstrndx, 2, true);
    const section = (
      index: number,
      name: number,
      type: number,
      at: number,
      size: number,
      link: number,
      info: number,
      entsize: number,
    ) => {
      const base = Elf64_Ehdr.sizeof + index * Elf64_Shdr.sizeof;
      view.setUint32(base + Elf64_Shdr.sh_name, name, true);
      view.setUint32(base + Elf64_Shdr.sh_type, type, true);
      view.setBigUint64(base + Elf64_Shdr.sh_offset, BigInt(at), true);
      view.setBigUint64(base + Elf64_Shdr.sh_size, BigInt(size), true);
      view.setUint32(base + Elf64_Shdr.sh_link, link, true);
      view.setUint32(base + Elf64_Shdr.sh_info, info, true);
      view.setBigUint64(base + Elf64_Shdr.sh_addralign, 1n, true);
      view.setBigUint64(base + Elf64_Shdr.sh_entsize, BigInt(entsize), true);
    };
    section(1, 1, SHT_SYMTAB, SYMBOLS_OFFSET, count * Elf64_Sym.sizeof, 2, 1, Elf64_Sym.sizeof);
    section(2, 9, SHT_STRTAB, stringsOffset, stringBytes, 0, 0, 0);
    bytes.set(sectionNames, stringsOffset);
    let string = sectionNames.length;
    for (const [i, [name, mention]] of [...mentions].entries()) {
      const index = 1 + i;
      this.#indices.set(name, index);
      bytes.set(names[i], stringsOffset + string);
      const isWeak = mention === "weak reference" || mention === "definition";
      const isDefined = mention === "definition" || mention === "strong definition";
      this.#write(index, string, isWeak ? STB_WEAK : STB_GLOBAL, isDefined ? 1 : 0);
      string += names[i].length + 1;
    }
  }

  /** Names that the object defines or may be given a value for. */
  get names(): IterableIterator<string> {
    return this.#indices.keys();
  }

  indexOf(name: string): number | undefined {
    return this.#indices.get(name);
  }

  /** Defines one more symbol, weakly. Returns its index, or undefined when there is no room. */
  add(name: string): number | undefined {
    if (this.#used >= this.symbolCount + this.#spare) return undefined;
    const index = this.#used++;
    this.#indices.set(name, index);
    this.#write(index, 0, STB_WEAK, 1);
    return index;
  }

  get usedSymbols(): number {
    return this.#used;
  }

  /**
   * Gives a definition its address, and the header index of the output section that it is in. An absolute
   * value does not move with the image.
   */
  define(name: string, value: number, sectionIndex: number, isAbsolute = false): void {
    const index = this.#indices.get(name);
    if (index === undefined) return;
    const at = SYMBOLS_OFFSET + index * Elf64_Sym.sizeof;
    this.#view.setUint16(at + Elf64_Sym.st_shndx, isAbsolute ? SHN_ABS : 1, true);
    this.#view.setBigUint64(at + Elf64_Sym.st_value, BigInt.asUintN(64, BigInt(value)), true);
    this.#view.setBigUint64(at + Elf64_Sym.st_size, BigInt(sectionIndex), true);
  }

  #write(index: number, name: number, binding: number, section: number): void {
    const at = SYMBOLS_OFFSET + index * Elf64_Sym.sizeof;
    this.#view.setUint32(at + Elf64_Sym.st_name, name, true);
    this.#view.setUint8(at + Elf64_Sym.st_info, binding);
    this.#view.setUint16(at + Elf64_Sym.st_shndx, section, true);
  }
}
