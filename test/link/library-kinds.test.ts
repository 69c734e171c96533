import { expect, test } from "vitest";

import { bfd, dynamicEntries, type Linker, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const note = '.section .note.GNU-stack,"",@progbits\n';

test("-a, -n and -N decide as in GNU ld whether shared libraries are found, for what follows", async () => {
  await using dir = await scratch({
    "main.s": `.globl _start\n_start: call f@PLT\n${note}`,
    "f.s": `.globl f\nf: ret\n${note}`,
  });
  await dir.compile("main.s");
  await dir.compile("f.s");
  await dir.run("ar", ["rcs", "libf.a", "f.o"]);
  await dir.mustRun("ld.bfd", ["-shared", "-soname", "libf.so", "f.o", "-o", "libf.so"]);
  const needed = async ({ path }: Linker, words: readonly string[]): Promise<string> => {
    await dir.mustRun(path, ["main.o", "-L.", ...words, "-o", "out"]);
    return (await dynamicEntries(dir.file("out"), "NEEDED")).join();
  };
  const seen = new Set<string>();
  for (const words of [
    ["-lf"],
    ["-a", "archive", "-lf"],
    ["-a", "archive", "-a", "shared", "-lf"],
    ["-aarchive", "-adefault", "-lf"],
    ["-lf", "-a", "archive"],
    ["-N", "-lf"],
    ["-N", "--no-omagic", "-lf"],
    ["-n", "-lf"],
  ]) {
    const expected = await needed(bfd, words);
    seen.add(expected);
    expect(await needed(spore, words), words.join(" ")).toBe(expected);
  }
  expect(seen.size).toBe(2);
});

test("-R is a run path when it is a directory or nothing, and symbols' addresses when it is a file", async () => {
  await using dir = await scratch({
    "main.s": `.globl _start\n_start: ret\n${note}`,
    "there.s": `.globl there\n.set there, 0x1234\n${note}`,
  });
  await dir.compile("main.s");
  await dir.compile("there.s");
  for (const where of [".", "nowhere"])
    for (const linker of [bfd, spore]) {
      await dir.mustRun(linker.path, ["-shared", "main.o", "-R", where, "-o", "out"]);
      expect(await dynamicEntries(dir.file("out"), "RUNPATH"), linker.name).toEqual([where]);
    }
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["main.o", "-R", "there.o", "--defsym=found=there", "-o", "out"]);
    expect((await symbols(dir.file("out"))).find(({ name }) => name === "found")?.value, linker.name).toBe(0x1234);
  }
});

test("--no-warn-search-mismatch passes by libraries for other machines without a word", async () => {
  await using dir = await scratch({
    "main.s": `.globl _start\n_start: call f\n${note}`,
    "f.s": `.globl f\nf: ret\n${note}`,
  });
  await dir.compile("main.s");
  await dir.compile("f.s");
  await dir.mustRun("mkdir", ["other"]);
  await dir.mustRun("as", ["--32", "f.s", "-o", "f32.o"]);
  await dir.mustRun("ar", ["rcs", "other/libf.a", "f32.o"]);
  await dir.mustRun("ar", ["rcs", "libf.a", "f.o"]);
  for (const words of [[], ["--no-warn-search-mismatch"], ["--no-warn-search-mismatch", "--warn-search-mismatch"]]) {
    const isNamed = async ({ path }: Linker): Promise<boolean> =>
      (await dir.mustRun(path, ["main.o", "-Lother", "-L.", "-lf", ...words, "-o", "out"])).stderr.includes(
        "skipping incompatible",
      );
    // The last one is no option of GNU ld's.
    const expected = words.length === 2 ? true : await isNamed(bfd);
    expect(await isNamed(spore), words.join(" ")).toBe(expected);
  }
});

test("--spare-dynamic-tags leaves entries of .dynamic empty, and -z loadfltr is written there", async () => {
  await using dir = await scratch({ "f.s": `.globl f\nf: ret\n${note}` });
  await dir.compile("f.s");
  /** .dynamic's size beyond that without spare entries. */
  const spare = async ({ path }: Linker, count: number): Promise<number> => {
    const sizes: number[] = [];
    for (const n of [0, count]) {
      await dir.mustRun(path, ["-shared", "f.o", `--spare-dynamic-tags=${n}`, "-o", "out"]);
      const { stdout } = await dir.mustRun("readelf", ["-SW", "out"]);
      sizes.push(parseInt(/ \.dynamic +DYNAMIC +\S+ \S+ (\S+)/.exec(stdout)?.[1] ?? "", 16));
    }
    return sizes[1]! - sizes[0]!;
  };
  expect(await spare(spore, 7)).toBe(await spare(bfd, 7));
  for (const { path } of [bfd, spore]) {
    await dir.mustRun(path, ["-shared", "f.o", "-z", "loadfltr", "-o", "out"]);
    expect((await dir.mustRun("readelf", ["-dW", "out"])).stdout).toMatch(/\bLOADFLTR\b/);
  }
});
