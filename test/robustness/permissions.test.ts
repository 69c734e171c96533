/** Files that may not be read, written or replaced: one error that names them, and the old output stays. */
import { chmod, mkdir, readdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { type Ended, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

/** Links as a user who is not root: root may do anything. */
async function linkAsUser(dir: Scratch, args: readonly string[]): Promise<Ended> {
  await chmod(dir.path, 0o755);
  const isRoot = process.geteuid?.() === 0;
  return isRoot
    ? dir.run("setpriv", ["--reuid=65534", "--clear-groups", spore.path, ...args])
    : dir.run(spore.path, args);
}

const files = { "main.s": ".globl _start\n_start: ret\n", "locked/out": "old" };

test("an output that may not be written, in a directory that may not either, stays", async () => {
  await using dir = await scratch(files);
  await dir.compile("main.s");
  await chmod(dir.file("locked/out"), 0o444);
  await chmod(dir.file("locked"), 0o555);
  expect(await linkAsUser(dir, ["main.o", "-o", "locked/out"])).toMatchObject({
    status: 1,
    stderr: "spore: error: cannot open output file 'locked/out': permission denied\n",
  });
  expect(await linkAsUser(dir, ["main.o", "-o", "locked/new"])).toMatchObject({
    status: 1,
    stderr: "spore: error: cannot open output file 'locked/new': permission denied\n",
  });
  expect((await dir.read("locked/out")).toString()).toBe("old");
  expect(await readdir(dir.file("locked"))).toEqual(["out"]);
  await chmod(dir.file("locked"), 0o755);
});

test("inputs that may not be read are named, each once, and the old output stays", async () => {
  await using dir = await scratch(files);
  await mkdir(dir.file("open"));
  await dir.write("open/out", "old", 0o666);
  await chmod(dir.file("open"), 0o777);
  await dir.write("secret.o", "", 0o200);
  await dir.write("names.ld", "INPUT(folder/inside.o)");
  await dir.write("folder/inside.o", "");
  await chmod(dir.file("folder"), 0o600);
  await dir.compile("main.s");
  const { status, stderr } = await linkAsUser(dir, ["main.o", "secret.o", "secret.o", "names.ld", "-o", "open/out"]);
  expect(status).toBe(1);
  expect(stderr.match(/'secret\.o': permission denied/g)).toHaveLength(1);
  expect(stderr.match(/'folder\/inside\.o': permission denied/g)).toHaveLength(1);
  expect(stderr.match(/error:/g)).toHaveLength(2);
  expect((await dir.read("open/out")).toString()).toBe("old");
  expect(await readdir(dir.file("open"))).toEqual(["out"]);
});
