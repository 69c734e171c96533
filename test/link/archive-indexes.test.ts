/** Large archives are searched by their indexes: what is linked is what scanning all members would link. */
import { expect, test } from "vitest";

import { bfd, searchingSpore, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const MiB = 2 ** 20;

/** How many files the link looked at. */
async function scannedFiles(dir: Scratch, linker: typeof spore, inputs: readonly string[]): Promise<number> {
  const { status, stderr } = await dir.link(linker, inputs, { flags: ["-Wl,--stats"] });
  expect(status, stderr).toBe(0);
  return Number(/^scanHeaders +(\d+)/m.exec(stderr)?.[1]);
}

const chain = {
  "main.c": "int a(void); int main(void) { return a(); }",
  "a.c": "int b(void); int a(void) { return b() + 1; }",
  "b.c": "int b(void) { return 2; }",
  "unused.c": "int unused(void) { return 1; }",
};

test("of a large archive only the members that may be needed are read", async () => {
  await using dir = await scratch({
    ...chain,
    // Assembled quickly, and large in the file.
    "large.s": `.globl large\n.data\nlarge: .fill ${(17 * MiB) / 8}, 8, 1\n`,
  });
  await dir.archive("lib.a", ["large.o", "unused.o", "b.o", "a.o"]);
  await dir.archive("small.a", ["unused.o", "b.o", "a.o"]);
  expect(await dir.linkAndRun(spore, ["main.o", "lib.a"])).toMatchObject({ status: 3 });
  // Two members less: the large one and the unused one.
  const small = await scannedFiles(dir, spore, ["main.o", "small.a"]);
  expect(await scannedFiles(dir, spore, ["main.o", "lib.a"])).toBeLessThan(small);
  expect(await scannedFiles(dir, spore, ["main.o", "lib.a"])).toBe(
    await scannedFiles(dir, searchingSpore, ["main.o", "small.a"]),
  );
  const names = (await symbols(dir.file("a.out"))).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["a", "b"]));
  expect(names).not.toContain("large");
});

test("what a member, a shared object, a lazy object and --whole-archive refer to is found", async () => {
  await using dir = await scratch({
    "main.c":
      "int fromLibrary(void), fromWhole(void), fromLazy(void); int main(void) { return fromLibrary() + fromWhole() + fromLazy(); }",
    "library.c": "int forLibrary(void); int fromLibrary(void) { return forLibrary(); }",
    "whole.c": "int forWhole(void); int fromWhole(void) { return forWhole(); }",
    "lazy.c": "int forLazy(void); int fromLazy(void) { return forLazy(); }",
    "forLibrary.c": "int forLibrary(void) { return 1; }",
    "forWhole.c": "int forWhole(void) { return 2; }",
    "forLazy.c": "int deeper(void); int forLazy(void) { return deeper(); }",
    "deeper.c": "int deeper(void) { return 4; }",
  });
  await dir.shared("library.so", ["library.o"]);
  await dir.archive("whole.a", ["whole.o"]);
  await dir.archive("lib.a", ["deeper.o", "forLazy.o", "forWhole.o", "forLibrary.o"]);
  await dir.compile("main.c");
  await dir.compile("lazy.c");
  const inputs = ["main.o", "-Wl,--whole-archive", "whole.a", "-Wl,--no-whole-archive", "./library.so", "lib.a"];
  const lazy = ["-Wl,--start-lib", "lazy.o", "-Wl,--end-lib"];
  const command = { flags: ["-Wl,-rpath,$ORIGIN"], unlike: "GNU ld 2.40 does not know --start-lib" };
  for (const linker of [spore, searchingSpore])
    expect(await dir.linkAndRun(linker, [...inputs, ...lazy], command), linker.name).toMatchObject({ status: 7 });
});

test("versions in names, of references and of definitions, hide no member", async () => {
  await using dir = await scratch({
    "main.c":
      'int old(void), current(void); __asm__(".symver old, f@V1"); int main(void) { return old() * 10 + current(); }',
    "old.c": '__asm__(".symver f_old, f@V1"); int f_old(void) { return 1; }',
    "current.c": '__asm__(".symver current_v2, current@@V2"); int current_v2(void) { return 2; }',
    versions: "V1 { }; V2 { } V1;",
  });
  await dir.archive("lib.a", ["old.o", "current.o"]);
  const unlike = "versions of an executable that its own .symver names are marked as weak";
  const command = { flags: ["-Wl,--version-script=versions", "-no-pie"], unlike };
  for (const linker of [spore, searchingSpore])
    expect(await dir.linkAndRun(linker, ["main.o", "lib.a"], command), linker.name).toMatchObject({ status: 12 });
});

test("an index that is older than its archive, or damaged, costs no member", async () => {
  await using dir = await scratch(chain);
  await dir.archive("lib.a", ["a.o"]);
  await dir.compile("b.c");
  await dir.mustRun("ar", ["qS", "lib.a", "b.o"]); // the index knows nothing of b.o
  const unlike = "GNU ld believes the index";
  expect(await dir.linkAndRun(searchingSpore, ["main.o", "lib.a"], { unlike })).toMatchObject({ status: 3 });

  await dir.archive("whole.a", ["a.o", "b.o", "unused.o"]);
  const original = await dir.read("whole.a");
  const index = 8 + 60;
  for (const damage of [
    (bytes: Buffer) => bytes.writeUInt32BE(0xffff_ffff, index), // the count
    (bytes: Buffer) => bytes.writeUInt32BE(0, index),
    (bytes: Buffer) => bytes.fill(0xff, index + 4, index + 16), // where the members are
    (bytes: Buffer) => bytes.writeUInt32BE(bytes.readUInt32BE(index + 4) + 2, index + 4),
    (bytes: Buffer) => bytes.fill("x", index + 16, index + 20), // the names
  ]) {
    const bytes = Buffer.from(original);
    damage(bytes);
    await dir.write("damaged.a", bytes);
    const { stderr } = await dir.link(searchingSpore, ["main.o", "damaged.a"], { unlike });
    expect(stderr).toBe("");
    expect(await dir.linkAndRun(searchingSpore, ["main.o", "damaged.a"], { unlike })).toMatchObject({ status: 3 });
  }
});

test("errors are those that scanning all members finds", async () => {
  await using dir = await scratch({
    ...chain,
    "main.c": "int similar_names(void), a(void); int main(void) { return similar_name() + a(); }",
    "unused.c": "int similar_names(void) { return 1; }",
  });
  await dir.compile("main.c", ["-Wno-implicit-function-declaration"]);
  await dir.archive("lib.a", ["a.o", "b.o", "unused.o"]);
  const [expected, found] = [
    await dir.link(spore, ["main.o", "lib.a"]),
    await dir.link(searchingSpore, ["main.o", "lib.a"]),
  ];
  expect(expected.stderr).toContain("similar_name");
  expect(found).toEqual(expected);
});

test("libc.a is searched like any other archive", async () => {
  await using dir = await scratch({
    "main.c":
      '#include <stdio.h>\n#include <stdlib.h>\nint main(int argc, char **argv) { printf("%s %.3f\\n", argv[0] ? "ran" : "", atof("1.5") * argc); }',
  });
  for (const linker of [bfd, searchingSpore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags: ["-static"] }), linker.name).toMatchObject({
      stdout: "ran 1.500\n",
    });
});
