import { lstat } from "node:fs/promises";
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("-o - and /dev/stdout write to standard output, be it a pipe or a file", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 6; }" });
  await dir.compile("main.c", ["-fPIC"]);
  const link = (output: string): string => `"${spore.path}" -shared main.o -o ${output}`;
  await dir.mustRun("sh", ["-c", link("plain")]);
  const plain = await dir.read("plain");
  for (const output of ["-", "/dev/stdout", "/dev/fd/1"]) {
    await dir.mustRun("sh", ["-c", `${link(output)} | cat > piped; ${link(output)} > direct`]);
    expect((await dir.read("piped")).equals(plain), output).toBe(true);
    expect((await dir.read("direct")).equals(plain), output).toBe(true);
  }
  expect((await lstat("/dev/stdout")).isSymbolicLink()).toBe(true);
});
