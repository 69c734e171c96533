import { truncateSync } from "node:fs";
import { promisify } from "node:util";
import { deflateRaw, inflateRawSync } from "node:zlib";

import { expect, test } from "vitest";

import { Arena, File, StageMode, WorkerPool, spawnWorkerWithStaging, stageFiles } from "../../src/staging/index.ts";
import { resultAt, run, scratch, start } from "./run-script.ts";

const page = 4096;
const bytes = (pages: number) => new Uint8Array(pages * page).fill(7);

for (const mode of [StageMode.Mmap, StageMode.MmapShared]) {
  const how = mode === StageMode.Mmap ? "privately" : "shared";

  test(`a file mapped ${how} that shrinks reads as zeros, and the next call names it`, async () => {
    using dir = scratch({ a: bytes(10) });
    using file = await File.openRead(dir.path("a"));
    await file.stage(mode);
    const view = file.bytes();
    truncateSync(dir.path("a"), 2 * page);
    expect([view[page], view[5 * page], view[9 * page]]).toEqual([7, 0, 0]);
    const shrank = expect.objectContaining({ name: "IoError", code: "ERR_STAGE_SHRANK", path: dir.path("a") });
    expect(() => file.check()).toThrow(shrank);
    expect(() => file.bytes()).toThrow(shrank);
    expect(() => file.size()).toThrow(shrank);
    await expect(file.read(new Uint8Array(1))).rejects.toThrow(shrank);
    file.unstage();
    expect(file.bytes()).toHaveLength(2 * page);
  });
}

for (const mode of [StageMode.Mmap, StageMode.MmapShared, StageMode.Prefetch]) {
  test(`a write to a view in mode ${mode} stays private, and the next call names the file`, async () => {
    using dir = scratch({ a: bytes(3) });
    using set = stageFiles(mode, [dir.path("a")]);
    using other = stageFiles(mode, [dir.path("a")]);
    const view = set.bytes(0);
    view[page + 1] = 9;
    expect([view[page], view[page + 1], view[0], other.bytes(0)[page + 1]]).toEqual([7, 9, 7, 7]);
    expect(() => set.bytes(0)).toThrow(expect.objectContaining({ code: "ERR_STAGE_WRITTEN", path: dir.path("a") }));
    other.check();
  });
}

test("a write behind the new end of a file that shrank does not end the process either", () => {
  using dir = scratch({ a: bytes(3) });
  using set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  const view = set.bytes(0);
  truncateSync(dir.path("a"), 0);
  view[2 * page] = 1;
  expect([view[2 * page], view[2 * page + 1], view[0]]).toEqual([1, 0, 0]);
  expect(() => set.check()).toThrow(/ERR_STAGE_(SHRANK|WRITTEN)/);
});

test("a file that shrinks is found out before anybody touches its bytes", () => {
  using dir = scratch({ a: bytes(3) });
  using set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  truncateSync(dir.path("a"), 0);
  expect(() => set.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED" }));
});

test("a system call that reads a shrunk view fails, and the process goes on", async () => {
  using dir = scratch({ a: bytes(64) });
  using set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  const view = set.bytes(0);
  truncateSync(dir.path("a"), 0);
  const { writeFileSync } = await import("node:fs");
  expect(() => writeFileSync(dir.path("copy"), view)).toThrow(expect.objectContaining({ code: "EFAULT" }));
});

test("unstaging while another thread reads the view leaves it something to read", async () => {
  using dir = scratch({ a: new Uint8Array(32 * 2 ** 20).map((_, i) => (i * 2654435761) >> 13) });
  for (let round = 0; round < 4; round++) {
    const set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
    // One chunk of output: for a second one, Node looks at the buffer again, and aborts when it is detached.
    const deflated = promisify(deflateRaw)(set.bytes(0), { level: 1, chunkSize: 64 * 2 ** 20 });
    await new Promise((resolve) => setTimeout(resolve, 2 * round));
    set.close();
    expect(inflateRawSync(await deflated)).toHaveLength(32 * 2 ** 20);
  }
});

test("a file that shrinks under a kernel ends the worker, and the error names the file", async () => {
  using dir = scratch({ a: bytes(1), b: bytes(10) });
  using set = stageFiles(StageMode.MmapShared, [dir.path("a"), dir.path("b")]);
  using arena = Arena.create();
  await using pool = await WorkerPool.create({ files: [set], arena, workers: 2 });
  truncateSync(dir.path("b"), page);
  const crash = pool.run("checksum", {
    rows: 2,
    args: resultAt(arena.allocate(16)),
    describeRow: (row) => set.paths[row]!,
  });
  await expect(crash).rejects.toMatchObject({
    name: "WorkerCrashError",
    kernel: "checksum",
    first: 1,
    end: 2,
    signal: "SIGBUS",
    changedFiles: [dir.path("b")],
  });
  await expect(crash).rejects.toThrow(dir.path("b"));

  const work = { kernel: "checksum", args: resultAt(arena.allocate(16)) };
  const worker = await spawnWorkerWithStaging(set, StageMode.MmapShared, work, { arena });
  expect(await worker.join()).toEqual({ code: null, signal: "SIGBUS" });
});

test("the fault handlers leave WebAssembly's own traps alone", async () => {
  const said = await run(`
    const set = stageFiles(StageMode.MmapShared, [process.argv[1]]);
    set.bytes(0)[0] = 1;
    // (module (memory 1) (func (export "load") (param i32) (result i32) local.get 0 i32.load))
    const code = Uint8Array.from([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 8, 1, 4, 108, 111, 97,
      100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11,
    ]);
    const { load } = new WebAssembly.Instance(new WebAssembly.Module(code)).exports;
    try { load(0x7ffffff0); say("no trap"); } catch (error) { say(error instanceof WebAssembly.RuntimeError); }
  `);
  expect(said).toEqual([true]);
});

test("a fault that is none of ours ends the process as it always did", async () => {
  const { signal } = await start(`
    const set = stageFiles(StageMode.MmapShared, [process.argv[1]]);
    set.bytes(0)[0] = 1;
    process.kill(process.pid, "SIGSEGV");
    await sleep(10_000);
  `).ended;
  expect(signal).toBe("SIGSEGV");
});
