/**
 * Which objects changed since the last time, and what do they define:
 * node examples/changed-objects/main.mjs STATE.json FILE.o...
 *
 * What a build tool asks after each compilation. Workers digest every object, and read the symbols only of those whose
 * digest is new; STATE.json keeps the digests.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";

import { createPool } from "spore-ld/staging";

const [state, ...paths] = process.argv.slice(2);
if (paths.length === 0) throw new Error("node examples/changed-objects/main.mjs STATE.json FILE.o...");

const known = existsSync(state) ? JSON.parse(readFileSync(state, "utf8")) : {};
const pool = await createPool({
  files: paths,
  args: known,
  worker: { module: new URL("worker.mjs", import.meta.url) },
});
const objects = (await pool.map({ end: paths.length }, null)).flat();
await pool.close();

const changed = objects.filter(({ defines }) => defines);
for (const { path, defines } of changed) console.log(`${path}: ${defines.join(" ")}`);
console.log(`${changed.length} of ${objects.length} changed`);

writeFileSync(`${state}.new`, JSON.stringify(Object.fromEntries(objects.map(({ path, digest }) => [path, digest]))));
renameSync(`${state}.new`, state);
