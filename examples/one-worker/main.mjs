/**
 * One function in one other process, over a file that both see: node examples/one-worker/main.mjs [FILE]
 */
import { Arena, StageMode, spawnWorkerWithStaging } from "spore-ld/staging";

const [path = "package-lock.json"] = process.argv.slice(2);

const arena = Arena.create(); // memory that this process and its workers share
const counts = arena.allocate(16);
const handle = await spawnWorkerWithStaging(
  [path],
  StageMode.MmapShared,
  { module: new URL("worker.mjs", import.meta.url), args: { counts } },
  { arena },
);
const { code } = await handle.join(); // what the function returned
if (code !== 0) throw new Error(`the worker ended with ${code}`);
const [lines, bytes] = arena.f64view(counts, 2);
console.log(`${lines} ${bytes} ${path}`);
arena.close();
