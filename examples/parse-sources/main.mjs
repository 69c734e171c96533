/**
 * Parses C and C++ sources in parallel, and counts what they include: node examples/parse-sources/main.mjs [FILE...]
 *
 * Small files: a chunk has many, and what a worker finds in them comes back as one structured clone.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { createPool } from "spore-ld/staging";

const paths = process.argv.length > 2 ? process.argv.slice(2) : sourcesBelow("native");

const pool = await createPool({ files: paths, worker: { module: new URL("worker.mjs", import.meta.url) } });
const found = await pool.map({ end: paths.length }, null); // a list for each chunk
await pool.close();

const counts = new Map();
for (const include of found.flat()) counts.set(include, (counts.get(include) ?? 0) + 1);
const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
for (const [include, count] of sorted) console.log(`${count} ${include}`);

function sourcesBelow(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /\.(cc|h)$/.test(name));
  return names.map((name) => join(folder, name));
}
