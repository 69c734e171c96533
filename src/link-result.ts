/** What a link is given besides its options, and what comes of it: for link.ts and relocatable.ts. */
import type { MemoryUsage } from "./output/script/memory-regions.ts";
import type { OwnHooks } from "./passes/link-hooks.ts";
import type { KernelTiming } from "./passes/workers.ts";
import type { MapSection } from "./reports/map-file.ts";
import type { LinkBytes } from "./reports/stats.ts";

/** For programs that report on a link in files. */
export interface ReportingHooks extends OwnHooks {
  /** Called when the output is written and not in its place yet; what it throws keeps the old one. */
  readonly beforeCommit?: (result: LinkResult) => void;
}

export interface LinkResult {
  /** The output: what the options, or OUTPUT of a script, call it. */
  readonly path: string;
  /** Bytes of the output. */
  readonly size: number;
  /** Every file that was read, in the order of opening. */
  readonly openedPaths: readonly string[];
  /** For -Map, when it was asked for. */
  readonly map: readonly MapSection[] | undefined;
  /** For --cref, when it was asked for. */
  readonly crossReference: string;
  /** For --print-gc-sections, when it was asked for. */
  readonly unusedSections: readonly string[];
  /** For --print-icf-sections, when it was asked for. */
  readonly foldedSections: readonly string[];
  /** How much of the memory regions of a script is taken. */
  readonly memoryUsage: readonly MemoryUsage[];
  readonly timings: readonly KernelTiming[];
  /** From the fork of the workers until the output was written. */
  readonly wallMs: number;
  readonly bytes: LinkBytes;
}

/** One try of a link. */
export interface Attempt {
  readonly seed: number;
  /** Whether archives may be searched by their indexes, and whether they were. */
  readonly mayUseIndexes: boolean;
  usedIndexes: boolean;
}
