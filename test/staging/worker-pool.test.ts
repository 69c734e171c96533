import { existsSync, readFileSync, readdirSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Arena, StageMode, WorkerPool, memoryUse, stageFiles } from "../../src/staging/index.ts";
import type { JobOptions, JobReport, PoolFault, WorkerPoolOptions } from "../../src/staging/index.ts";
import { number32, resultAt, run, scratch } from "./run-script.ts";

let arena: Arena;
beforeAll(() => void (arena = Arena.create()));
afterAll(() => arena.close());

const makePool = (options: Partial<WorkerPoolOptions> = {}) =>
  WorkerPool.create({ files: [], arena, workers: 2, ...options });

/** Both ways to run a job. */
const ways: readonly [string, (pool: WorkerPool, kernel: string, job: JobOptions) => Promise<JobReport>][] = [
  ["run()", (pool, kernel, job) => pool.run(kernel, job)],
  ["runSync()", async (pool, kernel, job) => pool.runSync(kernel, job)],
];

/** Numbers rows and returns those that were not numbered right; \`attempts\` is filled with each row's attempt. */
async function numberRows(pool: WorkerPool, rows: number, job: Partial<JobOptions> = {}, way = ways[0]![1]) {
  const at = arena.allocate(rows * 8);
  arena.u8view(at, rows * 8).fill(255);
  const report = await way(pool, "test-number-rows", { rows, args: resultAt(at), ...job });
  const numbers = arena.u32view(at, rows * 2);
  const wrong: number[] = [];
  let retriedRows = 0;
  for (let row = 0; row < rows; row++) {
    if (numbers[row * 2] !== row) wrong.push(row);
    retriedRows += numbers[row * 2 + 1]!;
  }
  arena.free(at);
  return { report, wrong, retriedRows };
}

for (const [name, way] of ways) {
  describe(name, () => {
    test("runs a kernel over every row, once, by several workers", async () => {
      await using pool = await makePool();
      const { report, wrong } = await numberRows(pool, 10_000, {}, way);
      expect(wrong).toEqual([]);
      expect(report).toMatchObject({ kernel: "test-number-rows", rows: 10_000, chunks: 128, retriedChunks: 0 });
      expect(report.workers).toHaveLength(2);
      expect(report.workers.reduce((sum, { chunks }) => sum + chunks, 0)).toBe(128);
      expect(report.wallMs).toBeGreaterThan(0);
    });

    test("takes chunks of a given size, of given bounds, of one row, and none at all", async () => {
      await using pool = await makePool({ workers: 3 });
      expect((await numberRows(pool, 100, { chunkRows: 33 }, way)).report.chunks).toBe(4);
      const bounds = Uint32Array.of(0, 1, 1, 90, 100);
      expect(await numberRows(pool, 100, { bounds }, way)).toMatchObject({ report: { chunks: 4 }, wrong: [] });
      expect(await numberRows(pool, 20_000, { chunkRows: 1 }, way)).toMatchObject({
        report: { chunks: 20_000 },
        wrong: [],
      });
      expect(await numberRows(pool, 3, {}, way)).toMatchObject({ report: { chunks: 3 }, wrong: [] });
      expect((await way(pool, "test-nothing", { rows: 0 })).chunks).toBe(0);
      expect(await numberRows(pool, 500, {}, way)).toMatchObject({ wrong: [] });
    });

    test("chunks do not depend on the number of workers", async () => {
      const chunks = [];
      for (const workers of [1, 2, 8]) {
        await using pool = await makePool({ workers });
        chunks.push((await numberRows(pool, 1000, {}, way)).report.chunks);
      }
      expect(new Set(chunks)).toEqual(new Set([128]));
    });

    test("a thousand jobs one after the other all end", async () => {
      await using pool = await makePool();
      for (let i = 0; i < 1000; i++) await way(pool, "test-nothing", { rows: (i % 200) + 1 });
      expect(await numberRows(pool, 1000, {}, way)).toMatchObject({ wrong: [] });
    });

    for (const signal of ["SIGKILL", "SIGSEGV"] as const)
      for (const at of ["reserve", "claim", "first", "middle", "last"] as const) {
        test(`a worker ended by ${signal} at "${at}" changes nothing in the result`, async () => {
          for (const workers of [1, 2]) {
            await using pool = await makePool({ workers, fault: { at, signal, once: true } });
            const before = pool.pids;
            const { report, wrong, retriedRows } = await numberRows(pool, 1280, {}, way);
            expect(wrong).toEqual([]);
            // Before it was claimed, a chunk has not been tried.
            expect(report.retriedChunks).toBe(at === "reserve" ? 0 : 1);
            expect(retriedRows).toBe(at === "reserve" ? 0 : 10);
            // The job may be over before a replacement is needed; the next one has its workers again.
            expect(await numberRows(pool, 1280, {}, way)).toMatchObject({ wrong: [], report: { retriedChunks: 0 } });
            expect(pool.pids).not.toEqual(before);
          }
        });
      }

    test("a chunk that ends two workers is an error that says where, and the pool can be closed", async () => {
      const fault: PoolFault = { at: "claim", chunk: 5, signal: "SIGSEGV", once: false };
      await using pool = await makePool({ fault });
      const crash = way(pool, "test-number-rows", {
        rows: 1280,
        args: resultAt(arena.allocate(1280 * 8)),
        describeRow: (row) => `the file of row ${row}`,
      });
      await expect(crash).rejects.toMatchObject({
        name: "WorkerCrashError",
        code: "ERR_WORKER_CRASHED",
        kernel: "test-number-rows",
        first: 50,
        end: 60,
        signal: "SIGSEGV",
        exitCode: null,
        pid: expect.any(Number) as number,
      });
      await expect(crash).rejects.toThrow(
        /worker \d+ was ended by SIGSEGV: kernel "test-number-rows", rows 50 to 59 \(the file of row 50\)/,
      );
      await expect(way(pool, "test-nothing", { rows: 1 })).rejects.toThrow(
        expect.objectContaining({ code: "ERR_POOL_BROKEN" }),
      );
    });

    test("workers that die again and again, before they have anything, end in an error", async () => {
      await using pool = await makePool({ fault: { at: "reserve", signal: "SIGKILL", once: false } });
      await expect(way(pool, "test-nothing", { rows: 1000 })).rejects.toMatchObject({ code: "ERR_WORKER_CRASHED" });
    });

    test("a kernel that fails is an error with its status and first rows, and the pool goes on", async () => {
      await using pool = await makePool();
      await expect(way(pool, "test-return", { rows: 1280, args: number32(-7) })).rejects.toMatchObject({
        name: "KernelError",
        code: "ERR_KERNEL_FAILED",
        kernel: "test-return",
        status: -7,
        first: 0,
        end: 10,
      });
      expect(await numberRows(pool, 100, {}, way)).toMatchObject({ wrong: [] });
    });

    test("a worker that died between two jobs is replaced", async () => {
      await using pool = await makePool();
      for (let round = 0; round < 3; round++) {
        for (const pid of pool.pids) process.kill(pid, "SIGKILL");
        expect(await numberRows(pool, 1000, {}, way)).toMatchObject({ wrong: [] });
      }
    });

    test("random delays and chunks of one row change nothing in the result", async () => {
      for (const workers of [1, 2, 8]) {
        await using pool = await makePool({ workers, delays: 42 });
        expect(await numberRows(pool, 300, { chunkRows: 1 }, way)).toMatchObject({ wrong: [] });
      }
    });
  });
}

test("workers killed at random during many jobs never lose a row", async () => {
  await using pool = await makePool({ workers: 3 });
  let isOver = false;
  const killer = (async () => {
    for (let i = 0; !isOver; i++) {
      const { pids } = pool;
      const pid = pids[i % pids.length];
      if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  for (let round = 0; round < 150; round++) expect(await numberRows(pool, 2000)).toMatchObject({ wrong: [] });
  isOver = true;
  await killer;
});

test("createSync() forks a pool, too", async () => {
  const pool = WorkerPool.createSync({ files: [], arena, workers: 2 });
  expect(pool.pids).toHaveLength(2);
  expect(await numberRows(pool, 100)).toMatchObject({ wrong: [] });
  await pool.close();
});

test("kernels see the files of all sets, in order, with the arena and their arguments", async () => {
  using dir = scratch({ a: "1\n", b: "", c: "1\n2\n3\n" });
  using first = stageFiles(StageMode.MmapShared, [dir.path("a"), dir.path("b")]);
  using second = stageFiles(StageMode.Prefetch, [dir.path("c")]);
  await using pool = await makePool({ files: [first, second] });
  const at = arena.allocate(24);
  await pool.run("count-lines", { rows: 3, args: resultAt(at) });
  expect([...arena.u64view(at, 3)]).toEqual([1n, 0n, 3n]);
  await expect(pool.run("count-lines", { rows: 4, args: resultAt(at) })).rejects.toThrow("status 1");
});

test("a pool keeps its files and its arena when others close them, also for a replacement", async () => {
  using dir = scratch({ a: "1\n2\n" });
  const own = Arena.create();
  const set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  const before = memoryUse().mappings;
  const pool = await makePool({ files: [set], arena: own });
  const at = own.allocate(8);
  set.close();
  expect(memoryUse().mappings).toBe(before);
  for (const pid of pool.pids) process.kill(pid, "SIGKILL");
  await pool.run("count-lines", { rows: 1, args: resultAt(at) });
  expect(own.u64view(at, 1)[0]).toBe(2n);
  await pool.close();
  expect(memoryUse().mappings).toBe(before - 1);
  own.close();
});

test("memory of the arena that was allocated after the fork is there for the workers", async () => {
  await using pool = await makePool();
  for (let round = 0; round < 5; round++) expect(await numberRows(pool, 300_000)).toMatchObject({ wrong: [] });
});

test("what cannot be run is refused with a reason", async () => {
  const pool = await makePool();
  const refused = (kernel: string, job: JobOptions) => expect(pool.run(kernel, job)).rejects;
  await refused("no-such", { rows: 1 }).toThrow(expect.objectContaining({ code: "ERR_KERNEL_UNKNOWN" }));
  await refused("test-nothing", { rows: -1 }).toThrow(RangeError);
  await refused("test-nothing", { rows: 1.5 }).toThrow(RangeError);
  await refused("test-nothing", { rows: 1, chunkRows: -1 }).toThrow(RangeError);
  await refused("test-nothing", { rows: 1, bounds: Uint32Array.of(0, 2) }).toThrow(RangeError);
  await refused("test-nothing", { rows: 3, bounds: Uint32Array.of(0, 2, 1, 3) }).toThrow(RangeError);
  await refused("test-nothing", { rows: 1, args: new Uint8Array(4097) }).toThrow(RangeError);
  expect(() => WorkerPool.createSync({ files: [], arena, workers: 0 })).toThrow(RangeError);
  const closed = stageFiles(StageMode.Mmap, [import.meta.filename]);
  closed.close();
  expect(() => WorkerPool.createSync({ files: [closed], arena, workers: 1 })).toThrow(/ERR_STAGE_CLOSED/);

  const running = pool.run("test-sleep", { rows: 1, args: number32(50) });
  await refused("test-nothing", { rows: 1 }).toThrow(expect.objectContaining({ code: "ERR_POOL_BUSY" }));
  await running;
  await pool.close();
  await refused("test-nothing", { rows: 1 }).toThrow(expect.objectContaining({ code: "ERR_POOL_CLOSED" }));
  expect(() => pool.runSync("test-nothing", { rows: 1 })).toThrow(/closed/);
});

test("4,096 bytes of arguments arrive", async () => {
  await using pool = await makePool();
  const args = new Uint8Array(4096);
  args.set(number32(0));
  await pool.run("test-return", { rows: 1, args });
});

test("closing a pool reaps its workers, and rejects the job that runs", async () => {
  const idle = await makePool({ workers: 4 });
  const busy = await makePool({ workers: 2 });
  const pids = [...idle.pids, ...busy.pids];
  const job = busy.run("test-sleep", { rows: 2, args: number32(600_000) });
  const rejected = expect(job).rejects.toThrow(expect.objectContaining({ code: "ERR_POOL_CLOSED" }));
  await Promise.all([idle.close(), busy.close(), busy.close()]);
  await rejected;
  for (const pid of pids) expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(idle.pids).toEqual([]);
});

test("pools that come and go leave no descriptor behind", async () => {
  await (await makePool()).close();
  const before = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 20; round++) {
    await using pool = await makePool();
    await pool.run("test-nothing", { rows: 10 });
    WorkerPool.createSync({ files: [], arena, workers: 2 })[Symbol.dispose]();
  }
  while (readdirSync("/proc/self/fd").length > before) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("closing without waiting leaves the workers to be reaped in the background", async () => {
  const pool = await makePool({ workers: 3 });
  const { pids } = pool;
  await pool.close({ wait: false });
  while (pids.some((pid) => existsSync(`/proc/${pid}`))) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("a descriptor that a pool is told to keep stays open in its workers, and others do not", async () => {
  await using pool = await makePool({ keepDescriptors: [1] });
  const at = arena.allocate(256 * 8);
  await pool.run("test-descriptors", { rows: 256, args: resultAt(at) });
  const seen = [...arena.u64view(at, 256)].map(Number);
  expect(seen.slice(0, 3)).toEqual([2, 1, 2]);
  expect(seen.filter((what) => what === 1)).toHaveLength(2); // and the eventfd
});

test("a pool that was forgotten is collected, and its workers end", async () => {
  const said = await run(
    `
    const pids = await (async () => {
      const pool = await WorkerPool.create({ files: [], arena: Arena.create(), workers: 2 });
      await pool.run("test-nothing", { rows: 5 });
      return pool.pids;
    })();
    say(pids.length);
    while (pids.some((pid) => fs.existsSync("/proc/" + pid))) { globalThis.gc(); await sleep(5); }
    `,
    [],
    ["--expose-gc"],
  );
  expect(said).toEqual([2]);
});

test("a pool that is idle does not keep the process alive; a job does", async () => {
  const said = await run(`
    const pool = await WorkerPool.create({ files: [], arena: Arena.create(), workers: 2 });
    pool.run("test-sleep", { rows: 1, args: new Uint8Array([50, 0, 0, 0]) }).then((report) => say(report.chunks));
  `);
  expect(said).toEqual([1]);
});

test("workers name themselves, so that ps tells them from their parent", async () => {
  await using pool = await makePool();
  for (const pid of pool.pids)
    while (readFileSync(`/proc/${pid}/comm`, "utf8") !== "spore-worker\n")
      await new Promise((resolve) => setTimeout(resolve, 1));
});

test("a worker that is left goes on, idle, until the process ends", async () => {
  const pool = await makePool();
  const [first, second] = pool.pids;
  await pool.close({ leave: 1 });
  const isThere = (pid: number | undefined): boolean => existsSync(`/proc/${pid}/exe`); // of a zombie there is none
  expect([isThere(first), isThere(second)]).toEqual([false, true]);
  const [left] = await run(`
    const pool = await WorkerPool.create({ files: [], arena: Arena.create(), workers: 2 });
    say(pool.pids[0]);
    await pool.close({ leave: 0 });
  `);
  while (isThere(left as number)) await new Promise((resolve) => setTimeout(resolve, 1));
});

describe("kernels that run in the process itself", () => {
  test("do the same, in the same chunks, without a worker", async () => {
    const options = { files: [], arena, workers: 1, runsHere: true };
    for (const made of [WorkerPool.create(options), WorkerPool.createSync(options)]) {
      await using pool = await made;
      expect(pool.pids).toEqual([]);
      for (const [, way] of ways) {
        const { report, wrong } = await numberRows(pool, 1000, {}, way);
        expect(wrong).toEqual([]);
        expect(report).toMatchObject({ chunks: 128, workers: [{ chunks: 128 }] });
        expect((await way(pool, "test-nothing", { rows: 0 })).chunks).toBe(0);
        const failing = way(pool, "test-return", { rows: 10, args: number32(-7) });
        await expect(failing).rejects.toMatchObject({ name: "KernelError", status: -7 });
      }
    }
  });

  test("are an error when they crash, which the process survives", async () => {
    const script = `
      const pool = WorkerPool.createSync({ files: [], arena: Arena.create(), workers: 1, runsHere: true });
      const crash = await pool.run("test-signal", { rows: 3, args: new Uint8Array([11, 0, 0, 0]) }).catch((e) => e);
      say([crash.name, crash.first, crash.end, crash.signal, crash.pid === process.pid]);
      await pool.close();
      say("goes on");`;
    expect(await run(script)).toEqual([["WorkerCrashError", 0, 1, "SIGSEGV", true], "goes on"]);
  });
});
