/** Pools of JavaScript workers: tasks, maps, crashes, limits, ends. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

import { afterAll, expect, expectTypeOf, test } from "vitest";

import {
  Arena,
  StageMode,
  closeIdleForkServers,
  createPool,
  defaultWorkerCount,
  memoryUse,
  stageFiles,
} from "../../src/staging/index.ts";
import type { PoolContext, PoolOptions } from "../../src/staging/index.ts";
import { run, scratch, start } from "./run-script.ts";

const source = `
  import { truncateSync } from "node:fs";
  import { setTimeout as sleep } from "node:timers/promises";
  /** What the tests ask a worker to do. */
  export default async (task, context) => {
    switch (task.do) {
      case "echo": return task.value;
      case "pid": return process.pid;
      case "sleep": await sleep(task.ms); return process.pid;
      case "hang": for (;;);
      case "meet": for (context.arena.counter(task.arrived).add(1); context.arena.counter(task.arrived).value < task.count;); return;
      case "work": for (const end = Date.now() + task.ms; Date.now() < end;); return process.pid;
      case "throw": throw Object.assign(new RangeError(task.message), { code: "ERR_MINE" });
      case "later": setTimeout(() => { throw new Error("nobody caught this"); }); await sleep(60_000); return;
      case "stuck": await new Promise(() => {}); return;
      case "function": return () => {};
      case "kill": process.kill(process.pid, task.signal ?? "SIGKILL"); for (;;);
      case "exit": process.exit(3); break;
      case "kill-once": if (context.attempt === 0) process.kill(process.pid, "SIGKILL"); return context.attempt;
      case "sum": return context.files.map((file) => file.bytes().reduce((sum, byte) => sum + byte, 0));
      case "shrink": { const bytes = context.files[0].bytes(); truncateSync(context.files[0].path, 0); return bytes[50_000]; }
      case "context": return { index: context.workerIndex, count: context.workerCount, args: context.args };
      case "fill": context.arena.u32view(task.at, task.count).fill(task.value); return;
      case "store": context.arena.u32view(task.at, 1)[0] = task.value; return;
      case "pick": return task.values[context.range.begin];
      case "range": return context.range;
      case "chunk": {
        const { begin, end, file } = context.range;
        if (task.killAt === begin && context.attempt < task.times) process.kill(process.pid, "SIGKILL");
        if (task.throwAt === begin) throw new Error("chunk " + begin);
        if (task.hangAt === begin) for (;;);
        if (task.ms) await sleep(task.ms);
        if (file !== undefined) return Buffer.from(context.files[file].bytes().subarray(begin, end)).toString();
        if (task.at !== undefined) for (let row = begin; row < end; row++) Atomics.add(context.arena.u32view(task.at, task.rows), row, 1);
        return [begin, end];
      }
    }
  };
  export const sync = (task) => task * 2;`;

interface Task {
  readonly do: string;
  readonly [key: string]: unknown;
}
type WorkerExport = (task: Task, context: PoolContext) => Promise<unknown>;

const dir = scratch({ "worker.mjs": source, a: "abc", b: "\x01\x02" });
afterAll(async () => {
  await closeIdleForkServers();
  dir[Symbol.dispose]();
});

const make = (options: Partial<PoolOptions> = {}) =>
  createPool<WorkerExport>({ worker: { module: dir.path("worker.mjs") }, size: 2, ...options });
const isGone = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/stat`) || /\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

test("a task's result is a structured clone of what the function returned", async () => {
  await using pool = await make();
  const shared = { same: true };
  const values = [
    1, -0, NaN, "text", "\ud800", "", null, undefined, true, 2n ** 70n, new Date(5), /x/g, Array(3), { a: undefined },
    new Map([[{ k: 1 }, new Set([1])]]), Uint8Array.of(1, 2, 3), new Float64Array([1.5]), [shared, shared],
    "x".repeat(1e6), { deep: { deep: { deep: { deep: { deep: 1 } } } } }, Array.from({ length: 1000 }, (_, i) => i),
  ]; // prettier-ignore
  for (const value of values) expect(await pool.run({ do: "echo", value })).toEqual(value);
  expect(Object.is(await pool.run({ do: "echo", value: -0 }), -0)).toBe(true);
  const twice = (await pool.run({ do: "echo", value: [shared, shared] })) as object[];
  expect(twice[0]).toBe(twice[1]);
  expect(Object.keys((await pool.run({ do: "echo", value: { a: undefined } })) as object)).toEqual(["a"]);
  expect(pool.completed).toBe(values.length + 3);
});

test("workers see the files, their place, the pool's arguments and its arena", async () => {
  await using pool = await make({ files: [dir.path("a"), dir.path("b")], args: { n: 1n } });
  expect(await pool.run({ do: "sum" })).toEqual([294, 3]);
  expect(await pool.run({ do: "range" })).toEqual({ begin: 0, end: 2 });
  expect(await pool.run({ do: "context" })).toEqual({ index: expect.any(Number), count: 2, args: { n: 1n } });
  const at = pool.arena.allocate(4); // after the workers were forked
  await pool.run({ do: "store", at, value: 7 });
  expect(pool.arena.u32view(at, 1)[0]).toBe(7);
  pool.arena.free(at);
});

test("extents that a worker has looked at may be freed, and be part of others", async () => {
  await using pool = await make({ size: 1 });
  const [first, second] = [pool.arena.allocate(64, 64), pool.arena.allocate(64, 64)];
  for (const at of [first, second]) await pool.run({ do: "fill", at, count: 16, value: 1 });
  pool.arena.free(first);
  pool.arena.free(second);
  const both = pool.arena.allocate(128, 64, { isDirty: true });
  expect(both).toBe(first);
  await pool.run({ do: "fill", at: both, count: 32, value: 8 });
  expect([...pool.arena.u32view(both, 32)]).toEqual(Array(32).fill(8));
});

test("tasks are spread over the workers, and more wait than there are workers", async () => {
  await using pool = await make({ size: 3 });
  expect(pool.size).toBe(3);
  const pids = await Promise.all(Array.from({ length: 9 }, () => pool.run({ do: "sleep", ms: 10 })));
  expect(new Set(pids)).toEqual(new Set(pool.pids));
});

test("types come from the worker's", async () => {
  await using pool = await createPool<(task: number, context: PoolContext) => number>({
    worker: { module: dir.path("worker.mjs"), export: "sync" },
    size: 1,
  });
  expectTypeOf<typeof pool.run>().parameter(0).toEqualTypeOf<number>();
  expectTypeOf<typeof pool.run>().returns.resolves.toEqualTypeOf<number>();
  expectTypeOf<typeof pool.map>().returns.resolves.toEqualTypeOf<number[]>();
  expect([await pool.run(21), await pool.run(0), await pool.map(2, 3)]).toEqual([42, 0, [6, 6]]);
});

test("what the function throws rejects the task, and the pool goes on", async () => {
  await using pool = await make({ size: 1 });
  const [pid] = pool.pids;
  await expect(pool.run({ do: "throw", message: "out of range" })).rejects.toThrow(
    expect.objectContaining({ name: "WorkerError", message: "out of range", workerName: "RangeError", workerCode: "ERR_MINE", pid }),
  ); // prettier-ignore
  await expect(pool.run({ do: "function" })).rejects.toThrow(/could not be cloned/);
  await expect(pool.run({ do: "echo", value: () => 1 })).rejects.toThrow(/could not be cloned/);
  expect(await pool.run({ do: "pid" })).toBe(pid);
  // These end the worker; they are not run again.
  await expect(pool.run({ do: "later" })).rejects.toThrow("nobody caught this");
  await expect(pool.run({ do: "stuck" })).rejects.toThrow(/promise did not settle/);
  expect(await pool.run({ do: "pid" })).not.toBe(pid);
});

test("a task whose worker dies is begun again, as often as it may", async () => {
  await using pool = await make({ size: 1, retries: 1 });
  const retries: unknown[] = [];
  pool.on("retry", (task) => retries.push(task));
  expect(await pool.run({ do: "kill-once" })).toBe(1);
  expect(retries).toEqual([{ pid: expect.any(Number), attempt: 1 }]);
  await expect(pool.run({ do: "kill", signal: "SIGSEGV" })).rejects.toThrow(
    expect.objectContaining({ name: "TaskError", code: "ERR_TASK_CRASHED", signal: "SIGSEGV", exitCode: null, attempts: 2 }),
  ); // prettier-ignore
  await expect(pool.run({ do: "exit" })).rejects.toThrow(expect.objectContaining({ signal: null, exitCode: 3 }));
  expect(await pool.run({ do: "echo", value: 1 })).toBe(1);
  await using strict = await make({ size: 1, retries: 0 });
  await expect(strict.run({ do: "kill-once" })).rejects.toThrow(expect.objectContaining({ attempts: 1 }));
});

test("a task can be aborted before it begins and while it runs, and may take only so long", async () => {
  await using pool = await make({ size: 1 });
  const exits: number[] = [];
  pool.on("workerExit", ({ pid }) => exits.push(pid));
  const abort = new AbortController();
  const running = pool.run({ do: "hang" }, { signal: abort.signal });
  const waiting = pool.run({ do: "echo" }, { signal: abort.signal });
  const other = pool.run({ do: "echo", value: "other" });
  expect(pool.queueSize).toBe(2);
  abort.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
  await expect(waiting).rejects.toThrow("enough");
  await expect(pool.run({ do: "echo" }, { signal: abort.signal })).rejects.toThrow("enough");
  expect(await other).toBe("other");
  await expect(pool.run({ do: "hang" }, { timeout: 30 })).rejects.toThrow(
    expect.objectContaining({ name: "TaskError", code: "ERR_TASK_TIMEOUT" }),
  );
  expect(await pool.run({ do: "echo", value: 2 }, { timeout: 60_000 })).toBe(2);
  expect(exits).toHaveLength(2);
});

test("the queue has a limit, and says when it is empty again", async () => {
  await using pool = await make({ size: 1, maxQueue: 2 });
  let drained = 0;
  pool.on("drain", () => drained++);
  const all = [pool.run({ do: "sleep", ms: 5 })];
  expect(pool.needsDrain).toBe(false);
  all.push(pool.run({ do: "sleep", ms: 5 }), pool.run({ do: "sleep", ms: 5 }));
  expect(pool.needsDrain).toBe(true);
  await expect(pool.run({ do: "echo" })).rejects.toThrow(expect.objectContaining({ code: "ERR_QUEUE_FULL" }));
  await Promise.all(all);
  expect([drained, pool.needsDrain, pool.queueSize]).toEqual([1, false, 0]);
  await using none = await make({ size: 1, maxQueue: 0 });
  const only = none.run({ do: "sleep", ms: 5 });
  await expect(none.run({ do: "echo" })).rejects.toThrow(expect.objectContaining({ code: "ERR_QUEUE_FULL" }));
  await only;
  expect(await none.run({ do: "echo", value: 1 })).toBe(1);
});

test("map() covers a range by chunks, each once, and keeps their order", async () => {
  await using pool = await make({ size: 3 });
  const rows = 1000;
  const at = pool.arena.allocate(rows * 4);
  const chunks = (await pool.map({ begin: 10, end: rows, chunkSize: 7 }, { do: "chunk", at, rows })) as number[][];
  expect(chunks).toHaveLength(Math.ceil(990 / 7));
  expect(chunks.map(([begin]) => begin)).toEqual(Array.from(chunks, (_, i) => 10 + i * 7));
  expect(chunks.at(-1)).toEqual([997, 1000]);
  const counts = pool.arena.u32view(at, rows);
  expect([...counts].every((count, row) => count === (row < 10 ? 0 : 1))).toBe(true);
  expect(await pool.map(0, { do: "chunk" })).toEqual([]);
  expect(await pool.map(100, { do: "chunk" })).toHaveLength(20);
  expect(await pool.map(1, { do: "chunk" })).toEqual([[0, 1]]);
  await expect(pool.map({ end: 5, chunkSize: 0 }, { do: "chunk" })).rejects.toThrow(RangeError);
  await expect(pool.map(-1, { do: "chunk" })).rejects.toThrow(RangeError);
});

test("a map's results are clones of whatever the function returned, few or many, small or large", async () => {
  await using pool = await make({ size: 2 });
  const kinds = [undefined, null, -0, "é", "x".repeat(1e5), new Map([[1, 2]]), [1, "a"], Uint8Array.of(1), { a: 1 }];
  const values = Array.from({ length: 3000 }, (_, i) => (i % 10 < 9 ? kinds[i % 10] : i));
  for (const count of [9, 3000]) {
    const range = { end: count, chunkSize: 1 };
    expect(await pool.map(range, { do: "pick", values: values.slice(0, count) })).toEqual(values.slice(0, count));
  }
});

test("a map whose function waits has all workers of the pool, however few processors there are", async () => {
  const size = defaultWorkerCount() + 2;
  await using pool = await make({ size });
  const pids = (await pool.map({ end: size, chunkSize: 1 }, { do: "sleep", ms: 200 })) as number[];
  expect(new Set(pids)).toEqual(new Set(pool.pids));
});

test("a map whose function computes has a worker for each processor; others are free for other tasks", async () => {
  const processors = defaultWorkerCount();
  await using pool = await make({ size: processors + 1, maxQueue: 0 });
  let isOver = false;
  const map = pool.map({ end: 8 * processors, chunkSize: 1 }, { do: "work", ms: 5 }).finally(() => (isOver = true));
  const free = await pool.run({ do: "pid" });
  expect(isOver).toBe(false);
  await expect(pool.run({ do: "echo", value: 1 })).resolves.toBe(1);
  const pids = new Set(await map);
  expect(pids).not.toContain(free);
});

test("the workers of a map may wait for each other, though they never sleep", async () => {
  const size = defaultWorkerCount() + 1;
  await using pool = await make({ size });
  const arrived = pool.arena.counter();
  await pool.map({ end: size, chunkSize: 1 }, { do: "meet", arrived, count: size });
  expect(arrived.value).toBe(size);
});

test("map() cuts files into pieces", async () => {
  writeFileSync(dir.path("long"), "0123456789abc");
  await using pool = await make({ files: [dir.path("a"), dir.path("long")] });
  expect(await pool.map({ bytesPerChunk: 5 }, { do: "chunk" })).toEqual(["abc", "01234", "56789", "abc"]);
});

test("a free worker takes chunks of one that is held up", async () => {
  // The first chunk takes until everything else is done, the rest of its worker's share too.
  using flag = scratch();
  writeFileSync(
    flag.path("w.mjs"),
    `import { setTimeout as sleep } from "node:timers/promises";
     export default async (at, { range, arena, workerIndex }) => {
       const [done, begun] = [0, 1];
       const counts = arena.u32view(at, 2);
       if (range.begin === 0) {
         Atomics.store(counts, begun, 1);
         while (Atomics.load(counts, done) < 15) await sleep(1);
       } else {
         while (Atomics.load(counts, begun) === 0) await sleep(1); // else a quick worker may have taken all, the first too
         Atomics.add(counts, done, 1);
       }
       return workerIndex;
     };`,
  );
  await using stealing = await createPool<(at: number) => Promise<number>>({
    worker: { module: flag.path("w.mjs") },
    size: 2,
  });
  const who = await stealing.map({ end: 16, chunkSize: 1 }, stealing.arena.allocate(8));
  // Whoever has the first chunk, the other one has done what was left of the shares of both.
  expect(new Set(who)).toEqual(new Set([0, 1]));
});

test("chunks whose worker died are done again; a chunk that goes on killing, or throws, fails the map", async () => {
  await using pool = await make({ size: 2, retries: 1 });
  const rows = 64;
  const at = pool.arena.allocate(rows * 4);
  const range = { end: rows, chunkSize: 1 };
  expect(await pool.map(range, { do: "chunk", killAt: 5, times: 1, at, rows })).toHaveLength(rows);
  expect([...pool.arena.u32view(at, rows)]).toEqual(Array(rows).fill(1));
  await expect(pool.map(range, { do: "chunk", killAt: 63, times: 9 })).rejects.toThrow(
    expect.objectContaining({ code: "ERR_TASK_CRASHED", message: expect.stringContaining("chunk 63") }),
  );
  await expect(pool.map(range, { do: "chunk", throwAt: 9 })).rejects.toThrow("chunk 9");
  await expect(pool.map(range, { do: "chunk", hangAt: 9 }, { timeout: 50 })).rejects.toThrow(
    expect.objectContaining({ code: "ERR_TASK_TIMEOUT" }),
  );
  const abort = new AbortController();
  const aborted = pool.map(range, { do: "chunk", ms: 1 }, { signal: abort.signal });
  setTimeout(() => abort.abort(new Error("no more")), 10);
  await expect(aborted).rejects.toThrow("no more");
  expect(await pool.map(range, { do: "chunk" })).toHaveLength(rows);
  // Maps and tasks at once.
  const mixed = await Promise.all([
    pool.map(range, { do: "chunk", ms: 0 }),
    pool.run({ do: "echo", value: 1 }),
    pool.map(range, { do: "chunk", killAt: 3, times: 1 }),
    pool.run({ do: "kill-once" }),
  ]);
  expect(mixed.map((it) => (Array.isArray(it) ? it.length : it))).toEqual([rows, 1, rows, 1]);
});

test("a map frees its table when no worker looks at it any more", async () => {
  await using pool = await make({ size: 2 });
  for (let i = 0; i < 5; i++) await pool.map({ end: 1000, chunkSize: 1 }, { do: "chunk" });
  const before = pool.arena.allocatedBytes();
  for (let i = 0; i < 50; i++) await pool.map({ end: 1000, chunkSize: 1 }, { do: "chunk" });
  // A worker that is late may look at a table while the next map has begun.
  const tableBytes = 1000 * (4 + 24);
  expect(pool.arena.allocatedBytes() - before).toBeLessThan(5 * tableBytes);
});

test("close() lets tasks end and takes no more; destroy() ends them", async () => {
  const pool = await make({ files: [dir.path("a")] });
  const { pids } = pool;
  const tasks = Array.from({ length: 6 }, () => pool.run({ do: "sleep", ms: 5 }));
  const closed = pool.close();
  await expect(pool.run({ do: "echo" })).rejects.toThrow(expect.objectContaining({ code: "ERR_POOL_CLOSED" }));
  await closed;
  expect(await Promise.all(tasks)).toHaveLength(6);
  expect(pids.every(isGone)).toBe(true);
  expect([pool.files.isClosed, pool.arena.isClosed, memoryUse().mappedBytes]).toEqual([true, true, 0]);
  await pool.close();
  await pool.destroy();

  const other = await make();
  const running = [other.run({ do: "hang" }), other.run({ do: "hang" }), other.run({ do: "echo" }), other.map(9, { do: "chunk" })]; // prettier-ignore
  const ends = Promise.allSettled(running);
  await other.destroy();
  for (const end of await ends) expect(end).toMatchObject({ status: "rejected", reason: { code: "ERR_POOL_CLOSED" } });

  const slow = await make({ size: 1, closeTimeout: 20 });
  const hung = slow.run({ do: "hang" });
  const rejected = expect(hung).rejects.toThrow(expect.objectContaining({ code: "ERR_POOL_CLOSED" }));
  await slow.close();
  await rejected;
});

test("a set and an arena that were given stay", async () => {
  using set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  using arena = Arena.create();
  const pool = await make({ files: set, arena });
  expect(await pool.run({ do: "sum" })).toEqual([294]);
  await pool.close();
  expect([set.isClosed, arena.isClosed]).toEqual([false, false]);
});

test("a file that shrinks under its mapping is an error of the task", async () => {
  writeFileSync(dir.path("shrinking"), "x".repeat(100_000));
  await using pool = await make({ files: [dir.path("shrinking")], size: 1 });
  const [pid] = pool.pids;
  await expect(pool.run({ do: "shrink" })).rejects.toThrow(expect.objectContaining({ workerCode: "ERR_STAGE_SHRANK" }));
  expect(await pool.run({ do: "pid" })).toBe(pid);
});

test("when the fork server is killed, tasks are begun again by workers of a new one", async () => {
  await using pool = await make({ size: 2 });
  const server = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pool.pids[0]}/status`, "utf8"))![1]);
  const tasks = [
    pool.run({ do: "sleep", ms: 100 }),
    pool.run({ do: "sleep", ms: 100 }),
    pool.run({ do: "echo", value: 3 }),
  ];
  process.kill(server, "SIGKILL");
  expect(await Promise.all(tasks)).toEqual([expect.any(Number), expect.any(Number), 3]);
});

test("a pool of a module that cannot be loaded, or of no such export, is not made", async () => {
  using other = scratch({ "m.mjs": "export const x = 1" });
  const none = createPool({ files: [dir.path("a")], worker: { module: other.path("m.mjs") } });
  await expect(none).rejects.toThrow(expect.objectContaining({ code: "ERR_WORKER_MODULE" }));
  await expect(make({ files: ["/nowhere"] })).rejects.toThrow(/ENOENT/);
  await expect(make({ size: 0 })).rejects.toThrow(RangeError);
  expect(memoryUse().mappedBytes).toBe(0);
});

test("a program that leaves a pool idle ends; one that waits for a task goes on; a killed one leaves nobody", async () => {
  const script = `const { createPool } = staging;
    const pool = await createPool({ worker: { module: process.argv[2] }, size: 2 });
    say(pool.pids);`;
  const args = [dir.path("worker.mjs")];
  const [pids, value] = await run(
    `${script} say(await pool.run({ do: "sleep", ms: 50 }).then(() => "awaited"));`,
    args,
  );
  expect(value).toBe("awaited");
  const killed = start(`${script} await pool.run({ do: "hang" });`, args);
  const more = (await killed.lines.next()).value as number[];
  killed.kill("SIGKILL");
  while (![...(pids as number[]), ...more].every(isGone)) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("pools leave no descriptor, mapping or process", async () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const once = async () => {
    const pool = await make({ files: [dir.path("a"), dir.path("b")], size: 3 });
    await Promise.all([pool.run({ do: "sum" }), pool.map(9, { do: "chunk" }), pool.run({ do: "kill-once" })]);
    const { pids } = pool;
    await pool.close();
    expect(pids.every(isGone)).toBe(true);
  };
  await once();
  const before = count();
  for (let i = 0; i < 10; i++) await once();
  expect(count()).toBe(before);
  expect(memoryUse().mappedBytes).toBe(0);
});
