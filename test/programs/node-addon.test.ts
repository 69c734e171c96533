/** Spore's own addon, linked by Spore and loaded by Node. */
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { root, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const built = join(root, "native/build/Release");

test("an addon that Spore linked links programs, and passes the tests of staging, parsing and the command", async () => {
  await using dir = await scratch();
  const objects = readdirSync(join(built, "obj.target/spore"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".o"))
    .sort()
    .map((name) => join(built, "obj.target/spore", name));
  expect(objects.length).toBeGreaterThan(20);

  // This tree, but for the addon.
  const skipped = new Set(["node_modules", ".git", "build", "prebuilt"]);
  for (const name of readdirSync(root))
    if (!skipped.has(name))
      cpSync(join(root, name), dir.file(name), {
        recursive: true,
        filter: (path) => path !== join(root, "native/build"),
      });
  symlinkSync(join(root, "node_modules"), dir.file("node_modules"));
  const copy = { ...spore, path: dir.file("bin/ld"), gccFlags: [`-B${dir.file("bin")}`] };
  await dir.write("hello.cc", '#include <iostream>\nint main() { std::cout << "hello\\n"; }');
  const without = await dir.link(copy, ["hello.o"]);
  expect(without.stderr).toContain("the native addon has not been built");

  const addon = dir.file("native/build/Release/spore.node");
  mkdirSync(dirname(addon), { recursive: true });
  await expectSameBytes(addon, (workers, output) =>
    dir.mustRun("g++", [
      "-shared",
      "-pthread",
      "-rdynamic",
      "-Wl,-soname=spore.node",
      ...spore.gccFlags,
      workers,
      ...objects,
      "-o",
      output,
    ]),
  );
  expect(await complaints(addon)).toEqual([]);

  expect(await dir.linkAndRun(copy, ["hello.o"])).toMatchObject({ status: 0, stdout: "hello\n" });
  const env = { SPORE_LD: undefined, VITEST: undefined, NODE_OPTIONS: undefined };
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const folders = ["test/staging", "test/parse", "test/command", "test/link"];
  const ended = await dir.run("node", [vitest, "run", ...folders], { env, timeoutMs: 800_000 });
  expect(ended, `${ended.stdout}${ended.stderr}`).toMatchObject({ status: 0 });
});
