/** What is wrong with a program, as users of ld expect to be told: once, with the place, and what to do. */
import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { type Files, scratch } from "../harness/scratch.ts";

/** Links what must fail. The old output must stay. Returns the messages of the linker. */
async function fail(files: Files, inputs: string[], flags: string[] = [], compile: string[] = []): Promise<string> {
  await using dir = await scratch({ ...files, "a.out": "old" });
  for (const name of Object.keys(files)) if (/\.(c|cc|s)$/.test(name)) await dir.compile(name, compile);
  const { status, stderr, stdout } = await dir.link(spore, inputs, { flags });
  expect(status).toBe(1);
  expect(stdout).toBe("");
  expect((await dir.read("a.out")).toString()).toBe("old");
  expect(stderr).toMatch(/^spore: error: /);
  return stderr.replace(/collect2.*\n/, "");
}

test("an undefined symbol is named with the files and functions that refer to it, once", async () => {
  const text = await fail(
    {
      "a.c": "void nowhere(void); void f(void) { nowhere(); } void g(void) { nowhere(); nowhere(); }",
      "b.c": "void nowhere(void); int main(void) { nowhere(); }",
      "c.c": "void nowhere(void); void (*pointer)(void) = nowhere; void h(void) { nowhere(); }",
    },
    ["a.o", "b.o", "c.o"],
  );
  expect(text.match(/undefined reference/g)).toHaveLength(1);
  expect(text).toMatch(/undefined reference to 'nowhere'\n>>> referenced by .*a\.o.*\bf\b/);
  expect(text).toMatch(/a\.o.*\bg\b/);
  expect(text).toMatch(/more/);
});

test("an undefined symbol of an archive member is named with both", async () => {
  await using dir = await scratch({
    "main.c": "int member(void); int main(void) { return member(); }",
    "member.c": "int nowhere(void); int member(void) { return nowhere(); }",
  });
  await dir.archive("lib.a", ["member.o"]);
  expect((await dir.link(spore, ["main.o", "lib.a"])).stderr).toMatch(/'nowhere'\n.*lib\.a\(member\.o\).*member/);
});

test("undefined data and thread-local variables are errors, too", async () => {
  const text = await fail(
    {
      "a.c":
        "extern int data; extern __thread int local; int *address = &data; int main(void) { return data + local; }",
    },
    ["a.o"],
  );
  expect(text).toContain("'data'");
  expect(text).toContain("'local'");
});

test("a symbol with two definitions is named with both places, and a third", async () => {
  const text = await fail(
    { "a.c": "int twice = 1; int main(void) { return 0; }", "b.c": "int twice = 2;", "c.c": "int twice = 3;" },
    ["a.o", "b.o", "c.o"],
  );
  expect(text).toMatch(
    /multiple definition of 'twice'\n>>> defined in a\.o:\(.*\)\n>>> defined in b\.o:\(.*\)\n>>> defined in c\.o:\(.*\)\n/,
  );
});

test("absolute symbols of one name are one definition when they have one value, and only then", async () => {
  const stack = '.section .note.GNU-stack,"",@progbits\n';
  await using dir = await scratch({
    "main.s": `.globl n, main\nn = 5\n.text\nmain: mov $n, %eax\nret\n${stack}`,
    "same.s": `.globl n\nn = 5\n${stack}`,
    "other.s": `.globl n\nn = 6\n${stack}`,
    "data.s": `.globl n\n.data\nn: .long 5\n${stack}`,
  });
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o", "same.o"]), linker.name).toMatchObject({ status: 5 });
    for (const objects of [
      ["main.o", "other.o"],
      ["main.o", "same.o", "other.o"],
      ["main.o", "data.o"],
      ["data.o", "main.o"],
    ]) {
      const { status, stderr } = await dir.link(linker, objects);
      expect(status, `${linker.name} ${objects.join(" ")}`).toBe(1);
      expect(stderr).toMatch(/multiple definition of .n'/);
    }
  }
});

test("a function with two definitions may be allowed", async () => {
  await using dir = await scratch({
    "a.c": "int f(void) { return 1; }",
    "b.c": "int f(void) { return 2; } int f(void); int main(void) { return f(); }",
  });
  await dir.compile("a.c");
  await dir.compile("b.c", ["-fPIC"]);
  expect((await dir.link(spore, ["a.o", "b.o"])).status).toBe(1);
  for (const flag of ["--allow-multiple-definition", "-z,muldefs"])
    expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags: [`-Wl,${flag}`] })).toMatchObject({ status: 1 });
});

test("C++ names are demangled, and not with --no-demangle", async () => {
  const files = {
    "a.cc":
      "namespace space { struct Shape { int area(double, const char *) const; }; } int main() { return space::Shape().area(1, 0); }",
  };
  expect(await fail(files, ["a.o"])).toContain(
    "undefined reference to 'space::Shape::area(double, char const*) const'",
  );
  expect(await fail(files, ["a.o"], ["-Wl,--no-demangle"])).toContain("'_ZNK5space5Shape4areaEdPKc'");
});

test("an object that is not position independent is one message for a PIE and a shared object, with what to do", async () => {
  const files = {
    "a.c":
      "int data[100]; int *f(int i) { static int *p; switch (i) { case 0: p = data; break; case 1: p = data + 1; break; case 2: p = data + 5; break; case 3: p = data + 7; break; case 4: p = 0; } return p; } int main(void) { return *f(1); }",
  };
  for (const kind of ["-pie", "-shared"]) {
    const text = await fail(files, ["a.o"], [kind], ["-fno-pie", "-O1"]);
    expect(text.match(/R_X86_64_32S? /g)!.length, text).toBeLessThanOrEqual(2);
    expect(text).toMatch(/can not be used when making a (PIE|shared) object/);
    expect(text).toContain("recompile with -fPIC");
    expect(text).toMatch(/a\.o/);
  }
});

test("code that reaches data directly is refused in a shared object", async () => {
  const text = await fail(
    { "a.c": "extern int data; int f(void) { return data; }" },
    ["a.o"],
    ["-shared"],
    ["-fPIE", "-O1"],
  );
  expect(text).toMatch(/R_X86_64_PC32 against 'data'.*shared object/);
});

test("a relocation that does not fit its field is an error, and nothing is written", async () => {
  const text = await fail(
    {
      "a.s": `
        .globl main
        main: mov $far, %eax
        .byte far
        .globl far
        .set far, 0x123456789
        .section .note.GNU-stack,"",@progbits`,
    },
    ["a.o"],
    ["-no-pie"],
  );
  expect(text).toMatch(/out of range/);
  expect(text).toContain("0x123456789");
  expect(text).toMatch(/R_X86_64_32/);
  expect(text).toMatch(/R_X86_64_8/);
});

test("a thread-local variable that another file takes for an ordinary one is an error", async () => {
  const text = await fail({ "a.c": "extern int both; int main(void) { return both; }", "b.c": "__thread int both;" }, [
    "a.o",
    "b.o",
  ]);
  expect(text).toMatch(/'both' is thread-local in one file and not in another/);
});

test("a reference into a discarded section is an error that names the symbol's file", async () => {
  const group = (name: string): string =>
    `
    .section .text.shared,"axG",@progbits,shared,comdat
    .globl shared
    shared: ret
    .local_${name}: ret
    .text
    .globl ${name}
    ${name}: call .local_${name}+0
    ret
    .section .note.GNU-stack,"",@progbits`.replaceAll(".local_", "local_");
  const text = await fail({ "a.s": group("main"), "b.s": group("other") }, ["a.o", "b.o"]);
  expect(text).toMatch(/'local_other' is defined in a discarded section/);
  expect(text).toMatch(/b\.o/);
  const unnamed = (name: string): string => group(name).replaceAll("local_", ".Llocal_");
  const anonymous = await fail({ "a.s": unnamed("main"), "b.s": unnamed("other") }, ["a.o", "b.o"]);
  expect(anonymous).toMatch(/'\.text\.shared' is defined in a discarded section/);
});

test("a version named like a symbol is a second definition, of that name", async () => {
  await using dir = await scratch({ "a.c": "int A(void) { return 1; }", versions: "A { global: A; };" });
  await dir.compile("a.c", ["-fPIC"]);
  for (const linker of [bfd, spore])
    expect(await dir.linkDirectly(linker, ["-shared", "a.o", "--version-script=versions", "-o", "a.so"])).toMatchObject(
      { status: 1, stderr: expect.stringMatching(/multiple definition of .A'/) },
    );
});

test("at most 20 errors are listed, and the rest is counted", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `nowhere_${i}`);
  const source = {
    "a.c": `${names.map((name) => `void ${name}(void);`).join("")} int main(void) { ${names.map((name) => `${name}();`).join("")} }`,
  };
  const text = await fail(source, ["a.o"]);
  expect(text.match(/undefined reference/g)).toHaveLength(20);
  expect(text).toContain("30 more errors");
  expect((await fail(source, ["a.o"], ["-Wl,--error-limit=0"])).match(/undefined reference/g)).toHaveLength(50);
});

test("objects for link-time optimisation are named, and those with machine code beside it are linked", async () => {
  const files = { "a.c": "int f(void); int main(void) { return f(); }", "b.c": "int f(void) { return 3; }" };
  const text = await fail(files, ["a.o", "b.o"], ["-fno-lto", "-fno-use-linker-plugin"], ["-flto"]);
  expect(text).toMatch(
    /^spore: error: GCC LTO object without machine code of gcc \d.* needs a linker plugin\n>>> in .*a\.o\n>>> in .*b\.o\n>>> link with gcc \d/,
  );
  expect(text.match(/error:/g)).toHaveLength(1);
  await using dir = await scratch(files);
  for (const name of ["a.c", "b.c"]) await dir.compile(name, ["-flto", "-ffat-lto-objects"]);
  expect(await dir.linkAndRun(spore, ["a.o", "b.o"], { flags: ["-fno-lto"] })).toMatchObject({ status: 3 });
});

test("a member of an archive that is for link-time optimisation is refused when it is needed, and only then", async () => {
  await using dir = await scratch({
    "needs.c": "int f(void); int main(void) { return f(); }",
    "needs-not.c": "int g(void); int main(void) { return g(); }",
    "f.c": "int f(void) { return 3; }",
    "g.c": "int g(void) { return 4; }",
  });
  await dir.compile("f.c", ["-flto"], "f-lto.o");
  await dir.mustRun("gcc-ar", ["rcs", "libf.a", await dir.compile("g.c"), "f-lto.o"]);
  const flags = ["-fno-use-linker-plugin"];
  const { status, stderr } = await dir.link(spore, ["needs.o", "libf.a"], { flags });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^spore: error: GCC LTO object without machine code.*\n>>> in libf\.a\(f-lto\.o\)\n>>> link with gcc/,
  );
  expect(stderr).not.toContain("undefined reference");
  expect(await dir.linkAndRun(spore, ["needs-not.o", "libf.a"], { flags })).toMatchObject({ status: 4 });
  expect((await dir.link(spore, ["needs.o", "-Wl,--whole-archive", "libf.a"], { flags })).stderr).toMatch(
    /^spore: error: GCC LTO object.*\n>>> in libf\.a\(f-lto\.o\)/,
  );
});

test("members for link-time optimisation that no index lists are named with what is undefined", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
  });
  await dir.compile("f.c", ["-flto"]);
  await dir.mustRun("gcc-ar", ["rcsT", "thin.a", "f.o"]);
  await dir.mustRun("gcc-ar", ["rcS", "no-index.a", "f.o"]);
  await dir.link(spore, ["main.o"]); // compiles it
  for (const archive of ["thin.a", "no-index.a"]) {
    const { status, stderr } = await dir.link(spore, ["main.o", archive], { flags: ["-fno-use-linker-plugin"] });
    expect(status, archive).toBe(1);
    expect(stderr, archive).toContain(
      `left out: what it defines is not in the archive's index\n>>> in ${archive}(f.o)\n`,
    );
    expect(stderr, archive).toContain("undefined reference to 'f'");
  }
});

test.skipIf(lacks([{ needs: "clang", from: "clang" }]))(
  "LLVM bitcode in an archive is refused when it is needed, and only then",
  async () => {
    await using dir = await scratch({
      "needs.c": "int f(void); int main(void) { return f(); }",
      "needs-not.c": "int main(void) { return 4; }",
      "f.c": "int f(void) { return 3; }",
    });
    await dir.mustRun("clang", ["-flto", "-c", "f.c"]);
    await dir.mustRun("ar", ["rcs", "libf.a", "f.o"]); // the index has it only if ar has LLVM's plugin
    await dir.mustRun("ar", ["rcsT", "thin.a", "f.o"]);
    for (const archive of ["libf.a", "thin.a"]) {
      expect(await dir.linkAndRun(spore, ["needs-not.o", archive])).toMatchObject({ status: 4 });
      const { status, stderr } = await dir.link(spore, ["needs.o", archive]);
      expect(status).toBe(1);
      expect(stderr).toContain(`>>> in ${archive}(f.o)\n>>> link with `);
    }
  },
);

test("C++ and Rust names are printed as in the source, unless --no-demangle is given", async () => {
  const names = ["_ZN2ns1fEi", "_ZN4core3fmt9Formatter3new17h0123456789abcdefE", "_RNvCs1234_7mycrate3foo"];
  const source = `${names.map((name) => `void ${name}(void);`).join("")} int main(void) { ${names.map((name) => `${name}();`).join("")} }`;
  const text = await fail({ "a.c": source }, ["a.o"]);
  for (const name of ["ns::f(int)", "core::fmt::Formatter::new", "mycrate::foo"])
    expect(text).toContain(`undefined reference to '${name}'`);
  const raw = await fail({ "a.c": source }, ["a.o"], ["-Wl,--no-demangle"]);
  for (const name of names) expect(raw).toContain(`undefined reference to '${name}'`);
});
