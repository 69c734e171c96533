/** What the schema and the kernels' declarations promise of columns; the checked build sees that kernels keep to it. */
import { expect, test } from "vitest";

import { type Access, accesses, type ColumnPath, reported } from "../../src/tables/accesses.ts";
import { claimingFile, claimingSymbol, claimRank, makeClaim } from "../../src/tables/claim.ts";
import { type Kernel, kernels, passes } from "../../src/tables/kernels.ts";
import { enumerations, results, schema, type TableSchema } from "../../src/tables/schema.ts";
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
  const declared: Readonly<Record<string, Kernel>> = kernels;
  const facts = columns.filter(({ isFact }) => isFact);
  expect(facts.length).toBeGreaterThan(20);
  for (const { path } of facts) {
    const fillers = kernelsThat(({ fills }) => fills.includes(path));
    expect(fillers.length, path).toBeGreaterThan(0);
    expect(fillers.map((kernel) => declared[kernel]!.pass)).toEqual(fillers.map(() => "scan"));
  }
});

/** Passes whose kernels fill a column. */
function fillingPasses(path: ColumnPath): Set<string> {
  const declared: Readonly<Record<string, Kernel>> = kernels;
  return new Set(kernelsThat(({ fills }) => fills.includes(path)).flatMap((kernel) => declared[kernel]!.pass ?? []));
}
/** Those that its text names, in parentheses at the end. */
const namedPasses = (is: string): string[] => /\(([^()]*)\)$/.exec(is)?.[1]!.split(", ") ?? [];

test("what is computed names the passes that fill it", () => {
  const known: readonly string[] = [...passes, "any pass"];
  const texts = [
    ...columns.filter(({ isFact }) => isFact === undefined).map(({ path, is }) => [path, is]),
    ...Object.entries(results),
  ];
  for (const [name, is] of texts) {
    const named = namedPasses(is!);
    expect(named.length, name).toBeGreaterThan(0);
    expect(known, `${name}: ${is}`).toEqual(expect.arrayContaining(named));
  }
  for (const { path, is, isFact } of columns)
    if (isFact === undefined) expect(namedPasses(is), path).toEqual(expect.arrayContaining([...fillingPasses(path)]));
});

test("a column is filled by one pass, unless later ones add to it", () => {
  /** Why what an earlier pass has filled still holds, or is asked for no more. */
  const added: Readonly<Record<string, string>> = {
    "file.image": "where kernels read the file: from split on a copy, if there is one",
    "file.imageSize": "the same",
    "file.flags": "bits are only added",
    "mention.name": "resolve adds rows for __start_X, which the linker defines after all",
    "mention.symbol": "the same; and resolve makes one symbol of a name and its default version",
    "symbol.claim": "split gives those for __start_X back where there is no section X",
    "symbol.flags": "the same; else bits are only added",
    "symbol.uses": "bits are only added",
    "section.flags": "bits are only added",
    "digest.low": "each pass has rows of its own",
    "digest.high": "each pass has rows of its own",
    "hashCell.count": "allocated anew for each table that is unified",
    "hashCell.first": "the same",
    "hashEntry.hash": "the same",
    "hashEntry.row": "the same",
  };
  const several = columns.filter(
    ({ table, is }) => !(reported as readonly string[]).includes(table) && namedPasses(is).length > 1,
  );
  expect(several.map(({ path }) => path).toSorted()).toEqual(Object.keys(added).toSorted());
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
