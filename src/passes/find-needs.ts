/**
 * Find needs: one walk over the relocations of live sections, which says what slots and dynamic relocations
 * the output must have, and which symbols are undefined. Fills symbol.flags, localNeed and the relocation
 * counts of file.
 */
import type { Merged } from "./merge.ts";
import type { Workers } from "./workers.ts";

/** Room for local symbols that need a slot; memory is taken when it is used. */
const MAX_LOCAL_NEEDS = 1 << 22;

export interface Needs extends Merged {
  /** Dynamic relocations without a symbol, and with one, for sections. */
  readonly relatives: number;
  readonly symbolics: number;
}

export async function findNeeds(workers: Workers, merged: Merged): Promise<Needs> {
  const { tables } = workers;
  tables.allocate("localNeed", MAX_LOCAL_NEEDS);
  await workers.run("scanRelocations", { bounds: merged.fileBounds });
  tables.setRows("localNeed", Math.min(tables.get("localNeedCount"), MAX_LOCAL_NEEDS));
  let relatives = 0;
  let symbolics = 0;
  const relative = tables.column("file", "relatives");
  const symbolic = tables.column("file", "symbolics");
  for (let file = 0; file < merged.files; file++) {
    relatives += relative[file];
    symbolics += symbolic[file];
  }
  return { ...merged, relatives, symbolics };
}
