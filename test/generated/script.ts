/**
 * A linker script that a seed determines, for objects that a seed determines as well: sections of all flags, and
 * statements that put them in places, move `.`, give symbols values, bytes and addresses, in regions and segments.
 */
import { Random } from "../fuzz/random.ts";

export interface GeneratedScript {
  /** Assembly, by name of the object. */
  readonly sources: ReadonlyMap<string, string>;
  readonly script: string;
  readonly flags: readonly string[];
}

const inputNames = [
  ".text",
  ".text.hot",
  ".text.cold",
  ".data",
  ".data.a",
  ".data.b",
  ".rodata",
  ".rodata.x",
  ".bss",
  ".bss.y",
  ".note.own",
  ".mine",
  ".table.2",
  ".table.1",
  ".table.10",
] as const;

const attributes: Readonly<Record<string, string>> = {
  text: '"ax"',
  data: '"aw"',
  rodata: '"a"',
  bss: '"aw",@nobits',
  note: '"a",@note',
  mine: '"aw"',
  table: '"a"',
};

/** All sections of one script are aligned alike: then it makes no difference whether each or all of a pattern's are. */
function sourceOf(random: Random, object: number, alignment: number): string {
  const lines = [".globl start_" + object];
  const used = inputNames.filter(() => random.next() < 0.6);
  for (const [i, name] of [".text", ...used].entries()) {
    const kind = name.split(".")[1]!;
    lines.push(`.section ${name},${attributes[kind]!}`, `.balign ${alignment}`);
    if (i === 0) lines.push(`start_${object}:`);
    const symbol = `s_${object}_${i}`;
    lines.push(`.globl ${symbol}`, `${symbol}:`);
    const size = random.next() < 0.15 ? 0 : 1 + random.below(40);
    if (size === 0) continue;
    lines.push(kind === "bss" ? `.skip ${size}` : `.fill ${size}, 1, ${1 + random.below(255)}`);
  }
  if (random.next() < 0.3) lines.push(`.comm common_${object}, ${1 + random.below(64)}, ${alignment}`);
  return `${lines.join("\n")}\n`;
}

class ScriptWriter {
  readonly #random: Random;
  readonly #objects: number;
  readonly #names: string[] = [];
  readonly #sections: string[] = [];
  #next = 0;

  constructor(random: Random, objects: number) {
    this.#random = random;
    this.#objects = objects;
  }

  chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  number(): string {
    const value = this.#random.below(3) === 0 ? this.#random.below(0x3000) : this.#random.below(100);
    return this.chance(0.5) ? `0x${value.toString(16)}` : `${value}`;
  }

  /** What has a value wherever it stands. */
  #value(depth: number, isIn: boolean): string {
    const random = this.#random;
    const simple = [
      () => this.number(),
      () => ".",
      () => (this.#names.length > 0 ? random.pick(this.#names) : "1"),
      () => `s_${random.below(this.#objects)}_0`,
      () => (this.#sections.length > 0 ? `ADDR(${random.pick(this.#sections)})` : "2"),
      () => (this.#sections.length > 0 ? `SIZEOF(${random.pick(this.#sections)})` : "3"),
      () => (this.#sections.length > 0 ? `LOADADDR(${random.pick(this.#sections)})` : "4"),
      () => `ALIGN(${2 ** random.below(6)})`,
      () => "CONSTANT(MAXPAGESIZE)",
    ];
    if (depth === 0) return random.pick(simple)();
    const inner = (): string => this.#value(depth - 1, isIn);
    return random.pick([
      () => random.pick(simple)(),
      () => `(${inner()} ${random.pick(["+", "-", "*", "&", "|", "<<", "==", "<", "&&", "||"])} ${inner()})`,
      () => `${random.pick(["-", "~", "!"])}(${inner()})`,
      () => `ABSOLUTE(${inner()})`,
      () => `MAX(${inner()}, ${inner()})`,
      () => `MIN(${inner()}, ${inner()})`,
      () => `ALIGN(${inner()}, ${2 ** random.below(6)})`,
      () => `(${this.number()} ? ${inner()} : ${inner()})`,
      () => `DEFINED(${random.pick(["start_0", "nowhere", ...this.#names])})`,
      () => `LOG2CEIL(${inner()})`,
    ])();
  }

  assignment(isIn: boolean): string {
    const name = `v${this.#next++}`;
    const value = this.#value(this.#random.below(3), isIn);
    const text = this.chance(0.1) ? `HIDDEN(${name} = ${value});` : `${name} = ${value};`;
    this.#names.push(name);
    return text;
  }

  #pattern(): string {
    const random = this.#random;
    const name = random.pick(inputNames);
    const glob = random.pick([name, `${name}*`, `.${name.split(".")[1]}.*`, name.replace(/.$/, "?")]);
    return glob;
  }

  #inputs(): string {
    const random = this.#random;
    const files = this.chance(0.15) ? `*o${random.below(this.#objects)}.o` : "*";
    const sort = this.chance(0.2) ? random.pick(["SORT_BY_NAME", "SORT_BY_ALIGNMENT", "SORT"]) : undefined;
    const globs = Array.from({ length: 1 + random.below(3) }, () => this.#pattern());
    const patterns = globs.map((glob) => (sort === undefined ? glob : `${sort}(${glob})`));
    const excluded = sort === undefined && this.chance(0.1) ? `EXCLUDE_FILE(*o${random.below(this.#objects)}.o) ` : "";
    const text = `${files}(${excluded}${patterns.join(" ")})`;
    return text;
  }

  /** Each has something of its kind: where what no statement names goes depends on these. */
  section(name: string, tail: string): string {
    const random = this.#random;
    const parts: string[] = name === ".one" || name === ".two" ? [] : [`*(${name})`];
    const count = 1 + random.below(4);
    for (let i = 0; i < count; i++)
      parts.push(
        random
          .weighted([
            { weight: 10, make: () => this.#inputs() },
            { weight: 3, make: () => this.assignment(true) },
            { weight: 1, make: () => `. = ALIGN(${2 ** random.below(7)});` },
            { weight: 1, make: () => `. += ${random.below(64)};` },
            { weight: 1, make: () => `${random.pick(["BYTE", "SHORT", "LONG", "QUAD"])}(${this.#value(1, true)});` },
            { weight: 0.5, make: () => `FILL(0x${(1 + random.below(255)).toString(16).padStart(2, "0").repeat(4)});` },
          ])
          .make(),
      );
    const address = this.chance(0.1) ? ` ALIGN(${2 ** (4 + random.below(4))})` : "";
    const alignment = this.chance(0.15) ? ` ALIGN(${2 ** random.below(7)})` : "";
    const sub = this.chance(0.05) ? ` SUBALIGN(${2 ** random.below(6)})` : "";
    const fill = this.chance(0.15) ? ` =0x${(1 + random.below(255)).toString(16).padStart(2, "0").repeat(4)}` : "";
    this.#sections.push(name);
    return `  ${name}${address} :${alignment}${sub} { ${parts.join(" ")} }${tail}${fill}`;
  }
}

export function generatedScript(seed: number): GeneratedScript {
  const random = new Random(seed);
  const objects = 1 + random.below(4);
  const alignment = 2 ** random.below(5);
  const sources = new Map(
    Array.from({ length: objects }, (_, i): [string, string] => [
      `o${i}`,
      sourceOf(new Random(seed, i + 1), i, alignment),
    ]),
  );
  const writer = new ScriptWriter(random, objects);
  const lines: string[] = ["ENTRY(start_0)"];
  const hasMemory = writer.chance(0.25);
  if (hasMemory)
    lines.push(
      "MEMORY {",
      "  rom (rx) : ORIGIN = 0x10000, LENGTH = 1M",
      "  ram (rwx) : ORIGIN = 0x800000, LENGTH = 4M",
      "}",
    );
  if (writer.chance(0.3)) lines.push(writer.assignment(false).replaceAll(/\bALIGN\(\d+\)|\./g, "1"));
  lines.push("SECTIONS {");
  if (!hasMemory) lines.push(`  . = 0x${(0x10000 + random.below(16) * 0x800).toString(16)};`);
  const names = [".text", ".rodata", ".data", ".bss", ".one", ".two"].filter(
    (name) => /^\.(text|data|rodata|bss)$/.test(name) || random.next() < 0.6,
  );
  for (const name of names) {
    const isData = name === ".data" || name === ".bss" || name === ".two";
    const tail = hasMemory ? (isData ? (writer.chance(0.5) ? " >ram AT>rom" : " >ram") : " >rom") : "";
    lines.push(writer.section(name, tail));
    if (writer.chance(0.4)) lines.push(`  ${writer.assignment(false)}`);
    if (!hasMemory && writer.chance(0.2)) lines.push(`  . = ALIGN(0x${(0x1000).toString(16)});`);
    if (!hasMemory && writer.chance(0.1)) lines.push(`  . = . + 0x${random.below(0x4000).toString(16)};`);
  }
  if (writer.chance(0.3)) lines.push(`  ${writer.assignment(false)}`);
  lines.push(`  .notes : { *(.note.*) }${hasMemory ? " >rom" : ""}`);
  lines.push(`  .commons : { *(COMMON) }${hasMemory ? " >ram" : ""}`, "}");
  const flags = writer.chance(0.2) ? ["-z", "noseparate-code"] : [];
  return { sources, script: `${lines.join("\n")}\n`, flags };
}
