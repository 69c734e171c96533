/** .dynstr: the part that TypeScript decides, which comes first: names of libraries, versions and search paths. */
import { SHF_ALLOC, SHT_STRTAB } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

export class DynamicStrings {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #parts: Buffer[] = [Buffer.from([0])];
  #size = 1;

  /** Offset of a string, which is added when it is new. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`);
    const offset = this.#size;
    this.#offsets.set(text, offset);
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return offset;
  }

  get size(): number {
    return this.#size;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}

/** Bytes of .dynstr with the symbols' names. */
export function dynstrSize(strings: DynamicStrings, symbolNames: number): number {
  return strings.size + symbolNames;
}

/** What .dynamic names is added before layout asks for its size; the symbols' names come after it, by kernel. */
export function dynstrSection(strings: DynamicStrings): OwnSection {
  return { id: "dynstr", type: SHT_STRTAB, flags: SHF_ALLOC, alignment: 1, contents: () => strings.bytes() };
}
