/**
 * Four workers, each with its share of the files: node examples/many-workers/main.mjs [FILE...]
 *
 * For more tasks than workers, and work that is not known beforehand, a pool is better: examples/checksums.
 */
import { readdirSync } from "node:fs";

import { Arena, StageMode, spawnWorkersWithStaging } from "spore-ld/staging";

const paths = process.argv.length > 2 ? process.argv.slice(2) : readdirSync("docs").map((name) => `docs/${name}`);

const arena = Arena.create();
const lines = arena.allocate(paths.length * 8);
const worker = { module: new URL("worker.mjs", import.meta.url), args: { lines } };
const handles = await spawnWorkersWithStaging(paths, StageMode.MmapShared, [worker, worker, worker, worker], { arena });
for (const handle of handles) {
  const { code, signal } = await handle.join();
  if (code !== 0) throw new Error(`worker ${handle.pid} ended with ${code ?? signal}`);
}
const counts = arena.f64view(lines, paths.length);
for (const [index, path] of paths.entries()) console.log(`${counts[index]} ${path}`);
console.log(`${counts.reduce((sum, count) => sum + count, 0)} total`);
arena.close();
