/** Shared objects that shared objects need: found as GNU ld finds them, and their symbols checked. */
import { mkdir } from "node:fs/promises";
import { expect, test } from "vitest";

import { bfd, dynamicEntries, type Ended, spore, symbols } from "../harness/oracles.ts";
import { type LinkCommand, scratch, type Scratch } from "../harness/scratch.ts";

/** libtop needs libmid in one/, which needs libdeep in two/ and has an undefined symbol of its own. */
async function libraries(): Promise<Scratch> {
  const dir = await scratch({
    "deep.c": "int deep(void) { return 1; }",
    "mid.c": "int deep(void), gone(void); int mid(void) { return deep(); } int mid2(void) { return gone(); }",
    "top.c": "int mid(void); int top(void) { return mid(); }",
    "main.c": "int top(void); int main(void) { return top(); }",
    "gone.c": "int gone(void) { return 9; }",
    "uses-deep.c": "int top(void), deep(void); int main(void) { return top() + deep(); }",
  });
  await mkdir(dir.file("one"));
  await mkdir(dir.file("two"));
  await dir.shared("two/libdeep.so", ["deep.o"], ["-Wl,-soname,libdeep.so"]);
  await dir.shared("one/libmid.so", ["mid.o", "two/libdeep.so"], ["-Wl,-soname,libmid.so"]);
  await dir.shared("one/libtop.so", ["top.o", "one/libmid.so"], ["-Wl,-soname,libtop.so", "-Wl,-rpath-link,two"]);
  return dir;
}

/** What a linker says is missing, whichever words it uses. */
function complaints({ status, stderr }: Ended): { status: number; undefined: string[]; missing: string[] } {
  return {
    status,
    undefined: [...stderr.matchAll(/undefined reference to ['`](\w+)'/g)].map(([, name = ""]) => name).toSorted(),
    missing: [...stderr.matchAll(/'?(lib\w+\.so)'?, needed by/g)].map(([, name = ""]) => name),
  };
}

const cases: readonly (readonly [what: string, inputs: string[], LinkCommand])[] = [
  ["nothing", ["main.o"], {}],
  ["-rpath-link for one of two", ["main.o"], { flags: ["-Wl,-rpath-link,one"] }],
  ["-rpath-link", ["main.o"], { flags: ["-Wl,-rpath-link,one:two"] }],
  ["-rpath", ["main.o"], { flags: ["-Wl,-rpath,one", "-Wl,-rpath,two"] }],
  ["LD_LIBRARY_PATH", ["main.o"], { env: { LD_LIBRARY_PATH: "one:two" } }],
  ["LD_RUN_PATH", ["main.o"], { env: { LD_RUN_PATH: "one:two" } }],
  ["-L, which does not count", ["main.o"], { flags: ["-Lone", "-Ltwo"] }],
  ["a definition in the program", ["main.o", "gone.o"], { flags: ["-Wl,-rpath-link,one:two"] }],
  ["--allow-shlib-undefined", ["main.o"], { flags: ["-Wl,--allow-shlib-undefined"] }],
  ["ignore-in-shared-libs", ["main.o"], { flags: ["-Wl,--unresolved-symbols=ignore-in-shared-libs"] }],
  ["ignore-all", ["main.o"], { flags: ["-Wl,--unresolved-symbols=ignore-all"] }],
  ["--warn-unresolved-symbols", ["main.o"], { flags: ["-Wl,--warn-unresolved-symbols,-rpath-link,one:two"] }],
  ["-shared", ["top.o"], { flags: ["-shared"] }],
  ["-shared -z defs", ["top.o"], { flags: ["-shared", "-Wl,-z,defs,-rpath-link,one:two"] }],
  ["-shared --no-allow-shlib-undefined", ["top.o"], { flags: ["-shared", "-Wl,--no-allow-shlib-undefined"] }],
];

test.each(cases)("undefined symbols of indirect shared objects with %s", async (_what, inputs, command) => {
  await using dir = await libraries();
  const all = [...inputs, "one/libtop.so"];
  if (command.flags?.includes("-shared")) await dir.compile("top.c", ["-fPIC"]);
  const [own, witness] = [await dir.link(spore, all, command), await dir.link(bfd, all, command)];
  expect(complaints(own)).toEqual(complaints(witness));
});

test("a shared object that is only as-needed, and not needed, is not checked", async () => {
  await using dir = await libraries();
  const flags = ["-Wl,--as-needed", "one/libtop.so"];
  expect(
    await dir.link(spore, ["gone.o"], { flags: ["-shared", "-Wl,--no-allow-shlib-undefined", ...flags] }),
  ).toMatchObject({
    status: 0,
    stderr: "",
  });
});

test("DT_RUNPATH of the library, with $ORIGIN, leads to what it needs", async () => {
  await using dir = await libraries();
  const inputs = ["main.o", "gone.o", "one/libtop.so"];
  expect((await dir.link(spore, inputs)).stderr).toMatch(/'libmid\.so', needed by 'one\/libtop\.so', not found/);
  await dir.shared("one/libmid.so", ["mid.o", "two/libdeep.so"], ["-Wl,-soname,libmid.so,-rpath,$ORIGIN/../two"]);
  await dir.shared("one/libtop.so", ["top.o", "one/libmid.so"], ["-Wl,-soname,libtop.so,-rpath,$ORIGIN"]);
  expect(await dir.link(spore, inputs)).toMatchObject({ status: 0, stderr: "" });
});

test("the program exports what an indirect shared object refers to, and runs", async () => {
  await using dir = await libraries();
  const flags = ["-Wl,-rpath-link,one:two"];
  const env = { LD_LIBRARY_PATH: "one:two", LD_BIND_NOW: "1" };
  const ended = await dir.linkAndRun(spore, ["main.o", "gone.o", "one/libtop.so"], { flags, env, cwd: dir.path });
  expect(ended).toMatchObject({ status: 1, stderr: "" });
  expect((await symbols(dir.file("a.out"), ".dynsym")).map(({ name }) => name)).toContain("gone");
  expect(await dynamicEntries(dir.file("a.out"), "NEEDED")).toEqual(["libtop.so", "libc.so.6"]);
});

test("an object does not get its symbols from an indirect shared object, and is told which one has them", async () => {
  await using dir = await libraries();
  const inputs = ["uses-deep.o", "gone.o", "one/libtop.so"];
  const { status, stderr } = await dir.link(spore, inputs, { flags: ["-Wl,-rpath-link,one:two"] });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /undefined reference to 'deep'\n>>> referenced by uses-deep\.o.*\n>>> 'two\/libdeep\.so' defines it/,
  );
  expect((await dir.link(bfd, inputs, { flags: ["-Wl,-rpath-link,one:two"] })).status).toBe(1);
  const flags = ["-Wl,--copy-dt-needed-entries,-rpath-link,one:two"];
  const unlike = "GNU ld wants --copy-dt-needed-entries before the libraries, the driver gives it after them";
  const command = { flags, unlike, env: { LD_LIBRARY_PATH: "one:two" }, cwd: dir.path };
  expect(await dir.linkAndRun(spore, inputs, command)).toMatchObject({ status: 2 });
});

test("references to a version that is not the default are answered", async () => {
  await using dir = await scratch({
    "old.c": '__asm__(".symver f_old, f@V1"); int f_old(void) { return 1; }',
    "user.c": '__asm__(".symver f, f@V1"); int f(void); int user(void) { return f(); }',
    "main.c": "int user(void); int main(void) { return user(); }",
    script: "V1 { global: f; };",
  });
  await dir.shared("libold.so", ["old.o"], ["-Wl,-soname,libold.so,--version-script,script"]);
  await dir.shared("libuser.so", ["user.o", "libold.so"], ["-Wl,-soname,libuser.so"]);
  const linked = await dir.linkAndRun(spore, ["main.o", "libuser.so"], { flags: ["-Wl,-rpath-link,."] });
  expect(linked).toMatchObject({ status: 1, stderr: "" });
});
