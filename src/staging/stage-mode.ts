/** How a file is staged, and what decides in `Adaptive`. */

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
  /** One of the three above, by size; see {@link AdaptiveThresholds}. */
  Adaptive: 4,
} as const;
export type StageMode = (typeof StageMode)[keyof typeof StageMode];

/** Sizes in bytes at which {@link StageMode.Adaptive} changes its mind. */
export interface AdaptiveThresholds {
  /** Smaller files are prefetched: reading a few pages is cheaper than mapping them. Default 16 KiB. */
  readonly prefetchBelow: number;
  /** Files of this size and larger are mapped shared, those between privately. Default 1 MiB. */
  readonly sharedFrom: number;
}

let thresholds: AdaptiveThresholds = { prefetchBelow: 16 * 1024, sharedFrom: 1024 * 1024 };

/** The thresholds that {@link StageMode.Adaptive} uses in this thread. */
export function adaptiveThresholds(): AdaptiveThresholds {
  return thresholds;
}

/**
 * Changes thresholds for what is staged from now on, in this thread.
 * @throws RangeError when one is negative or `prefetchBelow` is above `sharedFrom`
 */
export function setAdaptiveThresholds(changes: Partial<AdaptiveThresholds>): void {
  const next = { ...thresholds, ...changes };
  if (!(next.prefetchBelow >= 0 && next.prefetchBelow <= next.sharedFrom)) {
    throw new RangeError(`thresholds out of order: prefetchBelow ${next.prefetchBelow}, sharedFrom ${next.sharedFrom}`);
  }
  thresholds = {
    prefetchBelow: Math.min(next.prefetchBelow, Number.MAX_SAFE_INTEGER),
    sharedFrom: Math.min(next.sharedFrom, Number.MAX_SAFE_INTEGER),
  };
}
