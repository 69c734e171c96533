/**
 * Merge: strings, constants and CIEs that are equal get one place; dead FDEs are dropped. Fills mergeable,
 * piece, cie, mergeCell and the .eh_frame columns of file.
 */
import { enumerations } from "../tables/schema.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { type FileRow, prefixSum, rowAt } from "../tables/views.ts";
import type { Split } from "./split.ts";
import { partitionsOf, unify } from "./unify.ts";
import type { Workers } from "./workers.ts";

const { HashSource } = enumerations;

export interface Merged extends Split {
  /** Bytes of the output's .eh_frame. */
  readonly ehFrameSize: number;
  readonly fdes: number;
}

export async function merge(workers: Workers, selected: Split): Promise<Merged> {
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
    await unify(workers, HashSource.CIES, cies);
    tables.free("hashEntry");
    tables.free("hashCell");
  }
  await workers.run("countFdes", { bounds });
  const ehFrameSize = placeEhFrames(workers, files);
  const fdes = prefixSum(tables.column("file", "fdes"), tables.column("file", "firstFde"), files, "FDEs");

  // hashEntry stays: it lists each partition's pieces until they are written.
  await unify(workers, HashSource.PIECES, pieces);
  await workers.run("verifyPieces");
  await workers.run("placePieces", { rows: tables.get("partitions") });
  return { ...selected, ehFrameSize, fdes };
}

/** Gives each file's own CIEs, then its FDEs, their place in .eh_frame. Returns its size. */
function placeEhFrames({ tables }: Workers, files: number): number {
  const firstCie = tables.column("file", "firstCie");
  const fdeBytes = tables.column("file", "ehFrameSize");
  const ehFrameOffset = tables.column("file", "ehFrameOffset");
  const same = tables.column("cie", "same");
  const isUsed = tables.column("cie", "isUsed");
  const size = tables.column("cie", "size");
  const offset = tables.column("cie", "offset");
  let at = 0;
  for (let file = 0 as FileRow; file < files; file++) {
    ehFrameOffset[file] = at;
    for (let cie = firstCie[file]; cie < firstCie[rowAt(file, 1)]; cie++)
      if (same[cie] === cie && isUsed[cie]) {
        offset[cie] = at;
        at += size[cie];
      }
    at += fdeBytes[file];
  }
  if (at > 0xffffffff) throw new LimitExceeded("bytes of .eh_frame", "4 GiB");
  return at;
}
