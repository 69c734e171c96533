/**
 * Synthesise: slots for what symbols need, counted by ranges of symbols, summed and numbered in symbol order; and the
 * order of dynamic relocations. Fills entry, needCell and localNeed.entry.
 */
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Needs } from "./find-needs.ts";
import type { Workers } from "./workers.ts";

export interface Slots {
  readonly got: number;
  readonly plt: number;
  readonly pltGot: number;
  /** Relocations of .got slots without a symbol, and the others; Local Dynamic's among these. */
  readonly relatives: number;
  readonly symbolics: number;
  /** Relocations of .rela.dyn without a symbol: the first ones. */
  readonly allRelatives: number;
  /** All of them. */
  readonly relaDyn: number;
}

/** Counts, sums and places what symbols need. */
export async function placeSlots(workers: Workers, needs: Needs): Promise<Slots> {
  const { tables } = workers;
  const ranges = tables.get("ranges");
  tables.allocate("needCell", ranges + 1);
  await workers.run("countNeeds", { rows: ranges + 1 });
  const cells = ranges + 1;
  const sum = (name: "relatives" | "symbolics"): number => {
    const counts = tables.column("needCell", name);
    let total = 0;
    for (let cell = 0; cell < cells; cell++) total += counts[cell];
    return total;
  };
  const place = (
    name: "entries" | "got" | "plt" | "iplt" | "pltGot",
    firstName: "firstEntry" | "firstGot" | "firstPlt" | "firstIplt" | "firstPltGot",
    start = 0,
  ): number => {
    const counts = tables.column("needCell", name);
    const first = tables.column("needCell", firstName);
    let next = start;
    for (let cell = 0; cell < cells; cell++) {
      first[cell] = next;
      next += counts[cell];
    }
    return next;
  };
  const tlsLd = tables.get("needsTlsLd");
  const isStatic = (tables.get("outputFlags") & enumerations.OutputFlags.STATIC) !== 0;
  const entries = place("entries", "firstEntry");
  const got = place("got", "firstGot", tlsLd * 2);
  const jumps = place("plt", "firstPlt");
  const ifuncs = place("iplt", "firstIplt");
  const pltGot = place("pltGot", "firstPltGot");
  const relatives = sum("relatives");
  const symbolics = sum("symbolics") + (isStatic ? 0 : tlsLd);
  tables.set("pltJumps", jumps);
  tables.allocate("entry", entries);
  await workers.run("placeNeeds", { rows: ranges + 1 });
  await workers.run("placeCopies", { rows: 1 });

  const relocations = placeRelocations(workers, needs, relatives, symbolics);
  return { got, plt: jumps + ifuncs, pltGot, relatives, symbolics, ...relocations };
}

/**
 * Numbers the relocations of .rela.dyn: those without a symbol first, as DT_RELACOUNT wants; then the sections', then
 * .got's and copies. Last what looks up an ifunc of this output by its name: its resolver is called at once, and may
 * rely on all others.
 */
function placeRelocations(
  { tables }: Workers,
  { files }: Needs,
  gotRelatives: number,
  gotSymbolics: number,
): Pick<Slots, "allRelatives" | "relaDyn"> {
  const relatives = tables.column("file", "relatives");
  const symbolics = tables.column("file", "symbolics");
  const firstRelative = tables.column("file", "firstRelative");
  const firstSymbolic = tables.column("file", "firstSymbolic");
  const ifuncs = tables.column("file", "ifuncSymbolics");
  const firstIfunc = tables.column("file", "firstIfuncSymbolic");
  let next = gotRelatives;
  for (let file = 0 as FileRow; file < files; file++) {
    firstRelative[file] = next;
    next += relatives[file];
  }
  const allRelatives = next;
  for (let file = 0 as FileRow; file < files; file++) {
    firstSymbolic[file] = next;
    next += symbolics[file];
  }
  tables.set("gotSymbolics", next);
  next += gotSymbolics + tables.get("copyCount");
  for (let file = 0 as FileRow; file < files; file++) {
    firstIfunc[file] = next;
    next += ifuncs[file];
  }
  return { allRelatives, relaDyn: next };
}
