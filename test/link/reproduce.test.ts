import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const unlike = "GNU ld does not know the option";

test("--reproduce makes an archive that links to the same bytes elsewhere", async () => {
  const long = `${"a-long-name-".repeat(9)}folder`;
  await using dir = await scratch({
    "main.cc": '#include <cstdio>\nextern "C" int in_archive(); int main() { std::printf("%d\\n", in_archive()); }',
    [`${long}/lib.c`]: "int helper(void); int in_archive(void) { return helper(); }",
    "with space.c": "int helper(void) { return 5; }",
    versions: "{ global: main; local: *; };",
  });
  await dir.compile("main.cc");
  await dir.compile("with space.c");
  await dir.compile(`${long}/lib.c`);
  await dir.archive(`${long}/liblong.a`, [`${long}/lib.o`]);
  const flags = [
    "with space.o",
    `-L${long}`,
    "-llong",
    "-Wl,--build-id,--version-script=versions,--gc-sections,-Map=map,--reproduce=again.tar",
  ];
  expect(await dir.link(spore, ["main.o"], { flags, unlike })).toMatchObject({
    status: 0,
    stderr: "",
  });
  const plain = await dir.read("a.out");
  await dir.mustRun("mkdir", ["elsewhere"]);
  await dir.mustRun("tar", ["-xf", "../again.tar"], { cwd: dir.file("elsewhere") });
  for (const name of ["main.o", long, "with space.o", "versions"]) await dir.mustRun("rm", ["-r", name]);
  const cwd = dir.file("elsewhere/again");
  await dir.mustRun(spore.path, ["@response.txt"], { cwd });
  expect((await dir.read("elsewhere/again/a.out")).equals(plain)).toBe(true);
  expect((await dir.run("./elsewhere/again/a.out")).stdout).toBe("5\n");
  expect((await dir.read("elsewhere/again/version.txt")).toString()).toMatch(/^Spore \d/);
});

test("a link that fails leaves the archive, and fails in it, too", async () => {
  await using dir = await scratch({ "main.c": "int nowhere(void); int main(void) { return nowhere(); }" });
  const flags = ["-Wl,--reproduce", "-Wl,failed.tar"];
  expect((await dir.link(spore, ["main.o"], { flags })).status).toBe(1);
  await dir.mustRun("tar", ["-xf", "failed.tar"]);
  const again = await dir.run(spore.path, ["@response.txt"], { cwd: dir.file("failed") });
  expect(again.stderr).toMatch(/undefined symbol|undefined reference/);
  const nowhere = await dir.link(spore, ["main.o"], { flags: ["-Wl,--reproduce=gone/x.tar"] });
  expect(nowhere.stderr).toMatch(/gone\/x\.tar/);
});
