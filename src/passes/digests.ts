/** Layout: a row for the digest of each extent of the output, which whoever makes its bytes fills. */
import type { Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

/** Extents that a chunk has besides one for each bucket, and that one kernel writes at once; as in the kernels. */
const CHUNK_PARTS = 3;
const SYMTAB_PARTS = 4;
const SINGLE_PARTS = 16;

export function allocateDigests({ tables }: Workers, { buckets, fileBounds }: Synthetic): void {
  const chunks = fileBounds.length - 1;
  const firstPiece = chunks * (buckets.length + CHUNK_PARTS);
  const firstSymtab = firstPiece + tables.rows("mergeCell");
  const firstSingle = firstSymtab + chunks * SYMTAB_PARTS;
  tables.allocate("digest", firstSingle + SINGLE_PARTS);
  tables.set("firstPieceDigest", firstPiece);
  tables.set("firstSymtabDigest", firstSymtab);
  tables.set("firstSingleDigest", firstSingle);
}
