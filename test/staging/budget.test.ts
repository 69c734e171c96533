import { afterEach, expect, test } from "vitest";

import { StageMode, memoryBudget, memoryUse, setMemoryBudget, stage, stageFiles } from "../../src/staging/index.ts";
import { scratch, startThread } from "./run-script.ts";

const defaults = memoryBudget();
afterEach(() => setMemoryBudget(defaults));

test("staging beyond the budget fails, names the file, and keeps nothing", async () => {
  using dir = scratch({ a: "x".repeat(600), b: "y".repeat(600) });
  const paths = [dir.path("a"), dir.path("b")];
  setMemoryBudget({ mappedBytes: memoryUse().mappedBytes + 1000 });
  const before = memoryUse();
  const exhausted = expect.objectContaining({ code: "ERR_STAGE_BUDGET", path: dir.path("b") });
  expect(() => stageFiles(StageMode.MmapShared, paths)).toThrow(exhausted);
  await expect(stage(StageMode.Mmap, ...paths)).rejects.toThrow(exhausted);
  expect(memoryUse()).toEqual(before);
});

test("prefetched bytes have a budget of their own, which closing gives back", () => {
  using dir = scratch({ a: "x".repeat(600) });
  setMemoryBudget({ prefetchedBytes: 1000 });
  for (let round = 0; round < 3; round++) {
    using set = stageFiles(StageMode.Prefetch, [dir.path("a")]);
    expect(memoryUse().prefetchedBytes).toBe(600);
    expect(() => stageFiles(StageMode.Prefetch, [dir.path("a")])).toThrow(/ERR_STAGE_BUDGET/);
    expect(stageFiles(StageMode.Mmap, [dir.path("a")]).bytes(0)).toHaveLength(600);
    set.bytes(0);
  }
  expect(memoryUse().prefetchedBytes).toBe(0);
});

test("all threads of the process share the budget", async () => {
  using dir = scratch({ a: "x".repeat(600) });
  using set = stageFiles(StageMode.Prefetch, [dir.path("a")]);
  setMemoryBudget({ prefetchedBytes: 1000 });
  const thread = startThread(`
    worker_threads.parentPort!.once("message", (path) => {
      let code = "none";
      try { stageFiles(StageMode.Prefetch, [path]); } catch (error) { code = error.code; }
      worker_threads.parentPort!.postMessage([code, staging.memoryUse().prefetchedBytes]);
    });
  `);
  thread.postMessage(dir.path("a"));
  expect(await new Promise((resolve) => thread.once("message", resolve))).toEqual(["ERR_STAGE_BUDGET", 600]);
  await thread.terminate();
  expect(set.bytes(0)).toHaveLength(600);
});

test("a limit must be a number of bytes", () => {
  expect(() => setMemoryBudget({ mappedBytes: -1 })).toThrow(RangeError);
  expect(() => setMemoryBudget({ prefetchedBytes: Number.NaN })).toThrow(RangeError);
});
