import { chmodSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { devNull } from "node:os";

import { afterEach, expect, test } from "vitest";

import { File, IoError, StageMode, adaptiveThresholds, setAdaptiveThresholds } from "../../src/staging/index.ts";
import { run, scratch } from "./run-script.ts";

const defaults = adaptiveThresholds();
afterEach(() => setAdaptiveThresholds(defaults));

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("a file is read from a position, or from where the last read ended", async () => {
  using dir = scratch({ digits: "0123456789" });
  await using file = await File.openRead(dir.path("digits"));
  const buffer = new Uint8Array(4);
  expect(file.size()).toBe(10);
  expect([await file.read(buffer, 6), text(buffer)]).toEqual([4, "6789"]);
  expect([await file.read(buffer), text(buffer)]).toEqual([4, "0123"]);
  expect([await file.read(buffer), text(buffer)]).toEqual([4, "4567"]);
  expect(await file.read(buffer)).toBe(2);
  expect(await file.read(buffer)).toBe(0);
});

const ways = [
  ["stageMmap", StageMode.Mmap, false],
  ["stageMmapShared", StageMode.MmapShared, true],
  ["stagePrefetch", StageMode.Prefetch, false],
] as const;

for (const [method, mode, isShared] of ways) {
  test(`${method}() gives the bytes of the file, and unstage() takes them away`, async () => {
    using dir = scratch({ a: "some text" });
    using file = await File.openRead(dir.path("a"));
    const state = await file[method]();
    expect(state).toMatchObject({ mode, size: 9, isShared, stagedFiles: [dir.path("a")] });
    expect(state.address).toBeGreaterThan(0);
    const bytes = file.bytes();
    expect(text(bytes)).toBe("some text");
    expect(file.bytes()).toBe(bytes);
    expect(state.prefetchBuffer).toBe(mode === StageMode.Prefetch ? bytes : null);

    file.unstage();
    expect(bytes.length).toBe(0);
    expect(file.state).toMatchObject({ mode: StageMode.None, address: 0, prefetchBuffer: null, stagedFiles: [] });
    expect(text(file.bytes())).toBe("some text");
    file.unstage();
  });

  test(`${method}() of an empty file is an empty state`, async () => {
    using dir = scratch({ empty: "" });
    using file = await File.openRead(dir.path("empty"));
    expect(await file[method]()).toMatchObject({ mode, size: 0, address: 0 });
    expect(file.bytes()).toHaveLength(0);
    file.check();
    file.unstage();
  });
}

test("stageAuto() decides by size, at thresholds that can be changed", async () => {
  using dir = scratch({ small: "1", middle: "123", large: "12345" });
  setAdaptiveThresholds({ prefetchBelow: 2, sharedFrom: 4 });
  const modes = [];
  for (const name of ["small", "middle", "large"]) {
    using file = await File.openRead(dir.path(name));
    modes.push((await file.stageAuto()).mode);
  }
  expect(modes).toEqual([StageMode.Prefetch, StageMode.Mmap, StageMode.MmapShared]);
  expect(() => setAdaptiveThresholds({ prefetchBelow: 5 })).toThrow(RangeError);
});

test("staging a second time replaces the first", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  await file.stageMmap();
  const before = file.bytes();
  expect(await file.stagePrefetch()).toMatchObject({ mode: StageMode.Prefetch });
  expect(before.length).toBe(0);
  expect(text(file.bytes())).toBe("abc");
});

test("a prefetched file does not change with the file", async () => {
  using dir = scratch({ a: "before" });
  using file = await File.openRead(dir.path("a"));
  await file.stagePrefetch();
  truncateSync(dir.path("a"), 0);
  expect(text(file.bytes())).toBe("before");
  expect(() => file.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED" }));
});

test("errors name the file, the system call and the errno", async () => {
  using dir = scratch();
  await expect(File.openRead(dir.path("nowhere"))).rejects.toThrow(
    expect.objectContaining({ name: "IoError", code: "ENOENT", syscall: "open", path: dir.path("nowhere") }),
  );
  mkdirSync(dir.path("folder"));
  await expect(File.openRead(dir.path("folder"))).rejects.toThrow(expect.objectContaining({ code: "EISDIR" }));
  symlinkSync("loop", dir.path("loop"));
  await expect(File.openRead(dir.path("loop"))).rejects.toThrow(IoError);
  await expect(File.openRead(dir.path("loop"))).rejects.toThrow(/ELOOP: .*, open ".*loop"/);
});

test.skipIf(process.getuid!() === 0)("a file without read permission is EACCES", async () => {
  using dir = scratch({ secret: "x" });
  chmodSync(dir.path("secret"), 0);
  await expect(File.openRead(dir.path("secret"))).rejects.toThrow(expect.objectContaining({ code: "EACCES" }));
});

test("a device is opened and read, and refused for mapping", async () => {
  using file = await File.openRead(devNull);
  await expect(file.stageMmap()).rejects.toThrow(expect.objectContaining({ code: "ERR_STAGE_NOT_REGULAR" }));
  expect(file.bytes()).toHaveLength(0);
});

test("a closed file keeps no descriptor and refuses everything", async () => {
  using dir = scratch({ a: "abc" });
  const before = readdirSync("/proc/self/fd").length;
  const file = await File.openRead(dir.path("a"));
  await file.stageMmapShared();
  const bytes = file.bytes();
  await file.close();
  await file.close();
  expect(readdirSync("/proc/self/fd")).toHaveLength(before);
  expect(bytes.length).toBe(0);
  const closed = expect.objectContaining({ code: "EBADF", path: dir.path("a") });
  expect(() => file.bytes()).toThrow(closed);
  expect(() => file.size()).toThrow(closed);
  expect(() => file.check()).toThrow(closed);
  await expect(file.read(new Uint8Array(1))).rejects.toThrow(closed);
  await expect(file.stagePrefetch()).rejects.toThrow(closed);
});

test("a file that is written to in place is found out by check()", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  await file.stageMmapShared();
  file.check();
  writeFileSync(dir.path("a"), "abcdef");
  expect(() => file.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED", path: dir.path("a") }));
});

test("a file that is replaced keeps its bytes, and check() of the open file is content", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  await file.stageMmapShared();
  const { renameSync } = await import("node:fs");
  writeFileSync(dir.path("b"), "xyz");
  renameSync(dir.path("b"), dir.path("a"));
  file.check();
  expect(text(file.bytes())).toBe("abc");
});

test("files and mappings that were forgotten are given back on garbage collection", async () => {
  const [before, after] = (await run(
    `
    const count = () => [fs.readdirSync("/proc/self/fd").length, staging.memoryUse().mappings];
    const before = count();
    await (async () => {
      for (let i = 0; i < 50; i++) {
        const file = await File.openRead(process.argv[1]);
        await file.stageMmapShared();
        file.bytes();
        stageFiles(StageMode.Prefetch, [process.argv[1]]).bytes(0);
      }
    })();
    for (let i = 0; i < 20; i++) { globalThis.gc(); await sleep(5); }
    say(before); say(count());
    `,
    [],
    ["--expose-gc"],
  )) as [number[], number[]];
  expect(after).toEqual(before);
});

test("a view keeps its bytes when the set and the arena that it came from are forgotten", async () => {
  const said = await run(
    `
    const views = (() => {
      const arena = Arena.create();
      const shared = arena.u8view(arena.allocate(10), 10).fill(7);
      return [shared, stageFiles(StageMode.MmapShared, [process.argv[1]]).bytes(0)];
    })();
    for (let i = 0; i < 20; i++) { globalThis.gc(); await sleep(2); }
    say(views[0][9]);
    say(Buffer.compare(views[1], fs.readFileSync(process.argv[1])));
    `,
    [],
    ["--expose-gc"],
  );
  expect(said).toEqual([7, 0]);
});

test("where external buffers are forbidden, bytes() is a copy, and an arena has no views", async () => {
  const said = await run(`
    addon().forbidExternalBuffers(true);
    const file = await File.openRead(process.argv[1]);
    await file.stageMmap();
    const bytes = file.bytes();
    say(Buffer.compare(bytes, fs.readFileSync(process.argv[1])) === 0);
    file.unstage();
    say(bytes.length);
    const arena = Arena.create();
    try { arena.u8view(arena.allocate(8), 8); } catch (error) { say(error.code); }
  `);
  expect(said).toEqual([true, 0, "ERR_ARENA_NO_VIEW"]);
});
