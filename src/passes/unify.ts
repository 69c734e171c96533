/** Unify: for every row with a hash, the first row with the same one. Names, pieces and CIEs share it. */
import type { Workers } from "./workers.ts";

const MAX_PARTITIONS = 64;
/** Fewer rows than this are not worth another chunk of work. */
const ROWS_PER_PARTITION = 2048;

/**
 * Partitions of so many rows, and ranges that they are counted in: a power of two that depends on nothing else,
 * least of all on the number of workers, because what is written depends on it.
 */
export function partitionsOf({ isSpread }: Workers, rows: number): number {
  if (isSpread) return MAX_PARTITIONS;
  return Math.min(MAX_PARTITIONS, 2 ** Math.max(0, Math.ceil(Math.log2(rows / ROWS_PER_PARTITION))));
}

/**
 * Fills the column `same` of the table that `source`, a HashSource, means, which has `rows` rows. Leaves the
 * rows of each partition in hashEntry, and link.ranges and link.partitions as they were used.
 */
export async function unify(workers: Workers, source: number, rows: number): Promise<void> {
  const { tables } = workers;
  const partitions = partitionsOf(workers, rows);
  const ranges = partitions;
  tables.set("partitions", partitions);
  tables.set("ranges", ranges);
  tables.allocate("hashCell", ranges * partitions);
  tables.allocate("hashEntry", rows, { isDirty: true }); // every row is written before it is read
  const parameters = [source];
  await workers.run("hashCount", { rows: ranges, parameters });
  const count = tables.column("hashCell", "count");
  const first = tables.column("hashCell", "first");
  let next = 0;
  for (let partition = 0; partition < partitions; partition++)
    for (let range = 0; range < ranges; range++) {
      const cell = range * partitions + partition;
      first[cell] = next;
      next += count[cell];
    }
  await workers.run("hashScatter", { rows: ranges, parameters });
  await workers.run("hashUnify", { rows: partitions, parameters });
}
