/** What the staging bench says follows from what was measured, and its figure is one that browsers read. */
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

import { drawBars, escapeXml } from "../../bench/bar-chart.ts";
import { inProcessAddon } from "../../bench/in-process-kernels.ts";
import { fileSystemOf } from "../../bench/measure.ts";
import { evictFromPageCache } from "../../bench/page-cache.ts";
import { chunkFiles } from "../../bench/staging-method.ts";
import {
  boundOf,
  chartOf,
  formatBounds,
  formatMemory,
  formatRaces,
  formatSets,
  type Race,
  ratioOf,
  type Row,
  type StagingResults,
} from "../../bench/staging-report.ts";
import { Arena, stageFiles, StageMode, WorkerPool } from "../../src/staging/index.ts";
import { scratch } from "../harness/scratch.ts";

const row = (method: string, medianMs: number, more: Partial<Row> = {}): Row => ({
  method,
  medianMs,
  minMs: medianMs,
  runsMs: [medianMs],
  ...more,
});

const race: Race = {
  set: "small",
  kind: "js",
  work: "checksum",
  cache: "warm",
  rows: [
    row("readFile", 100, { role: "baseline" }),
    row("in memory", 80, { role: "bound" }),
    row("Promise.all", 125),
    row("staged", 5, { state: "start alone" }),
    row("staged", 60, { state: "new pool" }),
    row("staged", 50, { state: "warm pool" }),
  ],
};

const results: StagingResults = {
  cores: 2,
  sets: [
    { name: "small", title: "small & many", files: 3, bytes: 10 << 20, workers: 4 },
    { name: "large", title: "large", files: 2, bytes: 100 << 20, workers: 4 },
  ],
  races: [race, { ...race, set: "large", rows: race.rows.slice(0, 3) }],
  memory: [{ set: "small", kind: "js", method: "staged", peakBytes: 90 << 20, idleBytes: 79 << 20 }],
  growth: [
    {
      set: "small",
      kind: "js",
      work: "checksum",
      method: "staged",
      points: [
        { workers: 1, medianMs: 90 },
        { workers: 2, medianMs: 50 },
      ],
    },
  ],
};

test("a ratio is against sequential reads of the same race, and a start alone has none", () => {
  const [baseline, , all, start, fresh, warm] = race.rows;
  expect([baseline, all, fresh, warm].map((it) => ratioOf(race, it!))).toEqual([1, 0.8, 100 / 60, 2]);
  expect(ratioOf(race, start!)).toBeUndefined();
  expect(ratioOf({ ...race, rows: [warm!] }, warm!)).toBeUndefined();
});

test("the bound is the work alone, shared by cores or by workers, whichever are fewer", () => {
  expect(boundOf(race, 2, 4)).toBe(2.5);
  expect(boundOf(race, 8, 4)).toBe(5);
  expect(boundOf({ ...race, rows: race.rows.filter(({ role }) => role !== "bound") }, 2, 4)).toBeUndefined();
});

test("all workers get the same chunks, eight each", () => {
  expect([chunkFiles(10, 4), chunkFiles(500, 16), chunkFiles(1, 4)]).toEqual([1, 4, 1]);
});

test("tables have a row for each way and a column for each set", () => {
  expect(formatRaces(results).split("\n")).toEqual([
    "checksum, a function in JavaScript; page cache warm",
    "                      small & many          large",
    "readFile              100 (1.00 x)   100 (1.00 x)",
    "in memory            80.0 (1.25 x)  80.0 (1.25 x)",
    "Promise.all           125 (0.80 x)   125 (0.80 x)",
    "staged: start alone            5.0              -",
    "staged: new pool     60.0 (1.67 x)              -",
    "staged: warm pool    50.0 (2.00 x)              -",
    "",
  ]);
  expect(formatSets(results.sets)).toContain("small & many      3   10.0        4\n");
  expect(formatMemory(results)).toMatch(/^staged +90 \(110%\)$/m);
  expect(formatBounds(results)).toMatch(/^small & many, checksum, js +2\.50 x +1\.00 x +1\.80 x$/m);
  expect(formatBounds(results)).toMatch(/^large, checksum, js +2\.50 x +- +-$/m);
});

test("what stayed in memory of a cold page cache is said", () => {
  const cold: Race = { ...race, cache: "cold", rows: [race.rows[0]!, row("staged", 50, { warmShare: 0.149 })] };
  expect(formatRaces({ ...results, races: [cold] })).toMatch(/^staged +50\.0 \(2\.00 x, 15% warm\)$/m);
});

test("the figure is well-formed XML, and the same each time", async () => {
  const chart = chartOf(results, `<Processor> & "others", 2 cores`);
  const svg = drawBars(chart);
  expect(drawBars(chartOf(structuredClone(results), `<Processor> & "others", 2 cores`))).toBe(svg);
  await using dir = await scratch({ "figure.svg": svg });
  // An XML parser that is not ours.
  const read = [
    "import sys, xml.etree.ElementTree as tree",
    "root = tree.parse(sys.argv[1]).getroot()",
    "svg = '{http://www.w3.org/2000/svg}'",
    "print(root.tag == svg + 'svg', len(root.findall(svg + 'rect')))",
    "for text in root.findall(svg + 'text'): print(text.text)",
  ].join("\n");
  const printed = execFileSync("python3", ["-c", read, dir.file("figure.svg")], { encoding: "utf8" });
  const [root, ...texts] = printed.trimEnd().split("\n");
  expect(root).toBe("True 3"); // a bar for Promise.all in both sets, and one for the warm pool
  expect(texts).toContain("small & many: 3 files, 4 workers");
  expect(texts.some((text) => text.startsWith(`<Processor> & "others", 2 cores`))).toBe(true);
  expect(texts.filter((text) => text === "2.00")).toHaveLength(1);
});

test("bars are as long as their values, on one scale, and a missing value has none", () => {
  const group = { label: "g", bars: [1, 4, Number.NaN].map((value, i) => ({ series: `s${i}`, value })), mark: 2 };
  const svg = drawBars({ title: "t", subtitle: "s", reference: 1, panels: [{ title: "p", groups: [group] }] });
  const [one, four, none] = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(four! / one!).toBeCloseTo(4, 2);
  expect(none).toBe(0);
  expect(svg).not.toContain("NaN");
  expect(svg.match(/class="(reference|mark)"/g)).toHaveLength(2);
  expect(escapeXml(`a\0<b>&"c"'`)).toBe("a&lt;b&gt;&amp;&quot;c&quot;&#39;");
});

test("files leave the page cache unless somebody has them mapped", async ({ skip }) => {
  await using dir = await scratch({ "x.bin": Buffer.alloc(1 << 20, 1), "empty.bin": "" });
  const paths = [dir.file("x.bin"), dir.file("empty.bin")];
  skip(fileSystemOf(dir.file("x.bin")) === "tmpfs", "on a tmpfs files are nowhere but in memory");
  expect(evictFromPageCache(paths)).toBe(0);
  using staged = stageFiles(StageMode.MmapShared, paths);
  expect(staged.bytes(0)[4096]).toBe(1);
  expect(evictFromPageCache(paths)).toBeGreaterThan(0);
  expect(() => evictFromPageCache([dir.file("absent")])).toThrow("absent");
});

test("kernels over bytes that were read find what kernels over staged files find", async () => {
  const files = { "lines.txt": "a\nb\n\n", "a.txt": "a" };
  await using dir = await scratch(files);
  const paths = Object.keys(files).map((name) => dir.file(name));
  using staged = stageFiles(StageMode.MmapShared, paths);
  using arena = Arena.create();
  const column = arena.column("u64", paths.length);
  const args = new Uint8Array(BigUint64Array.of(BigInt(column.offset)).buffer);
  await using pool = await WorkerPool.create({ files: [staged], arena, workers: 1 });
  const module = { exports: {} as { runOverBytes(kernel: string, bytes: Uint8Array): number } };
  process.dlopen(module, inProcessAddon());
  for (const kernel of ["checksum", "count-lines"]) {
    await pool.run(kernel, { rows: paths.length, args });
    const found = Object.values(files).map((text) => module.exports.runOverBytes(kernel, Buffer.from(text)));
    expect(found, kernel).toEqual(Array.from(column.array, (result) => Number(BigInt.asUintN(53, result))));
  }
  expect(column.array[0]).toBe(3n);
  expect(module.exports.runOverBytes("no-such-kernel", Buffer.from("a"))).toBe(-1);
});
