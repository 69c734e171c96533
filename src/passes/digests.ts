/** Layout: a row for the digest of each extent of the output, which whoever makes its bytes fills. */
import { constants } from "../tables/schema.ts";
import type { Synthetic } from "./synthesise.ts";
import type { Workers } from "./workers.ts";

const { chunkParts, symtabParts, singleParts, dynsymExtents } = constants;

/** Symbols of .dynsym that are written in one part, more or less, and how many parts there are at most. */
const SYMBOLS_PER_PART = 16_384;
const MAX_PARTS = 16;

export function allocateDigests({ tables }: Workers, { buckets, fileBounds }: Synthetic): void {
  const chunks = fileBounds.length - 1;
  const firstPiece = chunks * (buckets.length + chunkParts.value);
  const firstSymtab = firstPiece + tables.rows("mergeCell");
  const firstSingle = firstSymtab + chunks * symtabParts.value;
  const parts = Math.min(Math.max(1, Math.ceil(tables.get("dynsymCount") / SYMBOLS_PER_PART)), MAX_PARTS);
  // The first part is among the single extents.
  tables.allocate("digest", firstSingle + singleParts.value + (parts - 1) * dynsymExtents.value);
  tables.set("dynsymParts", parts);
  tables.set("firstPieceDigest", firstPiece);
  tables.set("firstSymtabDigest", firstSymtab);
  tables.set("firstSingleDigest", firstSingle);
}
