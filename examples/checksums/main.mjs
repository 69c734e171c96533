/**
 * sha256sum, in parallel: node examples/checksums/main.mjs [FILE...]
 *
 * One chunk a file: whichever worker is free takes the next, so that one large file holds up nobody but its worker.
 */
import { StageMode, createPool } from "spore-ld/staging";

const paths = process.argv.length > 2 ? process.argv.slice(2) : ["README.md", "package-lock.json", process.execPath];

const pool = await createPool({
  files: paths,
  mode: StageMode.MmapShared,
  worker: { module: new URL("worker.mjs", import.meta.url) },
});
const sums = await pool.map({ end: paths.length, chunkSize: 1 }, "sha256");
await pool.close();
for (const [index, path] of paths.entries()) console.log(`${sums[index]}  ${path}`);
