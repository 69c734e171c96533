/** Code that is not position independent: DT_TEXTREL with a warning, without one, or an error, as with GNU ld. */
import { expect, test } from "vitest";

import { bfd, dynamicEntries, type Linker, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const files = {
  "lib.c": "int data = 5; extern int other(void); int f(void) { return data + other(); } int *const pointer = &data;",
  "main.c":
    "int f(void); extern int *const pointer; int other(void) { return 2; } int main(void) { return f() + *pointer; }",
};

async function compiled(): Promise<Scratch> {
  const dir = await scratch(files);
  await dir.compile("lib.c", ["-mcmodel=large", "-fno-pic"]);
  await dir.compile("main.c", ["-fPIC"]);
  return dir;
}

const choices: readonly (readonly [flags: string[], outcome: "warning" | "silence" | "error"])[] = [
  [[], "warning"],
  [["-Wl,--warn-textrel"], "warning"],
  [["-Wl,-z,notext"], "silence"],
  [["-Wl,-z,textoff"], "silence"],
  [["-Wl,-z,notext,--warn-textrel"], "warning"],
  [["-Wl,-z,text"], "error"],
  [["-Wl,--fatal-warnings"], "error"],
];

test.each(choices)("text relocations with %j: %s", async (flags, outcome) => {
  await using dir = await compiled();
  for (const linker of [bfd, spore] as Linker[]) {
    const { status, stderr } = await dir.link(linker, ["lib.o"], { flags: ["-shared", ...flags], output: "lib.so" });
    expect(status === 0 ? (stderr === "" ? "silence" : "warning") : "error", linker.name).toBe(outcome);
    if (outcome === "warning") expect(stderr, linker.name).toMatch(/warning: creating DT_TEXTREL in a shared object/);
    if (outcome === "error") continue;
    expect(await dynamicEntries(dir.file("lib.so"), "TEXTREL"), linker.name).toHaveLength(1);
    expect(await dir.linkAndRun(spore, ["main.o", "./lib.so"]), linker.name).toMatchObject({ status: 12 });
  }
});

test("a PIE with text relocations runs, and the warning names the function of each file once", async () => {
  await using dir = await compiled();
  const { status, stderr } = await dir.link(spore, ["main.o", "lib.o"]);
  expect(status).toBe(0);
  expect(stderr).toBe(
    `spore: warning: creating DT_TEXTREL in a PIE
>>> because of lib.o:(function f)
>>> recompile with -fPIC, or accept it with -z notext
`,
  );
  expect(await dir.run(dir.file("a.out"))).toMatchObject({ status: 12 });
});

test("an error names the relocation, its place and what to do", async () => {
  await using dir = await compiled();
  const { stderr } = await dir.link(spore, ["lib.o"], { flags: ["-shared", "-Wl,-z,text"], output: "lib.so" });
  expect(stderr).toMatch(
    /error: relocation R_X86_64_64 against '.*' in a read-only section\n(>>> in lib\.o:.*\n)+.*-fPIC/,
  );
});

test("an executable at a fixed address copies data rather than have its code relocated", async () => {
  await using dir = await scratch({
    "lib.c": "int data = 5; int f(void) { return 2; }",
    "main.c": "extern int data; int f(void); int main(void) { return data + f(); }",
  });
  await dir.shared("lib.so", ["lib.o"]);
  await dir.compile("main.c", ["-mcmodel=large", "-fno-pic"]);
  for (const linker of [bfd, spore]) {
    const { status, stderr } = await dir.link(linker, ["main.o", "./lib.so"], { flags: ["-no-pie"] });
    expect({ status, stderr }, linker.name).toEqual({ status: 0, stderr: "" });
    expect(await dynamicEntries(dir.file("a.out"), "TEXTREL"), linker.name).toEqual([]);
    expect(await dir.run(dir.file("a.out")), linker.name).toMatchObject({ status: 7 });
  }
});
