import { expect, test } from "vitest";

import { bfd, objdump, readelf, spore, symbols } from "../harness/oracles.ts";
import { expectRelinked, groupsOf, relinkers, relocatable, sectionsOf, symbolsOf } from "../harness/relinked.ts";
import { scratch } from "../harness/scratch.ts";

const cxx = {
  "main.cc": `
    #include "shared.h"
    extern thread_local int tl; int f(int); const char *text();
    static int local(int x) { return x * 3; }
    int main() { Counter<int> c; std::printf("%d %d %d %s %s\\n", c.get(4), once(2), f(700) + local(tl), text(), "common string"); }`,
  "other.cc": `
    #include "shared.h"
    thread_local int tl = 4;
    int f(int x) { Counter<int> c; try { if (x > 100) throw x; return c.get(x) + once(x); } catch (int y) { return y; } }
    const char *text() { return "common string"; }`,
  "shared.h": `
    #include <cstdio>
    template <class T> struct Counter { static int n; T get(T x) { return x + n++; } };
    template <class T> int Counter<T>::n = 3;
    inline int once(int x) { static int sum = 0; return sum += x; }`,
};
const inputs = ["main.o", "other.o"];

test("objects become one object, of which every linker makes the same program", async () => {
  for (const flags of [["-g"], ["-O2", "-g", "-ffunction-sections", "-fdata-sections"], ["-fPIC", "-g", "-gz"]]) {
    await using dir = await scratch(cxx);
    for (const source of ["main.cc", "other.cc"]) await dir.compile(source, flags);
    await expectRelinked(dir, inputs);
  }
});

test("sections, groups and symbols are those of GNU ld's object", async () => {
  await using dir = await scratch(cxx);
  for (const source of ["main.cc", "other.cc"]) await dir.compile(source, ["-g", "-ffunction-sections"]);
  await relocatable(dir, inputs);
  await dir.linkDirectly(bfd, ["-r", ...inputs, "-o", "bfd.o"]);
  expect(await sectionsOf(dir.file("r.o"))).toEqual(await sectionsOf(dir.file("bfd.o")));
  expect(await groupsOf(dir.file("r.o"))).toEqual(await groupsOf(dir.file("bfd.o")));
  expect(await symbolsOf(dir.file("r.o"))).toEqual(await symbolsOf(dir.file("bfd.o")));
});

test("a group that is kept can still be discarded where another object has it, and the other way round", async () => {
  await using dir = await scratch({
    ...cxx,
    "more.cc": `#include "shared.h"\nint more() { return once(1) + Counter<int>().get(2); }`,
  });
  for (const source of ["main.cc", "other.cc", "more.cc"]) await dir.compile(source);
  await relocatable(dir, inputs);
  for (const linker of relinkers)
    for (const order of [
      ["r.o", "more.o"],
      ["more.o", "r.o"],
    ])
      expect(await dir.linkAndRun(linker, order, { driver: "g++", unlike: "relocatable" }), linker.name).toMatchObject({
        stdout: "7 2 712 common string common string\n",
      });
});

test("--force-group-allocation leaves no group, as with GNU ld", async () => {
  await using dir = await scratch(cxx);
  await expectRelinked(dir, inputs, { flags: ["--force-group-allocation"] });
  await dir.linkDirectly(bfd, ["-r", "--force-group-allocation", ...inputs, "-o", "bfd.o"]);
  expect(await groupsOf(dir.file("r.o"))).toEqual([]);
  expect(await sectionsOf(dir.file("r.o"))).toEqual(await sectionsOf(dir.file("bfd.o")));
});

test("common symbols stay common, and -d gives them space", async () => {
  await using dir = await scratch({
    "a.c": `int small; char big[100] __attribute__((aligned(64))); int main(void) { return small + big[5]; }`,
    "b.c": `int small, big; __attribute__((constructor)) static void set(void) { small = 5; ((char *)&big)[5] = 7; }`,
  });
  for (const source of ["a.c", "b.c"]) await dir.compile(source, ["-fcommon"]);
  for (const flags of [[], ["-d"], ["-dc"], ["-dp"]]) {
    await expectRelinked(dir, ["a.o", "b.o"], { flags });
    await dir.linkDirectly(bfd, ["-r", ...flags, "a.o", "b.o", "-o", "bfd.o"]);
    const commons = async (file: string): Promise<string[]> =>
      (await symbolsOf(dir.file(file))).filter((line) => /^(small|big) /.test(line));
    expect(await commons("r.o")).toEqual(await commons("bfd.o"));
  }
});

test("strings and constants stay mergeable, and are merged when a program is made", async () => {
  await using dir = await scratch({
    "a.c": `#include <stdio.h>\nconst char *other(void); double d(void); int main(void) { const char *s = "one string"; printf("%d %g\\n", s == other(), d() + 1.2345); }`,
    "b.c": `const char *other(void) { return "one string"; } double d(void) { return 1.2345; }`,
  });
  for (const source of ["a.c", "b.c"]) await dir.compile(source, ["-O1"]);
  await relocatable(dir, ["a.o", "b.o"]);
  expect(await sectionsOf(dir.file("r.o"))).toContain(".rodata.str1.1 PROGBITS AMS 01");
  for (const linker of relinkers)
    expect(await dir.linkAndRun(linker, ["r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({
      stdout: "1 2.469\n",
    });
});

test("a string without an end does not become the beginning of the next one", async () => {
  await using dir = await scratch({
    "a.s": `.section .strings,"aMS",@progbits,1\n.ascii "no end"`,
    "b.s": `.section .strings,"aMS",@progbits,1\n.asciz "end"`,
  });
  await relocatable(dir, ["a.o", "b.o"]);
  expect((await sectionsOf(dir.file("r.o"))).filter((line) => line.startsWith(".strings"))).toEqual([
    ".strings PROGBITS A 00",
    ".strings PROGBITS AMS 01",
  ]);
});

test("exceptions go through functions of all objects, also those of the C runtime's and of another -r", async () => {
  await using dir = await scratch(cxx);
  await dir.mustRun("g++", ["-c", "main.cc"]);
  await dir.mustRun("g++", ["-c", "other.cc"]);
  const of = async (name: string): Promise<string> =>
    (await dir.mustRun("gcc", [`-print-file-name=${name}`])).stdout.trim();
  const runtime = [await of("Scrt1.o"), await of("crti.o"), await of("crtbeginS.o")];
  const ends = [await of("crtendS.o"), await of("crtn.o")];
  await relocatable(dir, [...runtime, "main.o", ...ends]);
  await relocatable(dir, ["r.o", "other.o"], [], "all.o");
  const { stdout } = await dir.mustRun("readelf", ["--debug-dump=frames", "all.o"]);
  expect(stdout.match(/ZERO terminator/g)).toHaveLength(1);
  expect(stdout.trimEnd()).toMatch(/ZERO terminator$/);
  for (const linker of relinkers) {
    const linked = await dir.run("g++", [...linker.gccFlags, "-nostartfiles", "all.o", "-o", "relinked"]);
    expect(linked.stderr, linker.name).toBe("");
    expect(await dir.run("./relinked"), linker.name).toMatchObject({ stdout: "7 2 712 common string common string\n" });
  }
});

test("sections that are ordered by others keep their partners apart", async () => {
  const source = (name: string): string => `
    .section .text.${name},"ax",@progbits\n.globl ${name}\n${name}: ret
    .section meta,"ao",@progbits,.text.${name}\n.quad ${name}`;
  await using dir = await scratch({
    "a.s": source("first"),
    "b.s": source("second"),
    "main.c": `extern void first(void), second(void); extern void (*__start_meta[])(void), (*__stop_meta[])(void);
      int main(void) { first(); return (int)(__stop_meta - __start_meta); }`,
  });
  await relocatable(dir, ["a.o", "b.o"]);
  const { text } = await readelf(dir.file("r.o"), "-SW");
  const links = [...text.matchAll(/^ *\[ *(\d+)\] meta .* AL +(\d+) /gm)].map(([, , link]) => Number(link));
  expect(new Set(links).size).toBe(2);
  expect(links).not.toContain(0);
  for (const linker of [bfd, spore]) {
    const flags = ["-Wl,--gc-sections"];
    const ended = await dir.linkAndRun(linker, ["main.o", "r.o"], { flags, unlike: "relocatable" });
    expect(ended.status, linker.name).toBeGreaterThan(0);
  }
});

test("what all inputs say of the stack, and of what they were compiled for, is said once", async () => {
  const note = (flags: string): string => `.globl f\nf: ret\n.section .note.GNU-stack,"${flags}",@progbits\n`;
  for (const [flags, more] of [
    ["", ""],
    ["x", ""],
    ["", "none"],
  ]) {
    await using dir = await scratch({
      "a.s": note(flags!),
      "b.s": more === "" ? note("").replaceAll("f", "g") : ".globl g\ng: ret\n",
    });
    await relocatable(dir, ["a.o", "b.o"]);
    await dir.linkDirectly(bfd, ["-r", "a.o", "b.o", "-o", "bfd.o"]);
    const stack = async (file: string): Promise<string[]> =>
      (await sectionsOf(dir.file(file))).filter((line) => line.startsWith(".note"));
    expect(await stack("r.o")).toEqual(await stack("bfd.o"));
  }
  await using dir = await scratch({ "a.c": "int main(void) { return 0; }", "b.c": "int b;" });
  for (const [name, flags] of [
    ["b.o", ["-fcf-protection=full"]],
    ["b.o", ["-fcf-protection=branch"]],
  ] as const) {
    await dir.compile("a.c", ["-fcf-protection=full"]);
    await dir.compile("b.c", flags, name);
    await relocatable(dir, ["a.o", "b.o"]);
    await dir.linkDirectly(bfd, ["-r", "a.o", "b.o", "-o", "bfd.o"]);
    const features = async (file: string): Promise<string | undefined> =>
      /x86 feature: (.*)/.exec((await readelf(dir.file(file), "-n")).text)?.[1];
    expect(await features("r.o")).toBe(await features("bfd.o"));
  }
});

test("debug information says the same of every function", async () => {
  await using dir = await scratch({
    "main.c": `int twice(int);\nint main(void) {\n  return twice(21);\n}`,
    "twice.c": `int twice(int x) {\n  return 2 * x;\n}`,
  });
  for (const source of ["main.c", "twice.c"]) await dir.compile(source, ["-g", "-gz", "-O1"]);
  await relocatable(dir, ["main.o", "twice.o"]);
  for (const linker of relinkers) {
    await dir.linkAndRun(linker, ["r.o"], { unlike: "relocatable" });
    const address = (await symbols(dir.file("a.out"))).find(({ name }) => name === "twice")!.value;
    const { stdout } = await dir.mustRun("addr2line", ["-e", "a.out", address.toString(16)]);
    expect(stdout, linker.name).toMatch(/twice\.c:[12]/);
  }
});

test("more sections than ELF headers count are made and read", { timeout: 120_000 }, async () => {
  const count = 66_000;
  const functions = Array.from(
    { length: count },
    (_, i) =>
      `.section .text.f${i},"ax",@progbits\n.globl f${i}\nf${i}: ${i + 1 < count ? `jmp f${i + 1}` : "mov $7, %eax\n ret"}`,
  );
  await using dir = await scratch({
    "many.s": functions.slice(0, count / 2).join("\n"),
    "more.s": functions.slice(count / 2).join("\n"),
    "main.c": "int f0(void); int main(void) { return f0(); }",
  });
  await relocatable(dir, ["many.o", "more.o"]);
  for (const linker of relinkers.filter(({ name }) => name !== "gold" && name !== "GNU ld"))
    expect(await dir.linkAndRun(linker, ["main.o", "r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({
      status: 7,
    });
});

test("members of archives are extracted for what is undefined, and undefined names are no error", async () => {
  await using dir = await scratch({
    "main.c": `int needed(void), elsewhere(void); __attribute__((weak)) int optional(void);
      int main(void) { return needed() + (optional ? optional() : 0) + (0 ? elsewhere() : 0); }`,
    "needed.c": "int needed(void) { return 3; }",
    "optional.c": "int optional(void) { return 4; }",
    "asked.c": "int asked(void) { return 5; }",
  });
  await dir.archive("liball.a", ["needed.o", "optional.o", "asked.o"]);
  for (const flags of [[], ["-u", "asked"], ["--whole-archive"], ["-u", "nowhere"]]) {
    await relocatable(dir, ["main.o", "-L.", "-lall"], flags);
    await dir.linkDirectly(bfd, ["-r", ...flags, "main.o", "-L.", "-lall", "-o", "bfd.o"]);
    expect(await symbolsOf(dir.file("r.o")), flags.join(" ")).toEqual(await symbolsOf(dir.file("bfd.o")));
  }
});

test("names are defined twice, hidden and versioned as GNU ld says", async () => {
  await using dir = await scratch({
    "a.c": `__attribute__((visibility("hidden"))) extern int h; int h_user(void) { return h; }
      int weak_here(void); int use(void) { return weak_here(); }
      __asm__(".symver old, f@V1\\n.symver new, f@@V2"); int old(void) { return 1; } int new(void) { return 2; }`,
    "b.c": `int h = 3; __attribute__((weak)) int weak_here(void) { return 1; } __attribute__((weak)) int gone(void); int z(void) { return gone ? gone() : 0; }`,
    "twice.c": "int h = 4;",
  });
  await relocatable(dir, ["a.o", "b.o"]);
  await dir.linkDirectly(bfd, ["-r", "a.o", "b.o", "-o", "bfd.o"]);
  expect(await symbolsOf(dir.file("r.o"))).toEqual(await symbolsOf(dir.file("bfd.o")));
  const ended = await dir.linkDirectly(spore, ["-r", "a.o", "b.o", "twice.o", "-o", "r.o"]);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain("multiple definition of 'h'");
});

test("gaps between functions can be run through", async () => {
  await using dir = await scratch({
    "a.s": '.section .init,"ax",@progbits\n.globl start\nstart: inc %eax',
    "b.s": '.section .init,"ax",@progbits\n.balign 16\ninc %eax',
  });
  await relocatable(dir, ["a.o", "b.o"]);
  const code = await objdump(dir.file("r.o"), "-d", "-j", ".init");
  expect(code.match(/\bnop\b/g)).toHaveLength(14);
});

test("a relocation that does not fit its section, or refers to what is gone, is an error by name", async () => {
  await using dir = await scratch({
    "a.s": `.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: ret\n.Linside: ret\n.text\n.globl g\ng: call f`,
    "b.s": `.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: ret\ninside: ret\n.text\n.globl h\nh: .reloc ., R_X86_64_PC32, inside-4\n.long 0`,
  });
  const ended = await dir.linkDirectly(spore, ["-r", "a.o", "b.o", "-o", "r.o"]);
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("discarded section") });
});
