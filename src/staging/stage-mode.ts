/** How a file is staged, and what decides in `Adaptive`. */
import { checkedThresholds, defaultThresholds } from "./adaptive-thresholds.ts";
import type { AdaptiveThresholds } from "./adaptive-thresholds.ts";
import { readCalibration } from "./calibration.ts";

/** How the bytes of a file come into this process. */
export const StageMode = {
  /** Not at all: buffered I/O, when asked. Workers get no bytes. */
  None: 0,
  /** Mapped `MAP_PRIVATE`, read-only. */
  Mmap: 1,
  /** Mapped `MAP_SHARED`, read-only: one copy in memory for every process that maps the file. */
  MmapShared: 2,
  /** Read whole into private memory: what happens to the file later changes nothing. */
  Prefetch: 3,
  /** One of the three above, by size and by what is in memory; see {@link AdaptiveThresholds}. */
  Adaptive: 4,
} as const;
export type StageMode = (typeof StageMode)[keyof typeof StageMode];

/** What the environment says, as `prefetchBelow=4096,sharedFrom=65536`. */
const variable = "SPORE_ADAPTIVE";

/** What this thread has set. */
let changed: Partial<AdaptiveThresholds> = {};
/** What was measured on this machine and what the environment says; read once. */
let outside: AdaptiveThresholds | undefined;

/**
 * The thresholds that {@link StageMode.Adaptive} uses in this thread. In order of rank: `changes`, what
 * {@link setAdaptiveThresholds} was given, the variable `SPORE_ADAPTIVE`, what `spore tune` measured on this machine,
 * the defaults.
 * @throws RangeError when they are out of order, or the variable cannot be read
 */
export function adaptiveThresholds(changes: Partial<AdaptiveThresholds> = {}): AdaptiveThresholds {
  outside ??= checkedThresholds({ ...defaultThresholds, ...readCalibration().thresholds, ...fromEnvironment() });
  return checkedThresholds({ ...outside, ...changed, ...changes });
}

/**
 * Changes thresholds for what is staged from now on, in this thread.
 * @throws RangeError when one is not a number from 0, `residentShare` is above 1, or `prefetchBelow` above `sharedFrom`
 */
export function setAdaptiveThresholds(changes: Partial<AdaptiveThresholds>): void {
  adaptiveThresholds(changes);
  changed = { ...changed, ...changes };
}

/** Reads the calibration and the environment again when they are next needed. */
export function forgetCalibration(): void {
  outside = undefined;
}

function fromEnvironment(): Partial<AdaptiveThresholds> {
  const words = (process.env[variable] ?? "").split(",").filter((word) => word !== "");
  return Object.fromEntries(
    words.map((word) => {
      const [, name = "", value] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(word) ?? [];
      if (!Object.hasOwn(defaultThresholds, name))
        throw new RangeError(`${variable}: no threshold is set by "${word}"`);
      return [name, Number(value)];
    }),
  );
}
