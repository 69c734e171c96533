import { expect, test } from "vitest";

import { bfd, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const linkers = [bfd, spore];

test("tentative definitions of several files are one variable, of the largest size and alignment", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      int shared; char buffer[10]; int *other(void); char *other_buffer(void);
      int main(void) { shared = 3; printf("%d %d %d\\n", *other(), other() == &shared, other_buffer() == buffer); }`,
    "other.c":
      "int shared; __attribute__((aligned(128))) char buffer[500]; int *other(void) { return &shared; } char *other_buffer(void) { return buffer; }",
    "third.c": "char buffer[200];",
  });
  for (const name of ["main.c", "other.c", "third.c"]) await dir.compile(name, ["-fcommon"]);
  for (const linker of linkers)
    for (const flags of [["-pie"], ["-static"]]) {
      expect(await dir.linkAndRun(linker, ["main.o", "other.o", "third.o"], { flags })).toMatchObject({
        stdout: "3 1 1\n",
      });
      const buffer = (await symbols(dir.file("a.out"))).find(({ name }) => name === "buffer")!;
      expect(buffer.size, linker.name).toBe(500);
      expect(buffer.value % 128, linker.name).toBe(0);
    }
});

test("a definition wins over tentative ones, wherever it is", async () => {
  await using dir = await scratch({
    "main.c": "int shared; int main(void) { return shared; }",
    "def.c": "int shared = 5;",
    "weak.c": "__attribute__((weak)) int shared = 7;",
  });
  await dir.compile("main.c", ["-fcommon"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "def.o"]), linker.name).toMatchObject({ status: 5 });
    expect(await dir.linkAndRun(linker, ["def.o", "main.o"]), linker.name).toMatchObject({ status: 5 });
    expect(await dir.linkAndRun(linker, ["main.o", "weak.o"]), linker.name).toMatchObject({ status: 0 });
  }
});

test("a tentative definition is exported by a shared object and used by the program", async () => {
  await using dir = await scratch({
    "lib.c": "int shared; void set(int x) { shared = x; }",
    "main.c": "extern int shared; void set(int); int main(void) { set(9); return shared; }",
  });
  await dir.compile("lib.c", ["-fcommon", "-fPIC"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 9 });
});

test("what a shared object exports of several tentative definitions is as long as the longest, and data", async () => {
  await using dir = await scratch({
    "short.c": "int both[2]; int *get(void) { return both; }",
    "long.c": "int both[20]; char other;",
    "main.c": "extern int both[20], *get(void); int main(void) { both[19] = 6; return get()[19]; }",
  });
  for (const [i, name] of ["short.c", "long.c"].entries())
    await dir.compile(name, ["-fcommon", "-fPIC", `-Wa,--elf-stt-common=${i === 0 ? "yes" : "no"}`]);
  for (const linker of linkers) {
    expect(await dir.link(linker, ["short.o", "long.o"], { flags: ["-shared"], output: "lib.so" })).toMatchObject({
      status: 0,
    });
    const both = (await symbols(dir.file("lib.so"), ".dynsym")).find(({ name }) => name === "both");
    expect(both, linker.name).toMatchObject({ size: 80, type: "OBJECT" });
    expect(await dir.linkAndRun(linker, ["main.o", "lib.so"]), linker.name).toMatchObject({ status: 6 });
  }
});
