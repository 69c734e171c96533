/** The package as npm packs and installs it: test/package has the same on older systems and other Nodes. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { readelf, root, run } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

let project: Scratch;
/** What npm says of the package that it made. */
let packed: { readonly filename: string; readonly unpackedSize: number; readonly files: readonly { path: string }[] };
const installed = (name: string): string => project.file(join("node_modules/spore-ld", name));

beforeAll(async () => {
  project = await scratch({
    "package.json": '{ "name": "user", "version": "1.0.0", "private": true }',
    "main.c": '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }',
  });
  const env = { NODE_OPTIONS: undefined };
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", project.path], { cwd: root, env, timeoutMs: 300_000 }); // prettier-ignore
  [packed] = JSON.parse(stdout.slice(stdout.indexOf("["))) as [typeof packed];
  // Offline: there is nothing else to be had. With scripts: there are none.
  const flags = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts=false"];
  await project.mustRun("npm", ["install", "--save-dev", ...flags, packed.filename], { env });
}, 300_000);
afterAll(async () => project[Symbol.asyncDispose]());

test("one command installs it, another links with it", async () => {
  const linked = await project.run("npx", ["spore", "exec", "--", "gcc", "main.c", "-o", "main"]);
  expect(linked).toMatchObject({ status: 0, stderr: expect.stringMatching(/^spore: 1 link in /) });
  expect(await project.run("./main")).toMatchObject({ stdout: "hello\n" });
});

test("gcc -B and clang's -fuse-ld=spore find the installed linker", async () => {
  const { stdout: folder } = await project.mustRun("npx", ["spore", "dir"]);
  expect(folder.trim()).toBe(installed("bin"));
  const asked = await project.mustRun("gcc", [`-B${folder.trim()}`, "-Wl,--version", "main.c"]);
  expect(asked.stdout).toContain("Spore");
  const named = await project.mustRun("node_modules/.bin/ld.spore", ["--version"]);
  expect(named.stdout).toBe(asked.stdout);
});

test("modules of both kinds load it", async () => {
  const use = "const { StageMode, stageFiles } = staging; console.log(stageFiles(StageMode.Mmap, ['main.c']).bytes(0).length, typeof ld.link);"; // prettier-ignore
  await project.write("use.mjs", `import * as staging from "spore-ld/staging"; import * as ld from "spore-ld"; ${use}`);
  // Node 20.19 and later let CommonJS require an ES module.
  await project.write("use.cjs", `const staging = require("spore-ld/staging"); const ld = require("spore-ld"); ${use}`);
  const size = (await readFile(project.file("main.c"))).length;
  for (const file of ["use.mjs", "use.cjs"])
    expect(await project.run("node", ["--no-warnings", file]), file).toMatchObject({ stdout: `${size} function\n` });
});

test("its types are right for strict TypeScript, of either kind of module", async () => {
  const use = `
    const options: spore.LinkOptions = spore.parseOptions(["main.o"], new spore.Diagnostics());
    export const linked: Promise<spore.LinkResult> = spore.link(options, new spore.Diagnostics());
    export const bytes: Uint8Array = staging.stageFiles(staging.StageMode.Mmap, ["main.c"]).bytes(0);`;
  const imports = 'import * as spore from "spore-ld"; import * as staging from "spore-ld/staging";';
  for (const file of ["types.mts", "types.cts"]) await project.write(file, imports + use);
  await mkdir(project.file("node_modules/@types"), { recursive: true });
  await symlink(join(root, "node_modules/@types/node"), project.file("node_modules/@types/node"));
  const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"];
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const settings = ["--module", "nodenext", "--target", "es2022", "--lib", "es2023,esnext.disposable", "--types", "node"]; // prettier-ignore
  const checked = await project.run("node", [tsc, ...flags, ...settings, "types.mts", "types.cts"]);
  expect(checked).toMatchObject({ status: 0, stdout: "", stderr: "" });
});

test("nothing runs when it is installed, and npm has nothing to compile", () => {
  const { scripts = {} } = JSON.parse(readFileSync(installed("package.json"), "utf8")) as { scripts?: object };
  expect(Object.keys(scripts).filter((name) => /install|prepare$/.test(name))).toEqual([]);
  expect(existsSync(installed("binding.gyp"))).toBe(false);
  expect(readdirSync(installed("prebuilt"))).toEqual(["linux-x64-glibc"]);
});

test("the addon needs glibc and nothing else, and has no debug information", async () => {
  const { text } = await readelf(installed("prebuilt/linux-x64-glibc/spore.node"), "-dSW");
  const needed = [...text.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  expect(needed.filter((name) => !/^(lib(c|m|dl|pthread)\.so|ld-linux)/.test(name))).toEqual([]);
  expect(text).not.toMatch(/\.debug_|\.symtab/);
});

test("the oldest Node that it takes is the same in the command, in its build and in package.json", () => {
  const { engines } = JSON.parse(readFileSync(installed("package.json"), "utf8")) as { engines: { node: string } };
  const version = engines.node.replace(">=", "");
  expect(readFileSync(installed("dist/command.cjs"), "utf8")).toContain(`= "${version}".split(".")`);
  expect(readFileSync(join(root, "build.mjs"), "utf8")).toContain(`target: "node${version}"`);
});

test("it has what README leads to, and not what only its build needs", () => {
  const paths = packed.files.map(({ path }) => path);
  const links = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g)];
  for (const [, link] of links)
    expect(
      paths.some((path) => path === link || path.startsWith(`${link}/`)),
      link,
    ).toBe(true);
  expect(paths.filter((path) => /^(src|test|testdata|bench)\/|\.(cc|gyp)$|node_modules/.test(path))).toEqual([]);
  expect(paths.length).toBeLessThan(700);
  expect(packed.unpackedSize).toBeLessThan(9_000_000);
});

test("a clone that was not built builds before it is packed, or says what it lacks", async () => {
  await using clone = await scratch();
  for (const name of ["package.json", "build.mjs", "bin", "native/binding.gyp"]) {
    await mkdir(clone.file("native"), { recursive: true });
    await clone.mustRun("cp", ["-r", join(root, name), clone.file(name)]);
  }
  const refused = await clone.run("npm", ["pack"], { env: { NODE_OPTIONS: undefined } });
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain("node-gyp/bin/node-gyp.js is not installed; run: npm ci");
  expect(readdirSync(clone.path).filter((name) => name.endsWith(".tgz"))).toEqual([]);
});

test("a program that Spore links is what it is without the package around it", async () => {
  await project.compile("main.c");
  await project.mustRun("gcc", ["-B", installed("bin"), "main.o", "-o", "one"]);
  await project.mustRun("gcc", ["-B", join(root, "bin"), "main.o", "-o", "other"]);
  expect(await project.read("one")).toEqual(await project.read("other"));
});
