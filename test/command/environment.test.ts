/** The command in the environments that people run it in. */
import { chmod, lstat, mkdir, readdir, stat, symlink } from "node:fs/promises";
import { expect, test } from "vitest";

import { bfd, root, run, spore } from "../harness/oracles.ts";
import { processesWith } from "../harness/processes.ts";
import { scratch } from "../harness/scratch.ts";

const program = { "main.c": '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }' };

test("NODE_OPTIONS are not for the linker", async () => {
  await using dir = await scratch({ ...program, "loud.cjs": 'console.log("required"); process.exit(9);' });
  for (const options of ["--inspect=0", `--require=${dir.file("loud.cjs")}`, "--max-old-space-size=10"]) {
    const linked = await dir.link(spore, ["main.o"], { env: { NODE_OPTIONS: options } });
    expect(linked, options).toEqual({ status: 0, signal: null, stdout: "", stderr: "" });
  }
});

test("it works through symbolic links, relative and absolute", async () => {
  await using dir = await scratch(program);
  await mkdir(dir.file("tools"));
  await symlink(spore.path, dir.file("tools/real"));
  await symlink("real", dir.file("tools/ld"));
  const { stdout } = await run(dir.file("tools/ld"), ["--version"]);
  expect(stdout).toContain("Spore");
});

test("a checkout that was not built says what to do", async () => {
  await using dir = await scratch();
  await mkdir(dir.file("bin"));
  await dir.mustRun("cp", [`${root}/bin/ld`, "bin/ld"]);
  expect(await dir.run(dir.file("bin/ld"), ["-v"])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('run "npm run build"'),
  });
});

test("the output's mode follows the umask", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  const gcc = `gcc ${spore.gccFlags.join(" ")} main.o -o`;
  await dir.mustRun("sh", ["-c", `umask 022; ${gcc} open; umask 077; ${gcc} closed`]);
  expect((await stat(dir.file("open"))).mode & 0o777).toBe(0o755);
  expect((await stat(dir.file("closed"))).mode & 0o777).toBe(0o700);
});

test("a failed link keeps the old output and leaves nothing else", async () => {
  await using dir = await scratch({ ...program, "bad.c": "void missing(void); int main(void) { missing(); }" });
  await dir.link(spore, ["main.o"]);
  await dir.compile("bad.c");
  const before = await readdir(dir.path);
  const failed = await dir.link(spore, ["bad.o"]);
  expect(failed.status).toBe(1);
  expect(failed.stderr).toContain("undefined reference to 'missing'");
  expect(await readdir(dir.path)).toEqual(before);
  expect(await dir.run(dir.file("a.out"))).toMatchObject({ stdout: "hello\n" });
});

test("an output that is a running program is replaced", async () => {
  await using dir = await scratch({
    ...program,
    "wait.c": "#include <unistd.h>\nint main(void) { char c; return read(0, &c, 1) < 0; }",
  });
  await dir.link(spore, ["wait.o"]);
  await dir.compile("main.c");
  const { stdout, stderr, status } = await dir.run("sh", [
    "-c",
    `mkfifo hold; ./a.out < hold & exec 3> hold; gcc ${spore.gccFlags.join(" ")} main.o && ./a.out; exec 3>&-; wait`,
  ]);
  expect({ stdout, stderr, status }).toEqual({ stdout: "hello\n", stderr: "", status: 0 });
});

test("/dev/null stays what it is", async () => {
  await using dir = await scratch(program);
  const before = await lstat("/dev/null");
  expect(await dir.link(spore, ["main.o"], { output: "/dev/null" })).toMatchObject({ status: 0, stderr: "" });
  const after = await lstat("/dev/null");
  expect([after.isCharacterDevice(), after.mode, after.ino]).toEqual([true, before.mode, before.ino]);
});

test("a pipe gets the output's bytes", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  const gcc = `gcc ${spore.gccFlags.join(" ")} main.o -o`;
  await dir.mustRun("sh", ["-c", `mkfifo pipe; cat pipe > copy & ${gcc} pipe; wait; ${gcc} file; cmp copy file`]);
  expect((await lstat(dir.file("pipe"))).isFIFO()).toBe(true);
});

test("a full device is one clear error", async () => {
  await using dir = await scratch(program);
  const linked = await dir.link(spore, ["main.o"], { output: "/dev/full" });
  expect(linked.status).toBe(1);
  expect(linked.stderr).toContain("spore: error: cannot write '/dev/full': no space left on device");
});

test("a writable output in a directory that is not writable is written", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  await mkdir(dir.file("locked"));
  await dir.write("locked/out", "old");
  await chmod(dir.path, 0o755);
  await chmod(dir.file("locked/out"), 0o777);
  await chmod(dir.file("locked"), 0o555);
  // Root may write anywhere: it becomes somebody else for this.
  const gcc = `gcc ${spore.gccFlags.join(" ")} main.o -o locked/out`;
  const isRoot = process.geteuid?.() === 0;
  const linked = isRoot
    ? await dir.run("setpriv", ["--reuid=65534", "--clear-groups", "sh", "-c", gcc])
    : await dir.run("sh", ["-c", gcc]);
  expect(linked).toMatchObject({ status: 0, stderr: "" });
  expect(await readdir(dir.file("locked"))).toEqual(["out"]);
  expect(await dir.run(dir.file("locked/out"))).toMatchObject({ stdout: "hello\n" });
  await chmod(dir.file("locked"), 0o755);
});

test("a directory, and a place in no directory, are refused by name", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  await mkdir(dir.file("folder"));
  expect((await dir.link(spore, ["main.o"], { output: "folder" })).stderr).toContain(
    "cannot open output file 'folder'",
  );
  expect((await dir.link(spore, ["main.o"], { output: "no/where" })).stderr).toContain(
    "cannot open output file 'no/where': no such file or directory",
  );
});

test("SIGINT and SIGTERM leave neither temporary files nor workers", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  for (const signal of ["INT", "TERM"]) {
    // Delays make the link long enough to be hit in its middle.
    const link = `"${spore.path}" -shared main.o -o ${dir.file("out")}`;
    const script = `${link} & pid=$!; sleep 0.2; kill -${signal} $pid; wait $pid; sleep 0.2`;
    await dir.run("bash", ["-mc", script], { env: { SPORE_TEST_DELAYS: "1" } });
    const left = (await readdir(dir.path)).filter((name) => name.endsWith(".spore"));
    expect(left, signal).toEqual([]);
    expect(await processesWith(dir.file("out")), signal).toEqual([]);
  }
});

test("eight links at once are eight right links", async () => {
  await using dir = await scratch(program);
  await dir.compile("main.c");
  const links = Array.from({ length: 8 }, (_, index) => dir.linkAndRun(spore, ["main.o"], { output: `out${index}` }));
  for (const ended of await Promise.all(links)) expect(ended).toMatchObject({ status: 0, stdout: "hello\n" });
});

test("a link to nothing is followed, and one to a file is replaced, as by GNU ld", async () => {
  for (const linker of [bfd, spore]) {
    await using dir = await scratch({ "main.c": "int main(void) { return 3; }", old: "old", "folder/x": "" });
    for (const [name, to] of [
      ["dangling", "folder/chain"],
      ["folder/chain", "new"],
      ["replaced", "old"],
      ["nowhere", "no/where"],
      ["circle", "circle"],
    ] as const)
      await symlink(to, dir.file(name));
    const linkTo = async (output: string): Promise<number> => (await dir.link(linker, ["main.o"], { output })).status;
    expect(await linkTo("dangling"), linker.name).toBe(0);
    expect((await lstat(dir.file("dangling"))).isSymbolicLink(), linker.name).toBe(true);
    expect(await dir.run(dir.file("folder/new")), linker.name).toMatchObject({ status: 3 });
    expect(await linkTo("replaced"), linker.name).toBe(0);
    expect((await dir.read("old")).toString(), linker.name).toBe("old");
    expect((await lstat(dir.file("replaced"))).isFile(), linker.name).toBe(true);
    expect(await linkTo("nowhere"), linker.name).toBe(1);
    expect(await linkTo("circle"), linker.name).toBe(1);
  }
});
