/** More of something than a field of the file format has room for: it works, or the message names the limit. */
import { existsSync } from "node:fs";
import { open, truncate } from "node:fs/promises";

import { expect, test } from "vitest";

import { type Member, writeArchive } from "../harness/archive-writer.ts";
import { ElfObject } from "../harness/elf-object.ts";
import { bfd, readelf, searchingSpore, spore } from "../harness/oracles.ts";
import { lacksAddressSpace } from "../harness/requirements.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const noStack = '.section .note.GNU-stack,"",@progbits\n';

/** More than the 65,279 sections that st_shndx and e_shnum have room for. */
const MANY = 70_000;
const numbers = Array.from({ length: MANY }, (_, i) => i);

test("70,000 output sections are numbered as gABI says, and symbols are in theirs", { timeout: 300_000 }, async () => {
  await using dir = await scratch({
    "many.s": numbers.map((i) => `.section z${i},"aw"\n.globl v${i}\nv${i}: .long ${i}\n`).join("") + noStack,
    "main.c": `
      extern int v0, v1, v65278, v65279, v65280, v69999, __start_z69999[], __stop_z69999[];
      int main(void) {
        return !(v0 == 0 && v1 == 1 && v65278 == 65278 && v65279 == 65279 && v65280 == 65280 && v69999 == 69999 &&
                 __stop_z69999 - __start_z69999 == 1);
      }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o", "many.o"], { timeoutMs: 120_000 })).toMatchObject({ status: 0 });
  const { text, complaints } = await readelf(dir.file("a.out"), "-hSsW");
  expect(complaints).toEqual([]);
  expect(text).toMatch(/Number of section headers:\s+0 \(\d{5}\)/);
  const indexOf = new Map([...text.matchAll(/^ +\[ *(\d+)\] (z\d+) /gm)].map(([, index, name]) => [name, index]));
  expect(indexOf.size).toBe(MANY);
  let checked = 0;
  for (const [, section, name] of text.matchAll(/ (\d+) v(\d+)$/gm)) {
    if (section !== indexOf.get(`z${name}`)) expect(`v${name} in ${section}`).toBe(`v${name} in z${name}`);
    checked++;
  }
  expect(checked).toBe(MANY);
});

test(
  "a dynamic symbol in a section that .dynsym has no number for is refused, as by GNU ld",
  { timeout: 300_000 },
  async () => {
    await using dir = await scratch({
      "many.s": numbers.map((i) => `.section z${i},"aw"\n.globl v${i}\nv${i}: .long ${i}\n`).join("") + noStack,
      "first.map": "{ global: v0; v100; local: *; };",
      "some.map": "{ global: v0; v69999; local: *; };",
    });
    const object = await dir.compile("many.s");
    const link = ["-shared", object, "-o", "many.so", "--version-script"];
    for (const linker of [bfd, spore]) {
      const { status, stderr } = await dir.run(linker.path, [...link, "some.map"], { timeoutMs: 120_000 });
      expect(status, linker.name).toBe(1);
      if (linker === spore) expect(stderr).toContain("'v69999' is in a section after the 65,279th");
      await dir.mustRun(linker.path, [...link, "first.map"], { timeoutMs: 120_000 });
    }
  },
);

test("each of 70,000 sections has a __start_ symbol", { timeout: 300_000 }, async () => {
  await using dir = await scratch({
    "many.s": numbers.map((i) => `.section z${i},"aw"\n.long ${i}\n`).join("") + noStack,
    "bounds.s": `.data\n.globl bounds\nbounds:\n${numbers.map((i) => `.quad __start_z${i}\n`).join("")}${noStack}`,
    "main.c": `extern int *bounds[]; int main(void) { for (int i = 0; i < ${MANY}; i++) if (*bounds[i] != i) return 1; return 0; }`,
  });
  for (const linker of [bfd, spore])
    expect(
      await dir.linkAndRun(linker, ["main.o", "many.o", "bounds.o"], { timeoutMs: 120_000 }),
      linker.name,
    ).toMatchObject({ status: 0 });
});

const GiB = 2 ** 30;

/** Arrays of 3 and 5 GiB in several objects, what is far beside them, and what is near. */
const arrays = {
  "main.c": `
    extern char first[5UL << 30], second[5UL << 30], third[3UL << 30];
    extern long address_of_second;
    int check(void);
    char near[100];
    int main(void) {
      first[0] = 1; first[(5UL << 30) - 1] = 2; second[0] = 4; second[(5UL << 30) - 1] = 8;
      third[0] = 16; third[(3UL << 30) - 1] = 32; near[0] = 64;
      return check() + near[0] != 127 || (long)second != address_of_second || (long)&near == (long)&first;
    }`,
  "first.c": "char first[5UL << 30];",
  "second.c": `
    extern char first[5UL << 30], third[3UL << 30];
    char second[5UL << 30];
    char *address_of_second = second;
    static char own[4UL << 30];
    const char constants[70000] = { [69999] = 1 };
    int initialised[70000] = { [69999] = 1 };
    int check(void) {
      own[(4UL << 30) - 1] = 1;
      if (constants[69999] != 1 || initialised[69999] != 1 || own[(4UL << 30) - 1] != 1 || own[0] != 0) return 1000;
      return first[0] + first[(5UL << 30) - 1] + second[0] + second[(5UL << 30) - 1] + third[0] + third[(3UL << 30) - 1];
    }`,
  "third.c": "char third[3UL << 30];",
};

for (const model of ["medium", "large"])
  for (const commons of ["-fno-common", "-fcommon"])
    for (const kind of ["-no-pie", "-pie"])
      test.skipIf(lacksAddressSpace(18 * GiB))(
        `arrays of 3 and 5 GiB, -mcmodel=${model} ${commons} ${kind}`,
        { timeout: 120_000 },
        async () => {
          await using dir = await scratch(arrays);
          const pic = kind === "-pie" ? "-fPIE" : "-fno-pic";
          for (const name of Object.keys(arrays)) await dir.compile(name, [`-mcmodel=${model}`, commons, pic]);
          const objects = Object.keys(arrays).map((name) => name.replace(".c", ".o"));
          const orders: string[][] = [];
          for (const linker of [bfd, spore]) {
            const ran = await dir.linkAndRun(linker, objects, { flags: [kind], output: linker.name });
            expect(ran, linker.name).toMatchObject({ status: 0 });
            const { text, complaints } = await readelf(dir.file(linker.name), "-SW");
            expect(complaints).toEqual([]);
            orders.push([...text.matchAll(/ (\.l?(?:data|bss)|\.lrodata) /g)].map(([, name = ""]) => name));
          }
          expect(orders[1]).toEqual(orders[0]);
        },
      );

test("large common symbols follow .lbss, and are small ones where another object has such a one", async () => {
  const common = (section: string, name: string, size: number): string => `.${section} ${name}, ${size}, 32\n`;
  await using dir = await scratch({
    "a.s": `.globl _start\n_start: ret\n.section .lbss, "awl", @nobits\n.globl x\nx: .zero ${5 * GiB}\n${common("largecomm", "large", 5 * GiB)}${common("largecomm", "both", 64)}${common("comm", "later", 8)}${noStack}`,
    "b.s": `${common("comm", "both", 32)}${common("largecomm", "large", GiB)}${common("largecomm", "later", 16)}${common("largecomm", "last", 1)}.data\n.quad large, both, later, last\n${noStack}`,
  });
  const objects = [await dir.compile("a.s"), await dir.compile("b.s")];
  const views: unknown[] = [];
  for (const linker of [bfd, spore])
    for (const order of [objects, objects.toReversed()]) {
      await dir.mustRun(linker.path, [...order, "-o", "a.out"]);
      const { text } = await readelf(dir.file("a.out"), "-SsW");
      const names = new Map([...text.matchAll(/^ +\[ *(\d+)\] (\.\w+)/gm)].map(([, index, name]) => [index, name]));
      const row = (name: string): unknown => {
        const [, , size, section = ""] =
          new RegExp(` (\\w{16}) +(\\w+) OBJECT .* (\\d+) ${name}$`, "m").exec(text) ?? [];
        return [name, Number(size), names.get(section)];
      };
      views.push(["x", "large", "both", "later", "last"].map(row));
    }
  expect(views[0]).toContainEqual(["large", 5 * GiB, ".lbss"]);
  expect(views[0]).toContainEqual(["both", 64, ".bss"]);
  for (const view of views) expect(view).toEqual(views[0]);
});

test("a map lists sections beyond 4 GiB where they are", async () => {
  await using dir = await scratch({
    "a.s": `.globl _start\n_start: ret\n.section .lbss, "awl", @nobits\n.zero ${5 * GiB}\n${noStack}`,
    "b.s": `.section .lbss, "awl", @nobits\n.globl x\nx: .zero ${GiB}\n${noStack}`,
  });
  const objects = [await dir.compile("a.s"), await dir.compile("b.s")];
  const { stdout } = await dir.mustRun(spore.path, [...objects, "-o", "a.out", "-Map=-"]);
  const { text } = await readelf(dir.file("a.out"), "-sW");
  const [, address = ""] = / (\w{16}) .* x$/m.exec(text) ?? [];
  const line = stdout.split("\n").find((it) => it.includes("b.o") && it.includes(".lbss"));
  expect(line).toContain(address.replace(/^0+/, ""));
});

test.each([
  ["a section", `.section .lbss, "awl", @nobits\n.zero ${2 ** 48}\n`, "section is larger than 2^47 bytes"],
  [
    "two",
    `.section .lbss, "awl", @nobits\n.zero ${2 ** 46}\n.section .lbss.x, "awl", @nobits\n.zero ${2 ** 46}\n.section .lbss.y, "awl", @nobits\n.zero 1\n`,
    "2^47",
  ],
  ["common symbols", `.largecomm huge, ${2 ** 48}, 8\n`, "'huge' is larger than 2^47 bytes"],
  [
    "sections of several kinds",
    `.section .lbss, "awl", @nobits\n.zero ${2 ** 46}\n.bss\n.zero ${2 ** 46}\n.byte 0\n`,
    "2^47",
  ],
])(
  "more than the address space of zeros, %s: refused by a message that names the limit",
  async (_, source, message) => {
    await using dir = await scratch({ "a.s": `.globl _start\n_start: ret\n${source}${noStack}` });
    const object = await dir.compile("a.s");
    const { status, stderr } = await dir.run(spore.path, [object, "-o", "a.out"]);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  },
);

for (const isIndexed of [true, false])
  for (const linker of [spore, searchingSpore])
    test(`a member beyond 4 GiB of an archive ${isIndexed ? "with" : "without"} an index, ${linker.name}`, async () => {
      await using dir = await scratch({
        "near.c": "int near_one(void) { return 1; }",
        "far.c":
          "int near_one(void); int missing(void); int far_one(int x) { return x > 5 ? missing() : near_one() + 1; }",
        "main.c": "int far_one(int); int main(int n, char **v) { return far_one(n) != 2; }",
        "missing.c": "int missing(void) { return 0; }",
      });
      for (const name of ["near.c", "far.c", "main.c", "missing.c"]) await dir.compile(name);
      const member = async (name: string): Promise<Member> => ({
        name: `the_object_called_${name}`,
        contents: await dir.read(name),
      });
      const members = [
        await member("near.o"),
        { name: "filler_without_contents", contents: 5 * GiB },
        await member("far.o"),
      ];
      const index = new Map([
        ["near_one", members[0].name],
        ["far_one", members[2].name],
      ]);
      await writeArchive(dir.file("far.a"), members, isIndexed ? index : undefined);
      if (isIndexed) await dir.mustRun("gcc", [...bfd.gccFlags, "main.o", "far.a", "missing.o", "-o", "bfd"]);
      expect(
        await dir.linkAndRun(linker, ["main.o", "far.a", "missing.o"], { unlike: "GNU ld wants an index" }),
      ).toMatchObject({ status: 0 });
      const failed = await dir.link(linker, ["main.o", "far.a"]);
      expect(failed.status).toBe(1);
      expect(failed.stderr).toContain("far.a(the_object_called_far.o)");
    });

test.each([
  ["as a file", (path: string) => path],
  ["as a member of an archive", () => "large.a"],
])("an object of more than 4 GiB, %s: refused by a message that names the limit", async (_, nameOf) => {
  await using dir = await scratch({ "a.c": "int main(void) { return 0; }" });
  const path = await dir.compile("a.c");
  await writeArchive(dir.file("large.a"), [{ name: "large.o", contents: 5 * GiB }]);
  await using archive = await open(dir.file("large.a"), "r+");
  await archive.write(await dir.read(path), 0, undefined, (await archive.stat()).size - 5 * GiB);
  await dir.mustRun("truncate", ["-s", String(5 * GiB), path]);
  const { status, stderr } = await dir.run(spore.path, ["--whole-archive", nameOf(path), "-o", "a.out"]);
  expect(status).toBe(1);
  expect(stderr).toContain("file is larger than 4 GiB");
  expect(stderr).toContain(nameOf(path) === path ? path : "large.a(large.o)");
});

/** An FDE of 16 bytes of `function`, and the CIE that it has: with an address of 64 bits. */
const frame = (function_: string, length = "3f - 2f"): string => `
  0: .long 1f - 0b - 4, 0
  .byte 1; .asciz "zR"; .uleb128 1; .sleb128 -8; .byte 16; .uleb128 1; .byte 0x1c, 0x0c, 7, 8; .balign 8, 0
  1: .long ${length}
  2: .long 2b - 0b
  .quad ${function_} - .; .quad 16; .uleb128 0; .balign 8, 0
  3:
`;

test.each([
  ["less than 2 GiB away is found by .eh_frame_hdr", 2 * GiB - 2 ** 20, 0],
  ["2 GiB away has no row in .eh_frame_hdr, which is an error as of GNU ld", 2 * GiB, 1],
])("a function %s", async (_, distance, status) => {
  await using dir = await scratch({
    "a.s": `.globl _start\n_start: ret\n.section .lbss, "awl", @nobits\n.zero ${distance}\nfar: .zero 16\n.section .eh_frame, "a", @unwind\n${frame("far")}${noStack}`,
  });
  const object = await dir.compile("a.s");
  for (const linker of [bfd, spore]) {
    const output = `${linker.name}.out`;
    const linked = await dir.linkDirectly(linker, [object, "-o", output, "--eh-frame-hdr"]);
    expect(linked.status, linker.name).toBe(status);
    expect(existsSync(dir.file(output)), linker.name).toBe(status === 0);
    if (linker === spore && status === 1) {
      expect(linked.stderr).toContain(
        ".eh_frame_hdr has no room for functions and FDEs that are 2 GiB or more from it",
      );
      expect(linked.stderr).toContain(">>> in a.o:(.eh_frame+0x18)");
    }
    const without = await dir.linkDirectly(linker, [object, "-o", output, "--no-eh-frame-hdr"]);
    expect(without.status, linker.name).toBe(0);
  }
});

/**
 * Moves a section to the end of an object and makes it larger: by zeros that take no room on a disk. Others that are
 * named as well share its bytes.
 */
async function enlarge(dir: Scratch, name: string, section: string, size: number): Promise<void> {
  const object = new ElfObject(await dir.read(name));
  const [first, ...others] = object.sections.filter((it) => it.name === section);
  const contents = Buffer.from(object.bytes.subarray(first.offset, first.offset + first.size));
  for (const it of [first, ...others]) {
    object.set(object.sectionField(it, "sh_offset"), object.bytes.length);
    object.set(object.sectionField(it, "sh_size"), size);
  }
  await dir.write(name, Buffer.concat([object.bytes, contents]));
  await truncate(dir.file(name), object.bytes.length + size);
}

/** Links what is too large for a field: an error that says so, and no output. */
async function expectRefused(dir: Scratch, inputs: readonly string[], message: string): Promise<void> {
  const { status, stderr } = await dir.run(spore.path, [...inputs, "-o", "a.out"]);
  expect(stderr).toContain(message);
  expect(status).toBe(1);
  expect(existsSync(dir.file("a.out"))).toBe(false);
}

test("sections with contents of more than 4 GiB are refused by a message that names the limit", async () => {
  await using dir = await scratch({ "a.s": `.data\n.quad 1\n${noStack}` });
  await enlarge(dir, await dir.compile("a.s"), ".data", 5 * GiB);
  await expectRefused(dir, ["a.o"], "a.o: file is larger than 4 GiB");
});

test.each([
  ["entries", '.section .constants, "aM", @progbits, 1, unique, NUMBER\n.byte 1\n', 2, ".constants"],
  ["frames", `.section .eh_frame, "a", @unwind, unique, NUMBER\n${frame("_start", String(GiB - 28))}`, 5, ".eh_frame"],
])("more than 2^32 %s in sections that share their bytes", async (_, section, count, name) => {
  const sections = Array.from({ length: count }, (__, i) => section.replace("NUMBER", String(i + 1)));
  await using dir = await scratch({ "a.s": `.globl _start\n_start: .zero 16\n${sections.join("")}${noStack}` });
  await enlarge(dir, await dir.compile("a.s"), name, count === 2 ? 3 * GiB : GiB);
  await expectRefused(dir, ["a.o"], "a.o: sections that share bytes have more than 2^32 of them");
});

test("an .eh_frame of more than 4 GiB, from objects that have less each", async () => {
  await using dir = await scratch({
    "a.s": `_start: .zero 16\n.section .eh_frame, "a", @unwind\n${frame("_start", String(GiB - 28))}${noStack}`,
  });
  await enlarge(dir, await dir.compile("a.s"), ".eh_frame", GiB);
  await expectRefused(dir, Array<string>(5).fill("a.o"), "more bytes of .eh_frame than this linker can do: 4 GiB");
});

test.each([
  ["of one object, which share their bytes", 65, 1, "a.o: names of symbols take more than 4 GiB"],
  ["of several objects", 16, 5, "more bytes of names in .strtab than this linker can do: 4 GiB"],
])("local symbols %s, whose names take more than 4 GiB", async (_, symbols, objects, message) => {
  const locals = Array.from({ length: symbols }, (__, i) => `local${i}: .byte 0\n`);
  await using dir = await scratch({ "a.s": `.data\n${locals.join("")}${noStack}` });
  const object = new ElfObject(await dir.read(await dir.compile("a.s")));
  for (let row = 1; row <= symbols; row++) object.set(object.symbolField(row, "st_name"), 1);
  const strings = object.section(".strtab");
  const size = 2 ** 26;
  object.set(object.sectionField(strings, "sh_offset"), object.bytes.length);
  object.set(object.sectionField(strings, "sh_size"), size);
  await dir.write("a.o", Buffer.concat([object.bytes, Buffer.alloc(1), Buffer.alloc(size - 2, "a"), Buffer.alloc(1)]));
  await expectRefused(dir, Array<string>(objects).fill("a.o"), message);
});
