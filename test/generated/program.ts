/**
 * A program that a seed determines: objects with functions and data of many sorts that refer to each other in every
 * way that the kind of output allows. Its functions compute one number from all that they look at, so that a wrong
 * address, offset or choice of a definition changes what is printed, or crashes.
 */
import {
  SHF_ALLOC,
  SHF_TLS,
  SHF_WRITE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_GNU_IFUNC,
  STV_DEFAULT,
  STV_HIDDEN,
  STV_PROTECTED,
} from "../harness/elf-writer.ts";
import { Random } from "../fuzz/random.ts";
import { Code, type Definition, ObjectBuilder } from "./object-builder.ts";

export const features = [
  "weak",
  "comdat",
  "common",
  "visibility",
  "tls",
  "ifunc",
  "archives",
  "libraries",
  "sections",
  "aliases",
  "absolute",
  "initArrays",
  "mergeable",
  "gc",
  "wrap",
  "defsym",
  "symbolic",
  "asNeeded",
  "hashStyle",
  "relr",
  "bounds",
  "versions",
  "pointers",
  "weakUndefined",
  "copies",
  "strip",
  "bindNow",
  "exportAll",
] as const;
export type Feature = (typeof features)[number];

export const kinds = ["static", "static-pie", "no-pie", "pie", "shared"] as const;
export type Kind = (typeof kinds)[number];

type Sort = "function" | "ifunc" | "data" | "tls" | "common" | "absolute";

interface Symbol {
  readonly name: string;
  readonly sort: Sort;
  /** The object that defines it. */
  readonly object: number;
  readonly binding: number;
  visibility: number;
  readonly section: string;
  readonly value: number;
  /** Of data: words. */
  readonly words: number;
  readonly aliases: readonly string[];
  /** Definitions in other objects that lose: weak ones, or those of a group. */
  readonly losers: readonly { readonly object: number; readonly value: number }[];
  readonly isGroup: boolean;
  /** In the libraries' version script; empty for none. */
  readonly version: string;
  /** Functions and data that it looks at. */
  readonly references: Symbol[];
}

interface PlannedObject {
  readonly name: string;
  /** 0 of the program, else of a library. */
  readonly unit: number;
  readonly archive: string | undefined;
}

export interface Plan {
  readonly seed: number;
  readonly enabled: ReadonlySet<Feature>;
  readonly objects: readonly PlannedObject[];
  readonly symbols: readonly Symbol[];
  readonly libraries: number;
}

/** What a program is reduced to when it fails. */
export interface Limits {
  readonly objects: number;
  readonly symbols: number;
  readonly without: readonly Feature[];
}

export const noLimits: Limits = { objects: 9, symbols: 26, without: [] };

const dataSections = [
  ".data",
  ".data.x",
  ".bss",
  ".rodata",
  ".data.rel.ro",
  ".data.rel.ro.local",
  ".sdata",
  ".rodata.y",
];
const oddSections = [
  "odd_data",
  "odd bytes",
  ".odd.data",
  "étoile",
  ".ldata2",
  "set_of_things",
  ".data1",
  ".bss.z",
  ".dynbss2",
];
const codeSections = [
  ".text",
  ".text.hot.a",
  ".text.unlikely.b",
  ".text.startup.c",
  "odd_code",
  ".text.q",
  ".init_code",
];

export function planProgram(seed: number, limits: Limits = noLimits): Plan {
  const random = new Random(seed);
  const enabled = new Set(features.filter((feature) => random.next() < 0.55 && !limits.without.includes(feature)));
  const has = (feature: Feature): boolean => enabled.has(feature);
  const libraries = has("libraries") ? 1 + random.below(2) : 0;
  const count = Math.min(limits.objects, 3 + random.below(7));
  const objects = Array.from({ length: count }, (_, i): PlannedObject => {
    const unit = i > 0 && libraries > 0 && random.next() < 0.4 ? 1 + random.below(libraries) : 0;
    const isMember = i > 0 && unit === 0 && has("archives") && random.next() < 0.4;
    return { name: `o${i}.o`, unit, archive: isMember ? `lib${random.pick(["x", "y"])}.a` : undefined };
  });
  const symbols: Symbol[] = [];
  const total = Math.min(limits.symbols, 6 + random.below(21));
  for (let i = 0; i < total; i++) symbols.push(planSymbol(i, random, enabled, objects));
  for (const [i, symbol] of symbols.entries()) addReferences(symbol, symbols.slice(i + 1), random, objects);
  return { seed, enabled, objects, symbols, libraries };
}

function planSymbol(
  index: number,
  random: Random,
  enabled: ReadonlySet<Feature>,
  objects: readonly PlannedObject[],
): Symbol {
  const chance = (feature: Feature, p: number): boolean => random.next() < p && enabled.has(feature);
  const sort: Sort = chance("tls", 0.2)
    ? "tls"
    : chance("common", 0.12)
      ? "common"
      : chance("ifunc", 0.12)
        ? "ifunc"
        : chance("absolute", 0.06)
          ? "absolute"
          : random.next() < 0.55
            ? "function"
            : "data";
  const object = index === 0 ? 0 : random.below(objects.length);
  const isPlain = objects[object].archive === undefined && objects[object].unit === 0;
  const canLose = isPlain && (sort === "function" || sort === "data");
  const isGroup = canLose && chance("comdat", 0.25);
  const others = objects.flatMap(({ unit, archive }, i) =>
    unit === 0 && archive === undefined && i > object ? [i] : [],
  );
  const losers =
    isGroup || (canLose && chance("weak", 0.3))
      ? others.map((other) => ({ object: other, value: random.below(1000) }))
      : [];
  const isCode = sort === "function" || sort === "ifunc";
  const names = isCode ? codeSections : dataSections;
  const visibility = chance("visibility", 0.35) ? random.pick([STV_HIDDEN, STV_PROTECTED]) : STV_DEFAULT;
  return {
    name: `${sort === "function" ? "f" : sort}${index}`,
    sort,
    object,
    binding: losers.length === 0 && chance("weak", 0.3) && sort !== "common" ? STB_WEAK : STB_GLOBAL,
    visibility,
    section: chance("sections", 0.5) ? random.pick([...names, ...(isCode ? [] : oddSections)]) : names[0],
    value: 1 + random.below(100000),
    words: 1 + random.below(4),
    aliases:
      chance("aliases", 0.3) && sort !== "common" && sort !== "absolute" && !isGroup ? [`alias_of_${index}`] : [],
    losers,
    isGroup,
    version: chance("versions", 0.6) ? random.pick(["V1", "V2"]) : "",
    references: [],
  };
}

/** Functions look at what comes after them, so that nothing calls itself. */
function addReferences(symbol: Symbol, rest: Symbol[], random: Random, objects: readonly PlannedObject[]): void {
  if (symbol.sort !== "function" || rest.length === 0) return;
  const unit = objects[symbol.object].unit;
  for (let i = 1 + random.below(4); i > 0; i--) {
    const target = random.pick(rest);
    const other = objects[target.object].unit;
    // What libraries refer to elsewhere, and the program in libraries, is visible there.
    if (other !== unit || symbol.losers.some(({ object }) => objects[object].unit !== other))
      target.visibility = STV_DEFAULT;
    symbol.references.push(target);
  }
}

export interface Built {
  /** Objects by name. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly archives: ReadonlyMap<string, readonly string[]>;
  readonly libraries: readonly {
    readonly name: string;
    readonly objects: readonly string[];
    readonly flags: readonly string[];
  }[];
  /** Objects of the program, in order, and what else is on the command line. */
  readonly objects: readonly string[];
  readonly flags: readonly string[];
}

/** Writes the objects of a plan, and says how they are linked into one kind of output. */
export function buildProgram(plan: Plan, kind: Kind): Built {
  return new ProgramBuilder(plan, kind).build();
}

class ProgramBuilder {
  readonly #plan: Plan;
  readonly #kind: Kind;
  readonly #isDynamic: boolean;
  readonly #random: Random;

  constructor(plan: Plan, kind: Kind) {
    this.#plan = plan;
    this.#kind = kind;
    this.#isDynamic = kind === "no-pie" || kind === "pie" || kind === "shared";
    this.#random = new Random(plan.seed, 1 + kinds.indexOf(kind));
  }

  build(): Built {
    const { objects, libraries } = this.#plan;
    const files = new Map<string, Buffer>();
    const archives = new Map<string, string[]>();
    const own: string[] = [];
    const ofLibrary: string[][] = Array.from({ length: libraries }, () => []);
    for (const [i, { name, unit, archive }] of objects.entries()) {
      files.set(name, this.#object(i));
      if (unit > 0 && this.#isDynamic) ofLibrary[unit - 1].push(name);
      else if (archive !== undefined) archives.set(archive, [...(archives.get(archive) ?? []), name]);
      else own.push(name);
    }
    const has = (feature: Feature): boolean => this.#plan.enabled.has(feature);
    const libraryFlags = [
      ...(has("symbolic") ? [this.#random.pick(["-Bsymbolic", "-Bsymbolic-functions"])] : []),
      ...(has("versions") ? ["--version-script=versions"] : []),
      ...this.#flags(),
    ];
    files.set("versions", Buffer.from(this.#versionScript()));
    return {
      files,
      archives,
      libraries: ofLibrary.flatMap((members, i) =>
        members.length === 0
          ? []
          : [{ name: `libd${i}.so`, objects: members, flags: [...libraryFlags, "-soname", `libd${i}.so`] }],
      ),
      objects: own,
      flags: [...this.#flags(), ...this.#programFlags()],
    };
  }

  #flags(): string[] {
    const has = (feature: Feature): boolean => this.#plan.enabled.has(feature);
    const seed = this.#plan.seed;
    return [
      ...(has("hashStyle") ? [`--hash-style=${["sysv", "gnu", "both"][seed % 3]}`] : []),
      ...(has("relr") && this.#kind !== "static" && this.#kind !== "static-pie" ? ["-z", "pack-relative-relocs"] : []),
      ...(has("gc") ? ["--gc-sections"] : []),
      ...(has("bindNow") ? ["-z", "now"] : []),
      ...(has("strip") ? [["-s", "-S", "-x", "-X"][seed % 4]] : []),
      "--build-id=none",
    ];
  }

  #programFlags(): string[] {
    const { enabled, symbols } = this.#plan;
    const flags: string[] = [];
    const wrapped = this.#wrapped();
    if (wrapped !== undefined) flags.push(`--wrap=${wrapped.name}`);
    const target = this.#defsymTarget();
    if (target !== undefined) flags.push(`--defsym=by_defsym=${target.name}`);
    if (enabled.has("exportAll") && this.#isDynamic && this.#kind !== "shared") flags.push("-E");
    if (symbols.some(({ sort }) => sort === "absolute")) flags.push("--defsym=by_number=0x1234");
    return flags;
  }

  /** A function of the program, in an object that is surely linked, that others refer to. */
  #wrapped(): Symbol | undefined {
    if (!this.#plan.enabled.has("wrap")) return undefined;
    return this.#plan.symbols.find((symbol, i) => i > 0 && symbol.sort === "function" && this.#isSurelyOwn(symbol));
  }

  #defsymTarget(): Symbol | undefined {
    if (!this.#plan.enabled.has("defsym")) return undefined;
    return this.#plan.symbols.findLast((symbol) => symbol.sort === "function" && this.#isSurelyOwn(symbol));
  }

  #isSurelyOwn({ object, isGroup, losers }: Symbol): boolean {
    const { unit, archive } = this.#plan.objects[object];
    return unit === 0 && archive === undefined && !isGroup && losers.length === 0;
  }

  #versionScript(): string {
    const versions = ["V1", "V2"].map((version) => {
      const names = this.#plan.symbols
        .filter((symbol) => symbol.version === version)
        .flatMap(({ name, aliases }) => [name, ...aliases]);
      return `${version} { ${names.length === 0 ? "" : `global: ${names.map((name) => `${name};`).join(" ")}`} }`;
    });
    return `${versions[0]};\n${versions[1]} V1;\n`;
  }

  /** Whether an object's code is for outputs that may be anywhere. */
  #isPic(object: number): boolean {
    const { unit } = this.#plan.objects[object];
    return (
      this.#kind === "pie" || this.#kind === "static-pie" || this.#isShared(object) || (unit > 0 && this.#isDynamic)
    );
  }

  /** Whether the object is in a shared object. */
  #isShared(object: number): boolean {
    return this.#isDynamic && (this.#kind === "shared" || this.#plan.objects[object].unit > 0);
  }

  #isSameOutput(a: number, b: number): boolean {
    return !this.#isDynamic || this.#plan.objects[a].unit === this.#plan.objects[b].unit;
  }

  #object(index: number): Buffer {
    const object = new ObjectBuilder(`o${index}.c`);
    const { symbols, enabled } = this.#plan;
    for (const symbol of symbols) {
      if (symbol.object === index)
        this.#define(object, index, symbol, symbol.value, symbol.isGroup ? STB_WEAK : symbol.binding);
      for (const loser of symbol.losers)
        if (loser.object === index) this.#define(object, index, symbol, loser.value, STB_WEAK);
    }
    if (index === 0) this.#defineMain(object);
    if (enabled.has("initArrays") && this.#plan.objects[index].archive === undefined) this.#defineInit(object, index);
    if (enabled.has("bounds")) {
      const contents = Buffer.alloc(8 * (1 + (index % 3)), index + 1);
      object.data({ name: "bounded", flags: SHF_ALLOC | SHF_WRITE }, contents, [], []);
    }
    return object.write();
  }

  #define(object: ObjectBuilder, index: number, symbol: Symbol, value: number, binding: number): void {
    const { name, visibility, aliases, section, words, sort } = symbol;
    const definitions: Definition[] = [name, ...aliases].map((each) => ({ name: each, binding, visibility }));
    const group = symbol.isGroup ? object.group() : undefined;
    switch (sort) {
      case "function": {
        const code = new Code();
        code.emit(0xb8, ...littleEndian(value)); // mov $value, %eax
        code.observe();
        for (const target of symbol.references) this.#lookAt(object, index, code, target);
        object.code(this.#plan.enabled.has("gc") ? `.text.${name}` : section, code, definitions, group);
        return;
      }
      case "ifunc": {
        const chosen = new Code();
        chosen.emit(0xb8, ...littleEndian(value));
        chosen.observe();
        object.code(section, chosen, [{ name: `chosen_${name}`, binding: STB_LOCAL, type: STT_FUNC }]);
        const resolver = new Code();
        resolver.use([0x48, 0x8d, 0x05], "R_X86_64_PC32", `chosen_${name}`, -4); // lea chosen(%rip), %rax
        resolver.emit(0x5b, 0xc3); // pop %rbx; ret: what Code adds is not reached
        object.code(
          section,
          resolver,
          definitions.map((each) => ({ ...each, type: STT_GNU_IFUNC })),
        );
        return;
      }
      case "data": {
        const contents = wordsOf(value, words);
        const isZero = /^\.(bss|dynbss)/.test(section);
        const isConstant = section.startsWith(".rodata");
        const flags = SHF_ALLOC | (isConstant ? 0 : SHF_WRITE);
        object.data(
          { name: section, flags, ...(isZero ? { type: SHT_NOBITS } : {}), alignment: 8 << (value % 4) },
          contents,
          [],
          definitions,
          group,
        );
        return;
      }
      case "tls": {
        const isZero = value % 3 === 0;
        object.data(
          {
            name: isZero ? ".tbss" : ".tdata",
            flags: SHF_ALLOC | SHF_WRITE | SHF_TLS,
            ...(isZero ? { type: SHT_NOBITS } : {}),
            alignment: 8 << (value % 3),
          },
          wordsOf(value, words),
          [],
          definitions,
        );
        return;
      }
      case "common":
        object.common(definitions[0], words * 8, 8 << (value % 4));
        return;
      case "absolute":
        object.absolute(name, value);
    }
  }

  /** `generated_main` calls all functions that surely are there, and looks at all other symbols of the program. */
  #defineMain(object: ObjectBuilder): void {
    const code = new Code();
    for (const symbol of this.#plan.symbols) {
      const { unit } = this.#plan.objects[symbol.object];
      // What another output defines must be visible there.
      if (unit > 0 && symbol.visibility !== STV_DEFAULT) continue;
      this.#lookAt(object, 0, code, symbol);
    }
    const { enabled } = this.#plan;
    if (this.#defsymTarget() !== undefined) this.#call(code, "by_defsym");
    if (enabled.has("weakUndefined")) {
      object.referWeakly("nowhere");
      code.use([0x48, 0x8b, 0x05], "R_X86_64_REX_GOTPCRELX", "nowhere", -4);
      code.emit(0x48, 0x85, 0xc0, 0x0f, 0x95, 0xc0, 0x0f, 0xb6, 0xc0); // test %rax, %rax; setne %al; movzbl %al, %eax
      code.observe();
      const pointer = object.pointer({ name: ".data", flags: SHF_ALLOC | SHF_WRITE }, "nowhere", 0);
      code.use([0x48, 0x8b, 0x05], "R_X86_64_PC32", pointer, -4);
      code.observe();
    }
    if (enabled.has("bounds")) {
      object.referHidden("__start_bounded");
      object.referHidden("__stop_bounded");
      code.use([0x48, 0x8d, 0x0d], "R_X86_64_PC32", "__start_bounded", -4); // lea start(%rip), %rcx
      code.emit(0x48, 0x8b, 0x01); // mov (%rcx), %rax
      code.observe();
      code.use([0x48, 0x8d, 0x05], "R_X86_64_PC32", "__stop_bounded", -4); // lea stop(%rip), %rax
      code.emit(0x48, 0x29, 0xc8); // sub %rcx, %rax
      code.observe();
    }
    if (enabled.has("mergeable")) this.#lookAtMergeable(object, code);
    object.code(".text", code, [{ name: "generated_main" }]);
    const wrapped = this.#wrapped();
    if (wrapped !== undefined) {
      const wrapper = new Code();
      this.#call(wrapper, `__real_${wrapped.name}`);
      wrapper.emit(0xb8, ...littleEndian(77));
      wrapper.observe();
      object.code(".text", wrapper, [{ name: `__wrap_${wrapped.name}` }]);
    }
  }

  #lookAtMergeable(object: ObjectBuilder, code: Code): void {
    for (let i = 0; i < 4; i++) {
      const text = this.#random.pick(["first text", "text", "another one", "first", "tail of another one"]);
      const name = object.mergeable(".rodata.str1.1", Buffer.from(`${text}\0`), 1, true);
      code.use([0x48, 0x8d, 0x05], "R_X86_64_PC32", name, -4);
      code.emit(0x8b, 0x00); // mov (%rax), %eax
      code.observe();
      const constant = object.mergeable(".rodata.cst8", wordsOf(this.#random.below(3), 1), 8, false);
      code.use([0x48, 0x8b, 0x05], "R_X86_64_PC32", constant, -4);
      code.observe();
    }
  }

  #defineInit(object: ObjectBuilder, index: number): void {
    const code = new Code();
    // mov trace@GOTPCREL(%rip), %rcx; mov (%rcx), %rax; imul $7, %rax, %rax; add $index, %rax; mov %rax, (%rcx)
    code.use([0x48, 0x8b, 0x0d], "R_X86_64_REX_GOTPCRELX", "trace", -4);
    code.emit(0x48, 0x8b, 0x01, 0x48, 0x6b, 0xc0, 7, 0x48, 0x83, 0xc0, index + 1, 0x48, 0x89, 0x01);
    object.code(".text", code, [{ name: `init_${index}`, binding: STB_LOCAL }]);
    const isLast = this.#random.next() < 0.3;
    const stem = isLast ? ".fini_array" : ".init_array";
    const priority = this.#random.pick(["", "", ".00101", ".00200", ".5000"]);
    object.data(
      { name: stem + priority, flags: SHF_ALLOC | SHF_WRITE, type: isLast ? SHT_FINI_ARRAY : SHT_INIT_ARRAY },
      new Uint8Array(8),
      [{ offset: 0, type: "R_X86_64_64", symbol: `init_${index}`, addend: 0 }],
      [],
    );
  }

  #call(code: Code, name: string): void {
    code.use([0xe8], "R_X86_64_PLT32", name, -4);
    code.observe();
  }

  /** One of the ways in which code of an object may look at a symbol. */
  #lookAt(object: ObjectBuilder, index: number, code: Code, symbol: Symbol): void {
    const name = symbol.aliases.length > 0 && this.#random.next() < 0.5 ? symbol.aliases[0] : symbol.name;
    const isOwn = this.#isSameOutput(index, symbol.object);
    // Code in a shared object may not say where something is that another file may define.
    const isNear = !this.#isShared(index)
      ? isOwn || this.#plan.enabled.has("copies")
      : isOwn && symbol.visibility === STV_HIDDEN;
    switch (symbol.sort) {
      case "tls":
        this.#lookAtThreadLocal(code, index, name, isOwn, isOwn && symbol.visibility === STV_HIDDEN);
        return;
      case "absolute":
        // GNU ld makes a relative load of it, and then refuses that.
        if (this.#kind !== "static" && this.#kind !== "no-pie") return;
        code.use([0x48, 0x8b, 0x05], "R_X86_64_GOTPCREL", name, -4);
        code.observe();
        return;
      case "function":
      case "ifunc":
        this.#lookAtFunction(object, index, code, name, isNear && isOwn);
        return;
      case "data":
      case "common":
        this.#lookAtData(object, index, code, name, symbol, isNear, isOwn);
    }
  }

  #lookAtFunction(object: ObjectBuilder, index: number, code: Code, name: string, isNear: boolean): void {
    const random = this.#random;
    const ways: (() => void)[] = [
      () => code.use([0xe8], "R_X86_64_PLT32", name, -4),
      () => code.use([0xff, 0x15], random.pick(["R_X86_64_GOTPCRELX", "R_X86_64_GOTPCREL"]), name, -4),
      () => {
        code.use([0x48, 0x8b, 0x05], random.pick(["R_X86_64_REX_GOTPCRELX", "R_X86_64_GOTPCREL"]), name, -4);
        code.emit(0xff, 0xd0); // call *%rax
      },
    ];
    if (this.#plan.enabled.has("pointers")) {
      ways.push(() => {
        const section = random.pick([".data", ".data.rel.ro", ".data.rel"]);
        const pointer = object.pointer({ name: section, flags: SHF_ALLOC | SHF_WRITE }, name, 0);
        code.use([0xff, 0x15], "R_X86_64_PC32", pointer, -4); // call *pointer(%rip)
      });
      ways.push(() => {
        // Whether its address is the same by a pointer and by the GOT: 1.
        const pointer = object.pointer({ name: ".data.rel.ro", flags: SHF_ALLOC | SHF_WRITE }, name, 0);
        code.use([0x48, 0x8b, 0x0d], "R_X86_64_PC32", pointer, -4); // mov pointer(%rip), %rcx
        code.use([0x48, 0x8b, 0x05], "R_X86_64_REX_GOTPCRELX", name, -4);
        code.emit(0x48, 0x39, 0xc8, 0x0f, 0x94, 0xc0, 0x0f, 0xb6, 0xc0); // cmp; sete %al; movzbl %al, %eax
      });
    }
    if (isNear)
      ways.push(() => {
        code.use([0x48, 0x8d, 0x05], "R_X86_64_PC32", name, -4);
        code.emit(0xff, 0xd0);
      });
    if (!this.#isPic(index) && isNear)
      ways.push(() => {
        code.use([0x48, 0xc7, 0xc0], "R_X86_64_32S", name, 0);
        code.emit(0xff, 0xd0);
      });
    random.pick(ways)();
    code.observe();
  }

  #lookAtData(
    object: ObjectBuilder,
    index: number,
    code: Code,
    name: string,
    symbol: Symbol,
    isNear: boolean,
    isOwn: boolean,
  ): void {
    const random = this.#random;
    const offset = 8 * random.below(symbol.words);
    const ways: (() => void)[] = [
      () => {
        code.use([0x48, 0x8b, 0x05], random.pick(["R_X86_64_REX_GOTPCRELX", "R_X86_64_GOTPCREL"]), name, -4);
        code.emit(0x48, 0x8b, 0x40, offset); // mov offset(%rax), %rax
      },
    ];
    if (this.#plan.enabled.has("pointers"))
      ways.push(() => {
        const section = random.pick([".data", ".data.rel.ro", ".data.rel.ro.local"]);
        const pointer = object.pointer({ name: section, flags: SHF_ALLOC | SHF_WRITE }, name, offset);
        code.use([0x48, 0x8b, 0x05], "R_X86_64_PC32", pointer, -4);
        code.emit(0x48, 0x8b, 0x00);
      });
    if (isNear) {
      ways.push(() => code.use([0x48, 0x8b, 0x05], "R_X86_64_PC32", name, offset - 4));
      ways.push(() => {
        code.use([0x48, 0x8d, 0x05], "R_X86_64_PC32", name, -4);
        code.emit(0x48, 0x8b, 0x40, offset);
      });
      if (isOwn) ways.push(() => code.use([0xb8], "R_X86_64_SIZE32", name, 0));
    }
    if (symbol.sort === "common" && isNear && isOwn)
      ways.push(() => {
        code.use([0x48, 0xc7, 0x05], "R_X86_64_PC32", name, offset - 8); // movq $value, name(%rip)
        code.emit(...littleEndian(symbol.value));
        code.use([0x48, 0x8b, 0x05], "R_X86_64_PC32", name, offset - 4);
      });
    if (!this.#isPic(index) && isNear) {
      ways.push(() => code.use([0x48, 0x8b, 0x04, 0x25], "R_X86_64_32S", name, offset));
      ways.push(() => {
        code.use([0xb8], "R_X86_64_32", name, offset);
        code.emit(0x48, 0x8b, 0x00);
      });
      ways.push(() => {
        code.use([0x48, 0xb8], "R_X86_64_64", name, offset);
        code.emit(0x48, 0x8b, 0x00);
      });
    }
    random.pick(ways)();
    code.observe();
  }

  #lookAtThreadLocal(code: Code, index: number, name: string, isOwn: boolean, isLocal: boolean): void {
    const callResolver = (): void => code.use([0xe8], "R_X86_64_PLT32", "__tls_get_addr", -4);
    const ways: (() => void)[] = [
      () => {
        code.use([0x66, 0x48, 0x8d, 0x3d], "R_X86_64_TLSGD", name, -4);
        code.use([0x66, 0x66, 0x48, 0xe8], "R_X86_64_PLT32", "__tls_get_addr", -4);
        code.emit(0x48, 0x8b, 0x00);
      },
      () => {
        code.use([0x48, 0x8b, 0x05], "R_X86_64_GOTTPOFF", name, -4);
        code.emit(0x64, 0x48, 0x8b, 0x00); // mov %fs:(%rax), %rax
      },
      () => {
        code.use([0x48, 0x8d, 0x05], "R_X86_64_GOTPC32_TLSDESC", name, -4);
        code.fixups.push({ offset: code.bytes.size, type: "R_X86_64_TLSDESC_CALL", symbol: name, addend: 0 });
        code.emit(0xff, 0x10, 0x64, 0x48, 0x8b, 0x00); // call *(%rax); mov %fs:(%rax), %rax
      },
    ];
    if (isOwn && (isLocal || !this.#isShared(index)))
      ways.push(() => {
        code.use([0x48, 0x8d, 0x3d], "R_X86_64_TLSLD", name, -4);
        callResolver();
        code.use([0x48, 0x8b, 0x80], "R_X86_64_DTPOFF32", name, 0);
      });
    if (isOwn && !this.#isShared(index))
      ways.push(() => code.use([0x64, 0x48, 0x8b, 0x04, 0x25], "R_X86_64_TPOFF32", name, 0));
    this.#random.pick(ways)();
    code.observe();
  }
}

function littleEndian(value: number): number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255];
}

/** Words that begin with a value; the others follow from it. */
function wordsOf(value: number, words: number): Buffer {
  const bytes = Buffer.alloc(words * 8);
  for (let i = 0; i < words; i++) bytes.writeUInt32LE(value + i * 17, i * 8);
  return bytes;
}
