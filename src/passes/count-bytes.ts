/** What a link held, for --stats. */
import type { LinkBytes } from "../reports/stats.ts";
import type { Inputs } from "./find-inputs.ts";
import type { Workers } from "./workers.ts";

export function countBytes({ arena }: Workers, { staged }: Inputs, output: number): LinkBytes {
  let inputFiles = 0;
  let inputs = 0;
  for (const { sizes, count } of staged) {
    inputFiles += count;
    inputs += sizes.reduce((sum, size) => sum + size, 0);
  }
  return { inputFiles, inputs, arena: arena.touchedBytes(), output };
}
