/** A hundred of the programs of `npm run test:generated`, each in one kind of output. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { makeFolder, prepareToolchain, type Toolchain, tryProgram } from "../generated/links.ts";
import { kinds } from "../generated/program.ts";

const SEEDS = 100;
let toolchain: Toolchain;
const folder = makeFolder();

beforeAll(async () => {
  toolchain = await prepareToolchain();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

for (const [i, kind] of kinds.entries())
  test(`generated programs (${kind}) print the same and mean the same as GNU ld's`, async () => {
    for (let seed = 1 + i; seed <= SEEDS; seed += kinds.length) {
      const fault = await tryProgram(toolchain, seed, [kind], join(folder, kind));
      const again = `npm run test:generated -- --seeds 1 --first ${seed} --kinds ${kind} --keep`;
      expect(fault, again).toBeUndefined();
    }
  });
