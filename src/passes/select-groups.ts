/** Select, of -r: --gc-sections from what -u and -e name. A COMDAT group of which something is live is live. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

export async function selectGroups(
  workers: Workers,
  { fileBounds: bounds }: Resolved,
  options: LinkOptions,
  diagnostics: Diagnostics,
): Promise<void> {
  if (!options.isGcSections) return;
  if (options.undefinedSymbols.length === 0 && options.requiredSymbols.length === 0 && !options.isEntryExplicit)
    diagnostics.add("gcWithoutRoot", {});
  diagnostics.stopIfFailed();
  const { tables } = workers;
  await workers.run("markRoots", { bounds });
  do {
    await workers.run("markSections", { bounds });
    tables.reset("hasUnmarked");
    tables.reset("hasUnmarkedGroup");
    await workers.run("markEhFrames", { bounds });
    await workers.run("markGroups", { bounds });
  } while (tables.get("hasUnmarked") !== 0 || tables.get("hasUnmarkedGroup") !== 0);
}
