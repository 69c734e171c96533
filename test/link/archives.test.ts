import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { bfd, searchingSpore, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const linkers = [bfd, spore, searchingSpore];

test("only members that define what is undefined are linked, however deep", async () => {
  await using dir = await scratch({
    "main.c": "int a(void); int main(void) { return a(); }",
    "a.c": "int b(void); int a(void) { return b() + 1; }",
    "b.c": "int c(void); int b(void) { return c() + 1; }",
    "c.c": "int c(void) { return 1; }",
    "unused.c": "int nowhere(void); int unused(void) { return nowhere(); }",
  });
  await dir.archive("lib.a", ["c.o", "unused.o", "b.o", "a.o"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "lib.a"]), linker.name).toMatchObject({ status: 3 });
    const names = (await symbols(dir.file("a.out"))).map(({ name }) => name);
    expect(names).toContain("c");
    expect(names).not.toContain("unused");
  }
});

test("a weak definition answers the reference, so the archive member stays out", async () => {
  await using dir = await scratch({
    "main.c": "int answer(void); int main(void) { return answer(); }",
    "weak.c": "__attribute__((weak)) int answer(void) { return 7; }",
    "strong.c": "int answer(void) { return 1; }",
  });
  const inputs = ["main.o", "weak.o", await dir.archive("libstrong.a", ["strong.o"])];
  for (const linker of linkers) expect(await dir.linkAndRun(linker, inputs), linker.name).toMatchObject({ status: 7 });
});

test("a weak reference does not extract a member, but uses one that something else extracted", async () => {
  await using dir = await scratch({
    "main.c": "__attribute__((weak)) int maybe(void); int main(void) { return maybe ? maybe() : 5; }",
    "strong.c": "int maybe(void); int (*strong)(void) = maybe;",
    "maybe.c": "int maybe(void) { return 6; }",
  });
  await dir.archive("lib.a", ["maybe.o"]);
  for (const flags of [[], ["-static"], ["-no-pie"]])
    for (const linker of linkers) {
      expect(await dir.linkAndRun(linker, ["main.o", "lib.a"], { flags }), linker.name).toMatchObject({ status: 5 });
      expect(await dir.linkAndRun(linker, ["main.o", "strong.o", "lib.a"], { flags }), linker.name).toMatchObject({
        status: 6,
      });
    }
});

test("a definition in an object hides the same name in an archive", async () => {
  await using dir = await scratch({
    "main.c": "int f(void), g(void); int main(void) { return f() * 10 + g(); }",
    "own.c": "int f(void) { return 1; }",
    "both.c": "int f(void) { return 8; }",
    "g.c": "int g(void) { return 2; }",
  });
  await dir.archive("lib.a", ["both.o", "g.o"]);
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o", "own.o", "lib.a"]), linker.name).toMatchObject({ status: 12 });
});

test("the first archive that defines a name gives it, and a shared object before it does, too", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "one.c": "int f(void) { return 1; }",
    "two.c": "int f(void) { return 2; }",
    "three.c": "int f(void) { return 3; }",
  });
  await dir.archive("one.a", ["one.o"]);
  await dir.archive("two.a", ["two.o"]);
  await dir.shared("three.so", ["three.o"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "one.a", "two.a"]), linker.name).toMatchObject({ status: 1 });
    expect(await dir.linkAndRun(linker, ["main.o", "two.a", "one.a"]), linker.name).toMatchObject({ status: 2 });
    expect(await dir.linkAndRun(linker, ["main.o", "./three.so", "one.a"]), linker.name).toMatchObject({ status: 3 });
    expect(await dir.linkAndRun(linker, ["main.o", "one.a", "./three.so"]), linker.name).toMatchObject({ status: 1 });
  }
});

test("archives that need each other are searched until nothing is missing, with and without --start-group", async () => {
  await using dir = await scratch({
    "main.c": "int a(void); int main(void) { return a(); }",
    "a.c": "int b(void); int a(void) { return b() + 1; } int a2(void) { return 10; }",
    "b.c": "int c(void); int b(void) { return c() + 1; }",
    "c.c": "int c(void) { return 4; }",
  });
  await dir.archive("liba.a", ["a.o", "c.o"]);
  await dir.archive("libb.a", ["b.o"]);
  const flags = ["-L.", "-Wl,--start-group", "-la", "-lb", "-Wl,--end-group"];
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o"], { flags }), linker.name).toMatchObject({ status: 6 });
  const unlike = "GNU ld searches from left to right";
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-L.", "-la", "-lb"], unlike })).toMatchObject({
    status: 6,
  });
});

test("--whole-archive links every member, also those that nothing refers to", async () => {
  await using dir = await scratch({
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
    "a.c": '#include <stdio.h>\n__attribute__((constructor)) static void a(void) { puts("a"); }',
    "b.c": '#include <stdio.h>\n__attribute__((constructor)) static void b(void) { puts("b"); }',
  });
  await dir.archive("lib.a", ["a.o", "b.o"]);
  for (const linker of linkers) {
    const run = async (...flags: string[]) => (await dir.linkAndRun(linker, ["main.o"], { flags })).stdout;
    expect(await run("lib.a")).toBe("main\n");
    expect(await run("-Wl,--whole-archive", "lib.a", "-Wl,--no-whole-archive")).toBe("a\nb\nmain\n");
  }
});

test("objects between --start-lib and --end-lib are taken as members", async () => {
  await using dir = await scratch({
    "main.c": "int a(void); int main(void) { return a(); }",
    "a.c": "int a(void) { return 3; }",
    "unused.c": "int nowhere(void); int unused(void) { return nowhere(); }",
  });
  await dir.compile("a.c");
  await dir.compile("unused.c");
  const flags = ["-Wl,--start-lib", "unused.o", "a.o", "-Wl,--end-lib"];
  const unlike = "GNU ld 2.40 does not know --start-lib";
  expect(await dir.linkAndRun(spore, ["main.o"], { flags, unlike })).toMatchObject({ status: 3 });
  const unclosed = await dir.link(spore, ["main.o"], { flags: flags.slice(0, -1) });
  expect(unclosed).toMatchObject({ status: 1, stderr: expect.stringContaining("'--start-lib' without '--end-lib'") });
});

test("a group may be in another, and one without an end ends with the command line", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
  });
  await dir.archive("lib.a", ["f.o"]);
  const nested = "--start-group --start-group lib.a --end-group --end-group".split(" ");
  const cases: [readonly string[], number, RegExp][] = [
    [nested, 0, /^$/],
    [nested.slice(0, -2), 0, /--end-group/],
    [["--fatal-warnings", ...nested.slice(1, -2)], 1, /--end-group/],
    [[...nested, "--end-group"], 1, /group/],
  ];
  for (const linker of [bfd, spore])
    for (const [words, status, message] of cases) {
      const ended = await dir.link(linker, ["main.o"], { flags: words.map((word) => `-Wl,${word}`) });
      expect(ended.status, `${linker.name} ${words.join(" ")}`).toBe(status);
      expect(ended.stderr, `${linker.name} ${words.join(" ")}`).toMatch(message);
    }
});

test("-l:NAME looks for a file of that name, -Bstatic for archives only, and the first directory wins", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "static.c": "int f(void) { return 1; }",
    "shared.c": "int f(void) { return 2; }",
    "other.c": "int f(void) { return 3; }",
    "first/.keep": "",
    "second/.keep": "",
  });
  await dir.archive("first/libf.a", ["static.o"]);
  await dir.shared("first/libf.so", ["shared.o"], ["-Wl,-soname,first/libf.so"]);
  await dir.archive("second/libf.a", ["other.o"]);
  const cases: [string[], number][] = [
    [["-Lfirst", "-lf"], 2],
    [["-Lfirst", "-l:libf.a"], 1],
    [["-Lfirst", "-Wl,-Bstatic", "-lf", "-Wl,-Bdynamic"], 1],
    [["-Lsecond", "-Lfirst", "-lf"], 3],
    [["-Lfirst", "-lf", "-static"], 1],
    [["-Lfirst", "-Wl,-Bstatic", "-Wl,--push-state", "-Wl,-Bdynamic", "-lf", "-Wl,--pop-state", "-Wl,-Bdynamic"], 2],
  ];
  for (const [flags, status] of cases)
    for (const linker of linkers)
      expect(
        await dir.linkAndRun(linker, ["main.o"], { flags, cwd: dir.path }),
        `${linker.name} ${flags.join(" ")}`,
      ).toMatchObject({ status });
});

test("a thin archive's members are read from where they are, relative to the archive", async () => {
  await using dir = await scratch({
    "main.c": "int a(void); int main(void) { return a(); }",
    "sub/a.c": "int b(void); int a(void) { return b() + 1; }",
    "sub/a_member_with_a_long_name.c": "int b(void) { return 1; }",
    "sub/unused.c": "int nowhere(void); int unused(void) { return nowhere(); }",
  });
  await dir.archive("sub/thin.a", ["sub/a.o", "sub/a_member_with_a_long_name.o", "sub/unused.o"], "rcsT");
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o", "sub/thin.a"]), linker.name).toMatchObject({ status: 2 });
});

test("members with long names, of equal names, and of odd sizes are found", async () => {
  const long = "a_member_whose_name_does_not_fit_into_the_header_of_an_archive";
  await using dir = await scratch({
    "main.c": "int a(void), b(void), c(void); int main(void) { return a() + b() + c(); }",
    [`${long}.c`]: "int a(void) { return 1; }",
    "x/same.c": "int b(void) { return 2; }",
    "y/same.c": "int c(void) { return 4; }",
    "odd.txt": "odd",
  });
  await dir.archive("lib.a", [`${long}.o`, "x/same.o"], "rc");
  await dir.mustRun("ar", ["q", "lib.a", "odd.txt"]);
  await dir.archive("lib.a", ["y/same.o"], "q");
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o", "lib.a"]), linker.name).toMatchObject({ status: 7 });
});

test("an archive without an index is searched all the same", async () => {
  await using dir = await scratch({
    "main.c": "int a(void); int main(void) { return a(); }",
    "a.c": "int a(void) { return 3; }",
  });
  await dir.archive("lib.a", ["a.o"], "rcS");
  const unlike = "GNU ld refuses archives without an index";
  expect(await dir.linkAndRun(spore, ["main.o", "lib.a"], { unlike })).toMatchObject({ status: 3 });
});

test("an archive without members is no error", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 3; }" });
  await dir.mustRun("ar", ["rcs", "empty.a"]);
  for (const linker of linkers)
    expect(await dir.linkAndRun(linker, ["main.o", "empty.a"]), linker.name).toMatchObject({ status: 3 });
});

test("-u extracts a member that nothing refers to", async () => {
  await using dir = await scratch({
    "main.c": '#include <stdio.h>\nint main(void) { puts("main"); }',
    "a.c": '#include <stdio.h>\nint wanted; __attribute__((constructor)) static void a(void) { puts("a"); }',
  });
  await dir.archive("lib.a", ["a.o"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-Wl,-u,wanted", "lib.a"] }), linker.name).toMatchObject({
      stdout: "a\nmain\n",
    });
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-Wl,-u,unknown", "lib.a"] }), linker.name).toMatchObject(
      { stdout: "main\n" },
    );
  }
});

test("a common symbol is enough of a reference to extract its definition from an archive", async () => {
  await using dir = await scratch({
    "main.c": "int shared; int main(void) { return shared; }",
    "def.c": "int shared = 6;",
  });
  await dir.compile("main.c", ["-fcommon"]);
  await dir.archive("lib.a", ["def.o"]);
  const seen: number[] = [];
  for (const linker of linkers) seen.push((await dir.linkAndRun(linker, ["main.o", "lib.a"])).status);
  expect(seen[1]).toBe(seen[0]);
});

test("an ordinary archive in a thin one stands for its members", async () => {
  await using dir = await scratch({
    "main.c": "int g(void); int main(void) { return g(); }",
    "g.c": "int f(void); int g(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
    "bad.c": "int missing(void); int unused(void) { return missing(); }",
  });
  await mkdir(dir.file("inner"));
  await dir.archive("inner/inner.a", ["bad.o", "f.o"]);
  await dir.archive("outer.a", ["inner/inner.a", "g.o"], "rcsT");
  await dir.archive("fine.a", ["f.o"]);
  await dir.archive("whole.a", ["fine.a", "g.o"], "rcsT");
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "outer.a"]), linker.name).toMatchObject({ status: 3 });
    const flags = ["-Wl,--whole-archive", "whole.a", "-Wl,--no-whole-archive"];
    expect(await dir.linkAndRun(linker, ["main.o"], { flags }), linker.name).toMatchObject({ status: 3 });
  }
});

test("members whose paths have 15 bytes, which GNU ar marks by a slash of its own", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 5; }",
  });
  await mkdir(dir.file("folder"));
  for (const path of ["folder/thirt.o", "folder/fourte.o", "folder/fifteen.o"]) {
    await dir.compile("f.c", [], path);
    for (const flags of ["cDPrsT", "cDPrs"]) {
      const archive = `${path.length}-${flags}.a`;
      await dir.mustRun("ar", [flags, archive, path]);
      for (const linker of linkers)
        expect(await dir.linkAndRun(linker, ["main.o", archive]), `${linker.name} ${archive}`).toMatchObject({
          status: 5,
        });
    }
  }
  expect("folder/fourte.o").toHaveLength(15);
  const marked = (await dir.read("15-cDPrsT.a")).toString("latin1");
  expect(marked).toMatch(/\n\/0 {13}\/0 /); // else nothing was tested
});

test("a thin archive in itself is an error, not a loop", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }", "f.c": "int f(void) { return 3; }" });
  const thin = await dir.read(await dir.archive("t.a", ["f.o"], "rcsT"));
  await dir.write("t.a", Buffer.from(thin.toString("latin1").replace("f.o/", "t.a/"), "latin1"));
  expect(await dir.link(spore, ["main.o"], { flags: ["t.a"] })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("'t.a': malformed archive: its member 't.a' is a thin archive"),
  });
});

test("what is behind the last member and too small for one is nobody's", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
  });
  const archive = await dir.read(await dir.archive("lib.a", ["f.o"]));
  const thin = await dir.read(await dir.archive("thin.a", ["f.o"], "rcsT"));
  for (const tail of ["\n", "x", "\0\0", "a line of text\n"]) {
    await dir.write("lib.a", Buffer.concat([archive, Buffer.from(tail)]));
    await dir.write("thin.a", Buffer.concat([thin, Buffer.from(tail)]));
    for (const linker of linkers)
      for (const name of ["lib.a", "thin.a"])
        for (const flags of [[name], ["-Wl,--whole-archive", name, "-Wl,--no-whole-archive"]])
          expect(await dir.linkAndRun(linker, ["main.o"], { flags }), linker.name).toMatchObject({ status: 3 });
  }
});

test("what is no object is in nobody's way in an archive, but under --whole-archive", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
    "a-rather-long-name.txt": "text",
    "empty.txt": "",
  });
  for (const other of ["a-rather-long-name.txt", "empty.txt"]) {
    await dir.run("rm", ["-f", "lib.a"]);
    await dir.archive("lib.a", ["f.o", other]);
    for (const linker of linkers) {
      expect(await dir.linkAndRun(linker, ["main.o", "lib.a"]), linker.name).toMatchObject({ status: 3 });
      const whole = await dir.link(linker, ["main.o"], { flags: ["-Wl,--whole-archive", "lib.a"] });
      expect(whole.status, linker.name).toBe(1);
      expect(whole.stderr, linker.name).toContain(other);
      expect(whole.stderr, linker.name).toContain("not an object");
    }
  }
});

test("a member of a thin archive that is not there is an error when it is needed, and only then", async () => {
  await using dir = await scratch({
    "main.c": "int f(void); int main(void) { return f(); }",
    "f.c": "int f(void) { return 3; }",
    "gone.c": "int gone(void) { return 4; }",
    "needs.c": "int gone(void); int needs(void) { return gone(); }",
    "weak.c": "__attribute__((weak)) int gone(void); int main(void) { return gone ? 1 : 0; }",
  });
  await dir.compile("needs.c");
  await dir.archive("thin.a", ["gone.o", "f.o"], "rcsT");
  await dir.archive("unindexed.a", ["gone.o", "f.o"], "rcST");
  await dir.run("rm", ["gone.o", "gone.c"]);
  for (const linker of linkers) {
    expect(await dir.linkAndRun(linker, ["main.o", "thin.a"]), linker.name).toMatchObject({ status: 3 });
    expect(await dir.linkAndRun(linker, ["weak.o", "thin.a"]), linker.name).toMatchObject({ status: 0 });
    for (const words of [
      ["needs.o", "thin.a"],
      ["-shared", "-nostdlib", "needs.o", "thin.a"],
      ["-Wl,-u,gone", "thin.a"],
    ]) {
      const needed = await dir.link(linker, ["main.o"], { flags: words });
      expect(needed.status, `${linker.name} ${words.join(" ")}`).toBe(1);
      expect(needed.stderr, `${linker.name} ${words.join(" ")}`).toMatch(/thin\.a.*gone\.o.*: no such file/i);
    }
    expect((await dir.link(linker, ["main.o", "unindexed.a"])).status, linker.name).toBe(1);
  }
});
