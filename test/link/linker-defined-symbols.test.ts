import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("etext, edata, end and their kin lie where GNU ld puts them, in order", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <elf.h>
      #include <stdio.h>
      #include <string.h>
      extern char etext[], _etext[], __etext[], edata[], _edata[], end[], _end[], __bss_start[], __data_start[];
      extern const Elf64_Ehdr __ehdr_start; extern char __executable_start[];
      int data = 1, zero; static int function(void) { return data; }
      int main(void) {
        #define IS(x) printf("%d", (x) ? 1 : 0)
        IS(etext == _etext && etext == __etext); IS(edata == _edata); IS(end == _end);
        IS((char *)&function < etext); IS((char *)&data < edata && (char *)&data >= __data_start); IS((char *)&zero >= __bss_start && (char *)&zero < end); IS(edata <= __bss_start);
        IS(memcmp(&__ehdr_start, ELFMAG, SELFMAG) == 0); IS((char *)&__ehdr_start == __executable_start);
        IS(__ehdr_start.e_phnum > 2);
        puts("");
        return function() - 1;
      }`,
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"], ["-static-pie"]])
    for (const linker of [bfd, spore])
      expect(await dir.linkAndRun(linker, ["main.o"], { flags }), `${linker.name} ${flags.join()}`).toMatchObject({
        status: 0,
        stdout: "1111111111\n",
      });
});

test("a program may define such names itself", async () => {
  await using dir = await scratch({
    "main.c": "int end = 3, edata = 4; int etext(void) { return 5; } int main(void) { return end * edata + etext(); }",
  });
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"]), linker.name).toMatchObject({ status: 17 });
});

test("_DYNAMIC is null in a static program and .dynamic elsewhere", async () => {
  await using dir = await scratch({
    "main.c":
      "extern __attribute__((weak)) long _DYNAMIC[]; int main(void) { return _DYNAMIC ? (_DYNAMIC[0] == 1 ? 1 : 2) : 0; }",
  });
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o"]), linker.name).toMatchObject({ status: 1 });
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-static"] }), linker.name).toMatchObject({ status: 0 });
  }
});

test("__dso_handle differs between a program and its libraries", async () => {
  await using dir = await scratch({
    "lib.c": "extern void *__dso_handle; void *handle(void) { return &__dso_handle; }",
    "main.c":
      "extern void *__dso_handle; void *handle(void); int main(void) { return handle() != (void *)&__dso_handle ? 4 : 1; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 4 });
});

test("the first word of _GLOBAL_OFFSET_TABLE_ is the address of _DYNAMIC (psABI 5.2)", async () => {
  await using dir = await scratch({
    "main.c": `
      extern const unsigned long _GLOBAL_OFFSET_TABLE_[];
      extern const char _DYNAMIC[], __executable_start[];
      int puts(const char *);
      int main(void) { puts("called"); return _GLOBAL_OFFSET_TABLE_[0] == (unsigned long)(_DYNAMIC - BASE) ? 4 : 1; }`,
  });
  for (const [flag, base] of [
    ["-no-pie", "0"],
    ["-pie", "__executable_start"],
  ] as const) {
    await dir.compile("main.c", [`-DBASE=${base}`]);
    for (const linker of [bfd, spore]) {
      const linked = await dir.linkAndRun(linker, ["main.o"], { flags: [flag, "-Wl,-z,lazy"] });
      expect(linked, `${linker.name} ${flag}`).toMatchObject({ status: 4 });
    }
  }
});

test("what the linker defines has no size, whatever section it is in", async () => {
  await using dir = await scratch({
    "main.c": `__asm__(".data\\n.globl wanted\\nwanted: .long _end@SIZE\\n.text");
      extern int wanted __attribute__((visibility("hidden"))); int main(void) { return wanted; }`,
  });
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-no-pie"] }), linker.name).toMatchObject({ status: 0 });
});

test("what start code has to relocate is empty where the loader does it", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      extern char start[] __asm__("__rela_iplt_start"), end[] __asm__("__rela_iplt_end");
      static int one(void) { return 1; } static void *resolve(void) { return one; }
      int f(void) __attribute__((ifunc("resolve")));
      int main(void) { printf("%d %d\\n", (int)(end - start), f()); }`,
  });
  await dir.compile("main.c", ["-fno-pie"]);
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-no-pie"] })).toMatchObject({ stdout: "0 1\n" });
});
