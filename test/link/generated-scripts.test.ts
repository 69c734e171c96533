/** The first hundred scripts of `npm run test:scripts`. */
import { rmSync } from "node:fs";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

import { tryScript } from "../generated/scripts.ts";

const SEEDS = 100;
const folder = mkdtempSync(join(tmpdir(), "spore-scripts-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("generated scripts put everything where GNU ld puts it", async () => {
  for (let seed = 1; seed <= SEEDS; seed++)
    expect(await tryScript(seed, folder), `npm run test:scripts -- --seeds 1 --first ${seed} --keep`).toBeUndefined();
}, 600_000);
