/** The rings in which a map's small results come. */
import { expect, test } from "vitest";

import { Arena } from "../../src/staging/arena.ts";
import { ResultRing, ringBytes } from "../../src/staging/modules/result-ring.ts";

test("what is put is taken once, in its order, however often the ring goes round", () => {
  using arena = Arena.create();
  const offset = arena.allocate(ringBytes);
  const [writer, reader] = [new ResultRing(arena, offset), new ResultRing(arena, offset)];
  reader.clear();
  const put: unknown[] = [];
  const taken: unknown[] = [];
  let refused = 0;
  for (let chunk = 0; chunk < 3000; chunk++) {
    const value = [undefined, null, chunk, "é".repeat(chunk % 700), { row: [chunk, -1.5] }][chunk % 5];
    if (writer.put(chunk, value)) put.push([chunk, value]);
    else refused++;
    if (chunk % 37 === 0) taken.push(...reader.take());
  }
  taken.push(...reader.take());
  expect(taken).toEqual(put);
  expect(refused).toBeGreaterThan(0); // it was full now and then
  expect(put.length).toBeGreaterThan(1000);
});

test("what JSON cannot say is refused", () => {
  using arena = Arena.create();
  const ring = new ResultRing(arena, arena.allocate(ringBytes));
  for (const value of [NaN, -0, 1n, new Map(), [undefined], Uint8Array.of(1), "x".repeat(5000)])
    expect(ring.put(0, value)).toBe(false);
  expect([...ring.take()]).toEqual([]);
});

test("a ring that somebody wrote over is an error, and ends", () => {
  using arena = Arena.create();
  const offset = arena.allocate(ringBytes);
  const words = arena.u32view(offset, ringBytes / 4);
  for (const [word, value] of [
    [16, 0xffff_fff0],
    [16, 20],
    [33, 0xffff_ffff],
    [33, 9000],
    [32, 0xffff_ffff],
  ] as const) {
    words.fill(0);
    const ring = new ResultRing(arena, offset);
    ring.put(1, "text");
    words[word] = value;
    expect(() => [...ring.take()]).toThrow(/overwrote|JSON/);
  }
});
