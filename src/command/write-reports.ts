/** What a link is asked to say besides its output: statistics, maps, names of inputs. */
import { writeFileSync } from "node:fs";

import type { LinkResult } from "../link.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { formatDependencies } from "../reports/dependency-file.ts";
import { formatMap } from "../reports/map-file.ts";
import { formatBytes, formatPasses, formatStats } from "../reports/stats.ts";
import { formatTrace } from "../reports/trace.ts";
import { ioError } from "../staging/index.ts";
import { throwIfCut } from "../staging/io-error.ts";
import type { LinkReports } from "./main.ts";

/** Writes the reports that go to files; returns what goes to the terminal. @throws IoError naming the report */
export function writeReports(result: LinkResult, options: LinkOptions): LinkReports {
  let standardOutput = "";
  let standardError = "";
  if (options.isTraceInputs) standardOutput += result.openedPaths.map((path) => `${path}\n`).join("");
  for (const line of result.unusedSections) standardError += `${line}\n`;
  if (options.isStats)
    standardError += [
      formatStats(result.timings),
      formatPasses(result.timings, result.wallMs),
      formatBytes(result.bytes),
    ].join("\n");
  if (options.traceFile !== undefined) writeReport(options.traceFile, formatTrace(result.timings));
  if (options.dependencyFile !== undefined)
    writeReport(options.dependencyFile, formatDependencies(options.output, result.openedPaths));
  if (options.isVerbose)
    standardOutput += result.openedPaths.map((path) => `attempt to open ${path} succeeded\n`).join("");
  if (result.map === undefined) {
    standardOutput += result.crossReference;
  } else {
    const text = formatMap(result.map) + result.crossReference;
    if (options.mapFile === undefined || options.mapFile === "-") standardOutput += text;
    else writeReport(options.mapFile, text);
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
