/** How much faster a staged run is than the same work over files that are read, one after the other. */
import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";

export interface SpeedupOptions {
  readonly paths: readonly string[];
  /** What is done with each file after it was read; in this process. */
  readonly work: (bytes: Uint8Array, index: number) => unknown;
  /** The same for all files, staged: a job or a map of a pool, say. */
  readonly staged: () => unknown;
  /** How often each is run, in turn, after one run of each that does not count. Default 5. */
  readonly runs?: number;
}

export interface Speedup {
  /** Medians, in ms: of reading with `fs.readFile` and working, file after file; of the staged run. */
  readonly plainMs: number;
  readonly stagedMs: number;
  /** `plainMs / stagedMs`. */
  readonly speedup: number;
  readonly runs: number;
}

/**
 * Runs both in turn and compares their medians. The page cache is as the run before left it, so both find it warm.
 * @throws RangeError for a number of runs that cannot be; else what either run throws
 */
export async function measureSpeedup({ paths, work, staged, runs = 5 }: SpeedupOptions): Promise<Speedup> {
  if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`cannot compare ${runs} runs`);
  const times = { plain: [] as number[], staged: [] as number[] };
  for (let run = -1; run < runs; run++) {
    const began = performance.now();
    for (const [index, path] of paths.entries()) await work(await readFile(path), index);
    const between = performance.now();
    await staged();
    if (run < 0) continue;
    times.plain.push(between - began);
    times.staged.push(performance.now() - between);
  }
  const [plainMs, stagedMs] = [median(times.plain), median(times.staged)];
  return { plainMs, stagedMs, speedup: plainMs / stagedMs, runs };
}

/** One line that ends in a newline. */
export function formatSpeedup({ plainMs, stagedMs, speedup, runs }: Speedup): string {
  return `${speedup.toFixed(2)} x: ${stagedMs.toFixed(1)} ms staged, ${plainMs.toFixed(1)} ms with plain reads; median of ${runs}\n`;
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!;
}
