/** A section of an input may be called like one that the linker makes. */
import { expect, test } from "vitest";

import { ownNames } from "../../src/output/sections/own-section.ts";
import { bfd, readelf, run, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

/** What is called .eh_frame is read as such, and must be. The others are those of merged strings and constants. */
const names = [...Object.values<string>(ownNames).filter((name) => name !== ".eh_frame"), ".rodata.str", ".rodata.cst"];
const words = [0x1122334455667788n, 0x99aabbccddeeff00n, 0x0123456789abcdefn, 0xfedcba9876543210n];
const bytes = Buffer.from(new BigUint64Array(words).buffer);

/** GNU ld joins sections of one name whatever their flags are. */
const unlike = "sections of other flags than the linker's own are beside it";

/** Sections of 32 bytes that the program finds and checks, or that only the file has. */
const kinds = [
  { flags: '"a"', type: "@progbits" },
  { flags: '"aw"', type: "@progbits" },
  { flags: '"ax"', type: "@progbits" },
  { flags: '"a"', type: "@note" },
  { flags: '"aw"', type: "@nobits" },
  { flags: '""', type: "@progbits" },
];
const outputs: Readonly<Record<string, readonly string[]>> = {
  pie: ["-pie", "-Wl,--build-id,--hash-style=both,-z,pack-relative-relocs"],
  static: ["-static", "-Wl,--build-id"],
  "static-pie": ["-static-pie"],
  "eager, with IBT": ["-no-pie", "-Wl,-z,now,-z,ibtplt"],
};

const noStack = '.section .note.GNU-stack,"",@progbits\n';

const main = `
  #include <stdexcept>
  #include <cstdio>
  #include <cstring>
  #include <cstdlib>
  extern "C" const unsigned char mine[32];
  __thread int counter = 3;
  int main(int argc, char **argv) {
    static const unsigned long words[] = {${words.map((word) => `${word}u`).join()}};
    unsigned char expected[32] = {0};
    if (argc > 1) memcpy(expected, words, 32);
    try { if (counter == 3) throw std::runtime_error("thrown"); }
    catch (std::exception &e) { printf("%s %s\\n", e.what(), memcmp(mine, expected, 32) ? "overwritten" : "intact"); return 0; }
    return 1;
  }`;

test("an input's section may have the name of any section that the linker makes", { timeout: 600_000 }, async () => {
  await using dir = await scratch({ "main.cc": main });
  await dir.compile("main.cc");
  for (const name of names) {
    // All kinds of sections in one link, each in a file of its own.
    const objects = await Promise.all(
      kinds.map(async ({ flags, type }, i) => {
        const contents = type === "@nobits" ? ".zero 32" : `.quad ${words.join()}`;
        const label = i === 0 ? ".globl mine\nmine:" : "";
        await dir.write(`${i}.s`, `.section ${name},${flags},${type}\n${label}\n${contents}\n${noStack}`);
        return dir.compile(`${i}.s`);
      }),
    );
    for (const [output, flags] of Object.entries(outputs)) {
      // With GNU ld, too, it is the path of the loader where the linker has none.
      if (name === ".interp" && output.startsWith("static")) continue;
      const program = await dir.linkAndRun(spore, ["main.o", ...objects], { flags, args: ["filled"], unlike });
      expect(program, `${name}, ${output}: ${program.stderr}`).toMatchObject({ status: 0, stdout: "thrown intact\n" });
    }
  }
});

test("code in a section of such a name does not make what the linker writes there executable", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }" });
  for (const name of names) {
    await dir.write("a.s", `.section ${name},"ax",@progbits\n.quad ${words.join()}\n${noStack}`);
    await dir.compile("a.s");
    expect(await dir.linkAndRun(spore, ["main.o", "a.o"], { unlike }), name).toMatchObject({ status: 0 });
    expect((await readelf(dir.file("a.out"), "-lW")).text, name).not.toMatch(/LOAD .* RWE /);
  }
});

test("what is in such a section is in the output once, in the section that its name says", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }" });
  for (const name of names) {
    await dir.write("a.s", `.section ${name},"a",@progbits\n.quad ${words.join()}\n${noStack}`);
    await dir.compile("a.s");
    const link = await dir.link(spore, ["main.o", "a.o"], { flags: ["-Wl,--build-id"], unlike });
    expect(link, `${name}: ${link.stderr}`).toMatchObject({ status: 0 });
    expect(await dir.run("./a.out"), name).toMatchObject({ status: 0 });
    const output = await dir.read("a.out");
    const first = output.indexOf(bytes);
    expect(first, name).toBeGreaterThan(0);
    expect(output.indexOf(bytes, first + 1), name).toBe(-1);
    const { stdout } = await run("readelf", ["-SW", dir.file("a.out")]);
    // By GNU ld's script what is called .rodata.* is in .rodata.
    expect(stdout, name).toContain(name.startsWith(".rodata") ? " .rodata " : ` ${name} `);
  }
});

/** A function without unwind rules of the assembler's, and an .eh_frame with its rules. */
const withFrame = (flags: string, type: string): string => `
  .globl through
  through: push %rbp
  .Lpushed: call *%rdi
    pop %rbp
  .Lpopped: ret
  .Lend:
    .section .eh_frame, ${flags}, ${type}
  0: .long 1f - 0b - 4, 0
    .byte 1; .asciz "zR"; .uleb128 1; .sleb128 -8; .byte 16; .uleb128 1; .byte 0x1b
    .byte 0x0c, 7, 8, 0x90, 1
    .balign 8, 0
  1: .long 3f - 2f
  2: .long 2b - 0b
    .long through - ., .Lend - through
    .uleb128 0
    .byte 0x40 + (.Lpushed - through), 0x0e, 16, 0x86, 2, 0x40 + (.Lpopped - .Lpushed), 0x0e, 8
    .balign 8, 0
  3:
  ${noStack}`;

for (const flags of ['"a"', '"aw"', '"ax"'])
  for (const type of ["@progbits", "@unwind"])
    test(`exceptions pass where an input's .eh_frame says, with the flags ${flags} and the type ${type}`, async () => {
      await using dir = await scratch({
        "main.cc": `
          #include <cstdio>
          extern "C" void through(void (*)());
          static void thrower() { throw 5; }
          int main() { try { through(thrower); } catch (int n) { printf("caught %d\\n", n); } }`,
        "through.s": withFrame(flags, type),
      });
      for (const linker of [bfd, spore]) {
        const ended = await dir.linkAndRun(linker, ["main.o", "through.o"], flags === '"a"' ? {} : { unlike });
        expect(ended, linker.name).toMatchObject({ status: 0, stdout: "caught 5\n" });
      }
      const { text, complaints } = await readelf(dir.file("a.out"), "-SW");
      expect(complaints).toEqual([]);
      expect(text.match(/ \.eh_frame /g)).toHaveLength(1);
      expect(text).toMatch(/ \.eh_frame +\w+ +\w+ \w+ \w+ 00 +A /);
    });

test("the note of an object that ld -r --build-id made gives way to that of the output", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }", "part.c": "int part = 1;" });
  await dir.compile("part.c");
  await dir.linkDirectly(bfd, ["-r", "--build-id", "part.o", "-o", "relocatable.o"]);
  for (const linker of [bfd, spore]) {
    const ended = await dir.linkAndRun(linker, ["main.o", "relocatable.o"], { flags: ["-Wl,--build-id"] });
    expect(ended, linker.name).toMatchObject({ status: 0 });
    const { stdout } = await run("readelf", ["-nW", dir.file("a.out")]);
    expect(stdout.match(/Build ID/g), linker.name).toHaveLength(1);
  }
});

test("a shared object's own .interp makes it a program", async () => {
  await using dir = await scratch({
    "lib.c": `
      #include <stdio.h>
      #include <stdlib.h>
      const char path[] __attribute__((section(".interp"))) = "/lib64/ld-linux-x86-64.so.2";
      void start(void) { puts("run"); exit(0); }`,
  });
  await dir.compile("lib.c", ["-fPIC"]);
  for (const linker of [bfd, spore]) {
    const flags = ["-shared", "-Wl,-e,start"];
    expect(await dir.linkAndRun(linker, ["lib.o"], { flags, output: "lib.so" }), linker.name).toMatchObject({
      status: 0,
      stdout: "run\n",
    });
  }
});
