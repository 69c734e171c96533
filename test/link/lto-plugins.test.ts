/** Linker plugins that misbehave: each is survived, with one error, and nothing is left. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";

import { root, spore } from "../harness/oracles.ts";
import { processesWith } from "../harness/processes.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

/** A folder with the plugin, an object of intermediate language, and the machine code that the plugin adds for it. */
async function prepared(): Promise<Scratch> {
  const dir = await scratch({ "real.c": "int main(void) { return 9; }" });
  const source = join(root, "testdata/plugins/misbehaving.c");
  await dir.mustRun("gcc", [`-I${root}/native/plugin-host`, "-w", "-shared", "-fPIC", source, "-o", "plugin.so"]);
  await dir.mustRun("gcc", ["-c", "real.c"]);
  await dir.mustRun("gcc", ["-flto", "-c", "real.c", "-o", "ir.o"]);
  await mkdir(dir.file("tmp"));
  return dir;
}

const words = (dir: Scratch, mode: string): string[] => {
  const plugin = ["-plugin", dir.file("plugin.so"), `-plugin-opt=${mode}`];
  return [...plugin, "ir.o", "-e", "main", "-o", "out"];
};

/** Nothing of the link is there any more: no process, no temporary file, no output. */
async function expectNothingLeft(dir: Scratch, isLinked = false): Promise<void> {
  expect(await readdir(dir.file("tmp"))).toEqual([]);
  expect(await processesWith(dir.path)).toEqual([]);
  expect((await readdir(dir.path)).filter((name) => name.startsWith("out"))).toEqual(isLinked ? ["out"] : []);
}

const failures: readonly (readonly [mode: string, says: RegExp])[] = [
  ["crash-in-onload", /plugin\.so' failed: it was ended by SIGABRT/],
  ["fail-in-onload", /plugin\.so' failed: it does not start: 'onload' returned 3/],
  ["crash-in-claim", /plugin\.so' failed: it was ended by SIGABRT/],
  ["fail-in-claim", /plugin\.so' failed: it failed on 'ir\.o': the claim hook returned 3/],
  ["exit-in-claim", /plugin\.so' failed: it ended with exit status 0/],
  ["no-name", /plugin\.so' failed: symbol 0 of 'ir\.o' has no name/],
  ["wrong-kind", /plugin\.so' failed: symbol 'main' of 'ir\.o' is of kind 77/],
  ["wrong-visibility", /plugin\.so' failed: symbol 'main' of 'ir\.o' has visibility 99/],
  ["negative-count", /plugin\.so' failed: it says that 'ir\.o' has -5 symbols/],
  ["wrong-handle", /plugin\.so' failed: it failed on 'ir\.o': the claim hook returned 2/],
  ["wrong-pointer", /plugin\.so' failed: it was ended by SIGSEGV/],
  ["fatal", /error: it is fatal\n>>> said by linker plugin '.*plugin\.so'/],
  ["error", /error: it is an error\n>>> said by linker plugin '.*plugin\.so'/],
  ["crash-at-all-symbols-read", /plugin\.so' failed: it was ended by SIGSEGV/],
  ["fail-at-all-symbols-read", /plugin\.so' failed: it failed: the hook for all symbols returned 3/],
  ["missing-file", /error: cannot open 'nowhere\.o'/],
  ["directory", /error: cannot open '\.': it is a directory/],
];

test.each(failures)("a plugin that is to %s is one error", async (mode, says) => {
  await using dir = await prepared();
  const env = { TMPDIR: dir.file("tmp") };
  const { status, stderr } = await dir.linkDirectly(spore, words(dir, mode), { env });
  expect(status).toBe(1);
  expect(stderr).toMatch(says);
  expect(stderr.match(/error:/g)).toHaveLength(1);
  await expectNothingLeft(dir);
});

const survived: readonly (readonly [mode: string, stderr: RegExp])[] = [
  ["behave", /^$/],
  ["write", /^written to standard output\nwritten to standard error\n$/],
  ["fork", /^$/],
  ["daemon", /^$/],
  ["no-symbols", /^$/],
  ["crash-in-cleanup", /^$/],
  ["warn", /^spore: it is a note\nspore: warning: it is a warning\n>>> said by linker plugin '.*plugin\.so'\n/],
];

test.each(survived)("a plugin that is to %s does not keep the link from its end", async (mode, says) => {
  await using dir = await prepared();
  const env = { TMPDIR: dir.file("tmp") };
  const unlike = "GNU ld does not survive all of it";
  const { status, stdout, stderr } = await dir.linkDirectly(spore, words(dir, mode), { env, unlike });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(says);
  await expectNothingLeft(dir, true);
});

const hangs = ["hang-in-claim", "hang-at-all-symbols-read", "ignore-signals"].flatMap((mode) =>
  (["SIGINT", "SIGTERM", "SIGKILL"] as const).map((signal) => [mode, signal] as const),
);

test.each(hangs)("a plugin that is to %s ends when the user ends the link by %s", async (mode, signal) => {
  await using dir = await prepared();
  const env = { ...process.env, TMPDIR: dir.file("tmp") };
  const child = spawn(spore.path, words(dir, mode), { cwd: dir.path, env });
  let said = "";
  child.stderr.on("data", (text: Buffer) => (said += text.toString()));
  const isRunning = async (): Promise<boolean> => (await readdir(dir.file("tmp"))).length > 0;
  while (!(await isRunning())) await setTimeout(10);
  await setTimeout(300); // until it is where it hangs
  child.kill(signal);
  const [status, endedBy] = (await once(child, "close")) as [number | null, string | null];
  if (signal === "SIGKILL") expect(endedBy).toBe("SIGKILL");
  else expect(status).toBe(1);
  if (signal !== "SIGKILL") expect(said).toMatch(new RegExp(`plugin\\.so' failed: it was interrupted by ${signal}`));
  // What watches the plugin gives it a second, and is nobody's child when the linker was killed.
  for (let i = 0; i < 300 && (await isRunning()); i++) await setTimeout(10);
  while ((await processesWith(dir.path)).length > 0) await setTimeout(10);
  await expectNothingLeft(dir);
});
