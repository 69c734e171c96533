import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const linkers = [bfd, spore];
const kinds = [
  ["-fno-pie", "-no-pie"],
  ["-fno-pie", "-static"],
  ["-fPIE", "-pie"],
  ["-fPIC", "-pie"],
  ["-fPIC", "-fno-plt", "-pie"],
  ["-fPIE", "-static-pie"],
];

test("an undefined weak function and variable are null in every kind of program", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      __attribute__((weak)) int function(int); extern __attribute__((weak)) int variable;
      int (*pointer)(int) = function; int *address = &variable;
      int main(void) {
        if (function) return function(1);
        if (&variable) return variable;
        printf("%d %d\\n", pointer == 0, address == 0);
      }`,
  });
  for (const flags of kinds)
    for (const level of ["-O0", "-O2"]) {
      await dir.compile("main.c", [...flags.filter((flag) => flag.startsWith("-f")), level]);
      for (const linker of linkers)
        expect(
          await dir.linkAndRun(linker, ["main.o"], { flags: [flags.at(-1)!] }),
          `${linker.name} ${flags.join(" ")}`,
        ).toMatchObject({ status: 0, stdout: "1 1\n" });
    }
});

test("a strong definition wins over a weak one, and the first of several weak ones is used", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "weak1.c": "__attribute__((weak)) int f(void) { return 1; }",
    "weak2.c": "__attribute__((weak)) int f(void) { return 2; }",
    "strong.c": "int f(void) { return 3; }",
  });
  for (const linker of linkers) {
    const run = async (...objects: string[]) => (await dir.linkAndRun(linker, ["main.o", ...objects])).status;
    expect(await run("weak1.o", "strong.o")).toBe(3);
    expect(await run("strong.o", "weak1.o")).toBe(3);
    expect(await run("weak2.o", "weak1.o")).toBe(2);
    expect(await run("weak1.o", "weak2.o")).toBe(1);
  }
});

test("a weak reference of a shared object is filled by the program that defines it", async () => {
  await using dir = await scratch({
    "lib.c": "__attribute__((weak)) int hook(void); int call(void) { return hook ? hook() : 4; }",
    "main.c": "int call(void); int main(void) { return call(); }",
    "hook.c": "int hook(void) { return 8; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 4 });
  expect(await dir.linkAndRun(spore, ["main.o", "hook.o", "lib.so"])).toMatchObject({ status: 8 });
});

test("a weak definition of the program takes the place of the library's own", async () => {
  await using dir = await scratch({
    "main.c":
      "#include <stdlib.h>\n__attribute__((weak)) int abs(int x) { return x + 50; }\nint (*volatile f)(int) = abs; int main(void) { return f(1); }",
  });
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o"]), linker.name).toMatchObject({ status: 51 });
});

test("a hidden reference to a weak symbol that nobody defines is null, to a strong one an error", async () => {
  await using dir = await scratch({
    "weak.c": `__attribute__((weak, visibility("hidden"))) int f(void); int main(void) { return f ? 1 : 6; }`,
    "strong.c": `__attribute__((visibility("hidden"))) int f(void); int main(void) { return f(); }`,
    "lib.c": "int f(void) { return 2; }",
  });
  await dir.shared("lib.so", ["lib.o"]);
  expect(await dir.linkAndRun(spore, ["weak.o"])).toMatchObject({ status: 6 });
  expect(await dir.link(spore, ["strong.o"])).toMatchObject({ status: 1 });
  expect(await dir.link(spore, ["strong.o", "lib.so"])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/'f'/),
  });
});

test("a call of a function that nothing defines ends the program, as with GNU ld", async () => {
  await using dir = await scratch({
    "main.c": "__attribute__((weak)) void nothing(void); int main(void) { nothing(); return 0; }",
  });
  for (const flags of kinds) {
    await dir.compile("main.c", flags.slice(0, -1));
    for (const linker of linkers) {
      const ended = await dir.linkAndRun(linker, ["main.o"], { flags: [flags.at(-1)!] });
      expect(ended.status, `${linker.name} ${flags.join(" ")}`).not.toBe(0);
    }
  }
});
