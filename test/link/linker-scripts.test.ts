/** Linker scripts with SECTIONS, MEMORY and PHDRS: where everything is, is where GNU ld has it, and programs run. */
import { expect, test } from "vitest";

import { laidOut } from "../harness/laid-out.ts";
import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const source = `
  .globl _start, words, fast, foo, bar, kept, overlay_a, overlay_b
  .section .vectors,"a"; .quad _start, 0
  .text
  _start: lea words(%rip), %rax; ret
  .section .text.foo,"ax"; foo: ret
  .section .text.bar,"ax"; bar: nop; ret
  .data
  words: .quad _start
  .section .data.z,"aw"; .globl z; z: .long 7
  .section .data.fast,"aw"; fast: .long 9
  .bss
  .skip 64
  .section .noinit,"aw",@nobits; .skip 32
  .section .rodata.x,"a"; .balign 4; .long 5
  .section .config,"a"; .ascii "cfg"
  .section .overlay.a,"ax"; overlay_a: nop; nop; ret
  .section .overlay.b,"ax"; overlay_b: nop; nop; nop; nop; nop; ret
  .section .text.dead,"ax"; .globl dead; dead: ret
  .section .text.kept,"ax"; kept: ret
  .section .wide,"a"; .balign 16; .globl wide; wide: .long 1
  .section .narrow,"a"; .balign 2; .globl narrow; narrow: .short 2
  .comm common, 24, 8`;

const other = `
  .section .text.foo,"ax"; .globl foo2; foo2: nop; ret
  .section .data.fast,"aw"; .globl fast2; fast2: .long 10
  .section .rodata.x,"a"; .balign 4; .globl x2; x2: .long 6`;

/** What the linkers make of a script: symbols, sections, loaded segments and contents are the same. */
async function expectLaidOutAlike(dir: Scratch, script: string, ...flags: string[]): Promise<void> {
  await dir.write("script.ld", script);
  const files = [];
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-T", "script.ld", "a.o", "b.o", ...flags, "-o", `out.${linker.name}`]);
    const { symbols, sections, segments, contents } = await laidOut(dir.file(`out.${linker.name}`));
    files.push({ symbols, sections, segments: segments.filter((line) => line.startsWith("LOAD")), contents });
  }
  const [theirs, ours] = files;
  expect(ours, script).toEqual(theirs);
}

async function objects(): Promise<Scratch> {
  const dir = await scratch({ "a.s": source, "b.s": other });
  for (const name of ["a.s", "b.s"]) await dir.compile(name);
  return dir;
}

/** What every script here ends with. */
const rest = ".rest : { *(.overlay.*) *(.config) *(.vectors) *(.noinit) *(.wide) *(.narrow) *(COMMON) } =0";

test("sections are where the script puts them, and symbols have the values that it gives", async () => {
  await using dir = await objects();
  await expectLaidOutAlike(
    dir,
    `first = 5;
    SECTIONS {
      . = 0x10000; before = .;
      .text : { t0 = .; t1 = 5; t2 = ABSOLUTE(.); *(.text) t3 = . + 4; . = ALIGN(16); *(.text.*) =0x90 }
      between = .; next = ALIGN(0x1000); sum = t0 + first; negative = -t0; size = SIZEOF(.text); end_of_text = ADDR(.text) + SIZEOF(.text);
      . = ALIGN(0x1000);
      .rodata : { *(.rodata .rodata.*) BYTE(1) ; SHORT(2) ; LONG(3) ; QUAD(0x1122334455667788) ; }
      .data : { *(.data) d1 = 5 + t1; *(.data.*) }
      .gone : { gone = .; }
      .room : { . += 8; }
      .bss : { *(.bss) }
      after = .;
      ${rest}
    }`.replace("=0x90 }", "} =0x90909090"),
  );
});

test("memory regions give addresses, and load addresses follow one another", async () => {
  await using dir = await objects();
  const script = `
    MEMORY { flash (rx) : ORIGIN = 0x08000000, LENGTH = 256K  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 64K }
    REGION_ALIAS("rom", flash)
    _stack_size = 0x400;
    SECTIONS {
      .isr : { . = ALIGN(8); KEEP(*(.vectors)) . = ALIGN(8); } > flash
      .text : { *(.text) *(.text.*) . = ALIGN(16); _etext = .; } > flash =0x90909090
      .rodata : ALIGN(32) { *(.rodata .rodata.*) KEEP(*(.config)) LONG(0xdeadbeef) ; } > rom
      _load = LOADADDR(.data); _top = ORIGIN(ram) + LENGTH(ram);
      .data : { . = ALIGN(8); _sdata = .; *(.data) *(SORT_BY_NAME(.data.*)) . = ALIGN(8); _edata = .; } > ram AT> flash
      .bss (NOLOAD) : { _sbss = .; *(.bss) *(COMMON) . = ALIGN(8); _ebss = .; } > ram
      .noinit (NOLOAD) : { *(.noinit) } > ram
      .rest : { *(.overlay.*) *(.wide) *(.narrow) } > flash =0
    }`;
  await expectLaidOutAlike(dir, script);
  for (const linker of [bfd, spore]) {
    await dir.write("small.ld", script.replace("256K", "16"));
    const { status, stderr } = await dir.run(linker.path, ["-T", "small.ld", "a.o", "b.o"]);
    expect(status, linker.name).toBe(1);
    expect(stderr).toMatch(/region .(flash). overflowed by \d+ bytes/);
  }
});

test("input sections are chosen by file, excluded, sorted and kept as in GNU ld", async () => {
  await using dir = await objects();
  for (const statement of [
    "*(SORT_BY_NAME(.data.*)) *(.data)",
    "*(SORT_BY_ALIGNMENT(.wide) SORT_BY_ALIGNMENT(.narrow) SORT_BY_ALIGNMENT(.rodata.x))",
    "*b.o(.data.*) *(.data.*)",
    "*(EXCLUDE_FILE(*a.o) .data.* .text.foo)",
    "EXCLUDE_FILE(*b.o) *(.data.*)",
    "b.o(.rodata.x) a.o(.rodata.x)",
    "INPUT_SECTION_FLAGS(SHF_WRITE & !SHF_EXECINSTR) *(.data.* .text.*)",
    "KEEP(*(.text.kept)) *(.text.*)",
    "*(.data.[a-z] .data.f?st)",
  ])
    await expectLaidOutAlike(
      dir,
      `SECTIONS { . = 0x20000; .chosen : { ${statement} } .text : { *(.text .text.*) } .rodata : { *(.rodata*) }
       .data : { *(.data .data.*) } .bss : { *(.bss) } ${rest} }`,
    );
});

test("--sort-section, --orphan-handling and --print-memory-usage are as in GNU ld", async () => {
  await using dir = await objects();
  const script = `MEMORY { rom (rx) : ORIGIN = 0x1000, LENGTH = 16K  ram (w) : ORIGIN = 0x10000, LENGTH = 3000 }
    SECTIONS { .text : { *(.text*) } > rom .rodata : { *(.rodata*) *(.vectors) } > rom
      .data : { *(.data*) } > ram .bss : { *(.bss) *(COMMON) } > ram .rest : { *(.overlay.*) *(.wide) *(.narrow) } > rom }`;
  for (const key of ["name", "alignment"])
    await expectLaidOutAlike(
      dir,
      `SECTIONS { . = 0x10000; .text : { *(.text*) } .rodata : { *(.rodata*) } .data : { *(.data*) } .bss : { *(.bss) } ${rest} }`,
      `--sort-section=${key}`,
    );
  await dir.write("script.ld", script);
  const said = [];
  for (const linker of [bfd, spore]) {
    const { stdout } = await dir.mustRun(linker.path, ["-T", "script.ld", "a.o", "b.o", "--print-memory-usage"]);
    said.push(stdout);
    const warned = await dir.run(linker.path, ["-T", "script.ld", "a.o", "b.o", "--orphan-handling=warn"]);
    expect(warned, linker.name).toMatchObject({ status: 0, stderr: expect.stringMatching(/\.config/) });
    const failed = await dir.run(linker.path, ["-T", "script.ld", "a.o", "b.o", "--orphan-handling=error"]);
    expect(failed, linker.name).toMatchObject({ status: 1, stderr: expect.stringMatching(/\.noinit/) });
  }
  expect(said[1]).toBe(said[0]);
});

test("overlays share addresses, and are loaded one behind the other", async () => {
  await using dir = await objects();
  await expectLaidOutAlike(
    dir,
    `SECTIONS { . = 0x1000; .text : { *(.text .text.*) } .rodata : { *(.rodata*) }
      OVERLAY 0x4000 : AT(0x8000) { .first { *(.overlay.a) } .second { *(.overlay.b) } }
      after = .; start = __load_start_second; stop = __load_stop_second;
      .data : AT(0x9000) { *(.data .data.*) *(.noinit) *(.bss) } .other : { *(.config) *(.vectors) *(.wide) *(.narrow) *(COMMON) } }`,
  );
});

test("program headers are those of PHDRS", async () => {
  await using dir = await objects();
  const script = `
    PHDRS { headers PT_PHDR PHDRS; text PT_LOAD FILEHDR PHDRS; data PT_LOAD FLAGS(7); stack 0x6474e551 FLAGS(6); }
    SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .text : { *(.text*) } :text
      .rodata : { *(.rodata*) *(.wide) *(.narrow) } :text
      . = ALIGN(0x1000) + (. & 0xfff);
      .data : { *(.data*) } :data
      .bss : { *(.bss) *(.noinit) *(COMMON) }
      /DISCARD/ : { *(.overlay.*) *(.config) *(.vectors) } }`;
  await expectLaidOutAlike(dir, script);
  const headers = [];
  for (const linker of [bfd, spore]) headers.push((await laidOut(dir.file(`out.${linker.name}`))).segments);
  expect(headers[1]).toEqual(headers[0]);
});

test("addresses of the upper half are addresses", async () => {
  await using dir = await objects();
  await expectLaidOutAlike(
    dir,
    `SECTIONS { . = 0xffffffff81000000; .text : AT(ADDR(.text) - 0xffffffff80000000) { *(.text .text.*) }
      .rodata : { *(.rodata*) } . = ALIGN(0x1000); .data : { *(.data .data.*) } .bss : { *(.bss) } ${rest} end = .; }`,
    "-z",
    "max-page-size=0x200000",
  );
});

test("the command line says where sections are", async () => {
  await using dir = await objects();
  await expectLaidOutAlike(
    dir,
    `SECTIONS { . = 0x10000; .text : { *(.text .text.*) } .rodata : { *(.rodata*) } .data : { *(.data .data.*) }
      .bss : { *(.bss) } ${rest} }`,
    "-Ttext=0x30000",
    "-Tdata",
    "40000",
    "-Tbss=0x50000",
    "--section-start=.rodata=0x60000",
  );
  await using program = await scratch({
    "main.c": `#include <stdio.h>
      int zero[10]; const char text[] = "where"; int datum = 3;
      int main(void) { printf("%s %d %d\\n", text, datum, zero[3]); return 0; }`,
  });
  for (const flags of [["-Wl,-Ttext=0x900000"], ["-Wl,-Tdata=0x700000"], ["-Wl,--section-start=.rodata=0x800000"]]) {
    const ended = await program.linkAndRun(spore, ["main.o"], {
      flags: ["-no-pie", ...flags],
      unlike: "GNU ld has its own order of sections",
    });
    expect(ended, flags.join(" ")).toMatchObject({ status: 0, stdout: "where 3 0\n" });
  }
});

test("programs run that are linked by GNU ld's own scripts", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      #include <stdexcept>
      #include <string>
      thread_local int counter = 2;
      static std::string early = "early";
      static int zero[100];
      __attribute__((constructor)) static void first() { zero[7] = 1; }
      int main() {
        try { throw std::runtime_error("thrown"); }
        catch (std::exception &e) { printf("%s %s %d %d\\n", e.what(), early.c_str(), counter, zero[7]); }
      }`,
  });
  const kinds = [
    ["-no-pie"],
    ["-pie"],
    ["-static"],
    ["-static-pie"],
    ["-pie", "-Wl,-z,now"],
    ["-no-pie", "-Wl,-z,norelro"],
    ["-pie", "-Wl,-z,noseparate-code"],
    ["-no-pie", "-Wl,--gc-sections", "-ffunction-sections"],
  ];
  for (const flags of kinds) {
    const own = flags.flatMap((flag) => (flag.startsWith("-Wl,-z") ? flag.slice(4).split(",") : []));
    const kind = flags[0] === "-static-pie" ? ["-static", "-pie", "--no-dynamic-linker"] : [flags[0]!];
    const { stdout } = await dir.mustRun(bfd.path, [...kind, ...own, "--verbose"]);
    await dir.write("own.ld", stdout.split("=".repeat(50))[1]!);
    const ended = await dir.linkAndRun(spore, ["main.o"], { flags: [...flags, "-Wl,-T,own.ld"] });
    expect(ended, flags.join(" ")).toMatchObject({ status: 0, stdout: "thrown early 2 1\n" });
  }
});

test("a script of INSERT adds to the default plan", async () => {
  await using dir = await scratch({
    "main.c": `#include <stdio.h>
      extern const int table_begin[], table_end[];
      #define ENTRY(n) static const int entry_##n __attribute__((section(".table"), used)) = n
      ENTRY(3); ENTRY(4); ENTRY(5);
      int main(void) { int sum = 0; for (const int *p = table_begin; p < table_end; p++) sum += *p; printf("%d\\n", sum); return 0; }`,
    "insert.ld": `SECTIONS { .table : { table_begin = .; KEEP(*(.table)) table_end = .; } } INSERT AFTER .rodata;`,
  });
  for (const linker of [bfd, spore])
    for (const kind of ["-pie", "-no-pie", "-static"]) {
      const command = { flags: [kind, "-Wl,-T,insert.ld"], unlike: "GNU ld has its own order of sections" };
      expect(await dir.linkAndRun(linker, ["main.o"], command), kind).toMatchObject({ status: 0, stdout: "12\n" });
    }
});

test("what is wrong in a script is an error with its place, and the old output stays", async () => {
  await using dir = await objects();
  for (const [script, message] of [
    [`SECTIONS { ASSERT(0, "never true") }`, "script.ld:1: never true"],
    [`SECTIONS {\n.text : { *(.text) . = 1; } }`, "script.ld:2: cannot move location counter backwards"],
    [`SECTIONS { .text 0x1000 : { *(.text*) } .data 0x1001 : { *(.data) } }`, "overlaps section '.text'"],
    [`SECTIONS { .text : { *(.text*) x = nosuch; } }`, "script.ld:1: undefined symbol 'nosuch'"],
    [`PHDRS { a PT_LOAD; } SECTIONS { .text : { *(.text*) } :b }`, "script.ld:1: there is no segment 'b' in PHDRS"],
    [`SECTIONS { .text : { *(.text*) } foo = ; }`, "script.ld:1: expected a value, not ';'"],
    [`SECTIONS { .text : { *(.text* } }`, "script.ld:1: expected a section, not '}'"],
    [`SECTIONS { .text : { *(.text*) } > none }`, "script.ld:1: there is no memory region 'none'"],
    [`SECTIONS { /DISCARD/ : { *(.data) } }`, "undefined reference to 'words'"],
    [`SECTIONS { } INSERT AFTER .none;`, "script.ld:1: there is no section '.none' to insert at"],
    [`LD_FEATURE("SANE_EXPR")`, "'LD_FEATURE' is not supported"],
  ] as const) {
    await dir.write("script.ld", script);
    await dir.write("a.out", "old");
    const { status, stderr } = await dir.run(spore.path, ["-T", "script.ld", "a.o", "b.o"]);
    expect(status, script).toBe(1);
    expect(stderr, script).toContain(message);
    expect((await dir.read("a.out")).toString(), script).toBe("old");
  }
});

test("hostile scripts end with an error, or with what they ask for", async () => {
  await using dir = await objects();
  for (const [script, message] of [
    [`SECTIONS { .t : { ${"KEEP(".repeat(5000)}*(.text)${")".repeat(5000)} } }`, "unknown order 'KEEP'"],
    [`SECTIONS { .t : { *(${"SORT(".repeat(5000)}.text${")".repeat(5000)}) } }`, "orders nest too deeply"],
    [`SECTIONS { .t : { *(${"REVERSE(".repeat(5000)}.text${")".repeat(5000)}) } }`, "orders nest too deeply"],
    [`SECTIONS { .t : { x = ${"(".repeat(5000)}1${")".repeat(5000)}; } }`, "expressions nest too deeply"],
    [`SECTIONS { .t : { *(.text) . = 0xffffffffffffffff; } }`, "cannot move location counter backwards"],
    [`SECTIONS { .t : { *(.text) . += 0x1000000000000; } }`, "'.t' has more than 2^47 bytes"],
    [`MEMORY { a : ORIGIN = nosuch, LENGTH = 1/0 } SECTIONS { .t : { *(.text) } > a }`, "undefined symbol 'nosuch'"],
    [`PHDRS { a PT_LOAD FLAGS(nosuch); } SECTIONS { .t : { *(.text) } :a }`, "'nosuch' has no value in PHDRS"],
    [`PHDRS { a PT_LOAD AT(1/0); } SECTIONS { .t : { *(.text) } :a }`, "/ by zero"],
    [`SECTIONS { .t : { *(.text) } =1/0 }`, "/ by zero"],
    [`SECTIONS { .t : SUBALIGN(nosuch) { *(.text) } }`, "SUBALIGN of other than a power of 2"],
    [`SECTIONS { .t (TYPE = nosuch) : { *(.text) } }`, "unknown section type 'nosuch'"],
    [`SECTIONS { .t : { *(.text) }`, "unexpected end of the script"],
    [`INCLUDE script.ld`, "include each other too deeply"],
    [`SECTIONS { INCLUDE nowhere }`, "cannot find 'nowhere'"],
    [`INCLUDE /dev/zero`, "more than 64 MiB come through it"],
  ] as const) {
    await dir.write("script.ld", script);
    const { status, stderr } = await dir.run(spore.path, ["-T", "script.ld", "a.o", "b.o"]);
    expect({ status, stderr }, script.slice(0, 100)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(message),
    });
    expect(stderr).not.toContain("internal error");
  }
  for (const script of [
    `SECTIONS { . = DATA_SEGMENT_ALIGN(3, 5); .t : { *(.text*) } . = DATA_SEGMENT_RELRO_END(7, .); . = DATA_SEGMENT_END(.); }`,
    `SECTIONS { . = ALIGN(0); .t : { *(.text) . = ALIGN(0); } }`,
    `SECTIONS { .all : { *(*) } }`,
    `SECTIONS { .shstrtab : { *(.text*) } .symtab : { *(.data*) } }`,
    `SECTIONS { OVERLAY 0x1000 : { .a { *(.none) } .b { *(.none) } } .t : { *(.text) } }`,
    `SECTIONS { ${Array.from({ length: 3000 }, (_, i) => `.s${i} : { v${i} = .; }`).join(" ")} .t : { *(.text*) } }`,
  ]) {
    await dir.write("script.ld", script);
    expect(await dir.run(spore.path, ["-T", "script.ld", "a.o", "b.o"]), script.slice(0, 100)).toMatchObject({
      status: 0,
    });
    expect((await readelf(dir.file("a.out"), "-aW")).complaints, script.slice(0, 100)).toEqual([]);
  }
});

test("a script that says nothing of a section leaves its place to the linker, with a dynamic program, too", async () => {
  await using dir = await scratch({
    "main.c": `#include <stdio.h>\nint main(void) { puts("found"); return 0; }`,
    "few.ld": `SECTIONS { . = 0x400000 + SIZEOF_HEADERS; .interp : { *(.interp) } .text : { *(.text .text.*) }
      . = ALIGN(0x1000); .data : { *(.data .data.*) } }`,
  });
  for (const kind of ["-no-pie", "-pie"]) {
    const ended = await dir.linkAndRun(spore, ["main.o"], {
      flags: [kind, "-Wl,-T,few.ld", "-Wl,--no-warn-rwx-segments"],
      unlike: "GNU ld's own sections have other names, and are in another order",
    });
    expect(ended, kind).toMatchObject({ status: 0, stdout: "found\n" });
    expect((await readelf(dir.file("a.out"), "-lW")).text).toContain("LOAD");
  }
});
