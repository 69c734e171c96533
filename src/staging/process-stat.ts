/** What the system says of a process that runs: proc(5). */
import { readFileSync } from "node:fs";

/** Where a field of `/proc/PID/stat` is, from its third on: those after the name. */
export const statField = { state: 0, minorFaults: 7, majorFaults: 9 } as const;

/** The fields of `/proc/PID/stat` after the name, which may have spaces in it; none when it has ended. */
export function readStat(pid: number): readonly string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
