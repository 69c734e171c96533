/** What configure scripts, libtool, CMake and Meson ask a linker before they trust it. */
import { expect, test } from "vitest";

import { isInstalled, run, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const ask = (...args: string[]) => run(spore.path, args);

test("--version says what Meson and CMake take for GNU ld", async () => {
  expect(await ask("--version")).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^GNU ld compatible: Spore \d+\.\d+\.\d+, as of \d\.\d+\n$/),
    stderr: "",
  });
});

test("the Linux kernel takes the version for GNU ld's", async () => {
  // As its scripts/ld-version.sh: the first two words, and of the last one what is digits and dots.
  const words = (await ask("--version")).stdout.trim().split(" ");
  expect(words.slice(0, 2)).toEqual(["GNU", "ld"]);
  expect(words.at(-1)).toMatch(/^2\.\d\d$/);
});

test("-v without inputs prints the version and succeeds, as libtool expects", async () => {
  expect(await ask("-v")).toMatchObject({ status: 0, stdout: expect.stringContaining("GNU"), stderr: "" });
});

test("-V lists the emulations", async () => {
  expect((await ask("-V")).stdout).toContain("Supported emulations:\n   elf_x86_64\n");
});

test("--help has what configure scripts search for", async () => {
  const { stdout, status } = await ask("--help");
  expect(status).toBe(0);
  expect(stdout).toMatch(/: supported targets:.* elf/);
  expect(stdout).toMatch(/: supported emulations:.* elf_x86_64/);
  for (const option of ["--version-script", "--whole-archive", "--as-needed", "--export-dynamic", "--hash-style"])
    expect(stdout).toContain(option);
});

test("without inputs it is an error, with status 1", async () => {
  expect(await ask()).toMatchObject({ status: 1, stdout: "", stderr: "spore: error: no input files\n" });
});

test("gcc asks the linker of -B, and gives it what it knows", async () => {
  const { stdout, stderr } = await run("gcc", [...spore.gccFlags, "-Wl,--version"]);
  expect(stdout + stderr).toContain("GNU ld compatible: Spore");
});

test.runIf(isInstalled("clang"))("clang asks the linker of --ld-path", async () => {
  const { stdout } = await run("clang", [`--ld-path=${spore.path}`, "-Wl,--version"]);
  expect(stdout).toContain("GNU ld compatible: Spore");
});

test("a closed pipe is no stack trace", async () => {
  await using dir = await scratch();
  const { stderr } = await dir.run("sh", ["-c", `"${spore.path}" --help | head -n 1`]);
  expect(stderr).toBe("");
});

test("output to a pipe is complete", async () => {
  await using dir = await scratch();
  const { stdout } = await dir.run("sh", ["-c", `"${spore.path}" --help | cat | wc -c`]);
  expect(Number(stdout)).toBe((await ask("--help")).stdout.length);
});
