/** How one file is staged: a view of its batch. */
import type { BatchEntry } from "./batch.ts";
import { StageMode } from "./stage-mode.ts";

export interface StageState {
  /** As it was staged: `Adaptive` is resolved to what was chosen. */
  readonly mode: StageMode;
  /** Where the bytes are in this process, for native code only; 0 when there are none. */
  readonly address: number;
  /** Bytes, as of staging. */
  readonly size: number;
  readonly isShared: boolean;
  /** The bytes in mode `Prefetch`, else null. */
  readonly prefetchBuffer: Uint8Array | null;
  /** The paths of the files that were staged together. */
  readonly stagedFiles: readonly string[];
}

/** The state of a file that is not staged. */
export const unstagedState: StageState = {
  mode: StageMode.None,
  address: 0,
  size: 0,
  isShared: false,
  prefetchBuffer: null,
  stagedFiles: [],
};

/** The state of one file of a batch. */
export function stateOf({ batch, index }: BatchEntry): StageState {
  if (batch.isReleased(index)) return unstagedState;
  const mode = batch.modes[index] as StageMode;
  return {
    mode,
    address: batch.addresses[index]!,
    size: batch.sizes[index]!,
    isShared: mode === StageMode.MmapShared,
    get prefetchBuffer() {
      return mode === StageMode.Prefetch ? batch.view(index) : null;
    },
    stagedFiles: batch.paths,
  };
}
