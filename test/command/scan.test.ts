import { dirname, join } from "node:path";
import { expect, test } from "vitest";

import type { ScanReport } from "../../src/reports/scan-report.ts";
import { run, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const tool = join(dirname(spore.path), "spore");

const sources = {
  "a.c": "int shared; int a(void) { return shared; } int twice(void) { return 1; }",
  "b.cc": 'extern int missing(int); int twice2 = missing(1); extern "C" int a(void); int b() { return a(); }',
  "c.c": "int twice(void) { return 2; } static int hidden; int *p = &hidden;",
};

test("scan lists what files define and refer to, what is duplicate and undefined", async () => {
  await using dir = await scratch(sources);
  for (const source of Object.keys(sources)) await dir.compile(source, ["-fno-pic"]);
  const { stdout, status } = await dir.run(tool, ["scan", "--json", "a.o", "b.o", "c.o"]);
  expect(status).toBe(0);
  const report = JSON.parse(stdout) as ScanReport;
  expect(report.files.map(({ file, defined }) => [file, [...defined].sort()])).toEqual([
    ["a.o", ["a", "shared", "twice"]],
    ["b.o", ["_Z1bv", "twice2"]],
    ["c.o", ["p", "twice"]],
  ]);
  expect(report.files[1].referenced.toSorted()).toEqual(["_Z7missingi", "a"]);
  expect(report.duplicates).toEqual([{ symbol: "twice", files: ["a.o", "c.o"] }]);
  expect(report.undefined).toEqual([{ symbol: "_Z7missingi", files: ["b.o"] }]);
});

test("scan's table has a row for each file and archive member, and demangled names", async () => {
  await using dir = await scratch(sources);
  await dir.compile("b.cc", ["-fno-pic"]);
  await dir.archive("libac.a", ["a.o", "c.o"]);
  const { stdout } = await dir.run(tool, ["scan", "--stats", "b.o", "libac.a"]);
  expect(stdout).toMatch(/^libac\.a\(a\.o\) +3 +0 +1 +0$/m);
  expect(stdout).toContain("missing(int): referenced by b.o");
  expect(stdout).toMatch(/^scanSymbols +\d+\.\d\d ms$/m);
});

test("scan lists the objects of an archive, whatever else is in it", async () => {
  await using dir = await scratch({ ...sources, "notes.txt": "text" });
  await dir.archive("lib.a", ["notes.txt", "c.o"]);
  const { stdout, status } = await dir.run(tool, ["scan", "--json", "lib.a"]);
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as ScanReport).files.map(({ file }) => file)).toEqual(["lib.a(c.o)"]);
});

test("scan finds the same with one worker and with four", async () => {
  await using dir = await scratch(sources);
  for (const source of Object.keys(sources)) await dir.compile(source);
  const [one, four] = await Promise.all(
    ["1", "4"].map((n) => dir.run(tool, ["scan", "--json", "--threads", n, "a.o", "b.o", "c.o"])),
  );
  expect(one).toEqual(four);
});

test("a file that is missing, and a number that is none, are errors", async () => {
  expect(await run(tool, ["scan", "/no/such.o"])).toMatchObject({ status: 1, stdout: "" });
  expect(await run(tool, ["scan", "--threads", "x", "a.o"])).toMatchObject({ status: 1 });
  expect((await run(tool, ["scam"])).stderr).toContain("unknown command 'scam'");
});
