/**
 * Generated programs, linked by GNU ld and Spore, run and compared:
 *
 *   npm run test:generated -- --seeds N [--first S] [--kinds pie,static] [--without FEATURE,...] [--objects N]
 *                             [--symbols N] [--keep]
 *
 * A fault is printed once for each sort of it, with the command that repeats it and the smallest program that has it.
 */
import { availableParallelism } from "node:os";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { type Fault, makeFolder, prepareToolchain, shrink, tryProgram } from "./links.ts";
import { type Feature, type Kind, kinds, type Limits, noLimits } from "./program.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    first: { type: "string", default: "1" },
    kinds: { type: "string", default: kinds.join() },
    without: { type: "string", default: "" },
    objects: { type: "string", default: `${noLimits.objects}` },
    symbols: { type: "string", default: `${noLimits.symbols}` },
    keep: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
  },
});

const limits: Limits = {
  objects: Number(values.objects),
  symbols: Number(values.symbols),
  without: values.without === "" ? [] : (values.without.split(",") as Feature[]),
};
const wanted = values.kinds.split(",") as Kind[];
const first = Number(values.first);
const end = first + Number(values.seeds);
const toolchain = await prepareToolchain();
const root = makeFolder();
const faults = new Map<string, Fault[]>();
const begin = performance.now();
let next = first;

const work = async (worker: number): Promise<void> => {
  while (next < end) {
    const seed = next++;
    if (seed > first && (seed - first) % 250 === 0) process.stderr.write(`${seed - first} of ${end - first} seeds\n`);
    const folder = join(root, values.keep ? `seed-${seed}` : `${worker}`);
    const fault = await tryProgram(toolchain, seed, wanted, folder, limits);
    if (fault === undefined) continue;
    process.stderr.write(`seed ${seed}, ${fault.kind}: ${fault.what}\n`);
    const known = faults.get(fault.what);
    if (known === undefined) faults.set(fault.what, [fault]);
    else known.push(fault);
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, (_, worker) => work(worker)));

for (const [what, list] of [...faults].sort((a, b) => b[1].length - a[1].length)) {
  const [fault] = list;
  console.log(`${list.length} × ${what}`);
  console.log(
    fault.details
      .split("\n")
      .slice(0, 25)
      .map((line) => `    ${line}`)
      .join("\n"),
  );
  const words = ["--seeds 1", `--first ${fault.seed}`, `--kinds ${fault.kind}`, "--keep"];
  if (!values["no-shrink"]) {
    const smaller = await shrink(toolchain, fault, join(root, "shrink"));
    words.push(`--objects ${smaller.objects} --symbols ${smaller.symbols}`);
    if (smaller.without.length > 0) words.push(`--without ${smaller.without.join()}`);
  }
  console.log(`  npm run test:generated -- ${words.join(" ")}`);
}
const count = [...faults.values()].reduce((sum, list) => sum + list.length, 0);
console.log(`${end - first} seeds, ${count} with faults, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
if (values.keep) console.log(`files are in ${root}`);
else rmSync(root, { recursive: true });
process.exitCode = count === 0 ? 0 : 1;
