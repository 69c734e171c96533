import { expect, test } from "vitest";

import { bfd, dynamicEntries, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const files = {
  "main.c": "int f(void), g(void); int main(void) { return f() * 10 + g(); }",
  "f.c": "int f(void) { return 1; }",
  "g.c": "int g(void) { return 2; }",
  "unused.c": "int unused(void) { return 3; }",
};

test("a library that is a linker script stands for what its INPUT and GROUP name", async () => {
  await using dir = await scratch({
    ...files,
    "libboth.so":
      "/* GNU ld script */\nOUTPUT_FORMAT(elf64-x86-64)\nGROUP ( libf.so AS_NEEDED ( libunused.so libg.so ) )\n",
    "libplain.so": 'INPUT(f.o , "g.o")',
    "libdash.a": "INPUT(-lg -lf)",
  });
  for (const name of ["f", "g", "unused"]) {
    await dir.compile(`${name}.c`, ["-fPIC"]);
    await dir.link(spore, [`${name}.o`], { flags: ["-shared", `-Wl,-soname,lib${name}.so`], output: `lib${name}.so` });
  }
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-lboth"] }), linker.name).toMatchObject({
      status: 12,
    });
    expect(await dynamicEntries(dir.file("a.out"), "NEEDED"), linker.name).toEqual(["libf.so", "libg.so", "libc.so.6"]);
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-lplain"] }), linker.name).toMatchObject({
      status: 12,
    });
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-ldash"] }), linker.name).toMatchObject({
      status: 12,
    });
    expect(await dir.linkAndRun(linker, ["main.o", "libboth.so"], { flags: ["-L."] }), linker.name).toMatchObject({
      status: 12,
    });
  }
});

test("a script names files by absolute path, below the sysroot when the script is there", async () => {
  await using dir = await scratch({ ...files });
  await dir.mustRun("mkdir", ["-p", "root/lib"]);
  await dir.archive("root/lib/libreal.a", ["f.o", "g.o"]);
  await dir.write("root/lib/libscript.so", "INPUT(/lib/libreal.a)");
  await dir.write("here.so", `INPUT(${dir.file("root/lib/libreal.a")})`);
  await dir.compile("main.c");
  const start = ["-o", "a.out", "-e", "main", "main.o"];
  expect(await dir.linkDirectly(spore, [...start, "here.so"])).toMatchObject({ status: 0 });
  expect(
    await dir.linkDirectly(spore, [...start, `--sysroot=${dir.file("root")}`, "-L=/lib", "-lscript"]),
  ).toMatchObject({ status: 0, stderr: "" });
  expect(await dir.linkDirectly(bfd, [...start, "here.so"])).toMatchObject({ status: 0 });
});

test("a syntax error and a missing file in a script are named with the script", async () => {
  await using dir = await scratch({
    ...files,
    "bad.so": "\n\nGROUP ( f.o",
    "missing.so": "INPUT(nowhere.o)",
    "text.so": "This is no script.",
  });
  const link = async (script: string) => dir.link(spore, ["main.o", script]);
  expect(await link("bad.so")).toMatchObject({ status: 1, stderr: expect.stringMatching(/bad\.so:3/) });
  expect(await link("missing.so")).toMatchObject({ status: 1, stderr: expect.stringMatching(/nowhere\.o/) });
  expect(await link("text.so")).toMatchObject({ status: 1, stderr: expect.stringMatching(/text\.so/) });
});

test("a script among the inputs gives symbols values, and may be in several files", async () => {
  await using dir = await scratch({
    "main.c": `extern char x[], y[], z[]; int f(void);
      char *volatile at[] = { x, y, z };
      int main(void) { return (long)at[0] == 0x1234 && (long)at[1] == 10 && at[2] == (char *)main ? f() : 1; }`,
    "f.c": "int f(void) { return 7; }",
    script: 'x = 0x1234; y = (2 + 3) * 2; "z" = main ; INCLUDE more',
    more: "/* what else there is */ INCLUDE folder/inputs",
    "folder/inputs": "INPUT(f.o)",
    circle: "INCLUDE circle",
  });
  await dir.compile("main.c", ["-fno-pie"]);
  await dir.compile("f.c");
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-no-pie", "script"] }), linker.name).toMatchObject({
      status: 7,
    });
    expect((await dir.link(linker, ["main.o"], { flags: ["-no-pie", "circle"] })).status, linker.name).toBe(1);
  }
});
