/**
 * Merge: strings, constants and CIEs that are equal get one place; dead FDEs are dropped. Fills piece, mergeCell and the
 * .eh_frame columns of file.
 */
import { enumerations } from "../tables/schema.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { type FileRow, prefixSum, rowAt } from "../tables/views.ts";
import type { Folded } from "./fold.ts";
import { unify } from "./unify.ts";
import type { Workers } from "./workers.ts";

export interface Merged extends Folded {
  /** Bytes of the output's .eh_frame. */
  readonly ehFrameSize: number;
  readonly fdes: number;
}

export async function merge(workers: Workers, folded: Folded): Promise<Merged> {
  const { tables } = workers;
  const { files, fileBounds: bounds, pieces } = folded;
  await workers.run("countFdes", { bounds });
  const ehFrameSize = placeEhFrames(workers, files);
  const fdes = prefixSum(tables.column("file", "fdes"), tables.column("file", "firstFde"), files, "FDEs");

  // hashEntry stays: it lists each partition's pieces until they are written.
  await unify(workers, enumerations.HashSource.PIECES, pieces);
  await workers.run("verifyPieces");
  await workers.run("placePieces", { rows: tables.get("partitions") });
  return { ...folded, ehFrameSize, fdes };
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
