/** `spore doctor`: what it runs on, and which linker compilers would call. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { type Ended, root, run, type RunOptions } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const doctor = (options: RunOptions = {}, ...around: string[]): Promise<Ended> => {
  const words = [...around, join(root, "bin/spore"), "doctor"];
  return run(words[0]!, words.slice(1), options);
};

/** What a line says, by its first word. */
const lineOf = ({ stdout }: Ended, what: string): string | undefined =>
  stdout
    .split("\n")
    .find((line) => line.startsWith(`${what} `))
    ?.slice(what.length)
    .trim();

test("it names Node, the C library and the limits, as the system does", async () => {
  const said = await doctor();
  expect(said).toMatchObject({ status: 0, stderr: "" });
  expect(lineOf(said, "Node")).toBe(`${process.version}, ${process.execPath}`);
  expect(lineOf(said, "addon")).toBe("loads");
  const { stdout: libc } = await run("getconf", ["GNU_LIBC_VERSION"]);
  expect(lineOf(said, "C library")).toBe(libc.trim());
  const { stdout: files } = await run("sh", ["-c", "ulimit -Sn"]);
  expect(lineOf(said, "limits")).toContain(`${files.trim()} open files, `);
});

test("a compiler that calls the system's linker is told from one that calls Spore", async () => {
  const without = await doctor({ env: { COMPILER_PATH: undefined } });
  const { stdout } = await run("gcc", ["-Wl,--version"], { env: { COMPILER_PATH: undefined } });
  expect(lineOf(without, "gcc")).toContain(`${stdout.split("\n")[0]}, from `);
  expect(without.stdout).toContain(`No compiler calls Spore by itself: spore exec -- COMMAND, or gcc -B${root}/bin\n`);
  const within = await doctor({}, join(root, "bin/spore"), "exec", "--");
  expect(lineOf(within, "gcc")).toMatch(/Spore .*, by COMPILER_PATH, which has .*\/bin\/exec$/);
  expect(within.stdout).not.toContain("No compiler");
});

test.skipIf(lacks([{ needs: "rustc", from: "rustc" }]))("rustc is asked what it would call", async () => {
  expect(lineOf(await doctor(), "rustc")).toMatch(/^(lld, its own, by way of cc|what cc takes: )/);
  const within = await doctor({}, join(root, "bin/spore"), "exec", "--");
  expect(lineOf(within, "rustc")).toMatch(/^Spore, by way of .*\/rust-gcc$/);
});

test("where Spore cannot link, it says why, and the status is 1", async () => {
  await using dir = await scratch();
  for (const name of ["package.json", "dist", "bin"]) cpSync(join(root, name), dir.file(name), { recursive: true });
  const said = await dir.run("bin/spore", ["doctor"]);
  expect(said.status).toBe(1);
  expect(lineOf(said, "addon")).toContain("the package is not complete");
});
