/** What a worker that dies leaves behind is done again: the output is that of an undisturbed link. */
import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { kernels } from "../../src/tables/kernels.ts";
import { spore } from "../harness/oracles.ts";
import { processesWith } from "../harness/processes.ts";
import { type Program, programs } from "../harness/programs.ts";
import type { Scratch } from "../harness/scratch.ts";

let dir: Scratch;
let all: readonly Program[];
/** What each program's undisturbed link wrote, and which kernels it ran. */
const undisturbed = new Map<Program, { bytes: Buffer; kernels: Set<string> }>();

async function link(program: Program, output: string, env: Record<string, string> = {}, ...more: string[]) {
  return dir.linkDirectly(spore, [...program.args, "--threads=2", "--stats", ...more, "-o", output], {
    env: { ...program.env, ...env },
  });
}

beforeAll(async () => {
  ({ dir, all } = await programs());
  for (const program of all) {
    const { status, stderr } = await link(program, "undisturbed");
    expect(status, stderr).toBe(0);
    undisturbed.set(program, {
      bytes: await dir.read("undisturbed"),
      kernels: new Set([...stderr.matchAll(/^(\w+) +[1-9]/gm)].map(([, kernel = ""]) => kernel)),
    });
  }
});

afterAll(() => dir[Symbol.asyncDispose]());

/** The program whose link runs a kernel. */
function programWith(kernel: string): Program {
  const program = all.find((one) => undisturbed.get(one)?.kernels.has(kernel));
  if (program === undefined) throw new Error(`no program of this test runs ${kernel}`);
  return program;
}

/** How many chunks of a kernel were run again. */
const retried = (stats: string, kernel: string): number =>
  [...stats.matchAll(new RegExp(`^${kernel} .* (\\d+)$`, "gm"))].reduce((sum, [, count]) => sum + Number(count), 0);

describe.each(Object.keys(kernels))("a worker that dies in %s", (kernel) => {
  for (const point of ["claim", "first", "middle", "last"])
    test(`at ${point} changes nothing`, async () => {
      const program = programWith(kernel);
      const { status, stderr } = await link(program, "out", { SPORE_TEST_FAULT: `${kernel}:${point}` });
      expect(status, stderr).toBe(0);
      expect(retried(stderr, kernel), "no worker died").toBeGreaterThan(0);
      expect((await dir.read("out")).equals(undisturbed.get(program)!.bytes)).toBe(true);
    });
});

test("the programs of this test run", async () => {
  for (const program of all) {
    await link(program, "out");
    if (program.stdout !== undefined)
      expect(await dir.run("./out", [], { env: { LD_LIBRARY_PATH: dir.path } })).toMatchObject({
        stdout: program.stdout,
      });
  }
});

test("a worker that dies twice over the same rows is one error, and the old output stays", async () => {
  const [program] = all as [Program];
  await link(program, "out");
  const before = await readdir(dir.path);
  for (const [kernel, signal] of [
    ["scanSymbols", "SIGSEGV"],
    ["scanRelocations", "SIGKILL"],
    ["writeChunks", "SIGBUS"],
  ] as const) {
    const { status, stderr } = await link(program, "out", { SPORE_TEST_FAULT: `${kernel}:middle::${signal}:again` });
    expect(status).toBe(1);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(stderr).toContain(signal);
    expect(await readdir(dir.path)).toEqual(before);
    expect((await dir.read("out")).equals(undisturbed.get(program)!.bytes)).toBe(true);
  }
});

test("workers end with their link, however it ends", async () => {
  const [program] = all as [Program];
  const marker = `out-${process.pid}`;
  await link(program, marker, { SPORE_TEST_FAULT: "writeChunks:middle::SIGKILL:again" });
  await link(program, marker);
  await expect.poll(() => processesWith(marker)).toEqual([]);
});
