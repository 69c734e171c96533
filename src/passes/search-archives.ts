/**
 * Scan, first of all: the members of large archives that may be in the link, by the indexes of the archives. The
 * others get no row in file. An archive without a right index is scanned whole, and so are all where most of
 * what they define is wanted.
 */
import type { LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import { prefixSum } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { TestHooks } from "./test-hooks.ts";
import type { Workers } from "./workers.ts";

const { InputFlags } = enumerations;

/** Scanning less than this costs no more than searching it. */
const MIN_SEARCHED_BYTES = 16 * 2 ** 20;

/** Resolves to whether archives were searched by their indexes: then a member that is not listed is not known. */
export async function searchArchives(
  workers: Workers,
  inputs: Inputs,
  options: LinkOptions,
  { searchesAll = false }: TestHooks,
): Promise<boolean> {
  const { tables } = workers;
  // A reference to a wrapped name means another one.
  if (options.wrappedSymbols.length > 0 || searchedBytes(inputs) < (searchesAll ? 1 : MIN_SEARCHED_BYTES)) return false;
  await workers.run("countIndexes");
  const rows = tables.rows("input");
  const names = prefixSum(
    tables.column("input", "indexNames"),
    tables.column("input", "firstIndexName"),
    rows,
    "names in archives",
  );
  tables.allocate("indexName", names);
  if (names > 0) {
    await workers.run("hashIndexes");
    await workers.run("searchIndexes", { rows: 1 });
    if (tables.get("isSearchTooWide") === 0) return true;
  }
  const flags = tables.column("input", "flags");
  for (let row = 0; row < rows; row++) flags[row] &= ~InputFlags.IS_INDEXED;
  return false;
}

function searchedBytes({ files }: Inputs): number {
  const searched = files.filter(({ kind, isWholeArchive }) => kind === "archive" && !isWholeArchive);
  return searched.reduce((sum, { mapped: { size } }) => sum + size, 0);
}
