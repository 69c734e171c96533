import { expect, test } from "vitest";

import { bfd, dynamicEntries, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.c": `
    #include <link.h>
    #include <setjmp.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <unistd.h>
    extern int puts(const char *); 
    static int (*const table[])(const char *) = {puts};
    static int data = 1;
    static jmp_buf back;
    static void faulted(int signal) { (void)signal; longjmp(back, 1); }
    static int is_writable(void *p) { signal(SIGSEGV, faulted); if (setjmp(back)) { sigset_t s; sigemptyset(&s); sigaddset(&s, SIGSEGV); sigprocmask(SIG_UNBLOCK, &s, 0); return 0; } *(volatile char *)p = *(volatile char *)p; return 1; }
    static void *slots(void) { for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag; d++) if (d->d_tag == DT_PLTGOT) return (void *)d->d_un.d_ptr; return 0; }
    int main(void) {
      table[0]("hello");
      printf("%d%d%d\\n", is_writable((void *)table), is_writable(&data), is_writable((char *)slots() + 24));
    }`,
};

for (const kind of ["-pie", "-no-pie"])
  for (const [binding, seen] of [
    ["lazy", "011"],
    ["now", "010"],
  ] as const)
    test(`-z ${binding} decides whether the loader protects the PLT's slots with the other constants (${kind})`, async () => {
      await using dir = await scratch(files);
      await dir.compile("main.c", [kind === "-pie" ? "-fPIE" : "-fno-pie"]);
      const flags = [kind, `-Wl,-z,${binding}`];
      // Constants of an executable at a fixed address need no relocation and are read-only anyway.
      expect(await dir.linkAndRun(spore, ["main.o"], { flags })).toMatchObject({ stdout: `hello\n${seen}\n` });
      await expectWellFormed(dir.file("a.out"));
      const flagged = [
        ...(await dynamicEntries(dir.file("a.out"), "FLAGS")),
        ...(await dynamicEntries(dir.file("a.out"), "FLAGS_1")),
      ].join(" ");
      expect(flagged.includes("NOW")).toBe(binding === "now");
    });

test("-z norelro leaves out the segment", async () => {
  await using dir = await scratch(files);
  await dir.linkAndRun(spore, ["main.o"], { flags: ["-Wl,-z,norelro"] });
  expect((await readelf(dir.file("a.out"), "-lW")).text).not.toMatch(/GNU_RELRO/);
  await expectWellFormed(dir.file("a.out"));
});

test("functions are bound when they are first called, or at start when the user asks for it", async () => {
  await using dir = await scratch({ "main.c": '#include <stdlib.h>\nint main(void) { return abs(atoi("-5")); }' });
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-O0", "-Wl,-z,lazy"] })).toMatchObject({ status: 5 });
  const trace = async (env: Record<string, string>) =>
    (await dir.run("./a.out", [], { env: { LD_DEBUG: "bindings", ...env } })).stderr;
  const afterStart = (text: string): string => text.slice(text.indexOf("transferring control: ./a.out"));
  expect(afterStart(await trace({ LD_DEBUG: "bindings,files" }))).toMatch(/symbol `atoi'/);
  expect(afterStart(await trace({ LD_DEBUG: "bindings,files", LD_BIND_NOW: "1" }))).not.toMatch(/symbol `atoi'/);
});

test("each segment may be given its own pages of another size", async () => {
  await using dir = await scratch(files);
  for (const size of ["0x1000", "0x10000", "0x200000"]) {
    for (const separate of ["separate-code", "noseparate-code"]) {
      const flags = [`-Wl,-z,max-page-size=${size},-z,${separate}`];
      expect(await dir.linkAndRun(spore, ["main.o"], { flags }), flags[0]).toMatchObject({ status: 0 });
      await expectWellFormed(dir.file("a.out"));
      const { text } = await readelf(dir.file("a.out"), "-lW");
      for (const [, offset, address, alignment] of text.matchAll(/LOAD +(0x\w+) (0x\w+) .* (0x\w+)$/gm))
        expect((Number(address) - Number(offset)) % Number(alignment)).toBe(0);
    }
  }
});

test("-z global, -z unique, an ISA level and a package's metadata are in the output as GNU ld writes them", async () => {
  await using dir = await scratch({ "lib.c": "int f(void) { return 1; }" });
  await dir.compile("lib.c", ["-fPIC"]);
  const flags = [
    "-shared",
    "-Wl,-z,global",
    "-Wl,-z,unique",
    "-Wl,-z,x86-64-v3",
    '-Wl,--package-metadata={"type":"deb"}',
  ];
  const seen = [];
  for (const linker of [bfd, spore]) {
    expect(await dir.link(linker, ["lib.o"], { flags, output: "lib.so" })).toMatchObject({ status: 0, stderr: "" });
    const { text, complaints } = await readelf(dir.file("lib.so"));
    expect(complaints).toEqual([]);
    seen.push({
      flags: await dynamicEntries(dir.file("lib.so"), "FLAGS_1"),
      gnuFlags: await dynamicEntries(dir.file("lib.so"), "GNU_FLAGS_1"),
      isa: /x86 ISA needed: (.*)/.exec(text)?.[1],
      metadata: /FDO\s+(\S+)\s+.*Packaging Metadata: (.*)/.exec(text)?.slice(1),
    });
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[1]).toMatchObject({ flags: ["Flags: GLOBAL"], gnuFlags: ["Flags: UNIQUE"] });
});

test("-z pack-relative-relocs makes a table only where there are relative relocations, as with GNU ld", async () => {
  await using dir = await scratch({
    "none.s": ".globl f\nf: call exit@PLT",
    "slot.s": ".globl f\nf: add g@GOTPCREL(%rip), %rax\ncall exit@PLT\n.hidden g\n.globl g\ng: call exit@PLT",
    "word.s": ".globl f\nf: call exit@PLT\n.data\n.balign 8\n.quad f2\n.local f2\nf2: .quad 0",
    "odd.s": ".globl f\nf: call exit@PLT\n.data\n.byte 0\n.quad f2\n.local f2\nf2: .quad 0",
  });
  const presence = [];
  for (const name of ["none", "slot", "word", "odd"]) {
    await dir.compile(`${name}.s`);
    const seen = [];
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, ["-shared", "-z", "pack-relative-relocs", `${name}.o`, "-lc", "-o", "out"]);
      const { text } = await readelf(dir.file("out"), "-dSVW");
      seen.push({
        section: text.includes(".relr.dyn"),
        tags: /\(RELR\)/.test(text),
        version: text.includes("GLIBC_ABI_DT_RELR"),
      });
    }
    presence.push(seen[1]!.section);
    // GNU ld asks for the version also where it packs nothing.
    expect({ ...seen[1], version: undefined }, name).toEqual({ ...seen[0], version: undefined });
    expect(seen[1]!.version, name).toBe(seen[1]!.section);
  }
  expect(presence).toEqual([false, true, true, false]);
});

test("what comes first in an object may have packed relative relocations", async () => {
  await using dir = await scratch({
    "library.s": `
      .section .data.rel.ro, "aw"
      .balign 8
      .globl table
      .type table, @object
      .size table, 16
      table: .quad value, value + 4
      .data
      value: .long 40, 2
      .section .note.GNU-stack, "", @progbits`,
    "main.c": "extern int *table[]; int main(void) { return *table[0] + *table[1]; }",
  });
  await dir.compile("library.s");
  await dir.mustRun(spore.path, ["-shared", "-z", "pack-relative-relocs", "library.o", "-o", "library.so"]);
  const { text } = await readelf(dir.file("library.so"), "-SW");
  expect(text).toContain(".relr.dyn");
  await dir.compile("main.c", ["-fPIC"]);
  await dir.mustRun("gcc", [...bfd.gccFlags, "main.o", "./library.so", "-o", "a.out"]);
  expect(await dir.run(dir.file("a.out"))).toMatchObject({ status: 42 });
});

test("slots of the GOT whose relocations are packed hold the addresses that the loader adds to", async () => {
  await using dir = await scratch({
    "main.s": `
      .globl main
      main:
      movq number@GOTPCREL(%rip), %rax
      movl (%rax), %eax
      movq function@GOTPCREL(%rip), %rcx
      jmp *%rcx
      .globl number, function
      function: add $3, %eax
      ret
      .data
      number: .long 5
      .section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("main.s", ["-Wa,-mrelax-relocations=no"]);
  for (const linker of [bfd, spore]) {
    const packed = await dir.linkAndRun(linker, ["main.o"], { flags: ["-pie", "-Wl,-z,pack-relative-relocs"] });
    expect(packed, linker.name).toMatchObject({ status: 8 });
  }
});
