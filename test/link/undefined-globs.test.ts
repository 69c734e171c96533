import { expect, test } from "vitest";

import { lld, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("--undefined-glob takes the members that define matching names, as lld does, and keeps them", async () => {
  await using dir = await scratch({
    "main.c": "int main(void) { return 0; }",
    "plugin1.c": "int helper(void); int plugin_one(void) { return helper(); }",
    "plugin2.c": "int plugin_two(void) { return 2; }",
    "helper.c": "int helper(void) { return 3; }",
    "other.c": "int other(void) { return 4; }",
    "again.c": "int plugin_two(void) { return 5; }",
  });
  const members = ["plugin1.o", "plugin2.o", "helper.o", "other.o"];
  for (const name of [...members, "again.o"]) await dir.compile(name.replace(".o", ".c"), ["-ffunction-sections"]);
  await dir.archive("lib.a", members);
  await dir.archive("again.a", ["again.o"]);
  for (const linker of [spore, lld]) {
    const flags = ["-Wl,--undefined-glob=plugin_*,--undefined-glob=nothing*"];
    if (linker === spore) flags.push("-Wl,--gc-sections"); // as -u is kept
    expect(
      await dir.link(linker, ["main.o", "lib.a", "again.a"], { flags, unlike: "GNU ld does not know it" }),
      linker.name,
    ).toMatchObject({
      status: 0,
      stderr: "",
    });
    const names = (await symbols(dir.file("a.out"))).map(({ name }) => name);
    for (const name of ["plugin_one", "plugin_two", "helper"]) expect(names, linker.name).toContain(name);
    expect(names, linker.name).not.toContain("other");
  }
});
