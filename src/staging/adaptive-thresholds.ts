/** What decides in `StageMode.Adaptive`: the numbers, and what they may be. */
/** Where `StageMode.Adaptive` changes its mind. Sizes are in bytes. */
export interface AdaptiveThresholds {
  /** Smaller files are prefetched: reading a few pages is cheaper than mapping them. Default 16 KiB. */
  readonly prefetchBelow: number;
  /**
   * Files that are smaller than this and not in memory are prefetched, too: one long read waits less often for the
   * disk than page after page. Default 1 MiB.
   */
  readonly coldPrefetchBelow: number;
  /**
   * A file is in memory when so much of it is, from 0 to 1, by `mincore`. That calls files resident which this process
   * neither owns nor may write to. Default 0.5.
   */
  readonly residentShare: number;
  /** Files of this size and larger are mapped shared, those between privately. Default 1 MiB. */
  readonly sharedFrom: number;
}

export const defaultThresholds: AdaptiveThresholds = {
  prefetchBelow: 16 * 1024,
  coldPrefetchBelow: 1024 * 1024,
  residentShare: 0.5,
  sharedFrom: 1024 * 1024,
};

/** @throws RangeError */
export function checkedThresholds(thresholds: AdaptiveThresholds): AdaptiveThresholds {
  const { prefetchBelow, coldPrefetchBelow, residentShare, sharedFrom } = thresholds;
  const all = [prefetchBelow, coldPrefetchBelow, residentShare, sharedFrom];
  if (
    !all.every((value) => typeof value === "number" && value >= 0) ||
    residentShare > 1 ||
    prefetchBelow > sharedFrom
  ) {
    const values = Object.entries(thresholds).map(([name, value]) => `${name} ${value}`);
    throw new RangeError(`thresholds that cannot be: ${values.join(", ")}`);
  }
  const limited = (bytes: number): number => Math.min(bytes, Number.MAX_SAFE_INTEGER);
  return {
    prefetchBelow: limited(prefetchBelow),
    coldPrefetchBelow: limited(coldPrefetchBelow),
    residentShare,
    sharedFrom: limited(sharedFrom),
  };
}
