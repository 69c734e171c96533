import { existsSync, readFileSync, readdirSync } from "node:fs";

import { expect, test } from "vitest";

import { addon } from "../../src/addon/load.ts";
import {
  Arena,
  File,
  StageMode,
  WorkerPool,
  kernelNames,
  spawnWorkerWithStaging,
  spawnWorkersWithStaging,
  stageFiles,
} from "../../src/staging/index.ts";
import type { KernelWorker } from "../../src/staging/index.ts";
import { number32, resultAt, run, scratch, start } from "./run-script.ts";

const mode = StageMode.MmapShared;
const sleeper: KernelWorker = { kernel: "test-sleep", args: number32(600_000) };

/** The state letter of a process in /proc, or undefined when there is none of that pid. */
function stateOf(pid: number): string | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))![1];
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("workers inherit the staged files and put results where the parent sees them", async () => {
  using dir = scratch({ a: "1\n2\n3\n", b: "no line", c: "" });
  using arena = Arena.create();
  const at = arena.allocate(3 * 8);
  const handle = await spawnWorkerWithStaging(
    ["a", "b", "c"].map(dir.path),
    mode,
    { kernel: "count-lines", args: resultAt(at) },
    { arena },
  );
  expect(handle.stagedFiles.paths).toEqual(["a", "b", "c"].map(dir.path));
  expect(await handle.join()).toEqual({ code: 0, signal: null });
  expect([...arena.u64view(at, 3)]).toEqual([3n, 0n, 0n]);
});

test("a kernel that has no room for its results says so by its status", async () => {
  using dir = scratch({ a: "x" });
  using arena = Arena.create();
  const at = arena.allocate(8);
  for (const kernel of ["checksum", "count-lines"])
    for (const [worker, options] of [
      [{ kernel }, {}],
      [{ kernel }, { arena }],
      [{ kernel, args: resultAt(at) }, {}],
      [{ kernel, args: resultAt(at + 4) }, { arena }],
      [{ kernel, args: resultAt(2 ** 52) }, { arena }],
    ] as const) {
      const handle = await spawnWorkerWithStaging([dir.path("a")], mode, worker, options);
      expect(await handle.join(), JSON.stringify(worker)).toEqual({ code: 2, signal: null });
    }
});

test("several workers run several kernels over the same files, with the exit code that the kernel returns", async () => {
  using dir = scratch({ a: "x" });
  using file = await File.openRead(dir.path("a"));
  const handles = await spawnWorkersWithStaging([file, dir.path("a")], mode, [
    { kernel: "test-return", args: number32(0) },
    { kernel: "test-return", args: number32(300) },
    { kernel: "test-signal", args: number32(11) },
    { kernel: "test-return", args: number32(-1), rows: 7 },
  ]);
  expect(await Promise.all(handles.map((handle) => handle.join()))).toEqual([
    { code: 0, signal: null },
    { code: 44, signal: null },
    { code: null, signal: "SIGSEGV" },
    { code: 255, signal: null },
  ]);
});

test("files given by path are unmapped when the last worker has ended; a staged set is not", async () => {
  using dir = scratch({ a: "x" });
  const handles = await spawnWorkersWithStaging([dir.path("a")], mode, [
    { kernel: "test-return" },
    { kernel: "test-sleep", args: number32(20) },
  ]);
  await handles[0]!.join();
  expect(handles[0]!.stagedFiles.isClosed).toBe(false);
  await handles[1]!.join();
  expect(handles[0]!.stagedFiles.isClosed).toBe(true);
  using set = stageFiles(mode, [dir.path("a")]);
  await (await spawnWorkerWithStaging(set, mode, { kernel: "test-return" })).join();
  expect(set.isClosed).toBe(false);
});

test("join() may be awaited twice, before and after the end", async () => {
  const handle = await spawnWorkerWithStaging([], mode, { kernel: "test-return", args: number32(3) });
  const [first, second] = await Promise.all([handle.join(), handle.join()]);
  expect([first, second, await handle.join()]).toEqual(Array(3).fill({ code: 3, signal: null }));
});

test("join() can be aborted, and the worker goes on", async () => {
  const handle = await spawnWorkerWithStaging([], mode, sleeper);
  const abort = new AbortController();
  const joined = handle.join({ signal: abort.signal });
  abort.abort(new Error("enough"));
  await expect(joined).rejects.toThrow("enough");
  await expect(handle.join({ signal: abort.signal })).rejects.toThrow("enough");
  expect(handle.isAlive()).toBe(true);
  expect(handle.kill("SIGKILL")).toBe(true);
  expect(await handle.join()).toEqual({ code: null, signal: "SIGKILL" });
});

test("kill() escalates from a signal that is ignored to SIGKILL", async () => {
  const handle = await spawnWorkerWithStaging([], mode, { kernel: "test-ignore-sigterm" });
  await until(() => readFileSync(`/proc/${handle.pid}/status`, "utf8").includes("SigIgn:\t0000000000004000"));
  handle.kill();
  expect(handle.isAlive()).toBe(true);
  expect(handle.kill("SIGTERM", 20)).toBe(true);
  expect(await handle.join()).toEqual({ code: null, signal: "SIGKILL" });
});

test("a worker that ended is not alive, not even as a zombie, and cannot be signalled", async () => {
  const handle = await spawnWorkerWithStaging([], mode, { kernel: "test-return" });
  // Without a turn of the event loop nobody has reaped it.
  while (stateOf(handle.pid) !== "Z") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  expect(handle.isAlive()).toBe(false);
  expect(stateOf(handle.pid)).toBeUndefined();
  expect(handle.kill("SIGKILL")).toBe(false);
  expect(await handle.join()).toEqual({ code: 0, signal: null });
  expect(handle.kill(0)).toBe(false);
});

test("a worker that nobody joins is reaped all the same", async () => {
  const handle = await spawnWorkerWithStaging([], mode, { kernel: "test-return" });
  await until(() => stateOf(handle.pid) === undefined);
});

test("a signal that does not exist is refused", async () => {
  const handle = await spawnWorkerWithStaging([], mode, sleeper);
  expect(() => handle.kill("SIGNOTHING" as NodeJS.Signals)).toThrow(TypeError);
  expect(handle.kill(0)).toBe(true);
  handle.kill("SIGKILL");
  await handle.join();
});

test("without pidfds, workers are joined, killed and replaced by polling", async () => {
  addon().forbidPidfds(true);
  try {
    const handle = await spawnWorkerWithStaging([], mode, sleeper);
    expect(handle.isAlive()).toBe(true);
    handle.kill("SIGTERM");
    expect(await handle.join()).toEqual({ code: null, signal: "SIGTERM" });
    using arena = Arena.create();
    const args = resultAt(arena.allocate(800));
    const fault = { at: "middle", signal: "SIGKILL", once: true } as const;
    for (const isSync of [true, false]) {
      await using pool = await WorkerPool.create({ files: [], arena, workers: 2, fault });
      const job = { rows: 100, args };
      const report = isSync ? pool.runSync("test-number-rows", job) : await pool.run("test-number-rows", job);
      expect(report.retriedChunks).toBe(1);
    }
  } finally {
    addon().forbidPidfds(false);
  }
});

test("a worker has no descriptor of its parent but /dev/null, default signals, and no core file", async () => {
  using arena = Arena.create();
  const at = arena.allocate(64 * 8);
  const looker = { kernel: "test-descriptors", args: resultAt(at), rows: 64 };
  await (await spawnWorkerWithStaging([], mode, looker, { arena })).join();
  const seen = [...arena.u64view(at, 64)].map(Number);
  expect(seen.slice(0, 3)).toEqual([2, 2, 2]);
  expect(seen.every((what) => what !== 1)).toBe(true);

  const handle = await spawnWorkerWithStaging([], mode, sleeper);
  await until(() => readFileSync(`/proc/${handle.pid}/comm`, "utf8") === "spore-worker\n");
  await until(() => readdirSync(`/proc/${handle.pid}/fd`).length <= 4);
  const status = readFileSync(`/proc/${handle.pid}/status`, "utf8");
  for (const set of ["SigBlk", "SigIgn", "SigCgt"]) expect(status).toMatch(new RegExp(`${set}:\\s+0{16}\n`));
  expect(readFileSync(`/proc/${handle.pid}/limits`, "utf8")).toMatch(/Max core file size +0 +0/);
  handle.kill("SIGKILL");
  await handle.join();
});

test("SIGTERM to a worker does not reach the handler that the parent has for it", async () => {
  let calls = 0;
  const onTerm = () => calls++;
  process.on("SIGTERM", onTerm);
  try {
    const handles = await spawnWorkersWithStaging([], mode, Array(8).fill(sleeper) as KernelWorker[]);
    for (const handle of handles) handle.kill("SIGTERM");
    for (const handle of handles) expect(await handle.join()).toEqual({ code: null, signal: "SIGTERM" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls).toBe(0);
  } finally {
    process.off("SIGTERM", onTerm);
  }
});

test("an unknown kernel is refused", async () => {
  await expect(spawnWorkerWithStaging([], mode, { kernel: "no-such" })).rejects.toThrow(
    expect.objectContaining({ name: "WorkerUsageError", code: "ERR_KERNEL_UNKNOWN" }),
  );
  expect(kernelNames()).toContain("checksum");
});

test("a file that cannot be staged starts no worker", async () => {
  await expect(spawnWorkerWithStaging(["/nowhere"], mode, sleeper)).rejects.toThrow(/ENOENT: .*, open "\/nowhere"/);
});

test("a thousand workers leave no descriptor, no mapping, no zombie and no memory", async () => {
  const [hundred, thousand] = (await run(
    `
    // Workers that nobody reaped, as the kernel sees them.
    const zombies = () => fs.readdirSync("/proc").filter((pid) => {
      try { return new RegExp("\\\\) Z " + process.pid + " ").test(fs.readFileSync("/proc/" + pid + "/stat", "utf8")); }
      catch { return false; }
    }).length;
    // V8's own heap pages come and go: private, anonymous, aligned to 256 KiB at both ends.
    const isHeapPage = (line) => /^\\w+[048c]0000-\\w+[048c]0000 (rw-p|---p) 00000000 00:00 0 *$/.test(line);
    const measure = async () => {
      for (let i = 0; i < 10; i++) { globalThis.gc(); await sleep(5); }
      return {
        descriptors: fs.readdirSync("/proc/self/fd").length,
        maps: fs.readFileSync("/proc/self/maps", "utf8").split("\\n").filter((line) => !isHeapPage(line)).length,
        // Not the pages of files, which are shared with whoever else runs now.
        anonymous: Number(/^Anonymous:\\s+(\\d+) kB/m.exec(fs.readFileSync("/proc/self/smaps_rollup", "utf8"))![1]),
        zombies: zombies(),
        mappings: staging.memoryUse().mappings,
      };
    };
    const worker = { kernel: "test-return", args: new Uint8Array([5, 0, 0, 0]) };
    const spawnMany = async (count) => {
      for (let done = 0; done < count; done += 10) {
        const handles = await spawnWorkersWithStaging([process.argv[1]], StageMode.MmapShared, Array(10).fill(worker));
        for (const handle of handles) if ((await handle.join()).code !== 5) throw new Error("wrong exit code");
      }
    };
    await spawnMany(100);
    await measure(); // what measuring itself needs is there from now on
    say(await measure());
    await spawnMany(900);
    say(await measure());
    `,
    [],
    ["--expose-gc", "--max-semi-space-size=2", "--single-threaded"],
  )) as [Record<string, number>, Record<string, number>];
  expect(thousand).toEqual({ ...hundred, anonymous: expect.any(Number) as number });
  expect(thousand.zombies).toBe(0);
  expect(thousand.anonymous! - hundred.anonymous!).toBeLessThan(2048);
});

test("a parent killed with SIGKILL leaves no child behind", async () => {
  const parent = start(`
    const arena = Arena.create();
    const handles = await spawnWorkersWithStaging([process.argv[1]], StageMode.MmapShared,
      Array(4).fill({ kernel: "test-ignore-sigterm" }));
    const pool = await WorkerPool.create({ files: [], arena, workers: 4 });
    pool.run("test-sleep", { rows: 2, args: new Uint8Array([0, 0, 10, 0]) });
    say([...handles.map((handle) => handle.pid), ...pool.pids]);
    await sleep(600_000);
  `);
  const pids = (await parent.lines.next()).value as number[];
  expect(pids).toHaveLength(8);
  expect(pids.map(stateOf)).not.toContain(undefined);
  parent.kill("SIGKILL");
  await parent.ended;
  // Who adopts them may leave them as zombies; they have ended all the same.
  await until(() => pids.every((pid) => [undefined, "Z", "X"].includes(stateOf(pid))));
});

test("a process that exits takes its workers along, and a pending join keeps it from exiting", async () => {
  const said = await run(`
    const [short, long] = await spawnWorkersWithStaging([], StageMode.None, [
      { kernel: "test-sleep", args: new Uint8Array([50, 0, 0, 0]) },
      { kernel: "test-ignore-sigterm" },
    ]);
    say(long.pid);
    short.join().then((status) => say(status));
  `);
  expect(said[1]).toEqual({ code: 0, signal: null });
  expect([undefined, "Z", "X"]).toContain(stateOf(said[0] as number));
});
