import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const strings = `
  #include <wchar.h>
  #include <uchar.h>
  #include <stdalign.h>`;

test("equal strings of several files, narrow and wide, are kept once and read right", async () => {
  const file = (name: string): string => `${strings}
    const char *narrow_${name}(void) { return "a string that both files have"; }
    const wchar_t *wide_${name}(void) { return L"a wide string that both files have"; }
    const char16_t *half_${name}(void) { return u"a string of 16 bits that both files have"; }
    const char *tail_${name}(void) { return "string that both files have"; }
    const char *empty_${name}(void) { return ""; }
    const char *own_${name}(void) { return "only in ${name}"; }
    double number_${name}(double x) { return x * 1234.5 + 0.25; }
    const char *middle_${name} = &"a string that both files have"[9];`;
  await using dir = await scratch({
    "a.c": file("a"),
    "b.c": file("b"),
    "main.c": `${strings}
      #include <stdio.h>
      #define FILE_OF(n) const char *narrow_##n(void), *tail_##n(void), *own_##n(void), *empty_##n(void); const wchar_t *wide_##n(void); const char16_t *half_##n(void); double number_##n(double); extern const char *middle_##n;
      FILE_OF(a) FILE_OF(b)
      int main(void) {
        printf("%d%d%d%d ", narrow_a() == narrow_b(), wide_a() == wide_b(), half_a() == half_b(), middle_a == middle_b);
        printf("%s|%ls|%s|%s|%s|%s|%s|", narrow_a(), wide_b(), tail_a(), own_a(), own_b(), empty_a(), middle_a);
        for (const char16_t *p = half_a(); *p; p++) putchar(*p);
        printf("|%g %g\\n", number_a(2), number_b(3));
      }`,
  });
  for (const flags of [
    ["-O2", "-fPIE"],
    ["-O1", "-fPIC"],
  ]) {
    for (const name of ["a.c", "b.c", "main.c"]) await dir.compile(name, flags);
    expect(await dir.linkAndRun(spore, ["main.o", "a.o", "b.o"])).toMatchObject({
      stdout:
        "1111 a string that both files have|a wide string that both files have|string that both files have|only in a|only in b||" +
        "that both files have|a string of 16 bits that both files have|2469.25 3703.75\n",
    });
    await expectWellFormed(dir.file("a.out"));
    const image = (await dir.read("a.out")).toString("latin1");
    expect(image.split("a string that both files have")).toHaveLength(2);
  }
});

test("merged constants keep their alignment", async () => {
  await using dir = await scratch({
    "consts.s": `
      .section .rodata.cst32,"aM",@progbits,32
      .balign 32
      .globl a
      a: .quad 1, 2, 3, 4
      .section .rodata.cst16,"aM",@progbits,16
      .balign 16
      .globl b
      b: .quad 5, 6
      .globl c
      c: .quad 5, 6
      .section .rodata.str1.32,"aMS",@progbits,1
      .balign 32
      .globl s
      s: .string "aligned string"
      .section .rodata.cst4,"aM",@progbits,4
      .globl four
      four: .long 5
      .section .note.GNU-stack,"",@progbits`,
    "main.c": `
      #include <stdint.h>
      #include <stdio.h>
      extern const long a[], b[], c[]; extern const int four; extern const char s[];
      static const char *own(void) { return "aligned string"; }
      int main(void) { printf("%ld %ld %ld %d %d %d %d %s %s\\n", a[3], b[1], c[0], four, (int)((uintptr_t)a % 32), (int)((uintptr_t)b % 16), (int)((uintptr_t)s % 32), s, own()); }`,
  });
  for (const flags of [["-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o", "consts.o"], { flags })).toMatchObject({
      stdout: "4 6 5 5 0 0 0 aligned string aligned string\n",
    });
});

test("a reference into the middle and past the end of a merged section finds its bytes", async () => {
  await using dir = await scratch({
    "data.s": `
      .section .rodata.str1.1,"aMS",@progbits,1
      one: .string "first"
      two: .string "second"
      .data
      .globl table
      table: .quad one + 2, two, two + 3, .Lsection
      .section .rodata.str1.1
      .Lsection: .string "third"
      .text
      .globl get
      get: lea two+1(%rip), %rax
      ret
      .section .note.GNU-stack,"",@progbits`,
    "main.c": `
      #include <stdio.h>
      extern const char *table[]; const char *get(void);
      int main(void) { printf("%s %s %s %s %s\\n", table[0], table[1], table[2], table[3], get()); }`,
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o", "data.o"], { flags })).toMatchObject({
      stdout: "rst second ond third econd\n",
    });
});

test("strings in debug information are merged, and readers find them", async () => {
  await using dir = await scratch({
    "a.c": "struct a_name_in_both_files { int field; }; int a(struct a_name_in_both_files *p) { return p->field; }",
    "main.c":
      "struct a_name_in_both_files { int field; }; int a(struct a_name_in_both_files *); int main(void) { struct a_name_in_both_files x = {3}; return a(&x); }",
  });
  for (const name of ["a.c", "main.c"]) await dir.compile(name, ["-g"]);
  expect(await dir.linkAndRun(spore, ["main.o", "a.o"])).toMatchObject({ status: 3 });
  const { text, complaints } = await readelf(dir.file("a.out"), "--debug-dump=info,str");
  expect(complaints).toEqual([]);
  expect(text.match(/DW_AT_name.*a_name_in_both_files/g)).toHaveLength(2);
  expect((await dir.read("a.out")).toString("latin1").split("a_name_in_both_files")).toHaveLength(2);
});

test("constants that are relocated are not compared, and stay as many as they are", async () => {
  await using dir = await scratch({
    "data.s": `
      .section .addresses,"aM",@progbits,8
      .globl addresses
      .size addresses, 24
      addresses: .quad one, two, one
      .section .rodata.cst8,"aM",@progbits,8
      .globl numbers
      .size numbers, 16
      numbers: .quad 7, 7
      .section .rodata
      one: .byte 1
      two: .byte 2
      .section .note.GNU-stack,"",@progbits`,
    "main.c": `
      extern const unsigned char *const addresses[3]; extern const long numbers[];
      int main(void) { return *addresses[0] * 100 + *addresses[1] * 10 + *addresses[2] + (int)numbers[0] - 28; }`,
  });
  const unlike = "what is not merged is not marked as such";
  for (const linker of [bfd, spore])
    for (const flags of [["-no-pie"], ["-static"]])
      expect(await dir.linkAndRun(linker, ["main.o", "data.o"], { flags, unlike }), linker.name).toMatchObject({
        status: 100,
      });
});

test("strings without an end are linked as they are, among others that are merged", async () => {
  const stack = '.section .note.GNU-stack,"",@progbits\n';
  const section = (last: string, width: number) => `.section .rodata.x,"aMS",@progbits,${width}\n${last}`;
  await using dir = await scratch({
    "main.s": `${section('.asciz "abc"\nd: .ascii "def"\n', 1)}
      ${section("w: .long 65, 0, 66\n", 4).replace(".rodata.x", ".rodata.w")}
      .text\n.globl main\nmain: movzbl d+2(%rip), %eax\nadd w+8(%rip), %eax\nsub $'f', %eax\nret\n${stack}`,
    "same.s": `${section('.asciz "abc"\n.asciz "def"\n', 1)}${stack}`,
  });
  const unlike = "GNU ld gives them an end and merges them";
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["same.o", "main.o", "same.o"], { unlike })).toMatchObject({ status: 66 });
});
