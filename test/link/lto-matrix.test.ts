/** Link-time optimisation, in many combinations. Each is compared with GNU ld's link by the same plugin, and run. */
import { expect, test } from "vitest";

import { lacks } from "../harness/requirements.ts";
import { spore, symbols } from "../harness/oracles.ts";
import { type Files, type Scratch, scratch } from "../harness/scratch.ts";

/** How objects are made and linked. */
interface Compiler {
  readonly name: string;
  readonly c: string;
  readonly cxx: string;
  readonly ar: string;
  /** What makes an object of intermediate language. */
  readonly lto: readonly string[];
  readonly needs: readonly { needs: string; from: string }[];
}

const gcc: Compiler = { name: "gcc", c: "gcc", cxx: "g++", ar: "gcc-ar", lto: ["-flto"], needs: [] };
const llvm = [
  { needs: "clang-14", from: "clang-14" },
  { needs: "/usr/lib/llvm-14/lib/LLVMgold.so", from: "llvm-14-linker-tools" },
];
const clang = (kind: string): Compiler => ({
  name: `clang ${kind}`,
  c: "clang-14",
  cxx: "clang++-14",
  ar: "llvm-ar-14",
  lto: [`-flto=${kind}`],
  needs: llvm,
});

interface Combination {
  readonly name: string;
  /** For both compilers unless it says otherwise. */
  readonly only?: RegExp;
  readonly files: Files;
  /** Sources that are machine code. */
  readonly plain?: readonly string[];
  readonly compile?: readonly string[];
  /** What is done with the objects before the link. */
  readonly prepare?: (dir: Scratch, compiler: Compiler) => Promise<void>;
  readonly inputs: readonly string[];
  readonly flags?: readonly string[];
  /** What the program prints; undefined for what is not run. */
  readonly prints?: string;
  /** Names of functions that are inlined or dropped when code is made of all files together. */
  readonly gone?: readonly string[];
  readonly kept?: readonly string[];
  /** Why it is not compared with GNU ld. */
  readonly unlike?: string;
}

const main = '#include <stdio.h>\nint f(int); int main(void) { printf("%d\\n", f(3)); return 0; }';
const f = "int f(int x) { return x * 14; } int never(void) { return 77; }";
const two = { "a.c": main, "b.c": f };
const inTwo = { files: two, inputs: ["a.o", "b.o"], prints: "42\n", gone: ["f", "never"] };
/** Without what is known of all the program, calls stay. */
const archive =
  (name: string, members: readonly string[], flags = "rcs") =>
  async (dir: Scratch, { ar }: Compiler): Promise<void> => {
    await dir.mustRun(ar, [flags, name, ...members]);
  };
const shared =
  (name: string, source: string, flags: readonly string[] = []) =>
  async (dir: Scratch): Promise<void> => {
    await dir.mustRun("gcc", ["-shared", "-fPIC", "-O1", source, "-o", name, ...flags]);
  };

const combinations: readonly Combination[] = [
  { name: "two objects", ...inTwo },
  {
    name: "debug information",
    ...inTwo,
    compile: ["-g"],
    flags: ["-g"],
    unlike: "GCC notes how the linker was chosen",
  },
  { name: "no PIE", ...inTwo, compile: ["-fno-pie"], flags: ["-no-pie"] },
  { name: "static", ...inTwo, flags: ["-static"] },
  { name: "static PIE", ...inTwo, compile: ["-fPIE"], flags: ["-static-pie"] },
  {
    name: "sections of their own, and none unused",
    ...inTwo,
    compile: ["-ffunction-sections"],
    flags: ["-Wl,--gc-sections"],
  },
  { name: "stripped", ...inTwo, flags: ["-s"] },
  { name: "no stripping of debug information, a build ID", ...inTwo, flags: ["-Wl,--build-id=sha1"] },
  { name: "one of them machine code that calls", ...inTwo, plain: ["a.c"], gone: ["never"], kept: ["f"] },
  { name: "one of them machine code that is called", ...inTwo, plain: ["b.c"], gone: [], kept: ["f", "never"] },
  { name: "partitions: none", only: /gcc/, ...inTwo, flags: ["-flto-partition=none"] },
  { name: "partitions: one", only: /gcc/, ...inTwo, flags: ["-flto-partition=one"] },
  { name: "partitions: as many as there are functions", only: /gcc/, ...inTwo, flags: ["-flto-partition=max"] },
  { name: "partitions: one for each file", only: /gcc/, ...inTwo, flags: ["-flto-partition=1to1"] },
  { name: "two jobs", only: /gcc/, ...inTwo, flags: ["-flto=2"] },
  { name: "fat objects", only: /gcc/, ...inTwo, compile: ["-ffat-lto-objects"] },
  {
    name: "fat objects in an archive",
    only: /gcc/,
    ...inTwo,
    compile: ["-ffat-lto-objects"],
    prepare: archive("libb.a", ["b.o"]),
    inputs: ["a.o", "libb.a"],
  },
  { name: "the whole program", only: /gcc/, ...inTwo, flags: ["-fwhole-program"] },
  {
    name: "no linker plugin's optimisation in fat objects",
    only: /gcc/,
    ...inTwo,
    compile: ["-ffat-lto-objects"],
    flags: ["-fno-lto", "-fno-use-linker-plugin"],
    gone: [],
    kept: ["f", "never"],
  },
  { name: "an archive", ...inTwo, prepare: archive("libb.a", ["b.o"]), inputs: ["a.o", "libb.a"] },
  // Of two objects of ThinLTO, the first is that of the first file that is claimed: GNU ld has not needed the member yet.
  {
    name: "an archive that comes first",
    only: /gcc|full/,
    ...inTwo,
    prepare: archive("libb.a", ["b.o"]),
    inputs: ["-Wl,--start-group", "libb.a", "a.o", "-Wl,--end-group"],
  },
  { name: "an archive of all", ...inTwo, prepare: archive("liball.a", ["a.o", "b.o"]), inputs: ["liball.a"] },
  {
    name: "a whole archive",
    ...inTwo,
    prepare: archive("libb.a", ["b.o"]),
    inputs: ["a.o", "-Wl,--whole-archive", "libb.a", "-Wl,--no-whole-archive"],
  },
  { name: "a thin archive", ...inTwo, prepare: archive("libb.a", ["b.o"], "rcsT"), inputs: ["a.o", "libb.a"] },
  {
    name: "an archive with members that are not needed",
    files: { ...two, "c.c": "int other(void) { return 5; }" },
    prepare: archive("libb.a", ["c.o", "b.o"]),
    inputs: ["a.o", "libb.a"],
    prints: "42\n",
    gone: ["f", "other"],
  },
  {
    name: "members of both kinds",
    files: {
      "a.c": main,
      "b.c": "int g(int); int f(int x) { return g(x) + 1; }",
      "c.c": "int g(int x) { return x * 5; }",
    },
    plain: ["c.c"],
    prepare: archive("lib.a", ["b.o", "c.o"]),
    inputs: ["a.o", "lib.a"],
    prints: "16\n",
    gone: ["f"],
    kept: ["g"],
  },
  {
    name: "machine code that pulls a member of intermediate language",
    files: {
      "a.c": main,
      "b.c": "int g(int); int f(int x) { return g(x) + 1; }",
      "c.c": "int h(int); int g(int x) { return h(x) * 5; }",
      "d.c": "int h(int x) { return x + 1; }",
    },
    plain: ["b.c"],
    prepare: archive("lib.a", ["b.o", "c.o", "d.o"]),
    inputs: ["a.o", "lib.a"],
    prints: "21\n",
    gone: ["h"],
    kept: ["f", "g"],
  },
  {
    name: "a shared object",
    files: {
      "a.c": "int inner(int); int outer(int x) { return inner(x) + 1; }",
      "b.c": '__attribute__((visibility("hidden"))) int inner(int x) { return x * 3; }',
    },
    compile: ["-fPIC"],
    inputs: ["a.o", "b.o"],
    flags: ["-shared", "-Wl,-z,defs"],
    gone: ["inner"],
    kept: ["outer"],
  },
  {
    name: "a shared object with a version script",
    files: {
      "a.c": "int inner(int); int outer(int x) { return inner(x) + 1; }",
      "b.c": "int inner(int x) { return x * 3; }",
      map: "V1 { global: outer; local: *; };",
    },
    compile: ["-fPIC"],
    inputs: ["a.o", "b.o"],
    flags: ["-shared", "-Wl,--version-script=map"],
    gone: ["inner"],
    kept: ["outer"],
  },
  {
    name: "a program with a dynamic list",
    ...inTwo,
    files: { ...two, list: "{ never; };" },
    flags: ["-Wl,--dynamic-list=list"],
    gone: ["f"],
    kept: ["never"],
  },
  { name: "exported by --export-dynamic", ...inTwo, flags: ["-rdynamic"], gone: [], kept: ["f", "never"] },
  { name: "kept by -u", ...inTwo, flags: ["-Wl,-u,never"], gone: ["f"], kept: ["never"] },
  { name: "kept by --require-defined", ...inTwo, flags: ["-Wl,--require-defined=never"], gone: ["f"], kept: ["never"] },
  { name: "named by --defsym", ...inTwo, flags: ["-Wl,--defsym=alias=never"], gone: ["f"], kept: ["never"] },
  { name: "the entry", files: two, inputs: ["a.o", "b.o"], flags: ["-Wl,--entry=never"], gone: ["f"], kept: ["never"] },
  {
    name: "used by a shared object",
    files: { ...two, "s.c": "int never(void); int from_shared(void) { return never(); }" },
    prepare: shared("libs.so", "s.c"),
    inputs: ["a.o", "b.o", "-Wl,--no-as-needed", "libs.so"],
    prints: "42\n",
    gone: ["f"],
    kept: ["never"],
  },
  {
    name: "defined by a shared object",
    files: {
      "a.c": main,
      "b.c": "int g(int); int f(int x) { return g(x) + 1; }",
      "s.c": "int g(int x) { return x * 7; }",
    },
    prepare: shared("libs.so", "s.c"),
    inputs: ["a.o", "b.o", "libs.so"],
    prints: "22\n",
    gone: ["f"],
  },
  {
    name: "weak, and overridden by intermediate language",
    files: { "a.c": main, "b.c": "__attribute__((weak)) int f(int x) { return x; }", "c.c": f },
    inputs: ["a.o", "b.o", "c.o"],
    prints: "42\n",
    gone: ["f"],
  },
  {
    name: "weak, and overridden by machine code",
    only: /clang/, // GCC 12 puts the weak function in, with GNU ld as well
    files: { "a.c": main, "b.c": "__attribute__((weak)) int f(int x) { return x; }", "c.c": f },
    plain: ["c.c"],
    inputs: ["a.o", "b.o", "c.o"],
    prints: "42\n",
    kept: ["f"],
  },
  {
    name: "weak machine code that is overridden",
    files: {
      "a.c": main,
      "b.c": "__attribute__((weak)) int f(int x) { return x; } int g(int x) { return f(x); }",
      "c.c": f,
    },
    plain: ["b.c"],
    inputs: ["a.o", "b.o", "c.o"],
    prints: "42\n",
    kept: ["f"],
  },
  {
    name: "undefined and weak",
    files: {
      "a.c":
        '#include <stdio.h>\n__attribute__((weak)) int nowhere(void); int f(int); int main(void) { printf("%d\\n", nowhere ? nowhere() : f(3)); }',
      "b.c": f,
    },
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["f"],
  },
  {
    name: "common symbols",
    files: {
      "a.c": '#include <stdio.h>\nint shared[4]; int f(void); int main(void) { shared[1] = 6; printf("%d\\n", f()); }',
      "b.c": "int shared[4]; int f(void) { return shared[1] * 7; }",
    },
    compile: ["-fcommon"],
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["f"],
  },
  {
    name: "a common symbol that machine code has larger",
    files: {
      "a.c": '#include <stdio.h>\nint shared[4]; int f(void); int main(void) { shared[1] = 6; printf("%d\\n", f()); }',
      "b.c": "int shared[400]; int f(void) { return shared[1] * 7; }",
    },
    compile: ["-fcommon"],
    plain: ["b.c"],
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    kept: ["f", "shared"],
  },
  {
    name: "data that only other files change",
    files: {
      "a.c": '#include <stdio.h>\nextern int value; void set(void); int main(void) { set(); printf("%d\\n", value); }',
      "b.c": "int value; void set(void) { value = 42; }",
    },
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["set"],
  },
  {
    name: "thread-local data",
    files: {
      "a.c":
        '#include <stdio.h>\nextern __thread int value; void set(void); int main(void) { set(); printf("%d\\n", value); }',
      "b.c": "__thread int value; void set(void) { value = 42; }",
    },
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["set"],
  },
  {
    name: "constructors, and what is marked as used",
    files: {
      "a.c": main,
      "b.c":
        '#include <stdio.h>\nint f(int x) { return x * 14; } __attribute__((constructor)) static void first(void) { puts("first"); } __attribute__((used)) static int marked = 5;',
    },
    inputs: ["a.o", "b.o"],
    prints: "first\n42\n",
    gone: ["f"],
    kept: ["marked"],
  },
  {
    name: "--start-lib",
    ...inTwo,
    only: /nothing/, // GNU ld 2.40 has no --start-lib
    inputs: ["a.o", "-Wl,--start-lib", "b.o", "-Wl,--end-lib"],
  },
  {
    name: "--wrap",
    files: {
      "a.c": '#include <stdio.h>\nint f(int); int main(void) { printf("%d\\n", f(3)); }',
      "b.c": "int __real_f(int); int __wrap_f(int x) { return __real_f(x) + 1; }",
      "c.c": f,
    },
    plain: ["c.c"],
    inputs: ["a.o", "b.o", "c.o"],
    flags: ["-Wl,--wrap=f"],
    prints: "43\n",
  },
  {
    name: "templates and inline functions of C++",
    files: {
      "a.cc":
        '#include <cstdio>\n#include "t.h"\nint other(); int main() { std::printf("%d\\n", twice(10) + other()); }',
      "b.cc": '#include "t.h"\nint other() { return twice(11); }',
      "t.h":
        "#pragma once\ntemplate <typename T> __attribute__((noinline)) T twice(T x) { static int count; return x * 2 + 0 * ++count; }",
    },
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["_Z5otherv"],
  },
  {
    name: "inline functions of C++ that machine code has, too",
    files: {
      "a.cc":
        '#include <cstdio>\n#include "t.h"\nint other(); int main() { std::printf("%d\\n", twice(10) + other()); }',
      "b.cc": '#include "t.h"\nint other() { return twice(11); }',
      "t.h":
        "#pragma once\ntemplate <typename T> __attribute__((noinline)) T twice(T x) { static int count; return x * 2 + 0 * ++count; }",
    },
    plain: ["b.cc"],
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    kept: ["_Z5otherv"],
  },
  {
    name: "inline functions of C++ that machine code has first",
    files: {
      "a.cc": '#include "t.h"\nint other() { return twice(11); }',
      "b.cc":
        '#include <cstdio>\n#include "t.h"\nint other(); int main() { std::printf("%d\\n", twice(10) + other()); }',
      "t.h":
        "#pragma once\ntemplate <typename T> __attribute__((noinline)) T twice(T x) { static int count; return x * 2 + 0 * ++count; }",
    },
    plain: ["a.cc"],
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    kept: ["_Z5otherv"],
  },
  {
    name: "virtual functions and exceptions of C++",
    files: {
      "a.cc":
        '#include <cstdio>\n#include "t.h"\nint main() { try { run(make()); } catch (int e) { std::printf("%d\\n", e); } }',
      "b.cc":
        '#include "t.h"\nstruct Derived : Base { int value() override { throw 42; } };\nBase *make() { static Derived it; return &it; }\nvoid run(Base *it) { it->value(); }',
      "t.h":
        "#pragma once\nstruct Base { virtual int value() = 0; virtual ~Base() {} };\nBase *make(); void run(Base *);",
    },
    inputs: ["a.o", "b.o"],
    prints: "42\n",
    gone: ["_Z4makev"],
  },
  {
    name: "C++, sections of their own, none unused",
    files: {
      "a.cc":
        '#include <cstdio>\n#include <vector>\nint sum(const std::vector<int> &); int main() { std::printf("%d\\n", sum({20, 22})); }',
      "b.cc":
        "#include <vector>\n#include <numeric>\nint sum(const std::vector<int> &v) { return std::accumulate(v.begin(), v.end(), 0); } int nobody() { return 3; }",
    },
    compile: ["-ffunction-sections", "-fdata-sections"],
    inputs: ["a.o", "b.o"],
    flags: ["-Wl,--gc-sections"],
    prints: "42\n",
    gone: ["_Z6nobodyv"],
  },
  {
    name: "what code generation asks for is in an archive of machine code",
    files: {
      "a.c":
        '#include <stdio.h>\nvoid fill(char *, unsigned long); char buffer[5000]; int main(int n, char **v) { fill(buffer, n * 100); printf("%d\\n", buffer[99]); }',
      "b.c": "void fill(char *p, unsigned long n) { for (unsigned long i = 0; i < n; i++) p[i] = 42; }",
    },
    inputs: ["a.o", "b.o"],
    flags: ["-static"],
    prints: "42\n",
    gone: ["fill"],
  },
  {
    name: "names with versions",
    files: {
      "a.c":
        'int new_f(void) { return 2; } int old_f(void) { return 1; } __asm__(".symver old_f,f@V1"); __asm__(".symver new_f,f@@V2");',
      map: "V1 { global: f; local: *; }; V2 { global: f; } V1;",
    },
    only: /clang/,
    compile: ["-fPIC"],
    inputs: ["a.o"],
    flags: ["-shared", "-Wl,--version-script=map"],
  },
  {
    name: "names with versions, by an attribute",
    files: {
      "a.c":
        '__attribute__((symver("f@V1"))) int old_f(void) { return 1; } __attribute__((symver("f@@V2"))) int new_f(void) { return 2; }',
      map: "V1 { global: f; local: *; }; V2 { global: f; } V1;",
    },
    only: /gcc/,
    compile: ["-fPIC"],
    inputs: ["a.o"],
    flags: ["-shared", "-Wl,--version-script=map"],
  },
];

for (const compiler of [gcc, clang("full"), clang("thin")])
  for (const { name, only, ...row } of combinations) {
    if (only !== undefined && !only.test(compiler.name)) continue;
    test.skipIf(lacks(compiler.needs))(`${compiler.name}: ${name}`, async () => {
      await using dir = await scratch(row.files);
      const isCxx = Object.keys(row.files).some((file) => file.endsWith(".cc"));
      for (const source of Object.keys(row.files).filter((file) => /^[a-d]\.(c|cc)$/.test(file))) {
        const isPlain = row.plain?.includes(source) === true;
        const flags = ["-O2", ...(isPlain ? [] : compiler.lto), ...(row.compile ?? [])];
        const object = source.replace(/\.\w+$/, ".o");
        await dir.mustRun(isCxx ? compiler.cxx : compiler.c, [...flags, "-c", source, "-o", object]);
      }
      await row.prepare?.(dir, compiler);
      const command = {
        driver: isCxx ? compiler.cxx : compiler.c,
        flags: ["-O2", ...compiler.lto, ...(row.flags ?? [])],
        ...(row.unlike === undefined ? {} : { unlike: row.unlike }),
      };
      const linked = await dir.link(spore, row.inputs, command);
      expect(linked).toMatchObject({ status: 0, stderr: "" });
      const names = new Set((await symbols(dir.file("a.out"))).map((symbol) => symbol.name));
      const isThin = compiler.name === "clang thin"; // it inlines across files, and leaves what others may import
      for (const gone of isThin ? [] : (row.gone ?? [])) expect(names, gone).not.toContain(gone);
      if (row.flags?.includes("-s") !== true) for (const kept of row.kept ?? []) expect(names, kept).toContain(kept);
      if (row.prints !== undefined)
        expect(await dir.run("./a.out", [], { env: { LD_LIBRARY_PATH: dir.path } })).toMatchObject({
          stdout: row.prints,
        });
    });
  }
