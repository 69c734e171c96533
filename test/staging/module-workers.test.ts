/** Functions of modules as workers, by way of a fork server. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { afterAll, expect, test } from "vitest";

import { addon } from "../../src/addon/load.ts";
import {
  Arena,
  File,
  StageMode,
  closeIdleForkServers,
  memoryUse,
  setMemoryBudget,
  memoryBudget,
  spawnWorkerWithStaging,
  spawnWorkersWithStaging,
  stageFiles,
} from "../../src/staging/index.ts";
import type { ModuleWorker } from "../../src/staging/index.ts";
import { run, scratch, start } from "./run-script.ts";

const mode = StageMode.MmapShared;

/** A folder with a module of workers, and files. */
function workers(source: string, files: Record<string, string | Uint8Array> = {}) {
  const dir = scratch({ "worker.mjs": source, ...files });
  return Object.assign(dir, { module: dir.path("worker.mjs") });
}

const isGone = (pid: number): boolean =>
  !existsSync(`/proc/${pid}/stat`) || /\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 2));
}

afterAll(() => closeIdleForkServers());

test("a function gets the staged bytes, its place, its arguments and the arena", async () => {
  using dir = workers(
    `export default (context) => {
       const { files, workerIndex, workerCount, args, arena } = context;
       const out = arena.u32view(args.at, 8);
       const bytes = files[workerIndex].bytes();
       out[workerIndex * 2] = bytes.reduce((sum, byte) => sum + byte, 0);
       out[workerIndex * 2 + 1] = workerCount;
       if (args.nested.get("key") !== 7n) return 1;
       if (files[workerIndex].path !== args.path || files[workerIndex].size !== bytes.length) return 2;
     }`,
    { a: "abc", b: "\x01\x02" },
  );
  using arena = Arena.create();
  const at = arena.allocate(32);
  const paths = [dir.path("a"), dir.path("b")];
  const handles = await spawnWorkersWithStaging(
    paths,
    mode,
    paths.map((path) => ({ module: dir.module, args: { at, path, nested: new Map([["key", 7n]]) } })),
    { arena },
  );
  const exits = await Promise.all(handles.map((handle) => handle.join()));
  expect(exits).toEqual(Array(2).fill({ code: 0, signal: null }));
  expect([...arena.u32view(at, 4)]).toEqual([294, 2, 3, 2]);
  expect(handles[0]!.stagedFiles.isClosed).toBe(true);
});

test("what the function returns is the exit code, whichever export and however the module is named", async () => {
  using dir = workers(
    `export default () => 3; export const named = () => {}; export const large = () => 256 + 9; export const negative = () => -1;`,
  );
  const relative = dir.module.replace(/^\//, "../".repeat(process.cwd().split("/").length - 1));
  const cases: [ModuleWorker, number][] = [
    [{ module: dir.module }, 3],
    [{ module: pathToFileURL(dir.module) }, 3],
    [{ module: pathToFileURL(dir.module).href, export: "named" }, 0],
    [{ module: relative, export: "large" }, 9],
    [{ module: dir.module, export: "negative" }, 255],
  ];
  const handles = await spawnWorkersWithStaging([], mode, cases.map(([worker]) => worker)); // prettier-ignore
  const codes = await Promise.all(handles.map(async (handle) => (await handle.join()).code));
  expect(codes).toEqual(cases.map(([, code]) => code));
});

test("the bytes are the file's own pages, in every mode that maps it, and come through no path", async () => {
  using dir = workers(
    `import { readFileSync, existsSync } from "node:fs";
     export default ({ files: [file], args }) => {
       if (existsSync(file.path)) return 1;
       if (String.fromCharCode(...file.bytes()) !== "old contents") return 2;
       const maps = readFileSync("/proc/self/maps", "utf8");
       return maps.includes(" " + args) ? 0 : 3;
     }`,
  );
  for (const staging of [StageMode.Mmap, StageMode.MmapShared]) {
    writeFileSync(dir.path("a"), "old contents");
    using file = await File.openRead(dir.path("a"));
    renameSync(dir.path("a"), dir.path("moved")); // the descriptor is all that leads to it
    const worker = { module: dir.module, args: dir.path("moved") };
    expect(await (await spawnWorkerWithStaging([file], staging, worker)).join()).toEqual({ code: 0, signal: null });
  }
});

test("prefetched bytes are those of the time of staging", async () => {
  using dir = workers(`export default ({ files }) => files[0].bytes()[0]`, { a: "A" });
  using set = stageFiles(StageMode.Prefetch, [dir.path("a")]);
  writeFileSync(dir.path("a"), "B");
  expect((await (await spawnWorkerWithStaging(set, mode, { module: dir.module })).join()).code).toBe(65);
});

test("a file that is not staged is read by the worker; an empty one has no bytes", async () => {
  using dir = workers(`export default ({ files: [a, b] }) => a.bytes().length * 10 + b.bytes().length`, {
    a: "abc",
    b: "",
  });
  const paths = [dir.path("a"), dir.path("b")];
  for (const staging of [StageMode.None, StageMode.MmapShared, StageMode.Adaptive]) {
    const handle = await spawnWorkerWithStaging(paths, staging, { module: dir.module });
    expect((await handle.join()).code).toBe(30);
  }
});

test("of a set that was staged before, a file that was replaced meanwhile is refused; one that grew is not", async () => {
  using dir = workers(`export default ({ files }) => files[0].bytes().length`, { a: "abc", b: "other" });
  using set = stageFiles(mode, [dir.path("a")]);
  writeFileSync(dir.path("a"), "abcdef");
  expect((await (await spawnWorkerWithStaging(set, mode, { module: dir.module })).join()).code).toBe(3);
  using second = stageFiles(mode, [dir.path("a")]);
  renameSync(dir.path("b"), dir.path("a"));
  await expect(spawnWorkerWithStaging(second, mode, { module: dir.module })).rejects.toThrow(
    expect.objectContaining({ name: "IoError", code: "ERR_STAGE_REPLACED", path: dir.path("a") }),
  );
});

test("more files than a packet has room for", async () => {
  using dir = workers(`export default ({ files, args }) => {
    for (const [index, file] of files.entries()) if (file.bytes()[0] !== index % 251) return 1;
    return files.length === args ? 0 : 2;
  }`);
  const paths = Array.from({ length: 450 }, (_, index) => dir.path(`f${index}`));
  for (const [index, path] of paths.entries()) writeFileSync(path, Uint8Array.of(index % 251));
  const handle = await spawnWorkerWithStaging(paths, mode, { module: dir.module, args: paths.length });
  expect(await handle.join()).toEqual({ code: 0, signal: null });
  expect(memoryUse().mappedBytes).toBe(0);
});

test("arguments may be large, and what cannot be cloned is refused", async () => {
  using dir = workers(`export default ({ args }) => args.text.length === 3e6 && args.bytes.at(-1) === 9 ? 0 : 1`, {
    a: "x",
  });
  const args = { text: "x".repeat(3e6), bytes: Uint8Array.of(1, 9) };
  const handle = await spawnWorkerWithStaging([dir.path("a")], mode, { module: dir.module, args });
  expect((await handle.join()).code).toBe(0);
  const uncloneable = { module: dir.module, args: () => 1 };
  await expect(spawnWorkerWithStaging([dir.path("a")], mode, uncloneable)).rejects.toThrow(/could not be cloned/);
  expect(memoryUse().mappedBytes).toBe(0);
});

test("an exception makes join() reject with the worker's message and stack", async () => {
  using dir = workers(
    `export function thrown() { inner(); }
     function inner() { const error = new RangeError("too far"); error.code = "ERR_FAR"; throw error; }
     export async function rejected() { await null; throw new Error("later"); }
     export async function uncaught() { setTimeout(() => { throw new Error("from a timer"); }); await new Promise((r) => setTimeout(r, 60_000)); }
     export const value = () => { throw { some: "value" }; };
     export const wrong = () => "text";
     export const fraction = () => 1.5;`,
  );
  const failures: [string, object][] = [
    ["thrown", { message: "too far", workerName: "RangeError", workerCode: "ERR_FAR" }],
    ["rejected", { message: "later", workerName: "Error" }],
    ["uncaught", { message: "from a timer" }],
    ["value", { message: "{ some: 'value' }", workerName: "" }],
    ["wrong", { message: expect.stringContaining("must return an integer"), workerName: "TypeError" }],
    ["fraction", { message: expect.stringContaining("not 1.5") }],
  ];
  for (const [name, expected] of failures) {
    const handle = await spawnWorkerWithStaging([], mode, { module: dir.module, export: name });
    const error: Error = await handle.join().then(
      () => new Error("nothing was thrown"),
      (thrown: Error) => thrown,
    );
    expect(error, name).toMatchObject({ name: "WorkerError", code: "ERR_WORKER_THREW", pid: handle.pid, ...expected });
    await expect(handle.join()).rejects.toBe(error);
    if (name === "thrown") expect(error.stack).toMatch(/at inner .*worker\.mjs:2[^]*at thrown .*worker\.mjs:1/);
  }
});

test("a promise is waited for on an event loop: timers, files, sockets, processes, threads of libuv", async () => {
  using dir = workers(
    `import { exec } from "node:child_process";
     import { pbkdf2 } from "node:crypto";
     import { readFile } from "node:fs/promises";
     import { createServer, get } from "node:http";
     import { setTimeout as sleep } from "node:timers/promises";
     import { promisify } from "node:util";
     import { Worker } from "node:worker_threads";
     import { once } from "node:events";
     export default async ({ files: [file] }) => {
       await sleep(5);
       const texts = await Promise.all(Array.from({ length: 8 }, () => readFile(file.path, "utf8")));
       if (texts.some((text) => text !== "text")) return 1;
       if ((await promisify(pbkdf2)("a", "b", 100, 8, "sha256")).length !== 8) return 2;
       if ((await promisify(exec)("echo out")).stdout !== "out\\n") return 3;
       const server = createServer((_, response) => response.end("body")).listen(0);
       await once(server, "listening");
       const [response] = await once(get({ port: server.address().port }), "response");
       if ((await response.toArray()).join("") !== "body") return 4;
       const signal = once(process, "SIGUSR2");
       process.kill(process.pid, "SIGUSR2");
       await signal;
       const [code] = await once(new Worker("process.exit(6)", { eval: true }), "exit");
       if (code !== 6) return 5;
       if ((await import("node:zlib")).gzipSync("x").length === 0) return 6;
       return 42;
     }`,
    { a: "text" },
  );
  const worker = { module: dir.module };
  const handles = await spawnWorkersWithStaging([dir.path("a")], mode, [worker, worker, worker]);
  for (const handle of handles) expect(await handle.join()).toEqual({ code: 42, signal: null });
});

test("a promise that nothing can settle is an error, not a worker that hangs", async () => {
  using dir = workers(`export default () => new Promise(() => {})`);
  const handle = await spawnWorkerWithStaging([], mode, { module: dir.module });
  await expect(handle.join()).rejects.toThrow(/promise did not settle/);
});

test("a worker that exits early, is killed, hangs or crashes is joined as a kernel's is", async () => {
  using dir = workers(
    `export const exits = () => { process.exit(4); };
     export const exitsLater = async () => { setTimeout(() => process.exit(5)); await new Promise((r) => setTimeout(r, 60_000)); };
     export const exitCode = () => { process.exitCode = 6; process.exit(); };
     export const aborts = () => process.abort();
     export const kills = () => process.kill(process.pid, "SIGKILL");
     export const hangs = () => { for (;;); };
     export const waits = () => new Promise((r) => setTimeout(r, 600_000));
     export const full = () => { const all = []; for (;;) all.push(new Array(1e6).fill(all.length)); };`,
  );
  const spawned = (name: string) => spawnWorkerWithStaging([], mode, { module: dir.module, export: name });
  const end = async (name: string) => (await spawned(name)).join();
  expect(await end("exits")).toEqual({ code: 4, signal: null });
  expect(await end("exitsLater")).toEqual({ code: 5, signal: null });
  expect(await end("exitCode")).toEqual({ code: 6, signal: null });
  expect(await end("aborts")).toEqual({ code: null, signal: "SIGABRT" });
  expect(await end("kills")).toEqual({ code: null, signal: "SIGKILL" });
  for (const name of ["hangs", "waits"]) {
    const handle = await spawned(name);
    expect(handle.isAlive()).toBe(true);
    expect(handle.kill(0)).toBe(true);
    expect(handle.kill("SIGTERM", 1000)).toBe(true);
    expect(await handle.join()).toEqual({ code: null, signal: "SIGTERM" });
    expect(handle.isAlive()).toBe(false);
    expect(handle.kill()).toBe(false);
  }
});

test("without pidfds the server signals, and tells who has ended", async () => {
  using dir = workers(`export default () => { for (;;); }`);
  addon().forbidPidfds(true);
  try {
    const handle = await spawnWorkerWithStaging([], mode, { module: dir.module });
    expect(handle.isAlive()).toBe(true);
    expect(handle.kill("SIGTERM")).toBe(true);
    expect(await handle.join()).toEqual({ code: null, signal: "SIGTERM" });
    expect(handle.isAlive()).toBe(false);
  } finally {
    addon().forbidPidfds(false);
  }
});

test("each worker is itself: its pid, its random numbers, its memory", async () => {
  using dir = workers(
    `import { randomInt, randomUUID } from "node:crypto";
     const drawnBefore = [Math.random(), randomUUID(), randomInt(2 ** 40)];
     let calls = drawnBefore.length - 3;
     export default ({ workerIndex, args, arena }) => {
       const out = arena.f64view(args + workerIndex * 40, 5);
       out.set([process.pid, Math.random(), parseInt(randomUUID().slice(0, 8), 16), randomInt(2 ** 40), calls++]);
     }`,
  );
  using arena = Arena.create();
  const at = arena.allocate(8 * 40);
  const worker = { module: dir.module, args: at };
  const handles = await spawnWorkersWithStaging([], mode, Array(8).fill(worker) as ModuleWorker[], { arena });
  await Promise.all(handles.map((handle) => handle.join()));
  const columns = Array.from({ length: 5 }, (_, column) =>
    handles.map((_h, i) => arena.f64view(at, 40)[i * 5 + column]),
  );
  expect(columns[0]).toEqual(handles.map(({ pid }) => pid));
  for (const drawn of columns.slice(1, 4)) expect(new Set(drawn).size).toBe(8);
  expect(columns[4]).toEqual(Array(8).fill(0));
});

test("what workers print is printed", async () => {
  using dir = workers(
    `export default async ({ args }) => {
       console.error("to stderr");
       console.log(JSON.stringify("x".repeat(args)));
       process.stdout.write('"end"\\n');
     }`,
  );
  const script = `const worker = { module: ${JSON.stringify(dir.module)}, args: 300_000 };
    await (await spawnWorkerWithStaging([], StageMode.None, worker)).join();
    say("joined");`;
  const { said, stderr } = await start(script).ended;
  expect(said.map((text) => (text as string).length)).toEqual([300_000, 3, 6]);
  expect(stderr).toBe("to stderr\n");
});

test("a module that cannot be loaded, or exports no such function, is named", async () => {
  using dir = workers(`export const value = 1;`, { "broken.mjs": "const const", "throws.mjs": "null.x" });
  const refused = (module: string, name?: string) => {
    const worker = name === undefined ? { module } : { module, export: name };
    return expect(spawnWorkerWithStaging([], mode, worker)).rejects;
  };
  await refused(dir.path("none.mjs")).toThrow(
    expect.objectContaining({ code: "ERR_WORKER_MODULE", message: expect.stringMatching(/Cannot find .*none\.mjs/) }),
  );
  await refused(dir.path("broken.mjs")).toThrow(/cannot load "file:.*broken\.mjs": SyntaxError/);
  await refused(dir.path("throws.mjs")).toThrow(/cannot load ".*": TypeError: Cannot read/);
  await refused(dir.module).toThrow(/exports no function "default"/);
  await refused(dir.module, "value").toThrow(/exports no function "value"/);
  await refused("no-such-scheme:x").toThrow(/cannot load "no-such-scheme:x"/);
});

test("a module that starts threads is refused, and told why", async () => {
  using dir = workers(
    `import { Worker } from "node:worker_threads";
     import { once } from "node:events";
     const worker = new Worker("setInterval(() => {}, 1000)", { eval: true });
     await once(worker, "online");
     export default () => {};`,
  );
  await expect(spawnWorkerWithStaging([], mode, { module: dir.module })).rejects.toThrow(
    expect.objectContaining({
      code: "ERR_WORKER_THREADS",
      message: expect.stringMatching(/1 more threads? than Node/),
    }),
  );
});

test("a worker cannot have workers of its own", async () => {
  const index = pathToFileURL(`${import.meta.dirname}/../../dist/staging/index.js`).href;
  using dir = workers(
    `import { spawnWorkerWithStaging } from ${JSON.stringify(index)};
     export default () => spawnWorkerWithStaging([], 0, { kernel: "test-return" });`,
  );
  const handle = await spawnWorkerWithStaging([], mode, { module: dir.module });
  await expect(handle.join()).rejects.toThrow(expect.objectContaining({ workerCode: "ERR_WORKER_NESTED" }));
});

test("the arena is allocated from by its owner alone", async () => {
  using dir = workers(`export default ({ arena, args }) => { arena.u8view(args, 1)[0] = 1; arena.allocate(8); }`);
  using arena = Arena.create();
  const args = arena.allocate(1);
  const handle = await spawnWorkerWithStaging([], mode, { module: dir.module, args }, { arena });
  await expect(handle.join()).rejects.toThrow(expect.objectContaining({ workerCode: "ERR_ARENA_BORROWED" }));
  expect(arena.u8view(args, 1)[0]).toBe(1);
  const without = await spawnWorkerWithStaging([], mode, { module: dir.module, args });
  await expect(without.join()).rejects.toThrow(expect.objectContaining({ workerCode: "ERR_WORKER_ARENA" }));
});

test("a file that shrinks under its mapping, or is written to, is an error of the worker and not its death", async () => {
  using dir = workers(
    `import { truncateSync } from "node:fs";
     export const shrinks = ({ files: [file] }) => {
       const bytes = file.bytes();
       truncateSync(file.path, 0);
       return bytes[50_000];
     };
     export const writes = ({ files: [file] }) => { file.bytes()[0] = 1; };
     export const looks = ({ files: [file] }) => { file.bytes(); };`,
  );
  for (const [name, code] of [
    ["shrinks", "ERR_STAGE_SHRANK"],
    ["writes", "ERR_STAGE_WRITTEN"],
  ] as const) {
    writeFileSync(dir.path("a"), "x".repeat(100_000));
    const handle = await spawnWorkerWithStaging([dir.path("a")], mode, { module: dir.module, export: name });
    await expect(handle.join(), name).rejects.toThrow(
      expect.objectContaining({
        workerName: "IoError",
        workerCode: code,
        message: expect.stringContaining(dir.path("a")),
      }),
    );
  }
  writeFileSync(dir.path("a"), "x".repeat(100_000));
  using set = stageFiles(mode, [dir.path("a")]);
  truncateSync(dir.path("a"), 10); // before the worker is forked
  const handle = await spawnWorkerWithStaging(set, mode, { module: dir.module, export: "looks" });
  expect(await handle.join()).toEqual({ code: 0, signal: null });
});

test("beyond the budget nothing is staged and no worker started", async () => {
  using dir = workers(`export default () => {}`, { a: "x".repeat(10_000) });
  const { mappedBytes } = memoryBudget();
  setMemoryBudget({ mappedBytes: 5000 });
  try {
    await expect(spawnWorkerWithStaging([dir.path("a")], mode, { module: dir.module })).rejects.toThrow(
      expect.objectContaining({ code: "ERR_STAGE_BUDGET" }),
    );
  } finally {
    setMemoryBudget({ mappedBytes });
  }
});

test("workers of one call are of one kind", async () => {
  using dir = workers(`export default () => {}`);
  await expect(spawnWorkersWithStaging([], mode, [{ module: dir.module }, { kernel: "test-return" }])).rejects.toThrow(
    expect.objectContaining({ code: "ERR_WORKER_KIND" }),
  );
});

test("when the fork server is killed, its workers end, join() says so, and the next worker has a new server", async () => {
  using dir = workers(
    `export const waits = () => new Promise((resolve) => setTimeout(resolve, 600_000));
     export const parent = ({ arena, args }) => { arena.u32view(args, 1)[0] = process.ppid; };`,
  );
  using arena = Arena.create();
  const args = arena.allocate(4);
  const askForServer = async () => {
    await (await spawnWorkerWithStaging([], mode, { module: dir.module, export: "parent", args }, { arena })).join();
    return arena.u32view(args, 1)[0]!;
  };
  const handles = await spawnWorkersWithStaging([], mode, Array(3).fill({ module: dir.module, export: "waits" }));
  const server = await askForServer();
  expect(readFileSync(`/proc/${server}/comm`, "utf8")).toMatch(/^spore-fork-serv/);
  process.kill(server, "SIGKILL");
  for (const handle of handles) {
    await expect(handle.join()).rejects.toThrow(
      expect.objectContaining({ name: "ForkServerError", code: "ERR_FORK_SERVER_DIED" }),
    );
    expect(isGone(handle.pid)).toBe(true);
    expect(handle.isAlive()).toBe(false);
  }
  expect(await askForServer()).not.toBe(server);
});

test("callers who find the server dead, or none, at the same time share the new one", async () => {
  using dir = workers(
    `export default ({ arena, args, workerIndex }) => { arena.u32view(args.at, 9)[args.index] = process.ppid; }`,
  );
  using arena = Arena.create();
  const at = arena.allocate(36);
  const askAll = async () => {
    const one = async (index: number) => {
      const worker = { module: dir.module, args: { at, index } };
      await (await spawnWorkerWithStaging([], mode, worker, { arena })).join();
    };
    await Promise.all(Array.from({ length: 9 }, (_, index) => one(index)));
    return new Set(arena.u32view(at, 9));
  };
  const first = await askAll();
  expect(first.size).toBe(1);
  process.kill([...first][0]!, "SIGKILL");
  // Whoever asks it before its end is known is told so.
  await expect(askAll()).rejects.toThrow(expect.objectContaining({ code: "ERR_FORK_SERVER_DIED" }));
  const second = await askAll();
  expect(second.size).toBe(1);
  expect(second).not.toEqual(first);
});

test("a parent that is killed leaves no worker and no fork server", async () => {
  using dir = workers(`export const hangs = () => { for (;;); };
    export const waits = () => new Promise((resolve) => setTimeout(resolve, 600_000));`);
  const parent = start(
    `const worker = { module: process.argv[2] };
     const handles = await spawnWorkersWithStaging([process.argv[2]], StageMode.MmapShared,
       [{ ...worker, export: "hangs" }, { ...worker, export: "waits" }]);
     say(handles.map(({ pid }) => pid));
     await handles[0].join();`,
    [dir.module],
  );
  const pids = (await parent.lines.next()).value as number[];
  const server = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pids[0]}/status`, "utf8"))![1]);
  expect(readFileSync(`/proc/${server}/status`, "utf8")).toContain(`PPid:\t${parent.pid}\n`);
  parent.kill("SIGKILL");
  await until(() => [...pids, server].every(isGone));
});

test("a program that joins nothing ends, and its workers with it", async () => {
  using dir = workers(`export default () => { for (;;); }`);
  const said = await run(
    `const handle = await spawnWorkerWithStaging([], StageMode.None, { module: process.argv[2] });
     say(handle.pid);`,
    [dir.module],
  );
  await until(() => isGone(said[0] as number));
});

test("several worker_threads stage and spawn at once, each with its own server", async () => {
  using dir = workers(`export default ({ files, args }) => files[0].bytes()[0] + args`, { a: "\x05" });
  await run(
    `if (worker_threads.isMainThread) {
       const threads = [1, 2, 3].map((n) => new worker_threads.Worker(process.argv[1], { workerData: n, argv: process.argv.slice(2) }));
       await Promise.all(threads.map((thread) => new Promise((resolve, reject) => thread.on("exit", (code) => (code ? reject(code) : resolve(0))).on("error", reject))));
     } else {
       const n = worker_threads.workerData;
       for (let i = 0; i < 5; i++) {
         const workers = Array(3).fill({ module: process.argv[2], args: n });
         const handles = await spawnWorkersWithStaging([process.argv[3]], StageMode.MmapShared, workers);
         for (const handle of handles) if ((await handle.join()).code !== 5 + n) throw new Error("wrong exit code");
       }
     }`,
    [dir.module, dir.path("a")],
  );
});

test("a worker_thread that is terminated leaves no descriptor, no worker and no server", async () => {
  using dir = workers(`export default () => { for (;;); }`, { a: "x" });
  const [{ pids, before, after }] = (await run(
    `if (worker_threads.isMainThread) {
       const descriptors = () => fs.readdirSync("/proc/self/fd").length;
       const once = () => new Promise((resolve) => {
         const thread = new worker_threads.Worker(process.argv[1], { argv: process.argv.slice(2) });
         thread.on("message", (pid) => void thread.terminate().then(() => resolve(pid)));
       });
       const pids = [await once()];
       const before = descriptors();
       for (let i = 0; i < 5; i++) pids.push(await once());
       say({ pids, before, after: descriptors() });
     } else {
       const handle = await spawnWorkerWithStaging([process.argv[3]], StageMode.MmapShared, { module: process.argv[2] });
       void handle.join();
       worker_threads.parentPort.postMessage(handle.pid);
     }`,
    [dir.module, dir.path("a")],
  )) as [{ pids: number[]; before: number; after: number }];
  expect(after).toBe(before);
  await until(() => pids.every(isGone));
});

test("idle servers can be ended", async () => {
  using dir = workers(`export default () => {}`);
  await (await spawnWorkerWithStaging([], mode, { module: dir.module })).join();
  await closeIdleForkServers();
  const children = execFileSync("ps", ["--ppid", String(process.pid), "-o", "comm="], { encoding: "utf8" });
  expect(children).not.toContain("spore-fork");
});

const runsTypeScript = (process.features as { typescript?: unknown }).typescript !== undefined;
test.skipIf(!runsTypeScript)("a module may be in TypeScript where Node runs that", async () => {
  using dir = scratch({ "worker.mts": `export default ({ args }: { args: number }): number => args + 1;` });
  const handle = await spawnWorkerWithStaging([], mode, { module: dir.path("worker.mts"), args: 4 });
  expect((await handle.join()).code).toBe(5);
});

test("a thousand workers leave no descriptor, no mapping, no zombie and no memory", async () => {
  using dir = workers(
    `import { openSync } from "node:fs";
     export default ({ files }) => { openSync(files[0].path); globalThis.leaked = Buffer.alloc(1e6, 1); return files[0].bytes()[0]; }`,
    { a: "\x07" },
  );
  const [first, last] = (await run(
    `
    const parentOf = (pid) => Number(/PPid:\\s+(\\d+)/.exec(fs.readFileSync("/proc/" + pid + "/status", "utf8"))[1]);
    const find = (isIt) => fs.readdirSync("/proc").filter((pid) => {
      try { return /^\\d+$/.test(pid) && isIt(pid, fs.readFileSync("/proc/" + pid + "/stat", "utf8")); }
      catch { return false; } // it ended
    });
    const server = () => find((pid, stat) => stat.includes("(spore-fork-serv)") && parentOf(pid) === process.pid)[0];
    const zombies = () => find((pid, stat) => / Z /.test(stat) && [process.pid, Number(server())].includes(parentOf(pid))).length;
    const isOfFile = (line) => !/ 00:00 0 *(\\[|$)/.test(line);
    const look = (pid) => ({
      descriptors: fs.readdirSync("/proc/" + pid + "/fd").length,
      maps: fs.readFileSync("/proc/" + pid + "/maps", "utf8").split("\\n").filter(isOfFile).length,
      anonymous: Number(/^Anonymous:\\s+(\\d+) kB/m.exec(fs.readFileSync("/proc/" + pid + "/smaps_rollup", "utf8"))[1]),
    });
    const measure = async () => {
      for (let i = 0; i < 10; i++) { globalThis.gc(); await sleep(5); }
      const here = look("self");
      // V8's heap grows with what was in use at once; what is in use now counts.
      const { heapTotal, heapUsed } = process.memoryUsage();
      here.anonymous += Math.round((heapUsed - heapTotal) / 1024);
      return { here, server: look(server()), zombies: zombies(), mappings: staging.memoryUse().mappings };
    };
    const spawnMany = async (count) => {
      for (let done = 0; done < count; done++) {
        const handle = await spawnWorkerWithStaging([process.argv[3]], StageMode.MmapShared, { module: process.argv[2] });
        if ((await handle.join()).code !== 7) throw new Error("wrong exit code");
      }
    };
    await spawnMany(300); // arenas of libuv's threads, compiled code
    await measure(); // what measuring itself needs is there from now on
    say(await measure());
    await spawnMany(1000);
    say(await measure());
    `,
    [dir.module, dir.path("a")],
    ["--expose-gc", "--max-semi-space-size=1"], // else V8's young generation grows, here and in the server
  )) as Record<"here" | "server", { descriptors: number; maps: number; anonymous: number }>[];
  for (const process of ["here", "server"] as const) {
    const { anonymous: before, ...countsBefore } = first![process];
    const { anonymous: after, ...countsAfter } = last![process];
    expect(countsAfter, process).toEqual(countsBefore);
    expect(after - before, `${process}: KiB of memory`).toBeLessThan(6144);
  }
  expect(last).toMatchObject({ zombies: 0, mappings: 0 });
});

test("nothing of this process is left open", () => {
  const names = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      return "";
    }
  });
  expect(names.filter((info) => info.includes("Pid:"))).toEqual([]); // a pidfd
});
