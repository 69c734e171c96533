/** Errors about inputs, as users of ld expect them. */
import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const main = { "main.c": "int main(void) { return 0; }" };

test("a library that is nowhere is named with the directories that were searched", async () => {
  await using dir = await scratch(main);
  const { stderr, status } = await dir.linkDirectly(spore, ["main.o", "-Lhere", "-nostdlib", "-lnone", "-lnone"]);
  expect({ stderr, status }).toEqual({
    stderr: "spore: error: cannot find -lnone\n>>> searched 'here'\n",
    status: 1,
  });
});

test("every missing file is named, not only the first", async () => {
  await using dir = await scratch(main);
  const { stderr } = await dir.linkDirectly(spore, ["main.o", "one.o", "two.o", dir.path]);
  expect(stderr).toContain("cannot open 'one.o': no such file or directory");
  expect(stderr).toContain("cannot open 'two.o': no such file or directory");
  expect(stderr).toContain(`cannot open '${dir.path}': it is a directory`);
});

test("what is no input is said to be what it is", async () => {
  await using dir = await scratch({ ...main, empty: "", binary: Uint8Array.of(0, 1, 2), "bit.o": "BC\xc0\xde" });
  await dir.write("bit.o", Buffer.from("BC\xc0\xde0000", "latin1"));
  const { stderr } = await dir.linkDirectly(spore, ["main.o", "empty", "binary", "bit.o", "main.c"]);
  expect(stderr).not.toContain("'empty'"); // a script that says nothing
  expect(stderr).toContain("'binary': file format not recognized");
  expect(stderr).toContain("LLVM bitcode needs a linker plugin\n>>> in bit.o");
  expect(stderr).toMatch(/main\.c:1: unknown command/);
});

test("a script's own faults are named with its line, its missing files by name", async () => {
  await using dir = await scratch({ ...main, "a.script": "INPUT(\n  nowhere.o )", "b.script": "\nLD_FEATURE(x)" });
  const { stderr } = await dir.linkDirectly(spore, ["main.o", "a.script", "b.script"]);
  expect(stderr).toContain("cannot open 'nowhere.o'");
  expect(stderr).toContain("b.script:2: linker script command 'LD_FEATURE' is not supported");
});

test("scripts that name each other end in an error", async () => {
  await using dir = await scratch({ ...main, "a.script": "INPUT(b.script)", "b.script": "INPUT(a.script)" });
  expect((await dir.linkDirectly(spore, ["main.o", "a.script"])).stderr).toContain("include each other too deeply");
});

test("a static link with a shared object is refused", async () => {
  await using dir = await scratch({ ...main, "f.c": "void f(void) {}" });
  await dir.shared("libf.so", ["f.o"]);
  expect((await dir.linkDirectly(spore, ["-static", "main.o", "libf.so"])).stderr).toContain(
    "attempted static link of dynamic object 'libf.so'",
  );
});
