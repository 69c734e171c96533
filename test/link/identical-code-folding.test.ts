import { expect, test } from "vitest";

import { expectSameBytes } from "../harness/large-outputs.ts";
import { isInstalled, lld, mold, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

/** GNU ld has nothing of the kind. */
const unlike = "GNU ld folds nothing";
const sections = ["-ffunction-sections", "-fdata-sections"];

async function compile(dir: Scratch, source: string, flags: readonly string[] = [], compiler?: string): Promise<void> {
  if (compiler === undefined) await dir.compile(source, ["-O2", ...sections, ...flags]);
  else await dir.mustRun(compiler, ["-c", "-O2", ...sections, ...flags, source, "-o", source.replace(/\.\w+$/, ".o")]);
}

/** Links and runs; returns what was removed, by the name after the last dot. */
async function folded(dir: Scratch, inputs: readonly string[], flags: readonly string[]): Promise<string[]> {
  const linked = await dir.link(spore, inputs, { flags: [...flags, "-Wl,--print-icf-sections"], unlike });
  expect(linked).toMatchObject({ status: 0, stderr: "" });
  await expectWellFormed(dir.file("a.out"));
  return removed(linked.stdout);
}

/** Sections of functions and data; lld names the empty ones of the runtime's objects, too. */
const removed = (text: string): string[] =>
  [...text.matchAll(/removing identical section .*?:\((\.\w+\..*)\)/g)].map(([, name = ""]) => name).toSorted();

const functions = {
  "main.c": `
    #include <stdio.h>
    #define COPY(n) __attribute__((noinline)) int add##n(int x) { return x * 3 + 1; } \\
      __attribute__((noinline)) int twice##n(int x) { return add##n(x) * 2; }
    COPY(1) COPY(2)
    int other(int x); int even2(int); int odd2(int);
    __attribute__((noinline)) int even1(int x) { return x == 0 ? 1 : odd2(x - 1) + (int)(x > 100); }
    int main(int c, char **v) { printf("%d %d %d %d\\n", twice1(c), twice2(c), other(c), even1(c + 3)); return 0; }`,
  "other.c": `
    __attribute__((noinline)) static int add3(int x) { return x * 3 + 1; }
    int other(int x) { return add3(x) - add3(x + 1); }
    int even1(int); int odd2(int);
    __attribute__((noinline)) int odd2(int x) { return x == 0 ? 0 : even1(x - 1); }`,
};

test("functions that are identical, or call what is, become one: the same as lld folds", async () => {
  await using dir = await scratch(functions);
  for (const name of Object.keys(functions)) await compile(dir, name);
  const inputs = ["main.o", "other.o"];
  expect(await folded(dir, inputs, ["-Wl,--icf=all"])).toEqual([".text.add2", ".text.add3", ".text.twice2"]);
  const run = await dir.run("./a.out");
  expect(run.stdout).toBe((await dir.linkAndRun(spore, inputs, { output: "plain" })).stdout);
  const address = new Map((await symbols(dir.file("a.out"))).map(({ name, value }) => [name, value]));
  expect(address.get("add1")).toBe(address.get("add3")); // also a local symbol leads to what stayed
  for (const linker of [lld, mold].filter(({ path }) => isInstalled(path))) {
    const { stdout, stderr } = await dir.link(linker, inputs, { flags: ["-Wl,--icf=all,--print-icf-sections"] });
    expect(removed(stdout + stderr), linker.name).toEqual([".text.add2", ".text.add3", ".text.twice2"]);
  }
});

test("functions that call each other fold, with whatever is round them", async () => {
  const ring = (n: number): string => `
    __attribute__((noinline)) int odd${n}(int);
    __attribute__((noinline)) int even${n}(int x) { return x == 0 ? 1 : odd${n}(x - 1) * 3; }
    __attribute__((noinline)) int odd${n}(int x) { return x == 0 ? 0 : even${n}(x - 1) * 5; }`;
  await using dir = await scratch({
    "main.c": `${ring(1)}${ring(2)} int main(int c, char **v) { return even1(c + 1) + even2(c + 1); }`,
  });
  await compile(dir, "main.c", ["-fno-inline", "-fno-optimize-sibling-calls", "-fno-ipa-icf"]);
  expect(await folded(dir, ["main.o"], ["-Wl,--icf=all"])).toEqual([".text.even2", ".text.odd2"]);
  expect((await dir.run("./a.out")).status).toBe(30);
});

test("functions that call different ones are different, however alike they are", async () => {
  await using dir = await scratch({
    "main.c": `
      __attribute__((noinline)) int deep1(int x) { return x * 3; } __attribute__((noinline)) int deep2(int x) { return x * 5; }
      #define CALL(n, f) __attribute__((noinline)) int n(int x) { return f(x) + 1; }
      CALL(call1, deep1) CALL(call2, deep2) CALL(more1, call1) CALL(more2, call2)
      int main(int c, char **v) { return more1(c) * 10 + more2(c); }`,
  });
  await compile(dir, "main.c", ["-fno-ipa-icf", "-fno-optimize-sibling-calls"]);
  for (const kind of ["safe", "all"]) {
    expect(await folded(dir, ["main.o"], [`-Wl,--icf=${kind}`])).toEqual([]);
    expect((await dir.run("./a.out")).status).toBe(57);
  }
});

const pointers = `
  #include <stdio.h>
  #define SAME(n) __attribute__((noinline)) void n(int *x) { *x += 7; }
  SAME(called1) SAME(called2) SAME(passed1) SAME(passed2) SAME(stored1) SAME(stored2)
  typedef void (*function)(int *);
  function table[] = { stored1, stored2 };
  __attribute__((noinline)) int differ(volatile function *a, volatile function *b) { return *a != *b; }
  __attribute__((noinline)) int choose1(int x) { switch (x) { case 1: return 5; case 2: return 17; case 3: return 2; case 4: return 90; case 5: return 6; } return 0; }
  #define JUMPS(n) __attribute__((noinline)) void n(int x, int *y) { switch (x) { case 1: puts("a"); break; case 2: puts("b"); break; \\
    case 3: *y = 2; break; case 4: puts("d"); *y = 1; break; case 5: puts("e"); break; case 6: *y = x; } }
  JUMPS(jumps1) JUMPS(jumps2)
  int main(int c, char **v) {
    int x = c; called1(&x); called2(&x); jumps1(c + 1, &x); jumps2(c + 1, &x);
    volatile function a = passed1, b = passed2, d = table[0], e = table[1];
    printf("%d %d%d%d\\n", x, differ(&a, &b), differ(&d, &e), differ(&a, &d));
    return 0;
  }`;

test("--icf=safe folds GCC's functions whose addresses nobody takes, and no others", async () => {
  await using dir = await scratch({ "main.c": pointers });
  for (const flags of [["-fPIE"], ["-fno-pie"]]) {
    await compile(dir, "main.c", [...flags, "-fno-ipa-icf"]);
    const link = flags[0] === "-fPIE" ? "-pie" : "-no-pie";
    expect(await folded(dir, ["main.o"], [link, "-Wl,--icf=safe"])).toEqual([
      ".rodata.jumps2",
      ".text.called1",
      ".text.called2",
      ".text.jumps2",
    ]);
    expect((await dir.run("./a.out")).stdout).toBe("b\nb\n15 111\n");
    await folded(dir, ["main.o"], [link, "-Wl,--icf=all"]);
    expect((await dir.run("./a.out")).stdout).toBe("b\nb\n15 000\n");
  }
});

test.skipIf(!isInstalled("clang"))("--icf=safe goes by .llvm_addrsig where an object has it", async () => {
  await using dir = await scratch({ "main.c": pointers });
  await compile(dir, "main.c", ["-fPIE"], "clang");
  const safe = await folded(dir, ["main.o"], ["-Wl,--icf=safe"]);
  expect(safe).toEqual(expect.arrayContaining([".text.called2", ".text.jumps2"]));
  expect((await dir.run("./a.out")).stdout).toBe("b\nb\n15 111\n");
  if (!isInstalled("ld.lld")) return;
  const { stdout } = await dir.link(lld, ["main.o"], { flags: ["-Wl,--icf=safe,--print-icf-sections"] });
  expect(safe).toEqual(expect.arrayContaining(removed(stdout)));
});

test("what others may find by its name keeps its address with --icf=safe", async () => {
  await using dir = await scratch({
    "lib.c": `
      __attribute__((visibility("hidden"), noinline)) void inner1(int *x) { *x = 4; }
      __attribute__((visibility("hidden"), noinline)) void inner2(int *x) { *x = 4; }
      void outer1(int *x) { *x = 4; } void outer2(int *x) { *x = 4; }
      void use(int *x) { inner1(x); inner2(x); }`,
  });
  await compile(dir, "lib.c", ["-fPIC", "-fno-ipa-icf", "-fno-inline"]);
  expect(await folded(dir, ["lib.o"], ["-shared", "-Wl,--icf=safe"])).toEqual([".text.inner1", ".text.inner2"]);
  expect(await folded(dir, ["lib.o"], ["-shared", "-Wl,--icf=all"])).toHaveLength(3);
});

const virtuals = `
  #include <cstdio>
  #include <stdexcept>
  struct Base { virtual int get(int x) = 0; virtual ~Base() {} };
  struct A : Base { int get(int x) override { return x * 9 + 1; } };
  struct B : Base { int get(int x) override { return x * 9 + 1; } };
  struct Guard { const char *name; ~Guard() { std::puts(name); } };
  __attribute__((noinline)) void raise(int x) { if (x == 1) throw 1; if (x == 2) throw std::runtime_error("two"); if (x == 3) throw 3.5; }
  #define CATCHES(n, type) __attribute__((noinline)) int n(int x) { try { raise(x); } catch (type &) { return 10; } return 20; }
  CATCHES(int1, int) CATCHES(int2, int) CATCHES(error1, std::runtime_error) CATCHES(error2, std::runtime_error)
  template <class F> int guarded(F f, int x) { try { return f(x); } catch (...) { return 99; } }
  int main(int c, char **) {
    A a; B b; Base *bases[] = {&a, &b};
    std::printf("%d %d\\n", bases[c - 1]->get(c), bases[c]->get(c));
    for (int x = 0; x < 4; x++)
      std::printf("%d %d %d %d\\n", guarded([](int y) { return int1(y); }, x), guarded([](int y) { return int2(y); }, x),
                  guarded([](int y) { return error1(y); }, x), guarded([](int y) { return error2(y); }, x));
  }`;

for (const compiler of ["g++", "clang++"])
  test.skipIf(!isInstalled(compiler))(
    `functions that handle exceptions fold where they handle the same ones (${compiler})`,
    async () => {
      await using dir = await scratch({ "main.cc": virtuals });
      await compile(dir, "main.cc", ["-fno-inline", ...(compiler === "g++" ? ["-fno-ipa-icf"] : [])], compiler);
      const { stdout } = await dir.linkAndRun(spore, ["main.o"], { output: "plain" });
      for (const kind of ["safe", "all"]) {
        const names = await folded(dir, ["main.o"], [`-Wl,--icf=${kind}`]);
        expect(names).toEqual(expect.arrayContaining([".text._Z4int2i", ".text._Z6error2i", ".text._ZN1B3getEi"]));
        for (const kept of [".text._Z4int1i", ".text._Z6error1i"]) expect(names).not.toContain(kept);
        expect(await dir.run("./a.out")).toMatchObject({ status: 0, stdout });
      }
    },
  );

test("data with a name is folded when --ignore-data-address-equality says so, what is without a name at once", async () => {
  await using dir = await scratch({
    "main.c": `
      const int numbers1[] = {1, 2, 3}, numbers2[] = {1, 2, 3};
      int main(int c, char **v) { const int *volatile a = numbers1, *volatile b = numbers2; return a == b; }`,
  });
  await compile(dir, "main.c", ["-fno-merge-constants"]);
  expect(await folded(dir, ["main.o"], ["-Wl,--icf=all"])).toEqual([]);
  expect((await dir.run("./a.out")).status).toBe(0);
  for (const kind of ["safe", "all"])
    expect(await folded(dir, ["main.o"], [`-Wl,--icf=${kind},--ignore-data-address-equality`])).toEqual([
      ".rodata.numbers1",
    ]);
  expect((await dir.run("./a.out")).status).toBe(1);
});

test("--keep-unique keeps a function by itself, and says when there is none", async () => {
  await using dir = await scratch(functions);
  for (const name of Object.keys(functions)) await compile(dir, name);
  const inputs = ["main.o", "other.o"];
  expect(await folded(dir, inputs, ["-Wl,--icf=all,--keep-unique,add1"])).toEqual([".text.add3"]);
  const flags = ["-Wl,--icf=all,--keep-unique=nowhere"];
  expect((await dir.link(spore, inputs, { flags, unlike })).stderr).toMatch(
    /warning: symbol 'nowhere' of --keep-unique is not defined/,
  );
  expect(await folded(dir, inputs, ["-Wl,--icf=all,--icf=none"])).toEqual([]);
});

test("sections that __start_ symbols find, and those of different output sections, are not folded", async () => {
  await using dir = await scratch({
    "main.c": `
      __attribute__((section("list"), used)) static const int a = 4; __attribute__((section("list2"), used)) static const int b = 4;
      __attribute__((section(".text.one"), noinline)) int one(int x) { return x * 5 + 1; }
      __attribute__((section(".text.two"), noinline)) int two(int x) { return x * 5 + 1; }
      __attribute__((section(".text.three"), noinline)) int three(int x) { return x * 5 + 1; }
      extern const int __start_list[], __stop_list[], __start_list2[], __stop_list2[];
      int main(int c, char **v) { return __stop_list - __start_list + (__stop_list2 - __start_list2) + one(c) + two(c) + three(c); }`,
    "script.ld": "SECTIONS { .first : { *(.text.one) } .second : { *(.text.two .text.three) } } INSERT BEFORE .text;",
  });
  await compile(dir, "main.c", ["-fno-ipa-icf"]);
  expect(await folded(dir, ["main.o"], ["-Wl,--icf=all"])).toEqual([".text.three", ".text.two"]);
  expect((await dir.run("./a.out")).status).toBe(20);
  expect(await folded(dir, ["main.o"], ["-Wl,--icf=all,-T,script.ld"])).toEqual([".text.three"]);
  expect((await dir.run("./a.out")).status).toBe(20);
});

test.skipIf(!isInstalled("gdb"))("gdb stops at the lines of both functions, and at both names", async () => {
  await using dir = await scratch({
    "main.c":
      "int second(int);\n__attribute__((noinline)) int first(int x) {\n  return x * 3 + 1;\n}\nint main(int c, char **v) { return first(c) + second(c); }\n",
    "second.c":
      "\n\n\n\n\n\n\n__attribute__((noinline)) int second(int x) {\n  return x * 3 + 1;\n}\nint third(int x) { return x; }\n",
  });
  for (const flags of [["-g"], ["-g", "-gdwarf-4"]]) {
    for (const name of ["main.c", "second.c"]) await compile(dir, name, flags);
    expect(await folded(dir, ["main.o", "second.o"], ["-Wl,--icf=all,--build-id"])).toEqual([".text.second"]);
    for (const place of ["main.c:3", "second.c:9", "first", "second"]) {
      const commands = [`break ${place}`, "run", "backtrace", "continue"].flatMap((command) => ["-ex", command]);
      const { stdout } = await dir.run("gdb", ["-batch", "-nx", ...commands, "./a.out"]);
      expect(stdout, place).toMatch(/Breakpoint 1, /);
      expect(stdout, place).toMatch(/#1 .* in main \(.*\) at main.c:5/);
    }
    const { stdout } = await dir.mustRun("readelf", ["--debug-dump=info", "a.out"]);
    const lows = [...stdout.matchAll(/DW_AT_low_pc\s*: (0x\w+)/g)].map(([, low]) => low);
    expect(new Set(lows.filter((low) => low !== "0x0")).size).toBe(lows.filter((low) => low !== "0x0").length);
  }
});

test("the output is the same bytes for any number of workers", async () => {
  await using dir = await scratch(functions);
  for (const name of Object.keys(functions)) await compile(dir, name, ["-g"]);
  await expectSameBytes(dir.file("a.out"), async (option, output) => {
    const flags = ["-Wl,--icf=all,--build-id", option];
    expect((await dir.link(spore, ["main.o", "other.o"], { flags, output, unlike })).status).toBe(0);
  });
});
