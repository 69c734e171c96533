/** What is told of staging and workers, by diagnostics_channel and as a report, and the comparison with plain reads. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { readFileSync } from "node:fs";

import { afterAll, expect, test } from "vitest";

import {
  Arena,
  StageMode,
  WorkerPool,
  closeIdleForkServers,
  createPool,
  formatObservation,
  formatSpeedup,
  measureSpeedup,
  observeStaging,
  spawnWorkerWithStaging,
  stage,
  stageFiles,
  traceObservation,
} from "../../src/staging/index.ts";
import { number32, resultAt, scratch } from "./run-script.ts";

afterAll(() => closeIdleForkServers());

interface Trace {
  readonly traceEvents: readonly {
    readonly name: string;
    readonly ph: string;
    readonly tid: number;
    readonly ts?: number;
    readonly dur?: number;
    readonly args: Record<string, unknown>;
  }[];
}

test("a report adds up what was staged and run while it watched, by worker", async () => {
  using dir = scratch({
    a: "x".repeat(10_000),
    b: "y".repeat(500),
    "worker.mjs": "export default (task) => task * 2;",
  });
  stageFiles(StageMode.Mmap, [dir.path("a")]).close(); // before anybody watches
  using observer = observeStaging();
  using files = stageFiles(StageMode.MmapShared, [dir.path("a"), dir.path("b")]);
  (await stage(StageMode.Prefetch, dir.path("b"))).close();
  (await stage(StageMode.None, dir.path("b"))).close();
  using arena = Arena.create();
  const at = arena.allocate(80_000);
  const spin = await WorkerPool.create({ files: [files], arena, workers: 2 });
  const job = await spin.run("test-number-rows", { rows: 10_000, args: resultAt(at) });
  spin.runSync("checksum", { rows: 2, args: resultAt(at) });
  const pids = [...spin.pids];
  // What the kernel of the system says of the workers, which sleep now.
  const faults = pids.map((pid) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[7]));
  await spin.close();
  const pool = await createPool<(task: number) => number>({ worker: { module: dir.path("worker.mjs") }, size: 1 });
  const [child] = pool.pids;
  expect(await pool.run(21)).toBe(42);
  await pool.close();
  const handle = await spawnWorkerWithStaging([], StageMode.None, { kernel: "test-return", args: number32(3) });
  await handle.join();

  const report = observer.report();
  expect(report.staging).toMatchObject({ files: 4, mappedBytes: 10_500, prefetchedBytes: 500 });
  expect(report.events.filter(({ name }) => name !== "stage").map(({ name }) => name)).toEqual([
    "job",
    "job",
    "task",
    "spawn",
    "exit",
  ]);
  expect(report.events.find((event) => event.name === "job")).toMatchObject({ report: job, pids });
  expect(report.events.find((event) => event.name === "task")).toMatchObject({ kind: "task", isDone: true, pids: [child] }); // prettier-ignore
  expect(report.events.find((event) => event.name === "exit")).toMatchObject({ pid: handle.pid, code: 3, signal: null }); // prettier-ignore
  for (const { startMs, durationMs } of report.events) {
    expect(startMs).toBeGreaterThanOrEqual(0);
    expect(startMs + durationMs).toBeLessThanOrEqual(report.wallMs);
  }
  expect(report.workers.map(({ pid }) => pid)).toEqual([...pids, child, handle.pid]);
  for (const [index, worker] of report.workers.slice(0, 2).entries()) {
    expect(worker.busyMs).toBeGreaterThanOrEqual(job.workers[index]!.busyMs);
    expect(worker.cpuMs).toBeGreaterThan(0);
    expect(worker.minorFaults).toBeGreaterThan(0);
    expect(worker.minorFaults).toBeLessThanOrEqual(faults[index]!);
  }
  expect(report.workers[2]).toMatchObject({ busyMs: 0, cpuMs: expect.any(Number) });
  expect(report.workers[3]).toMatchObject({ pid: handle.pid, cpuMs: expect.any(Number) }); // of a process that is gone
  expect(report.workers[3]!.minorFaults).toBeGreaterThan(0);
  expect(report.self.cpuMs).toBeGreaterThan(0);

  const table = formatObservation(report);
  expect(table).toMatch(/ms; 4 files staged in [\d.]+ ms: 0\.0 MiB mapped, 0\.0 MiB read\n/);
  for (const pid of [...pids, child]) expect(table).toMatch(new RegExp(`^worker ${pid} +[\\d.]+ +[\\d.]+ +\\d+ +\\d+$`, "m")); // prettier-ignore

  const { traceEvents } = JSON.parse(traceObservation(report)) as Trace;
  const lanes = traceEvents.filter(({ ph }) => ph === "M").map(({ tid, args }) => [tid, args["name"]]);
  expect(lanes.map(([tid]) => tid)).toEqual([...lanes.keys()]);
  expect(lanes.slice(2)).toEqual(report.workers.map(({ pid }, index) => [index + 2, `worker ${pid}`]));
  const spans = traceEvents.filter(({ ph }) => ph === "X");
  expect(spans.filter(({ name, tid }) => name === "checksum" && tid > 1)).toHaveLength(2);
  expect(spans.find(({ name, tid }) => name === "test-number-rows" && tid === 1)).toMatchObject({ args: { rows: 10_000 } }); // prettier-ignore
  expect(spans.find(({ name }) => name === "worker")).toMatchObject({ tid: lanes.length - 1, args: { code: 3 } });
});

test("what a worker took is known when it is gone, however it was forked", async () => {
  using dir = scratch({
    "worker.mjs": `
      export default ({ args, arena }) => {
        const column = arena.column(args);
        const pages = new Float64Array(2 ** 20).fill(1);
        while (process.cpuUsage().user < 30_000) pages.sort();
        const { userCPUTime, systemCPUTime, minorPageFault } = process.resourceUsage();
        column.array.set([(userCPUTime + systemCPUTime) / 1000, minorPageFault]);
      };`,
  });
  using observer = observeStaging();
  using arena = Arena.create();
  const own = arena.column("f64", 2); // as the worker has it from the system before it ends
  const worker = { module: dir.path("worker.mjs"), args: own };
  const inModule = await spawnWorkerWithStaging([], StageMode.None, worker, { arena });
  const inKernel = await spawnWorkerWithStaging([], StageMode.None, { kernel: "test-return", args: number32(0) });
  expect([await inModule.join(), await inKernel.join()]).toEqual(Array(2).fill({ code: 0, signal: null }));
  const [ofModule, ofKernel] = observer.report().workers;
  expect(ofModule!.cpuMs).toBeGreaterThanOrEqual(own.array[0]!);
  expect(ofModule!.minorFaults).toBeGreaterThanOrEqual(own.array[1]!);
  expect(ofModule!.minorFaults).toBeLessThan(own.array[1]! + 5000);
  expect(ofKernel!.minorFaults).toBeGreaterThan(0);
});

test("nothing is watched any more after close()", () => {
  using dir = scratch({ a: "abc" });
  const observer = observeStaging();
  stageFiles(StageMode.Mmap, [dir.path("a")]).close();
  observer.close();
  stageFiles(StageMode.Mmap, [dir.path("a")]).close();
  observer.close();
  expect(observer.report().staging).toMatchObject({ calls: 1, mappedBytes: 3 });
});

test("channels have an event for each call, and none for one that failed", () => {
  using dir = scratch({ a: "abc" });
  const seen: unknown[] = [];
  const listen = (message: unknown): void => void seen.push(message);
  subscribe("spore:stage", listen);
  try {
    stageFiles(StageMode.MmapShared, [dir.path("a")]).close();
    expect(() => stageFiles(StageMode.MmapShared, [dir.path("missing")])).toThrow(/ENOENT/);
  } finally {
    unsubscribe("spore:stage", listen);
  }
  stageFiles(StageMode.MmapShared, [dir.path("a")]).close();
  expect(seen).toEqual([
    { files: 1, mappedBytes: 3, prefetchedBytes: 0, startMs: expect.any(Number), durationMs: expect.any(Number) },
  ]);
});

test("speedup is the ratio of the medians of runs that took turns", async () => {
  using dir = scratch({ a: "abc", b: "de" });
  const order: string[] = [];
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const result = await measureSpeedup({
    paths: [dir.path("a"), dir.path("b")],
    work: async (bytes, index) => {
      order.push(`${index}:${Buffer.from(bytes).toString()}`);
      await wait(20);
    },
    staged: () => void order.push("staged"),
    runs: 3,
  });
  expect(order).toEqual(Array(4).fill(["0:abc", "1:de", "staged"]).flat());
  expect(result.plainMs).toBeGreaterThan(30);
  expect(result.speedup).toBe(result.plainMs / result.stagedMs);
  expect(formatSpeedup(result)).toMatch(/^[\d.]+ x: [\d.]+ ms staged, [\d.]+ ms with plain reads; median of 3\n$/);
  await expect(measureSpeedup({ paths: [], work: () => 0, staged: () => 0, runs: 0 })).rejects.toThrow(RangeError);
});
