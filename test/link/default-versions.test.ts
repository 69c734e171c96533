import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("--default-symver gives exported symbols the soname, or the output's name, as their version", async () => {
  await using dir = await scratch({
    "lib.c": "int answer(void) { return 42; } int datum = 1; static int inner; int *get(void) { return &inner; }",
    "main.c": "int answer(void); int main(void) { return answer(); }",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  for (const flags of [["-Wl,-soname,liblib.so.3"], []]) {
    const versions = [];
    for (const linker of [bfd, spore]) {
      const ended = await dir.link(linker, ["lib.o"], {
        flags: ["-shared", "-Wl,--default-symver", ...flags],
        output: "liblib.so",
        ...(flags.length === 0 ? { unlike: "GNU ld's output has another name where it is compared" } : {}),
      });
      expect(ended, linker.name).toMatchObject({ status: 0, stderr: "" });
      const { text } = await readelf(dir.file("liblib.so"), "--dyn-syms", "--wide");
      versions.push([...text.matchAll(/(answer|datum|get)@@(\S+)/g)].map(([word]) => word).toSorted());
    }
    expect(versions[1]).toHaveLength(3);
    expect(versions[1]).toEqual(versions[0]);
    await dir.mustRun("ln", ["-sf", "liblib.so", "liblib.so.3"]);
    expect(await dir.linkAndRun(spore, ["main.o", "./liblib.so"], { flags: ["-Wl,-rpath,."] })).toMatchObject({
      status: 42,
    });
  }
});

test("symbols that a version script names keep its version", async () => {
  await using dir = await scratch({
    "lib.c": "int first(void) { return 1; } int second(void) { return 2; }",
    script: "V1 { global: first; };",
  });
  await dir.compile("lib.c", ["-fPIC"]);
  const versions = [];
  for (const linker of [bfd, spore]) {
    const flags = ["-shared", "-Wl,--default-symver,--version-script=script,-soname,lib.so"];
    await dir.link(linker, ["lib.o"], { flags, output: "lib.so" });
    const { text } = await readelf(dir.file("lib.so"), "--dyn-syms", "--wide");
    versions.push([...text.matchAll(/(first|second)@@(\S+)/g)].map(([word]) => word).toSorted());
  }
  expect(versions[1]).toEqual(versions[0]);
});
