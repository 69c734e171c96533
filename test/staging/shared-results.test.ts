/** Columns, counters and strings that several processes store in the arena at once. */
import { afterAll, expect, test } from "vitest";

import { Arena, StageMode, WorkerPool, closeIdleForkServers, createPool, stageFiles } from "../../src/staging/index.ts";
import type { ColumnType } from "../../src/staging/index.ts";
import { resultAt, scratch } from "./run-script.ts";

const dir = scratch({
  a: "1\n2\n",
  b: "3\n",
  "worker.mjs": `
    let isFirst = true;
    export default ({ arrived, counter, column, wide, strings }, { arena, range, workerCount }) => {
      arrived = arena.counter(arrived);
      if (isFirst) arrived.add();
      isFirst = false;
      while (arrived.value < workerCount); // so that they meet
      counter = arena.counter(counter);
      column = arena.column(column);
      wide = arena.column(wide);
      strings = arena.strings(strings);
      for (let i = range.begin; i < range.end; i++) {
        counter.add();
        column.add(i % 4, 1);
        column.max(4, i);
        column.min(5, i);
        wide.add(0, 2n ** 40n);
        if (i % 2000 === 0) strings.add("string " + i + " é");
      }
    };
    export const lines = (place, { arena }) => arena.column(place).array.map((n) => n * 10n);`,
});
afterAll(async () => {
  await closeIdleForkServers();
  dir[Symbol.dispose]();
});

test("several workers add to counters, columns and strings at once, and nothing is lost", async () => {
  await using pool = await createPool<(task: unknown) => void>({ worker: { module: dir.path("worker.mjs") }, size: 3 });
  const { arena } = pool;
  const counter = arena.counter();
  const column = arena.column("u32", 6);
  column.store(5, 2 ** 32 - 1);
  const wide = arena.column("u64", 1);
  const strings = arena.strings({ capacity: 200, bytes: 8000 });
  const rows = 400_000;
  await pool.map({ end: rows, chunkSize: 50_000 }, { arrived: arena.counter(), counter, column, wide, strings });
  expect(counter.value).toBe(rows);
  expect([...column.array]).toEqual([...Array(4).fill(rows / 4), rows - 1, 0]);
  expect(wide.load(0)).toBe(BigInt(rows) * 2n ** 40n);
  expect(strings.count).toBe(200);
  const texts = [...strings.entries()].map(([, text]) => text);
  expect(new Set(texts)).toEqual(new Set(Array.from({ length: 200 }, (_, i) => `string ${i * 2000} é`)));
  expect(() => strings.add("")).toThrow(expect.objectContaining({ code: "ERR_ARENA_FULL" }));
});

test("a kernel's column is read by JavaScript, here and in a worker", async () => {
  using set = stageFiles(StageMode.MmapShared, [dir.path("a"), dir.path("b")]);
  using arena = Arena.create();
  const column = arena.column("u64", set.count);
  await using kernels = await WorkerPool.create({ files: [set], arena, workers: 2 });
  await kernels.run("count-lines", { rows: set.count, args: resultAt(column.offset) });
  expect([...column.array]).toEqual([2n, 1n]);
  await using pool = await createPool<(place: unknown) => BigUint64Array>({
    worker: { module: dir.path("worker.mjs"), export: "lines" },
    arena,
    size: 1,
  });
  expect(await pool.run(column)).toEqual(BigUint64Array.of(20n, 10n));
});

test("columns have every type of C, in zeros, aligned, and atomics where there are any", () => {
  using arena = Arena.create();
  const types: ColumnType[] = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"];
  for (const type of types) {
    const column = arena.column(type, 3);
    expect(column.array).toHaveLength(3);
    expect([...column.array].every((element) => Number(element) === 0)).toBe(true);
    column.array[2] = (type.endsWith("64") && !type.startsWith("f") ? 7n : 7) as never;
    expect(Number(arena.column({ type, offset: column.offset, length: 3 }).array[2])).toBe(7);
    arena.free(column.offset);
  }
  const bytes = arena.column("i8", 2);
  expect([bytes.add(0, 127), bytes.add(0, 1), bytes.load(0)]).toEqual([0, 127, -128]);
  expect([bytes.or(1, 6), bytes.and(1, 3), bytes.exchange(1, 9), bytes.load(1)]).toEqual([0, 6, 2, 9]);
  expect([bytes.compareExchange(1, 8, 1), bytes.compareExchange(1, 9, 1), bytes.load(1)]).toEqual([9, 9, 1]);
  const floats = arena.column("f64", 1);
  // @ts-expect-error There are no atomic operations on floating-point numbers.
  expect(() => floats.add(0, 1)).toThrow(TypeError);
  expect(() => arena.column("u32", -1)).toThrow(RangeError);
  expect(() => arena.column("u33" as "u32", 1)).toThrow(TypeError);
});

test("a counter may be set, and goes beyond 32 bits", () => {
  using arena = Arena.create();
  const counter = arena.counter();
  counter.value = 2 ** 40;
  expect([counter.add(5), counter.add(-1), counter.value]).toEqual([2 ** 40, 2 ** 40 + 5, 2 ** 40 + 4]);
});

test("strings are what was added, also the empty one and bytes; others are undefined", () => {
  using arena = Arena.create();
  const strings = arena.strings({ capacity: 4, bytes: 10 });
  const ids = [strings.add("é€"), strings.add(""), strings.add(Uint8Array.of(104, 105))];
  expect(ids.map((id) => strings.get(id))).toEqual(["é€", "", "hi"]);
  expect([strings.get(3), strings.get(-1), strings.get(99)]).toEqual([undefined, undefined, undefined]);
  expect(() => strings.add("four")).toThrow(expect.objectContaining({ code: "ERR_ARENA_FULL" }));
  expect([...arena.strings(strings).entries()]).toEqual([
    [0, "é€"],
    [1, ""],
    [2, "hi"],
  ]);
});
