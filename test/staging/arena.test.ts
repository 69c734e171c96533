import { readdirSync } from "node:fs";

import { expect, test } from "vitest";

import { Arena, memoryUse } from "../../src/staging/index.ts";
import { run } from "./run-script.ts";

const MiB = 2 ** 20;

test("an extent is aligned, zero-filled, and visible through typed arrays", () => {
  using arena = Arena.create();
  const a = arena.allocate(10);
  const b = arena.allocate(100, 4096);
  expect([a % 64, b % 4096]).toEqual([0, 0]);
  expect(arena.u8view(b, 100).every((byte) => byte === 0)).toBe(true);
  arena.u32view(b, 2).set([0x01020304, 5]);
  expect([...arena.u8view(b, 5)]).toEqual([4, 3, 2, 1, 5]);
  arena.f64view(b + 8, 1)[0] = 0.5;
  expect(arena.u64view(b + 8, 1)[0]).toBe(0x3fe0000000000000n);
  expect(arena.u8view(b, 100).buffer).toBe(arena.u32view(b + 4, 1).buffer);
});

test("nothing is spent on what is reserved, and pages only on what is touched", () => {
  using arena = Arena.create({ reserveBytes: 2 ** 36 });
  expect(arena.reservedBytes).toBe(2 ** 36);
  const at = arena.allocate(64 * MiB, 4096);
  expect(arena.touchedBytes()).toBe(0);
  arena.u8view(at, 2 * MiB).fill(1);
  expect(arena.touchedBytes()).toBe(2 * MiB);
  expect(arena.allocatedBytes()).toBe(64 * MiB);
  arena.release(at, MiB);
  expect(arena.touchedBytes()).toBe(MiB);
  expect([arena.u8view(at, 1)[0], arena.u8view(at + MiB, 1)[0]]).toEqual([0, 1]);
});

test("releasing part of a page frees nothing", () => {
  using arena = Arena.create();
  const at = arena.allocate(4096, 4096);
  arena.u8view(at, 4096).fill(7);
  arena.release(at + 1, 4095);
  expect(arena.u8view(at, 4096).every((byte) => byte === 7)).toBe(true);
});

test("a freed extent serves the next allocation that may be dirty, and no other", () => {
  using arena = Arena.create();
  const at = arena.allocate(1024);
  const view = arena.u8view(at, 1024).fill(9);
  arena.free(at);
  expect(view.length).toBe(0);
  expect(arena.allocate(512)).not.toBe(at);
  expect(arena.allocate(512, 64, { isDirty: true })).toBe(at);
  expect(arena.allocate(512, 64, { isDirty: true })).toBe(at + 512);
  expect(arena.u8view(at, 1)[0]).toBe(9);
  expect(() => arena.free(at + 8)).toThrow(RangeError);
});

test("freed neighbours become one extent again", () => {
  using arena = Arena.create();
  const [a, b, c] = [arena.allocate(64), arena.allocate(64), arena.allocate(64)];
  arena.free(a);
  arena.free(c);
  arena.free(b);
  expect(arena.allocate(192, 64, { isDirty: true })).toBe(a);
});

test("one range has one buffer, and buffers do not overlap", () => {
  using arena = Arena.create();
  const at = arena.allocate(4096);
  const buffer = arena.buffer(at + 64, 128);
  expect(arena.buffer(at + 64, 128)).toBe(buffer);
  expect(arena.u32view(at + 68, 4).buffer).toBe(buffer);
  expect(() => arena.buffer(at + 64, 256)).toThrow(RangeError);
  expect(() => arena.buffer(at, 65)).toThrow(RangeError);
  expect(() => arena.u8view(at, 4096)).toThrow(RangeError);
  expect(arena.u8view(at + 192, 8)).toHaveLength(8);
});

test("what was not allocated cannot be seen", () => {
  using arena = Arena.create();
  const at = arena.allocate(100);
  expect(() => arena.u8view(at, 101)).toThrow(RangeError);
  expect(() => arena.buffer(1e9, 1)).toThrow(RangeError);
  expect(() => arena.allocate(-1)).toThrow(RangeError);
  expect(() => arena.allocate(1, 3)).toThrow(RangeError);
});

test("an arena that is full says so", () => {
  using arena = Arena.create({ reserveBytes: MiB });
  arena.allocate(MiB - 4096);
  expect(() => arena.allocate(8192)).toThrow(expect.objectContaining({ code: "ERR_ARENA_FULL" }));
  expect(arena.allocate(4096 - 64)).toBeGreaterThan(0);
});

test("closing detaches the buffers and gives descriptor and mapping back", () => {
  const before = { descriptors: readdirSync("/proc/self/fd").length, bytes: memoryUse().mappedBytes };
  const arena = Arena.create();
  const view = arena.u8view(arena.allocate(100), 100);
  arena.close();
  arena.close();
  expect(view.length).toBe(0);
  expect(readdirSync("/proc/self/fd")).toHaveLength(before.descriptors);
  expect(memoryUse().mappedBytes).toBe(before.bytes);
  expect(() => arena.allocate(1)).toThrow(expect.objectContaining({ code: "ERR_ARENA_CLOSED" }));
  expect(() => arena.u8view(0, 1)).toThrow(expect.objectContaining({ code: "ERR_ARENA_CLOSED" }));
});

test("an arena larger than the process may have is made as large as it can be", async () => {
  // More than a process can address, so refused as a limit on the address space would.
  const [reserved] = (await run(`
    const arena = Arena.create({ reserveBytes: 2 ** 48 });
    say(arena.reservedBytes);
  `)) as [number];
  expect(reserved).toBeGreaterThan(0);
  expect(reserved).toBeLessThan(2 ** 48);
});

test("Atomics work on the arena", () => {
  using arena = Arena.create();
  const counters = arena.u32view(arena.allocate(64), 16);
  expect(Atomics.add(counters, 3, 5)).toBe(0);
  expect(Atomics.load(counters, 3)).toBe(5);
});
