/** What the linker loads before its first pass: each module of Node that is not there already costs a small link time. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root } from "../harness/oracles.ts";

test("the linker's program loads few modules of Node", () => {
  const code = readFileSync(join(root, "dist", "ld-code.cjs"), "utf8");
  const loaded = new Set([...code.matchAll(/require\("(node:[^"]+)"\)/g)].map(([, name]) => name));
  // node:crypto takes 3 ms to load, node:child_process and node:net as much.
  expect([...loaded].sort()).toEqual([
    "node:buffer",
    "node:diagnostics_channel",
    "node:fs",
    "node:os",
    "node:path",
    "node:util",
  ]);
});
