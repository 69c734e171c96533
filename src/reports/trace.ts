/** --trace=FILE: the link as a Chrome trace, for chrome://tracing and Perfetto. */
import type { TimedRun } from "./stats.ts";

/** A row for the kernels, and one for each worker with the time that it was busy in them. */
export function formatTrace(runs: readonly TimedRun[]): string {
  const events = runs.flatMap(({ kernel, rows, startMs, wallMs, busyMs, minorFaults }) => [
    event(kernel, 0, startMs, wallMs, { rows, minorFaults }),
    // When in the run a worker was busy is not kept; its time is drawn from the beginning.
    ...busyMs.map((busy, worker) => event(kernel, worker + 1, startMs, Math.min(busy, wallMs), {})),
  ]);
  const workers = Math.max(0, ...runs.map(({ busyMs }) => busyMs.length));
  const names = ["kernels", ...Array.from({ length: workers }, (_, worker) => `worker ${worker}`)];
  const labels = names.map((name, tid) => ({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } }));
  return `${JSON.stringify({ traceEvents: [...labels, ...events], displayTimeUnit: "ms" })}\n`;
}

/** Times of the format are in µs. */
function event(name: string, tid: number, startMs: number, durationMs: number, args: object): object {
  return { name, ph: "X", pid: 1, tid, ts: startMs * 1000, dur: durationMs * 1000, args };
}
