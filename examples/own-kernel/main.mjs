/** Prints the longest line of each file, found by a kernel in forked workers: npm start -- [FILE...] */
import { Arena, StageMode, WorkerPool, defaultWorkerCount, loadKernels, stageFiles } from "spore-ld/staging";

const paths = process.argv.length > 2 ? process.argv.slice(2) : ["kernels.c", "main.mjs"];

// Before the pool is forked: its workers know the kernels that this process knows.
loadKernels(new URL("build/kernels.so", import.meta.url));

const files = stageFiles(StageMode.MmapShared, paths);
const arena = Arena.create();
const results = arena.allocate(files.count * 16); // struct result of kernels.c
const args = new Uint8Array(BigUint64Array.of(BigInt(results)).buffer); // struct arguments

const pool = await WorkerPool.create({ files: [files], arena, workers: defaultWorkerCount() });
await pool.run("own-kernel:longest-line", { rows: files.count, args });
await pool.close();

const numbers = arena.u64view(results, files.count * 2);
for (const [index, path] of files.paths.entries()) {
  console.log(`${path}: ${numbers[index * 2]} bytes, line ${numbers[index * 2 + 1]}`);
}
