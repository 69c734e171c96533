import { expect, test } from "vitest";

import { dynamicEntries, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const names = Array.from({ length: 300 }, (_, i) => `function_${i * 7919}`);

/** Lengths of chains and how many there are of each, in what `readelf -I` prints of a table. */
const chains = (histogram: string): number[][] =>
  [...histogram.matchAll(/^ +(\d+) +(\d+) +\(/gm)].map(([, length, count]) => [Number(length), Number(count)]);
const inChains = (histogram: string): number =>
  chains(histogram).reduce((sum, [length = 0, count = 0]) => sum + length * count, 0);
const longestChain = (histogram: string): number => Math.max(...chains(histogram).map(([length = 0]) => length));

for (const [style, tables] of [
  ["sysv", ["HASH"]],
  ["gnu", ["GNU_HASH"]],
  ["both", ["HASH", "GNU_HASH"]],
] as const)
  test(`the loader finds every symbol with --hash-style=${style}`, async () => {
    await using dir = await scratch({
      "lib.c": names.map((name, i) => `int ${name}(void) { return ${i}; }`).join("\n"),
      "main.c": `
        #include <dlfcn.h>
        #include <stdio.h>
        static const char *const names[] = {${names.map((name) => `"${name}"`).join(",")}};
        int main(void) {
          void *lib = dlopen("./lib.so", RTLD_NOW);
          int found = 0;
          for (int i = 0; i < ${names.length}; i++) { int (*f)(void) = (int (*)(void))dlsym(lib, names[i]); found += f && f() == i; }
          printf("%d %d\\n", found, dlsym(lib, "function_1") == 0);
        }`,
    });
    await dir.compile("lib.c", ["-fPIC"]);
    await dir.link(spore, ["lib.o"], { flags: ["-shared", `-Wl,--hash-style=${style}`], output: "lib.so" });
    expect(await dir.linkAndRun(spore, ["main.o"], { cwd: dir.path })).toMatchObject({ stdout: `${names.length} 1\n` });
    for (const tag of ["HASH", "GNU_HASH"] as const)
      expect(await dynamicEntries(dir.file("lib.so"), tag), tag).toHaveLength(
        tables.some((table) => table === tag) ? 1 : 0,
      );
    // Each symbol is in one chain: of .hash any, of .gnu.hash those that are defined. readelf counts chains by length.
    const { text, complaints } = await readelf(dir.file("lib.so"), "-IW");
    expect(complaints).toEqual([]);
    const dynamic = (await symbols(dir.file("lib.so"), ".dynsym")).slice(1);
    const defined = dynamic.filter(({ section }) => section !== "UND");
    expect(defined.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    expect(dynamic.length).toBeGreaterThan(defined.length);
    const counts = { HASH: dynamic.length, GNU_HASH: defined.length };
    const histograms = text.split(/^Histogram for /m).slice(1);
    expect(histograms.map(inChains)).toEqual(tables.map((table) => counts[table]));
    for (const histogram of histograms) expect(longestChain(histogram)).toBeLessThan(10);
  });

test("the loader finds each of 40,000 functions, more than one part of .dynsym has", async () => {
  const count = 40_000;
  const functions = Array.from({ length: count }, (_, i) => `.globl f${i}\n.type f${i}, @function\nf${i}: ret\n`);
  await using dir = await scratch({
    "many.s": `${functions.join("")}.cfi_startproc\nret\n.cfi_endproc\n.section .note.GNU-stack,"",@progbits\n`,
    "main.c": `
      #include <dlfcn.h>
      #include <stdio.h>
      int main(int argc, char **argv) {
        void *library = dlopen(argv[1], RTLD_NOW);
        char name[16], *first = dlsym(library, "f0");
        int found = 0;
        for (int i = 0; i < ${count}; i++) {
          snprintf(name, sizeof name, "f%d", i);
          found += (char *)dlsym(library, name) == first + i;
        }
        printf("%d\\n", found);
      }`,
  });
  await dir.compile("many.s");
  await dir.compile("main.c");
  await dir.link(spore, ["main.o"], { output: "main" });
  for (const style of ["gnu", "sysv"]) {
    const flags = ["-shared", `-Wl,--hash-style=${style}`, "-Wl,--build-id"];
    await dir.link(spore, ["many.o"], { flags, output: "many.so" });
    expect(await dir.run(dir.file("main"), [dir.file("many.so")]), style).toMatchObject({ stdout: `${count}\n` });
  }
});
