import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
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
