import { expect, test } from "vitest";

import { bfd, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const compile = async (dir: Scratch, ...names: string[]): Promise<void> => {
  for (const name of names) await dir.compile(name, ["-O1", "-ffunction-sections", "-fdata-sections", "-fPIC"]);
};

/** Which of these names the program still has. */
async function kept(dir: Scratch, pattern: RegExp): Promise<string[]> {
  const { stdout } = await dir.mustRun("nm", ["a.out"]);
  return [...stdout.matchAll(/^\w+ . (\w+)$/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => pattern.test(name))
    .toSorted();
}

test("what nothing refers to goes, what is referred to stays, as with GNU ld", async () => {
  await using dir = await scratch({
    "main.c": `
      int used_data = 3, dead_data = 4; static volatile int used_static = 5;
      int used_by_dead(void) { return dead_data; } int dead(void) { return used_by_dead(); }
      int used_by_used(void) { return used_static; } int used(void) { return used_by_used() + used_data; }
      int (*used_pointer)(void) = used; int (*dead_pointer)(void) = dead;
      __attribute__((used, retain)) static int used_retained = 6;
      __attribute__((constructor)) static void used_constructor(void) { used_data++; }
      static int used_item __attribute__((section("used_items"), used)) = 1; extern int __start_used_items[], __stop_used_items[];
      int main(void) { return used_pointer() + (int)(__stop_used_items - __start_used_items); }`,
  });
  await compile(dir, "main.c");
  for (const flags of [["-pie"], ["-static"], ["-no-pie"]])
    for (const linker of [bfd, spore]) {
      expect(
        await dir.linkAndRun(linker, ["main.o"], { flags: [...flags, "-Wl,--gc-sections"] }),
        linker.name,
      ).toMatchObject({ status: 10 });
      const names = await kept(dir, /^(used|dead)_?[a-z_]*$/);
      expect(
        names.filter((name) => name.startsWith("dead")),
        linker.name,
      ).toEqual([]);
      expect(names, linker.name).toEqual(
        expect.arrayContaining([
          "used",
          "used_by_used",
          "used_constructor",
          "used_data",
          "used_retained",
          "used_static",
        ]),
      );
    }
  await expectWellFormed(dir.file("a.out"));
});

test("a C++ program with exceptions and virtual functions runs when the rest is gone", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      #include <stdexcept>
      #include <string>
      struct Base { virtual ~Base() {} virtual int f() { return 1; } }; struct Derived : Base { int f() override { throw std::runtime_error("thrown"); } };
      struct Guard { ~Guard() { std::puts("guard"); } };
      int dead_function(int x) { try { Guard g; throw x; } catch (...) { return 1; } }
      __attribute__((noinline)) int call(Base &b) { Guard g; return b.f(); }
      int main() { Derived d; try { call(d); } catch (const std::exception &e) { std::puts(e.what()); } }`,
  });
  await compile(dir, "main.cc");
  for (const flags of [["-pie"], ["-static"]]) {
    expect(await dir.linkAndRun(spore, ["main.o"], { flags: [...flags, "-Wl,--gc-sections"] })).toMatchObject({
      stdout: "guard\nthrown\n",
    });
    expect(await kept(dir, /dead_function/)).toEqual([]);
    await expectWellFormed(dir.file("a.out"));
  }
});

test("what a shared object exports, -u, -e and --export-dynamic name is kept", async () => {
  await using dir = await scratch({
    "lib.c":
      'int exported(void) { return 1; } __attribute__((visibility("hidden"))) int dead_hidden(void) { return 2; } static int helper(void) { return 3; } int with_helper(void) { return helper(); }',
    "main.c": "int wanted(void) { return 1; } int dead_other(void) { return 2; } int main(void) { return 0; }",
  });
  await compile(dir, "lib.c", "main.c");
  await dir.link(spore, ["lib.o"], { flags: ["-shared", "-Wl,--gc-sections"] });
  expect(await kept(dir, /exported|hidden|helper/)).toEqual(["exported", "with_helper"]);
  await dir.link(spore, ["main.o"], { flags: ["-Wl,--gc-sections,-u,wanted"] });
  expect(await kept(dir, /wanted|dead/)).toEqual(["wanted"]);
  await dir.link(spore, ["main.o"], { flags: ["-Wl,--gc-sections,--export-dynamic"] });
  expect(await kept(dir, /wanted|dead/)).toEqual(["dead_other", "wanted"]);
});

test("an undefined symbol that only dead code refers to is no error", async () => {
  await using dir = await scratch({
    "main.c": "int nowhere(void); int dead(void) { return nowhere(); } int main(void) { return 3; }",
  });
  await compile(dir, "main.c");
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-Wl,--gc-sections"] }), linker.name).toMatchObject({
      status: 3,
    });
});

test("debug information of what is gone does not keep it, and its addresses are marked", async () => {
  await using dir = await scratch({
    "main.c": "int dead(int x) {\n  return x;\n}\nint main(void) {\n  return 3;\n}\n",
  });
  await dir.compile("main.c", ["-g", "-ffunction-sections"]);
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-Wl,--gc-sections"] })).toMatchObject({ status: 3 });
  expect(await kept(dir, /^dead$/)).toEqual([]);
  await expectWellFormed(dir.file("a.out"));
  const address = /^(\w+) T main$/m.exec((await dir.mustRun("nm", ["a.out"])).stdout)?.[1] ?? "";
  expect((await dir.mustRun("addr2line", ["-e", "a.out", address])).stdout).toMatch(/main\.c:4/);
});

test("common symbols, and what libraries have, go when only dead code refers to them, as with GNU ld", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdlib.h>
      int used_common;
      int main(void) { used_common += 3; exit(used_common); }`,
    "dead.c": 'int puts(const char *); int dead_common[1000]; void dead(void) { puts("x"); dead_common[1]++; }',
  });
  for (const name of ["main.c", "dead.c"]) await dir.compile(name, ["-O1", "-ffunction-sections", "-fPIC", "-fcommon"]);
  for (const kind of ["-pie", "-no-pie"]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      const flags = [kind, "-Wl,--gc-sections"];
      expect(await dir.linkAndRun(linker, ["main.o", "dead.o"], { flags }), linker.name).toMatchObject({ status: 3 });
      const dynamic = (await symbols(dir.file("a.out"), ".dynsym")).map(({ name }) => name.replace(/@.*/, ""));
      seen.push({
        commons: await kept(dir, /_common$/),
        has: ["puts", "exit"].filter((name) => dynamic.includes(name)),
      });
    }
    expect(seen[1], kind).toEqual(seen[0]);
    expect(seen[1]).toEqual({ commons: ["used_common"], has: ["exit"] });
  }
});

test("what is ordered with a section (SHF_LINK_ORDER) stays and goes with it", async () => {
  const part = (name: string): string => `
    .section .text.${name},"ax",@progbits
    .globl ${name}
    ${name}: ret
    .section .about.${name},"ao",@progbits,.text.${name}
    .globl about_${name}
    .hidden about_${name}
    about_${name}: .quad ${name === "dead" ? "1" : "2"}`;
  await using dir = await scratch({
    "parts.s": `${part("used")}${part("dead")}\n.section .note.GNU-stack,"",@progbits\n`,
    "main.c": "void used(void); int main(void) { used(); return 3; }",
  });
  for (const linker of [bfd, spore]) {
    const linked = await dir.linkAndRun(linker, ["main.o", "parts.o"], { flags: ["-Wl,--gc-sections"] });
    expect(linked, linker.name).toMatchObject({ status: 3 });
    expect(await kept(dir, /^(about_)?(used|dead)$/), linker.name).toEqual(["about_used", "used"]);
  }
});

test("--gc-sections keeps what -init and -fini name", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      void first(void) { puts("first"); } void last(void) { puts("last"); } void unused(void) { puts("unused"); }
      int main(void) { puts("main"); }`,
    "lib.c": `
      #include <stdio.h>
      __attribute__((visibility("hidden"))) void first(void) { puts("library"); }`,
  });
  await dir.compile("main.c", ["-ffunction-sections"]);
  await dir.compile("lib.c", ["-ffunction-sections", "-fPIC"]);
  for (const [option, stdout] of [
    ["-Wl,-init=first", "first\nmain\n"],
    ["-Wl,-fini=last", "main\nlast\n"],
  ]) {
    expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-Wl,--gc-sections", option] })).toMatchObject({ stdout });
    expect((await symbols(dir.file("a.out"))).map(({ name }) => name)).not.toContain("unused");
  }
  await dir.link(spore, ["lib.o"], { flags: ["-shared", "-Wl,--gc-sections", "-Wl,-init=first"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "-Wl,--no-as-needed", "lib.so"])).toMatchObject({
    stdout: "library\nmain\n",
  });
});

test("--gc-keep-exported keeps global symbols of a program that are not hidden, as with GNU ld", async () => {
  await using dir = await scratch({
    "main.c": `
      int kept(void) { return 1; } __attribute__((visibility("hidden"))) int hidden(void) { return 2; }
      static int __attribute__((used)) local(void) { return 3; } int main(void) { return 0; }`,
  });
  await compile(dir, "main.c");
  for (const linker of [bfd, spore]) {
    await dir.linkAndRun(linker, ["main.o"], { flags: ["-Wl,--gc-sections,--gc-keep-exported"] });
    expect(await kept(dir, /^(kept|hidden|local)$/), linker.name).toEqual(["kept"]);
  }
});
