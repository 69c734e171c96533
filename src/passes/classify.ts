/**
 * Split, of -r: which sections of the inputs are in the output, and which of them are one section there. Fills
 * outputMember's key, order and rank, and section's flags. No section of an input is added after it.
 */
import type { LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import type { FindingReader } from "./findings.ts";
import { fillStatedRules } from "./name-rules.ts";
import type { RelocatableRules } from "./relocatable-rules.ts";
import type { Resolved } from "./resolve.ts";
import { fileFinder, inflateFiles } from "./split.ts";
import type { Workers } from "./workers.ts";

const { RelocatableFlags, RuleTraits } = enumerations;

/** What the kernels of -r are asked for. */
export function relocatableFlags({ relocatable }: LinkOptions): number {
  return (
    (relocatable.isGroupDissolved ? RelocatableFlags.DISSOLVE_GROUPS : 0) |
    (relocatable.hasUniqueOrphans ? RelocatableFlags.UNIQUE_ORPHANS : 0) |
    (relocatable.isCommonDefined ? RelocatableFlags.DEFINE_COMMONS : 0)
  );
}

export async function classify(
  workers: Workers,
  resolved: Resolved,
  { rules }: RelocatableRules,
  options: LinkOptions,
  findings: FindingReader,
): Promise<void> {
  const { tables } = workers;
  await inflateFiles(workers, resolved);
  fillStatedRules(workers, rules, resolved.files, fileFinder(workers, findings));
  const traits = tables.column("nameRule", "traits");
  const order = tables.column("nameRule", "outputOrder");
  const nameAddress = tables.column("nameRule", "outputName");
  const nameLength = tables.column("nameRule", "outputNameLength");
  for (const [row, rule] of rules.entries()) {
    if (rule.isUnique) traits[row] |= RuleTraits.UNIQUE;
    order[row] = rule.order;
    if (rule.output === undefined) continue;
    const bytes = Buffer.from(rule.output);
    const offset = tables.arena.allocate(bytes.length);
    tables.arena.u8view(offset, bytes.length).set(bytes);
    nameAddress.set(row, tables.arena.baseAddress + offset);
    nameLength[row] = bytes.length;
  }
  tables.allocate("outputMember", tables.rows("section"));
  await workers.run("classifySections", { bounds: resolved.fileBounds, parameters: [relocatableFlags(options)] });
}
