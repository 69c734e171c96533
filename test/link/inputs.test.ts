/** Which files a link takes: libraries, scripts, archives, and the options that change what follows. */
import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { bfd, dynamicEntries, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const callsF = { "main.c": "int f(void); int main(void) { return f(); }" };

test("-l finds the shared object before the archive, and with -Bstatic only the archive", async () => {
  await using dir = await scratch({
    ...callsF,
    "so.c": "int f(void) { return 1; }",
    "a.c": "int f(void) { return 2; }",
  });
  await dir.shared("libf.so", ["so.o"]);
  await dir.archive("libf.a", ["a.o"]);
  for (const linker of [bfd, spore]) {
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-lf"] })).toMatchObject({ status: 1 });
    const flags = ["-L.", "-Wl,-Bstatic", "-lf", "-Wl,-Bdynamic"];
    expect(await dir.linkAndRun(linker, ["main.o"], { flags })).toMatchObject({ status: 2 });
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-l:libf.a"] })).toMatchObject({ status: 2 });
  }
});

test("the first directory of -L wins", async () => {
  await using dir = await scratch({
    ...callsF,
    "1.c": "int f(void) { return 1; }",
    "2.c": "int f(void) { return 2; }",
  });
  for (const name of ["one", "two"]) await mkdir(dir.file(name));
  await dir.archive("one/libf.a", ["1.o"]);
  await dir.archive("two/libf.a", ["2.o"]);
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-Ltwo", "-Lone", "-lf"] })).toMatchObject({ status: 2 });
});

test("a script stands for the files that it names, beside it", async () => {
  await using dir = await scratch({
    ...callsF,
    "f.c": "int g(void); int f(void) { return g(); }",
    "lib/g.c": "int g(void) { return 5; }",
    "lib/libf.so": "/* GNU ld script */ OUTPUT_FORMAT(elf64-x86-64) GROUP ( libreal.a AS_NEEDED ( g.o ) )",
  });
  await dir.archive("lib/libreal.a", ["f.o"]);
  await dir.compile("lib/g.c");
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-Llib", "-lf"] })).toMatchObject({ status: 5 });
});

test("members of a thin archive are linked when they are used", async () => {
  await using dir = await scratch({
    ...callsF,
    "f.c": "int f(void) { return 3; }",
    "bad.c": "int missing(void); int unused(void) { return missing(); }",
  });
  await dir.archive("libthin.a", ["f.o", "bad.o"], "rcsT");
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o", "libthin.a"])).toMatchObject({ status: 3 });
});

test("--as-needed leaves out what nobody uses, --no-as-needed does not", async () => {
  await using dir = await scratch({
    ...callsF,
    "f.c": "int f(void) { return 0; }",
    "g.c": "int g(void) { return 0; }",
  });
  await dir.shared("libf.so", ["f.o"], ["-Wl,-soname,libf.so"]);
  await dir.shared("libg.so", ["g.o"], ["-Wl,-soname,libg.so"]);
  for (const linker of [bfd, spore]) {
    await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-Wl,--as-needed", "-lg", "-lf"] });
    expect((await dynamicEntries(dir.file("a.out"), "NEEDED")).slice(0, 1), linker.name).toEqual(["libf.so"]);
    await dir.linkAndRun(linker, ["main.o"], { flags: ["-L.", "-Wl,--no-as-needed", "-lg", "-lf"] });
    expect((await dynamicEntries(dir.file("a.out"), "NEEDED")).slice(0, 2), linker.name).toEqual([
      "libg.so",
      "libf.so",
    ]);
  }
});

test("a response file stands for its arguments", async () => {
  await using dir = await scratch({ ...callsF, "f.c": "int f(void) { return 4; }", args: "main.o\n'f.o'" });
  await dir.compile("main.c");
  await dir.compile("f.c");
  expect(await dir.linkAndRun(spore, ["-Wl,@args"])).toMatchObject({ status: 4 });
});
