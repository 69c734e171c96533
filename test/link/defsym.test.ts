/** --defsym: expressions, what they come to, and which of the symbols are kept and exported. GNU ld is asked. */
import { expect, test } from "vitest";

import { bfd, type ElfSymbol, spore, symbols } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const source = `
  .data
  .globl data, _start, fn, five
  data: .quad 5
  five = 5
  .text
  .type fn,@function
  fn: ret
  _start: ret
  .section .note.GNU-stack,"",@progbits`;

/** The symbols x, y and z of .symtab or .dynsym; undefined when the link failed. */
async function defined(
  dir: Scratch,
  linker: { path: string },
  args: readonly string[],
  table: ".symtab" | ".dynsym" = ".symtab",
): Promise<Map<string, ElfSymbol> | undefined> {
  const { status } = await dir.run(linker.path, [...args, "-o", "out"]);
  if (status !== 0) return undefined;
  return new Map((await symbols(dir.file("out"), table)).map((symbol) => [symbol.name, symbol]));
}

test("expressions come to the same numbers as with GNU ld", async () => {
  await using dir = await scratch({ "a.s": source });
  await dir.compile("a.s");
  const numbers =
    "0x10 0777 010 10h $10 10K 0x10M 1k 1&&0 1||0 7/-2 -7%3 -5/2 -1>>4 -1>1 5>-1 1<<64 1<<65 3==3?5:6 1?0?2:3:4 " +
    "0x1ffffffffffffffff 18446744073709551615 ALIGN(5,4) ALIGN(5,0) 1+2*3<<1|8 !5 !0 +5 --5 ~0 2+3-1 2-3+1 100/10/2 " +
    "1==1==1 6&3==3 1<2<3 LOG2CEIL(0) LOG2CEIL(1) LOG2CEIL(9) LOG2CEIL(1025) MAX(3,5) MIN(-1,1) 11b 17o 99d 10H+1 " +
    "0x10K-1 (1<<4)|2 CONSTANT(MAXPAGESIZE) CONSTANT(COMMONPAGESIZE) SIZEOF(.data) SIZEOF(.data)+1 DEFINED(data) " +
    "DEFINED(nope)?1:2 DEFINED(x) data==data five five*2+1 data-data (data-data)+3 1-2";
  const errors =
    "6^3 1/0 5%0 (1 1+ SIZEOF(.nope) ADDR(.nope) CONSTANT(FOO) 1?2 nope nope+1 1?nope:2 MAX(1,2,3) MAX(1) 1G 1,2 x x+1 " +
    "0b11 data@foo 1;";
  for (const expression of numbers.split(" ")) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      const found = await defined(dir, linker, ["a.o", `--defsym=x=${expression}`]);
      seen.push({ value: found?.get("x")?.value, section: found?.get("x")?.section });
    }
    expect(seen[1], expression).toEqual(seen[0]);
    expect(seen[1]!.section, expression).toBe("ABS");
  }
  for (const expression of errors.split(" "))
    for (const linker of [bfd, spore])
      expect(await defined(dir, linker, ["a.o", `--defsym=x=${expression}`]), expression).toBeUndefined();
});

test("definitions by each other are followed in any order, and circles are errors", async () => {
  await using dir = await scratch({ "a.s": source });
  await dir.compile("a.s");
  for (const linker of [bfd, spore])
    for (const chain of [
      ["x=y", "y=data"],
      ["y=data", "x=y"],
      ["x=y", "y=z", "z=data"],
      ["z=data", "x=y", "y=z"],
    ]) {
      const found = await defined(dir, linker, ["a.o", ...chain.map((text) => `--defsym=${text}`)]);
      expect(found?.get("x")?.value, chain.join(" ")).toBe(found?.get("data")?.value);
      expect(found?.get("x")?.section).toBe(found?.get("data")?.section);
    }
  for (const linker of [bfd, spore]) {
    const found = await defined(dir, linker, ["a.o", "--defsym=x=y+1", "--defsym=y=5", "--defsym=z=1", "--defsym=z=2"]);
    expect([found?.get("x")?.value, found?.get("z")?.value]).toEqual([6, 2]);
  }
  for (const circle of [["x=x"], ["x=y", "y=x"], ["x=y+1", "y=z", "z=x"]]) {
    const { status, stderr } = await dir.run(spore.path, ["a.o", ...circle.map((text) => `--defsym=${text}`)]);
    expect(status).toBe(1);
    expect(stderr).toContain("leads back to itself");
  }
});

test("another name has the type and section of what it stands for", async () => {
  await using dir = await scratch({ "a.s": source });
  await dir.compile("a.s");
  for (const kind of ["-no-pie", "-pie", "-shared"])
    for (const name of ["data", "fn", "(fn)", "1?fn:data", "five", "fn+0", "0+fn"]) {
      const types = [];
      for (const linker of [bfd, spore]) {
        const found = await defined(dir, linker, [kind, "a.o", `--defsym=x=${name}`]);
        const meant = found?.get(name.includes("fn") ? "fn" : name);
        types.push(found?.get("x")?.type);
        expect(found?.get("x")?.value, `${linker.name} ${kind} ${name}`).toBe(meant?.value);
        if (!name.includes("0")) expect(found?.get("x")?.section).toBe(meant?.section); // GNU ld makes a number of it
      }
      expect(types[1], name).toBe(types[0]);
    }
});

test("an address with a number added moves with a position-independent program", async () => {
  await using dir = await scratch({
    "main.c": `extern char x[], y[], z[], data[]; char data[8]; char *px = x, *pz = z;
      int main(void) { return !(x == data + 4 && px == data + 4 && y == data + 3 && (long)z == 7 && (long)pz == 7); }`,
  });
  for (const flags of [
    ["-no-pie", "-fno-pie"],
    ["-pie", "-fpie", "-mcmodel=large"],
  ]) {
    await dir.compile("main.c", flags.slice(1));
    const defsyms = ["x=data+4", "y=3+data", "z=x-data+3"].map((text) => `-Wl,--defsym=${text}`);
    await dir.mustRun("gcc", [...spore.gccFlags, "main.o", flags[0]!, ...defsyms]);
    expect(await dir.run("./a.out"), flags.join(" ")).toMatchObject({ status: 0 });
  }
});

test("symbols of --defsym are kept without a reference, and exported by a shared object", async () => {
  await using dir = await scratch({
    "l.c": "int old_name(void) { return 5; } __thread int t = 3;",
    "u.c": "int new_name(void); extern __thread int u; int main(void) { return new_name() + u - 8; }",
    "local.map": "{ local: *; };",
  });
  await dir.compile("l.c", ["-fPIC"]);
  const defsyms = ["--defsym=new_name=old_name", "--defsym=mark=0", "--defsym=u=t"];
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-shared", "l.o", ...defsyms, "-o", "libl.so"]);
    const found = new Map((await symbols(dir.file("libl.so"), ".dynsym")).map((symbol) => [symbol.name, symbol]));
    expect(found.get("new_name"), linker.name).toMatchObject({ type: "FUNC", bind: "GLOBAL", size: 0 });
    expect(found.get("mark"), linker.name).toMatchObject({ section: "ABS", value: 0 });
    expect(found.get("u"), linker.name).toMatchObject({ type: "TLS", value: found.get("t")?.value });
    expect(await dir.linkAndRun(bfd, ["u.o", "./libl.so"]), linker.name).toMatchObject({ status: 0 });

    const hidden = await defined(dir, linker, ["-shared", "l.o", ...defsyms, "--version-script=local.map"], ".dynsym");
    expect(hidden?.has("new_name")).toBe(false);
    const executable = await defined(dir, linker, ["l.o", "-e", "0", ...defsyms]);
    expect([executable?.has("new_name"), executable?.has("mark")]).toEqual([true, true]);
  }
});

test("another name is as visible as what it stands for", async () => {
  const names = ["hidden", "internal", "protected"];
  const code = names.map((name) => `.globl ${name}_d\n.${name} ${name}_d\n${name}_d: .quad 0\n`).join("");
  await using dir = await scratch({ "v.s": `.data\n${code}.section .note.GNU-stack,"",@progbits\n` });
  await dir.compile("v.s");
  const args = [
    "-shared",
    "v.o",
    ...names.flatMap((name) => [`--defsym=${name}=${name}_d`, `--defsym=${name}_n=${name}_d+0`]),
  ];
  const seen = [];
  for (const linker of [bfd, spore]) {
    const found = await defined(dir, linker, args, ".dynsym");
    seen.push([...found!.values()].map(({ name, visibility }) => `${name} ${visibility}`).toSorted());
  }
  expect(seen[1]).toEqual(seen[0]);
});

test("--defsym overrides what an object defines", async () => {
  await using dir = await scratch({ "a.s": source });
  await dir.compile("a.s");
  for (const linker of [bfd, spore]) {
    const found = await defined(dir, linker, ["a.o", "--defsym=data=0x1234"]);
    expect(found?.get("data")?.value, linker.name).toBe(0x1234);
  }
});

test("a name for what a shared object defines is its PLT entry or its copy, where an object refers to that", async () => {
  await using dir = await scratch({
    "lib.c": "int d = 5; int f(void) { return d; }",
    "alone.c": "int g(void); int main(void) { return g(); }",
    "both.c": "int g(void), f(void); int main(void) { return g() + f(); }",
    "data.c": "extern int d, e; int main(void) { return d + e + (&d == &e); }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.mustRun(bfd.path, ["-shared", "lib.o", "-o", "lib.so"]);
  for (const [compiled, linked] of [
    ["-fno-pie", "-no-pie"],
    ["-fPIE", "-pie"],
  ]) {
    for (const name of ["alone.c", "both.c", "data.c"]) await dir.compile(name, [compiled]);
    const linkAndRun = (object: string, option: string) =>
      dir.linkAndRun(spore, [object, "lib.so"], { flags: [linked, option] });
    expect(await linkAndRun("both.o", "-Wl,--defsym=g=f")).toMatchObject({ status: 10 });
    expect(await linkAndRun("data.o", "-Wl,--defsym=e=d")).toMatchObject({ status: 11 });
    for (const linker of [bfd, spore])
      expect(
        await dir.link(linker, ["alone.o", "-Wl,--no-as-needed", "lib.so"], { flags: [linked, "-Wl,--defsym=g=f"] }),
        linker.name,
      ).toMatchObject({ status: 1, stderr: expect.stringMatching(/symbol `f'|'f' is defined by a shared/) });
  }
});

test("a name for a shared object's datum that must not be copied has no value", async () => {
  await using dir = await scratch({
    "lib.c": `int plain = 5; __attribute__((visibility("protected"))) int kept = 6;`,
    "m.c": "extern int plain, kept, e; int main(void) { return plain + kept + e; }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.compile("m.c", ["-fPIC"]); // a reference through the GOT asks for no copy
  await dir.mustRun(bfd.path, ["-shared", "lib.o", "-o", "lib.so"]);
  const linkWith = (linker: typeof bfd, ...flags: string[]) =>
    dir.link(linker, ["m.o", "lib.so"], { flags: ["-no-pie", ...flags] });
  for (const flags of [["-Wl,--defsym=e=kept"], ["-Wl,--defsym=e=plain", "-Wl,-z,nocopyreloc"]]) {
    for (const linker of [bfd, spore])
      expect((await linkWith(linker, ...flags)).status, `${linker.name} ${flags.join(" ")}`).not.toBe(0);
    expect((await linkWith(spore, ...flags)).stderr).toMatch(/'(kept|plain)' is defined by a shared object/);
  }
});
