/** --trace=FILE: the link as a Chrome trace, for chrome://tracing and Perfetto. */
import { formatChromeTrace } from "../staging/chrome-trace.ts";
import type { TimedRun } from "./stats.ts";

/** A row for the kernels, and one for each worker with the time that it was busy in them. */
export function formatTrace(runs: readonly TimedRun[]): string {
  const spans = runs.flatMap(({ kernel: name, rows, startMs, wallMs, busyMs, minorFaults }) => [
    { name, lane: 0, startMs, durationMs: wallMs, args: { rows, minorFaults } },
    // When in the run a worker was busy is not kept; its time is drawn from the beginning.
    ...busyMs.map((busy, worker) => ({ name, lane: worker + 1, startMs, durationMs: Math.min(busy, wallMs) })),
  ]);
  const workers = Math.max(0, ...runs.map(({ busyMs }) => busyMs.length));
  return formatChromeTrace(["kernels", ...Array.from({ length: workers }, (_, worker) => `worker ${worker}`)], spans);
}
