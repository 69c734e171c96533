/** Has the kernel forget what it keeps of files, so that a run begins with a cold page cache. */
import { closeSync, fstatSync, openSync } from "node:fs";

import { addon } from "../src/addon/load.ts";

/**
 * Empties the page cache of files. Returns which part of their bytes stays in memory all the same, from 0 to 1: what
 * some process has mapped and touched, and all of it where the file system is nowhere else.
 * @throws Error when a file is not there, or the kernel refuses
 */
export function evictFromPageCache(paths: readonly string[]): number {
  let all = 0;
  let left = 0;
  for (const path of paths) {
    const descriptor = openSync(path, "r");
    try {
      const { size } = fstatSync(descriptor);
      if (size === 0) continue;
      if (addon().evictFile(descriptor) !== null) throw new Error(`${path} cannot be taken out of the page cache`);
      all += size;
      left += size * addon().residentShare(descriptor, size);
    } finally {
      closeSync(descriptor);
    }
  }
  return all === 0 ? 0 : left / all;
}
