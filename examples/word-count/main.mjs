/**
 * wc over more text than may be copied into memory: node examples/word-count/main.mjs [--budget MIB] [FILE...]
 *
 * The budget is what staging may copy, in this process; mapped files are pages of the cache, which the kernel takes
 * back when it needs them. Files are cut into pieces that workers take one by one. A piece is a view, too.
 */
import { parseArgs } from "node:util";

import { IoError, StageMode, createPool, setMemoryBudget, stage } from "spore-ld/staging";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { budget: { type: "string", default: "1" } },
});
const paths = positionals.length > 0 ? positionals : [process.execPath];

setMemoryBudget({ prefetchedBytes: Number(values.budget) * 2 ** 20 });
try {
  const copied = await stage(StageMode.Prefetch, ...paths);
  copied.close();
  console.error("all of it could be copied");
} catch (error) {
  if (!(error instanceof IoError && error.code === "ERR_STAGE_BUDGET")) throw error;
  console.error(`cannot be copied: ${error.message}`);
}

const pool = await createPool({
  files: paths,
  mode: StageMode.MmapShared,
  worker: { module: new URL("worker.mjs", import.meta.url) },
});
const pieces = await pool.map({ bytesPerChunk: 1024 * 1024 }, null);
await pool.close();
const sum = (key) => pieces.reduce((total, piece) => total + piece[key], 0);
console.log(`${sum("lines")} ${sum("words")} ${sum("bytes")}`);
