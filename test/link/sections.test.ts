import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const noteStack = '.section .note.GNU-stack,"",@progbits\n';

test("alignments up to 64 KiB are honoured, and segments stay congruent", async () => {
  const sizes = [1, 16, 256, 4096, 8192, 65536];
  await using dir = await scratch({
    "data.c": sizes
      .map(
        (size) =>
          `__attribute__((aligned(${size}))) char data_${size} = 1; __attribute__((aligned(${size}))) char zero_${size}; __attribute__((aligned(${size}))) const char const_${size} = 1;`,
      )
      .join("\n"),
    "code.c": "__attribute__((aligned(8192))) int code(void) { return 3; }",
    "main.c": `
      #include <stdint.h>
      ${sizes.map((size) => `extern char data_${size}, zero_${size}; extern const char const_${size};`).join("\n")}
      int code(void);
      int main(void) {
        int wrong = code() != 3 || (uintptr_t)code % 8192;
        ${sizes.map((size) => `wrong += (uintptr_t)&data_${size} % ${size} || (uintptr_t)&zero_${size} % ${size} || (uintptr_t)&const_${size} % ${size} || data_${size} != 1 || zero_${size} || const_${size} != 1;`).join("\n")}
        return wrong;
      }`,
  });
  for (const flags of [["-no-pie"], ["-static"]]) {
    expect(await dir.linkAndRun(spore, ["main.o", "data.o", "code.o"], { flags }), flags.join()).toMatchObject({
      status: 0,
    });
    await expectWellFormed(dir.file("a.out"));
  }
  // The loader of glibc 2.36 honours alignments above a page in a PIE, too.
  expect(await dir.linkAndRun(spore, ["main.o", "data.o", "code.o"], { flags: ["-pie"] })).toMatchObject({ status: 0 });
});

test("many sections of one object, and custom names, keep their contents and flags", async () => {
  const count = 400;
  const names = Array.from({ length: count }, (_, i) => `custom_${i}`);
  await using dir = await scratch({
    "many.c": names.map((name, i) => `__attribute__((section("${name}"))) int item_${i} = ${i};`).join("\n"),
    "main.c": `
      ${names.map((_, i) => `extern int item_${i};`).join("")}
      extern int __start_custom_7[], __stop_custom_7[];
      int main(void) { long sum = 0; ${names.map((_, i) => `sum += item_${i};`).join("")} return sum == ${(count * (count - 1)) / 2}L && __stop_custom_7 - __start_custom_7 == 1 ? 0 : 1; }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o", "many.o"])).toMatchObject({ status: 0 });
  await expectWellFormed(dir.file("a.out"));
});

test("-ffunction-sections and -fdata-sections come together again in .text, .data, .rodata and .bss", async () => {
  const count = 200;
  await using dir = await scratch({
    "many.c": Array.from(
      { length: count },
      (_, i) => `int f${i}(void) { return ${i}; } int d${i} = ${i}; int z${i}; const int c${i} = ${i};`,
    ).join("\n"),
    "main.c":
      "int f199(void); extern int d199, z199; extern const int c199; int main(void) { return f199() + d199 + z199 + c199 == 597 ? 0 : 1; }",
  });
  await dir.compile("many.c", ["-ffunction-sections", "-fdata-sections"]);
  expect(await dir.linkAndRun(spore, ["main.o", "many.o"])).toMatchObject({ status: 0 });
  expect((await readelf(dir.file("a.out"), "-SW")).text).not.toMatch(/\.text\.f|\.data\.d|\.bss\.z|\.rodata\.c\d/);
});

test("the output has the sections that GNU ld makes", async () => {
  await using dir = await scratch({
    "main.cc":
      '#include <iostream>\n#include <string>\nstatic thread_local std::string name = "x"; int main() { try { std::cout << name; throw 1; } catch (int) {} }',
  });
  const seen: string[][] = [];
  for (const linker of [bfd, spore]) {
    await dir.link(linker, ["main.o"]);
    const { text } = await readelf(dir.file("a.out"), "-SW");
    seen.push([...text.matchAll(/^ +\[ *\d+\] (\.\S+) +(\S+)/gm)].map(([, name = "", type = ""]) => `${name} ${type}`));
  }
  const [witness, ours] = seen as [string[], string[]];
  // GNU ld names copied data after .bss, and keeps a PLT of slots that it binds at start.
  const mayDiffer = /^\.(dynbss|bss|plt\.got|rodata|copyrel|gnu_debuglink|hash|data\.rel\.ro|note\.gnu\.property)/;
  expect(ours.filter((name) => !mayDiffer.test(name)).toSorted()).toEqual(
    witness.filter((name) => !mayDiffer.test(name)).toSorted(),
  );
});

test("code that may be written, and read-only zeros, are where their flags say", async () => {
  await using dir = await scratch({
    "odd.s": `
      .section wx,"awx",@progbits
      .globl patch, patched
      patch: mov $1, %eax
      ret
      .section zeros_section,"a",@nobits
      .globl zeros
      zeros: .zero 5000
      .section after_section,"a",@progbits
      .globl after
      after: .long 77
      .section plain_section,"aw",@nobits
      .globl plain
      plain: .zero 100
      .section late_section,"aw",@progbits
      .globl late
      late: .long 88
      ${noteStack}`,
    "main.c": `
      extern unsigned char patch[]; extern const char zeros[]; extern const int after; extern char plain[]; extern int late;
      int main(void) {
        patch[1] = 5;
        for (int i = 0; i < 5000; i++) if (zeros[i]) return 1;
        if (after != 77 || late != 88 || plain[99]) return 2;
        return ((int (*)(void))patch)() == 5 ? 0 : 3;
      }`,
  });
  for (const flags of [["-no-pie"], ["-static"], ["-pie"]]) {
    expect(await dir.linkAndRun(spore, ["main.o", "odd.o"], { flags }), flags.join()).toMatchObject({ status: 0 });
    await expectWellFormed(dir.file("a.out"));
  }
});

test("a section that is not loaded is kept in the file, at no address", async () => {
  await using dir = await scratch({
    "main.c": "int main(void) { return 0; }",
    "note.s": `.section .mine,"",@progbits\n.string "kept in the file"\n.section .comment\n.string "a comment"\n${noteStack}`,
  });
  expect(await dir.linkAndRun(spore, ["main.o", "note.o"])).toMatchObject({ status: 0 });
  expect((await dir.mustRun("readelf", ["-p", ".mine", "a.out"])).stdout).toMatch(/kept in the file/);
  expect((await dir.mustRun("readelf", ["-p", ".comment", "a.out"])).stdout).toMatch(
    /a comment[\s\S]*GCC|GCC[\s\S]*a comment/,
  );
});

test("an object with more than 65,280 sections is linked", async () => {
  const count = 66_000;
  await using dir = await scratch({
    "many.s": `${Array.from({ length: count }, (_, i) => `.section .data.d${i},"aw"\n.globl d${i}\nd${i}: .long ${i}\n`).join("")}${noteStack}`,
    "main.c": `extern int d0, d65279, d65280, d65999; int main(void) { return d0 == 0 && d65279 == 65279 && d65280 == 65280 && d65999 == 65999 ? 0 : 1; }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o", "many.o"])).toMatchObject({ status: 0 });
});

test("notes of several kinds are in segments that readers can walk", async () => {
  await using dir = await scratch({
    "notes.s": `
      .section .note.one,"a",@note
      .balign 4
      .long 4, 4, 1
      .string "ABC"
      .long 7
      .section .note.two,"a",@note
      .balign 8
      .long 4, 8, 2
      .string "ABC"
      .quad 8
      ${noteStack}`,
    "main.c": "int main(void) { return 0; }",
  });
  expect(await dir.linkAndRun(spore, ["main.o", "notes.o"], { flags: ["-Wl,--build-id"] })).toMatchObject({
    status: 0,
  });
  await expectWellFormed(dir.file("a.out"));
  expect((await readelf(dir.file("a.out"), "-nW")).text.match(/ABC/g)).toHaveLength(2);
});

test("sections with SHF_LINK_ORDER come in the order of what they name, after those without, as with GNU ld", async () => {
  const part = (kind: string, number: number, isOrdered = true): string => `
    .section .text.${kind}.f${number},"ax",@progbits
    nop
    .section about,"a${isOrdered ? "o" : ""}",@progbits${isOrdered ? `,.text.${kind}.f${number}` : ""},unique,${number}
    .byte ${number}`;
  await using dir = await scratch({
    "first.s": `${part("plain", 1)}${part("unlikely", 2)}${part("hot", 3)}${part("plain", 4, false)}\n${noteStack}`,
    "second.s": `${part("hot", 5)}${part("plain", 6)}${part("plain", 7, false)}${part("unlikely", 8)}\n${noteStack}`,
    "main.c": "int main(void) { return 0; }",
  });
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o", "first.o", "second.o"]), linker.name).toMatchObject({ status: 0 });
    const { text } = await readelf(dir.file("a.out"), "-x", "about");
    expect(text, linker.name).toMatch(/ 04070208 03050106 /);
    expect((await readelf(dir.file("a.out"), "-SW")).text).toMatch(/ about .* AL +[1-9]\d* /);
  }
});

test("a section that is ordered by one that is not there is an error", async () => {
  await using dir = await scratch({
    "main.s": `.text\n.globl main\nmain: ret\n.section about,"ao",@progbits,.text\n.quad 1\n${noteStack}`,
  });
  await dir.compile("main.s");
  const object = await dir.read("main.o");
  const headers = Number(object.readBigUInt64LE(40));
  for (let at = headers; at < object.length; at += 64)
    if (object.readBigUInt64LE(at + 8) & 0x80n) object.writeUInt32LE(99, at + 40);
  await dir.write("main.o", object);
  const ended = await dir.run(spore.path, ["-e", "main", "main.o"]);
  expect(ended).toMatchObject({ status: 1 });
  expect(ended.stderr).toContain("main.o:(about): corrupt section");
});
