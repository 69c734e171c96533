/**
 * Peak memory of a command with all its processes: proportional set sizes, summed, sampled. PSS counts a page
 * that several processes map once, so that forked workers are not charged with their parent's memory again.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

import { type Command, processesOf } from "./measure.ts";

export const SAMPLE_PERIOD_MS = 5;

/** In bytes. */
export interface PeakMemory {
  /** Peak of the sum of Pss_Anon and Pss_Shmem: what the program itself asked for. */
  readonly ownBytes: number;
  /** Peak of the sum of Pss: mapped files too. */
  readonly totalBytes: number;
  readonly samples: number;
  /** How often samples were really taken: reading a large process's maps takes longer than the period. */
  readonly meanPeriodMs: number;
}

interface Sample {
  own: number;
  total: number;
}

/** In kB, from /proc/PID/smaps_rollup. */
export function parseRollup(text: string): Sample {
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
  return { own: field("Pss_Anon") + field("Pss_Shmem"), total: field("Pss") };
}

function sampleSession(session: number, others: Set<string>): Sample {
  const sum: Sample = { own: 0, total: 0 };
  for (const pid of processesOf(session, others)) {
    try {
      const { own, total } = parseRollup(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"));
      sum.own += own;
      sum.total += total;
    } catch {
      // it has ended meanwhile
    }
  }
  return sum;
}

/** Samples the memory of a session's processes until it is told to stop. */
export class MemoryWatch {
  readonly #session: number;
  readonly #others = new Set<string>();
  readonly #peak: Sample = { own: 0, total: 0 };
  readonly #began = performance.now();
  readonly #periodMs: number;
  #samples = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(session: number, periodMs = SAMPLE_PERIOD_MS) {
    this.#periodMs = periodMs;
    this.#session = session;
    this.#watch();
  }

  #watch(): void {
    const start = performance.now();
    this.#take();
    this.#timer = setTimeout(() => this.#watch(), Math.max(0, this.#periodMs - (performance.now() - start)));
  }

  #take(): void {
    const { own, total } = sampleSession(this.#session, this.#others);
    this.#peak.own = Math.max(this.#peak.own, own);
    this.#peak.total = Math.max(this.#peak.total, total);
    this.#samples++;
  }

  /** Takes a last sample. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#take();
  }

  get peak(): PeakMemory {
    const meanPeriodMs = (performance.now() - this.#began) / this.#samples;
    const { own, total } = this.#peak;
    return { ownBytes: own * 1024, totalBytes: total * 1024, samples: this.#samples, meanPeriodMs };
  }
}

/** Runs a command once and watches its memory. Its time means nothing. @throws Error when it fails */
export function measurePeakMemory({ name, file, args, folder, environment }: Command): Promise<PeakMemory> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], {
      cwd: folder,
      detached: true,
      stdio: "ignore",
      env: { ...process.env, ...environment },
    });
    let watch: MemoryWatch | undefined;
    child.on("error", reject);
    child.on("spawn", () => (watch = new MemoryWatch(child.pid!)));
    child.on("close", (status) => {
      watch?.stop();
      if (watch === undefined || status !== 0) reject(new Error(`${name} ended with status ${status}`));
      else resolve(watch.peak);
    });
  });
}
