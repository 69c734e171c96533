/** Measures on this machine at which sizes each way of staging is the fastest. */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

import { addon } from "../addon/load.ts";
import type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
import type { Calibration, Measurement } from "./calibration.ts";
import { IoError, ioError, isFailure } from "./io-error.ts";
import { StageMode } from "./stage-mode.ts";
import { stageFiles } from "./stage.ts";

export interface CalibrateOptions {
  /** Where the files are made that are measured, on the disk in question. Default: the system's for such files. */
  readonly folder?: string;
  /** How often each is measured; the median counts. Default 9. */
  readonly rounds?: number;
}

const KIB = 1024;
/** From two pages to 1 MiB, beyond which a default would be contradicted. */
const sizes = [8, 16, 32, 64, 128, 256, 512, 1024].map((kib) => kib * KIB);
/** Not in any file: to look for it is to look at every byte. */
const absent = 0xff;

/**
 * Stages files of growing size, in memory and not, by reading and by mapping, and looks at each byte once.
 * Where files cannot be made to leave memory (tmpfs) what is cold stays unmeasured.
 * @throws IoError when the files cannot be written
 */
export function calibrate({ folder = tmpdir(), rounds = 9 }: CalibrateOptions = {}): Calibration {
  let made: string | undefined;
  try {
    made = mkdtempSync(join(folder, "spore-tune-"));
    const path = join(made, "file");
    const measurements = [false, true].flatMap((isCold) =>
      sizes.flatMap((bytes) => {
        writeFileSync(path, new Uint8Array(bytes).fill(1));
        return measure(path, bytes, isCold, rounds) ?? [];
      }),
    );
    return { thresholds: thresholdsOf(measurements), measurements };
  } catch (error) {
    throw error instanceof Error && "syscall" in error && !(error instanceof IoError)
      ? ioError(error as NodeJS.ErrnoException)
      : error;
  } finally {
    if (made !== undefined) rmSync(made, { recursive: true, force: true });
  }
}

/** Undefined when the file does not leave memory. */
function measure(path: string, bytes: number, isCold: boolean, rounds: number): Measurement | undefined {
  const times = { prefetch: [] as number[], map: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    for (const [mode, list] of [
      [StageMode.Prefetch, times.prefetch],
      [StageMode.Mmap, times.map],
    ] as const) {
      // prettier-ignore
      if (isCold && !evict(path)) return undefined;
      const began = performance.now();
      using set = stageFiles(mode, [path]);
      set.bytes(0).includes(absent);
      list.push(performance.now() - began);
    }
  }
  return { bytes, isCold, prefetchMs: median(times.prefetch), mapMs: median(times.map) };
}

/** Whether the file has left memory. */
function evict(path: string): boolean {
  const descriptor = openSync(path, "r");
  try {
    const failure = addon().evictFile(descriptor);
    if (isFailure(failure)) throw ioError(failure, path);
    return addon().residentShare(descriptor, statSync(path).size) === 0;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The sizes below which reading is the better choice, warm and cold. What was not measured has no threshold. Noise may
 * make either win at one size or the other: the threshold is where the times lost, relative to the faster way of each
 * size, add up to the least.
 */
export function thresholdsOf(measurements: readonly Measurement[]): Partial<AdaptiveThresholds> {
  const best = (isCold: boolean): number | undefined => {
    const rows = measurements.filter((row) => row.isCold === isCold).sort((a, b) => a.bytes - b.bytes);
    const lost = (threshold: number): number =>
      rows.reduce((sum, { bytes, prefetchMs, mapMs }) => {
        return sum + (bytes < threshold ? prefetchMs : mapMs) / Math.min(prefetchMs, mapMs);
      }, 0);
    // At the last, reading has not been seen to be slower beyond.
    const candidates = [0, ...rows.slice(1).map(({ bytes }) => bytes), ...rows.slice(-1).map(({ bytes }) => bytes + 1)];
    return rows.length === 0 ? undefined : candidates.sort((a, b) => lost(a) - lost(b) || a - b)[0];
  };
  const [warm, cold] = [best(false), best(true)];
  return {
    ...(warm === undefined ? {} : { prefetchBelow: Math.min(warm, sizes.at(-1)!) }),
    ...(cold === undefined ? {} : { coldPrefetchBelow: cold }),
  };
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1]!;
}
