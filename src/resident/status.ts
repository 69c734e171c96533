/** What `spore serve --status` prints. */
import { readFileSync } from "node:fs";

export interface ServerStatus {
  readonly version: string;
  readonly pid: number;
  readonly path: string;
  readonly runningMs: number;
  readonly idleMs: number;
  /** Clients that have been served, or are. */
  readonly links: number;
  /** Of these, those that are served now. */
  readonly running: number;
  readonly bytes: number | undefined;
}

export function statusText(status: ServerStatus): string {
  const { version, pid, path, runningMs, idleMs, links, running, bytes } = status;
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  const rows: readonly [string, string][] = [
    ["resident linker", `Spore ${version}, process ${pid}`],
    ["socket", path],
    ["has run for", seconds(runningMs)],
    ["ends when idle for", idleMs === 0 ? "ever: it does not" : seconds(idleMs)],
    ["requests", `${links}, of which ${running} now`],
    ["memory", bytes === undefined ? "not known" : `${(bytes / 2 ** 20).toFixed(1)} MiB`],
  ];
  return rows.map(([name, value]) => `${name}: ${value}\n`).join("");
}

/** Bytes of memory that a process has, its share of what others have, too; undefined where the system does not say. */
export function memoryOf(pid: number): number | undefined {
  try {
    const kib = /^Rss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}
