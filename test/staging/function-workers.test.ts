/** Functions as workers, closures and all, of a process that may be forked itself. */
import { expect, test } from "vitest";

import { StageMode, spawnWorkerWithStaging } from "../../src/staging/index.ts";
import { run, scratch } from "./run-script.ts";

const singleThreaded = [["--single-threaded"], ["--single-threaded", "--v8-pool-size=0"]];

test.each(singleThreaded)(
  "a process that runs with %s forks functions, which see all that it has",
  async (...flags) => {
    using dir = scratch({ a: "abc" });
    const said = await run(
      `await fs.promises.readFile(process.argv[2]); // libuv has its threads
     using arena = Arena.create();
     const column = arena.u32view(arena.allocate(16), 4);
     const seen = new Map([["n", 5]]);
     const all = await spawnWorkersWithStaging([process.argv[2]], StageMode.MmapShared, [
       ({ files }) => { column[0] = files[0].bytes()[1]; return seen.get("n"); },
       ({ workerIndex, workerCount, arena }) => {
         seen.set("n", 6);
         column[workerIndex] = workerCount;
         for (let i = 0, all = []; i < 1e6; i++) all.push({ i }); // V8 collects garbage
         process.stdout.write('"printed"\\n');
       },
       () => { throw new TypeError("thrown"); },
       async () => 1,
       ({ arena }) => { arena.allocate(8); },
       () => { process.exit(9); },
       () => { for (;;); },
     ], { arena });
     all[6].kill();
     const ends = await Promise.all(all.map((handle) => handle.join().catch((error) => ({ name: error.name, message: error.message, code: error.workerCode }))));
     say({ ends, column: [...column], n: seen.get("n") });`,
      [dir.path("a")],
      flags,
    );
    expect(said).toHaveLength(2);
    expect(said[0]).toBe("printed");
    expect(said[1]).toEqual({
      ends: [
        { code: 5, signal: null },
        { code: 0, signal: null },
        { name: "WorkerError", message: "thrown" },
        { name: "WorkerError", message: expect.stringContaining("cannot be async"), code: "ERR_WORKER_ASYNC" },
        { name: "WorkerError", message: expect.stringContaining("allocates"), code: "ERR_ARENA_BORROWED" },
        { code: 9, signal: null },
        { code: null, signal: "SIGTERM" },
      ],
      column: [98, 7, 0, 0],
      n: 5,
    });
  },
);

test("an ordinary process is told that it cannot fork functions, and why", async () => {
  await expect(spawnWorkerWithStaging([], StageMode.None, () => 0)).rejects.toThrow(
    expect.objectContaining({ name: "WorkerUsageError", code: "ERR_WORKER_NOT_FORKABLE" }),
  );
});

test("a process that has threads of its own cannot, whatever it runs with", async () => {
  const said = await run(
    `if (worker_threads.isMainThread) {
       const thread = new worker_threads.Worker(process.argv[1]);
       say(await new Promise((resolve) => thread.on("message", resolve)));
       say(await spawnWorkerWithStaging([], 0, () => 0).catch((error) => error.message));
       await thread.terminate();
       say((await (await spawnWorkerWithStaging([], 0, () => 3)).join()).code);
     } else {
       worker_threads.parentPort.on("message", () => {});
       worker_threads.parentPort.postMessage(await spawnWorkerWithStaging([], 0, () => 0).catch((error) => error.message));
     }`,
    [],
    ["--single-threaded"],
  );
  expect(said).toEqual([
    expect.stringContaining("this is a worker_thread"),
    expect.stringMatching(/1 more threads? than Node/),
    3,
  ]);
});
