/** More of something than a field of the file format has room for: it works, or the message names the limit. */
import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const noStack = '.section .note.GNU-stack,"",@progbits\n';

/** More than the 65,279 sections that st_shndx and e_shnum have room for. */
const MANY = 70_000;
const numbers = Array.from({ length: MANY }, (_, i) => i);

test("70,000 output sections are numbered as gABI says, and symbols are in theirs", { timeout: 300_000 }, async () => {
  await using dir = await scratch({
    "many.s": numbers.map((i) => `.section z${i},"aw"\n.globl v${i}\nv${i}: .long ${i}\n`).join("") + noStack,
    "main.c": `
      extern int v0, v1, v65278, v65279, v65280, v69999, __start_z69999[], __stop_z69999[];
      int main(void) {
        return !(v0 == 0 && v1 == 1 && v65278 == 65278 && v65279 == 65279 && v65280 == 65280 && v69999 == 69999 &&
                 __stop_z69999 - __start_z69999 == 1);
      }`,
  });
  expect(await dir.linkAndRun(spore, ["main.o", "many.o"], { timeoutMs: 120_000 })).toMatchObject({ status: 0 });
  const { text, complaints } = await readelf(dir.file("a.out"), "-hSsW");
  expect(complaints).toEqual([]);
  expect(text).toMatch(/Number of section headers:\s+0 \(\d{5}\)/);
  const indexOf = new Map([...text.matchAll(/^ +\[ *(\d+)\] (z\d+) /gm)].map(([, index, name]) => [name, index]));
  expect(indexOf.size).toBe(MANY);
  let checked = 0;
  for (const [, section, name] of text.matchAll(/ (\d+) v(\d+)$/gm)) {
    if (section !== indexOf.get(`z${name}`)) expect(`v${name} in ${section}`).toBe(`v${name} in z${name}`);
    checked++;
  }
  expect(checked).toBe(MANY);
});

test("each of 70,000 sections has a __start_ symbol", { timeout: 300_000 }, async () => {
  await using dir = await scratch({
    "many.s": numbers.map((i) => `.section z${i},"aw"\n.long ${i}\n`).join("") + noStack,
    "bounds.s": `.data\n.globl bounds\nbounds:\n${numbers.map((i) => `.quad __start_z${i}\n`).join("")}${noStack}`,
    "main.c": `extern int *bounds[]; int main(void) { for (int i = 0; i < ${MANY}; i++) if (*bounds[i] != i) return 1; return 0; }`,
  });
  for (const linker of [bfd, spore])
    expect(
      await dir.linkAndRun(linker, ["main.o", "many.o", "bounds.o"], { timeoutMs: 120_000 }),
      linker.name,
    ).toMatchObject({ status: 0 });
});
