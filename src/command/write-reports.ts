/** What a link is asked to say besides its output: statistics, maps, names of inputs. */
import { writeFileSync } from "node:fs";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { type LinkResult, linkWith } from "../link.ts";
import { type LinkOptions, STANDARD_OUTPUT } from "../options/link-options.ts";
import type { OwnHooks } from "../passes/link-hooks.ts";
import { formatDependencies } from "../reports/dependency-file.ts";
import { formatMap } from "../reports/map-file.ts";
import { formatMemoryUsage } from "../reports/memory-usage.ts";
import { formatBytes, formatPasses, formatStats } from "../reports/stats.ts";
import { formatTrace } from "../reports/trace.ts";
import { ioError } from "../staging/index.ts";
import { throwIfCut } from "../staging/io-error.ts";
import type { LinkReports } from "./main.ts";

/**
 * Links, and writes the reports that go to files; resolves to what goes to the terminal.
 *
 * @param residence what --stats says of the resident linker
 */
export async function linkReporting(
  options: LinkOptions,
  diagnostics: Diagnostics,
  hooks: OwnHooks,
  residence?: string,
): Promise<LinkReports> {
  let reports: LinkReports = {};
  const beforeCommit = (result: LinkResult): void => {
    reports = writeReports(result, options, residence);
  };
  await linkWith(options, diagnostics, { ...hooks, beforeCommit });
  return reports;
}

/** @throws IoError naming the report */
function writeReports(result: LinkResult, options: LinkOptions, residence: string | undefined): LinkReports {
  let standardOutput = "";
  let standardError = "";
  if (options.isTraceInputs) standardOutput += result.openedPaths.map((path) => `${path}\n`).join("");
  for (const line of result.unusedSections) standardError += `${line}\n`;
  for (const line of result.foldedSections) standardOutput += `${line}\n`;
  if (options.isStats)
    standardError += [
      formatStats(result.timings),
      formatPasses(result.timings, result.wallMs),
      formatBytes(result.bytes),
      ...(residence === undefined ? [] : [`resident linker: ${residence}\n`]),
    ].join("\n");
  if (options.traceFile !== undefined) writeReport(options.traceFile, formatTrace(result.timings));
  if (options.dependencyFile !== undefined)
    writeReport(options.dependencyFile, formatDependencies(result.path, result.openedPaths));
  if (options.isVerbose)
    standardOutput += result.openedPaths.map((path) => `attempt to open ${path} succeeded\n`).join("");
  if (options.isPrintMemoryUsage) standardOutput += formatMemoryUsage(result.memoryUsage);
  if (result.map === undefined) {
    standardOutput += result.crossReference;
  } else {
    const text = formatMap(result.map) + result.crossReference;
    if (options.mapFile === STANDARD_OUTPUT) standardOutput += text;
    else writeReport(options.mapFile!, text);
  }
  return { standardOutput, standardError };
}

function writeReport(path: string, text: string): void {
  throwIfCut(path, "open");
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw ioError(error as NodeJS.ErrnoException, path);
  }
}
