/** The list of mutants is of this tree: `npm run test:mutants` takes too long to find that out. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root } from "../harness/oracles.ts";
import { mutants } from "../mutants/mutants.ts";

test("each mutant changes one place, and names tests that there are", () => {
  expect(mutants.length).toBeGreaterThanOrEqual(40);
  for (const { file, find, replace, tests } of mutants) {
    const places = readFileSync(join(root, file), "utf8").split(find).length - 1;
    expect(places, `${file}: ${find}`).toBe(1);
    expect(replace).not.toBe(find);
    expect(tests.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  }
});
