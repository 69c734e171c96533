/** What the schema and the kernels' declarations promise of columns; the checked build sees that kernels keep to it. */
import { expect, test } from "vitest";

import { type Access, accesses, type ColumnPath } from "../../src/tables/accesses.ts";
import { claimingFile, claimingSymbol, claimRank, makeClaim } from "../../src/tables/claim.ts";
import { type Kernel, kernels } from "../../src/tables/kernels.ts";
import { enumerations, schema, type TableSchema } from "../../src/tables/schema.ts";
import type { FileRow } from "../../src/tables/views.ts";

const columns = Object.entries<TableSchema>(schema).flatMap(([table, { columns: all }]) =>
  Object.entries(all).map(([name, column]) => ({ path: `${table}.${name}` as ColumnPath, table, ...column })),
);
const kernelsThat = (uses: (access: Access) => boolean): string[] =>
  Object.entries<Access>(accesses).flatMap(([kernel, access]) => (uses(access) ? [kernel] : []));

test("each kernel says what it reads and fills", () => {
  expect(Object.keys(accesses)).toEqual(Object.keys(kernels));
});

test("facts are found by scan, and by nobody later", () => {
  const passes: Readonly<Record<string, Kernel>> = kernels;
  const facts = columns.filter(({ isFact }) => isFact);
  expect(facts.length).toBeGreaterThan(20);
  for (const { path } of facts) {
    const fillers = kernelsThat(({ fills }) => fills.includes(path));
    expect(fillers.length, path).toBeGreaterThan(0);
    expect(fillers.map((kernel) => passes[kernel]!.pass)).toEqual(fillers.map(() => "scan"));
  }
});

test("a column that takes over another's memory is as wide", () => {
  const heirs = columns.filter(({ takesOver }) => takesOver !== undefined);
  expect(heirs.length).toBeGreaterThan(0);
  for (const { table, takesOver, width } of heirs)
    expect(columns.find(({ path }) => path === `${table}.${takesOver!}`)?.width).toBe(width);
});

test("a claim is read as it was made", () => {
  const { LAZY, WEAK } = enumerations.ClaimRank;
  for (const [rank, file, symbol] of [
    [WEAK, 0, 1],
    [LAZY, 0xfffffff, 0xffffffff],
  ] as const) {
    const [low, high] = makeClaim(rank, file as FileRow, symbol);
    expect([claimRank(high), claimingFile(high), claimingSymbol(low)]).toEqual([rank, file, symbol]);
  }
});
