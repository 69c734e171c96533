import { expect, test } from "vitest";

import { bfd, readelf, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
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

/** `external` is what the object says of GNU_PROPERTY_1_NEEDED, written by the compiler. */
const external = { without: "-mdirect-extern-access", with: "-mno-direct-extern-access" } as const;
const accesses = {
  data: "data = 7; if (&data != data_there() || *data_there() != 7) return 1;",
  "a function's address": "if ((void *)function != function_there()) return 2;",
  "a call": "if (function() != 5) return 3;",
};
const definitions = (visibility: string): string => `
  __attribute__((visibility("${visibility}"))) int data = 5;
  __attribute__((visibility("${visibility}"))) int function(void) { return data; }
  int *data_there(void) { return &data; }
  void *function_there(void) { return (void *)function; }`;

const programOf = (statements: string): string => `
  extern int data, function(void), *data_there(void);
  void *function_there(void);
  int main(void) { ${statements} return 0; }`;

for (const visibility of ["protected", "default"])
  for (const [property, libraryFlag] of Object.entries(external))
    test(`a program and ${visibility} symbols of a library ${property} the property of indirect access`, async () => {
      await using dir = await scratch({ "lib.c": definitions(visibility) });
      await dir.compile("lib.c", ["-fPIC", libraryFlag]);
      await dir.shared("lib.so", ["lib.o"]);
      let refused = 0;
      for (const [what, statements] of Object.entries(accesses)) {
        await dir.write("main.c", programOf(statements));
        for (const flag of Object.values(external))
          for (const [kind, level] of [
            ["-no-pie", "-fno-pie"],
            ["-pie", "-fPIE"],
          ] as const) {
            await dir.compile("main.c", [level, flag]);
            const seen = [];
            for (const linker of [bfd, spore]) {
              const { status } = await dir.link(linker, ["main.o", "lib.so"], { flags: [kind] });
              const ran =
                status === 0 ? await dir.run("./a.out", [], { env: { LD_LIBRARY_PATH: dir.path } }) : undefined;
              seen.push({ status, ran: ran?.status, needed: await indirectAccess(dir, status === 0) });
            }
            expect(seen[1], `${what} ${flag} ${kind}`).toEqual(seen[0]);
            if (seen[1].status === 0) expect(seen[1].ran).toBe(0);
            else refused++;
          }
      }
      expect(refused).toBe(visibility === "protected" ? 3 : 0);
    });

/** Whether readelf finds the property in a.out. */
async function indirectAccess(dir: Scratch, isThere: boolean): Promise<boolean> {
  return isThere && (await readelf(dir.file("a.out"), "-nW")).text.includes("1_needed: indirect external access");
}

test("an output has the property of indirect access if an object has, unless it has copies or functions of its own", async () => {
  await using dir = await scratch({
    "lib.c": definitions("default"),
    "marked.c": "",
    "plain.c": "int own(void) { return 5; }",
    ...Object.fromEntries(
      Object.entries(accesses).map(([what, statements]) => [`${what.replace(/.* /, "")}.c`, programOf(statements)]),
    ),
  });
  await dir.compile("marked.c", ["-mno-direct-extern-access"]);
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.shared("lib.so", ["lib.o"]);
  const unlike = "GNU ld leaves the property without its bit";
  const cases: readonly [inputs: string[], flags: string[], expected: boolean][] = [
    [["data.o", "marked.o", "lib.so"], ["-no-pie"], false],
    [["address.o", "marked.o", "lib.so"], ["-no-pie"], false],
    [["call.o", "marked.o", "lib.so"], ["-no-pie"], true],
    [["call.o", "lib.so"], ["-no-pie"], false],
    [["plain.o", "marked.o"], ["-shared"], true],
    [["plain.o"], ["-shared"], false],
  ];
  for (const name of ["data.c", "address.c", "call.c", "plain.c"]) await dir.compile(name, ["-fno-pie"]);
  for (const [inputs, flags, expected] of cases)
    for (const linker of [bfd, spore]) {
      expect(await dir.link(linker, inputs, { flags, ...(expected ? {} : { unlike }) })).toMatchObject({ status: 0 });
      expect(await indirectAccess(dir, true), `${linker.name} ${inputs.join(" ")}`).toBe(expected);
    }
});

test("a copy is aligned as its section and its address in the library prove, however strictly", async () => {
  await using dir = await scratch({
    "lib.c": `
      int one = 1; __attribute__((aligned(4096))) char page[8192] = "page"; __attribute__((aligned(256))) char line[256];
      char odd[3] = "od";`,
    "main.c": `
      #include <stdio.h>
      extern int one; extern char page[8192], line[256], odd[3];
      int main(void) { printf("%d %d %d %s\\n", one, (int)((long)page % 4096), (int)((long)line % 256), page); return odd[2]; }`,
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.mustRun("ld.bfd", ["-shared", "lib.o", "-o", "lib.so"]);
  await dir.compile("main.c", ["-fno-pie"]);
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"], { flags: ["-no-pie"] })).toMatchObject({
    stdout: "1 0 0 page\n",
  });
});

test("data without a size has room in the program, and a warning", async () => {
  await using dir = await scratch({
    "lib.s": '.data\n.globl d\n.type d, @object\nd: .long 7\n.section .note.GNU-stack,"",@progbits\n',
    "main.c": "extern int d; int main(void) { return d; }",
  });
  await dir.mustRun("ld.bfd", ["-shared", await dir.compile("lib.s"), "-o", "lib.so"]);
  await dir.compile("main.c", ["-fno-pie"]);
  const linked = await dir.link(spore, ["main.o", "lib.so"], { flags: ["-no-pie"] });
  expect(linked).toMatchObject({ status: 0, stderr: expect.stringContaining("'d' of a shared object has no size") });
  expect(await dir.run(dir.file("a.out"), [], { env: { LD_LIBRARY_PATH: dir.path } })).toMatchObject({ status: 0 });
});
