import { expect, test } from "vitest";

import { bfd, spore, symbols } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const unlike = "GNU ld keeps type and size of such symbols";

test("a program calls what another image has at a fixed address, as with GNU ld", async () => {
  await using dir = await scratch({
    "base.c": "int shared_datum = 4; int base_function(int x) { return x + shared_datum; }",
    "main.s": `
      .globl _start
      _start: movl $base_function, %eax
      movl $shared_datum, %ebx
      .section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("base.c", ["-fno-pie"]);
  await dir.compile("main.s");
  await dir.mustRun("ld.bfd", ["-Ttext-segment=0x70000000", "-e", "base_function", "base.o", "-o", "base"]);
  const base = new Map((await symbols(dir.file("base"))).map(({ name, value }) => [name, value]));
  for (const flags of [["--just-symbols=base"], ["--just-symbols", "base"], ["-R", "base"]]) {
    const code = [];
    for (const linker of [bfd, spore]) {
      const ended = await dir.linkDirectly(linker, ["main.o", ...flags, "-o", "a.out"], { unlike });
      expect(ended, linker.name).toMatchObject({ status: 0, stderr: "" });
      const found = (await symbols(dir.file("a.out"))).find(({ name }) => name === "base_function");
      expect(found?.value, linker.name).toBe(base.get("base_function"));
      code.push((await dir.mustRun("objdump", ["-d", "--no-show-raw-insn", "a.out"])).stdout.match(/\$0x\w+/g));
    }
    expect(code[1]).toEqual(code[0]);
  }
});

test("an input's own definition comes before that of --just-symbols; what is no ELF file is refused", async () => {
  await using dir = await scratch({
    "main.c": "int other(void) { return 7; } int main(void) { return other(); }",
    "base.c": "int other(void) { return 1; } int main(void) { return 0; }",
    text: "no ELF file",
  });
  await dir.link(bfd, ["base.o"], { output: "base" });
  const flags = ["-Wl,--just-symbols=base"];
  expect(await dir.linkAndRun(spore, ["main.o"], { flags, unlike })).toMatchObject({ status: 7 });
  for (const name of ["text", "nowhere"]) {
    const ended = await dir.link(spore, ["main.o"], { flags: [`-Wl,--just-symbols=${name}`] });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(`'${name}'`);
  }
});
