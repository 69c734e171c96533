/** Link-time optimisation by linker plugins: what is beside the combinations of lto-matrix.test.ts. */
import { spawnSync } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { lacks } from "../harness/requirements.ts";
import { bfd, dynamicEntries, objdump, readelf, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const main = '#include <stdio.h>\nint f(int); int main(void) { printf("%d\\n", f(3)); return 0; }';
const f = "int f(int x) { return x * 14; } int never(void) { return 77; }";

const gccLto = ["-O2", "-flto"];
const clang14 = [
  { needs: "clang-14", from: "clang-14" },
  { needs: "/usr/lib/llvm-14/lib/LLVMgold.so", from: "llvm-14-linker-tools" },
];
const goldPlugin = "/usr/lib/llvm-14/lib/LLVMgold.so";

async function compile(dir: Scratch, compiler: string, flags: readonly string[], sources: readonly string[]) {
  for (const source of sources) await dir.mustRun(compiler, ["-c", ...flags, source]);
}

const namesOf = async (dir: Scratch, file = "a.out"): Promise<string[]> =>
  (await symbols(dir.file(file))).map(({ name }) => name);

test("a function of another file is in its caller, as the disassembly says", async () => {
  await using dir = await scratch({ "a.c": "int f(int); int main(void) { return f(3); }", "b.c": f });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c"]);
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags: gccLto })).toMatchObject({ status: 42 });
  const code = await objdump(dir.file("a.out"), "-d", "--no-show-raw-insn", "--disassemble=main");
  expect(code).toMatch(/mov +\$0x2a,%eax/);
  expect(code).not.toContain("call");
});

test("what GCC's plugin is told of each symbol is what GNU ld tells", async () => {
  await using dir = await scratch({
    "a.c": "int f(int); int g(void); extern int common; int main(void) { return f(3) + g() + common; }",
    "b.c": `${f} int common; __attribute__((weak)) int w(void) { return 1; }`,
    "c.c":
      "int w(void) { return 2; } int g(void) { return w(); } int from_machine(void); int used(void) { return from_machine(); }",
    "d.c": "int used(void); int from_machine(void) { return 3; } int other(void) { return used(); }",
    "s.c": "int never(void); int from_shared(void) { return never(); }",
    list: "{ w; };",
  });
  await compile(dir, "gcc", [...gccLto, "-fcommon"], ["a.c", "b.c", "c.c"]);
  await compile(dir, "gcc", ["-O2"], ["d.c"]);
  await dir.shared("libs.so", ["s.o"]);
  await dir.mustRun("gcc-ar", ["rcs", "libc1.a", "c.o"]);
  const links = [
    ["a.o", "b.o", "c.o", "d.o"],
    ["d.o", "a.o", "b.o", "libc1.a"],
    ["a.o", "b.o", "c.o", "d.o", "-Wl,--no-as-needed", "libs.so"],
    ["a.o", "b.o", "c.o", "d.o", "-Wl,--dynamic-list=list"],
    ["a.o", "b.o", "c.o", "d.o", "-rdynamic"],
    ["a.o", "b.o", "c.o", "d.o", "-static"],
    ["a.o", "b.o", "c.o", "d.o", "-Wl,-u,never", "-Wl,--defsym=alias=w"],
    ["-shared", "b.o", "d.o", "c.o"],
  ];
  await compile(dir, "gcc", [...gccLto, "-fcommon", "-fPIC"], ["b.c", "c.c"]);
  for (const words of links) {
    const told: string[] = [];
    for (const linker of [bfd, spore]) {
      const flags = [...linker.gccFlags, ...gccLto, ...words, "-Wl,-plugin-opt=-fresolution=told", "-o", "out"];
      await dir.mustRun("gcc", flags);
      // Each symbol is named by a number in its file and a hash of the file, which are the same.
      told.push((await dir.read("told")).toString());
    }
    expect(told[1], words.join(" ")).toBe(told[0]);
  }
});

test("members that no index lists are found: plain ar does not read intermediate language", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c"]);
  await dir.mustRun("ar", ["rcS", "libb.a", "b.o"]);
  const unlike = "GNU ld wants an index";
  expect(await dir.linkAndRun(spore, ["a.o", "libb.a"], { flags: gccLto, unlike })).toMatchObject({ stdout: "42\n" });
  expect(await namesOf(dir)).not.toContain("f");
});

test("objects of --start-lib are in the link when something refers to them", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f, "c.c": "int other(void) { return 5; }" });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c", "c.c"]);
  const inputs = ["a.o", "-Wl,--start-lib", "c.o", "b.o", "-Wl,--end-lib"];
  const flags = [...gccLto, "-rdynamic"];
  expect(await dir.linkAndRun(spore, inputs, { flags, unlike: "GNU ld 2.40 has no --start-lib" })).toMatchObject({
    stdout: "42\n",
  });
  expect(await namesOf(dir)).toContain("never");
  expect(await namesOf(dir)).not.toContain("other");
});

for (const [compiler, archiver, needs] of [
  ["gcc", "gcc-ar", []],
  ["clang-14", "llvm-ar-14", clang14],
] as const)
  test.skipIf(lacks(needs))(
    `${compiler}: a call that code generation makes is answered by intermediate language in an archive`,
    async () => {
      await using dir = await scratch({
        "start.c": `
          void fill(char *, unsigned long); char buffer[5000];
          int run(int n) { fill(buffer, n * 100); return buffer[99]; }
          void _start(void) { volatile int n = 1; int s = run(n); __asm__ volatile("syscall" : : "a"(60), "D"(s) : "memory"); for (;;); }`,
        "fill.c": "void fill(char *p, unsigned long n) { for (unsigned long i = 0; i < n; i++) p[i] = 42; }",
        "memset.c": `
          int helper(int);
          void *memset(void *p, int c, unsigned long n) { volatile char *q = p; while (n--) *q++ = helper(c); return p; }`,
        "helper.c": "int helper(int c) { return c; }",
      });
      const flags = ["-O3", "-flto", "-fno-stack-protector"];
      await compile(dir, compiler, flags, ["start.c", "fill.c", "memset.c", "helper.c"]);
      await dir.mustRun(archiver, ["rcs", "lib.a", "memset.o", "helper.o"]);
      const command = { driver: compiler, flags: ["-O3", "-flto", "-nostdlib", "-static"], unlike: "GNU ld may fail" };
      expect(await dir.linkAndRun(spore, ["start.o", "fill.o", "lib.a"], command)).toMatchObject({ status: 42 });
      const names = await namesOf(dir);
      expect(names).toContain("memset");
      expect(names).not.toContain("fill");
      expect(names).not.toContain("helper");
    },
  );

test("a member stays in the link when what referred to it is optimised away, as with GNU ld", async () => {
  await using dir = await scratch({
    "a.c": "int g(int); int main(void) { return g(3); }",
    "g.c": "int gone(int); int unused(int x) { return gone(x); } int g(int x) { return x; }",
    "gone.c":
      '#include <stdio.h>\nint gone(int x) { return x; } __attribute__((constructor)) static void made(void) { puts("made"); }',
  });
  await compile(dir, "gcc", gccLto, ["a.c", "g.c"]);
  const archive = await dir.archive("lib.a", ["gone.o"]);
  expect(await dir.linkAndRun(spore, ["a.o", "g.o", archive], { flags: gccLto })).toMatchObject({ stdout: "made\n" });
});

test("a library after --as-needed is not needed when what referred to it is optimised away", async () => {
  await using dir = await scratch({
    "a.c": "int g(int); int main(void) { return g(3); }",
    "g.c": "int gone(int); int unused(int x) { return gone(x); } int g(int x) { return x; }",
    "gone.c": "int gone(int x) { return x; }",
  });
  await compile(dir, "gcc", gccLto, ["a.c", "g.c"]);
  await dir.shared("libgone.so", ["gone.o"]);
  const inputs = ["a.o", "g.o", "-Wl,--as-needed", "libgone.so"];
  expect(await dir.linkAndRun(spore, inputs, { flags: gccLto, unlike: "GNU ld needs it" })).toMatchObject({
    status: 3,
  });
  expect(await dynamicEntries(dir.file("a.out"), "NEEDED")).toEqual(["libc.so.6"]);
});

test("a plugin is not even opened in a link of machine code", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "gcc", ["-O1"], ["a.c", "b.c"]);
  const flags = ["-fno-use-linker-plugin", "-Wl,-plugin,/no/where.so,-plugin-opt=x"];
  const unlike = "GNU ld opens it";
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags, unlike })).toMatchObject({ stdout: "42\n" });
  await compile(dir, "gcc", gccLto, ["b.c"]);
  const { status, stderr } = await dir.link(spore, ["a.o", "b.o"], { flags });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^spore: error: linker plugin '\/no\/where\.so' failed: it cannot be loaded: .*No such file/);
});

test.skipIf(lacks(clang14))("objects of two compilers: each says whose it is, and what to do", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "gcc", gccLto, ["a.c"]);
  await compile(dir, "clang-14", gccLto, ["b.c"]);
  const byGcc = await dir.link(spore, ["a.o", "b.o"], { flags: gccLto });
  expect(byGcc).toMatchObject({ status: 1 });
  expect(byGcc.stderr).toMatch(
    /^spore: error: LLVM bitcode of clang 14\.\S+ is not for linker plugin '.*liblto_plugin\.so'\n>>> in b\.o\n>>> link with clang 14/,
  );
  const byClang = await dir.link(spore, ["a.o", "b.o"], { driver: "clang-14", flags: gccLto });
  expect(byClang.stderr).toMatch(
    /^spore: error: GCC LTO object without machine code of gcc \S+ is not for linker plugin '.*LLVMgold\.so'\n>>> in a\.o\n>>> link with gcc/,
  );
  expect((await dir.link(spore, ["a.o"], { flags: ["-fno-use-linker-plugin", "-fno-lto"] })).stderr).toMatch(
    /^spore: error: GCC LTO object without machine code of gcc \S+ needs a linker plugin/,
  );
});

test.skipIf(lacks(clang14))(
  "with both plugins, intermediate language of one is machine code to the other",
  async () => {
    await using dir = await scratch({
      "a.c": main,
      "b.c": `${f} static int own(void) { return 1; } int g(void) { return own(); }`,
    });
    await compile(dir, "gcc", gccLto, ["a.c"]);
    await compile(dir, "clang-14", gccLto, ["b.c"]);
    const flags = [...gccLto, `-Wl,-plugin,${goldPlugin}`];
    const unlike = "with GNU ld, LLVM drops what only GCC's code calls";
    expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags, unlike })).toMatchObject({ stdout: "42\n" });
    const names = await namesOf(dir);
    expect(names).toContain("f");
    expect(names).not.toContain("g");
  },
);

test.skipIf(lacks(clang14))(
  "LLVM's plugin beside GCC's objects with machine code, and the other way round",
  async () => {
    await using dir = await scratch({ "a.c": main, "b.c": f });
    await compile(dir, "gcc", [...gccLto, "-ffat-lto-objects"], ["a.c"]);
    await compile(dir, "clang-14", gccLto, ["b.c"]);
    const byClang = { driver: "clang-14", flags: gccLto };
    expect(await dir.linkAndRun(spore, ["a.o", "b.o"], byClang)).toMatchObject({ stdout: "42\n" });
    expect(await namesOf(dir)).toContain("f");
    await compile(dir, "gcc", gccLto, ["a.c"]);
    await compile(dir, "clang-14", ["-O2"], ["b.c"]);
    expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags: gccLto })).toMatchObject({ stdout: "42\n" });
  },
);

test.skipIf(
  lacks([
    { needs: "clang-19", from: "clang-19" },
    { needs: "/usr/lib/llvm-19/lib/LLVMgold.so", from: "llvm-19-linker-tools" },
  ]),
)("LLVM's objects with machine code beside are linked either way", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "clang-19", [...gccLto, "-ffat-lto-objects"], ["a.c", "b.c"]);
  const driver = "clang-19";
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { driver, flags: gccLto })).toMatchObject({ stdout: "42\n" });
  expect(await namesOf(dir)).not.toContain("f");
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { driver })).toMatchObject({ stdout: "42\n" });
  expect(await namesOf(dir)).toContain("f");
});

test.skipIf(lacks([{ needs: "gcc-11", from: "gcc-11" }]))(
  "objects of two versions of GCC: the message says which file is of which",
  async () => {
    await using dir = await scratch({ "a.c": main, "b.c": f });
    await compile(dir, "gcc", gccLto, ["a.c"]);
    await compile(dir, "gcc-11", gccLto, ["b.c"]);
    const { status, stderr } = await dir.link(spore, ["a.o", "b.o"], { flags: gccLto });
    expect(status).toBe(1);
    expect(stderr).toContain("spore: error: lto-wrapper failed\n>>> said by linker plugin");
    expect(stderr).toMatch(/>>> its inputs were made by gcc \S+: 'a\.o', gcc 11\.\S+: 'b\.o'\n/);
    await compile(dir, "gcc-11", gccLto, ["a.c"]);
    expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { driver: "gcc-11", flags: gccLto })).toMatchObject({
      stdout: "42\n",
    });
  },
);

/** The LLVM that rustc has inside. */
const rustLlvm = /LLVM version: (\d+)/.exec(spawnSync("rustc", ["-vV"], { encoding: "utf8" }).stdout ?? "")?.[1] ?? "0";

test.skipIf(
  lacks([
    { needs: "rustc", from: "rustc" },
    { needs: `clang-${rustLlvm}`, from: `clang-${rustLlvm}` },
    { needs: `/usr/lib/llvm-${rustLlvm}/lib/LLVMgold.so`, from: `llvm-${rustLlvm}-linker-tools` },
  ]),
)("Rust of -C linker-plugin-lto is optimised together with C", async () => {
  await using dir = await scratch({
    "a.c": '#include <stdio.h>\nint f(int); int main(void) { printf("%d\\n", f(3)); }',
    "f.rs": '#[no_mangle] pub extern "C" fn f(x: i32) -> i32 { (1..=x).map(|y| y * 7).sum() }',
    "main.rs": 'fn main() { let v: Vec<u32> = (1..10).collect(); println!("{}", v.iter().sum::<u32>()); }',
  });
  const clang = `clang-${rustLlvm}`;
  await dir.mustRun("rustc", [
    ..."--crate-type=staticlib -C linker-plugin-lto -C panic=abort -O f.rs".split(" "),
    "-olibf.a",
  ]);
  await compile(dir, clang, ["-O2", "-flto=thin"], ["a.c"]);
  const command = { driver: clang, flags: ["-O2", "-flto=thin"] };
  const unlike = "ThinLTO's objects come in the order of claims, GNU ld's is that in which members are needed";
  expect(await dir.linkAndRun(spore, ["a.o", "libf.a"], { ...command, unlike })).toMatchObject({ stdout: "42\n" });
  expect(await objdump(dir.file("a.out"), "-d", "--disassemble=main")).not.toMatch(/call.*<f>/);
  const driver = [
    "-C",
    `linker=${clang}`,
    ...[...spore.gccFlags, "-flto=thin"].flatMap((flag) => ["-C", `link-arg=${flag}`]),
  ];
  await dir.mustRun("rustc", ["-O", "-C", "linker-plugin-lto", ...driver, "main.rs", "-o", "main"]);
  expect(await dir.run("./main")).toMatchObject({ stdout: "45\n" });
});

test("temporary files are removed, and those that are asked for are left", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c"]);
  const left: string[][] = [];
  for (const [linker, folder] of [
    [bfd, "by-bfd"],
    [spore, "by-spore"],
  ] as const) {
    for (const path of [folder, `${folder}/tmp`]) await mkdir(dir.file(path));
    const env = { TMPDIR: dir.file(`${folder}/tmp`) };
    const words = [...linker.gccFlags, ...gccLto, "../a.o", "../b.o", "-save-temps", "-o", "out"];
    await dir.mustRun("gcc", words, { cwd: dir.file(folder), env });
    expect(await readdir(dir.file(`${folder}/tmp`))).toEqual([]);
    left.push((await readdir(dir.file(folder))).sort());
  }
  expect(left[1]).toEqual(left[0]);
  expect(left[0]).toContain("out.ltrans0.ltrans.o");
});

test.skipIf(lacks(clang14))("LLVM's -plugin-opt=save-temps leaves its files", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "clang-14", gccLto, ["a.c", "b.c"]);
  const flags = [...gccLto, "-Wl,-plugin-opt=save-temps"];
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { driver: "clang-14", flags })).toMatchObject({ stdout: "42\n" });
  expect(await readdir(dir.path)).toContain("a.out.resolution.txt");
});

test("lto-wrapper takes its jobs from make", async () => {
  await using dir = await scratch({
    "a.c": main,
    "b.c": f,
    Makefile: "out: a.o b.o\n\t+gcc $(USE) -O2 -flto=jobserver a.o b.o -v -o out 2>log\n",
  });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c"]);
  await dir.mustRun("make", ["-j3", `USE=${spore.gccFlags.join(" ")}`], { env: { MAKEFLAGS: "", MAKELEVEL: "" } });
  const log = (await dir.read("log")).toString();
  expect(log).toContain("Using make jobserver");
  expect(log).not.toContain("jobserver is not available");
});

test("a link by a plugin is the same each time, also where a resident linker could have had it", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f });
  await compile(dir, "gcc", [...gccLto, "-g"], ["a.c", "b.c"]);
  const outputs: Buffer[] = [];
  for (const env of [{}, {}, { SPORE_TEST_SEARCH: "1" }]) {
    await dir.mustRun("gcc", [...spore.gccFlags, ...gccLto, "-g", "a.o", "b.o", "-o", "out"], { env });
    outputs.push(await dir.read("out"));
  }
  for (const output of outputs) expect(output.equals(outputs[0]!)).toBe(true);
});

test("definitions of one name are errors before any code is made", async () => {
  await using dir = await scratch({ "a.c": main, "b.c": f, "c.c": "int f(int x) { return x; }" });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c", "c.c"]);
  const { status, stderr } = await dir.link(spore, ["a.o", "b.o", "c.o"], { flags: gccLto });
  expect(status).toBe(1);
  expect(stderr).toContain("multiple definition of 'f'\n>>> defined in b.o");
  expect(stderr).toContain(">>> defined in c.o");
});

test("what is undefined is said of the code that was made", async () => {
  await using dir = await scratch({ "a.c": main });
  await compile(dir, "gcc", gccLto, ["a.c"]);
  const { status, stderr } = await dir.link(spore, ["a.o"], { flags: gccLto });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^spore: error: undefined reference to 'f'\n>>> referenced by .*\.o:\(function main\)/);
});

test("-r makes machine code of intermediate language; GCC's is asked for by -flinker-output=nolto-rel", async () => {
  await using dir = await scratch({ "a.c": "int f(int); int main(void) { return f(3); }", "b.c": f });
  await compile(dir, "gcc", gccLto, ["a.c", "b.c"]);
  const link = ["a.o", "b.o", "-r", ...gccLto, "-o", "r.o"];
  for (const linker of [bfd, spore]) {
    await dir.mustRun("gcc", [...linker.gccFlags, ...link, "-flinker-output=nolto-rel"]);
    const { text } = await readelf(dir.file("r.o"), "-SsW");
    expect(text, linker.name).not.toContain(".gnu.lto");
    expect(text, linker.name).toMatch(/ FUNC +GLOBAL DEFAULT +\d+ never\n/); // whoever links the object may call it
    await dir.mustRun("gcc", ["r.o", "-o", "program"]);
    expect((await dir.run("./program")).status, linker.name).toBe(42);
  }
  const { status, stderr } = await dir.run("gcc", [...spore.gccFlags, ...link]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/GCC LTO object without machine code of gcc [\d.]+ is not put into an object/);
  expect(stderr).toContain("-flinker-output=nolto-rel");
});

test.skipIf(lacks(clang14))("-r of clang's intermediate language makes machine code", async () => {
  await using dir = await scratch({ "a.c": "int f(int); int main(void) { return f(3); }", "b.c": f });
  await compile(dir, "clang-14", gccLto, ["a.c", "b.c"]);
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-plugin", goldPlugin, "-r", "a.o", "b.o", "-o", "r.o"]);
    await dir.mustRun("gcc", ["r.o", "-o", "program"]);
    expect((await dir.run("./program")).status, linker.name).toBe(42);
  }
});
