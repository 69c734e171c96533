/** Unify: for every row with a hash, the first row with the same one. Names, pieces and CIEs share it. */
import type { Workers } from "./workers.ts";

/** Powers of two, and the same for any number of workers: what is written depends on them. */
export const PARTITIONS = 64;
export const RANGES = 64;

/** @param source a HashSource: which table's hash and same columns are meant; it has `rows` rows */
export async function unify(workers: Workers, source: number, rows: number): Promise<void> {
  const { tables } = workers;
  tables.allocate("hashCell", RANGES * PARTITIONS);
  tables.allocate("hashEntry", rows);
  const parameters = [source];
  await workers.run("hashCount", { rows: RANGES, parameters });
  const count = tables.column("hashCell", "count");
  const first = tables.column("hashCell", "first");
  let next = 0;
  for (let partition = 0; partition < PARTITIONS; partition++)
    for (let range = 0; range < RANGES; range++) {
      const cell = range * PARTITIONS + partition;
      first[cell] = next;
      next += count[cell];
    }
  await workers.run("hashScatter", { rows: RANGES, parameters });
  await workers.run("hashUnify", { rows: PARTITIONS, parameters });
}
