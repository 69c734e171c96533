/** The output depends on inputs and options only. */
import { copyFile, mkdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { type Program, programs } from "../harness/programs.ts";
import type { Scratch } from "../harness/scratch.ts";

let dir: Scratch;
let all: readonly Program[];
beforeAll(async () => {
  ({ dir, all } = await programs());
});
afterAll(() => dir[Symbol.asyncDispose]());

async function bytesOf(program: Program, workers: number, env: Record<string, string> = {}): Promise<Buffer> {
  const { status, stderr } = await dir.linkDirectly(spore, [...program.args, `--threads=${workers}`, "-o", "out"], {
    env,
  });
  expect(status, stderr).toBe(0);
  return dir.read("out");
}

test("1, 2 and 8 workers write the same bytes, and so do workers with random pauses and chunks of one row, 20 times", async () => {
  for (const program of all) {
    const expected = await bytesOf(program, 1);
    for (const workers of [2, 8])
      expect((await bytesOf(program, workers)).equals(expected), `${program.name}, ${workers} workers`).toBe(true);
    for (let round = 1; round <= 20; round++) {
      const env = {
        ...(round % 2 === 0 ? { SPORE_TEST_CHUNK_ROWS: "1" } : {}),
        ...(round % 5 < 2 ? { SPORE_TEST_DELAYS: String(round) } : {}),
      };
      const workers = [1, 2, 8][round % 3]!;
      expect(
        (await bytesOf(program, workers, env)).equals(expected),
        `${program.name}, ${workers} workers, ${JSON.stringify(env)}`,
      ).toBe(true);
    }
  }
});

test("a link in which the hashes of names collide starts over, and its program runs", async () => {
  const [program] = all as [Program];
  await bytesOf(program, 2, { SPORE_TEST_COLLISIONS: "1" });
  expect(await dir.run("./out", [], { env: { LD_LIBRARY_PATH: dir.path } })).toMatchObject({ stdout: program.stdout });
});

test("the directory that the inputs are in makes no difference, except where debug information names it", async () => {
  const [, program] = all as [Program, Program];
  const expected = await bytesOf(program, 2);
  await mkdir(dir.file("elsewhere"));
  for (const name of ["plain.o", "lib.a", "versions"]) await copyFile(dir.file(name), dir.file(`elsewhere/${name}`));
  const { status } = await dir.linkDirectly(spore, [...program.args, "-o", "out"], { cwd: dir.file("elsewhere") });
  expect(status).toBe(0);
  expect((await dir.read("elsewhere/out")).equals(expected)).toBe(true);
});

test("eight links at once write what one by itself writes", async () => {
  const [program] = all as [Program];
  const expected = await bytesOf(program, 2);
  const links = Array.from({ length: 8 }, (_, i) => dir.linkDirectly(spore, [...program.args, "-o", `out-${i}`]));
  for (const { status, stderr } of await Promise.all(links)) expect(status, stderr).toBe(0);
  for (let i = 0; i < 8; i++) expect((await dir.read(`out-${i}`)).equals(expected)).toBe(true);
});
