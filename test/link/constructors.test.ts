import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const kinds = [["-pie"], ["-no-pie"], ["-static"]];

test("constructors and destructors run by priority, then in the order of the files, and in reverse", async () => {
  const say = (name: string): string => `
    #include <stdio.h>
    __attribute__((constructor)) static void plain_${name}(void) { puts("+${name}"); }
    __attribute__((constructor(200))) static void late_${name}(void) { puts("+200${name}"); }
    __attribute__((constructor(101))) static void early_${name}(void) { puts("+101${name}"); }
    __attribute__((constructor(1000))) static void latest_${name}(void) { puts("+1000${name}"); }
    __attribute__((destructor)) static void last_${name}(void) { puts("-${name}"); }
    __attribute__((destructor(300))) static void end_${name}(void) { puts("-300${name}"); }`;
  await using dir = await scratch({
    "a.c": say("a"),
    "b.c": say("b"),
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
  });
  for (const flags of kinds) {
    const seen: string[] = [];
    for (const linker of [bfd, spore])
      seen.push((await dir.linkAndRun(linker, ["a.o", "main.o", "b.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[1]).toMatch(/^\+101a\n\+101b\n\+200a\n\+200b\n\+1000a/);
  }
});

test("C++ init_priority orders objects across files", async () => {
  await using dir = await scratch({
    "trace.h":
      '#include <cstdio>\nstruct Trace { const char *name; explicit Trace(const char *n) : name(n) { std::puts(n); } ~Trace() { std::printf("~%s\\n", name); } };',
    "a.cc":
      '#include "trace.h"\nTrace plain("a"); __attribute__((init_priority(300))) Trace third("a300"); __attribute__((init_priority(150))) Trace first("a150");',
    "main.cc":
      '#include "trace.h"\nTrace plain2("m"); __attribute__((init_priority(200))) Trace second("m200"); int main() { std::puts("main"); }',
  });
  for (const flags of kinds) {
    const seen: string[] = [];
    for (const linker of [bfd, spore]) seen.push((await dir.linkAndRun(linker, ["main.o", "a.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
  }
});

test(".preinit_array, .init and .init_array run, in that order", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <unistd.h>
      #define SAY(text) write(1, text "\\n", sizeof text)
      static void preinit(void) { SAY("preinit"); }
      static void init(void) { SAY("init_array"); }
      static void fini(void) { SAY("fini_array"); }
      void from_init(void) { SAY("init"); }
      __attribute__((section(".preinit_array"), used)) static void (*p)(void) = preinit;
      __attribute__((section(".init_array"), used)) static void (*i)(void) = init;
      __attribute__((section(".fini_array"), used)) static void (*f)(void) = fini;
      int main(void) { SAY("main"); }`,
    "init.s": `
      .section .init,"ax",@progbits
      call from_init@PLT
      .section .note.GNU-stack,"",@progbits`,
  });
  for (const flags of [["-pie"], ["-static"]]) {
    const seen: string[] = [];
    for (const linker of [bfd, spore])
      seen.push((await dir.linkAndRun(linker, ["main.o", "init.o"], { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[1]).toMatch(/preinit\n.*init\n/s);
  }
});

test.each(["1 chunk", "a chunk for each file"])("code runs on through gaps in .init and .fini (%s)", async (how) => {
  const part = (section: string, alignment: number): string => `
    .section ${section},"ax",@progbits
    .balign ${alignment}
    call from_init@PLT
    .section .note.GNU-stack,"",@progbits`;
  await using dir = await scratch({
    "main.c": `
      #include <unistd.h>
      void from_init(void) { write(1, "part\\n", 5); }
      int main(void) { return 0; }`,
    "one.s": part(".init", 8),
    "two.s": part(".init", 16),
    "three.s": part(".init", 4) + part(".fini", 16),
    "four.s": part(".fini", 8),
  });
  const env = how === "1 chunk" ? {} : { SPORE_TEST_SPREAD: "1" };
  const objects = ["main.o", "one.o", "two.o", "three.o", "four.o"];
  for (const flags of [["-pie"], ["-no-pie"], ["-static"]]) {
    const unlike = "GNU ld fills with longer instructions";
    const { stdout } = await dir.linkAndRun(spore, objects, { flags, env, unlike });
    expect(stdout).toBe((await dir.linkAndRun(bfd, objects, { flags })).stdout);
    expect(stdout).toBe("part\n".repeat(5));
  }
});

/** Two functions for each of these lists, in the order of the file; each says its name. */
function listing(file: string): string {
  const sections = [
    ".ctors",
    ".init_array",
    '.ctors.65434,"aw",@progbits#',
    '.init_array.00101,"aw",@init_array#',
    '.init_array.101,"aw",@init_array#',
    '.ctors.65335,"aw",@progbits#',
    '.ctors.00050,"aw",@progbits#',
    '.init_array.50,"aw",@init_array#',
    '.dtors.00100,"aw",@progbits#',
    ".dtors",
    ".fini_array",
  ];
  return sections
    .flatMap((section, s) => [0, 1].map((i) => ({ section, name: `f${s}_${i}`, says: `${file} ${section} ${i}` })))
    .map(
      ({ section, name, says }) =>
        `static void ${name}(void) { puts(${JSON.stringify(says)}); }\n` +
        `__attribute__((section(${JSON.stringify(section)}), used)) static void (*p${name})(void) = ${name};\n`,
    )
    .join("");
}

test(".ctors and .dtors run among .init_array and .fini_array, in the order of GNU ld", async () => {
  await using dir = await scratch({
    "a.c": `#include <stdio.h>\n${listing("a")}`,
    "b.c": `#include <stdio.h>\n${listing("b")}`,
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
  });
  await dir.compile("b.c", ["-g", "-gz"]); // it is read from an uncompressed copy
  await dir.archive("libb.a", ["b.o"]);
  const inputs = ["a.o", "main.o", "-Wl,--whole-archive", "libb.a", "-Wl,--no-whole-archive"];
  for (const flags of [...kinds, ["-Wl,--gc-sections"], ["-Wl,-z,pack-relative-relocs"]]) {
    const seen: string[] = [];
    for (const linker of [bfd, spore]) seen.push((await dir.linkAndRun(linker, inputs, { flags })).stdout);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[1].split("\n")).toHaveLength(2 * 11 * 2 + 2);
  }
});

test(".ctors of a shared object run when it is loaded, and are no section of their own", async () => {
  await using dir = await scratch({
    "lib.c": `#include <stdio.h>\n${listing("lib")}`,
    "main.c": "int main(void) { return 0; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  const seen: string[] = [];
  for (const linker of [bfd, spore]) {
    await dir.link(linker, ["lib.o"], { flags: ["-shared"], output: "lib.so" });
    seen.push((await dir.linkAndRun(linker, ["main.o", "lib.so"], { flags: ["-Wl,--no-as-needed"] })).stdout);
  }
  expect(seen[1]).toBe(seen[0]);
  expect((await readelf(dir.file("lib.so"), "-SW")).text).not.toMatch(/\.[cd]tors/);
});

test("the head and the end of a list that the runtime walks itself stay apart", async () => {
  const list = (value: string): string => `
    .section .ctors,"aw",@progbits
    .quad ${value}
    .section .note.GNU-stack,"",@progbits`;
  await using dir = await scratch({
    "crtbegin.s": list("-1"),
    "crtend.s": list("0"),
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
  });
  expect((await dir.linkAndRun(spore, ["crtbegin.o", "main.o", "crtend.o"])).stdout).toBe("main\n");
  expect((await readelf(dir.file("a.out"), "-x.ctors")).text).toMatch(/ffffffff ffffffff 00000000 00000000/);
});

test("a list whose size is no multiple of a word is an error", async () => {
  await using dir = await scratch({
    "a.s": '.section .ctors,"aw",@progbits\n.long 1\n.section .note.GNU-stack,"",@progbits',
    "main.c": "int main(void) { return 0; }",
  });
  expect((await dir.link(spore, ["main.o", "a.o"])).stderr).toMatch(/a\.o:\(\.ctors\): corrupt section/);
});

test("words of .ctors that nothing relocates are turned round, too", async () => {
  await using dir = await scratch({
    "list.s": '.section .ctors,"aw",@progbits\n.quad 0x11, 0x22, 0x33\n.section .note.GNU-stack,"",@progbits',
  });
  for (const linker of [bfd, spore]) {
    expect(await dir.linkDirectly(linker, ["-shared", "list.o"])).toMatchObject({ status: 0 });
    const { text } = await readelf(dir.file("a.out"), "-x", ".init_array");
    expect(text, linker.name).toMatch(/ 33000000 00000000 22000000 00000000 .*\n.* 11000000 00000000 /);
  }
});
