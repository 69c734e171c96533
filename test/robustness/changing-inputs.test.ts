/** Inputs that change while they are linked. */
import { readdir, truncate, unlink, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const files = {
  "main.c": "extern char data[]; int main(void) { return data[1 << 20] - 1; }",
  "data.c": "char data[1 << 21] = {[1 << 20] = 1}; const char text[1 << 21] = {[5] = 1};",
};

const changes: [string, (path: string) => Promise<void>][] = [
  ["is cut off", async (path) => truncate(path, 100)],
  ["is emptied", async (path) => truncate(path, 0)],
  ["is overwritten", async (path) => writeFile(path, Buffer.alloc(5000, 0xff))],
  ["grows", async (path) => truncate(path, 1 << 24)],
];

for (const [how, change] of changes)
  test(`an input that ${how} during the link is one error that names it, or was read before`, async () => {
    await using dir = await scratch(files);
    await dir.compile("main.c");
    await dir.compile("data.c");
    await dir.linkDirectly(spore, ["-r", "--version"]); // what follows is no first start
    const original = await dir.read("data.o");
    for (let round = 0; round < 8; round++) {
      await dir.write("data.o", original);
      await dir.write("a.out", "old");
      const before = await readdir(dir.path);
      const env = { SPORE_TEST_DELAYS: String(round + 1) };
      const link = dir.link(spore, ["main.o", "data.o"], { env });
      await sleep(60 + round * 40);
      await change(dir.file("data.o"));
      const { status, stderr } = await link;
      expect(await readdir(dir.path)).toEqual(before);
      if (status === 0) continue;
      expect(status).toBe(1);
      // A file that was empty when it was opened is a script that says nothing, as with GNU ld.
      const said =
        how === "is emptied" ? /^spore: error: [\s\S]*(data\.o|reference to 'data')/ : /^spore: error: [\s\S]*data\.o/;
      expect(stderr).toMatch(said);
      expect(stderr).not.toMatch(/internal error/);
      expect((await dir.read("a.out")).toString()).toBe("old");
    }
  });

test("an input that is removed or replaced during the link is linked as it was", async () => {
  await using dir = await scratch(files);
  await dir.compile("main.c");
  await dir.compile("data.c");
  const original = await dir.read("data.o");
  for (let round = 0; round < 4; round++) {
    await dir.write("data.o", original);
    const link = dir.link(spore, ["main.o", "data.o"], { env: { SPORE_TEST_DELAYS: String(round + 1) } });
    await sleep(150 + round * 40);
    await unlink(dir.file("data.o"));
    const { status, stderr } = await link;
    if (status === 0) expect(await dir.run("./a.out")).toMatchObject({ status: 0 });
    else expect(stderr).toMatch(/data\.o/);
  }
});
