/** `spore exec`: a command and the compilers that it runs, with Spore in the place of their linkers. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

import { root, run, type RunOptions } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const tool = join(root, "bin/spore");
const exec = (cwd: string, command: readonly string[], options: RunOptions = {}) =>
  run(tool, ["exec", "--", ...command], { cwd, ...options });

const main = { "main.c": '#include <stdio.h>\nint main(void) { puts("hello"); }' };
const oneLink = /^spore: 1 link in \d+\.\d\d s\n$/;
const clang = [{ needs: "clang", from: "clang" }];
const otherLinkers = [
  { needs: "ld.lld", from: "lld" },
  { needs: "ld.mold", from: "mold" },
  { needs: "clang", from: "clang" },
];

test("gcc links with Spore, and the last line says so", async () => {
  await using dir = await scratch(main);
  const ended = await exec(dir.path, ["gcc", "main.c", "-o", "program"]);
  expect(ended).toMatchObject({ status: 0, stdout: "", stderr: expect.stringMatching(oneLink) });
  expect(await dir.run("./program")).toMatchObject({ stdout: "hello\n" });
});

test.skipIf(lacks(clang))("clang links with Spore", async () => {
  await using dir = await scratch(main);
  const { stderr } = await exec(dir.path, ["clang", "main.c", "-o", "program"]);
  expect(stderr).toMatch(oneLink);
});

test.skipIf(lacks(otherLinkers))("a linker that the build asks for by name is Spore, too", async () => {
  await using dir = await scratch(main);
  for (const compiler of ["gcc", "clang"])
    for (const name of compiler === "gcc" ? ["bfd", "gold", "lld", "mold"] : ["bfd", "lld"]) {
      const { stderr } = await exec(dir.path, [compiler, `-fuse-ld=${name}`, "main.c", "-o", "program"]);
      expect(stderr, `${compiler} ${name}`).toMatch(oneLink);
      expect(await dir.run("./program")).toMatchObject({ stdout: "hello\n" });
    }
});

test("a build that calls ld itself gets Spore", async () => {
  await using dir = await scratch({ "start.s": ".globl _start\n_start: mov $60, %eax\n mov $3, %edi\n syscall\n" });
  await dir.compile("start.s");
  const { stderr } = await exec(dir.path, ["sh", "-c", "ld start.o -o program"]);
  expect(stderr).toMatch(oneLink);
  expect(await dir.run("./program")).toMatchObject({ status: 3 });
});

test("a build of many links is told how many, how long, and which took longest", async () => {
  await using dir = await scratch({
    ...main,
    Makefile: "all: one two three\none two three: main.c\n\tgcc main.c -o $@\n",
  });
  const { stderr, status } = await exec(dir.path, ["make", "--silent", "-j3"]);
  expect(status).toBe(0);
  expect(stderr).toMatch(/^spore: 3 links in \d+\.\d\d s; the longest, of "(one|two|three)", \d+\.\d\d s\n$/);
});

test("links that failed are counted", async () => {
  await using dir = await scratch({ "main.c": "void missing(void); int main(void) { missing(); }" });
  const { stderr, status } = await exec(dir.path, ["sh", "-c", "gcc main.c -o program; exit 5"]);
  expect(status).toBe(5);
  expect(stderr).toContain("undefined reference to 'missing'");
  expect(stderr).toMatch(/\nspore: 1 link in \d+\.\d\d s; 1 failed\n$/);
});

test("a command that links nothing is told so", async () => {
  expect(await exec(root, ["true"])).toMatchObject({ status: 0, stderr: expect.stringContaining("no links") });
});

test("the command has its input, its output, its arguments and its status", async () => {
  const ended = await exec(root, ["sh", "-c", 'cat; echo "$@" >&2; exit 3', "--", "--help", "-x"], { input: "in" });
  expect(ended).toMatchObject({ status: 3, stdout: "in", stderr: expect.stringMatching(/^--help -x\nspore: /) });
});

test("the command's environment is the user's, Node's options among it", async () => {
  const env = { NODE_OPTIONS: "--no-warnings", COMPILER_PATH: "/elsewhere" };
  const { stdout } = await exec(root, ["sh", "-c", 'echo "$NODE_OPTIONS $COMPILER_PATH"'], { env });
  expect(stdout).toBe(`--no-warnings ${root}/bin/exec:/elsewhere\n`);
  const without = await exec(root, ["sh", "-c", "echo ${NODE_OPTIONS-unset}"], { env: { NODE_OPTIONS: undefined } });
  expect(without.stdout).toBe("unset\n");
});

test("a command that is not there, or is no program, has the status that shells give it", async () => {
  const missing = await exec(root, ["no-such-command"]);
  expect(missing).toMatchObject({
    status: 127,
    stderr: 'spore: error: cannot run "no-such-command": no such file or directory\n',
  });
  expect(await exec(root, [join(root, "README.md")])).toMatchObject({
    status: 126,
    stderr: expect.stringContaining("permission denied"),
  });
});

test("a command that a signal ends has the status that shells give it", async () => {
  expect(await exec(root, ["sh", "-c", "kill -TERM $$"])).toMatchObject({ status: 128 + 15 });
});

test("a signal goes on to the command, whose end is waited for", async () => {
  const script = "trap 'echo caught; exit 4' TERM; echo ready; while :; do sleep 0.01; done";
  const child = spawn(tool, ["exec", "--", "sh", "-c", script]);
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  const [status] = await once(child, "close");
  expect({ output, status }).toEqual({ output: "ready\ncaught\n", status: 4 });
});

test("nothing is left in the folder for temporary files", async () => {
  await using dir = await scratch(main);
  await exec(dir.path, ["gcc", "main.c", "-o", "program"], { env: { TMPDIR: dir.path } });
  expect((await readdir(dir.path)).sort()).toEqual(["main.c", "program"]);
});

test("a link of a build that is over is no error, though nobody counts it any more", async () => {
  await using dir = await scratch(main);
  const env = { SPORE_LINK_LOG: dir.file("gone/links") };
  expect(await dir.run("gcc", [`-B${root}/bin`, "main.c"], { env })).toMatchObject({ status: 0, stderr: "" });
});

test("spore dir prints the folder for gcc -B", async () => {
  await using dir = await scratch(main);
  const { stdout } = await run(tool, ["dir"]);
  expect(stdout).toBe(`${root}/bin\n`);
  const asked = await dir.run("gcc", [`-B${stdout.trim()}`, "-Wl,--version", "main.c"]);
  expect(asked.stdout).toContain("Spore");
});

test.skipIf(lacks(clang))("clang knows Spore as -fuse-ld=spore where its folder is in PATH", async () => {
  await using dir = await scratch(main);
  const env = { PATH: `${root}/bin:${process.env["PATH"]}` };
  const asked = await dir.run("clang", ["-fuse-ld=spore", "-Wl,--version", "main.c"], { env });
  expect(asked.stdout).toContain("Spore");
});
