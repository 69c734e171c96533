import { expect, test } from "vitest";

import { dynamicEntries, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const names = Array.from({ length: 300 }, (_, i) => `function_${i * 7919}`);

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
    // readelf prints how long the chains are; every symbol must be in one.
    const { text, complaints } = await readelf(dir.file("lib.so"), "-IW");
    expect(complaints).toEqual([]);
    expect(text).toMatch(/bucket list length/);
  });
