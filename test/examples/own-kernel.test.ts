/** examples/own-kernel, as an addon author has it: with the packed package installed, outside this tree. */
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("a kernel is compiled against the installed header and runs in workers", async () => {
  await using dir = await scratch({
    "files/empty": "",
    "files/one": "no line feed at the end",
    "files/many": `${"short\n".repeat(70_000)}the longest of them\n${"short\n".repeat(5)}`,
  });
  const example = dir.file("own-kernel");
  const isSource = (path: string): boolean => !/\/(build|node_modules)$/.test(path);
  await cp(join(root, "examples/own-kernel"), example, { recursive: true, filter: isSource });
  await dir.mustRun("npm", ["pack", "--silent", "--pack-destination", dir.path], { cwd: root });
  const packed = (await readdir(dir.path)).find((name) => name.endsWith(".tgz"))!;
  const install = ["install", "--offline", "--no-audit", "--no-fund", dir.file(packed)];
  await dir.mustRun("npm", install, { cwd: example });

  const files = ["one", "many", "empty"].map((name) => dir.file(join("files", name)));
  const { stdout } = await dir.mustRun("npm", ["--silent", "start", "--", ...files], { cwd: example });

  const longest = `{ if (length > max || NR == 1) { max = length; at = NR } }
    END { printf "%s: %d bytes, line %d\\n", FILENAME, max, at }`;
  const expected = await Promise.all(
    files.map((file) => dir.mustRun("awk", [longest, file], { env: { LC_ALL: "C" } })),
  );
  expect(stdout).toBe(expected.map((ended) => ended.stdout).join(""));
  expect(stdout).toContain("many: 19 bytes, line 70001\n");
});
