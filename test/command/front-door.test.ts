/** bin/ld as compilers, package managers and shells start it, and the Node that it finds. */
import { readFileSync, statSync } from "node:fs";
import { chmod, mkdir, symlink } from "node:fs/promises";
import { transform } from "esbuild";
import { expect, test } from "vitest";

import { readelf, root, run } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

// Also where SPORE_LD names another linker: that one has no launcher.
const linker = `${root}/bin/ld`;
const tool = `${root}/bin/spore`;
const hello = { "main.c": '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }' };
const spore = { status: 0, stdout: expect.stringMatching(/(^|: )Spore /), stderr: "" };

/** Runs the linker with a `node` of its own, a shell script. */
async function withNode(dir: Scratch, script: string) {
  await dir.write("path/node", `#!/bin/sh\n${script}\n`, 0o755);
  // A resident linker would need no Node.
  const env = { SPORE_RESIDENT: "0", PATH: `${dir.file("path")}:${process.env["PATH"]}` };
  return dir.run(linker, ["-v"], { env });
}

test("it is small and needs the C library only", async () => {
  for (const file of [linker, tool]) {
    expect(statSync(file).size).toBeLessThan(100 << 10);
    const { text } = await readelf(file, "-dW");
    expect([...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)).toEqual(["libc.so.6"]);
  }
});

test("symbolic links lead to it, relative ones, absolute ones, and those of node_modules/.bin", async () => {
  await using dir = await scratch();
  await mkdir(dir.file("node_modules/.bin"), { recursive: true });
  await symlink(root, dir.file("node_modules/spore-ld"));
  await symlink("../spore-ld/bin/spore", dir.file("node_modules/.bin/spore"));
  await symlink(linker, dir.file("absolute"));
  await symlink("absolute", dir.file("x86_64-linux-gnu-ld"));
  expect(await dir.run("./x86_64-linux-gnu-ld", ["-v"])).toMatchObject(spore);
  expect(await dir.run("node_modules/.bin/spore", ["--version"])).toMatchObject(spore);
  expect(await dir.run("node_modules/spore-ld/bin/ld", ["-v"])).toMatchObject(spore);
});

test("collect2 and gcc start it, by -B with a path of any kind", async () => {
  await using dir = await scratch(hello);
  await symlink(`${root}/bin`, dir.file("tools"));
  for (const folder of ["tools", "./tools/", `${root}/bin`]) {
    const { stdout } = await dir.mustRun("gcc", [`-B${folder}`, "main.c", "-Wl,-v"]);
    expect(stdout).toMatch(/(^|: )Spore /);
    expect(await dir.run("./a.out")).toMatchObject({ stdout: "hello\n" });
  }
});

test.skipIf(lacks([{ needs: "clang", from: "clang" }]))("clang starts it by --ld-path", async () => {
  await using dir = await scratch(hello);
  const { stdout } = await dir.mustRun("clang", [`--ld-path=${linker}`, "main.c", "-Wl,-v"]);
  expect(stdout).toMatch(/(^|: )Spore /);
});

test("argv[0] may be anything", async () => {
  await using dir = await scratch();
  for (const name of ["spore", "", "/no/where", "-ld"])
    expect(await dir.run("bash", ["-c", `exec -a '${name}' ${linker} -v`]), name).toMatchObject(spore);
});

test("standard descriptors may be closed", async () => {
  await using dir = await scratch(hello);
  await dir.mustRun("gcc", ["-c", "main.c"]);
  // Also where Node must be asked for its version, through a pipe.
  await dir.write("unknown/node", `#!/bin/sh\nexec "${process.execPath}" "$@"\n`, 0o755);
  for (const path of ["", "PATH=$PWD/unknown:$PATH "])
    for (const closed of ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "<&- 2>&-"]) {
      const gcc = `${path}gcc -B${root}/bin main.o -o linked`;
      const { status, stderr } = await dir.run("bash", ["-c", `rm -f linked; ${gcc} ${closed}; ./linked`]);
      expect({ status, stderr }, path + closed).toEqual({ status: 0, stderr: "" });
    }
});

test("an empty environment will do", async () => {
  expect(await run("env", ["-i", `PATH=${process.env["PATH"]}`, linker, "-v"])).toMatchObject(spore);
});

test("a working folder that was deleted will do", async () => {
  await using dir = await scratch({ ...hello, "gone/file": "" });
  await dir.mustRun("gcc", ["-c", "main.c"]);
  const words = `-r '' `; // what is asked is refused by name, so the linker has run
  const ended = await dir.run("bash", ["-c", `cd gone && rm -r ../gone && ${linker} -v && ${linker} ${words}`]);
  expect(ended).toMatchObject({ status: 1, stdout: spore.stdout });
  expect(ended.stderr).toMatch(/^spore: error: /);
});

test("where there is no Node it says which one is needed", async () => {
  await using dir = await scratch();
  const said = {
    status: 1,
    stdout: "",
    stderr: expect.stringMatching(/^spore: error: there is no "node" in PATH; Spore needs Node \d+\.\d+ or later\n$/),
  };
  expect(await dir.run("env", ["-i", `PATH=${dir.path}`, linker, "-v"])).toMatchObject(said);
  // What cannot be run, and a folder, are no Node.
  await dir.write("node", "#!/bin/sh\n", 0o644);
  await mkdir(dir.file("folder/node"), { recursive: true });
  expect(await dir.run("env", ["-i", `PATH=${dir.path}:${dir.file("folder")}:`, linker, "-v"])).toMatchObject(said);
});

test("a Node that is too old is named, with the one that is needed", async () => {
  await using dir = await scratch({
    "old.cjs": 'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.20.8" } });',
  });
  const script = `[ "$1" = -v ] && echo v18.20.8 || exec "${process.execPath}" -r "${dir.file("old.cjs")}" "$@"`;
  const { status, stderr } = await withNode(dir, script);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^spore: error: this is Node 18\.20\.8 \(.*\); Spore needs Node \d+\.\d+ or later\n$/);
});

test("what says so is JavaScript that Node 12 can read", async () => {
  const source = readFileSync(`${root}/dist/command.cjs`, "utf8");
  const asIs = await transform(source, { target: "esnext" });
  expect((await transform(source, { target: "node12.0" })).code).toBe(asIs.code);
  // Before the check, nothing is loaded by a name that Node 12 does not know.
  expect(source.indexOf("process.exit(1)")).toBeLessThan(source.indexOf('require("node:'));
});

test("a Node that does not work is named, with what it did", async () => {
  await using dir = await scratch();
  const needs = String.raw`; Spore needs Node \d+\.\d+ or later\n$`;
  for (const [script, did] of [
    ["exit 3", "ended with status 3"],
    ["kill -SEGV $$", "was ended by signal 11"],
    ["echo hello", "printed no version"],
    ["", "printed no version"],
  ] as const) {
    const { status, stderr } = await withNode(dir, script);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^spore: error: "${dir.file("path/node")}" does not work: with -v it ${did}${needs}`),
    );
  }
  await dir.write("path/node", "no program at all");
  await chmod(dir.file("path/node"), 0o755);
  const env = { SPORE_RESIDENT: "0", PATH: dir.file("path") };
  const { stderr } = await dir.run(linker, ["-v"], { env });
  expect(stderr).toMatch(new RegExp(`^spore: error: ".*" does not work: with -v it ended with status 126${needs}`));
});

test("another Node than the one of the build is used when it is new enough", async () => {
  await using dir = await scratch();
  const ended = await withNode(dir, `[ "$1" = -v ] && echo v99.1.0 || { echo "$1"; exec "${process.execPath}" "$@"; }`);
  // With the flags of a link.
  expect(ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/^--no-opt\nGNU ld compatible: Spore /) });
});
