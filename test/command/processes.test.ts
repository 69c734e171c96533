/** What a link leaves behind: no process, and of a first try nothing while the second one runs. */
import { readdirSync, readFileSync, truncateSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";

import { Diagnostics, LinkFailed } from "../../src/diagnostics/diagnostics.ts";
import { linkWith } from "../../src/link.ts";
import { parseOptions } from "../../src/options/parse.ts";
import type { OwnHooks } from "../../src/passes/link-hooks.ts";
import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const MiB = 2 ** 20;

let dir: Scratch;

beforeAll(async () => {
  dir = await scratch({
    // Runs a command, becomes the parent of what it leaves, and says how many processes that were: children that ran
    // on, or that nobody had waited for, when the command itself had ended.
    "reaper.c": `#include <stdio.h>
      #include <sys/prctl.h>
      #include <sys/wait.h>
      #include <unistd.h>
      int main(int argc, char **argv) {
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        pid_t command = fork();
        if (command == 0) { execv(argv[1], argv + 1); _exit(127); }
        int status, left = 0;
        waitpid(command, &status, 0);
        while (wait(0) > 0) left++;
        printf("left %d\\n", left);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
      }`,
    "main.s": ".globl _start\n_start: mov $60, %eax\nxor %edi, %edi\nsyscall\n",
    "callsNobody.s": ".globl _start\n_start: call nobody\n",
    // So many names that some collide when hashes keep few bits.
    "many.s": `.globl _start\n_start: ${Array.from({ length: 2000 }, (_, i) => `.globl n${i}\nn${i}:`).join("\n")}\nret\n`,
    "library.s": ".globl somebody\nsomebody: ret\n",
  });
  await dir.mustRun("gcc", ["reaper.c", "-o", "reaper"]);
  for (const source of ["main.s", "callsNobody.s", "many.s", "library.s"]) await dir.compile(source);
  await dir.archive("library.a", ["library.o"]);
});

afterAll(() => dir[Symbol.asyncDispose]());

/** Links, and returns the exit status and how many processes were left. */
async function leftBy(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout } = await dir.run("./reaper", [spore.path, ...args, "-o", "linked"], { env });
  return { status, left: Number(/^left (\d+)$/m.exec(stdout)?.[1]) };
}

test("a helper that looks sees a process that was left", async () => {
  const { stdout } = await dir.run("./reaper", ["/bin/sh", "-c", "sleep 0.05 & sleep 0.05 & exit 0"]);
  expect(stdout).toBe("left 2\n");
});

test.each([
  ["with a worker for each processor", ["main.o"], 0, {}],
  ["with one worker", ["main.o", "--threads=1"], 0, {}],
  ["with many workers", ["main.o", "--threads=9"], 0, {}],
  ["that fails", ["callsNobody.o", "--threads=3"], 1, {}],
  ["that fails twice", ["callsNobody.o", "library.a", "--threads=3"], 1, { SPORE_TEST_SEARCH: "1" }],
  ["whose inputs are not there", ["none.o"], 1, {}],
  ["that is tried again", ["many.o", "--threads=3"], 0, { SPORE_TEST_COLLISIONS: "1" }],
  ["whose worker dies", ["main.o", "--threads=3"], 0, { SPORE_TEST_FAULT: "scanHeaders:claim" }],
  ["whose workers die over and over", ["main.o", "--threads=3"], 1, { SPORE_TEST_FAULT: "scanHeaders:claim:::again" }],
])("a small link leaves no process behind: %s", async (_, args, status, env) => {
  for (let i = 0; i < 5; i++) expect(await leftBy(args, env)).toEqual({ status, left: 0 });
});

test("a link that takes long to free leaves one process for that, and none with --no-fork", async () => {
  await dir.compile("main.s", [], "large.o");
  truncateSync(dir.file("large.o"), 700 * MiB); // sparse: nothing of it is read
  const cold = { SPORE_RESIDENT: "0" }; // processes of a resident linker are not below this one
  expect(await leftBy(["large.o", "--threads=4"], cold)).toEqual({ status: 0, left: 1 });
  expect(await leftBy(["large.o", "--threads=4", "--fork"], cold)).toEqual({ status: 0, left: 1 });
  expect(await leftBy(["large.o", "--threads=4", "--no-fork"], cold)).toEqual({ status: 0, left: 0 });
});

/** What this process has of a link now. */
function held() {
  const children = readdirSync("/proc/self/task").flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, "utf8").split(" ").filter(Boolean),
  );
  const maps = readFileSync("/proc/self/maps", "utf8").split("\n");
  const count = (part: string): number => maps.filter((line) => line.includes(part)).length;
  return { children: children.length, arenas: count("spore-arena"), inputs: count(dir.path) };
}

test.each([
  ["because names collided", ["many.o"], { hasCollisions: true }],
  ["because an index might be old", ["callsNobody.o", "library.a"], { searchesAll: true }],
])("a link that is tried again has given back what the first try had: %s", async (_, inputs, tests) => {
  const before = held();
  const tries: ReturnType<typeof held>[] = [];
  const hooks: OwnHooks = { leavesToExit: true, ...tests, onSpawn: () => tries.push(held()) };
  const diagnostics = new Diagnostics();
  const paths = inputs.map((name) => dir.file(name));
  const options = parseOptions([...paths, "--threads=2", "-o", dir.file("linked")], diagnostics);
  await linkWith(options, diagnostics, hooks).catch((error: unknown) => expect(error).toBeInstanceOf(LinkFailed));
  expect(tries).toHaveLength(2);
  for (const now of tries) {
    expect(now.children - before.children).toBe(2);
    expect(now.arenas - before.arenas).toBe(1);
    expect(now.inputs - before.inputs).toBe(inputs.length);
  }
});
