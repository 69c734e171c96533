/** What --stats prints: time, memory and retries of each kernel of a link, in the order in which they ran. */

/** One run of a kernel over its rows. */
export interface KernelRun {
  readonly kernel: string;
  readonly rows: number;
  /** Wall time in ms. */
  readonly wallMs: number;
  /** Time that each worker spent in the kernel, in ms. */
  readonly busyMs: readonly number[];
  readonly minorFaults: number;
  readonly retriedChunks: number;
}

const headings = ["kernel", "rows", "wall ms", "busy ms", "faults", "retried"];

/** A table that ends in a newline. */
export function formatStats(runs: readonly KernelRun[]): string {
  const rows = runs.map((run) => [
    run.kernel,
    String(run.rows),
    run.wallMs.toFixed(2),
    sum(run.busyMs).toFixed(2),
    String(run.minorFaults),
    String(run.retriedChunks),
  ]);
  rows.push([
    "total",
    "",
    sum(runs.map((run) => run.wallMs)).toFixed(2),
    sum(runs.flatMap((run) => run.busyMs)).toFixed(2),
    String(sum(runs.map((run) => run.minorFaults))),
    String(sum(runs.map((run) => run.retriedChunks))),
  ]);
  return formatTable([headings, ...rows]);
}

/** Aligns columns: the first to the left, the others to the right. Ends in a newline. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd(),
  );
  return lines.map((line) => `${line}\n`).join("");
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
