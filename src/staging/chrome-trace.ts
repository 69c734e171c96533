/** Chrome's format of traces, for chrome://tracing and Perfetto. */

/** Something that took time, drawn in a lane. */
export interface TraceSpan {
  readonly name: string;
  /** Index of its lane. */
  readonly lane: number;
  /** ms since whatever the trace begins with. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** A trace with a lane for each name, as JSON that ends in a newline. */
export function formatChromeTrace(lanes: readonly string[], spans: readonly TraceSpan[]): string {
  const labels = lanes.map((name, tid) => ({ name: "thread_name", ph: "M", pid: 1, tid, args: { name } }));
  // Times of the format are in µs.
  const events = spans.map(({ name, lane, startMs, durationMs, args = {} }) => {
    return { name, ph: "X", pid: 1, tid: lane, ts: startMs * 1000, dur: durationMs * 1000, args };
  });
  return `${JSON.stringify({ traceEvents: [...labels, ...events], displayTimeUnit: "ms" })}\n`;
}
