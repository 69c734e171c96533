import { expect, test } from "vitest";

import { bfd, objdump, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const definition = `
  static int one(int x) { return x + 1; }
  static int two(int x) { return x + 2; }
  static int chosen = 2;
  static int (*choose(void))(int) { return chosen == 2 ? two : one; }
  int function(int) __attribute__((ifunc("choose")));`;
const files = {
  "def.c": `${definition}
    typedef int (*F)(int);
    static int hidden_(int) __attribute__((ifunc("choose")));
    F in_data = function; static F const local_in_data = hidden_;
    F view(void) { return function; } F local_view(void) { return hidden_; } F local_data(void) { return local_in_data; }
    int call_local(int x) { return hidden_(x); }`,
  "main.c": `
    #include <stdio.h>
    typedef int (*F)(int);
    int function(int); extern F in_data; F view(void), local_view(void), local_data(void); int call_local(int);
    F own = function;
    int main(void) {
      F here = function;
      printf("%d %d %d %d ", function(1), here(2), in_data(3), call_local(4));
      printf("%d%d%d%d\\n", here == view(), here == own, here == in_data, local_view() == local_data());
    }`,
};
const stdout = "3 4 5 6 1111\n";

for (const flags of [
  ["-fno-pie", "-no-pie"],
  ["-fno-pie", "-static"],
  ["-fPIE", "-pie"],
  ["-fPIC", "-pie"],
  ["-fPIE", "-static-pie"],
  ["-fPIC", "-fno-plt", "-pie"],
])
  test(`an indirect function is called and its address compared (${flags.join(" ")})`, async () => {
    await using dir = await scratch(files);
    for (const level of ["-O0", "-O2"]) {
      for (const name of ["def.c", "main.c"])
        await dir.compile(name, [level, ...flags.filter((flag) => flag.startsWith("-f"))]);
      // GNU ld 2.40 gives a PIE two addresses of the function here.
      expect(await dir.linkAndRun(spore, ["main.o", "def.o"], { flags: [flags.at(-1)!] }), level).toMatchObject({
        stdout,
      });
    }
    await expectWellFormed(dir.file("a.out"));
  });

test("an indirect function of a shared object is one function for program and library", async () => {
  await using dir = await scratch(files);
  await dir.compile("def.c", ["-fPIC"]);
  await dir.link(spore, ["def.o"], { flags: ["-shared"], output: "lib.so" });
  await expectWellFormed(dir.file("lib.so"));
  for (const flags of [
    ["-fPIE", "-pie"],
    ["-fno-pie", "-no-pie"],
    ["-fPIC", "-pie"],
  ]) {
    await dir.compile("main.c", [flags[0]!]);
    for (const linker of [bfd, spore])
      expect(
        await dir.linkAndRun(linker, ["main.o", "lib.so"], { flags: [flags[1]!] }),
        `${linker.name} ${flags.join(" ")}`,
      ).toMatchObject({ stdout });
  }
});

test("a resolver that reads relocated data sees it relocated", async () => {
  await using dir = await scratch({
    "main.c": `
      static int one(void) { return 1; } static int two(void) { return 2; }
      static int (*candidates[])(void) = {one, two};
      static int (*choose(void))(void) { return candidates[1]; }
      int function(void) __attribute__((ifunc("choose")));
      int (*volatile pointer)(void) = function;
      int main(void) { return function() * 10 + pointer(); }`,
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"], ["-static-pie"], ["-pie", "-Wl,-z,now"]])
    expect(await dir.linkAndRun(spore, ["main.o"], { flags }), flags.join(" ")).toMatchObject({ status: 22 });
});

test("an indirect function that a program exports is the code of its PLT entry, in both symbol tables", async () => {
  await using dir = await scratch(files);
  for (const name of Object.keys(files)) await dir.compile(name, ["-fno-pie"]);
  for (const linker of [bfd, spore]) {
    const ended = await dir.linkAndRun(linker, ["main.o", "def.o"], { flags: ["-no-pie", "-rdynamic"] });
    expect(ended, linker.name).toMatchObject({ stdout });
    const [plain, dynamic] = await Promise.all(
      ([".symtab", ".dynsym"] as const).map((table) => symbols(dir.file("a.out"), table)),
    );
    const found = [plain, dynamic].map((table) => table.find(({ name }) => name === "function"));
    expect(found[0], linker.name).toMatchObject({ type: "FUNC", value: found[1]?.value });
    expect(found[1], linker.name).toMatchObject({ type: "FUNC" });
    const code = await objdump(dir.file("a.out"), "-d", `--start-address=${found[0]!.value}`);
    expect(/section (\S+):/.exec(code)?.[1], linker.name).toMatch(/^\.i?plt/);
  }
});

test("the loader calls a resolver by its name once all other relocations are done", async () => {
  await using dir = await scratch({
    "lib.c": `
      int v = 3; static int right(void) { return 8; } static int wrong(void) { return 9; }
      __attribute__((used)) static void *resolve(void) { return v == 3 ? right : wrong; }
      int f(void) __attribute__((ifunc("resolve")));
      int (*pointer)(void) = f; int (*local(void))(void) { return f; }
      int g(void) { return pointer(); }`,
    "main.c": "int f(void), g(void), (*local(void))(void); int main(void) { return f() + g() + local()(); }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.compile("main.c");
  for (const flags of [
    [],
    ["-Wl,-z,now"],
    ["-Wl,-z,lazy"],
    ["-Wl,-z,pack-relative-relocs"],
    ["-Wl,--hash-style=sysv"],
  ]) {
    await dir.link(spore, ["lib.o"], { flags: ["-shared", ...flags], output: "lib.so" });
    expect(await dir.linkAndRun(spore, ["main.o", "lib.so"]), flags.join(" ")).toMatchObject({ status: 24 });
    const { text } = await readelf(dir.file("lib.so"), "-rW");
    const rows = text.split("\n").filter((line) => /R_X86_64_(64|GLOB_DAT|RELATIVE)/.test(line));
    const ofIndirect = expect.stringContaining("f()");
    expect(rows.slice(-2), text).toEqual([ofIndirect, ofIndirect]);
  }
});
