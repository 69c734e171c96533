/** How many workers a machine gives this process. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/**
 * The processors that this process may use: those of its affinity mask, and no more than the CPU quota of
 * its control group, rounded up. At least 1.
 */
export function defaultWorkerCount(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(cgroupQuota())));
}

/** CPUs that the control group may use, Infinity without a limit. */
function cgroupQuota(): number {
  const path = /^0::(.*)$/m.exec(read("/proc/self/cgroup"))?.[1];
  if (path !== undefined) {
    // Every group above limits too.
    let quota = Infinity;
    for (let group = path; ; group = group.slice(0, group.lastIndexOf("/"))) {
      quota = Math.min(quota, parseQuota(read(`/sys/fs/cgroup${group}/cpu.max`)));
      if (group === "" || group === "/") return quota;
    }
  }
  const v1 = "/sys/fs/cgroup/cpu";
  return parseQuota(`${read(`${v1}/cpu.cfs_quota_us`).trim()} ${read(`${v1}/cpu.cfs_period_us`).trim()}`);
}

/** "max 100000", or quota and period in µs. */
function parseQuota(text: string): number {
  const [quota, period] = text.trim().split(/\s+/).map(Number);
  return quota > 0 && period > 0 ? quota / period : Infinity;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // not that version of control groups, or no /sys
  }
}
