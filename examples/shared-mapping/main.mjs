/**
 * A file mapped once and seen by every process, without a copy: node examples/shared-mapping/main.mjs [FILE]
 *
 * Each worker reads the whole file. The kernel's own accounts (/proc/PID/smaps) then say how much of it each process
 * has in memory, Rss, and what its share of that is, Pss: pages that N processes have count 1/N for each.
 */
import { readFileSync, realpathSync } from "node:fs";

import { StageMode, createPool } from "spore-ld/staging";

const [path = "package-lock.json"] = process.argv.slice(2);
const workers = 3;

const pool = await createPool({
  files: [path],
  mode: StageMode.MmapShared,
  size: workers,
  worker: { module: new URL("worker.mjs", import.meta.url) },
});
// As many tasks as there are workers, all of which are free: one each.
const sums = await Promise.all(Array.from({ length: workers }, () => pool.run("sum")));
const here = pool.files.bytes(0).reduce((sum, byte) => sum + byte, 0);
console.log(`${pool.files.sizes[0]} bytes; their sum, here and in ${workers} workers: ${[here, ...sums].join(", ")}`);

for (const pid of [process.pid, ...pool.pids]) {
  const { Rss, Pss } = residentKib(pid, realpathSync(path));
  console.log(`${pid === process.pid ? "parent" : "worker"}: Rss ${Rss} KiB, Pss ${Pss} KiB`);
}
await pool.close();

/** What smaps says of the mappings of a file in a process. */
function residentKib(pid, file) {
  const total = { Rss: 0, Pss: 0 };
  let isOfFile = false;
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) isOfFile = line.endsWith(` ${file}`);
    const [, key, kib] = /^(Rss|Pss): +(\d+) kB$/.exec(line) ?? [];
    if (isOfFile && key) total[key] += Number(kib);
  }
  return total;
}
