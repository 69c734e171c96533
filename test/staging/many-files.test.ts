/** More files than a process may have mappings: small ones are read, one after another into one mapping. */
import { link, mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { addon } from "../../src/addon/load.ts";
import { Arena, File, memoryUse, spawnWorkersWithStaging, stageFiles, StageMode } from "../../src/staging/index.ts";
import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { resultAt, run } from "./run-script.ts";

const MiB = 2 ** 20;

let dir: Scratch;

beforeAll(async () => {
  dir = await scratch({
    "main.s": ".globl _start\n_start: mov $60, %eax\nmov $42, %edi\nsyscall\n",
    "one.s": ".data\n.long 1\n",
  });
});

afterAll(() => dir[Symbol.asyncDispose]());

describe("where a process may have 200 mappings", () => {
  const small = 150;
  const large = 4;
  let paths: string[] = [];
  const contents = (i: number): string => `contents of file ${i}`.padEnd(i * 97, "x");

  beforeAll(async () => {
    await mkdir(dir.file("few"));
    paths = Array.from({ length: small + large }, (_, i) => dir.file(`few/${i}`));
    for (const [i, path] of paths.entries()) await writeFile(path, contents(i));
    for (const path of paths.slice(small)) await truncate(path, 2 * MiB);
  });

  beforeEach(() => addon().limitMappings(200));
  afterEach(() => addon().limitMappings(0));

  test("half of them are used for small files; large ones are mapped however many there are", () => {
    using set = stageFiles(StageMode.MmapShared, paths);
    const modes = set.states.map(({ mode }) => mode);
    const read = modes.filter((mode) => mode === StageMode.Prefetch).length;
    expect(read).toBeGreaterThan(40);
    expect(read).toBeLessThan(60);
    expect(new Set(modes.slice(small))).toEqual(new Set([StageMode.MmapShared]));
    for (let i = 0; i < small; i++) expect(Buffer.from(set.bytes(i)).toString()).toBe(contents(i));
    expect(memoryUse().mappedBytes + memoryUse().prefetchedBytes).toBe(set.sizes.reduce((sum, size) => sum + size));
    const last = set.states.findLast(({ mode }) => mode === StageMode.Prefetch);
    expect(last).toMatchObject({ isShared: false });
    expect(last?.prefetchBuffer).toBeInstanceOf(Uint8Array);
  });

  test("what is given up is given back: views are detached, the budget is as before, and others are mapped again", () => {
    addon().limitMappings(0);
    const { mappings } = memoryUse(); // and views of other tests that were not collected yet
    addon().limitMappings(200 + 2 * mappings);
    for (let round = 0; round < 20; round++) stageFiles(StageMode.Mmap, paths).close();
    expect(memoryUse()).toEqual({ mappedBytes: 0, prefetchedBytes: 0, mappings });
    using set = stageFiles(StageMode.Mmap, paths.slice(0, 5));
    const views = [0, 1, 2, 3, 4].map((i) => set.bytes(i));
    set.close();
    expect(views.map((view) => view.length)).toEqual([0, 0, 0, 0, 0]);
    using again = stageFiles(StageMode.Mmap, paths.slice(0, 3));
    expect(again.states.map(({ mode }) => mode)).toEqual([1, 1, 1]);
  });

  test("workers of both kinds see them", async () => {
    using set = stageFiles(StageMode.MmapShared, paths);
    const files = `${paths.length}`;
    await dir.write(
      "compare.mjs",
      `import { readFileSync } from "node:fs";
       export default ({ files }) => files.every((file) => readFileSync(file.path).equals(file.bytes())) ? files.length % 256 : 1;`,
    );
    const module = dir.file("compare.mjs");
    const [byModule] = await spawnWorkersWithStaging(set, StageMode.MmapShared, [{ module }]);
    expect(await byModule?.join()).toEqual({ code: Number(files), signal: null });
    using arena = Arena.create();
    const results: bigint[][] = [];
    for (const [inputs, mode] of [
      [set, StageMode.MmapShared],
      [paths, StageMode.Prefetch],
    ] as const) {
      const at = arena.allocate(paths.length * 8);
      const work = [{ kernel: "checksum", args: resultAt(at) }];
      const [worker] = await spawnWorkersWithStaging(inputs, mode, work, { arena });
      expect(await worker?.join()).toEqual({ code: 0, signal: null });
      results.push([...arena.u64view(at, paths.length)]);
    }
    expect(new Set(results[0]).size).toBe(paths.length);
    expect(results[1]).toEqual(results[0]);
  });

  test("a file that shrinks after it was read keeps its bytes, and is found to have changed", async () => {
    const path = await dir.write("shrinks", "as it was");
    using set = stageFiles(StageMode.MmapShared, [...paths, path]);
    const index = paths.length;
    expect(set.states[index]).toMatchObject({ mode: StageMode.Prefetch });
    await truncate(path, 0);
    expect(Buffer.from(set.bytes(index)).toString()).toBe("as it was");
    expect(set.changedFiles()).toEqual([index]);
    expect(() => set.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED", path }));
  });

  test("a write to one is noticed, and is not seen in its neighbours", () => {
    using set = stageFiles(StageMode.MmapShared, paths);
    const read = set.states.flatMap(({ mode }, i) => (mode === StageMode.Prefetch ? [i] : []));
    const [first = 0, second = 0, third = 0] = read;
    set.bytes(second)[0] = 0;
    expect(() => set.bytes(second)).toThrow(expect.objectContaining({ code: "ERR_STAGE_WRITTEN" }));
    for (const i of [first, third]) expect(Buffer.from(set.bytes(i)).toString()).toBe(contents(i));
  });

  test("files that are staged one by one are no different", async () => {
    const files = await Promise.all(paths.slice(0, small).map((path) => File.openRead(path)));
    for (const file of files) await file.stage(StageMode.MmapShared);
    expect(files.filter(({ state }) => state.mode === StageMode.Prefetch).length).toBeGreaterThan(40);
    for (const [i, file] of files.entries()) expect(Buffer.from(file.bytes()).toString()).toBe(contents(i));
    for (const file of files) await file.close();
  });
});

const limit = Number(readFileSync("/proc/sys/vm/max_map_count", "utf8"));
/** Some distributions allow a million. */
const isLow = limit <= 100_000;

test.skipIf(!isLow)(
  "more small files than vm.max_map_count are staged, and large ones are refused by its name",
  async () => {
    const smallFile = await dir.write("small", "small");
    const large = await dir.write("large", "");
    await truncate(large, 2 * MiB);
    const said = await run(
      `
    const [small, large, count] = process.argv.slice(2);
    const set = stageFiles(StageMode.MmapShared, Array(Number(count)).fill(small));
    say(set.states.filter(({ size }) => size === 5).length);
    say(Buffer.from(set.bytes(Number(count) - 1)).toString());
    set.close();
    try {
      stageFiles(StageMode.MmapShared, Array(Number(count)).fill(large));
    } catch (error) {
      say([error.code, error.path, error.message]);
    }
    say(staging.memoryUse().mappedBytes);
    `,
      [smallFile, large, String(limit + 5000)],
    );
    expect(said.slice(0, 2)).toEqual([limit + 5000, "small"]);
    expect(said[2]).toEqual(["ERR_STAGE_MAPPINGS", large, expect.stringContaining("sysctl vm.max_map_count")]);
    expect(said[3]).toBe(0);
  },
);

test.skipIf(!isLow)(
  "a program of more objects than vm.max_map_count is linked",
  async () => {
    await dir.compile("main.s");
    await dir.compile("one.s");
    await mkdir(dir.file("objects"));
    const names: string[] = [];
    let from = dir.file("one.o");
    for (let i = 0; i < limit + 2000; i++) {
      const name = `objects/${i}.o`;
      names.push(name);
      // A file can have 65,000 names on ext4.
      if (i % 30_000 === 0) await writeFile((from = dir.file(name)), await readFile(dir.file("one.o")));
      else await link(from, dir.file(name));
    }
    await dir.write("list", names.join("\n"));
    const { status, stderr } = await dir.linkDirectly(spore, ["main.o", "@list", "-o", "linked"]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(await dir.run("./linked")).toMatchObject({ status: 42 });
    const { stdout } = await dir.mustRun("size", ["-A", "linked"]);
    expect(Number(/^\.data +(\d+)/m.exec(stdout)?.[1])).toBe(4 * (limit + 2000));
  },
  120_000,
);
