import { dirname, join } from "node:path";
import { expect, test } from "vitest";

import { FormatError } from "../../src/elf/byte-reader.ts";
import { diff, type Difference } from "../../src/reports/diff/diff.ts";
import { ElfObject } from "../harness/elf-object.ts";
import { bfd, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const tool = join(dirname(spore.path), "spore");

const sources = {
  "main.s": `
    .globl main, first, second, table
    .text
    main: call first; call second; lea table(%rip), %rax; xor %eax, %eax; ret
    .size main, .-main
    .type first, @function
    first: .cfi_startproc; push %rbx; .cfi_def_cfa_offset 16; pop %rbx; ret; .cfi_endproc
    .size first, .-first
    .type second, @function
    second: mov table@GOTPCREL(%rip), %rax; ret
    .size second, .-second
    .data
    .balign 8
    table: .quad first, second
    .size table, .-table
    .section .note.GNU-stack`,
  "other.s": ".text; .skip 640, 0x90; .section .note.GNU-stack",
};

/** Links with GNU ld; a.out unless said otherwise. */
async function link(dir: Scratch, inputs: readonly string[], output: string, ...flags: string[]): Promise<void> {
  const { status, stderr } = await dir.link(bfd, inputs, { output, flags: ["-Wl,--build-id=none", ...flags] });
  expect(stderr).toBe("");
  expect(status).toBe(0);
}

async function differences(dir: Scratch, first: string, second: string): Promise<Difference[]> {
  const { stdout, status } = await dir.run(tool, ["diff", "--json", first, second]);
  const found = (JSON.parse(stdout) as { differences: Difference[] }).differences;
  expect(status).toBe(found.length === 0 ? 0 : 1);
  return found;
}

/** Changes the bytes of a symbol of a file, `offset` bytes from its beginning. */
async function patch(dir: Scratch, name: string, symbol: string, offset: number, bytes: number[]): Promise<void> {
  const { stdout } = await dir.run("readelf", ["-sW", name]);
  const value = new RegExp(`([0-9a-f]{16}).* ${symbol}$`, "m").exec(stdout)?.[1] ?? "";
  const file = new ElfObject(await dir.read(name));
  const section = file.sections.findLast((candidate) => {
    const address = Number(file.read(file.sectionField(candidate, "sh_addr")));
    return address > 0 && address <= parseInt(value, 16);
  });
  if (section === undefined) throw new Error(`no section has ${symbol}`);
  const address = Number(file.read(file.sectionField(section, "sh_addr")));
  file.bytes.set(bytes, section.offset + parseInt(value, 16) - address + offset);
  await dir.write(name, file.bytes, 0o755);
}

for (const [kind, moved] of Object.entries({
  "-no-pie": "-Wl,-Ttext-segment=0x2000000",
  "-pie": "-Wl,-z,max-page-size=0x200000",
})) {
  test(`a program ${kind} at another address is the same`, async () => {
    await using dir = await scratch(sources);
    await link(dir, ["main.o"], "here", kind);
    await link(dir, ["main.o"], "there", kind, moved);
    expect(await differences(dir, "here", "there")).toEqual([]);
    const { stdout, status } = await dir.run(tool, ["diff", "here", "there"]);
    expect([stdout, status]).toEqual(["", 0]);
  });
}

test("a call, a pointer and a slot of the GOT that mean something else are found by name", async () => {
  await using dir = await scratch(sources);
  await link(dir, ["main.o"], "right", "-no-pie");
  const changes = [
    { symbol: "main", offset: 1, bytes: [0], kind: "contents", subject: "main+0x1" },
    { symbol: "table", offset: 8, bytes: [0x90], kind: "contents", subject: "table+0x8" },
    { symbol: "first", offset: 0, bytes: [0x90], kind: "contents", subject: "first+0x0" },
  ];
  for (const { symbol, offset, bytes, kind, subject } of changes) {
    await link(dir, ["main.o"], "wrong", "-no-pie");
    await patch(dir, "wrong", symbol, offset, bytes);
    const found = await differences(dir, "right", "wrong");
    expect(found.map((difference) => [difference.kind, difference.subject])).toEqual([[kind, subject]]);
  }
});

test("what two links were told differently is found", async () => {
  await using dir = await scratch(sources);
  await link(dir, ["main.o"], "plain", "-pie");
  const kindsOf = async (...flags: string[]): Promise<string[]> => {
    await link(dir, ["main.o", "other.o"], "changed", "-pie", ...flags);
    return (await differences(dir, "plain", "changed")).map(({ kind, subject }) => `${kind} ${subject}`);
  };
  expect(await kindsOf()).toEqual(["section .text"]);
  expect(await kindsOf("-Wl,-z,now")).toEqual(expect.arrayContaining(["dynamic DT_FLAGS", "dynamic DT_FLAGS_1"]));
  expect(await kindsOf("-Wl,--no-eh-frame-hdr")).toEqual(
    expect.arrayContaining(["section .eh_frame_hdr", "segment PT_GNU_EH_FRAME", "unwind .eh_frame_hdr"]),
  );
  expect(await kindsOf("-Wl,-soname=x")).toContain("dynamic DT_SONAME");
  expect(await kindsOf("-Wl,--export-dynamic")).toContain("dynamicSymbol second");
  expect(await kindsOf("-Wl,--defsym=extra=5")).toContain("symbol extra");
  expect(await kindsOf("-Wl,-z,execstack")).toContain("segment PT_GNU_STACK");
  expect(await kindsOf("-Wl,-s")).toContain("section .symtab");
});

const program = {
  "main.c": `int twice(int);
int main(void) {
  int sum = twice(2);
  return sum - 4;
}
`,
  "twice.c": `static int doubled(int x) {
  return x + x;
}
int twice(int x) {
  return doubled(x);
}
`,
};

for (const compile of [["-g"], ["-g", "-gz=zlib"], ["-gdwarf-4", "-O2", "-ffunction-sections"]])
  test(`line tables of the same objects are the same wherever the code is, compiled with ${compile.join(" ")}`, async () => {
    await using dir = await scratch(program);
    for (const name of Object.keys(program)) await dir.compile(name, compile);
    const inputs = ["main.o", "twice.o"];
    await link(dir, inputs, "witness", "-no-pie");
    await link(dir, inputs, "moved", "-no-pie", "-Wl,-Ttext-segment=0x2000000");
    await dir.mustRun("gcc", [...spore.gccFlags, ...inputs, "-no-pie", "-Wl,--build-id=none", "-o", "own"]);
    const compressing = ["-no-pie", "-Wl,--build-id=none,--compress-debug-sections=zlib"];
    await dir.mustRun("gcc", [...spore.gccFlags, ...inputs, ...compressing, "-o", "compressed"]);
    const ofDebugSections = async (other: string): Promise<Difference[]> =>
      (await differences(dir, "witness", other)).filter(
        ({ kind, subject }) => kind === "line" || subject.startsWith(".debug_"),
      );
    expect(await ofDebugSections("moved")).toEqual([]);
    expect(await ofDebugSections("own")).toEqual([]);
    // SHF_COMPRESSED is all that is different.
    for (const { kind, what } of await ofDebugSections("compressed"))
      expect([kind, what]).toEqual(["section", "flags"]);
  });

test("code that is from another line, or another file, is found by its function", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c", ["-g"]);
  await dir.compile("twice.c", ["-g"]);
  await link(dir, ["main.o", "twice.o"], "right", "-pie");
  const lines = async (changed: string, ...flags: string[]): Promise<string[]> => {
    await dir.write("twice.c", changed);
    await dir.compile("twice.c", ["-g"]);
    await link(dir, ["main.o", "twice.o"], "changed", "-pie", ...flags);
    return (await differences(dir, "right", "changed"))
      .filter(({ kind }) => kind === "line")
      .map(({ subject, first = "", second = "" }) => `${subject}: ${first} → ${second}`.replaceAll(`${dir.path}/`, ""));
  };
  const later = program["twice.c"].replace("int twice", "\nint twice");
  const expected = ["twice: twice.c:4 at 0x0, 11 bytes → twice.c:5 at 0x0, 11 bytes"];
  expect(await lines(later)).toEqual(expected);
  expect(await lines(later, "-Wl,--compress-debug-sections=zlib")).toEqual(expected);
  expect(await lines(program["twice.c"].replace("int twice", '#line 4 "header.h"\nint twice'))).toEqual([
    "twice: twice.c:4 at 0x0, 11 bytes → header.h:4 at 0x0, 11 bytes",
  ]);
  expect(await lines(program["twice.c"])).toEqual([]);
  await dir.write("twice.c", later);
  await dir.compile("twice.c", ["-g"]);
  await link(dir, ["main.o", "twice.o"], "changed", "-pie");
  const { stdout, status } = await dir.run(tool, ["diff", "right", "changed"]);
  expect(status).toBe(1);
  expect(stdout).toMatch(/^line tables: 1\n {2}twice source: .*twice\.c:4 .*, .*twice\.c:5 .*\n/m);
});

test("a file that is cut off or no ELF file is an error, never a crash", async () => {
  await using dir = await scratch(sources);
  await link(dir, ["main.o"], "whole", "-pie");
  const whole = await dir.read("whole");
  const { status, stderr } = await dir.run(tool, ["diff", "whole", "main.s"]);
  expect([status, stderr]).toEqual([2, "spore diff: main.s: offset 0x0: not an ELF file\n"]);
  expect((await dir.run(tool, ["diff", "missing", "whole"])).status).toBe(2);

  // Each field of the tables with a value at a limit: told or an error, and no other exception.
  const file = new ElfObject(whole);
  const kinds = ["header", "section headers", "symbols", "relocations", "frames", "dynamic", "versions"] as const;
  let errors = 0;
  for (const field of kinds.flatMap((kind) => file.fields(kind))) {
    const before = file.read(field);
    for (const value of [1n, 0xffff_ffffn, 0x7fff_ffff_ffff_ffffn]) {
      file.set(field, value);
      try {
        diff({ file: "changed", bytes: file.bytes }, { file: "changed too", bytes: file.bytes });
      } catch (error) {
        expect(error, `${field.name} ${value}`).toBeInstanceOf(FormatError);
        errors++;
      }
    }
    file.set(field, before);
  }
  expect(errors).toBeGreaterThan(100);
  for (let size = 0; size < whole.length; size += 61)
    expect(() => diff({ file: "cut", bytes: whole.subarray(0, size) }, { file: "whole", bytes: whole })).toThrow(
      FormatError,
    );
});
