import { expect, test } from "vitest";

import { readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const kinds = [["-no-pie"], ["-pie"]];

test("a program and the C library share environ under all its names", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      extern char **environ, **__environ, **_environ;
      int main(void) {
        char *own[] = {"NAME=own", 0};
        environ = own;
        printf("%d %d %s\\n", &environ == &__environ, &environ == &_environ, getenv("NAME"));
        setenv("OTHER", "new", 1);
        printf("%s %d\\n", environ[1], __environ == environ);
      }`,
    "one.c": `
      #include <stdio.h>
      #include <stdlib.h>
      extern char **environ;
      int main(void) { char *own[] = {"NAME=own", 0}; environ = own; puts(getenv("NAME")); }`,
  });
  for (const flags of kinds) {
    for (const level of ["-fno-pie", "-fPIE"]) {
      if (level === "-fno-pie" && flags[0] === "-pie") continue;
      await dir.compile("main.c", [level]);
      await dir.compile("one.c", [level]);
      expect(await dir.linkAndRun(spore, ["main.o"], { flags })).toMatchObject({ stdout: "1 1 own\nOTHER=new 1\n" });
      await expectWellFormed(dir.file("a.out"));
      expect(await dir.linkAndRun(spore, ["one.o"], { flags })).toMatchObject({ stdout: "own\n" });
    }
  }
});

test("a program that refers to stdout directly prints through the library's own stream", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      int main(void) { fputs("a", stdout); printf("b"); setvbuf(stdout, 0, _IONBF, 0); fputs("c\\n", stdout); return stdout == stderr; }`,
  });
  await dir.compile("main.c", ["-fno-pie"]);
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-no-pie"] })).toMatchObject({ status: 0, stdout: "abc\n" });
  expect((await readelf(dir.file("a.out"), "-rW")).text).toMatch(/R_X86_64_COPY.* stdout@/);
});

test("copied data keeps its size, its alignment and its aliases, and is read-only where it was", async () => {
  await using dir = await scratch({
    "lib.c": `
      int numbers[100] = {[99] = 7}; extern int alias[100] __attribute__((alias("numbers")));
      __attribute__((aligned(64))) char wide[64] = "wide";
      const int constant = 5; int uninitialised;
      int *library_numbers(void) { return alias; }
      void set(int x) { uninitialised = x; numbers[0] = x; }`,
    "main.c": `
      #include <stdint.h>
      #include <stdio.h>
      extern int numbers[100]; extern int alias[100]; extern char wide[64]; extern const int constant; extern int uninitialised;
      int *library_numbers(void); void set(int);
      int main(void) {
        set(3);
        printf("%d %d %d ", numbers[99], alias[0], alias == numbers && numbers == library_numbers());
        printf("%s %d %d %d %d\\n", wide, (int)((uintptr_t)wide % 64), constant, uninitialised, numbers[0]);
      }`,
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.compile("main.c", ["-fno-pie"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"], { flags: ["-no-pie"] })).toMatchObject({
    stdout: "7 3 1 wide 0 5 3 3\n",
  });
  await expectWellFormed(dir.file("a.out"));
  const copied = (await symbols(dir.file("a.out"), ".dynsym"))
    .filter(({ section }) => section !== "UND")
    .map(({ name }) => name);
  expect(copied.toSorted()).toEqual(["alias", "constant", "numbers", "uninitialised", "wide"]);
  const { text } = await readelf(dir.file("a.out"), "-lW");
  const [, address, size] = /GNU_RELRO +\S+ (0x\S+) \S+ \S+ (0x\S+)/.exec(text)!.map(Number) as [
    number,
    number,
    number,
  ];
  const constant = (await symbols(dir.file("a.out"), ".dynsym")).find(({ name }) => name === "constant")!;
  expect(constant.value >= address && constant.value < address + size).toBe(true);
});

test("data that is only reached through the GOT is not copied", async () => {
  await using dir = await scratch({
    "main.c": "#include <stdio.h>\nint main(void) { return stdout == stderr; }",
  });
  await dir.compile("main.c", ["-fPIC"]);
  expect(await dir.linkAndRun(spore, ["main.o"])).toMatchObject({ status: 0 });
  expect((await readelf(dir.file("a.out"), "-rW")).text).not.toMatch(/R_X86_64_COPY/);
});

test("what a library calls copied data by is exported, also where --gc-sections finds nobody that refers to it", async () => {
  await using dir = await scratch({
    "lib.c": `
      int first = 1; extern int second __attribute__((alias("first")));
      void set(int x) { second = x; }`,
    "main.c": "extern int first; void set(int); int main(void) { set(5); return first; }",
  });
  await dir.shared("lib.so", ["lib.o"]);
  await dir.compile("main.c", ["-fno-pie", "-ffunction-sections"]);
  // GNU ld exports the name only that the program refers to, so that the library goes on with its own.
  const flags = ["-no-pie", "-Wl,--gc-sections"];
  const unlike = "aliases of copied data are exported, too";
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"], { flags, unlike })).toMatchObject({ status: 5 });
});
