/** Inputs that are wrong, by accident or on purpose: each is refused by name, and the old output stays. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ElfObject } from "../harness/elf-object.ts";
import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

let dir: Scratch;
let object: Buffer;
let shared: Buffer;
let archive: Buffer;

beforeAll(async () => {
  dir = await scratch({
    "input.cc": `
      #include <cstdio>
      #include <stdexcept>
      extern "C" int other(int);
      inline __attribute__((noinline)) int shared_by_all(int x) { if (x > 5) throw std::runtime_error("too large"); return x; }
      thread_local int local = 1;
      double number(double x) { return x * 1.5; }
      int main() { try { std::puts("hello"); return shared_by_all(other(1)) + local; } catch (std::exception &e) { std::puts(e.what()); } return 3; }`,
    "other.c": "int other(int x) { return x; }",
    "member.c": "int other(int x) { return x; }",
    "a.out": "old",
  });
  await dir.compile("input.cc", ["-O1"]);
  await dir.compile("member.c");
  await dir.archive("lib.a", ["member.o"]);
  await dir.shared("lib.so", ["other.o"]);
  object = await dir.read("input.o");
  shared = await dir.read("lib.so");
  archive = await dir.read("lib.a");
});
afterAll(() => dir[Symbol.asyncDispose]());

/** Links with one input changed. Returns the messages. */
async function refuse(name: string, contents: Uint8Array, ...others: string[]): Promise<string> {
  await dir.write(name, contents);
  await dir.write("a.out", "old");
  const { status, stderr } = await dir.link(spore, [name, ...others], { driver: "g++" });
  expect(stderr).toMatch(/^spore: error: /);
  expect(stderr).not.toMatch(/worker was ended|internal error|SIG[A-Z]+/);
  expect(status).toBe(1);
  expect((await dir.read("a.out")).toString()).toBe("old");
  return stderr;
}

/** The object with one change. */
function changed(change: (elf: ElfObject) => void, original = object): Buffer {
  const elf = new ElfObject(Buffer.from(original));
  change(elf);
  return elf.bytes;
}

const HUGE = 0xffff_ffff_ffff_fff0n;

describe("an object is refused by name", () => {
  const cases: [string, (elf: ElfObject) => void, RegExp][] = [
    ["whose class is 32 bits", (elf) => elf.bytes.writeUInt8(1, 4), /bad\.o.*(incompatible|64-bit)/],
    ["whose bytes are big-endian", (elf) => elf.bytes.writeUInt8(2, 5), /bad\.o.*(incompatible|little-endian)/],
    ["for another machine", (elf) => elf.set(elf.headerField("e_machine"), 183), /bad\.o.*incompatible/],
    ["that is an executable", (elf) => elf.set(elf.headerField("e_type"), 2), /bad\.o/],
    [
      "whose section headers are outside the file",
      (elf) => elf.set(elf.headerField("e_shoff"), HUGE),
      /bad\.o.*section header table/,
    ],
    [
      "whose section headers end outside the file",
      (elf) => elf.set(elf.headerField("e_shnum"), 60_000),
      /bad\.o.*section header table/,
    ],
    [
      "whose section headers have another size",
      (elf) => elf.set(elf.headerField("e_shentsize"), 40),
      /bad\.o.*section header table/,
    ],
    [
      "whose section names are nowhere",
      (elf) => elf.set(elf.headerField("e_shstrndx"), 4000),
      /bad\.o.*section header table/,
    ],
    [
      "whose section names are no strings",
      (elf) => elf.set(elf.headerField("e_shstrndx"), 1),
      /bad\.o.*section name table/,
    ],
    [
      "with a section past its end",
      (elf) => elf.set(elf.sectionField(elf.section(".text"), "sh_offset"), HUGE),
      /bad\.o:\(\.text.*past the end/,
    ],
    [
      "with a section that is too long",
      (elf) => elf.set(elf.sectionField(elf.section(".text"), "sh_size"), HUGE),
      /bad\.o:\(\.text.*past the end/,
    ],
    [
      "with a section name outside the table",
      (elf) => elf.set(elf.sectionField(elf.section(".text"), "sh_name"), 1 << 30),
      /bad\.o.*section name/,
    ],
    [
      "with an alignment that is no power of two",
      (elf) => elf.set(elf.sectionField(elf.section(".text"), "sh_addralign"), 3),
      /bad\.o:\(\.text.*corrupt section/,
    ],
    [
      "with symbols that link to nothing",
      (elf) => elf.set(elf.sectionField(elf.section(".symtab"), "sh_link"), 4000),
      /bad\.o.*symbol table/,
    ],
    [
      "with more local symbols than symbols",
      (elf) => elf.set(elf.sectionField(elf.section(".symtab"), "sh_info"), 1 << 30),
      /bad\.o.*symbol table/,
    ],
    [
      "with symbols of another size",
      (elf) => elf.set(elf.sectionField(elf.section(".symtab"), "sh_entsize"), 16),
      /bad\.o.*symbol table/,
    ],
    [
      "with a symbol name outside the table",
      (elf) => elf.set(elf.symbolField(elf.section(".symtab").info, "st_name"), 1 << 30),
      /bad\.o.*name is outside the string table/,
    ],
    [
      "with a symbol in no section",
      (elf) => elf.set(elf.symbolField(elf.section(".symtab").info, "st_shndx"), 4000),
      /bad\.o.*symbol 'shared_by_all\(int\)' is in a section that does not exist/,
    ],
    [
      "with a relocation outside its section",
      (elf) => elf.set(elf.relocationField(elf.section(".rela.text"), 0, "r_offset"), HUGE),
      /bad\.o:\(.*outside its section/,
    ],
    [
      "with a relocation of no symbol",
      (elf) => elf.set(elf.relocationField(elf.section(".rela.text"), 0, "r_sym"), 1 << 30),
      /bad\.o:\(.*corrupt relocation/,
    ],
    [
      "with a relocation of no known type",
      (elf) => elf.set(elf.relocationField(elf.section(".rela.text"), 0, "r_type"), 250),
      /unknown relocation type 250[\s\S]*bad\.o:\(/,
    ],
    [
      "with relocations of another size",
      (elf) => elf.set(elf.sectionField(elf.section(".rela.text"), "sh_entsize"), 16),
      /bad\.o.*relocation section/,
    ],
    [
      "with a group of nothing",
      (elf) =>
        elf.set(
          elf.sectionField(
            elf.sections.find(({ type }) => type === 17)!,
            "sh_size",
          ),
          0,
        ),
      /bad\.o.*section group/,
    ],
    [
      "with a group whose signature is nowhere",
      (elf) =>
        elf.set(
          elf.sectionField(
            elf.sections.find(({ type }) => type === 17)!,
            "sh_info",
          ),
          1 << 30,
        ),
      /bad\.o.*section group/,
    ],
    [
      "with groups whose signatures have no names",
      (elf) => {
        const groups = elf.sections.filter(({ type }) => type === 17);
        for (const [row, group] of groups.entries()) {
          elf.set(elf.sectionField(group, "sh_info"), 1 + row);
          elf.set(elf.symbolField(1 + row, "st_name"), 1 << 30);
          elf.set(elf.symbolField(1 + row, "st_info"), 0);
        }
        elf.set(elf.symbolField(elf.section(".symtab").info, "st_name"), 1 << 30); // an empty name, too
      },
      /bad\.o.*name is outside the string table/,
    ],
    [
      "whose frames are too long",
      (elf) => elf.bytes.writeUInt32LE(0x7fff_0000, elf.section(".eh_frame").offset),
      /bad\.o:\(\.eh_frame.*\.eh_frame/,
    ],
    [
      "whose frames refer to no header",
      (elf) =>
        elf.bytes.writeUInt32LE(
          0x00ff_fff0,
          elf.section(".eh_frame").offset + elf.bytes.readUInt32LE(elf.section(".eh_frame").offset) + 8,
        ),
      /bad\.o:\(\.eh_frame/,
    ],
    [
      "with two symbol tables",
      (elf) => elf.set(elf.sectionField(elf.section(".comment"), "sh_type"), 2),
      /bad\.o.*(more than one )?symbol table/,
    ],
    [
      "whose names table does not end",
      (elf) => elf.bytes.writeUInt8(65, elf.section(".strtab").offset + elf.section(".strtab").size - 1),
      /bad\.o.*symbol table/,
    ],
  ];
  test.each(cases)("%s", async (_, change, message) => {
    expect(await refuse("bad.o", changed(change), "other.o")).toMatch(message);
  });
});

describe("a shared object is refused by name", () => {
  const cases: [string, (elf: ElfObject) => void, RegExp][] = [
    [
      "whose section headers are outside the file",
      (elf) => elf.set(elf.headerField("e_shoff"), HUGE),
      /bad\.so.*section header table/,
    ],
    [
      "whose symbols are outside the file",
      (elf) => elf.set(elf.sectionField(elf.section(".dynsym"), "sh_offset"), HUGE),
      /bad\.so.*past the end/,
    ],
    [
      "whose symbols have names outside the table",
      (elf) => elf.set(elf.symbolField(1, "st_name", ".dynsym"), 1 << 30),
      /bad\.so.*name is outside/,
    ],
    [
      "whose dynamic section is outside the file",
      (elf) => elf.set(elf.sectionField(elf.section(".dynamic"), "sh_offset"), HUGE),
      /bad\.so/,
    ],
    [
      "without dynamic symbols",
      (elf) => elf.set(elf.sectionField(elf.section(".dynsym"), "sh_type"), 1),
      /bad\.so.*dynamic symbol table/,
    ],
  ];
  test.each(cases)("%s", async (_, change, message) => {
    expect(await refuse("bad.so", changed(change, shared), "input.o")).toMatch(message);
  });
});

describe("an archive is refused by name", () => {
  const size = (): number => archive.indexOf("member.o/") + 48;
  const cases: [string, () => Buffer, RegExp][] = [
    ["that is cut off", () => archive.subarray(0, archive.length - 100), /bad\.a.*malformed archive/],
    [
      "whose member has no size",
      () =>
        Buffer.from(
          archive
            .toString("latin1")
            .replace(/(member\.o\/.{39})\d+ */s, (text, begin: string) => begin.padEnd(text.length, "x")),
          "latin1",
        ),
      /bad\.a.*malformed archive/,
    ],
    [
      "whose member is larger than it is",
      () => {
        const copy = Buffer.from(archive);
        copy.write("9999999999", size(), "latin1");
        return copy;
      },
      /bad\.a.*malformed archive/,
    ],
    [
      "whose headers do not end as they should",
      () => {
        const copy = Buffer.from(archive);
        copy.write("xx", size() + 10, "latin1");
        return copy;
      },
      /bad\.a.*malformed archive/,
    ],
  ];
  test.each(cases)("%s", async (_, make, message) => {
    expect(await refuse("bad.a", make(), "input.o")).toMatch(message);
  });
});

test("a file that is cut off anywhere is refused", async () => {
  for (const length of [1, 4, 16, 63, 64, 100, 1000, object.length - 1])
    expect(await refuse("bad.o", object.subarray(0, length), "other.o"), String(length)).toMatch(/bad\.o/);
});

test("a member of an archive that is wrong is named with the archive", async () => {
  const copy = Buffer.from(archive);
  const begin = archive.indexOf("\x7fELF", 0, "latin1");
  const elf = new ElfObject(copy.subarray(begin));
  elf.set(elf.sectionField(elf.section(".text"), "sh_offset"), HUGE);
  expect(await refuse("bad.a", copy, "input.o")).toMatch(/bad\.a\(member\.o\).*past the end/);
});

test("several wrong files are named at once", async () => {
  await dir.write("worse.o", object.subarray(0, 100));
  const text = await refuse(
    "bad.o",
    changed((elf) => elf.set(elf.headerField("e_shoff"), HUGE)),
    "worse.o",
  );
  expect(text).toMatch(/bad\.o/);
  expect(text).toMatch(/worse\.o/);
});

describe("what is odd, but no fault, is linked and harms no worker", () => {
  /** Links. Whether that succeeds is not the question. */
  async function linkOdd(args: readonly string[]): Promise<string> {
    const { status, stderr } = await dir.linkDirectly(spore, [...args, "--stats", "-e", "start", "-o", "odd"]);
    expect(status, stderr).toBe(0);
    expect(stderr, "a worker died and was replaced").toMatch(/^total .* 0$/m);
    return stderr;
  }

  test("two relocations of one instruction", async () => {
    // What the first makes of the instruction is not what the second was found for.
    await dir.write(
      "odd.s",
      `.globl start
       .section .tdata,"awT",@progbits
       local: .long 1
       .text
       start: mov local@gottpoff(%rip), %rax
       .reloc .-4, R_X86_64_GOTTPOFF, local-4
       .reloc .-4, R_X86_64_REX_GOTPCRELX, start-4`,
    );
    await dir.compile("odd.s");
    await linkOdd(["odd.o"]);
  });

  test("a relocation of a frame whose instruction would begin before it", async () => {
    await dir.write(
      "frames.s",
      `.globl start
       start: ret
       .section .eh_frame,"a",@progbits
       header: .long frame - header - 4, 0
       .byte 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1, 0, 0, 0, 0x48, 0x8b, 0x05
       frame: .long 20, frame + 4 - header
       .quad start, 1
       .reloc frame, R_X86_64_REX_GOTPCRELX, start-4
       .text`,
    );
    await dir.compile("frames.s");
    await linkOdd(["frames.o", "--eh-frame-hdr"]);
  });
});

test("constructors whose relocations are among the section headers are refused", async () => {
  await dir.write(
    "lists.s",
    '.globl main\nmain: ret\n.section .ctors,"aw"\n.quad main, main\n.section .rodata.str1.1,"aMS",@progbits,1\n.string "x"',
  );
  await dir.compile("lists.s");
  const lists = await dir.read("lists.o");
  for (const name of [".ctors", ".rela.ctors"]) {
    const message = await refuse(
      "bad.o",
      changed((elf) => {
        const headers = elf.read({ name: "e_shoff", offset: 40, size: 8 });
        elf.set(elf.sectionField(elf.section(name), "sh_offset"), headers + 48n);
        elf.set(elf.sectionField(elf.section(name), "sh_size"), 24 * 8);
      }, lists),
    );
    expect(message).toMatch(/bad\.o:\(\.(rela\.)?ctors.*corrupt/);
  }
});

test("a name that the system cannot look for is a file that is not there", async () => {
  for (const name of ["x".repeat(5000), "directory/".repeat(500)]) {
    await dir.write("names.ld", `INPUT(${name})`);
    const { status, stderr } = await dir.linkDirectly(spore, ["input.o", "names.ld"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^spore: error: cannot open/);
  }
});
