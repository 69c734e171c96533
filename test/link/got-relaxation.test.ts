import { expect, test } from "vitest";

import { objdump, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const files = {
  "main.c": `
    extern int value; int function(int);
    int *address(void) { return &value; }
    int load(void) { return value; }
    int call(int x) { return function(x) + 1; }
    int tail(int x) { return function(x); }
    int main(void) { return load() + *address() + call(1) + tail(2); }`,
  "def.c": "int value = 10; int function(int x) { return x; }",
};

async function disassembled(dir: { path: string }, ...names: string[]): Promise<string> {
  const parts = await Promise.all(
    names.map((name) => objdump(`${dir.path}/a.out`, "-d", "--no-show-raw-insn", `--disassemble=${name}`)),
  );
  return parts.join("\n");
}

test("loads from the GOT become lea, and calls through it direct, when the symbol is near", async () => {
  await using dir = await scratch(files);
  for (const name of ["main.c", "def.c"]) await dir.compile(name, ["-O2", "-fPIC", "-fno-plt"]);
  expect(await dir.linkAndRun(spore, ["main.o", "def.o"])).toMatchObject({ status: 24 });
  const text = await disassembled(dir, "address", "load", "call", "tail");
  expect(text).toMatch(/lea .*<value>/);
  expect(text).toMatch(/call +\w+ <function>/);
  expect(text).toMatch(/jmp +\w+ <function>/);
  expect(text).not.toMatch(/\*0x\w+\(%rip\)/);
});

test("--no-relax leaves the code as it was written", async () => {
  await using dir = await scratch(files);
  for (const name of ["main.c", "def.c"]) await dir.compile(name, ["-O2", "-fPIC", "-fno-plt"]);
  expect(await dir.linkAndRun(spore, ["main.o", "def.o"], { flags: ["-Wl,--no-relax"] })).toMatchObject({ status: 24 });
  const text = await disassembled(dir, "address", "call", "tail");
  expect(text).toMatch(/call +\*0x\w+\(%rip\)/);
  expect(text).not.toMatch(/lea .*<value>/);
});

test("what can be interposed keeps its slot, in a shared object and for its functions", async () => {
  await using dir = await scratch(files);
  for (const name of ["main.c", "def.c"]) await dir.compile(name, ["-O2", "-fPIC", "-fno-plt"]);
  await dir.link(spore, ["main.o", "def.o"], { flags: ["-shared"] });
  const text = await disassembled(dir, "address", "call");
  expect(text).toMatch(/mov +0x\w+\(%rip\),%rax/);
  expect(text).toMatch(/call +\*0x\w+\(%rip\)/);
});

test("functions of a shared object are called through the GOT without a PLT when compiled with -fno-plt", async () => {
  await using dir = await scratch({
    "main.c": '#include <stdio.h>\nint main(void) { puts("x"); puts("y"); return 0; }',
  });
  await dir.compile("main.c", ["-O2", "-fno-plt"]);
  expect(await dir.linkAndRun(spore, ["main.o"])).toMatchObject({ stdout: "x\ny\n" });
  expect(await objdump(dir.file("a.out"), "-d")).not.toMatch(/<puts@plt>/);
});

test("old forms of GOT references without a mark for relaxation work, and so do comparisons and pushes", async () => {
  await using dir = await scratch({
    "code.s": `
      .text
      .globl f
      f: mov value@GOTPCREL(%rip), %rcx
      cmp value@GOTPCREL(%rip), %rcx
      jne 1f
      push value@GOTPCREL(%rip)
      pop %rdx
      cmp %rdx, %rcx
      jne 1f
      movq other@GOTPCREL(%rip), %r8
      mov (%rcx), %eax
      add (%r8), %eax
      test %rcx, other@GOTPCREL(%rip)
      ret
      1: xor %eax, %eax
      ret
      .section .note.GNU-stack,"",@progbits`,
    "main.c": "int value = 30, other = 4; int f(void); int main(void) { return f(); }",
  });
  for (const flags of [["-pie"], ["-no-pie"], ["-static"], ["-pie", "-Wl,--no-relax"]])
    expect(await dir.linkAndRun(spore, ["main.o", "code.o"], { flags }), flags.join(" ")).toMatchObject({ status: 34 });
});
