/** A link with too little memory ends in the right output, or in one clear error and with the old output. */
import { existsSync, rmdirSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";

import { type Ended, spore } from "../harness/oracles.ts";
import { processesWith } from "../harness/processes.ts";
import { type Program, programs } from "../harness/programs.ts";
import type { Scratch } from "../harness/scratch.ts";

let dir: Scratch;
let program: Program;
let right: Buffer;

beforeAll(async () => {
  const made = await programs();
  dir = made.dir;
  program = made.all[0]!;
  await dir.linkDirectly(spore, [...program.args, "-o", "right"]);
  right = await dir.read("right");
});
afterAll(() => dir[Symbol.asyncDispose]());

/** Runs a link after these commands of a shell, and looks at how it ended. */
async function link(commands: string, inputs = program.args, output = right): Promise<Ended> {
  await dir.write("limited", "old");
  const before = await readdir(dir.path);
  const args = [...inputs, "--threads=2", "-o", dir.file("limited")].map((arg) => `'${arg}'`).join(" ");
  const ended = await dir.run("bash", ["-c", `${commands}; exec "${spore.path}" ${args}`], { timeoutMs: 30_000 });
  const { status, signal, stderr } = ended;
  const written = await dir.read("limited");
  await expect.poll(() => processesWith(dir.file("limited"))).toEqual([]);
  if (status === 0) expect(written.equals(output)).toBe(true);
  else expect(written.toString(), stderr).toBe("old");
  // Node ends itself, with a report of its own, when it has no memory; so does the system, with SIGKILL.
  if (signal !== null || status > 128 || /Fatal process OOM|FATAL ERROR|node: /.test(stderr)) return ended;
  expect(await readdir(dir.path)).toEqual(before);
  if (status === 0) return ended;
  expect(status, `${commands}: ${stderr}`).toBe(1);
  expect(stderr).toMatch(/^spore: error: /);
  expect(stderr.match(/error:/g), stderr).toHaveLength(1);
  expect(stderr).not.toContain("internal error");
  return ended;
}

/**
 * Links with ever more exact limits (an option of ulimit) between too little for Node and enough, then with some
 * below the least that is. Returns what was printed.
 */
async function limit(option: string, inputs: readonly string[], output: Buffer): Promise<string[]> {
  const messages: string[] = [];
  let tooLittle = 0;
  let enough = 64 * 2 ** 20; // KiB
  const tryLimit = async (kib: number): Promise<boolean> => {
    const { status, stderr } = await link(`ulimit ${option} ${kib}`, inputs, output);
    messages.push(stderr);
    return status === 0;
  };
  while (enough - tooLittle > 1024) {
    const kib = Math.floor((tooLittle + enough) / 2);
    if (await tryLimit(kib)) enough = kib;
    else tooLittle = kib;
  }
  for (let step = 1; step <= 8; step++) await tryLimit(enough - step * 8192);
  expect(enough).toBeLessThan(8 * 2 ** 20);
  return messages;
}

test("address space that runs out is one error, or the link is right", async () => {
  await limit("-v", program.args, right);
});

test("a worker that finds no memory says so", async () => {
  await dir.write("data.s", ".globl _start\n_start: ret\n.data\n.fill 12 << 20, 8, 0x0123456789abcdef\n");
  await dir.compile("data.s");
  await dir.linkDirectly(spore, ["data.o", "-o", "right-data"]);
  // Data, not address space: workers have less of that than their parent, whose heap they do not inherit.
  const messages = await limit("-d", ["data.o"], await dir.read("right-data"));
  expect(messages.join("")).toMatch(/^spore: error: memory ran out in write\w+$/m);
});

/** A new control group in which memory can be limited: its folder, and the file that limits. */
async function controlGroup(): Promise<{ folder: string; limit: string } | undefined> {
  for (const [parent, file] of [
    ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
    ["/sys/fs/cgroup", "memory.max"],
  ] as const) {
    const folder = `${parent}/spore-test-${process.pid}`;
    const isMade = await mkdir(folder).then(
      () => true,
      () => false,
    );
    if (!isMade) continue;
    if (existsSync(`${folder}/${file}`)) return { folder, limit: `${folder}/${file}` };
    rmdirSync(folder);
  }
  process.stderr.write("SKIPPED: a test that needs a memory control group that it may create\n");
  return undefined;
}

test("a control group's limit on memory is one error, or the link is right", async ({ skip }) => {
  const group = await controlGroup();
  if (group === undefined) return skip();
  try {
    const ends = new Set<boolean>();
    for (const mib of [4, 8, 10, 12, 14, 16, 20, 24, 32, 64, 512]) {
      await writeFile(group.limit, String(mib * 2 ** 20));
      ends.add((await link(`echo $$ > ${group.folder}/cgroup.procs`)).status === 0);
      await expect.poll(() => readFile(`${group.folder}/cgroup.procs`, "utf8")).toBe("");
    }
    expect(ends).toContain(true);
  } finally {
    rmdirSync(group.folder);
  }
});
