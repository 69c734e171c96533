import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "lib.c": `
    int shared(int x) { return x + 1; }
    typedef int (*F)(int);
    F library_view(void) { return shared; }
    F table[] = {shared};
    extern int own(int);
    F library_view_of_own(void) { return own; }`,
  "main.c": `
    #include <stdio.h>
    #include <stdlib.h>
    typedef int (*F)(int);
    int shared(int); F library_view(void), library_view_of_own(void); extern F table[];
    int own(int x) { return x; }
    F constant = shared; static F const hidden = shared; F from_libc = abs;
    F other_view(void);
    int main(void) {
      F here = shared;
      printf("%d%d%d%d%d%d %d %d %d\\n", here == library_view(), here == table[0], here == constant, here == hidden,
        library_view_of_own() == own, other_view() == here, here(1), shared(2), from_libc(-4));
    }`,
  "other.c": "typedef int (*F)(int); int shared(int); F other_view(void) { return shared; }",
};

for (const flags of [
  ["-fno-pie", "-no-pie"],
  ["-fPIE", "-pie"],
  ["-fPIC", "-pie"],
  ["-fno-plt", "-fPIE", "-pie"],
])
  test(`a function of a shared object has one address in program and library (${flags.join(" ")})`, async () => {
    await using dir = await scratch(files);
    await dir.compile("lib.c", ["-fPIC"]);
    for (const name of ["main.c", "other.c"])
      await dir.compile(name, [...flags.filter((flag) => flag.startsWith("-f")), "-O1"]);
    await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
    for (const binding of ["lazy", "now"])
      for (const linker of [bfd, spore])
        expect(
          await dir.linkAndRun(linker, ["main.o", "other.o", "lib.so"], {
            flags: [flags.at(-1)!, `-Wl,-z,${binding}`],
          }),
          `${linker.name} ${binding}`,
        ).toMatchObject({ stdout: "111111 2 3 4\n" });
    await expectWellFormed(dir.file("a.out"));
  });

test("a protected function of a shared object has one address when the program takes it through the GOT", async () => {
  await using dir = await scratch({
    "lib.c": `__attribute__((visibility("protected"))) int f(void) { return 1; } void *view(void) { return f; }`,
    "main.c": "int f(void); void *view(void); int main(void) { return (void *)f == view() ? f() : 9; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.compile("main.c", ["-fPIC"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 1 });
});
