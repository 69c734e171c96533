/** What --stats prints: time, memory and retries of each kernel of a link, in the order in which they ran. */
import { formatTable } from "../staging/text-table.ts";

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

/** What a link held, in bytes. */
export interface LinkBytes {
  readonly inputFiles: number;
  readonly inputs: number;
  /** Memory that the workers share: what of it was touched. */
  readonly arena: number;
  readonly output: number;
}

/** A table that ends in a newline. */
export function formatBytes({ inputFiles, inputs, arena, output }: LinkBytes): string {
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
  return formatTable([
    ["bytes", "files", "MiB"],
    ["inputs, mapped", String(inputFiles), mib(inputs)],
    ["arena, touched", "", mib(arena)],
    ["output", "1", mib(output)],
  ]);
}

/** A run of a kernel, of a pass, and when it was. */
export interface TimedRun extends KernelRun {
  readonly pass: string;
  /** ms since the link's workers were forked. */
  readonly startMs: number;
}

/**
 * The time of each pass, from its first kernel to that of the next pass; what is not in kernels is TypeScript and
 * waiting. A table that ends in a newline.
 * @param endMs when the output was in its place
 */
export function formatPasses(runs: readonly TimedRun[], endMs: number): string {
  const firsts = runs.filter(({ pass }, i) => i === 0 || pass !== runs[i - 1].pass);
  const rows = firsts.map(({ pass, startMs }, i) => {
    const begin = i === 0 ? 0 : startMs;
    const wall = (firsts[i + 1]?.startMs ?? endMs) - begin;
    const kernels = sum(runs.flatMap((run) => (run.pass === pass ? [run.wallMs] : [])));
    return [pass, wall.toFixed(2), kernels.toFixed(2)];
  });
  return formatTable([["pass", "wall ms", "in kernels"], ...rows]);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
