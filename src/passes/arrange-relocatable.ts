/**
 * Layout, of -r: the sections of the output and what each is made of, with places in the file. Fills outputSection,
 * placedMember, memberChunk, outputSymbol.commonSection and the rest of outputMember.
 */
import type { LinkOptions } from "../options/link-options.ts";
import { relocatableFlags } from "./classify.ts";
import type { RelocatableRules } from "./relocatable-rules.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

export async function arrangeRelocatable(
  workers: Workers,
  resolved: Resolved,
  options: LinkOptions,
  { alignments }: RelocatableRules,
): Promise<Resolved> {
  const { tables } = workers;
  const sections = tables.rows("section");
  tables.allocate("outputSection", sections + COMMON_SECTIONS);
  tables.allocate("placedMember", sections);
  tables.allocate("memberChunk", sections);
  tables.allocate("outputSymbol", tables.rows("symbol"));
  tables.allocate("statedAlignment", alignments.size);
  for (const [row, [order, alignment]] of [...alignments].entries()) {
    tables.column("statedAlignment", "order")[row] = order;
    tables.column("statedAlignment", "log2")[row] = Math.round(Math.log2(Math.max(1, alignment)));
  }
  await workers.run("arrangeSections", { rows: 1, parameters: [relocatableFlags(options)] });
  tables.setRows("outputSection", tables.get("outputSectionCount"));
  tables.setRows("placedMember", tables.get("placedMemberCount"));
  tables.setRows("memberChunk", tables.get("memberChunkCount"));
  return resolved;
}

/** Those that common symbols may be given: small, large and thread-local ones. */
const COMMON_SECTIONS = 3;
