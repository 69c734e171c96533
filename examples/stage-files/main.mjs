/**
 * Any number of files in one call, each as it suits: node examples/stage-files/main.mjs [FILE...]
 *
 * `stage(mode, ...files)` takes paths and open `File`s, reads or maps all of them on another thread, and names the
 * first that cannot be staged. A file that is given twice, or staged already, is mapped once.
 */
import { File, StageMode, stage } from "spore-ld/staging";

const paths = process.argv.length > 2 ? process.argv.slice(2) : ["package.json", "package-lock.json", "README.md"];
const modeNames = Object.fromEntries(Object.entries(StageMode).map(([name, mode]) => [mode, name]));

const open = await File.openRead(paths[0]);
await open.stagePrefetch(); // read into memory: what happens to it on disk does not matter any more

const set = await stage(StageMode.MmapShared, open, ...paths.slice(1));
for (const [index, path] of set.paths.entries()) {
  console.log(`${set.sizes[index]} ${modeNames[set.states[index].mode]} ${path}`);
}
set.close(); // unmaps what it has staged
await open.close();
