/**
 * Select: which sections are in the output. Without --gc-sections all are, and nothing runs. Fills section's
 * flags LIVE and EXPANDED. The cost is one visit to each relocation of what is kept.
 */
import type { LinkOptions } from "../options/link-options.ts";
import type { Split } from "./split.ts";
import type { Workers } from "./workers.ts";

export async function select(workers: Workers, split: Split, options: LinkOptions): Promise<Split> {
  if (!options.isGcSections) return split;
  const { tables } = workers;
  const bounds = split.fileBounds;
  await workers.run("markRoots", { bounds });
  do {
    await workers.run("markSections", { bounds });
    // An FDE may keep an LSDA, whose type information keeps more: until nothing moves.
    tables.reset("hasUnmarked");
    await workers.run("markEhFrames", { bounds });
  } while (tables.get("hasUnmarked") !== 0);
  return split;
}
