/** Errors are errors however much else there is to say: the table that kernels report to has an end. */
import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

/** More than the table has rows. */
const MANY = 70_000;

const noStack = '.section .note.GNU-stack,"",@progbits\n';

test("an undefined symbol after 70,000 warnings is an error, and the warnings are counted", async () => {
  await using dir = await scratch({
    "old.s": `.text\n.globl old\nold: ret\n.section .gnu.warning.old\n.asciz "old is old"\n${noStack}`,
    "main.s": `.text\n.globl _start\n_start:\n.rept ${MANY}\ncall old\n.endr\n.ifdef BAD\ncall nowhere\n.endif\n${noStack}`,
  });
  await dir.compile("main.s", ["-Wa,--defsym,BAD=1"], "bad.o");
  for (const linker of [bfd, spore]) {
    const { status, stderr } = await dir.linkDirectly(linker, ["old.o", "bad.o", "-o", "bad"]);
    expect(status, linker.name).toBe(1);
    expect(stderr.includes("nowhere") || stderr.includes("more errors"), linker.name).toBe(true);
  }
  for (const linker of [bfd, spore])
    expect(await dir.linkDirectly(linker, ["old.o", "main.o", "-o", "good"]), linker.name).toMatchObject({ status: 0 });
  const { stderr } = await dir.linkDirectly(spore, ["old.o", "main.o", "-o", "good"]);
  expect(stderr).toMatch(/\d+ more warnings are not listed: symbol warning/);
});

test("with --warn-unresolved-symbols, 70,000 undefined references are warnings", async () => {
  await using dir = await scratch({
    "main.s": `.text\n.globl _start\n_start:\n.rept ${MANY}\ncall nowhere\n.endr\n${noStack}`,
  });
  const inputs = ["main.o", "-o", "main"];
  for (const linker of [bfd, spore]) {
    expect(await dir.linkDirectly(linker, inputs), linker.name).toMatchObject({ status: 1 });
    const flags = ["--warn-unresolved-symbols", ...inputs];
    expect(await dir.linkDirectly(linker, flags), linker.name).toMatchObject({ status: 0 });
  }
});

test("an undefined symbol is an error beside 70,000 section names, which make the table of buckets grow", async () => {
  const sections = Array.from({ length: MANY }, (_, i) => `.section z${i}\n.byte 1\n`).join("");
  await using dir = await scratch({
    "many.s": `${sections}${noStack}`,
    "main.s": `.text\n.globl _start\n_start: call nowhere\n${noStack}`,
  });
  const { status, stderr } = await dir.linkDirectly(spore, ["many.o", "main.o", "-o", "bad"]);
  expect(status).toBe(1);
  expect(stderr).toContain("nowhere");
});
