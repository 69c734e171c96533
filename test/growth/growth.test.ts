/**
 * Links n and 2n of what programs have many of, and fails where the time grows by more than three. The only tests
 * that measure time: `npm run test:growth`.
 */
import { expect, test } from "vitest";

import { writeArchive } from "../harness/archive-writer.ts";
import {
  ObjectWriter,
  R_X86_64_64,
  R_X86_64_PLT32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  STB_GLOBAL,
  STT_FUNC,
} from "../harness/elf-writer.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { FLOOR_MS, linkMs, MAX_GROWTH } from "./measure.ts";

const noStack = '\n.section .note.GNU-stack,"",@progbits\n';
const start = ".text\n.globl _start\n_start: ret\n";

/** Makes the inputs for a count, in the directory. Returns the words of the link. */
type Inputs = (n: number, dir: Scratch) => Promise<string[]>;

const each = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i)).join("\n");

/** One source, and options. */
const source =
  (text: (n: number) => string, ...words: string[]): Inputs =>
  async (n, dir) => {
    await dir.write("a.s", text(n) + noStack);
    return [await dir.compile("a.s"), ...words];
  };

/** A shared object, made by GNU ld, and an object that uses it. */
const shared =
  (library: (n: number) => string, user: (n: number) => string, ...words: string[]): Inputs =>
  async (n, dir) => {
    await dir.write("library.s", library(n) + noStack);
    await dir.write("a.s", user(n) + noStack);
    await dir.mustRun("ld.bfd", ["-shared", await dir.compile("library.s"), "-o", "library.so"]);
    return [await dir.compile("a.s"), "library.so", ...words];
  };

/** Objects that call the next one each. */
function* chain(n: number): Generator<{ name: string; symbol: string; contents: Uint8Array }> {
  for (let i = 0; i < n; i++) {
    const writer = new ObjectWriter(`f${i}.c`);
    const contents = new Uint8Array([0xe8, 0, 0, 0, 0, 0xc3]);
    const text = writer.addSection({ name: ".text", flags: SHF_ALLOC | SHF_EXECINSTR, contents, alignment: 16 });
    const global = { binding: STB_GLOBAL, type: STT_FUNC };
    const symbol = i === 0 ? "_start" : `f${i}`;
    writer.addSymbol({ ...global, name: symbol, section: text });
    const next = writer.addSymbol({ ...global, name: i + 1 === n ? "_start" : `f${i + 1}` });
    writer.addRelocation(text, 1, R_X86_64_PLT32, next, -4);
    writer.addSection({ name: ".note.GNU-stack", flags: 0 });
    yield { name: `f${i}.o`, symbol, contents: writer.write() };
  }
}

/** An object whose relocations are not right behind the sections that they are for. */
function objectWithDistantRelocations(n: number): Uint8Array {
  const writer = new ObjectWriter("many.c");
  const code = writer.addSection({
    name: ".text",
    flags: SHF_ALLOC | SHF_EXECINSTR,
    contents: new Uint8Array([0xc3]),
  });
  const symbol = writer.addSymbol({ name: "_start", binding: STB_GLOBAL, type: STT_FUNC, section: code });
  for (let i = 0; i < n; i++) {
    const section = writer.addSection({
      name: ".data",
      flags: SHF_ALLOC | SHF_WRITE,
      contents: new Uint8Array(8),
      alignment: 8,
    });
    writer.addRelocation(section, 0, R_X86_64_64, symbol, i);
  }
  writer.addSection({ name: ".note.GNU-stack", flags: 0 });
  return writer.write();
}

const functions = (n: number): string => each(n, (i) => `.globl f${i}\n.type f${i}, @function\nf${i}: ret`);
const sections = (n: number): string => each(n, (i) => `.section z${i},"aw"\n.long ${i}`);

/** With these options in a file, of which there may be too many for a command line. */
const withOptions =
  (inputs: Inputs, option: (i: number) => string): Inputs =>
  async (n, dir) => {
    const words = await inputs(n, dir);
    await dir.write("options.rsp", each(n, option));
    return [...words, "@options.rsp"];
  };

const withScript =
  (inputs: Inputs, name: string, script: (n: number) => string, ...words: string[]): Inputs =>
  async (n, dir) => {
    await dir.write("script", script(n));
    return [...(await inputs(n, dir)), ...words, `${name}=script`];
  };

const exported = source(functions, "-shared");

const cases: readonly (readonly [what: string, n: number, inputs: Inputs])[] = [
  ["symbols of one object", 200_000, source((n) => `${start}${each(n, (i) => `.globl g${i}\ng${i}:\nl${i}: nop`)}`)],
  ["local symbols that need slots", 300_000, source((n) => `${start}${each(n, (i) => `l${i}: .long l${i}@GOTPCREL`)}`)],
  [
    "symbols that need slots",
    100_000,
    source((n) => `${functions(n)}\n${each(n, (i) => `.long f${i}@GOTPCREL`)}`, "-shared"),
  ],
  ["exported symbols", 100_000, exported],
  [
    "functions of a shared object that are called",
    100_000,
    shared(functions, (n) => `${start}${each(n, (i) => `call f${i}@PLT`)}`),
  ],
  [
    "data of a shared object that is copied",
    60_000,
    shared(
      (n) => `.data\n${each(n, (i) => `.globl d${i}\n.type d${i}, @object\n.size d${i}, 8\nd${i}: .quad ${i}`)}`,
      (n) => `${start}${each(n, (i) => `movl $d${i}, %eax`)}`,
    ),
  ],
  ["output sections", 20_000, source((n) => start + sections(n))],
  [
    "bounds of sections",
    20_000,
    source((n) => `${start}${sections(n)}\n.data\n${each(n, (i) => `.quad __start_z${i}, __stop_z${i}`)}`),
  ],
  [
    "sections that are ordered by others, each and together",
    10_000,
    source((n) => {
      const ordered = (name: string) => (i: number) =>
        `.section ${name.replace("*", `${i}`)},"ao",@progbits,z${i},unique,${i}\n.long ${i}`;
      return `${start}${sections(n)}\n${each(n, ordered("about*"))}\n${each(n, ordered("all"))}`;
    }),
  ],
  ["sections in a map", 20_000, source((n) => start + sections(n), "-Map=map")],
  [
    "sections, each reached by the one before",
    100_000,
    source(
      (n) =>
        `${each(n, (i) => `.section .text.f${i},"ax",@progbits\nf${i}: call f${i + 1}`)}\n.globl _start\n_start: call f0\nf${n}: ret`,
      "--gc-sections",
    ),
  ],
  [
    "sections that --gc-sections drops",
    150_000,
    source((n) => `${each(n, (i) => `.section .text.f${i},"ax",@progbits\nf${i}: ret`)}\n${start}`, "--gc-sections"),
  ],
  [
    "COMDAT groups",
    60_000,
    async (n, dir) => {
      const groups = each(n, (i) => `.section .text.f${i},"axG",@progbits,f${i},comdat\n.weak f${i}\nf${i}: ret`);
      await dir.write("a.s", start + groups + noStack);
      await dir.write("b.s", groups + noStack);
      return [await dir.compile("a.s"), await dir.compile("b.s")];
    },
  ],
  [
    "input files",
    4000,
    async (n, dir) => {
      const names: string[] = [];
      for (const { name, contents } of chain(n)) names.push(await dir.write(name, contents));
      await dir.write("objects.rsp", names.join("\n"));
      return ["@objects.rsp"];
    },
  ],
  [
    "members of an archive",
    15_000,
    async (n, dir) => {
      const members = [...chain(n)];
      await writeArchive(dir.file("all.a"), members, new Map(members.map(({ symbol, name }) => [symbol, name])));
      return ["-u", "_start", "all.a"];
    },
  ],
  [
    "sections of one object whose relocations are elsewhere",
    15_000,
    async (n, dir) => {
      await dir.write("a.o", objectWithDistantRelocations(n));
      return ["a.o"];
    },
  ],
  [
    "references to merged strings",
    300_000,
    source(
      (n) =>
        `${start}.section .rodata.str1.1,"aMS",@progbits,1\n${each(n, (i) => `.LC${i}: .string "text ${i}"`)}\n.data\n${each(n, (i) => `.quad .LC${i}`)}`,
    ),
  ],
  [
    "FDEs",
    200_000,
    source(
      (n) => `.text\n.globl _start\n_start:\n${each(n, () => ".cfi_startproc\nnop\n.cfi_endproc")}`,
      "--eh-frame-hdr",
    ),
  ],
  ["warnings", 20_000, source((n) => `${start}${each(n, (i) => `call u${i}`)}`, "--warn-unresolved-symbols")],
  [
    "versions with a name each",
    8000,
    withScript(exported, "--version-script", (n) => each(n, (i) => `V${i} { global: f${i}; };`)),
  ],
  [
    "versions with a pattern each",
    4000,
    withScript(exported, "--version-script", (n) => each(n, (i) => `V${i} { global: f${i}_*; *_${i}; };`)),
  ],
  [
    "globs with a text in the middle",
    8000,
    withScript(exported, "--version-script", (n) => `V { global: ${each(n, (i) => `*f${i}*;`)} local: *; };`),
  ],
  [
    "versions, each on the one before",
    8000,
    withScript(exported, "--version-script", (n) => each(n, (i) => `V${i} { f${i}; } ${i === 0 ? "" : `V${i - 1}`};`)),
  ],
  [
    "definitions with a version each",
    8000,
    withScript(
      source(
        (n) => each(n, (i) => `.symver f${i}, g@@V${i}x${i}\nf${i}: ret`).replaceAll(/g@@V(\d+)x/g, "g$1@@V$1_"),
        "-shared",
      ),
      "--version-script",
      (n) => each(n, (i) => `V${i}_${i} { };`),
    ),
  ],
  [
    "names of a dynamic list",
    20_000,
    withScript(
      source((n) => start + functions(n), "-pie"),
      "--dynamic-list",
      (n) => `{ ${each(n, (i) => `f${i};`)} };`,
    ),
  ],
  [
    "--export-dynamic-symbol",
    10_000,
    withOptions(
      source((n) => start + functions(n), "-pie"),
      (i) => `--export-dynamic-symbol=f${i}`,
    ),
  ],
  [
    "--wrap",
    40_000,
    withOptions(
      source((n) => `${start}${each(n, (i) => `call w${i}\n.globl __wrap_w${i}\n__wrap_w${i}: ret`)}`),
      (i) => `--wrap=w${i}`,
    ),
  ],
  [
    "--defsym",
    10_000,
    withOptions(
      source(() => start),
      (i) => `--defsym=d${i}=${i === 0 ? "1" : `d${i - 1}+1`}`,
    ),
  ],
  [
    "--undefined",
    10_000,
    withOptions(
      source((n) => start + functions(n)),
      (i) => `-u f${i}`,
    ),
  ],
];

const trivial = scratch({ "a.s": start + noStack }).then(async (dir) => {
  await dir.compile("a.s");
  const took = await linkMs(dir, ["a.o"]);
  await dir[Symbol.asyncDispose]();
  return took;
});

test.each(cases)("%s: twice as many take at most three times as long", async (what, n, inputs) => {
  const base = await trivial;
  const [once, twice] = await Promise.all([scratch(), scratch()]);
  await using first = once;
  await using second = twice;
  const [few, many] = [await inputs(n, first), await inputs(2 * n, second)];
  const measured: string[] = [];
  // Chance makes a link slow, never fast: whoever once was in time is.
  for (let attempt = 0; attempt < 3; attempt++) {
    const [short, long] = [(await linkMs(first, few)) - base, (await linkMs(second, many)) - base];
    measured.push(`${n}: ${short.toFixed()} ms, ${2 * n}: ${long.toFixed()} ms`);
    if (process.env["SPORE_GROWTH"] === "print") process.stderr.write(`${what}: ${measured.at(-1)}\n`);
    if (long <= MAX_GROWTH * Math.max(short, FLOOR_MS)) return;
  }
  expect.fail(`${what}: ${measured.join("; ")}`);
});
