/** How many processes a link is worth. */
import { expect, test } from "vitest";

import { shareOfJob, usefulWorkers } from "../../src/passes/spawn.ts";

test("a small link forks few workers, a large one as many as there may be", () => {
  const MiB = 2 ** 20;
  expect([0, MiB, 2 * MiB, 8 * MiB, 450 * MiB, 2 ** 40].map(usefulWorkers)).toEqual([1, 1, 1, 2, 15, 32]);
});

test.each([
  [undefined, 16],
  ["", 16],
  [" -j4 --jobserver-auth=3,4", 4],
  ["-j 32", 1],
  ["kj2", 8],
])("under make with MAKEFLAGS=%j a link takes its share of 16 processors: %i", (flags, share) => {
  expect(shareOfJob(16, flags)).toBe(share);
});
