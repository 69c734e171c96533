/** What the benches link is valid: readelf has nothing to say about it, and other linkers make programs of it. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";

import { sectionsOf } from "../../bench/outputs.ts";
import { debugCopies } from "../../bench/workloads/debug-copies.ts";
import { exportedSymbols, sharedObjects, versionGlobs } from "../../bench/workloads/libraries.ts";
import { manyFiles, manyFilesObject } from "../../bench/workloads/many-files.ts";
import { sizedObject } from "../../bench/workloads/staged-files.ts";
import { strings, stringIds, stringsObject } from "../../bench/workloads/strings.ts";
import { hello } from "../../bench/workloads/hello.ts";
import { bfd, readelf, spore, symbols, viewByElfy } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const generated = {
  "the first of many files": () => manyFilesObject(0),
  "one of many files": () => manyFilesObject(1234),
  "an object of strings": () => stringsObject(1, stringIds(2)[1]),
  "a small object": () => sizedObject(7, 16 * 1024),
  "a large object": () => sizedObject(8, 3 * 1024 * 1024),
};

test.each(Object.entries(generated))("%s is valid", async (_, make) => {
  const bytes = make();
  await using dir = await scratch({ "x.o": bytes });
  const { complaints, text } = await readelf(dir.file("x.o"));
  expect(complaints).toEqual([]);
  expect(text).toContain("REL (Relocatable file)");
  expect((await viewByElfy(bytes)).sections.length).toBe(sectionsOf(dir.file("x.o")).length + 1); // with the null section
  expect(make().equals(bytes)).toBe(true); // the same each time
});

test("each of many files has 200 functions, 40 of them in groups", async () => {
  await using dir = await scratch({ "x.o": manyFilesObject(42) });
  const functions = (await symbols(dir.file("x.o"))).filter(({ type }) => type === "FUNC");
  expect([...new Set(functions.map(({ bind }) => bind))].sort()).toEqual(["GLOBAL", "LOCAL", "WEAK"]);
  expect(functions).toHaveLength(200);
  const { text } = await readelf(dir.file("x.o"), "-gW");
  expect(text.match(/^COMDAT group section/gm)).toHaveLength(40);
  const demangled = await dir.mustRun(
    "c++filt",
    functions.map(({ name }) => name),
  );
  expect(demangled.stdout).not.toMatch(/^_Z/m);
});

test("70% of the strings are found in an earlier place", () => {
  const ids = stringIds(50).flat();
  expect(1 - new Set(ids).size / ids.length).toBeCloseTo(0.7, 1);
});

test("an object has about the size that was asked for", () => {
  for (const bytes of [8 * 1024, 1024 * 1024]) expect(sizedObject(1, bytes).length / bytes).toBeCloseTo(1, 0);
});

test.each([
  [manyFiles, 30],
  [strings, 10],
  [hello, 1],
  [debugCopies, 3],
  [sharedObjects, 20],
  [exportedSymbols, 2000],
  [versionGlobs, 100],
])("%o links and gives the right answer", async (workload, size) => {
  await using dir = await scratch();
  const link = workload.prepare(dir.path, size);
  for (const input of link.inputs) expect(existsSync(input), input).toBe(true);
  for (const linker of [bfd, spore]) {
    const output = dir.file(`out-${linker.name}`);
    const ended = await dir.run(linker.path, [...link.args, "-o", output], { cwd: link.folder });
    expect(ended, linker.name).toMatchObject({ status: 0, stderr: "" });
    link.check(output);
  }
});

test("a check notices a program that does something else", async () => {
  await using dir = await scratch();
  const link = manyFiles.prepare(dir.path, 5);
  const other = manyFiles.prepare(dir.path, 6);
  const output = dir.file("out");
  await dir.mustRun(bfd.path, [...link.args, "-o", output], { cwd: link.folder });
  link.check(output);
  expect(() => other.check(output)).toThrow("status");
});
