/** What boot loaders, kernels and firmware ask for: images without headers, pages or the loader's tables, as GNU ld makes them. */
import { existsSync, rmSync } from "node:fs";
import { expect, test } from "vitest";

import { laidOut } from "../harness/laid-out.ts";
import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const kernel = `
  const char message[] = "hello";
  int counter = 5;
  int cells[4];
  void _start(void) { counter += message[cells[0] & 3]; }`;

async function kernelObject(...flags: string[]): Promise<Scratch> {
  const dir = await scratch({ "kernel.c": kernel });
  const plain = ["-ffreestanding", "-fno-asynchronous-unwind-tables", "-fcf-protection=none"];
  await dir.compile("kernel.c", [...plain, ...flags]);
  return dir;
}

/** What each linker writes into the file `out`. */
async function outputs(dir: Scratch, args: readonly string[], out = "a.out"): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for (const linker of [bfd, spore]) {
    rmSync(dir.file(out), { force: true });
    await dir.mustRun(linker.path, args);
    all.push(await dir.read(out));
  }
  return all;
}

const image = `SECTIONS {
  . = 0x100000;
  .text : { *(.text*) } .rodata : { *(.rodata*) LONG(0x12345678) }
  ASSERT(SIZEOF(.text) > 0, "no code")
  . = ALIGN(0x400);
  .data : AT(0x100800) { *(.data*) } =0xcccccccc
  .bss : { *(.bss*) *(COMMON) }
  /DISCARD/ : { *(.comment) *(.eh_frame) *(.note*) } }`;

test("--oformat=binary and OUTPUT_FORMAT(binary) write what is loaded, by load addresses", async () => {
  await using dir = await kernelObject("-fno-pic");
  await dir.write("image.ld", image);
  const [theirs, ours] = await outputs(dir, ["-T", "image.ld", "kernel.o", "--oformat=binary"]);
  expect(theirs).toHaveLength(0x804);
  expect(ours).toEqual(theirs);
  await dir.write("named.ld", `OUTPUT_FORMAT(binary) OUTPUT(flat.bin) ${image}`);
  const [theirNamed, ourNamed] = await outputs(dir, ["-T", "named.ld", "kernel.o"], "flat.bin");
  expect(ourNamed).toEqual(theirNamed);
  expect(ourNamed).toEqual(theirs);
});

test("OUTPUT of a script gives way to -o, and counts only in a script of -T", async () => {
  await using dir = await kernelObject("-fno-pic");
  await dir.write("named.ld", `OUTPUT(flat.bin) ${image}`);
  await dir.write("input.ld", "OUTPUT(input.bin)");
  for (const linker of [bfd, spore]) {
    for (const name of ["flat.bin", "other", "input.bin", "a.out"]) rmSync(dir.file(name), { force: true });
    await dir.mustRun(linker.path, ["-T", "named.ld", "kernel.o", "-o", "other"]);
    expect(existsSync(dir.file("flat.bin")), linker.name).toBe(false);
    await dir.mustRun(linker.path, ["kernel.o", "input.ld"]);
    expect(existsSync(dir.file("input.bin")), linker.name).toBe(false);
    expect((await dir.read("a.out")).length).toBeGreaterThan(0);
  }
});

test("a boot sector is linked to its address", async () => {
  await using dir = await scratch({
    "boot.s": `.code16; .globl _start; _start: cli; mov $message, %si; hlt; message: .asciz "hi"; .org 510; .word 0xaa55`,
  });
  await dir.compile("boot.s");
  const args = ["--oformat", "binary", "-e", "_start", "boot.o"];
  for (const flags of [
    ["-Ttext", "0x7c00"],
    ["-Ttext=0x7c00", "-N"],
    ["-Ttext=7c00", "-n"],
  ]) {
    const [theirs, ours] = await outputs(dir, [...args, ...flags]);
    expect(theirs).toHaveLength(512);
    expect(ours, flags.join(" ")).toEqual(theirs);
  }
});

test("-N, -n and -Ttext put code first, and what follows where GNU ld has it", async () => {
  await using dir = await kernelObject("-fno-pic");
  for (const flags of [
    ["-N"],
    ["-n"],
    ["-N", "-Ttext=0x7c00"],
    ["-n", "-Ttext=0x7c00"],
    ["-N", "-Ttext-segment=0x30000"],
  ]) {
    const loaded = [];
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, [...flags, "kernel.o"]);
      const { segments, sections } = await laidOut(dir.file("a.out"));
      const places = sections.filter((line) => /^\.(rodata|data|bss) /.test(line));
      loaded.push([...places, ...segments.filter((line) => line.startsWith("LOAD"))]);
    }
    expect(loaded[0]!.length).toBeGreaterThan(3);
    expect(loaded[1], flags.join(" ")).toEqual(loaded[0]);
  }
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-Ttext=0x7c00", "kernel.o"]);
    const { sections } = await laidOut(dir.file("a.out"));
    const addressOf = (name: string): number =>
      Number.parseInt(/ ([0-9a-f]{16}) /.exec(sections.find((line) => line.startsWith(`${name} `))!)![1]!, 16);
    expect(addressOf(".text"), linker.name).toBe(0x7c00);
    expect(addressOf(".rodata"), linker.name).toBeGreaterThan(0x7c00);
    expect(addressOf(".data"), linker.name).toBeGreaterThan(addressOf(".rodata"));
    expect(addressOf(".data"), linker.name).toBeLessThan(0x10000);
  }
});

test("/DISCARD/ leaves out the loader's tables of an image that needs no loader", async () => {
  await using dir = await kernelObject("-fPIE", "-fvisibility=hidden");
  const tables = "*(.dynamic) *(.dynsym) *(.dynstr) *(.hash) *(.gnu.hash) *(.interp) *(.gnu.version*)";
  await dir.write("kept.ld", image);
  await dir.write("discarded.ld", image.replace("*(.comment)", `*(.comment) ${tables}`));
  for (const linker of [bfd, spore])
    for (const flags of [["-pie", "--no-dynamic-linker"], ["-shared"]]) {
      await dir.mustRun(linker.path, [...flags, "-T", "kept.ld", "kernel.o"]);
      expect((await readelf(dir.file("a.out"), "-SW")).text).toContain(".dynamic");
      await dir.mustRun(linker.path, [...flags, "-T", "discarded.ld", "kernel.o"]);
      const { text, complaints } = await readelf(dir.file("a.out"), "-SlW");
      expect(complaints).toEqual([]);
      expect(text, linker.name).not.toMatch(/\.dyn|hash|DYNAMIC|DYNSYM/);
    }
  // And what is left is the same.
  const [theirs, ours] = await outputs(dir, ["-pie", "-T", "discarded.ld", "kernel.o", "--oformat=binary"]);
  expect(ours).toEqual(theirs);
});

test("NOCROSSREFS and NOCROSSREFS_TO prohibit references between sections", async () => {
  await using dir = await scratch({
    "a.c": `
      static int helper(void);
      int other;
      __attribute__((section(".first"))) int f(void) { return helper() + other; }
      __attribute__((section(".second"), noinline)) static int helper(void) { return 2; }
      __attribute__((section(".second"))) int g(void) { return helper(); }
      int _start(void) { return f() + g(); }`,
  });
  await dir.compile("a.c", ["-fno-pic", "-O1"]);
  const sections =
    "SECTIONS { . = 0x10000; .text : { *(.text) } .one : { *(.first) } .two : { *(.second) } .bss : { *(.bss) *(COMMON) } }";
  for (const [script, found] of [
    [`NOCROSSREFS(.one .two) ${sections}`, 1],
    [`NOCROSSREFS(.two .bss) ${sections}`, 0],
    [`NOCROSSREFS(.one .bss) ${sections}`, 1],
    [`NOCROSSREFS(.one .two .text) ${sections}`, 3],
    [`NOCROSSREFS_TO(.two .one) ${sections}`, 1],
    [`NOCROSSREFS_TO(.one .two) ${sections}`, 0],
    [`NOCROSSREFS(.none .two) ${sections}`, 0],
    ["SECTIONS { .text : { *(.text) } OVERLAY 0x20000 : NOCROSSREFS { .one { *(.first) } .two { *(.second) } } }", 1],
    ["SECTIONS { .text : { *(.text) } OVERLAY 0x20000 : { .one { *(.first) } .two { *(.second) } } }", 0],
  ] as const) {
    await dir.write("script.ld", script);
    for (const linker of [bfd, spore]) {
      const { status, stderr } = await dir.run(linker.path, ["-T", "script.ld", "a.o"]);
      const references = linker === bfd ? /prohibited cross reference from/g : />>> in a\.o/g;
      expect({ status, found: stderr.match(references)?.length ?? 0 }, `${linker.name}: ${script}\n${stderr}`).toEqual({
        status: found === 0 ? 0 : 1,
        found,
      });
    }
  }
});

test("-dT is read where there is no -T, and --orphan-handling=discard leaves out what no statement names", async () => {
  await using dir = await scratch({
    "a.s": '.globl _start; _start: ret; .section .extra,"a"; .long 1; .section .debug_none; .long 2',
  });
  await dir.compile("a.s");
  await dir.write("a.ld", "SECTIONS { . = 0x10000; .text : { *(.text) } }");
  await dir.write("b.ld", "SECTIONS { . = 0x20000; .text : { *(.text) } }");
  for (const linker of [bfd, spore]) {
    const sectionsOf = async (...args: string[]): Promise<string> => {
      await dir.mustRun(linker.path, [...args, "a.o"]);
      return (await laidOut(dir.file("a.out"))).sections.join("\n");
    };
    expect(await sectionsOf("-dT", "a.ld"), linker.name).toMatch(/\.text .*10000/);
    expect(await sectionsOf("--default-script=a.ld"), linker.name).toMatch(/\.text .*10000/);
    expect(await sectionsOf("-dT", "a.ld", "-T", "b.ld"), linker.name).toMatch(/\.text .*20000/);
    const discarded = await sectionsOf("-T", "a.ld", "--orphan-handling=discard");
    expect(discarded, linker.name).toMatch(/\.text/);
    expect(discarded, linker.name).not.toMatch(/extra|debug_none/);
  }
});
