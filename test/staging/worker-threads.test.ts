import { existsSync } from "node:fs";
import type { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { memoryUse } from "../../src/staging/index.ts";
import { run, startThread } from "./run-script.ts";

const nextMessage = <T>(thread: Worker) =>
  new Promise<T>((resolve, reject) => thread.once("message", resolve).once("error", reject));
const hasEnded = (pid: number) => !existsSync(`/proc/${pid}`);

/** A thread with a pool, which answers each message with the result of a job, or ends on "return". */
const owner = `
  const port = worker_threads.parentPort!;
  const arena = Arena.create();
  const at = arena.allocate(8000);
  const set = stageFiles(StageMode.MmapShared, [${JSON.stringify(import.meta.filename)}]);
  set.bytes(0);
  const pool = await WorkerPool.create({ files: [set], arena, workers: 2 });
  port.on("message", async (message) => {
    if (message === "return") return port.close();
    if (message === "busy") return void pool.run("test-sleep", { rows: 2, args: new Uint8Array([0, 0, 10, 0]) });
    await pool.run("test-number-rows", { rows: 1000, args: new Uint8Array(new BigUint64Array([BigInt(at)]).buffer) });
    port.postMessage(arena.u32view(at, 2000)[1998]);
  });
  port.postMessage(pool.pids);
`;

test("a pool made in a worker_thread outlives that thread's siblings and dies with its owner", async () => {
  const before = memoryUse();
  const threads = [startThread(owner), startThread(owner), startThread(owner)];
  const pids = await Promise.all(threads.map((thread) => nextMessage<number[]>(thread)));
  expect(pids.flat()).toHaveLength(6);

  await threads[0]!.terminate();
  expect(pids[0]!.every(hasEnded)).toBe(true);
  expect(pids[1]!.some(hasEnded)).toBe(false);
  const answer = nextMessage(threads[1]!);
  threads[1]!.postMessage("run");
  expect(await answer).toBe(999);

  threads[1]!.postMessage("return");
  await new Promise((resolve) => threads[1]!.once("exit", resolve));
  expect(pids[1]!.every(hasEnded)).toBe(true);

  threads[2]!.postMessage("busy");
  await new Promise((resolve) => setTimeout(resolve, 30));
  await threads[2]!.terminate();
  expect(pids[2]!.every(hasEnded)).toBe(true);
  expect(memoryUse()).toEqual(before);
});

test("threads that end while a pool is being forked leave nothing", async () => {
  const before = memoryUse();
  for (let round = 0; round < 10; round++) {
    const thread = startThread(`
      const arena = Arena.create();
      worker_threads.parentPort!.postMessage(0);
      for (;;) {
        WorkerPool.create({ files: [], arena, workers: 3 });
        await spawnWorkersWithStaging([], StageMode.None, [{ kernel: "test-sleep", args: new Uint8Array([0, 0, 10, 0]) }]);
      }
    `);
    await nextMessage(thread);
    await new Promise((resolve) => setTimeout(resolve, round));
    await thread.terminate();
  }
  expect(memoryUse()).toEqual(before);
});

test("the library goes on when the thread that loaded it first has ended", async () => {
  const said = await run(`
    if (worker_threads.isMainThread) {
      const thread = new worker_threads.Worker(new URL(import.meta.url));
      await new Promise((resolve) => thread.once("exit", resolve));
      const handle = await spawnWorkerWithStaging([process.argv[1]], StageMode.MmapShared, { kernel: "test-return" });
      say(await handle.join());
    } else {
      const handle = await spawnWorkerWithStaging([], StageMode.None, { kernel: "test-return" });
      say(await handle.join());
    }
  `);
  expect(said).toEqual([
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
});
