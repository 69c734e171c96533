import { expect, test } from "vitest";

import { addon } from "../../src/addon/load.ts";
import { StageMode, headBytes } from "../../src/staging/index.ts";
import { maxArgsBytes } from "../../src/staging/kernels/worker-pool.ts";

test("what TypeScript knows without the addon is what the addon says", () => {
  const { headBytes: heads, maxArgsBytes: args, adaptiveMode } = addon();
  expect([headBytes, maxArgsBytes, StageMode.Adaptive]).toEqual([heads, args, adaptiveMode]);
});
