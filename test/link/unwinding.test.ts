import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.c": `
    #define _GNU_SOURCE
    #include <execinfo.h>
    #include <link.h>
    #include <stdio.h>
    #include <string.h>
    int outer(int (*)(void)); int other(int (*)(void));
    static int found;
    static int visit(struct dl_phdr_info *info, size_t size, void *data) {
      (void)size; (void)data;
      for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME && !found++) {
          const unsigned char *header = (const unsigned char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
          printf("version %d %x %x %x\\n", header[0], header[1], header[2], header[3]);
        }
      return 0;
    }
    static int depth(void) { void *frames[64]; return backtrace(frames, 64); }
    int main(void) {
      dl_iterate_phdr(visit, 0);
      int here = depth();
      printf("%d %d\\n", outer(depth) - here, other(depth) - here);
    }`,
  "a.c":
    "int inner(int (*f)(void)) { volatile int x = f(); return x; } int outer(int (*f)(void)) { volatile int x = inner(f); return x; }",
  "b.c":
    "static int a(int (*f)(void)) { volatile int x = f(); return x; } int other(int (*f)(void)) { volatile int x = a(f); return x; } int unused(void) { return 0; }",
};

for (const flags of [["-pie"], ["-no-pie"], ["-static"], ["-static-pie"]])
  test(`backtrace() walks through the frames of every object (${flags[0]})`, async () => {
    await using dir = await scratch(files);
    for (const name of ["main.c", "a.c", "b.c"])
      await dir.compile(name, ["-O1", "-fomit-frame-pointer", "-fno-optimize-sibling-calls", "-fno-inline"]);
    expect(await dir.linkAndRun(spore, ["main.o", "a.o", "b.o"], { flags })).toMatchObject({
      stdout: "version 1 1b 3 3b\n2 2\n",
    });
    await expectWellFormed(dir.file("a.out"));
  });

/** Functions that readelf finds a frame for, and how many CIEs there are. */
async function frames(file: string): Promise<{ functions: number[]; cies: number }> {
  const { text, complaints } = await readelf(file, "--debug-dump=frames");
  expect(complaints).toEqual([]);
  const functions = [...text.matchAll(/ FDE cie=\S+ pc=([0-9a-f]+)\.\./g)].map(([, pc = ""]) =>
    Number.parseInt(pc, 16),
  );
  return { functions, cies: text.match(/ CIE$/gm)?.length ?? 0 };
}

test("frames of every file are kept under few common headers, and the search table lists them in order", async () => {
  await using dir = await scratch(files);
  await dir.link(bfd, ["main.o", "a.o", "b.o"], { output: "bfd" });
  await dir.link(spore, ["main.o", "a.o", "b.o"]);
  const [witness, ours] = [await frames(dir.file("bfd")), await frames(dir.file("a.out"))];
  // GNU ld adds a frame for each kind of PLT.
  expect(ours.functions.length).toBeGreaterThanOrEqual(witness.functions.length - 3);
  expect(ours.cies).toBeLessThanOrEqual(witness.cies + 1); // the PLT's is not shared with those of inputs
  const names = await dir.mustRun("nm", ["a.out"]);
  for (const name of ["main", "inner", "outer", "other", "_start"]) {
    const address = Number.parseInt(new RegExp(`^(\\w+) . ${name}$`, "m").exec(names.stdout)?.[1] ?? "", 16);
    expect(ours.functions, name).toContain(address);
  }
  const { text } = await readelf(dir.file("a.out"), "-x.eh_frame_hdr");
  const bytes = Buffer.from(
    [...text.matchAll(/^ {2}0x\w+ ((?:[0-9a-f]{2,8} ){1,4})/gm)]
      .map(([, hex = ""]) => hex.replaceAll(" ", ""))
      .join(""),
    "hex",
  );
  const count = bytes.readUInt32LE(8);
  expect(count).toBe(ours.functions.length);
  const table = Array.from({ length: count }, (_, i) => bytes.readInt32LE(12 + 8 * i));
  expect(table).toEqual(table.toSorted((a, b) => a - b));
});

test("frames of discarded functions go with them", async () => {
  await using dir = await scratch({
    "a.cc": "inline __attribute__((noinline)) int shared(int x) { return x + 1; } int a() { return shared(1); }",
    "main.cc":
      "inline __attribute__((noinline)) int shared(int x) { return x + 1; } int a(); int main() { return a() + shared(2); }",
  });
  expect(await dir.linkAndRun(spore, ["main.o", "a.o"])).toMatchObject({ status: 5 });
  const { functions } = await frames(dir.file("a.out"));
  expect(new Set(functions).size).toBe(functions.length);
  expect(functions).not.toContain(0);
  await expectWellFormed(dir.file("a.out"));
});

test("exceptions unwind where there is no .eh_frame_hdr, because the C library registers frames", async () => {
  await using dir = await scratch({
    "main.cc": `
      #include <cstdio>
      int main() { try { throw 3; } catch (int x) { std::printf("%d\\n", x); } }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-static", "-Wl,--eh-frame-hdr"] })).toMatchObject({
    stdout: "3\n",
  });
});

test("hand-written frame directives and several .eh_frame sections in one object are understood", async () => {
  await using dir = await scratch({
    "a.s": `
      .cfi_sections .eh_frame
      .text
      .globl f
      f: .cfi_startproc
      push %rbx
      .cfi_def_cfa_offset 16
      .cfi_offset %rbx, -16
      call *%rdi
      pop %rbx
      .cfi_def_cfa_offset 8
      ret
      .cfi_endproc
      .section .text.other,"ax"
      .globl g
      g: .cfi_startproc
      sub $8, %rsp
      .cfi_adjust_cfa_offset 8
      call *%rdi
      add $8, %rsp
      ret
      .cfi_endproc
      .section .note.GNU-stack,"",@progbits`,
    "main.cc": `
      #include <cstdio>
      extern "C" void f(void (*)()), g(void (*)());
      static void thrower() { throw 1; }
      int main() { int sum = 0; try { f(thrower); } catch (int x) { sum += x; } try { g(thrower); } catch (int x) { sum += x * 10; } std::printf("%d\\n", sum); }`,
  });
  for (const flags of [["-pie"], ["-static"]])
    expect(await dir.linkAndRun(spore, ["main.o", "a.o"], { flags })).toMatchObject({ stdout: "11\n" });
});

test("the unwinder finds every one of 100,000 functions, more than one part of the search table has", async () => {
  await using dir = await scratch({
    // In two sections, so that what comes first in the file is not what comes first in memory.
    "functions.s": `
        .section .text.unlikely, "ax"
        .rept 50000
        .cfi_startproc
        nop
        .cfi_endproc
        .endr
        .text
        .globl begin, end, cold_begin, cold_end
        begin:
        .rept 50000
        .cfi_startproc
        nop
        .cfi_endproc
        .endr
        end:
        .section .text.unlikely
        cold_end:
        .set cold_begin, cold_end - 50000
        .section .note.GNU-stack, "", @progbits`,
    "main.c": `
      #include <stdio.h>
      struct bases { void *text, *data, *function; };
      const void *_Unwind_Find_FDE(void *pc, struct bases *bases);
      extern char begin[], end[], cold_begin[], cold_end[];
      static int found(char *from, char *to) {
        struct bases bases;
        int n = 0;
        for (char *function = from; function < to; function++)
          n += _Unwind_Find_FDE(function, &bases) && bases.function == function;
        return n;
      }
      int main(void) { printf("%d %d\\n", found(begin, end), found(cold_begin, cold_end)); return 0; }`,
  });
  await dir.compile("functions.s", []);
  await dir.compile("main.c", ["-O1"]);
  expect(await dir.linkAndRun(spore, ["main.o", "functions.o"], { flags: ["-pie"] })).toMatchObject({
    stdout: "50000 50000\n",
  });
});

test("an LSDA in a group that another file keeps is no error, as GNU ld has it", async () => {
  const source = (name: string): string => `
    .section .gcc_except_table.g, "aG", @progbits, g, comdat
    table: .byte 0xff, 0xff, 0x01, 0
    .text
    .globl ${name}
    ${name}: .cfi_startproc
    .cfi_personality 0x9b, reference
    .cfi_lsda 0x1b, table
    ret
    .cfi_endproc
    personality: ret
    .section .data.rel.ro, "aw"
    reference: .quad personality
    .section .note.GNU-stack, "", @progbits`;
  await using dir = await scratch({
    "a.s": source("a"),
    "b.s": source("b"),
    "main.c": "void a(void), b(void); int main(void) { a(); b(); return 5; }",
  });
  for (const name of ["a.s", "b.s", "main.c"]) await dir.compile(name);
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o", "a.o", "b.o"]), linker.name).toMatchObject({
      status: 5,
      stderr: "",
    });
});

test("each instruction of a lazily bound call can be unwound, those in the PLT too", async () => {
  await using dir = await scratch({
    "lib.c": "int far(int x) { return x + 1; }",
    "main.c": `
      #define _GNU_SOURCE
      #include <signal.h>
      #include <stdint.h>
      #include <stdio.h>
      #include <ucontext.h>
      #include <unwind.h>
      int far(int);
      int main(void);
      static int steps, lost;
      struct search { int found; };
      static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *data) {
        if (_Unwind_GetRegionStart(context) == (uintptr_t)main) ((struct search *)data)->found = 1;
        return _URC_NO_REASON;
      }
      static void onStep(int signal, siginfo_t *info, void *context) {
        struct search search = {0};
        _Unwind_Backtrace(look, &search);
        steps++;
        lost += !search.found;
      }
      #define TRAP(operation) __asm__ volatile("pushf\\n" operation " $0x100, (%%rsp)\\npopf" ::: "cc", "memory")
      int main(void) {
        struct sigaction action = {.sa_sigaction = onStep, .sa_flags = SA_SIGINFO};
        sigaction(SIGTRAP, &action, 0);
        struct search warm = {0};
        _Unwind_Backtrace(look, &warm); // binds what the handler calls
        TRAP("orq");
        int result = far(2);
        TRAP("andq");
        printf("%d %s\\n", result, steps > 10 ? "stepped" : "not stepped");
        return lost;
      }`,
  });
  await dir.shared("libfar.so", ["lib.o"]);
  await dir.compile("main.c", ["-O1", "-mno-red-zone", "-fno-pie"]); // pushf would overwrite the red zone
  for (const flags of [["-Wl,-z,lazy"], ["-Wl,-z,now"], ["-Wl,-z,lazy,-z,ibtplt"]]) {
    for (const linker of [bfd, spore]) {
      const ended = await dir.linkAndRun(linker, ["main.o", "libfar.so"], { flags: ["-no-pie", ...flags] });
      expect(ended, `${linker.name} ${flags.join(" ")}`).toMatchObject({ status: 0, stdout: "3 stepped\n" });
    }
  }
  for (const linker of [bfd, spore]) {
    const flags = ["-no-pie", "-Wl,-z,lazy,--no-ld-generated-unwind-info"];
    const { status } = await dir.linkAndRun(linker, ["main.o", "libfar.so"], { flags });
    expect(status, `instructions that ${linker.name}'s unwinder is lost in`).toBeGreaterThan(0);
  }
});

/** A code section and hand-made FDEs: a label of it, and how many bytes the FDE says. */
const withFdes = (fdes: readonly (readonly [at: string, size: number])[]): string => `
  .text
  .globl _start
  _start: nop
  inside: nop
  nop
  ret
  .section .eh_frame, "a", @unwind
  cie: .long 1f - . - 4, 0
  .byte 1
  .string "zR"
  .byte 1, 0x78, 16, 1, 0x1b, 0xc, 7, 8, 0x90, 1
  .balign 8
  1:
  ${fdes.map(([at, size]) => `.long 2f - 1f\n1: .long 1b - cie, ${at} - ., ${size}\n.byte 0\n.balign 8\n2:`).join("\n")}
  .section .note.GNU-stack, "", @progbits`;

test.each<[string, [string, number][], boolean]>([
  [
    "one inside the other",
    [
      ["_start", 4],
      ["inside", 1],
    ],
    false,
  ],
  [
    "one that ends behind the start of the next",
    [
      ["inside", 2],
      ["_start", 2],
    ],
    false,
  ],
  [
    "two of one function",
    [
      ["_start", 4],
      ["_start", 4],
    ],
    false,
  ],
  [
    "one after the other",
    [
      ["inside", 3],
      ["_start", 1],
    ],
    true,
  ],
  [
    "an empty one inside another",
    [
      ["_start", 4],
      ["inside", 0],
    ],
    true,
  ],
  [
    "empty ones where another begins",
    [
      ["_start", 0],
      ["_start", 4],
      ["_start", 0],
    ],
    true,
  ],
])("FDEs, %s: linked or refused as by GNU ld, and the search table has the same", async (_, fdes, isLinked) => {
  await using dir = await scratch({ "a.s": withFdes(fdes) });
  const object = await dir.compile("a.s");
  const tables: string[] = [];
  for (const linker of [bfd, spore]) {
    const { status, stderr } = await dir.run(linker.path, ["--eh-frame-hdr", object, "-o", "a.out"]);
    expect(status === 0, `${linker.name}: ${stderr}`).toBe(isLinked);
    if (!isLinked) expect(stderr).toContain(".eh_frame_hdr refers to overlapping FDEs");
    if (!isLinked) continue;
    const { functions } = await frames(dir.file("a.out"));
    const { text } = await readelf(dir.file("a.out"), "-SW");
    const [, header = "", size] = /\.eh_frame_hdr +PROGBITS +\w+ (\w+) (\w+)/.exec(text) ?? [];
    const bytes = (await dir.read("a.out")).subarray(Number.parseInt(header, 16));
    const count = bytes.readUInt32LE(8);
    const start = Math.min(...functions);
    tables.push(JSON.stringify({ count, size, functions: functions.map((function_) => function_ - start) }));
  }
  expect(new Set(tables).size).toBe(isLinked ? 1 : 0);
});

test("overlapping FDEs are refused with their places, in whichever parts of a large search table they are", async () => {
  await using dir = await scratch({
    "many.s": `
      .text
      .globl _start
      _start:
      .rept 100000
      .cfi_startproc
      nop
      .cfi_endproc
      .endr
      .section .note.GNU-stack, "", @progbits`,
    "two.s": withFdes([
      ["inside", 2],
      ["_start", 3],
    ]).replaceAll("_start", "other"),
  });
  for (const order of [
    ["many.o", "two.o"],
    ["two.o", "many.o"],
  ]) {
    for (const name of order) await dir.compile(name.replace(".o", ".s"));
    const { status, stderr } = await dir.run(spore.path, ["--eh-frame-hdr", ...order, "-o", "a.out"]);
    expect(status).toBe(1);
    expect(stderr.match(/>>> in two\.o:\(\.eh_frame\+0x[0-9a-f]+\)/g)).toHaveLength(2);
  }
});

test.each([
  ["a signal's frame", "zRS", "1, 0x1b", ".long _start - ., SIZE\n.byte 0"],
  ["a personality", "zPLR", "7, 0x1b\n.long _start - .\n.byte 0x1b, 0x1b", ".long _start - ., SIZE\n.byte 4\n.long 0"],
  ["no augmentation", "", "", ".quad _start, SIZE"],
  ["pointers of 8 bytes", "zR", "1, 0x1c", ".quad _start - ., SIZE\n.byte 0"],
])("an empty function is known by its FDE: %s", async (_, augmentation, bytes, fde) => {
  await using dir = await scratch({
    "a.s": `
      .text
      .globl _start
      _start: nop
      ret
      .section .eh_frame, "a", @unwind
      cie: .long 1f - . - 4, 0
      .byte 1
      .string "${augmentation}"
      .byte 1, 0x78, 16, ${bytes && `${bytes}, `}0xc, 7, 8, 0x90, 1
      .balign 8
      1:
      ${[0, 2, 0].map((size) => `.long 2f - 1f\n1: .long 1b - cie\n${fde.replace("SIZE", String(size))}\n.balign 8\n2:`).join("\n")}
      .section .note.GNU-stack, "", @progbits`,
  });
  const object = await dir.compile("a.s");
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["--eh-frame-hdr", object, "-o", "a.out"]);
    const { text } = await readelf(dir.file("a.out"), "--debug-dump=frames");
    expect(text.match(/ FDE cie=\S+ pc=\w+/g), linker.name).toHaveLength(1);
  }
});
