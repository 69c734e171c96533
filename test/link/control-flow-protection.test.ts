/** IBT and SHSTK (psABI x86-64, Linux ABI): what the output says, and a PLT that indirect branches may reach. */
import { expect, test } from "vitest";

import { bfd, objdump, readelf, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

/** Calls through .plt and .plt.got, an IFUNC, and a function pointer. */
const MAIN = `
  #include <stdio.h>
  #include <stdlib.h>
  int (*volatile pointer)(const char *) = puts;
  static int seven(void) { return 7; }
  static void *choose(void) { return seven; }
  int chosen(void) __attribute__((ifunc("choose")));
  int main(void) {
    puts("direct");
    pointer("indirect");
    printf("%d %d\\n", chosen(), abs(atoi("-3")));
    return pointer == puts ? 0 : 1;
  }`;

/** The sections of the PLT as `name size entry-size`. */
async function pltOf(dir: Scratch): Promise<string[]> {
  const { text, complaints } = await readelf(dir.file("a.out"), "-SW");
  expect(complaints).toEqual([]);
  return [...text.matchAll(/ (\.plt\S*) +PROGBITS +\S+ \S+ (\S+) (\S+)/g)].map(([, ...fields]) => fields.join(" "));
}

async function featuresOf(dir: Scratch): Promise<string | undefined> {
  return /x86 feature: ([A-Z, ]*[A-Z])/.exec((await readelf(dir.file("a.out"), "-nW")).text)?.[1];
}

const choices: readonly (readonly string[])[] = [
  [],
  ["-Wl,-z,ibtplt"],
  ["-Wl,-z,ibt"],
  ["-Wl,-z,ibt", "-Wl,-z,shstk", "-Wl,-z,lazy"],
  ["-Wl,-z,shstk", "-Wl,-z,now"],
  ["-Wl,-z,ibt", "-no-pie"],
];

test.each(choices)("the PLT and the properties are those of GNU ld with %s %s %s", async (...flags: string[]) => {
  await using dir = await scratch({ "main.c": MAIN });
  await dir.compile("main.c", ["-fcf-protection", ...(flags.includes("-no-pie") ? ["-fno-pie"] : [])]);
  const seen = [];
  for (const linker of [bfd, spore]) {
    const { status, stdout } = await dir.linkAndRun(linker, ["main.o"], { flags });
    seen.push({ status, stdout, plt: await pltOf(dir), features: await featuresOf(dir) });
  }
  expect(seen[1]).toEqual(seen[0]);
  expect(seen[1]).toMatchObject({ status: 0, stdout: "direct\nindirect\n7 3\n" });
});

test("every entry that code or a slot reaches begins with endbr64, and is named for tools", async () => {
  await using dir = await scratch({ "main.c": MAIN });
  await dir.compile("main.c", ["-fcf-protection"]);
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-Wl,-z,ibt"] })).toMatchObject({ status: 0 });
  const code = await objdump(dir.file("a.out"), "-d", "-j.plt.sec", "-j.plt.got");
  const entries = [...code.matchAll(/<(.*)@plt>:\n.*\t(endbr64)?/g)];
  expect(entries.map(([, name]) => name)).toEqual(expect.arrayContaining(["printf", "puts", "atoi"]));
  expect(entries.filter(([, , endbr]) => endbr === undefined)).toEqual([]);
});

test("when all objects were made for it, the output says so and has such a PLT, unasked", async () => {
  await using dir = await scratch({
    "lib.c": "int outside(void); int f(void) { return outside() + 1; }",
    "more.c": "int outside2(void); int g(void) { return outside2(); }",
  });
  const flags = ["-shared", "-nostdlib"];
  for (const protection of ["full", "branch", "return", "none"]) {
    await dir.compile("lib.c", ["-fPIC", "-fcf-protection=full"]);
    await dir.compile("more.c", ["-fPIC", `-fcf-protection=${protection}`]);
    const seen = [];
    for (const linker of [bfd, spore]) {
      expect((await dir.link(linker, ["lib.o", "more.o"], { flags })).status).toBe(0);
      seen.push({ plt: await pltOf(dir), features: await featuresOf(dir) });
    }
    expect(seen[1], protection).toEqual(seen[0]);
    expect(seen[1]?.plt.some((section) => section.startsWith(".plt.sec"))).toBe(/full|branch/.test(protection));
  }
});

test("objects without the properties are named with -z cet-report", async () => {
  await using dir = await scratch({ "a.c": "int f(void) { return 1; }", "b.c": "int g(void) { return 1; }" });
  await dir.compile("a.c", ["-fcf-protection=branch"]);
  await dir.compile("b.c", ["-fcf-protection=none"]);
  const link = (kind: string) =>
    dir.link(spore, ["a.o", "b.o"], { flags: ["-shared", "-nostdlib", `-Wl,-z,cet-report=${kind}`] });
  expect(await link("none")).toMatchObject({ status: 0, stderr: "" });
  const text = "missing SHSTK property\n>>> in a.o\n\nspore: warning: missing IBT and SHSTK properties\n>>> in b.o\n";
  expect(await link("warning")).toMatchObject({ status: 0, stderr: `spore: warning: ${text}` });
  const { status, stderr } = await link("error");
  expect(status).toBe(1);
  expect(stderr).toMatch(/error: missing IBT and SHSTK properties\n>>> in b\.o\n>>> recompile with -fcf-protection/);
});

test("-z memory-seal is a property of the output, before those of the inputs", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }" });
  await dir.compile("main.c", ["-fcf-protection=none"]);
  const flags = ["-Wl,-z,memory-seal,-z,x86-64-v2"];
  expect(await dir.linkAndRun(spore, ["main.o"], { flags, unlike: "GNU ld 2.40 does not know it" })).toMatchObject({
    status: 0,
  });
  const { stdout } = await dir.mustRun("llvm-readelf", ["--notes", "a.out"]);
  expect(stdout).toMatch(/x86-64-v2/);
  const note = (await dir.mustRun("readelf", ["-x", ".note.gnu.property", "a.out"])).stdout.replace(
    /^ +0x\w+ |  .{16}$/gm,
    "",
  );
  expect(note.replace(/\s/g, "")).toContain("03000000000000000280"); // type 3, no bytes, then the ISA's type
});
