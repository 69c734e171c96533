/**
 * Merge, first half: strings and constants of merged sections, and CIEs, get rows; equal CIEs are found. Fills mergeable,
 * piece and cie. Fold looks at them before they are placed.
 */
import { enumerations } from "../tables/schema.ts";
import { prefixSum } from "../tables/views.ts";
import type { Split } from "./split.ts";
import { partitionsOf, unify } from "./unify.ts";
import type { Workers } from "./workers.ts";

export interface Pieces extends Split {
  readonly pieces: number;
}

export async function listPieces(workers: Workers, selected: Split): Promise<Pieces> {
  const { tables } = workers;
  const { files, fileBounds: bounds, buckets } = selected;
  await workers.run("countPieces", { bounds });
  const mergeables = prefixSum(
    tables.column("file", "mergeables"),
    tables.column("file", "firstMergeable"),
    files,
    "merged sections",
  );
  const pieces = prefixSum(
    tables.column("file", "pieces"),
    tables.column("file", "firstPiece"),
    files,
    "strings and constants",
  );
  const cies = prefixSum(tables.column("file", "cies"), tables.column("file", "firstCie"), files, "CIEs");
  tables.allocate("mergeable", mergeables);
  tables.allocate("piece", pieces);
  tables.allocate("cie", cies);
  tables.allocate("mergeCell", partitionsOf(workers, pieces) * buckets.length);
  await workers.run("listPieces", { bounds });
  if (cies > 0) {
    await unify(workers, enumerations.HashSource.CIES, cies);
    tables.free("hashEntry");
    tables.free("hashCell");
  }
  return { ...selected, pieces };
}
