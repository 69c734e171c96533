import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";

import { expect, test } from "vitest";

import { File, StageMode, headBytes, memoryUse, stage, stageFiles } from "../../src/staging/index.ts";
import { scratch } from "./run-script.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test("a batch has the path, size, first bytes, address, state and bytes of each file", () => {
  using dir = scratch({ a: "first", b: "", c: "x".repeat(100) });
  const paths = ["a", "b", "c"].map(dir.path);
  using set = stageFiles(StageMode.MmapShared, paths);
  expect(set.paths).toEqual(paths);
  expect(set.count).toBe(3);
  expect([...set.sizes]).toEqual([5, 0, 100]);
  expect(set.heads).toHaveLength(3 * headBytes);
  expect(text(set.heads.subarray(0, 6))).toBe("first\0");
  expect(set.heads.subarray(headBytes, 2 * headBytes).every((byte) => byte === 0)).toBe(true);
  expect(text(set.heads.subarray(2 * headBytes))).toBe("x".repeat(64));
  expect(set.addresses[0]).toBeGreaterThan(0);
  expect(set.addresses[1]).toBe(0);
  expect(set.states[2]).toMatchObject({ mode: StageMode.MmapShared, size: 100, isShared: true, stagedFiles: paths });
  expect(text(set.bytes(0))).toBe("first");
  expect(set.bytes(0)).toBe(set.bytes(0));
  expect(set.bytes(1)).toHaveLength(0);
  expect(() => set.bytes(3)).toThrow(RangeError);
  set.check();
  expect(set.changedFiles()).toEqual([]);
  set.adviseSequential(2);
});

for (const mode of [StageMode.None, StageMode.Mmap, StageMode.Prefetch, StageMode.Adaptive]) {
  test(`a batch in mode ${Object.entries(StageMode).find(([, m]) => m === mode)![0]} has the same bytes`, async () => {
    using dir = scratch({ a: "first", b: "second" });
    using set = await stage(mode, dir.path("a"), dir.path("b"));
    expect([text(set.bytes(0)), text(set.bytes(1))]).toEqual(["first", "second"]);
    expect(set.states[1]!.address !== 0).toBe(mode !== StageMode.None);
  });
}

test("a file that fails in the middle is named, and nothing stays mapped", async () => {
  using dir = scratch({ a: "1", c: "3" });
  mkdirSync(dir.path("folder"));
  const before = memoryUse();
  const paths = [dir.path("a"), dir.path("nowhere"), dir.path("c")];
  const missing = expect.objectContaining({ code: "ENOENT", syscall: "open", path: dir.path("nowhere") });
  expect(() => stageFiles(StageMode.MmapShared, paths)).toThrow(missing);
  await expect(stage(StageMode.MmapShared, ...paths)).rejects.toThrow(missing);
  await expect(stage(StageMode.Mmap, dir.path("a"), dir.path("folder"))).rejects.toThrow(
    expect.objectContaining({ code: "EISDIR", path: dir.path("folder") }),
  );
  const { mappings, ...bytes } = memoryUse();
  expect(bytes).toEqual({ mappedBytes: before.mappedBytes, prefetchedBytes: before.prefetchedBytes });
  expect(mappings).toBeLessThanOrEqual(before.mappings); // views of other tests may be collected meanwhile
});

test("failures can be collected instead, and the other files are staged", () => {
  using dir = scratch({ a: "1", c: "3" });
  const paths = [dir.path("a"), dir.path("nowhere"), dir.path("c"), "/dev/null"];
  using set = stageFiles(StageMode.MmapShared, paths, { onError: "collect" });
  expect([...set.failures]).toEqual([
    [1, { code: "ENOENT", syscall: "open", path: dir.path("nowhere") }],
    [3, { code: "ERR_STAGE_NOT_REGULAR", syscall: "mmap", path: "/dev/null" }],
  ]);
  expect(text(set.bytes(2))).toBe("3");
  expect(() => set.bytes(1)).toThrow(expect.objectContaining({ code: "ENOENT" }));
  expect(set.changedFiles()).toEqual([]);
});

test("of many files, which several threads stage, each failure and each change has its own index", () => {
  using dir = scratch();
  mkdirSync(dir.path("many"));
  const paths = Array.from({ length: 2_000 }, (_, i) => dir.path(`many/${i}`));
  for (const path of paths) writeFileSync(path, path);
  const missing = [3, 700, 1_999];
  for (const i of missing) rmSync(paths[i]!);
  const before = memoryUse();
  expect(() => stageFiles(StageMode.MmapShared, paths)).toThrow(
    expect.objectContaining({ code: "ENOENT", path: paths[3] }),
  );
  expect(memoryUse()).toEqual(before);

  const threads = readdirSync("/proc/self/task").length;
  using set = stageFiles(StageMode.MmapShared, paths, { onError: "collect" });
  expect(readdirSync("/proc/self/task")).toHaveLength(threads);
  expect([...set.failures.keys()]).toEqual(missing);
  expect(paths.filter((path, i) => !missing.includes(i) && text(set.bytes(i)) !== path)).toEqual([]);
  expect(set.changedFiles()).toEqual([]);
  for (const i of [0, 1_234]) writeFileSync(paths[i]!, "changed");
  rmSync(paths[1_500]!);
  expect(set.changedFiles()).toEqual([0, 1_234, 1_500]);
  expect(() => set.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED", path: paths[0] }));
});

test("ten thousand files are staged without keeping a descriptor, and unmapped again", () => {
  using dir = scratch();
  mkdirSync(dir.path("many"));
  const paths = Array.from({ length: 10_000 }, (_, i) => dir.path(`many/${i}`));
  for (const path of paths) writeFileSync(path, path);
  const descriptors = readdirSync("/proc/self/fd").length;
  const before = memoryUse();
  const set = stageFiles(StageMode.MmapShared, paths);
  expect(readdirSync("/proc/self/fd")).toHaveLength(descriptors);
  expect(memoryUse().mappings).toBe(before.mappings + 10_000);
  expect(text(set.bytes(9_999))).toBe(paths[9_999]);
  set.close();
  // The one whose view was handed out waits for that to be collected.
  expect(memoryUse().mappings - before.mappings).toBeLessThanOrEqual(1);
  expect(memoryUse().mappedBytes).toBe(before.mappedBytes);
});

test("closing detaches the views and makes later calls throw", () => {
  using dir = scratch({ a: "abc" });
  const set = stageFiles(StageMode.Mmap, [dir.path("a")]);
  const bytes = set.bytes(0);
  set.close();
  set.close();
  expect(bytes.length).toBe(0);
  expect(() => set.bytes(0)).toThrow(expect.objectContaining({ code: "ERR_STAGE_CLOSED", path: dir.path("a") }));
  expect(set.isClosed).toBe(true);
});

test("files that were written, replaced or removed since staging are told apart from the others", () => {
  using dir = scratch({ a: "a", written: "b", replaced: "c", removed: "d", other: "e" });
  using set = stageFiles(StageMode.MmapShared, ["a", "written", "replaced", "removed"].map(dir.path));
  writeFileSync(dir.path("written"), "longer");
  renameSync(dir.path("other"), dir.path("replaced"));
  rmSync(dir.path("removed"));
  expect(set.changedFiles()).toEqual([1, 2, 3]);
  expect(() => set.check()).toThrow(expect.objectContaining({ code: "ERR_STAGE_CHANGED", path: dir.path("written") }));
});

test("a file object that is staged already is not mapped twice", async () => {
  using dir = scratch({ a: "abc", b: "def" });
  using file = await File.openRead(dir.path("a"));
  await file.stageMmapShared();
  const before = memoryUse();
  const set = await stage(StageMode.MmapShared, file, dir.path("b"));
  // Not the number of mappings: one of an earlier test may be collected meanwhile.
  expect(memoryUse().mappedBytes).toBe(before.mappedBytes + 3);
  expect(set.addresses[0]).toBe(file.state.address);
  expect(set.bytes(0)).toBe(file.bytes());
  expect(text(set.heads.subarray(0, 4))).toBe("abc\0");
  set.close();
  expect(text(file.bytes())).toBe("abc"); // the file's own mapping stays
});

test("a file object that is not staged is staged with the set, by its descriptor", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  rmSync(dir.path("a"));
  const set = await stage(StageMode.MmapShared, file);
  expect(file.state.mode).toBe(StageMode.MmapShared);
  expect(file.bytes()).toBe(set.bytes(0));
  set.close();
  expect(file.state.mode).toBe(StageMode.None);
  expect(text(file.bytes())).toBe("abc");
});

test("a file object may be in a set twice", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  using set = await stage(StageMode.MmapShared, file, file);
  expect(set.bytes(1)).toBe(set.bytes(0));
  expect(file.bytes()).toBe(set.bytes(0));
});

test("a file of a set that is unstaged is refused by the set", async () => {
  using dir = scratch({ a: "abc" });
  using file = await File.openRead(dir.path("a"));
  using set = await stage(StageMode.MmapShared, file);
  file.unstage();
  expect(() => set.bytes(0)).toThrow(expect.objectContaining({ code: "ERR_STAGE_CLOSED" }));
});

test("mapped bytes are the file's own: a change in place is seen", () => {
  using dir = scratch({ a: "abc" });
  using set = stageFiles(StageMode.MmapShared, [dir.path("a")]);
  expect(text(set.bytes(0))).toBe("abc");
  writeFileSync(dir.path("a"), "xyz", { flag: "r+" });
  expect(text(set.bytes(0))).toBe("xyz");
  expect(readFileSync(dir.path("a"), "utf8")).toBe("xyz");
  truncateSync(dir.path("a"), 3);
});
