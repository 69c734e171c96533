import { expect, test } from "vitest";

import { bfd, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const item = (name: string): string =>
  `static const char *const item_${name} __attribute__((section("registry"), used)) = "${name}";`;

test("__start_ and __stop_ delimit what all files put into a section", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <stdio.h>
      extern const char *const __start_registry[], *const __stop_registry[];
      ${item("main")}
      int main(void) { for (const char *const *p = __start_registry; p < __stop_registry; p++) printf("%s ", *p); puts(""); }`,
    "a.c": item("a"),
    "b.c": item("b"),
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"], ["-Wl,--gc-sections"]])
    for (const linker of [bfd, spore])
      expect(await dir.linkAndRun(linker, ["main.o", "a.o", "b.o"], { flags }), linker.name).toMatchObject({
        stdout: "main a b \n",
      });
  const { text } = await readelf(dir.file("a.out"), "-sW");
  expect(text.match(/ __(start|stop)_registry$/gm)?.toSorted()).toEqual([" __start_registry", " __stop_registry"]);
  expect(text).not.toMatch(/ GLOBAL +\w+ +\w+ *$/m); // nor a symbol without a name
});

test("each shared object has its own bounds of a section of the same name", async () => {
  const source = (name: string): string => `${item(name)} ${item(`${name}2`)}
    extern const char *const __start_registry[], *const __stop_registry[];
    long count_${name}(void) { return __stop_registry - __start_registry; }`;
  await using dir = await scratch({
    "lib.c": source("lib"),
    "main.c": `${source("main")} ${item("more")} long count_lib(void); int main(void) { return count_lib() * 10 + count_main(); }`,
  });
  await dir.compile("lib.c", ["-fPIC"]);
  expect(await dir.link(spore, ["lib.o"], { flags: ["-shared"], output: "lib.so" })).toMatchObject({ status: 0 });
  expect(await dir.linkAndRun(spore, ["main.o", "lib.so"])).toMatchObject({ status: 23 });
});

test("the bounds of a section that does not exist are null when they are weak, and an error when not", async () => {
  await using dir = await scratch({
    "weak.c":
      "extern __attribute__((weak)) const int __start_nothing[], __stop_nothing[]; int main(void) { return __start_nothing || __stop_nothing ? 1 : 7; }",
    "strong.c": "extern const int __start_nothing[]; int main(void) { return __start_nothing[0]; }",
  });
  expect(await dir.linkAndRun(spore, ["weak.o"])).toMatchObject({ status: 7 });
  expect(await dir.link(spore, ["strong.o"])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("'__start_nothing'"),
  });
});

test("bounds of sections are exported, protected, by a shared object, as GNU ld has them", async () => {
  await using dir = await scratch({
    "lib.s": `.globl f
      f: lea __start_items(%rip), %rax
      mov __stop_items@GOTPCREL(%rip), %rdx
      ret
      .section items,"aw"
      .quad 1`,
  });
  await dir.compile("lib.s");
  for (const kind of ["-shared", "-pie", "-no-pie"]) {
    const seen: string[][] = [];
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, [kind, "lib.o", "-e", "f", "-o", "out"]);
      for (const table of kind === "-no-pie" ? ([".symtab"] as const) : ([".dynsym", ".symtab"] as const))
        seen.push(
          (await symbols(dir.file("out"), table))
            .filter(({ name }) => name.endsWith("_items"))
            .map(({ name, bind, visibility }) => `${table} ${name} ${bind} ${visibility}`)
            .toSorted(),
        );
    }
    expect(seen.slice(seen.length / 2), kind).toEqual(seen.slice(0, seen.length / 2));
  }
});
