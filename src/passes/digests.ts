/** Layout: a row for the digest of each extent of the output, which whoever makes its bytes fills. */
import { constants } from "../tables/schema.ts";
import type { Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

const { chunkParts, symtabParts, singleParts } = constants;

export function allocateDigests({ tables }: Workers, { buckets, fileBounds }: Synthetic): void {
  const chunks = fileBounds.length - 1;
  const firstPiece = chunks * (buckets.length + chunkParts.value);
  const firstSymtab = firstPiece + tables.rows("mergeCell");
  const firstSingle = firstSymtab + chunks * symtabParts.value;
  tables.allocate("digest", firstSingle + singleParts.value);
  tables.set("firstPieceDigest", firstPiece);
  tables.set("firstSymtabDigest", firstSymtab);
  tables.set("firstSingleDigest", firstSingle);
}
