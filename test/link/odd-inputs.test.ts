/** Inputs that are empty, named twice, come through a pipe, are for another machine, or are linked as bytes. */
import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { bfd, dynamicEntries, readelf, spore, symbols } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const sources = {
  "main.c": "int f(void); int main(void) { return f(); }",
  "f.c": "int f(void) { return 7; }",
};

/** Runs a linker by way of bash, which makes pipes of `<(…)`. */
const inBash = (dir: Scratch, linker: string, command: string) => dir.run("bash", ["-c", `${linker} ${command}`]);

test("an empty file is a script that says nothing, as an object, as a library and as -T", async () => {
  await using dir = await scratch({ ...sources, "empty.o": "", "libempty.a": "", "libother.so": "" });
  for (const linker of [bfd, spore])
    for (const flags of [["empty.o"], ["-L.", "-lempty"], ["-L.", "-lother"], ["-Wl,--whole-archive", "libempty.a"]]) {
      const inputs = ["main.o", "f.o"];
      const whole = flags.includes("-Wl,--whole-archive") ? ["-Wl,--no-whole-archive"] : [];
      expect(await dir.linkAndRun(linker, inputs, { flags: [...flags, ...whole] }), linker.name).toMatchObject({
        status: 7,
      });
    }
  for (const linker of [bfd, spore])
    expect((await dir.run(linker.path, ["main.o", "f.o", "-e", "main", "-T", "empty.o"])).status).toBe(0);
});

test("an empty version script or dynamic list is an error", async () => {
  await using dir = await scratch({ ...sources, empty: "" });
  await dir.compile("f.c");
  for (const linker of [bfd, spore])
    for (const option of ["--version-script", "--dynamic-list"])
      expect((await dir.run(linker.path, ["-shared", "f.o", option, "empty"])).status, option).toBe(1);
});

test("an archive that is named twice is linked twice only under --whole-archive", async () => {
  await using dir = await scratch(sources);
  await dir.archive("libf.a", ["f.o"]);
  await dir.archive("libthin.a", ["f.o"], "rcsT");
  await dir.run("ln", ["-s", "libf.a", "liblink.a"]);
  await dir.compile("main.c");
  const twice = [
    ["libf.a", "libf.a"],
    ["libf.a", "./libf.a"],
    ["libf.a", "liblink.a"],
    ["-L.", "-lf", "-lf"],
    ["-L.", "-lf", "libf.a"],
    ["libthin.a", "libthin.a"],
    ["-L.", "-lthin", "-lthin"],
  ];
  for (const inputs of twice)
    for (const linker of [bfd, spore]) {
      const lazily = await dir.run(linker.path, ["-e", "main", "main.o", ...inputs]);
      expect(lazily, `${linker.name} ${inputs.join(" ")}`).toMatchObject({ status: 0, stderr: "" });
      const whole = await dir.run(linker.path, ["-e", "main", "main.o", "--whole-archive", ...inputs]);
      expect(whole.status, `${linker.name} ${inputs.join(" ")}`).toBe(1);
      expect(whole.stderr).toMatch(/multiple definition of .f'/);
    }
  const mixed = ["-e", "main", "libf.a", "--whole-archive", "libf.a", "--no-whole-archive", "main.o", "libf.a"];
  for (const linker of [bfd, spore]) expect((await dir.run(linker.path, mixed)).status, linker.name).toBe(0);
});

test("scripts of all kinds come through pipes", async () => {
  await using dir = await scratch(sources);
  await dir.compile("f.c", ["-fPIC"]);
  await dir.compile("main.c");
  const script = "echo 'V1 { global: f; local: *; };'";
  for (const command of [
    `-shared f.o -o out --version-script=<(${script})`,
    `-shared f.o -o out --dynamic-list=<(echo '{ f; };')`,
    `-shared f.o -o out --export-dynamic-symbol-list=<(echo '{ f; };')`,
    "-shared f.o -o out -T <(echo 'VERSION { V1 { global: f; local: *; }; }')",
    "-e main main.o f.o -o out <(true)",
    "-e main main.o f.o -o out /dev/null",
  ])
    for (const linker of [bfd, spore])
      expect(await inBash(dir, linker.path, command), `${linker.name} ${command}`).toMatchObject({ status: 0 });
  // GNU ld wants to seek in these.
  for (const command of ["-e main main.o <(echo 'INPUT(f.o)') -o out", "@<(echo '-e main main.o f.o -o out')"])
    expect(await inBash(dir, spore.path, command), command).toMatchObject({ status: 0, stderr: "" });
  for (const linker of [bfd, spore]) {
    expect(
      (await inBash(dir, `${script} | ${linker.path}`, "-shared f.o --version-script /dev/stdin -o out")).status,
    ).toBe(0);
    expect((await readelf(dir.file("out"), "-VW")).text).toContain("Name: V1");
  }
  await dir.mustRun("mkfifo", ["fifo"]);
  expect(
    (await inBash(dir, `(${script} > fifo &) ; ${spore.path}`, "-shared f.o --version-script fifo -o out")).status,
  ).toBe(0);
  const object = await inBash(dir, spore.path, "-e main main.o <(cat f.o) -o out");
  expect(object.stderr).toMatch(/cannot read '.*': only scripts can come through a pipe/);
});

test("what a search finds for another machine is skipped", async () => {
  await using dir = await scratch({
    ...sources,
    "empty32.s": "",
    "script/libf.so": "OUTPUT_FORMAT(elf32-i386)\nGROUP(missing.o)",
    "late/libf.so": "GROUP(missing.o) OUTPUT_FORMAT(elf64-littleaarch64)",
    "input.ld": "INPUT(f.o)",
  });
  await dir.compile("f.c");
  await dir.compile("main.c");
  for (const folder of ["good", "archive", "thin", "shared", "named"]) await mkdir(dir.file(folder));
  await dir.mustRun("as", ["--32", "empty32.s", "-o", "32.o"]);
  await dir.archive("good/libf.a", ["f.o"]);
  await dir.archive("archive/libf.a", ["32.o"]);
  await dir.archive("thin/libf.a", ["32.o"], "rcsT");
  await dir.mustRun("ld.bfd", ["-m", "elf_i386", "-shared", "32.o", "-o", "shared/libf.so"]);
  await dir.mustRun("cp", ["32.o", "named/f.o"]);
  await dir.mustRun("mv", ["f.o", "good/f.o"]);
  for (const linker of [bfd, spore]) {
    for (const folder of ["script", "late", "archive", "thin", "shared"]) {
      const flags = ["-e", "main", "main.o", `-L${folder}`, "-Lgood", "-lf"];
      const { status, stderr } = await dir.run(linker.path, flags);
      expect(stderr, `${linker.name} ${folder}`).toMatch(/skipping incompatible .*libf\.(so|a).* -lf/);
      expect(status, `${linker.name} ${folder}`).toBe(0);
    }
    const { status, stderr } = await dir.run(linker.path, ["-e", "main", "main.o", "-Lnamed", "-Lgood", "input.ld"]);
    expect(stderr, linker.name).toMatch(/skipping incompatible .*named\/f\.o/);
    expect(status, linker.name).toBe(0);
  }
});

test("members for another machine are in nobody's way when nothing needs them", async () => {
  await using dir = await scratch({ ...sources, "empty32.s": "" });
  await dir.mustRun("as", ["--32", "empty32.s", "-o", "32.o"]);
  await dir.compile("main.c");
  await dir.archive("libf.a", ["f.o", "32.o"]);
  for (const linker of [bfd, spore]) {
    expect((await dir.run(linker.path, ["-e", "main", "main.o", "libf.a"])).status, linker.name).toBe(0);
    const whole = ["-e", "main", "main.o", "--whole-archive", "libf.a"];
    expect((await dir.run(linker.path, whole)).status, linker.name).toBe(1);
  }
});

test("a NUL in a response file or a script is an error that says so", async () => {
  await using dir = await scratch({
    ...sources,
    args: "main.o f\0.o",
    "short.ld": "INPUT(f\0.o)",
    "long.ld": `/* ${"-".repeat(80)} */ INPUT(f\0.o)`,
    "v.map": "V1 { f\0; };",
  });
  await dir.compile("main.c");
  for (const args of [
    ["@args"],
    ["main.o", "short.ld"],
    ["main.o", "long.ld"],
    ["-shared", "main.o", "--version-script", "v.map"],
  ]) {
    const { status, stderr } = await dir.run(spore.path, args);
    expect(status).toBe(1);
    expect(stderr, args.join(" ")).toContain("NUL byte");
  }
});

test("--format=binary links any file as data, with names for its ends", async () => {
  await using dir = await scratch({
    "main.c": `#include <string.h>
      extern char _binary_blob_txt_start[], _binary_blob_txt_end[], _binary_blob_txt_size[];
      int main(void) { return _binary_blob_txt_end - _binary_blob_txt_start != 8
        || memcmp(_binary_blob_txt_start, "blobdata", 8) || (long)_binary_blob_txt_size != 8; }`,
    "f.c": "int f;",
    "blob.txt": "blobdata",
    "di r/a-b.c+d": "abc",
    "9é": "x",
    "script.ld": "INPUT(nowhere.o)",
    empty: "",
    "target.ld": "TARGET(binary) INPUT(blob.txt)",
  });
  await dir.compile("f.c");
  await dir.archive("libf.a", ["f.o"]);
  const flags = ["-no-pie", "-Wl,-z,noexecstack", "-Wl,--format=binary", "blob.txt", "-Wl,-b,elf64-x86-64"];
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags }), linker.name).toMatchObject({ status: 0 });

  await dir.compile("main.c");
  const many = [
    "-b",
    "binary",
    "blob.txt",
    "di r/a-b.c+d",
    "./9é",
    "libf.a",
    "empty",
    "script.ld",
    "-b",
    "default",
    "f.o",
  ];
  for (const args of [many, ["target.ld"]]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, [...args, "-e", "0", "-o", "out"]);
      const names = (await symbols(dir.file("out"))).filter(({ name }) => name.startsWith("_binary_"));
      const base = Math.min(...names.filter(({ section }) => section !== "ABS").map(({ value }) => value));
      seen.push(
        names
          .map(({ name, value, section, bind, type }) => ({
            name: name.replace("____blob_", "_blob_").replace("___blob_", "_blob_"), // GNU ld writes ./blob.txt
            value: section === "ABS" ? value : value - base,
            section: section === "ABS" ? section : "",
            bind,
            type,
          }))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      );
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[1]!.length).toBeGreaterThan(2);
  }
  for (const linker of [bfd, spore]) {
    const { status, stderr } = await dir.run(linker.path, ["-b", "binary", "blob.txt", "blob.txt", "-e", "0"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/multiple definition of ._binary_blob_txt_start'/);
  }
});

test("an executable is no input, of whichever kind it is and however it was found", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "program.c": "int f(void) { return 5; } int main(void) { return 0; }",
  });
  await dir.compile("program.c", ["-fPIC"]);
  for (const kind of ["-pie", "-no-pie", "-static-pie"]) {
    await dir.mustRun("gcc", [kind, "-rdynamic", "program.o", "-o", "libprogram.so"]);
    for (const words of [["./libprogram.so"], ["-L.", "-lprogram"], ["-shared", "libprogram.so"]])
      for (const linker of [bfd, spore]) {
        const ended = await dir.link(linker, ["main.o"], { flags: words });
        expect(ended.status, `${linker.name} ${kind} ${words.join(" ")}`).toBe(1);
        expect(ended.stderr).toMatch(/cannot use executable file '.*libprogram.so' as input to a link/);
      }
  }
});

test("an empty soname is as none, on the command line and in a library", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 4; }",
  });
  await dir.compile("f.c", ["-fPIC"]);
  for (const linker of [bfd, spore]) {
    for (const [words, kept] of [
      [["-soname="], []],
      [["-soname=first", "-h", ""], ["first"]],
    ] as const) {
      const ended = await dir.linkDirectly(linker, ["-shared", "f.o", ...words, "-o", "libs.so"]);
      expect(ended, linker.name).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("SONAME must not be empty"),
      });
      expect(await dynamicEntries(dir.file("libs.so"), "SONAME"), linker.name).toEqual(kept);
    }
    expect((await dir.linkDirectly(linker, ["-shared", "--fatal-warnings", "f.o", "-soname="])).status).toBe(1);
  }
  const named = await dir.read(await dir.shared("libf.so", ["f.o"], ["-Wl,-soname,QUITE_A_NAME"]));
  await dir.write(
    "lib/libf.so",
    Buffer.from(named.toString("latin1").replace("QUITE_A_NAME", "\0UITE_A_NAME"), "latin1"),
  );
  for (const linker of [bfd, spore])
    for (const [words, needed] of [
      [["-Llib", "-lf"], "libf.so"],
      [["lib/libf.so"], "lib/libf.so"],
    ] as const) {
      await dir.linkAndRun(linker, ["main.o"], { flags: [...words, "-Wl,-rpath,$ORIGIN/lib"] });
      expect((await dynamicEntries(dir.file("a.out"), "NEEDED"))[0], linker.name).toBe(needed);
    }
});
