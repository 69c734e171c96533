/** Check cross references: NOCROSSREFS and NOCROSSREFS_TO of scripts (ld manual, "Miscellaneous Commands"). */
import type { Placed } from "../output/placed-section.ts";
import type { LayoutCommands } from "../script/commands.ts";
import type { Workers } from "./workers.ts";

/** Reports what refers to where it must not. Nothing is done without such commands. */
export async function checkCrossReferences(
  workers: Workers,
  { noCrossReferences }: LayoutCommands,
  placed: Placed,
  bounds: Uint32Array,
): Promise<void> {
  if (noCrossReferences.length === 0) return;
  const { tables } = workers;
  const pairs = noCrossReferences.flatMap(({ sections, isToFirst }) => {
    const to = isToFirst ? sections.slice(0, 1) : sections;
    return sections.flatMap((from) => to.filter((name) => name !== from).map((name) => ({ from, to: name })));
  });
  const indicesOf = (asked: string): number[] =>
    placed.sections.flatMap(({ name, index }) => (name === asked ? [index] : []));
  const rows = pairs.flatMap((pair) => {
    const targets = indicesOf(pair.to);
    return indicesOf(pair.from).flatMap((from) => targets.map((to) => ({ from, to })));
  });
  tables.allocate("prohibited", rows.length);
  const from = tables.column("prohibited", "from");
  const to = tables.column("prohibited", "to");
  for (const [row, pair] of rows.entries()) {
    from[row] = pair.from;
    to[row] = pair.to;
  }
  if (rows.length > 0) await workers.run("checkCrossReferences", { bounds });
}
