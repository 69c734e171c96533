/**
 * What `spore tune` measured on this machine, in a file of its own: `spore/calibration-HOST.json` in the folder for
 * caches. It can be deleted; what cannot be read counts as not there.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { dirname, isAbsolute, join } from "node:path";

import { checkedThresholds, defaultThresholds } from "./adaptive-thresholds.ts";
import type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
import { ioError } from "./io-error.ts";

/** Goes up when a file of before would be misread. */
const version = 1;

/** One measurement: ms to stage a file of a size and look at all of it, the median of several. */
export interface Measurement {
  readonly bytes: number;
  readonly isCold: boolean;
  readonly prefetchMs: number;
  readonly mapMs: number;
}

export interface Calibration {
  /** What was measured; others keep their defaults. */
  readonly thresholds: Partial<AdaptiveThresholds>;
  readonly measurements: readonly Measurement[];
}

/** A calibration, and where it is or would be. */
export interface StoredCalibration extends Calibration {
  readonly path: string;
  /** Why there is none, unless nobody has made one. */
  readonly problem: string | undefined;
}

/** Homes are shared between machines, so the file has the machine's name (XDG Base Directory Specification). */
export function calibrationPath(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? "";
  return join(isAbsolute(cache) ? cache : join(homedir(), ".cache"), "spore", `calibration-${hostname()}.json`);
}

/** Never throws: what is damaged, or of another version, has a `problem` and no thresholds. */
export function readCalibration(): StoredCalibration {
  const path = calibrationPath();
  const none = (problem?: string): StoredCalibration => ({ path, thresholds: {}, measurements: [], problem });
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const { code, reason } = ioError(error as NodeJS.ErrnoException, path);
    return none(code === "ENOENT" ? undefined : reason);
  }
  let stored: Partial<Calibration> & { readonly version?: number };
  try {
    stored = JSON.parse(text) as typeof stored;
  } catch {
    return none("it is not JSON");
  }
  if (stored?.version !== version) return none(`it is not of version ${version}`);
  const { thresholds, measurements = [] } = stored;
  if (!isThresholds(thresholds) || !Array.isArray(measurements)) return none("its thresholds cannot be");
  return { path, thresholds, measurements, problem: undefined };
}

function isThresholds(value: unknown): value is Partial<AdaptiveThresholds> {
  if (typeof value !== "object" || value === null) return false;
  if (!Object.keys(value).every((name) => Object.hasOwn(defaultThresholds, name))) return false;
  try {
    checkedThresholds({ ...defaultThresholds, ...value });
    return true;
  } catch {
    return false;
  }
}

/**
 * Replaces the file as a whole.
 * @throws IoError
 */
export function writeCalibration(calibration: Calibration): string {
  const path = calibrationPath();
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, `${JSON.stringify({ version, ...calibration }, undefined, 2)}\n`);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw ioError(error as NodeJS.ErrnoException, path);
  }
  return path;
}
