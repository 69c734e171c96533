/** What an output has at an address, in words that do not depend on where its linker has put things. */
import { relocations as relocationTypes } from "../../src/targets/x86-64-relocations.ts";

interface Section {
  readonly name: string;
  readonly type: number;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
}

export interface ImageSymbol {
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  readonly type: number;
  readonly section: number;
}

interface DynamicRelocation {
  readonly type: string;
  readonly symbol: string;
  readonly addend: bigint;
}

const SHT_SYMTAB = 2;
const SHT_RELA = 4;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const SHT_RELR = 19;
const PT_TLS = 7;
const STT_TLS = 6;
/** A distance from a symbol that is still its own: addends, and places beside fields. */
const NEAR = 64n;

const typeNames = new Map<number, string>(Object.entries(relocationTypes).map(([name, { number }]) => [number, name]));

export class LinkedImage {
  readonly #bytes: Buffer;
  readonly #sections: readonly Section[];
  readonly #symbols: ReadonlyMap<string, ImageSymbol>;
  readonly #dynamicSymbols: readonly ImageSymbol[];
  readonly #dynamic = new Map<bigint, DynamicRelocation>();
  readonly #gotBase: bigint;
  readonly #tls: { readonly begin: bigint; readonly end: bigint } = { begin: 0n, end: 0n };

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#sections = this.#readSections();
    const tables = (type: number) =>
      this.#sections.filter((section) => section.type === type).flatMap((section) => this.#readSymbols(section));
    this.#symbols = new Map(tables(SHT_SYMTAB).map((symbol) => [symbol.name, symbol]));
    this.#dynamicSymbols = tables(SHT_DYNSYM);
    for (const section of this.#sections) {
      if (section.type === SHT_RELA && section.address !== 0n) this.#readRela(section);
      if (section.type === SHT_RELR) this.#readRelr(section);
    }
    const base =
      this.#sections.find(({ name }) => name === ".got.plt") ?? this.#sections.find(({ name }) => name === ".got");
    this.#gotBase = base?.address ?? 0n;
    const programHeaders = Number(bytes.readBigUInt64LE(32));
    for (let i = 0; i < bytes.readUInt16LE(56); i++) {
      const at = programHeaders + i * 56;
      if (bytes.readUInt32LE(at) !== PT_TLS) continue;
      const [begin, size, alignment] = [16, 40, 48].map((field) => bytes.readBigUInt64LE(at + field));
      this.#tls = { begin, end: ((begin + size + alignment - 1n) / alignment) * alignment };
    }
  }

  symbol(name: string): ImageSymbol | undefined {
    return this.#symbols.get(name);
  }

  /** The bytes at an address; zeros where the file has none. */
  bytesAt(address: bigint, size: number): Buffer {
    const section = this.#sectionAt(address);
    if (section === undefined || section.type === SHT_NOBITS) return Buffer.alloc(size);
    const at = section.offset + Number(address - section.address);
    return this.#bytes.subarray(at, at + size);
  }

  /**
   * All that the field at `place` may stand for: of the symbol `name`, of its slots, of its PLT entry. Two links agree
   * when they have one in common.
   */
  meanings(place: bigint, size: 1 | 2 | 4 | 8, name: string, addend: bigint): ReadonlySet<string> {
    const dynamic = this.#dynamic.get(place);
    if (dynamic !== undefined) return new Set([this.#dynamicMeaning(dynamic, name)]);
    const bytes = this.bytesAt(place, size);
    const value = BigInt.asIntN(size * 8, size === 8 ? bytes.readBigInt64LE(0) : BigInt(bytes.readIntLE(0, size)));
    const found = new Set<string>();
    const add = (from: string, meaning: string | undefined): unknown => meaning && found.add(`${from}${meaning}`);
    const wrapped = size === 8 ? value : BigInt.asUintN(size * 8, value);
    add("", this.#addressMeaning(value, name, addend) ?? this.#addressMeaning(wrapped, name, addend));
    add("from here to ", this.#addressMeaning(value + place, name, addend));
    add("from the GOT to ", this.#addressMeaning(value + this.#gotBase, name, addend));
    const symbol = this.#symbols.get(name);
    const near = (what: string, base: bigint): unknown =>
      value - base < NEAR && base - value < NEAR && found.add(`${what} + ${value - base}`);
    if (symbol !== undefined && symbol.size > NEAR) near("size", symbol.size);
    if (symbol?.type === STT_TLS) {
      near("offset in TLS block", symbol.value);
      near("offset from thread pointer", symbol.value + this.#tls.begin - this.#tls.end);
    }
    near("constant", 0n);
    return found;
  }

  /** What a near address is; nothing when it is nothing of the symbol's. */
  #addressMeaning(address: bigint, name: string, addend: bigint): string | undefined {
    const symbol = this.#symbols.get(name);
    const exact = address - addend;
    if (exact === 0n) return "null";
    const section = this.#sectionAt(exact);
    if (section?.name.startsWith(".plt") || section?.name === ".iplt") return this.#pltMeaning(exact, name);
    if (section?.name === ".got" || section?.name === ".got.plt") {
      if (exact === this.#gotBase) return "the GOT";
      return `slot (${this.#slotMeaning(exact, name)})`;
    }
    const copied = this.#dynamic.get(symbol?.value ?? -1n);
    if (symbol === undefined || symbol.type === STT_TLS || symbol.value === 0n) return undefined;
    const distance = address - symbol.value;
    if (distance > NEAR || distance < -NEAR) return undefined;
    return copied?.type === "R_X86_64_COPY" && copied.symbol === name ? `copy + ${distance}` : `S + ${distance}`;
  }

  #dynamicMeaning({ type, symbol, addend }: DynamicRelocation, name: string): string {
    if (symbol !== "") return `${type} ${symbol} + ${addend}`;
    switch (type) {
      case "R_X86_64_RELATIVE":
        return `R_X86_64_RELATIVE ${this.#addressMeaning(addend, name, 0n) ?? (addend < NEAR ? addend : "?")}`;
      case "R_X86_64_IRELATIVE":
        return "R_X86_64_IRELATIVE";
      case "R_X86_64_TPOFF64":
      case "R_X86_64_TLSDESC":
        return `${type} TLS block + ${addend - (this.#symbols.get(name)?.value ?? 0n)}`;
      default:
        return `${type} + ${addend}`;
    }
  }

  #slotMeaning(slot: bigint, name: string): string {
    const dynamic = this.#dynamic.get(slot);
    const content = this.bytesAt(slot, 8).readBigInt64LE(0);
    const next = this.#dynamic.get(slot + 8n);
    // A pair for __tls_get_addr(): an executable is always module 1, whoever writes that.
    if (dynamic?.type === "R_X86_64_DTPMOD64" || (content === 1n && dynamic === undefined)) {
      const offset = this.bytesAt(slot + 8n, 8).readBigInt64LE(0) - (this.#symbols.get(name)?.value ?? 0n);
      const second = next?.type === "R_X86_64_DTPOFF64" ? `of ${next.symbol}` : offset === 0n ? "of S" : "";
      return `module ${dynamic?.symbol ?? ""} ${second}`.trim();
    }
    if (dynamic !== undefined) return this.#dynamicMeaning(dynamic, name).replace("R_X86_64_RELATIVE ", "");
    const symbol = this.#symbols.get(name);
    if (symbol?.type === STT_TLS && content - symbol.value - this.#tls.begin + this.#tls.end === 0n) return "tp offset";
    return content === 0n ? "null" : (this.#addressMeaning(content, name, 0n) ?? "?");
  }

  /** By the slot that the entry jumps through: after endbr64, or not; bnd, or not. */
  #pltMeaning(entry: bigint, name: string): string {
    const code = this.bytesAt(entry, 16);
    const jump = code.indexOf(Buffer.from([0xff, 0x25]));
    if (jump < 0 || jump > 10) return "PLT ?";
    const slot = entry + BigInt(jump) + 6n + BigInt(code.readInt32LE(jump + 2));
    const dynamic = this.#dynamic.get(slot);
    const canonical = this.#dynamicSymbols.find((symbol) => symbol.name === dynamic?.symbol && symbol.section === 0);
    const isCanonical = canonical !== undefined && canonical.value !== 0n;
    const meaning = dynamic === undefined ? this.#slotMeaning(slot, name) : dynamic.symbol || dynamic.type;
    return `PLT (${meaning}${isCanonical ? ", canonical" : ""})`;
  }

  #sectionAt(address: bigint): Section | undefined {
    return this.#sections.find(
      (section) =>
        section.address !== 0n && address >= section.address && address < section.address + BigInt(section.size),
    );
  }

  #readSections(): Section[] {
    const bytes = this.#bytes;
    const headers = Number(bytes.readBigUInt64LE(40));
    const count = bytes.readUInt16LE(60);
    const field = (index: number, at: number): number => Number(bytes.readBigUInt64LE(headers + index * 64 + at));
    const names = field(bytes.readUInt16LE(62), 24);
    return Array.from({ length: count }, (_, index) => {
      const name = names + bytes.readUInt32LE(headers + index * 64);
      return {
        name: bytes.toString("latin1", name, bytes.indexOf(0, name)),
        type: bytes.readUInt32LE(headers + index * 64 + 4),
        address: BigInt(field(index, 16)),
        offset: field(index, 24),
        size: field(index, 32),
      };
    });
  }

  #readSymbols({ offset, size, name }: Section): ImageSymbol[] {
    const bytes = this.#bytes;
    const strings = this.#sections.find((section) => section.name === (name === ".dynsym" ? ".dynstr" : ".strtab"))!;
    return Array.from({ length: size / 24 }, (_, row) => {
      const at = offset + row * 24;
      const text = strings.offset + bytes.readUInt32LE(at);
      return {
        name: bytes.toString("latin1", text, bytes.indexOf(0, text)),
        type: bytes[at + 4] & 15,
        section: bytes.readUInt16LE(at + 6),
        value: bytes.readBigUInt64LE(at + 8),
        size: bytes.readBigUInt64LE(at + 16),
      };
    });
  }

  #readRela({ offset, size }: Section): void {
    for (let at = offset; at < offset + size; at += 24) {
      const type = this.#bytes.readUInt32LE(at + 8);
      this.#dynamic.set(this.#bytes.readBigUInt64LE(at), {
        type: typeNames.get(type) ?? String(type),
        symbol: this.#dynamicSymbols[this.#bytes.readUInt32LE(at + 12)]?.name ?? "",
        addend: this.#bytes.readBigInt64LE(at + 16),
      });
    }
  }

  #readRelr({ offset, size }: Section): void {
    let next = 0n;
    const add = (place: bigint): unknown =>
      this.#dynamic.set(place, {
        type: "R_X86_64_RELATIVE",
        symbol: "",
        addend: this.bytesAt(place, 8).readBigInt64LE(0),
      });
    for (let at = offset; at < offset + size; at += 8) {
      const word = this.#bytes.readBigUInt64LE(at);
      if ((word & 1n) === 0n) {
        add(word);
        next = word + 8n;
      } else {
        for (let bit = 0n; bit < 63n; bit++) if ((word >> (bit + 1n)) & 1n) add(next + bit * 8n);
        next += 63n * 8n;
      }
    }
  }
}
