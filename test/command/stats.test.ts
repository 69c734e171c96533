/** What --stats says of a link. */
import { statSync } from "node:fs";
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

test("--stats has each kernel, each pass, and the bytes that the file system has, too", async () => {
  await using dir = await scratch({ "start.s": `.globl _start\n_start: nop\n.section .note.GNU-stack,"",@progbits` });
  await dir.compile("start.s");
  const { status, stderr } = await dir.linkDirectly(spore, [
    "start.o",
    "start.o",
    "-z",
    "muldefs",
    "-o",
    "a.out",
    "--stats",
  ]);
  expect(status).toBe(0);
  const [kernels = "", passes = "", bytes = ""] = stderr.split("\n\n");
  expect(kernels).toMatch(/^kernel +rows +wall ms +busy ms +faults +retried\n[^]*^scanRelocations +\d[^]*^total /m);
  expect(passes).toMatch(/^pass +wall ms +in kernels\n[^]*^find needs +\d/m);
  const mib = (file: string): string => (statSync(dir.file(file)).size / 2 ** 20).toFixed(2);
  expect(bytes).toMatch(new RegExp(`^inputs, mapped +1 +${mib("start.o")}$`, "m"));
  expect(bytes).toMatch(/^arena, touched +\d+\.\d\d$/m);
  expect(bytes).toMatch(new RegExp(`^output +1 +${mib("a.out")}$`, "m"));
});
