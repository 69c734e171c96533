/** `spore explain`, and docs/internals.md, which shows what it prints. */
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const names = ["main", "greeting", "length", "unused"];
const sources = join(root, "testdata/programs/explained");
const program = join(root, "bin/spore");

/** Builds the program of the documentation as it says. Resolves to what `spore explain` printed. */
async function explain(dir: Scratch, ...options: string[]): Promise<string> {
  for (const name of names) {
    await copyFile(join(sources, `${name}.s`), dir.file(`${name}.s`));
    await dir.mustRun("as", ["-mx86-used-note=no", "-o", `${name}.o`, `${name}.s`]);
  }
  await dir.mustRun("ar", ["rcD", "libgreeting.a", ...names.slice(1).map((name) => `${name}.o`)]);
  const loader = ["-dynamic-linker", "/lib64/ld-linux-x86-64.so.2"];
  const args = ["-pie", ...loader, "--eh-frame-hdr", "main.o", "libgreeting.a", "-o", "hello"];
  return (await dir.mustRun(program, ["explain", ...options, ...args])).stdout;
}

test("the documentation shows what is printed", async () => {
  await using dir = await scratch({});
  const printed = await explain(dir);
  expect(await dir.run("./hello")).toMatchObject({ status: 0, stdout: "hello, world\n" });
  const text = await readFile(join(root, "docs/internals.md"), "utf8");
  const shown = [...text.matchAll(/^```text\n([^]*?)^```/gm)].map(([, block = ""]) => block);
  expect(shown.length).toBeGreaterThan(9);
  for (const block of shown) expect(printed).toContain(block);
});

test("every pass is explained, with the tables that it fills and no more rows than asked for", async () => {
  await using dir = await scratch({});
  const printed = await explain(dir, "--rows=2");
  const passes = [...printed.matchAll(/^== (.*)$/gm)].map(([, pass]) => pass);
  expect(passes).toEqual(["scan", "resolve", "split", "merge", "find needs", "synthesise", "layout", "write"]);
  expect(printed).toMatch(/^mention: .*\n.*\n0 _start in main\.o .*\n1 exit_status in main\.o .*\n… and \d+ more$/m);
});

test("what it links is what ld links, and what fails is said as ld says it", async () => {
  await using dir = await scratch({});
  await explain(dir);
  const explained = await dir.read("hello");
  const args = ["-pie", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", "--eh-frame-hdr", "main.o"];
  expect(await dir.linkDirectly(spore, [...args, "libgreeting.a", "-o", "again"])).toMatchObject({ status: 0 });
  expect((await dir.read("again")).equals(explained)).toBe(true);
  const [expected, found] = [
    await dir.linkDirectly(spore, [...args, "-o", "failed"]),
    await dir.run(program, ["explain", ...args, "-o", "failed"]),
  ];
  expect(found).toMatchObject({ status: 1, stderr: expected.stderr });
});
