/** Writes one object of a generated program: functions made of a few instructions each, data, and what they refer to. */
import { addCie, addFde } from "../../bench/workloads/x86-64-code.ts";
import { relocations } from "../../src/targets/x86-64-relocations.ts";
import {
  Bytes,
  type GroupHandle,
  ObjectWriter,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHT_NOBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STT_TLS,
  type SymbolHandle,
} from "../harness/elf-writer.ts";

export type RelocationName = keyof typeof relocations;

/** A field of code or data, and what is stored there. */
export interface Fixup {
  readonly offset: number;
  readonly type: RelocationName;
  readonly symbol: string;
  readonly addend: number;
}

export interface Definition {
  readonly name: string;
  readonly binding?: number;
  readonly type?: number;
  readonly visibility?: number;
  readonly size?: number;
}

/** Code of one function, as it grows. What it computes is in %rbx: each value that it looks at changes all of it. */
export class Code {
  readonly bytes = new Bytes(128);
  readonly fixups: Fixup[] = [];

  constructor() {
    this.bytes.u8(0x53, 0x31, 0xdb); // push %rbx; xor %ebx, %ebx
  }

  /** Bytes, and then a field of 4 or 8 bytes. */
  use(opcode: readonly number[], type: RelocationName, symbol: string, addend: number): void {
    this.bytes.u8(...opcode);
    this.fixups.push({ offset: this.bytes.size, type, symbol, addend });
    if (relocations[type].field === "word64") this.bytes.u64(0);
    else this.bytes.u32(0);
  }

  emit(...bytes: readonly number[]): void {
    this.bytes.u8(...bytes);
  }

  /** %rbx = %rbx * 31 + %rax. */
  observe(): void {
    this.bytes.u8(0x48, 0x6b, 0xdb, 31, 0x48, 0x01, 0xc3);
  }

  end(): void {
    this.bytes.u8(0x48, 0x89, 0xd8, 0x5b, 0xc3); // mov %rbx, %rax; pop %rbx; ret
  }
}

export class ObjectBuilder {
  readonly #name: string;
  readonly #writer: ObjectWriter;
  readonly #symbols = new Map<string, SymbolHandle>();
  readonly #pending: { readonly section: number; readonly base: number; readonly fixups: readonly Fixup[] }[] = [];
  readonly #frames = new Bytes(256);
  readonly #frameFixups: { readonly offset: number; readonly section: number; readonly begin: number }[] = [];
  readonly #weak = new Set<string>();
  readonly #hidden = new Set<string>();
  #locals = 0;

  constructor(name: string) {
    this.#name = name;
    this.#writer = new ObjectWriter(name);
  }

  /** References to these names are weak. */
  referWeakly(name: string): void {
    this.#weak.add(name);
  }

  /** References to these names are hidden: what defines them is in the same output. */
  referHidden(name: string): void {
    this.#hidden.add(name);
  }

  /** A COMDAT group that is called after the symbol that is defined next. */
  group(): GroupHandle {
    return this.#writer.addGroup(this.#writer.nextGlobal);
  }

  code(section: string, code: Code, definitions: readonly Definition[], group?: GroupHandle, hasFrame = true): void {
    code.end();
    const contents = code.bytes.done();
    const index = this.#writer.addSection({
      name: section,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      contents,
      alignment: 16,
      ...(group === undefined ? {} : { group }),
    });
    for (const definition of definitions)
      this.#define({ type: STT_FUNC, size: contents.length, ...definition }, index, 0);
    this.#pending.push({ section: index, base: 0, fixups: code.fixups });
    if (!hasFrame || group !== undefined) return;
    if (this.#frames.size === 0) addCie(this.#frames);
    this.#frameFixups.push({ offset: this.#frames.size + 8, section: index, begin: 0 });
    addFde(this.#frames, contents.length);
  }

  data(
    section: { readonly name: string; readonly flags: number; readonly type?: number; readonly alignment?: number },
    contents: Uint8Array,
    fixups: readonly Fixup[],
    definitions: readonly Definition[],
    group?: GroupHandle,
  ): number {
    const isZero = section.type === SHT_NOBITS;
    const index = this.#writer.addSection({
      alignment: 8,
      ...section,
      ...(isZero ? { size: contents.length } : { contents }),
      ...(group === undefined ? {} : { group }),
    });
    const isThreadLocal = (section.flags & 0x400) !== 0;
    for (const definition of definitions)
      this.#define({ type: isThreadLocal ? STT_TLS : STT_OBJECT, size: contents.length, ...definition }, index, 0);
    this.#pending.push({ section: index, base: 0, fixups });
    return index;
  }

  /** A word of data of this object only that holds an address. Returns the name to load it by. */
  pointer(section: { readonly name: string; readonly flags: number }, symbol: string, addend: number): string {
    const name = `pointer${this.#locals++}_of_${this.#name}`;
    this.data(
      section,
      new Uint8Array(8),
      [{ offset: 0, type: "R_X86_64_64", symbol, addend }],
      [{ name, binding: STB_LOCAL }],
    );
    return name;
  }

  /** A mergeable string or constant. Returns the name to load it by, which linkers forget. */
  mergeable(name: string, contents: Uint8Array, entrySize: number, isText: boolean): string {
    const index = this.#writer.addSection({
      name,
      flags: SHF_ALLOC | SHF_MERGE | (isText ? SHF_STRINGS : 0),
      contents,
      entrySize,
      alignment: isText ? 1 : entrySize,
    });
    const local = `.LC${this.#locals++}`;
    this.#define({ name: local, binding: STB_LOCAL, type: STT_NOTYPE }, index, 0);
    return local;
  }

  common({ name, visibility = 0 }: Definition, size: number, alignment: number): void {
    const handle = this.#writer.addSymbol({
      name,
      binding: STB_GLOBAL,
      type: STT_OBJECT,
      section: "common",
      value: alignment,
      size,
      visibility,
    });
    this.#symbols.set(name, handle);
  }

  absolute(name: string, value: number): void {
    this.#symbols.set(
      name,
      this.#writer.addSymbol({ name, binding: STB_GLOBAL, type: STT_NOTYPE, section: "absolute", value }),
    );
  }

  write(): Buffer {
    if (this.#frames.size > 0) {
      const index = this.#writer.addSection({
        name: ".eh_frame",
        flags: SHF_ALLOC,
        contents: this.#frames.done(),
        alignment: 8,
      });
      for (const { offset, section, begin } of this.#frameFixups)
        this.#writer.addRelocation(
          index,
          offset,
          relocations.R_X86_64_PC32.number,
          this.#writer.sectionSymbol(section),
          begin,
        );
    }
    for (const { section, base, fixups } of this.#pending)
      for (const { offset, type, symbol, addend } of fixups)
        this.#writer.addRelocation(
          section,
          base + offset,
          relocations[type].number,
          this.#reference(symbol, type),
          addend,
        );
    this.#writer.addSection({ name: ".note.GNU-stack", flags: 0, contents: new Uint8Array(0) });
    return this.#writer.write();
  }

  #define(
    { name, binding = STB_GLOBAL, type = STT_NOTYPE, visibility = 0, size = 0 }: Definition,
    section: number,
    value: number,
  ): void {
    const handle = this.#writer.addSymbol({ name, binding, type, section, value, size, visibility });
    this.#symbols.set(name, handle);
  }

  #reference(name: string, type: RelocationName): SymbolHandle {
    let handle = this.#symbols.get(name);
    if (handle === undefined) {
      const isThreadLocal = /TLS|TPOFF|DTPOFF/.test(type);
      handle = this.#writer.addSymbol({
        name,
        binding: this.#weak.has(name) ? STB_WEAK : STB_GLOBAL,
        type: isThreadLocal ? STT_TLS : STT_NOTYPE,
        visibility: this.#hidden.has(name) ? 2 : 0,
      });
      this.#symbols.set(name, handle);
    }
    return handle;
  }
}
