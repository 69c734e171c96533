/** Projects of others, built by their own build systems with Spore as the linker, pass their own tests. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { complaints } from "../harness/large-outputs.ts";
import { run, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const flag = spore.gccFlags.join(" ");

const projects = [
  {
    source: "zlib",
    commands: ["./configure", "make -j2", "make test"],
    passed: /\*\*\* zlib 64-bit test OK \*\*\*/,
    outputs: ["libz.so", "example", "examplesh", "minigzip64"],
  },
  {
    source: "bzip2",
    commands: [`make CC="$CC" all`, `make CC="$CC" test`, "make clean", `make -f Makefile-libbz2_so CC="$CC"`],
    passed: /If you got this far and the 'cmp's didn't complain/,
    outputs: ["bzip2-shared", "libbz2.so.1.0"],
  },
  // libtool, a version script and symbols with old versions.
  {
    source: "xz-utils",
    commands: ["./configure --disable-nls --disable-dependency-tracking", "make -j2", "make -j2 check"],
    passed: /# FAIL: {2}0\n(.*\n)*# ERROR: 0\n/,
    outputs: ["src/liblzma/.libs/liblzma.so", "src/xz/.libs/xz", "tests/.libs/test_index"],
  },
  // C++.
  {
    source: "lzip",
    commands: [`./configure CXX="$CXX"`, "make -j2", "make check"],
    passed: /tests completed successfully/,
    outputs: ["lzip"],
  },
];

/** Whether `apt-get source` has something to get: deb-src lines that were updated. */
function lacksSources(): boolean {
  if (
    lacks(["apt-get", "dpkg-source", "make"].map((needs) => ({ needs, from: needs === "make" ? "make" : "dpkg-dev" })))
  )
    return true;
  try {
    execFileSync("apt-get", ["source", "--print-uris", "zlib"], { stdio: "ignore" });
    return false;
  } catch {
    process.stderr.write("SKIPPED: tests that need `apt-get source`, for want of deb-src lines\n");
    return true;
  }
}

const isWithout = lacksSources();

for (const { source, commands, passed, outputs } of projects)
  test.skipIf(isWithout)(`${source} passes its tests`, async ({ skip }) => {
    await using dir = await scratch();
    const got = await dir.run("apt-get", ["-qq", "source", "--download-only", source], { timeoutMs: 300_000 });
    if (got.status !== 0) process.stderr.write(`SKIPPED: ${source}: ${got.stderr}`);
    skip(got.status !== 0, `${source} cannot be downloaded`);
    const description = readdirSync(dir.path).find((name) => name.endsWith(".dsc")) ?? "";
    await dir.mustRun("dpkg-source", ["--no-check", "-x", description, "tree"]);
    const env = { CC: `gcc ${flag}`, CXX: `g++ ${flag}` };
    let output = "";
    for (const command of commands) {
      const ended = await run("sh", ["-c", command], { cwd: dir.file("tree"), env, timeoutMs: 800_000 });
      output += ended.stdout;
      expect(ended, `${command}\n${ended.stdout}${ended.stderr}`).toMatchObject({ status: 0 });
    }
    expect(output).toMatch(passed);
    for (const name of outputs) expect(await complaints(join(dir.file("tree"), name)), name).toEqual([]);
  });
