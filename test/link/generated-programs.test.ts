/** The first hundred programs of `npm run test:generated`, in every kind of output. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { makeFolder, prepareToolchain, type Toolchain, tryProgram } from "../generated/links.ts";
import { kinds } from "../generated/program.ts";

const SEEDS = 100;
/** A build that is made to notice is slow: each seed in one kind only. */
const isSlow = process.env["SPORE_LD"] !== undefined;
let toolchain: Toolchain;
const folder = makeFolder();

beforeAll(async () => {
  toolchain = await prepareToolchain();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const [i, kind] of kinds.entries())
  test.concurrent(`generated programs (${kind}) print the same and mean the same as GNU ld's`, async () => {
    for (let seed = isSlow ? 1 + i : 1; seed <= SEEDS; seed += isSlow ? kinds.length : 1) {
      const fault = await tryProgram(toolchain, seed, [kind], join(folder, kind));
      const again = `npm run test:generated -- --seeds 1 --first ${seed} --kinds ${kind} --keep`;
      expect(fault, again).toBeUndefined();
    }
  }, 600_000);
