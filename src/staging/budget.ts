/** The process-wide budget for mapped and prefetched bytes. */
import { addon } from "../addon/load.ts";

/** Limits in bytes. They hold for the whole process, all its threads together. */
export interface MemoryBudget {
  /** Bytes of address space that staged files may take. Default: practically all there is. */
  readonly mappedBytes: number;
  /** Bytes of memory that prefetched files may take. Default: half of the machine's, or the cgroup's, memory. */
  readonly prefetchedBytes: number;
}

/** The limits as they are. */
export function memoryBudget(): MemoryBudget {
  const [mappedBytes, prefetchedBytes] = addon().budget();
  return { mappedBytes: mappedBytes!, prefetchedBytes: prefetchedBytes! };
}

/**
 * Changes limits for what is staged from now on; what is staged already stays. Staging beyond a limit fails
 * with an `IoError` of code `ERR_STAGE_BUDGET`. The arena is not counted.
 * @throws RangeError when a limit is negative or not a number
 */
export function setMemoryBudget(changes: Partial<MemoryBudget>): void {
  for (const [kind, bytes] of [changes.mappedBytes, changes.prefetchedBytes].entries()) {
    if (bytes === undefined) continue;
    if (!(bytes >= 0)) throw new RangeError(`a budget must be a number of bytes, not ${bytes}`);
    addon().setBudget(kind, Math.min(bytes, Number.MAX_SAFE_INTEGER));
  }
}

/** What the budget is spent on now. */
export interface MemoryUse {
  readonly mappedBytes: number;
  readonly prefetchedBytes: number;
  /** Mappings that staging knows of, arenas and those that wait for a buffer to be collected included. */
  readonly mappings: number;
}

/** The bytes that are staged now, by all threads of the process. */
export function memoryUse(): MemoryUse {
  const [, , mappedBytes, prefetchedBytes, mappings] = addon().budget();
  return { mappedBytes: mappedBytes!, prefetchedBytes: prefetchedBytes!, mappings: mappings! };
}
