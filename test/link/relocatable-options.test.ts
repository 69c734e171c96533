import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { expectRelinked, relinkers, relocatable, sectionsOf, symbolsOf } from "../harness/relinked.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const sources = {
  "main.c": `#include <stdio.h>\n#include "used.h"
    static int counter = 1; static int next(void) { return counter++; }
    int unused(void) { return next() + 100; } int main(void) { printf("%d %d\\n", next(), used(2)); return used(3); }`,
  "used.c": `#include "used.h"\nstatic const int table[] = {1, 2, 3, 4}; int used(int i) { return table[i]; } int dead(void) { return undefined_function(); }`,
  "used.h": `int used(int); int undefined_function(void);`,
};
const inputs = ["main.o", "used.o"];
const sectioned = ["-ffunction-sections", "-fdata-sections", "-g"];

async function compiled(flags = sectioned): Promise<Scratch> {
  const dir = await scratch({ ...sources, "undefined.c": `int undefined_function(void) { return 1; }` });
  for (const source of ["main.c", "used.c", "undefined.c"]) await dir.compile(source, flags);
  return dir;
}

test("-x, -X, -s and -S leave out what they name, but for what relocations need", async () => {
  for (const flags of [["-x"], ["-X"], ["-s"], ["-S"], ["-x", "-S"]]) {
    await using dir = await compiled();
    await expectRelinked(dir, [...inputs, "undefined.o"], { flags });
    await relocatable(dir, inputs, flags);
    await dir.linkDirectly(bfd, ["-r", ...flags, ...inputs, "-o", "bfd.o"]);
    expect(await symbolsOf(dir.file("r.o")), flags.join(" ")).toEqual(await symbolsOf(dir.file("bfd.o")));
    expect(await sectionsOf(dir.file("r.o")), flags.join(" ")).toEqual(await sectionsOf(dir.file("bfd.o")));
  }
});

test("--gc-sections keeps what -e or -u names and what that needs, and wants one of them", async () => {
  await using dir = await compiled();
  for (const root of [
    ["-e", "main"],
    ["-u", "main"],
  ]) {
    await relocatable(dir, inputs, ["--gc-sections", ...root]);
    const names = (await symbolsOf(dir.file("r.o"))).map((line) => line.replace(/ .*/, ""));
    expect(names).toEqual(expect.arrayContaining(["main", "used", "table", "next", "counter"]));
    expect(names).not.toContain("unused");
    expect(names).not.toContain("dead");
    for (const linker of relinkers)
      expect(await dir.linkAndRun(linker, ["r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({
        status: 4,
        stdout: "1 3\n",
      });
  }
  const ended = await dir.linkDirectly(spore, ["-r", "--gc-sections", ...inputs, "-o", "r.o"]);
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("needs a symbol to start from") });
});

test("OUTPUT of a script names the object; an object is no flat binary", async () => {
  await using dir = await compiled();
  await dir.write("named.ld", "OUTPUT(named.o) SECTIONS { .text : { *(.text*) } }");
  for (const linker of [bfd, spore]) {
    await dir.mustRun("rm", ["-f", "named.o"]);
    await dir.mustRun(linker.path, ["-r", "-T", "named.ld", ...inputs]);
    expect((await readelf(dir.file("named.o"), "-h")).text, linker.name).toMatch(/Type: +REL/);
  }
  const ended = await dir.linkDirectly(spore, ["-r", "--oformat=binary", ...inputs, "-o", "r.o"]);
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("may not be used together") });
});

test("a COMDAT group stays whole when --gc-sections keeps something of it", async () => {
  const group = (tail: string): string =>
    `.section .text.f,"axG",@progbits,f,comdat\n.weak f\nf: ret\n.section .data.f,"awG",@progbits,f,comdat\n.weak d\nd: .quad 7\n${tail}`;
  await using dir = await scratch({
    "a.s": group(".text\n.globl one\none: call f"),
    "b.s": group(".text\n.globl main\nmain: call one\nmov d(%rip), %eax\nret"),
  });
  await relocatable(dir, ["a.o"], ["--gc-sections", "-u", "one"]);
  for (const linker of relinkers)
    expect(
      await dir.linkAndRun(linker, ["r.o", "b.o"], { flags: ["-no-pie"], unlike: "relocatable" }),
      linker.name,
    ).toMatchObject({ status: 7 });
});

test("--unique keeps sections apart", async () => {
  await using dir = await compiled(["-fdata-sections"]);
  for (const flags of [["--unique"], ["--unique=.text"], ["--unique=.data.*"]]) {
    await relocatable(dir, [...inputs, "undefined.o"], flags);
    await dir.linkDirectly(bfd, ["-r", ...flags, ...inputs, "undefined.o", "-o", "bfd.o"]);
    const told = async (file: string): Promise<string[]> =>
      (await sectionsOf(dir.file(file))).filter((line) => /^\.(text|data)/.test(line));
    expect(await told("r.o"), flags.join(" ")).toEqual(await told("bfd.o"));
  }
});

test("a build id names what is in the object", async () => {
  await using dir = await compiled();
  const id = async (flags: readonly string[], ...of: string[]): Promise<string | undefined> => {
    await relocatable(dir, of, flags);
    return /Build ID: (\w+)/.exec((await readelf(dir.file("r.o"), "-n")).text)?.[1];
  };
  const both = await id(["--build-id"], ...inputs);
  expect(both).toMatch(/^\w{40}$/);
  expect(await id(["--build-id", "--threads=1"], ...inputs)).toBe(both);
  expect(await id(["--build-id"], "main.o")).not.toBe(both);
  expect(await id(["--build-id=0xabcdef01"], "main.o")).toBe("abcdef01");
  await relocatable(dir, ["r.o", "used.o"], ["--build-id"], "again.o");
  expect((await sectionsOf(dir.file("again.o"))).filter((line) => line.startsWith(".note.gnu.build-id"))).toHaveLength(
    1,
  );
});

test("data becomes an object with -b binary", async () => {
  await using dir = await scratch({
    "data.txt": "some bytes",
    "main.c": `extern char _binary_data_txt_start[], _binary_data_txt_end[]; int main(void) { return (int)(_binary_data_txt_end - _binary_data_txt_start) + (_binary_data_txt_start[0] == 's'); }`,
  });
  await dir.compile("main.c");
  await relocatable(dir, ["-b", "binary", "data.txt"]);
  await dir.linkDirectly(bfd, ["-r", "-b", "binary", "data.txt", "-o", "bfd.o"]);
  expect(await symbolsOf(dir.file("r.o"))).toEqual(await symbolsOf(dir.file("bfd.o")));
  for (const linker of relinkers)
    expect(await dir.linkAndRun(linker, ["main.o", "r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({
      status: 11,
    });
});

test("--defsym, --wrap and -e do what they do for GNU ld", async () => {
  await using dir = await compiled([]);
  for (const flags of [
    ["--defsym=alias=used"],
    ["--defsym=five=5"],
    ["--wrap=used"],
    ["-e", "main"],
    ["--defsym=alias=used", "--defsym=more=alias"],
  ]) {
    await relocatable(dir, inputs, flags);
    await dir.linkDirectly(bfd, ["-r", ...flags, ...inputs, "-o", "bfd.o"]);
    const told = async (file: string): Promise<string[]> =>
      (await symbolsOf(dir.file(file))).map((line) => line.replace(/ (NOTYPE|FUNC)/, ""));
    expect(await told("r.o"), flags.join(" ")).toEqual(await told("bfd.o"));
  }
  const ended = await dir.linkDirectly(spore, ["-r", "--defsym=x=SIZEOF(.text)", ...inputs, "-o", "r.o"]);
  expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining("the value of 'x'") });
});

test("a script puts sections together, in order, as kernel modules are made", async () => {
  await using dir = await scratch({
    "module.lds": `SECTIONS {
      /DISCARD/ : { *(.discard) *(.discard.*) }
      __ksymtab 0 : ALIGN(8) { *(SORT(___ksymtab+*)) }
      .init_array 0 : ALIGN(8) { *(SORT(.init_array.*)) *(.init_array) }
      .text : { *(.text .text.[0-9a-zA-Z_]*) }
      .bss : { *(.bss .bss.[0-9a-zA-Z_]*) *(.bss..L*) }
      .data : { *(.data .data.[0-9a-zA-Z_]*) *(.data..L*) }
      .rodata : { *(.rodata .rodata.[0-9a-zA-Z_]*) *(.rodata..L*) }
    }`,
    "a.c": `__attribute__((section("___ksymtab+zz"))) int zz = 1; __attribute__((section("___ksymtab+aa"))) int aa = 2;
      __attribute__((section(".discard.x"))) int dd = 3; __attribute__((constructor)) void c1(void) {}
      __attribute__((constructor(200))) void c2(void) {} int f(void) { return 1; } static int s; int g(void) { return s++; }
      int data[4] = {1}; const char *m = "x"; int main(void) { return (&aa)[1] + data[0]; }`,
  });
  await dir.compile("a.c", ["-ffunction-sections", "-fdata-sections"]);
  await relocatable(dir, ["a.o"], ["-T", "module.lds"]);
  await dir.linkDirectly(bfd, ["-r", "-T", "module.lds", "a.o", "-o", "bfd.o"]);
  expect(await sectionsOf(dir.file("r.o"))).toEqual(await sectionsOf(dir.file("bfd.o")));
  for (const linker of relinkers)
    expect(await dir.linkAndRun(linker, ["r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({ status: 2 });
});

test("what a script cannot say of an object is refused by name", async () => {
  await using dir = await compiled();
  for (const [statement, what] of [
    [".text : { start = .; *(.text) }", "an assignment to 'start'"],
    [".text : { *(.text) BYTE(0) }", "what is no input section"],
    [".text (NOLOAD) : { *(.text) }", "the type of an output section"],
    [".text : { *(.text) } = 0x90", "a fill"],
    ['ASSERT(1, "no")', "ASSERT"],
  ]) {
    await dir.write("s.lds", `SECTIONS { ${statement} }`);
    const ended = await dir.linkDirectly(spore, ["-r", "-T", "s.lds", ...inputs, "-o", "r.o"]);
    expect(ended, statement).toMatchObject({ status: 1, stderr: expect.stringContaining(what!) });
  }
});

test("-r beside another kind of output, and shared objects, are errors", async () => {
  await using dir = await compiled();
  await dir.shared("libused.so", ["used.o"]).catch(() => undefined);
  for (const flags of [["-shared"], ["-pie"]])
    for (const linker of [bfd, spore])
      expect(await dir.linkDirectly(linker, ["-r", ...flags, ...inputs, "-o", "r.o"]), linker.name).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("may not be used together"),
      });
  await dir.mustRun("gcc", ["-shared", "-fPIC", "-o", "libused.so", "used.c", "undefined.c"]);
  for (const linker of [bfd, spore])
    expect((await dir.linkDirectly(linker, ["-r", "main.o", "libused.so", "-o", "r.o"])).status, linker.name).toBe(1);
  expect((await dir.linkDirectly(spore, ["-r", "main.o", "-L.", "-lused", "-o", "r.o"])).status).toBe(1);
});

test("options for programs are accepted and mean nothing", async () => {
  await using dir = await compiled();
  const flags = [
    "-z",
    "now",
    "-z",
    "relro",
    "-z",
    "defs",
    "--export-dynamic",
    "--eh-frame-hdr",
    "-soname",
    "x",
    "-rpath",
    "/x",
  ];
  const more = [
    "--hash-style=gnu",
    "-dynamic-linker",
    "/x",
    "-static",
    "-Bsymbolic",
    "--no-undefined",
    "--no-relax",
    "-N",
  ];
  await dir.write("v.map", "V { global: main; local: *; };");
  await relocatable(dir, inputs, [...flags, ...more, "--version-script=v.map"], "with.o");
  await relocatable(dir, inputs, [], "without.o");
  expect(await dir.read("with.o")).toEqual(await dir.read("without.o"));
});

test("compiler drivers make objects of objects", async () => {
  await using dir = await compiled();
  for (const driver of ["gcc", "clang"])
    for (const flags of [["-r"], ["-nostdlib", "-r"], ["-nostdlib", "-Wl,-r"], ["-r", "-no-pie"]]) {
      if (driver === "clang" && flags.length > 1) continue;
      const path = driver === "clang" ? [`--ld-path=${spore.path}`] : spore.gccFlags;
      await dir.mustRun(driver, [
        ...path,
        ...flags,
        ...(flags.includes("-Wl,-r") ? ["-no-pie"] : []),
        ...inputs,
        "undefined.o",
        "-o",
        "r.o",
      ]);
      expect(await dir.linkAndRun(bfd, ["r.o"]), `${driver} ${flags.join(" ")}`).toMatchObject({ status: 4 });
    }
});

test("what is asked for and not done is said", async () => {
  await using dir = await compiled();
  const link = async (...flags: string[]): Promise<string> => {
    const ended = await dir.linkDirectly(spore, ["-r", ...flags, ...inputs, "-o", "r.o"], { unlike: "relocatable" });
    expect(ended.status).toBe(0);
    return ended.stderr;
  };
  expect(await link("--compress-debug-sections=zlib")).toContain("debug sections of an object stay uncompressed");
  expect(await link("--gc-sections", "-u", "main", "--print-gc-sections")).toContain(
    "removing unused section '.text.dead'",
  );
});

test("-Map lists what is in each section of the object", async () => {
  await using dir = await compiled();
  await relocatable(dir, inputs, ["-Map=r.map"]);
  const map = (await dir.read("r.map")).toString();
  expect(map).toMatch(/ \.text\.main\n.*main\.o:\(\.text\.main\)/);
});

test("the object is the same bytes for any number of workers", async () => {
  await using dir = await compiled();
  const made: Buffer[] = [];
  for (const threads of [1, 2, 5]) {
    await relocatable(dir, inputs, [`--threads=${threads}`, "--build-id"]);
    made.push(await dir.read("r.o"));
  }
  expect(made[1]).toEqual(made[0]);
  expect(made[2]).toEqual(made[0]);
});

test.skipIf(lacks([{ needs: "clang", from: "clang" }]))(
  "a profile of Clang's, whose symbols have other numbers in the object, is left out",
  async () => {
    await using dir = await scratch({
      "a.s":
        ".globl main\nmain: xor %eax, %eax\nret\n.globl f\nf: call main\nret\n.cg_profile f, main, 7\n.addrsig\n.addrsig_sym main",
    });
    await dir.mustRun("clang", ["-c", "a.s"]);
    expect((await readelf(dir.file("a.o"), "-SW")).text).toContain(".llvm.call-graph-profile");
    await relocatable(dir, ["a.o", "a.o"], ["--allow-multiple-definition"]);
    const { text, complaints } = await readelf(dir.file("r.o"), "-SW");
    expect(complaints).toEqual([]);
    expect(text).not.toMatch(/llvm| REL /);
    for (const linker of relinkers)
      expect(await dir.linkAndRun(linker, ["r.o"], { unlike: "relocatable" }), linker.name).toMatchObject({
        status: 0,
      });
  },
);
