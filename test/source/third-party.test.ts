/** Whose code is shipped, and that their licences are shipped with it. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root } from "../harness/oracles.ts";

test("the package has the licence of each package that its bundles, its wasm and its addon have code of", () => {
  const dist = join(root, "dist");
  const sources = readdirSync(dist)
    .filter((name) => name.endsWith(".cjs.map"))
    .flatMap((name) => (JSON.parse(readFileSync(join(dist, name), "utf8")) as { sources: string[] }).sources);
  const bundled = sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
  const packages = new Set([...bundled, "gecko-profiler-demangle", "node-addon-api"]);
  expect([...packages]).toContain("commander");
  const notice = readFileSync(join(dist, "THIRD-PARTY.txt"), "utf8");
  for (const name of packages) {
    const part = notice.split(/\n-{80}\n/).find((text) => text.trimStart().startsWith(`${name} `));
    expect(part, name).toContain("Copyright (c)");
    expect(part, name).toContain("Permission is hereby granted");
  }
  const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: root, encoding: "utf8" });
  const [{ files }] = JSON.parse(packed.stdout) as [{ files: { path: string }[] }];
  expect(files.map(({ path }) => path)).toContain("dist/THIRD-PARTY.txt");
});
