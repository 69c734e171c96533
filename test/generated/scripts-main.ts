/**
 * Generated scripts, linked by GNU ld and Spore and compared:
 *
 *   npm run test:scripts -- --seeds N [--first S] [--keep]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { tryScript } from "./scripts.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    first: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});
const first = Number(values.first);
const end = first + Number(values.seeds);
const root = mkdtempSync(join(tmpdir(), "spore-scripts-"));
let next = first;
let faults = 0;
const work = async (worker: number): Promise<void> => {
  while (next < end) {
    const seed = next++;
    const fault = await tryScript(seed, join(root, values.keep ? `seed-${seed}` : `${worker}`));
    if (fault === undefined) continue;
    faults += 1;
    console.log(`seed ${seed}:\n${fault}\n`);
  }
};
await Promise.all([work(0), work(1)]);
console.log(`${end - first} seeds, ${faults} with faults`);
if (values.keep) console.log(`files are in ${root}`);
else rmSync(root, { recursive: true });
process.exitCode = faults === 0 ? 0 : 1;
