/** The workloads of bench/link.ts, in the order of the table. */
import { archiveSearch } from "./archive-search.ts";
import { clang, clangCollected } from "./clang.ts";
import { debugCopies } from "./debug-copies.ts";
import { debugInfo, debugInfoCompressed } from "./debug-info.ts";
import { hello } from "./hello.ts";
import { exportedSymbols, sharedObjects, versionGlobs } from "./libraries.ts";
import { manyFiles } from "./many-files.ts";
import { strings } from "./strings.ts";
import type { Workload } from "./workload.ts";

export const workloads: readonly Workload[] = [
  clang,
  debugInfo,
  manyFiles,
  archiveSearch,
  strings,
  hello,
  debugCopies,
  clangCollected,
  debugInfoCompressed,
  sharedObjects,
  exportedSymbols,
  versionGlobs,
];
