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

/** Runs a command once and watches its memory. Its time means nothing. @throws Error when it fails */
export function measurePeakMemory({ name, file, args, folder, environment }: Command): Promise<PeakMemory> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...args], {
      cwd: folder,
      detached: true,
      stdio: "ignore",
      env: { ...process.env, ...environment },
    });
    const peak: Sample = { own: 0, total: 0 };
    const began = performance.now();
    const others = new Set<string>();
    let samples = 0;
    let timer: NodeJS.Timeout | undefined;
    const take = (): void => {
      const start = performance.now();
      const { own, total } = sampleSession(child.pid!, others);
      peak.own = Math.max(peak.own, own);
      peak.total = Math.max(peak.total, total);
      samples++;
      timer = setTimeout(take, Math.max(0, SAMPLE_PERIOD_MS - (performance.now() - start)));
    };
    child.on("error", reject);
    child.on("spawn", take);
    child.on("close", (status) => {
      clearTimeout(timer);
      const meanPeriodMs = (performance.now() - began) / samples;
      if (status !== 0) reject(new Error(`${name} ended with status ${status}`));
      else resolve({ ownBytes: peak.own * 1024, totalBytes: peak.total * 1024, samples, meanPeriodMs });
    });
  });
}
