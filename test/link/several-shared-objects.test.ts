import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

/** Each library has a type of its own to throw, thread-local variables and an indirect function, and calls the next. */
const library = (i: number): string => `
  #include <stdexcept>
  #include <string>
  struct Error${i} : std::runtime_error { using std::runtime_error::runtime_error; };
  static thread_local int depth = 0; thread_local int total${i} = ${i};
  extern "C" {
    int call${i + 1}(int);
    int add${i}(int x) { return x + ${i}; }
    typedef int (*Function)(int);
    Function choose${i}() { return add${i}; }
    int indirect${i}(int) __attribute__((ifunc("choose${i}")));
    int call${i}(int x) {
      depth++;
      ${
        i === 5
          ? 'throw Error5("five " + std::to_string(x + depth));'
          : `try { return call${i + 1}(indirect${i}(x)); }
             catch (const std::runtime_error &error) { total${i} += depth; throw Error${i}(error.what() + std::string(" via ${i}")); }`
      }
    }
  }`;

test("five shared objects throw and catch across each other, with thread-local variables and indirect functions in each", async () => {
  await using dir = await scratch({
    ...Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`lib${i}.cc`, library(i)])),
    "main.cc": `
      #include <cstdio>
      #include <dlfcn.h>
      #include <stdexcept>
      #include <thread>
      extern "C" int call1(int); extern thread_local int total1, total3;
      int main() {
        auto go = [] { try { call1(10); } catch (const std::exception &error) { std::printf("%s %d %d\\n", error.what(), total1, total3); } };
        go();
        std::thread(go).join();
        go();
        void *again = dlopen("lib5.so", RTLD_NOW);
        std::printf("%d %d\\n", again != nullptr, ((int (*)(int))dlsym(again, "indirect5"))(1));
        return dlclose(again);
      }`,
  });
  for (const i of [5, 4, 3, 2, 1]) {
    await dir.compile(`lib${i}.cc`, ["-fPIC", "-O1"]);
    const needed = i === 5 ? [] : ["-L.", `-l:lib${i + 1}.so`];
    const flags = ["-shared", ...needed, "-Wl,-rpath,$ORIGIN", `-Wl,-soname,lib${i}.so`];
    expect(await dir.link(spore, [`lib${i}.o`], { flags, output: `lib${i}.so` })).toMatchObject({
      status: 0,
      stderr: "",
    });
    await expectWellFormed(dir.file(`lib${i}.so`));
  }
  const line = (x: number, one: number, three: number): string => `five ${x} via 4 via 3 via 2 via 1 ${one} ${three}\n`;
  for (const kind of ["-pie", "-no-pie"])
    for (const binding of ["lazy", "now"]) {
      const flags = [kind, `-Wl,-z,${binding}`, "-L.", "-l:lib1.so", "-l:lib3.so", "-Wl,-rpath,$ORIGIN"];
      expect(await dir.linkAndRun(spore, ["main.o"], { flags }), `${kind} ${binding}`).toMatchObject({
        status: 0,
        stdout: `${line(21, 2, 4)}${line(21, 2, 4)}${line(22, 4, 6)}1 6\n`,
      });
      await expectWellFormed(dir.file("a.out"));
    }
});

test("what a program keeps to itself is an error where a shared object needs it", async () => {
  await using dir = await scratch({
    "lib.c": "int wanted(void); int lib(void) { return wanted(); }",
    "other.c": "int wanted(void) { return 8; }",
    "main.c": "int lib(void); int main(void) { return lib(); }",
    "plain.c": "int wanted(void) { return 7; }",
    "hidden.c": '__attribute__((visibility("hidden"))) int wanted(void) { return 7; }',
    "internal.c": '__attribute__((visibility("internal"))) int wanted(void) { return 7; }',
    local: "{ global: main; local: *; };",
  });
  await dir.shared("lib.so", ["lib.o"]);
  await dir.shared("libother.so", ["other.o"], ["-Wl,-soname,libother.so"]);
  await dir.archive("libplain.a", ["plain.o"]);
  const refused = [
    ["hidden.o"],
    ["internal.o"],
    ["plain.o", "-Wl,--version-script=local"],
    ["libplain.a", "-Wl,--exclude-libs=ALL"],
  ];
  for (const linker of [bfd, spore]) {
    for (const [provider, ...flags] of refused) {
      const inputs = ["main.o", provider, "-Wl,--no-as-needed", "lib.so"];
      const ended = await dir.link(linker, inputs, { flags: ["-u", "wanted", ...flags] });
      expect(ended.status, `${linker.name} ${provider} ${flags.join(" ")}`).toBe(1);
      expect(ended.stderr).toMatch(/(hidden|internal|local) symbol .wanted'/);
      // Another shared object may answer.
      const unlike = "GNU ld lists what is hidden in .dynsym";
      const command = { flags: ["-u", "wanted", ...flags], unlike };
      const answered = await dir.linkAndRun(linker, [...inputs, "libother.so"], command);
      expect(answered, `${linker.name} ${provider}`).toMatchObject({ status: 8 });
    }
    expect(await dir.linkAndRun(linker, ["main.o", "plain.o", "lib.so"]), linker.name).toMatchObject({ status: 7 });
  }
});

test("of libraries that only shared objects refer to, those are named that no other names, as with GNU ld", async () => {
  await using dir = await scratch({
    "b.c": "int b(void) { return 2; }",
    "a.c": "int b(void); int a(void) { return 1 + b(); }",
    "x.c": "int a(void), b(void); int x(void) { return a() + b(); }",
    "main.c": "int x(void); int main(void) { return x(); }",
  });
  await dir.shared("libb.so", ["b.o"], ["-Wl,-soname,libb.so"]);
  await dir.shared("liba.so", ["a.o", "libb.so"], ["-Wl,-soname,liba.so", "-Wl,-rpath,$ORIGIN"]);
  await dir.shared("libx.so", ["x.o"], ["-Wl,-soname,libx.so"]); // says nothing of a and b
  const flags = ["-Wl,--as-needed", "-Wl,-rpath,$ORIGIN"];
  for (const inputs of [
    ["libx.so", "liba.so", "libb.so"],
    ["libx.so", "libb.so", "liba.so"],
  ]) {
    const linked = await dir.linkAndRun(spore, ["main.o", ...inputs], { flags });
    expect(linked, inputs.join(" ")).toMatchObject({ status: 5 });
  }
});
