import { expect, test } from "vitest";

import { bfd, readelf, spore, symbols, type ElfSymbol } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.c": `
    static int own_data = 3; static int own_zero; static const int own_const = 4; static int own(int x) { return x + own_data + own_zero; }
    __attribute__((visibility("hidden"))) int hidden(int x) { return x; }
    __attribute__((weak)) int weak(int x) { return x; }
    extern int absolute[]; int other(int); static __thread int tls = 4; int exported_data = 5;
    int main(void) { return other(hidden(own(0))) + own_const + weak(1) + (int)(long)absolute + tls + exported_data - 20; }`,
  "other.s": `
    .globl absolute, other
    .set absolute, 4
    .set local_absolute, 99
    .text
    .type other, @function
    other: .Lkept: lea 1(%rdi), %eax
    local_label: ret
    .size other, . - other
    .section .note.GNU-stack,"",@progbits`,
};
const objects = ["main.o", "other.o"];

/** nm's lines as "type name", without what belongs to the C library's start-up files. */
async function names(dir: Scratch, file: string): Promise<string[]> {
  const { stdout } = await dir.mustRun("nm", [file]);
  const own = stdout
    .split("\n")
    .map((line) => line.slice(17))
    .filter((line) =>
      / (\.Lkept|own\w*|hidden|weak|absolute|local_absolute|other|local_label|main|tls|exported_data)$/.test(line),
    );
  return own.toSorted();
}

for (const flags of [[], ["-s"], ["-S"], ["-x"], ["-X"], ["-g"]].map((flag) =>
  flag.map((name) => (name === "-g" ? name : `-Wl,${name}`)),
))
  test(`.symtab has the local and global symbols that GNU ld keeps (${flags.join(" ") || "by default"})`, async () => {
    await using dir = await scratch(files);
    for (const name of Object.keys(files))
      await dir.compile(name, ["-O0", "-fno-pie", ...(name.endsWith("c") ? ["-g"] : [])]);
    const seen: string[][] = [];
    for (const linker of [bfd, spore]) {
      expect(await dir.linkAndRun(linker, objects, { flags: ["-no-pie", ...flags] }), linker.name).toMatchObject({
        status: 2,
      });
      seen.push(await names(dir, "a.out"));
    }
    // GNU ld leaves hidden symbols of executables global, unlike the gABI.
    const expected = seen[0]!.map((name) => (name === "T hidden" ? "t hidden" : name));
    expect(seen[1]).toEqual(expected.toSorted());
    await expectWellFormed(dir.file("a.out"));
    const { text } = await readelf(dir.file("a.out"), "-SW");
    expect(text.includes(".debug_info")).toBe(!flags.includes("-Wl,-s") && !flags.includes("-Wl,-S"));
    expect(text.includes(".symtab")).toBe(!flags.includes("-Wl,-s"));
  });

test("FILE symbols and section numbers are those of the output, and locals come first", async () => {
  await using dir = await scratch(files);
  await dir.compile("main.c", ["-fno-pie"]);
  expect(await dir.linkAndRun(spore, objects, { flags: ["-no-pie"] })).toMatchObject({ status: 2 });
  const { text, complaints } = await readelf(dir.file("a.out"), "-sW");
  expect(complaints).toEqual([]);
  const binds = [...text.slice(text.indexOf("'.symtab'")).matchAll(/^ +\d+: \w+ +\S+ \w+ +(LOCAL|GLOBAL|WEAK) /gm)].map(
    ([, bind]) => bind,
  );
  expect(binds.lastIndexOf("LOCAL")).toBeLessThan(binds.findIndex((bind) => bind !== "LOCAL"));
  expect(text).toMatch(/FILE +LOCAL +DEFAULT +ABS main\.c/);
});

test("gdb and nm find a static function by its name where the program runs it", async () => {
  await using dir = await scratch({
    "main.c":
      '#include <stdio.h>\nstatic __attribute__((noinline)) void here(void) { printf("%p", (void *)here); } int main(void) { here(); }',
  });
  const { stdout } = await dir.linkAndRun(spore, ["main.o"], { flags: ["-no-pie"] });
  const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
  expect(Number(stdout)).toBe(Number.parseInt(/(\w+) t here$/m.exec(nm)?.[1] ?? "", 16));
});

test("locals are behind their file's name, which objects without .file get, and hidden symbols behind none, as with GNU ld", async () => {
  const source = (name: string): string => `
    .text
    here_${name}: ret
    .globl hidden_${name}, internal_${name}, weak_${name}, protected_${name}, shown_${name}
    .hidden hidden_${name}, weak_${name}
    .internal internal_${name}
    .protected protected_${name}
    .weak weak_${name}
    hidden_${name}: internal_${name}: weak_${name}: protected_${name}: shown_${name}: ret
    .comm common_${name}, 4
    .hidden common_${name}
    .section .note.GNU-stack,"",@progbits`;
  await using dir = await scratch({
    "a.s": source("a"),
    "b.s": `.file "b.c"\n${source("b")}`,
    "c.s": source("c"),
    "empty.s": '.globl shown\nshown: ret\n.section .note.GNU-stack,"",@progbits',
  });
  for (const name of ["a.s", "b.s", "c.s", "empty.s"]) await dir.compile(name);
  await dir.mustRun("ar", ["rcsD", "libc.a", "c.o"]);
  const inputs = ["a.o", "empty.o", "b.o", "--whole-archive", "libc.a"];
  const tables: ElfSymbol[][] = [];
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-shared", ...inputs, "-o", "lib.so"]);
    tables.push(await symbols(dir.file("lib.so"), ".symtab"));
  }
  const named = (table: readonly ElfSymbol[]) =>
    table
      .filter(({ name }) => /_[abc]$|^shown$/.test(name))
      .map(({ name, bind, visibility }) => `${name} ${bind} ${visibility}`)
      .toSorted();
  expect(named(tables[1]!)).toEqual(named(tables[0]!));
  const fileNames = (table: readonly ElfSymbol[]) =>
    table.filter(({ type }) => type === "FILE").map(({ name }) => name);
  expect(fileNames(tables[1]!)).toEqual(fileNames(tables[0]!));
  const filesOfLocals = (table: readonly ElfSymbol[]): string[] => {
    let file = "";
    const found: string[] = [];
    for (const { name, type, bind } of table)
      if (type === "FILE") file = name;
      else if (bind === "LOCAL" && /_[abc]$/.test(name)) found.push(`${file}: ${name}`);
    return found.toSorted();
  };
  expect(filesOfLocals(tables[1]!)).toEqual(filesOfLocals(tables[0]!));
  const { text, complaints } = await readelf(dir.file("lib.so"), "-sW");
  expect(complaints, text).toEqual([]);
});

test("a symbol of the GNU ABI is what EI_OSABI speaks of, as with GNU ld", async () => {
  await using dir = await scratch({
    "plain.s": '.globl _start\n_start: ret\n.section .note.GNU-stack,"",@progbits',
    "unique.s": '.data\n.globl u\n.type u,@gnu_unique_object\nu: .quad 1\n.section .note.GNU-stack,"",@progbits',
    "ifunc.s": '.globl i\n.type i,@gnu_indirect_function\ni: ret\n.section .note.GNU-stack,"",@progbits',
    "dead.s":
      '.section .dead,"aw"\n.globl d\n.type d,@gnu_unique_object\nd: .quad 1\n.section .note.GNU-stack,"",@progbits',
  });
  for (const name of ["plain.s", "unique.s", "ifunc.s", "dead.s"]) await dir.compile(name);
  for (const words of [
    [],
    ["unique.o"],
    ["ifunc.o"],
    ["dead.o"],
    ["dead.o", "--gc-sections"],
    ["unique.o", "-shared"],
  ]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, ["plain.o", ...words, "-o", "a.out"]);
      const { text } = await readelf(dir.file("a.out"), "-hW");
      const exported = await symbols(dir.file("a.out"), ".dynsym");
      seen.push({
        abi: /OS\/ABI: +(.*)/.exec(text)?.[1],
        unique: exported.filter(({ bind }) => bind === "UNIQUE").length,
      });
    }
    expect(seen[1], words.join(" ")).toEqual(seen[0]);
  }
});

test("--no-gnu-unique makes unique symbols ordinary ones", async () => {
  await using dir = await scratch({
    "lib.cc":
      "template <class T> int &counter() { static int count; return ++count, count; } int use() { return counter<int>(); }",
  });
  await dir.compile("lib.cc", ["-fPIC"]);
  for (const [flag, binding] of [
    ["--gnu-unique", "UNIQUE"],
    ["--no-gnu-unique", "GLOBAL"],
  ] as const) {
    const flags = ["-shared", `-Wl,${flag}`];
    expect((await dir.link(spore, ["lib.o"], { flags, unlike: "GNU ld does not know it" })).status).toBe(0);
    const { text } = await readelf(dir.file("a.out"), "--symbols", "--wide");
    expect([...text.matchAll(/OBJECT +(\w+) .*count$/gm)].map(([, found]) => found)).toEqual([binding, binding]);
  }
});
