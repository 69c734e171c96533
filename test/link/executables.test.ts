import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.c": `
    #include <errno.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    extern int counter, *counter_address(void);
    extern const char *names[];
    extern __thread int local;
    int compare(const void *, const void *);
    int next(void);
    static int sorted[] = {5, 3, 9, 1};
    int main(int argc, char **argv) {
      qsort(sorted, 4, sizeof *sorted, compare);
      for (int i = 0; i < 4; i++) printf("%d ", sorted[i]);
      errno = 7;
      local += argc;
      int first = next(), second = next();
      printf("%s %s %d %d %d %d %d\\n", names[0], names[1], first, second, counter, &counter == counter_address(), local);
      char *copy = strdup(argv[1]);
      fprintf(stderr, "%s %d\\n", copy, errno == 7);
      free(copy);
      return argc + 40;
    }`,
  "data.c": `
    int counter = 10;
    const char *names[] = {"one", "two"};
    __thread int local = 100;
    int *counter_address(void) { return &counter; }`,
  "code.c": `
    extern int counter;
    int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
    static int step(void) { static int by = 1; return by++; }
    int next(void) { return counter += step(); }`,
};
const objects = ["main.o", "data.o", "code.o"];
const expected = { status: 42, stdout: "1 3 5 9 one two 11 13 13 1 102\n", stderr: "word 1\n" };

const kinds = [
  { name: "PIE", compile: "-fPIE", flags: ["-pie"], type: "DYN" },
  { name: "executable at a fixed address", compile: "-fno-pie", flags: ["-no-pie"], type: "EXEC" },
  { name: "static executable", compile: "-fno-pie", flags: ["-static"], type: "EXEC" },
  { name: "static PIE", compile: "-fPIE", flags: ["-static-pie"], type: "DYN" },
  { name: "PIE that is bound at once", compile: "-fPIE", flags: ["-pie", "-Wl,-z,now"], type: "DYN" },
  { name: "executable without PLT calls", compile: "-fno-plt", flags: ["-no-pie"], type: "EXEC" },
  { name: "PIE from PIC objects", compile: "-fPIC", flags: ["-pie"], type: "DYN" },
];

for (const { name, compile, flags, type } of kinds)
  for (const level of ["-O0", "-O2"])
    test(`a C program of several files, compiled with ${level}, becomes a ${name} that runs`, async () => {
      await using dir = await scratch(files);
      for (const source of Object.keys(files)) await dir.compile(source, [compile, level]);
      expect(await dir.linkAndRun(spore, objects, { flags, args: ["word"] })).toMatchObject(expected);
      await expectWellFormed(dir.file("a.out"));
      expect((await readelf(dir.file("a.out"), "-hW")).text).toMatch(new RegExp(`Type: +${type}`));
    });

test("a PIE has the kinds of program headers that GNU ld makes, with the same access", async () => {
  await using dir = await scratch(files);
  const types = async (): Promise<string[]> => {
    const { text } = await readelf(dir.file("a.out"), "-lW");
    const found = [...text.matchAll(/^ {2}([A-Z_]+) +0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ (.{3}) /gm)];
    return [...new Set(found.map(([, type = "", access = ""]) => `${type} ${access}`))];
  };
  const seen: string[][] = [];
  for (const linker of [bfd, spore]) {
    await dir.link(linker, objects);
    seen.push(
      (await types()).filter((type) => !type.startsWith("GNU_PROPERTY") && !type.startsWith("DYNAMIC")).toSorted(),
    );
  }
  expect(seen[0]!.length).toBeGreaterThan(8);
  expect(seen[1]).toEqual(seen[0]);
});

test("an assembly program without the C library runs", async () => {
  await using dir = await scratch({
    "start.s": `
      .globl _start
      .text
      _start: mov $60, %eax
      mov value(%rip), %edi
      syscall
      .data
      value: .long 23
      .section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("start.s");
  expect((await dir.linkDirectly(spore, ["start.o", "-o", "a.out"])).status).toBe(0);
  expect(await dir.run("./a.out")).toMatchObject({ status: 23 });
  await expectWellFormed(dir.file("a.out"));
});

test("the stack is executable only when an object asks for it", async () => {
  await using dir = await scratch({
    "main.c": "int main(void) { return 0; }",
    "hungry.s": '.section .note.GNU-stack,"x",@progbits',
  });
  const stack = async (inputs: string[], flags: string[] = []): Promise<string> => {
    await dir.link(spore, inputs, { flags });
    return /GNU_STACK.*?(RWE|RW)/.exec((await readelf(dir.file("a.out"), "-lW")).text)?.[1] ?? "none";
  };
  expect(await stack(["main.o"])).toBe("RW");
  expect(await stack(["main.o", "hungry.o"])).toBe("RWE");
  expect(await stack(["main.o", "hungry.o"], ["-Wl,-z,noexecstack"])).toBe("RW");
  expect(await stack(["main.o"], ["-Wl,-z,execstack"])).toBe("RWE");
});

test("a program with large and with uninitialised data has its zeros and its bytes", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      extern char filled[], empty[]; extern const char constant[];
      static char own[1 << 20];
      int main(void) {
        long sum = 0;
        for (int i = 0; i < 1 << 20; i++) sum += filled[i] * 3 + empty[i] + constant[i] + own[i];
        printf("%ld\\n", sum);
      }`,
    "data.c": `
      char filled[1 << 20] = {[5] = 1, [(1 << 20) - 1] = 2}; char empty[1 << 20];
      const char constant[1 << 20] = {[99999] = 50};`,
  });
  for (const flags of [[], ["-static"], ["-no-pie"]])
    expect(await dir.linkAndRun(spore, ["main.o", "data.o"], { flags })).toMatchObject({ stdout: "59\n" });
});
