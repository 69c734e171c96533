/** Adds up what staging and workers did while somebody watched: an object, a table, a Chrome trace. */
import { performance } from "node:perf_hooks";

import { addon } from "../addon/load.ts";
import { formatChromeTrace } from "./chrome-trace.ts";
import type { TraceSpan } from "./chrome-trace.ts";
import { subscribe } from "./events.ts";
import type { StagingEvents } from "./events.ts";
import type { WorkerUsage } from "./reports.ts";
import { readStat, statField } from "./process-stat.ts";
import { formatTable } from "./text-table.ts";

/** What a worker did: all its life, or as of the end of the last job or task of its pool. */
export interface ObservedWorker {
  readonly pid: number;
  /** ms of processor time since it was forked. Undefined for a worker that had ended before anybody could look. */
  readonly cpuMs: number | undefined;
  /** Page faults that needed no reading, and that did, since it was forked; undefined as above. */
  readonly minorFaults: number | undefined;
  readonly majorFaults: number | undefined;
  /** ms in kernels; 0 for a worker in JavaScript. */
  readonly busyMs: number;
}

export interface Observation {
  /** ms since it began. */
  readonly wallMs: number;
  /** This process meanwhile, all its threads. */
  readonly self: { readonly cpuMs: number; readonly minorFaults: number; readonly majorFaults: number };
  readonly staging: {
    readonly calls: number;
    readonly files: number;
    readonly mappedBytes: number;
    readonly prefetchedBytes: number;
    /** ms in calls that stage, each from its beginning to its end. */
    readonly ms: number;
  };
  /** By pid, in the order in which they were first seen. */
  readonly workers: readonly ObservedWorker[];
  /** All events, in the order of their ends. `startMs` is from the observation's beginning. */
  readonly events: readonly ObservedEvent[];
}

export type ObservedEvent = {
  [Name in keyof StagingEvents]: { readonly name: Name } & StagingEvents[Name];
}[keyof StagingEvents];

/** Made by {@link observeStaging}. */
export interface StagingObserver extends Disposable {
  /** What has happened so far. */
  report(): Observation;
  /** Stops watching. May be called twice. */
  close(): void;
}

/** Watches all staging and all workers of this thread, from now on. */
export function observeStaging(): StagingObserver {
  const beganMs = performance.now();
  const before = process.resourceUsage();
  const events: ObservedEvent[] = [];
  const workers = new Map<number, ObservedWorker>();

  const look = (pid: number, busyMs = 0, usage = usageOf(pid)): void => {
    const known = workers.get(pid);
    workers.set(pid, {
      pid,
      cpuMs: usage?.cpuMs ?? known?.cpuMs,
      minorFaults: usage?.minorFaults ?? known?.minorFaults,
      majorFaults: usage?.majorFaults ?? known?.majorFaults,
      busyMs: (known?.busyMs ?? 0) + busyMs,
    });
  };
  const keep = (event: ObservedEvent): void => void events.push({ ...event, startMs: event.startMs - beganMs });
  const stops = [
    subscribe("stage", (event) => keep({ name: "stage", ...event })),
    subscribe("spawn", (event) => {
      for (const pid of event.pids) look(pid);
      keep({ name: "spawn", ...event });
    }),
    subscribe("exit", (event) => {
      look(event.pid, 0, event.usage);
      keep({ name: "exit", ...event });
    }),
    subscribe("job", (event) => {
      const { workers: shares } = event.report;
      // One that has just died is missing, so that nobody knows whose share is whose.
      const isComplete = event.pids.length === shares.length;
      for (const [index, pid] of event.pids.entries()) look(pid, isComplete ? shares[index]!.busyMs : 0);
      keep({ name: "job", ...event });
    }),
    subscribe("task", (event) => {
      for (const pid of event.pids) look(pid);
      keep({ name: "task", ...event });
    }),
  ];

  const report = (): Observation => {
    const now = process.resourceUsage();
    const staged = events.filter((event) => event.name === "stage");
    const total = (key: "files" | "mappedBytes" | "prefetchedBytes" | "durationMs"): number =>
      staged.reduce((sum, event) => sum + event[key], 0);
    return {
      wallMs: performance.now() - beganMs,
      self: {
        cpuMs: (now.userCPUTime + now.systemCPUTime - before.userCPUTime - before.systemCPUTime) / 1000,
        minorFaults: now.minorPageFault - before.minorPageFault,
        majorFaults: now.majorPageFault - before.majorPageFault,
      },
      staging: {
        calls: staged.length,
        files: total("files"),
        mappedBytes: total("mappedBytes"),
        prefetchedBytes: total("prefetchedBytes"),
        ms: total("durationMs"),
      },
      workers: [...workers.values()],
      events: [...events],
    };
  };
  const close = (): void => {
    for (const stop of stops.splice(0)) stop();
  };
  return { report, close, [Symbol.dispose]: close };
}

/** A table of what a report adds up, for a terminal. Ends in a newline. */
export function formatObservation({ wallMs, self, staging, workers }: Observation): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const number = (value: number | undefined, digits = 0): string => value?.toFixed(digits) ?? "-";
  const { files, mappedBytes, prefetchedBytes, ms } = staging;
  const rows = [
    { name: "this process", ...self, busyMs: undefined },
    ...workers.map((worker) => ({ name: `worker ${worker.pid}`, ...worker })),
  ];
  return (
    `${wallMs.toFixed(1)} ms; ${files} files staged in ${ms.toFixed(1)} ms: ` +
    `${mib(mappedBytes)} mapped, ${mib(prefetchedBytes)} read\n\n` +
    formatTable([
      ["", "CPU ms", "in kernels, ms", "minor faults", "major faults"],
      ...rows.map(({ name, cpuMs, busyMs, minorFaults, majorFaults }) => [
        name,
        number(cpuMs, 1),
        number(busyMs, 1),
        number(minorFaults),
        number(majorFaults),
      ]),
    ])
  );
}

/** A report as a Chrome trace: a lane for staging, one for jobs and tasks, one for each worker. */
export function traceObservation({ events, workers }: Observation): string {
  const lanes = ["staging", "jobs and tasks", ...workers.map(({ pid }) => `worker ${pid}`)];
  const laneOf = (pid: number): number => 2 + workers.findIndex((worker) => worker.pid === pid);
  const spans = events.flatMap((event): TraceSpan[] => {
    const { startMs, durationMs } = event;
    switch (event.name) {
      case "stage": {
        const { files, mappedBytes, prefetchedBytes } = event;
        return [{ name: "stage", lane: 0, startMs, durationMs, args: { files, mappedBytes, prefetchedBytes } }];
      }
      case "spawn":
        return [{ name: "spawn", lane: 0, startMs, durationMs, args: { pids: event.pids } }];
      case "exit": {
        const { pid, code, signal } = event;
        return [{ name: "worker", lane: laneOf(pid), startMs, durationMs, args: { code, signal } }];
      }
      case "job": {
        const { kernel: name, rows, chunks, retriedChunks, workers: shares } = event.report;
        return [
          { name, lane: 1, startMs, durationMs, args: { rows, chunks, retriedChunks } },
          // When in the run a worker was busy is not kept; its time is drawn from the beginning.
          ...event.pids.map((pid, index) => {
            const { busyMs = 0, ...args } = (event.pids.length === shares.length && shares[index]) || {};
            return { name, lane: laneOf(pid), startMs, durationMs: Math.min(busyMs, durationMs), args };
          }),
        ];
      }
      case "task":
        return [{ name: event.kind, lane: 1, startMs, durationMs, args: { isDone: event.isDone } }];
      default:
        return [];
    }
  });
  return formatChromeTrace(lanes, spans);
}

/** What the system says of a process that runs. */
function usageOf(pid: number): WorkerUsage | undefined {
  const stat = readStat(pid);
  if (stat.length === 0) return undefined; // it has ended
  const count = (field: keyof typeof statField): number => Number(stat[statField[field]]);
  const cpuMs = addon().processorTime(Int32Array.of(pid));
  return { cpuMs, minorFaults: count("minorFaults"), majorFaults: count("majorFaults") };
}
