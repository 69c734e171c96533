/** What staging tells whoever listens, by `node:diagnostics_channel`. Nothing is made where nobody does. */
import { type Channel, channel } from "node:diagnostics_channel";

import { milliseconds } from "./clock.ts";
import type { JobReport, WorkerUsage } from "./reports.ts";

/** When it was, by `performance.now()` of this thread, in ms. */
interface Timed {
  readonly startMs: number;
  readonly durationMs: number;
}

/** On `spore:stage`: one call that staged files. */
export interface StageEvent extends Timed {
  readonly files: number;
  /** Of files that this call mapped; not of those that were staged before. */
  readonly mappedBytes: number;
  /** Of files that this call read. */
  readonly prefetchedBytes: number;
}

/** On `spore:spawn`: workers that were forked by one call. */
export interface SpawnEvent extends Timed {
  readonly pids: readonly number[];
}

/** On `spore:exit`: a worker of `spawnWorkersWithStaging` that has ended, and how long it lived. */
export interface ExitEvent extends Timed {
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Undefined when somebody else has waited for it, or its fork server died. */
  readonly usage: WorkerUsage | undefined;
}

/** On `spore:job`: a kernel that a `WorkerPool` ran. `pids` are of its workers, in the report's order. */
export interface JobEvent extends Timed {
  readonly report: JobReport;
  readonly pids: readonly number[];
}

/** On `spore:task`: a task or a map of a `Pool` that ended, from its call on. `pids` are of the pool's workers. */
export interface TaskEvent extends Timed {
  readonly kind: "task" | "map";
  readonly isDone: boolean;
  readonly pids: readonly number[];
}

export interface StagingEvents {
  readonly stage: StageEvent;
  readonly spawn: SpawnEvent;
  readonly exit: ExitEvent;
  readonly job: JobEvent;
  readonly task: TaskEvent;
}

const channels: { readonly [Name in keyof StagingEvents]: Channel } = {
  stage: channel("spore:stage"),
  spawn: channel("spore:spawn"),
  exit: channel("spore:exit"),
  job: channel("spore:job"),
  task: channel("spore:task"),
};

/** Publishes what began then, by {@link milliseconds}, and has just ended; `make` is called only for who listens. */
export function publish<Name extends keyof StagingEvents>(
  name: Name,
  began: number,
  make: () => Omit<StagingEvents[Name], keyof Timed>,
): void {
  if (!channels[name].hasSubscribers) return;
  const durationMs = milliseconds() - began;
  channels[name].publish({ ...make(), startMs: performance.now() - durationMs, durationMs });
}

/** Calls back with every event of a name, until the function that is returned is called. */
export function subscribe<Name extends keyof StagingEvents>(
  name: Name,
  listener: (event: StagingEvents[Name]) => void,
): () => void {
  const onMessage = (message: unknown): void => listener(message as StagingEvents[Name]);
  channels[name].subscribe(onMessage);
  return () => {
    channels[name].unsubscribe(onMessage);
  };
}
