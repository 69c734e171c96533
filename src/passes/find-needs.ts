/**
 * Find needs: one walk over the relocations of live sections, which says what slots and dynamic relocations
 * the output must have, and which symbols are undefined. Fills symbol.flags, localNeed and the relocation
 * counts of file.
 */
import { enumerations } from "../tables/schema.ts";
import type { FileRow, Tables } from "../tables/views.ts";
import type { Merged } from "./merge.ts";
import type { Workers } from "./workers.ts";

const { FileState, FileTraits } = enumerations;

/** All that merge found: needs are in the tables. */
export type Needs = Merged;

export async function findNeeds(workers: Workers, merged: Merged): Promise<Needs> {
  const { tables } = workers;
  const room = roomForLocalNeeds(tables, merged.files);
  tables.allocate("localNeed", room);
  await workers.run("scanRelocations", { bounds: merged.fileBounds });
  tables.setRows("localNeed", Math.min(tables.get("localNeedCount"), room));
  await workers.run("markCopyAliases", { bounds: merged.fileBounds });
  return merged;
}

/**
 * A row for every local symbol, twice, because a worker that dies leaves the rows that it had taken. Memory is taken
 * when it is used.
 */
function roomForLocalNeeds(tables: Tables, files: number): number {
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const locals = tables.column("file", "firstGlobal");
  let room = 0;
  for (let file = 0 as FileRow; file < files; file++)
    if (state[file] & FileState.REACHED && !(traits[file] & FileTraits.IS_SHARED)) room += locals[file];
  return room * 2;
}
