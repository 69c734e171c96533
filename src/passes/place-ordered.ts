/** Layout of what the order-sections pass has listed: a chunk has no part of its own in such buckets. */
import type { Bucket } from "../output/plan.ts";
import type { Workers } from "./workers.ts";

/** Lays ordered buckets out. Their sizes are those of the first chunk's parts. */
export async function placeOrdered(workers: Workers): Promise<void> {
  if (workers.tables.rows("orderedSection") > 0) await workers.run("placeOrdered", { rows: 1 });
}

/** Once parts have been summed: offsets of sections in ordered buckets are from the bucket's beginning. */
export function settleOrdered({ tables }: Workers, buckets: readonly Bucket[]): void {
  if (tables.rows("orderedSection") === 0) return;
  const isOrdered = tables.column("bucket", "isOrdered");
  const ordinal = tables.column("bucket", "ordinal");
  const offset = tables.column("chunkBucket", "offset");
  const rows = tables.rows("chunkBucket");
  for (const { id } of buckets)
    if (isOrdered[id] !== 0) for (let row = ordinal[id]!; row < rows; row += buckets.length) offset.set(row, 0);
}
