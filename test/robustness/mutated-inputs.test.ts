/**
 * Inputs that were changed at random: a link of them ends in a program or in errors, never in a worker that a
 * signal ended, an internal error or a hang. `npm run test:fuzz` links ten times as many with the build that is
 * made to notice; what fails here can be repeated with it.
 */
import { expect, test } from "vitest";

import { describeFailure, fuzz, MIN_SCANNED } from "../fuzz/fuzz.ts";
import { mutations } from "../fuzz/mutations.ts";

const seed = 20231;
const options = { seed, first: 0, processes: 2, isSanitized: false };

test("2000 mutated inputs end in a program or an error", { timeout: 600_000 }, async () => {
  const { failures, total, counts } = await fuzz({ ...options, end: 2000 });
  expect(failures.map((failure) => describeFailure(failure, seed))).toEqual([]);
  expect(total.mutants).toBe(2000);
  // A mutant that is refused at first sight tests little.
  expect(total.scanned / total.mutants).toBeGreaterThan(MIN_SCANNED);
  expect(total.linked).toBeGreaterThan(0);
  const kinds = [...counts.keys()].join("\n");
  for (const { name } of mutations) expect(kinds).toContain(`: ${name}`);
});

test("a worker that dies is a failure of its mutant, also when another did its work", async () => {
  const once = await fuzz({ ...options, end: 6, env: { SPORE_TEST_FAULT: "countMembers:middle::SIGSEGV" } });
  expect(once.failures.map(({ mutant, fault }) => `${mutant.index} ${fault}`)).toEqual(
    [0, 1, 2, 3, 4, 5].map((index) => `${index} a worker died in countMembers and was replaced`),
  );
  const twice = await fuzz({ ...options, end: 2, env: { SPORE_TEST_FAULT: "countMembers:middle::SIGSEGV:again" } });
  expect(twice.total.failures).toBe(2);
  expect(twice.failures[0]?.fault).toContain("a worker was ended by SIGSEGV in countMembers, twice");
});
