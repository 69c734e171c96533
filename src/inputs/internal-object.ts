/**
 * The object file that the linker itself contributes: symbols that it defines (`_end`, `__ehdr_start`), and
 * names that the command line refers to (`-u`, the entry). It is an ordinary ELF object in the arena, the
 * last input, so that no pass needs another way to look at these names.
 */
import { SHN_ABS, STB_GLOBAL, STB_WEAK, STT_OBJECT } from "../elf/constants.ts";
import { Elf64_Sym } from "../elf/records.ts";
import type { Arena } from "../staging/index.ts";
import { type ObjectSymbol, writeObject, writeSymbol } from "./arena-object.ts";

/** How a name is mentioned. */
export type Mention =
  /** Looked for in archives too; no error when nothing defines it. */
  | "reference"
  /** Looked for only where it is. */
  | "weak reference"
  /** Defined unless an input does; the value comes with layout, and moves with the image. */
  | "definition"
  /** Defined by the command line, before any input. */
  | "strong definition"
  /** Absolute and 0, beside what the inputs define: the name of a version. */
  | "version";

/**
 * st_shndx of definitions that move with the image, unlike those that are absolute. Which section of the output they
 * belong to is in the table linkerSymbol: the object has none of it.
 */
const SOMEWHERE = 1;

export class InternalObject {
  readonly address: number;
  readonly size: number;
  /** Symbols that the object has from the start, the null symbol among them. */
  readonly symbolCount: number;
  readonly #symbols: DataView;
  readonly #spareSymbols: () => DataView;
  #spareView: DataView | undefined;
  readonly #indices = new Map<string, number>();
  /** Symbols with room in the table, whose names the link finds out later. */
  readonly #spare: number;
  #used: number;

  /** @param spare how many symbols may be added once the mentioned names are known */
  constructor(arena: Arena, mentions: ReadonlyMap<string, Mention>, spare: number) {
    const symbols = [...mentions].map(([name, mention]): ObjectSymbol => {
      const isWeak = mention === "weak reference" || mention === "definition";
      if (mention === "version") return { name, binding: STB_GLOBAL, type: STT_OBJECT, section: SHN_ABS };
      const isDefined = mention === "definition" || mention === "strong definition";
      return { name, binding: isWeak ? STB_WEAK : STB_GLOBAL, section: isDefined ? SOMEWHERE : 0 };
    });
    const object = writeObject(arena, [], symbols, spare);
    this.address = object.address;
    this.size = object.size;
    this.#symbols = object.symbols;
    this.#spareSymbols = object.spareSymbols;
    this.#spare = spare;
    this.symbolCount = this.#used = 1 + symbols.length;
    for (const [i, { name }] of symbols.entries()) this.#indices.set(name, 1 + i);
  }

  /** Names that the object defines or may be given a value for. */
  get names(): IterableIterator<string> {
    return this.#indices.keys();
  }

  indexOf(name: string): number | undefined {
    return this.#indices.get(name);
  }

  /** Defines one more symbol, which may be exported. Returns its index, or undefined when there is no room. */
  add(name: string): number | undefined {
    if (this.#used >= this.symbolCount + this.#spare) return undefined;
    const index = this.#used++;
    this.#indices.set(name, index);
    const [view, row] = this.#place(index);
    writeSymbol(view, row, { binding: STB_GLOBAL, section: SOMEWHERE }, 0);
    return index;
  }

  get usedSymbols(): number {
    return this.#used;
  }

  /** STT_FUNC and the like, for a name that stands for another symbol. */
  setType(name: string, type: number): void {
    const index = this.#indices.get(name);
    if (index === undefined) return;
    const [view, row] = this.#place(index);
    const at = row * Elf64_Sym.sizeof + Elf64_Sym.st_info;
    view.setUint8(at, (view.getUint8(at) & 0xf0) | type);
  }

  /** Makes a definition that was not needed at first one like any other: what PROVIDE defines. */
  makeGlobal(name: string): void {
    const index = this.#indices.get(name);
    if (index === undefined) return;
    const [view, row] = this.#place(index);
    const at = row * Elf64_Sym.sizeof + Elf64_Sym.st_info;
    view.setUint8(at, (view.getUint8(at) & 0x0f) | (STB_GLOBAL << 4));
  }

  /** Gives a definition its value. An absolute one does not move with the image. Returns its index. */
  define(name: string, value: number | bigint, isAbsolute = false): number {
    const index = this.#indices.get(name)!;
    const [view, row] = this.#place(index);
    const at = row * Elf64_Sym.sizeof;
    view.setUint16(at + Elf64_Sym.st_shndx, isAbsolute ? SHN_ABS : SOMEWHERE, true);
    view.setBigUint64(at + Elf64_Sym.st_value, BigInt.asUintN(64, BigInt(value)), true);
    return index;
  }

  /** Where a symbol is: a view, and its row there. */
  #place(index: number): [DataView, number] {
    if (index < this.symbolCount) return [this.#symbols, index];
    return [(this.#spareView ??= this.#spareSymbols()), index - this.symbolCount];
  }
}
