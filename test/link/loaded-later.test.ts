/** What an executable leaves to the loader, keeps to itself, or needs a library for. GNU ld is asked. */
import { expect, test } from "vitest";

import { bfd, dynamicEntries, type Linker, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const weakUses: Readonly<Record<string, string>> = {
  call: "call w@PLT",
  slot: "mov w@GOTPCREL(%rip),%rax",
  jump: "call *w@GOTPCREL(%rip)",
  address: "lea w(%rip),%rax",
  number: "mov $w,%eax",
  data: ".data\n.quad w",
  constant: ".section .rodata\n.quad w",
  slotAndAddress: "lea w(%rip),%rax\nmov w@GOTPCREL(%rip),%rax",
  callAndNumber: "call w@PLT\nmov $w,%eax",
};

/** Whether `w` is in .dynsym and what the loader does about it; undefined when the link failed. */
async function weakOf(dir: Scratch, linker: Linker, args: readonly string[]): Promise<string | undefined> {
  if ((await dir.run(linker.path, [...args, "-o", "out"])).status !== 0) return undefined;
  const isListed = (await symbols(dir.file("out"), ".dynsym")).some(({ name }) => name === "w");
  const { text } = await readelf(dir.file("out"), "-rW");
  const relocations = [...text.matchAll(/(R_X86_64_\w+) +[0-9a-f]+ w \+/g)].map(([, type]) => type);
  return `${isListed ? "listed" : "absent"} ${relocations.join(" ")}`;
}

test("undefined weak symbols of executables stay dynamic where GNU ld keeps them", async () => {
  const files = Object.entries(weakUses).map(([name, code]) => [
    `${name}.s`,
    `.globl _start\n_start: ret\n.weak w\n${code}\n.section .note.GNU-stack,"",@progbits\n`,
  ]);
  await using dir = await scratch({ ...Object.fromEntries(files), "d.c": "int d;" });
  await dir.shared("libd.so", ["d.o"], ["-nostdlib"]);
  let compared = 0;
  for (const name of Object.keys(weakUses)) {
    await dir.compile(`${name}.s`);
    for (const option of [[], ["-z", "dynamic-undefined-weak"], ["-z", "nodynamic-undefined-weak"]])
      for (const kind of [
        ["-no-pie"],
        ["-no-pie", "libd.so"],
        ["-pie"],
        ["-pie", "libd.so"],
        ["-pie", "-static", "--no-dynamic-linker"],
        ["-static"],
        ["-shared"],
      ]) {
        const args = [...kind, ...option, `${name}.o`];
        const expected = await weakOf(dir, bfd, args);
        if (expected === undefined) continue; // what needs -fPIC is another test's
        expect(await weakOf(dir, spore, args), args.join(" ")).toBe(expected);
        compared++;
      }
  }
  expect(compared).toBeGreaterThan(100);
});

test("a library that is loaded later defines what was undefined and weak", async () => {
  await using dir = await scratch({
    "main.c": "int w(void) __attribute__((weak)); int main(void) { return w ? w() : 1; }",
    "w.c": "int w(void) { return 42; }",
  });
  await dir.compile("main.c", ["-fPIE"]);
  await dir.shared("libw.so", ["w.o"]);
  for (const linker of [bfd, spore])
    for (const [flags, status] of [
      [["-pie"], 42],
      [["-no-pie"], 42],
      [["-pie", "-Wl,-z,nodynamic-undefined-weak"], 1],
    ] as const) {
      const env = { LD_PRELOAD: dir.file("libw.so") };
      await dir.mustRun("gcc", [...linker.gccFlags, "main.o", ...flags]); // a call of null is another instruction
      expect(await dir.run("./a.out", [], { env }), `${linker.name} ${flags.join(" ")}`).toMatchObject({ status });
      expect(await dir.run("./a.out"), linker.name).toMatchObject({ status: 1 });
    }
});

test("what a shared object needs and the executable hides is an error", async () => {
  const main = (visibility: string, needsLibrary: boolean): string => `
    int lib(void); __attribute__((visibility("${visibility}"))) int need(void) { return 3; }
    int main(void) { return ${needsLibrary ? "lib() - 3" : "0"}; }`;
  const visibilities = ["default", "protected", "hidden", "internal"];
  await using dir = await scratch({
    ...Object.fromEntries(visibilities.map((visibility) => [`${visibility}.c`, main(visibility, true)])),
    ...Object.fromEntries(visibilities.map((visibility) => [`no-${visibility}.c`, main(visibility, false)])),
    "strong.c": "int need(void); int lib(void) { return need(); }",
    "weak.c": "__attribute__((weak)) int need(void); int lib(void) { return need ? need() : 3; }",
    "other.c": "int need(void) { return 3; }",
    "all.map": "V { local: *; };",
    "one.map": "{ local: need; };",
    "global.map": "V { global: need; local: *; };",
  });
  await dir.shared("libstrong.so", ["strong.o"]);
  await dir.shared("libweak.so", ["weak.o"]);
  await dir.shared("libother.so", ["other.o"], ["-Wl,-soname,libother.so"]);
  await dir.shared("libboth.so", ["strong.o"], ["-L.", "-lother", `-Wl,-rpath=${dir.path}`]);
  const libraries = [
    ["./libstrong.so"],
    ["./libweak.so"],
    ["./libboth.so"],
    ["-Wl,--as-needed", "./libstrong.so"],
    ["./libstrong.so", "-shared"],
    ["./libstrong.so", "-Wl,--allow-shlib-undefined"],
    ["./libstrong.so", "./libother.so"],
    ["./libother.so", "./libstrong.so"],
    ["-Wl,--no-as-needed", "./libstrong.so", "./libother.so"],
    ["-Wl,--no-as-needed", "./libother.so", "./libboth.so"],
    ["-Wl,--no-as-needed", "./libboth.so", "-Wl,--as-needed", "./libother.so"],
  ];
  const scripts = ["all", "one", "global"].map((name) => `-Wl,--version-script=${name}.map`);
  const links = [
    ...visibilities.flatMap((name) =>
      libraries.flatMap((library) => [
        [`${name}.o`, ...library],
        [`no-${name}.o`, ...library],
      ]),
    ),
    ...scripts.flatMap((script) => libraries.map((library) => ["default.o", ...library, script])),
  ];
  for (const name of visibilities) {
    await dir.compile(`${name}.c`, ["-fPIC"]);
    await dir.compile(`no-${name}.c`, ["-fPIC"]);
  }
  for (const inputs of links) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      const { status, stderr } = await dir.link(linker, inputs, { unlike: "only what is exported is asked for" });
      const isExported =
        status === 0 && (await symbols(dir.file("a.out"), ".dynsym")).some(({ name }) => name === "need");
      seen.push({ status, isExported, why: /(hidden|internal|local) symbol .need'/.exec(stderr)?.[1] });
    }
    expect(seen[1], inputs.join(" ")).toEqual(seen[0]);
  }
});

test("__start_ and __stop_ are of the executable's own section, also where a library exports its own", async () => {
  const library = `
    __attribute__((section("reg"), used)) static int a[3] = { 1, 1, 1 };
    extern int __start_reg[], __stop_reg[];
    int lib_count(void) { return __stop_reg - __start_reg; }
    int *lib_first(void) { return __start_reg; }`;
  const main = (visibility: string): string => `
    #define V __attribute__((visibility("${visibility}")))
    extern int __start_reg[] V, __stop_reg[] V;
    int lib_count(void);
    __attribute__((section("reg"), used)) static int b[1] = { 2 };
    int main(void) { return !(__stop_reg - __start_reg == 1 && __start_reg[0] == 2 && lib_count() > 0); }`;
  await using dir = await scratch({
    "lib.c": library,
    "default.c": main("default"),
    "hidden.c": main("hidden"),
    "none.c": `extern int __start_reg[], __stop_reg[]; int *lib_first(void);
      int main(void) { return !(__start_reg == lib_first() && __stop_reg - __start_reg == 3); }`,
  });
  await dir.shared("libl.so", ["lib.o"]);
  await dir.compile("none.c", ["-fPIC"]); // GNU ld does not copy what is protected
  for (const linker of [bfd, spore])
    for (const name of ["default", "hidden", "none"])
      for (const order of [
        [`${name}.o`, "./libl.so"],
        ["-Wl,--no-as-needed", "./libl.so", `${name}.o`],
      ])
        for (const flags of [["-no-pie"], ["-pie"]])
          expect(await dir.linkAndRun(linker, order, { flags }), `${linker.name} ${order.join(" ")}`).toMatchObject({
            status: 0,
          });
});

test("a name that the linker makes is the executable's own, whoever exports it", async () => {
  const names = ["_end", "__bss_start", "_edata", "_etext", "etext", "__ehdr_start"];
  await using dir = await scratch({
    "lib.s":
      names.map((name) => `.globl ${name}\n.type ${name},@object\n.size ${name},8\n${name}:\n`).join("") + ".quad 7",
    "main.c": `${names.map((name) => `extern char ${name}[];`).join(" ")}
      int main(void) { char *own = (char *)main;
        return !(${names.map((name) => `${name} > own - 0x100000 && ${name} < own + 0x100000`).join(" && ")}); }`,
  });
  await dir.compile("lib.s");
  await dir.mustRun("ld.bfd", ["-shared", "lib.o", "-o", "libl.so"]);
  await dir.compile("main.c");
  for (const linker of [bfd, spore]) {
    await dir.mustRun("gcc", [...linker.gccFlags, "main.o", "-Wl,--no-as-needed", "./libl.so"]);
    const env = { LD_LIBRARY_PATH: dir.path };
    expect(await dir.run("./a.out", [], { env }), linker.name).toMatchObject({ status: 0 });
  }
});

test("--as-needed keeps libraries that only an underlinked shared object needs", async () => {
  await using dir = await scratch({
    "main.c": "int viad(void); int main(void) { return viad() - 1; }",
    "weak.c": "__attribute__((weak)) int fd(void); int main(void) { return fd ? fd() : 5; }",
    "d.c": "int fd(void) { return 1; }",
    "e.c": "int fd(void) { return 1; } int fe(void) { return 2; }",
    "x.c": "int fd(void); int viad(void) { return fd(); }",
  });
  await dir.shared("libzd.so", ["d.o"], ["-Wl,-soname,libzd.so"]);
  await dir.shared("libze.so", ["e.o"], ["-Wl,-soname,libze.so"]);
  await dir.shared("libzx.so", ["x.o"], ["-Wl,-soname,libzx.so"]);
  await dir.shared("libzy.so", ["x.o"], ["-Wl,-soname,libzy.so", "-L.", "-lzd", `-Wl,-rpath=${dir.path}`]);
  for (const libraries of [
    ["-Wl,--as-needed", "-lzx", "-lzd"],
    ["-Wl,--as-needed", "-lzx", "-lze", "-lzd"],
    ["-Wl,--as-needed", "-lzx", "-Wl,--no-as-needed", "-lzd"],
    ["-Wl,--no-as-needed", "-lze", "-Wl,--as-needed", "-lzx", "-lzd"],
    ["-Wl,--as-needed", "-lzy", "-lzd"],
    ["-Wl,--as-needed", "-lzy", "-lzx", "-lzd"],
  ]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      expect(
        await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", ...libraries] }),
        libraries.join(" "),
      ).toMatchObject({
        status: 0,
      });
      seen.push((await dynamicEntries(dir.file("a.out"), "NEEDED")).filter((name) => name.startsWith("libz")));
    }
    expect(seen[1], libraries.join(" ")).toEqual(seen[0]);
  }
  // A weak reference does not make a library needed, and is bound to the next one that is in the link anyway.
  for (const libraries of [
    ["-Wl,--as-needed", "-lzd"],
    ["-Wl,--as-needed", "-lzd", "-Wl,--no-as-needed", "-lze"],
    ["-Wl,--no-as-needed", "-lze", "-Wl,--as-needed", "-lzd"],
  ]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      const { status } = await dir.linkAndRun(linker, ["weak.o"], { flags: ["-L.", ...libraries] });
      const needed = (await dynamicEntries(dir.file("a.out"), "NEEDED")).filter((name) => name.startsWith("libz"));
      seen.push({ status, needed });
    }
    expect(seen[1], libraries.join(" ")).toEqual(seen[0]);
  }
});

test("the C driver links a C++ program, whose library needs what libgcc.a hides and libgcc_s.so has", async () => {
  await using dir = await scratch({
    "main.cc": `#include <string>
      int main() { try { throw std::string("x").size(); } catch (unsigned long size) { return 41 + int(size); } }`,
  });
  for (const linker of [bfd, spore])
    for (const flags of [["-Wl,--as-needed"], ["-Wl,--no-as-needed"]]) {
      const order = [...flags, "main.o", "-lstdc++"];
      expect(await dir.linkAndRun(linker, order), `${linker.name} ${flags.join()}`).toMatchObject({ status: 42 });
    }
});
