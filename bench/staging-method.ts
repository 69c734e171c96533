/** What a way of working through files is, for bench/staging.ts. */

/** What does the work: only ways of one kind are compared. */
export type Kind = "native" | "js" | "scan";

/** The work, as workers are told. */
export interface Job {
  /** One of staging's kernels, or the function of that name in staging-work.mjs. */
  readonly work: string;
  /** The addon whose kernels run, if the work is a kernel's. */
  readonly addon?: string;
}

/** What one run is over. */
export interface Setup {
  readonly paths: readonly string[];
  readonly workers: number;
  readonly work: string;
}

/** A way that is ready to run: its pool, if it has one, can take tasks. */
export interface Started {
  /** Does the work once: what is timed. What it resolves to gives what was found, off the clock. */
  run(): Promise<() => unknown>;
  close(): Promise<void>;
}

export interface Method {
  readonly name: string;
  readonly kind: Kind;
  /** What can be started before: workers, or the fork server of workers that are new each time. */
  readonly keeps?: "pool" | "server";
  /** What the others are compared with, and what bounds them. */
  readonly role?: "baseline" | "bound";
  /** Timed with 1, 2 and 4 workers, too. */
  readonly isScaled?: boolean;
  /** False when it finds something else than the others of its kind, which is not compared. */
  readonly isCompared?: boolean;
  /** Has what it needs, its workers above all, so that they answer. */
  start(setup: Setup): Promise<Started> | Started;
}

export const nothingToClose = { close: () => Promise.resolve() };

/** Files per chunk: each worker gets eight of them, in all ways alike. */
export const chunkFiles = (files: number, workers: number): number => Math.max(1, Math.ceil(files / (8 * workers)));
