/** The addon does not load: what it is, and what to do. */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, expect, test, vi } from "vitest";

import { addon } from "../../src/addon/load.ts";
import { unloadedAddon } from "../../src/addon/failed-load.ts";
import { type Ended, root } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

afterEach(() => void vi.restoreAllMocks());

const builtAddon = "native/build/Release/spore.node";

/** Stages a file, and prints why that does not work. */
const staging = (from: string): string => `
  import { StageMode, stageFiles } from ${JSON.stringify(from)};
  try { console.log(stageFiles(StageMode.Mmap, [${JSON.stringify(join(root, "LICENSE"))}]).bytes(0).length); }
  catch (error) { console.log(error.name, error.code, error.message); }`;

/** The installed package, with what `without` does not name; and the built addon's bytes, if they are given. */
async function copyOfPackage(without: readonly string[], addonBytes?: Uint8Array): Promise<Scratch> {
  const dir = await scratch();
  for (const name of ["package.json", "build.mjs", "dist", "bin"])
    if (!without.includes(name)) cpSync(join(root, name), dir.file(name), { recursive: true });
  if (addonBytes !== undefined) {
    mkdirSync(dir.file("native/build/Release"), { recursive: true });
    await dir.write(builtAddon, addonBytes);
  }
  await dir.write("use.mjs", staging("./dist/staging/index.js"));
  return dir;
}

const use = (dir: Scratch, ...flags: string[]): Promise<Ended> =>
  dir.run("node", ["--no-warnings", ...flags, "use.mjs"], { env: { NODE_OPTIONS: undefined } });

test("another processor is named", () => {
  vi.spyOn(process, "arch", "get").mockReturnValue("arm64");
  expect(() => addon()).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED_PLATFORM", message: 'unsupported processor "arm64": Spore needs x64' })); // prettier-ignore
});

for (const [runtime, name] of Object.entries({ electron: "Electron", bun: "Bun", deno: "Deno" }))
  test(`${name} is told to run it by Node`, async () => {
    await using dir = await copyOfPackage([], new Uint8Array());
    const versions = `{ ...process.versions, ${runtime}: "1.0.0" }`;
    await dir.write("as.mjs", `Object.defineProperty(process, "versions", { value: ${versions} });`);
    const { stdout } = await use(dir, "--import", "./as.mjs");
    expect(stdout).toContain(`AddonError ERR_UNSUPPORTED_PLATFORM unsupported runtime "${name}"`);
    expect(stdout).toContain("run it by Node");
  });

test("a checkout that was not built says how it is built", async () => {
  await using dir = await copyOfPackage([]);
  expect((await use(dir)).stdout).toBe(
    `AddonError ERR_ADDON_MISSING the native addon has not been built: run "npm run build" in "${dir.path}"\n`,
  );
});

test("a package that is not complete says to install it again", async () => {
  await using dir = await copyOfPackage(["build.mjs"]);
  const { stdout } = await use(dir);
  expect(stdout).toContain(`ERR_ADDON_MISSING the native addon is missing from "${dir.path}"`);
  expect(stdout).toContain("install spore-ld again");
});

test("the linker says it as an error of its own, with status 1", async () => {
  await using dir = await copyOfPackage(["build.mjs"]);
  await dir.write("start.s", ".globl _start\n_start: ret\n");
  await dir.compile("start.s");
  expect(await dir.run("bin/ld", ["start.o"])).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/^spore: error: the native addon is missing from .*\n$/),
  });
});

for (const format of ["cjs", "esm"] as const)
  test(`a bundle (${format}) is told to leave the package out`, async () => {
    await using dir = await scratch({ "use.mjs": staging(join(root, "dist/staging/index.js")) });
    const outfile = dir.file(format === "cjs" ? "bundle.cjs" : "bundle.mjs");
    const options = { bundle: true, platform: "node", target: "node20", logLevel: "silent" } as const;
    await build({ ...options, format, entryPoints: [dir.file("use.mjs")], outfile });
    const { stdout } = await dir.run("node", [outfile]);
    expect(stdout).toContain("AddonError ERR_ADDON_MISSING the native addon is not beside this code");
    expect(stdout).toContain('mark "spore-ld" as external');
  });

test("Node's permission model is named, with the options that it takes", async () => {
  await using dir = await copyOfPackage([], readFileSync(join(root, builtAddon)));
  const isOld = process.versions.node.startsWith("20.") || process.versions.node.startsWith("22.");
  const permission = isOld ? "--experimental-permission" : "--permission";
  const refused = await use(dir, permission, "--allow-fs-read=*");
  expect(refused.stdout).toMatch(/^AddonError ERR_ADDON_FORBIDDEN .* start it with --allow-addons/);
  const hidden = await use(dir, permission, `--allow-fs-read=${dir.file("use.mjs")}`, `--allow-fs-read=${dir.file("dist/*")}`, "--allow-addons"); // prettier-ignore
  expect(hidden.stdout).toMatch(/^AddonError ERR_ADDON_FORBIDDEN .* --allow-fs-read for all of it/);
  const allowed = await use(dir, permission, "--allow-fs-read=*", "--allow-addons");
  expect(allowed.stdout).toBe(`${readFileSync(join(root, "LICENSE")).length}\n`);
});

test("--no-addons is named", async () => {
  await using dir = await copyOfPackage([], readFileSync(join(root, builtAddon)));
  expect((await use(dir, "--no-addons")).stdout).toMatch(/^AddonError ERR_ADDON_FORBIDDEN .* without --no-addons/);
});

test("a system with an older glibc is told which it takes", async () => {
  // Versions are looked up by hash and name: one that no system has.
  const bytes = Buffer.from(readFileSync(join(root, builtAddon), "latin1").replace("GLIBC_2.28\0", "GLIBC_9.28\0"), "latin1"); // prettier-ignore
  await using dir = await copyOfPackage([], bytes);
  const { stdout } = await use(dir);
  expect(stdout).toContain("ERR_UNSUPPORTED_PLATFORM unsupported C library: glibc 9.28 or later is needed");
});

test("musl is named", () => {
  const refused = unloadedAddon("spore.node", new Error("Error relocating spore.node"), "… /lib/ld-musl-x86_64.so.1\n");
  expect(refused).toMatchObject({
    code: "ERR_UNSUPPORTED_PLATFORM",
    message: expect.stringContaining("not of Alpine"),
  });
});

test("a damaged addon is what the loader says of it", async () => {
  await using dir = await copyOfPackage([], Buffer.from("no ELF"));
  expect((await use(dir)).stdout).toMatch(/^AddonError ERR_ADDON_BROKEN cannot load ".*spore\.node": .*(invalid ELF header|file too short)/); // prettier-ignore
});
