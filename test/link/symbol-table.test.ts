import { expect, test } from "vitest";

import { bfd, readelf, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.c": `
    static int own_data = 3; static int own_zero; static const int own_const = 4; static int own(int x) { return x + own_data + own_zero; }
    __attribute__((visibility("hidden"))) int hidden(int x) { return x; }
    __attribute__((weak)) int weak(int x) { return x; }
    extern int absolute[]; int other(int); static __thread int tls = 4; int exported_data = 5;
    int main(void) { return other(hidden(own(0))) + own_const + weak(1) + (int)(long)absolute + tls + exported_data - 20; }`,
  "other.s": `
    .globl absolute, other
    .set absolute, 4
    .set local_absolute, 99
    .text
    .type other, @function
    other: .Lkept: lea 1(%rdi), %eax
    local_label: ret
    .size other, . - other
    .section .note.GNU-stack,"",@progbits`,
};
const objects = ["main.o", "other.o"];

/** nm's lines as "type name", without what belongs to the C library's start-up files. */
async function names(dir: Scratch, file: string): Promise<string[]> {
  const { stdout } = await dir.mustRun("nm", [file]);
  const own = stdout
    .split("\n")
    .map((line) => line.slice(17))
    .filter((line) =>
      / (\.Lkept|own\w*|hidden|weak|absolute|local_absolute|other|local_label|main|tls|exported_data)$/.test(line),
    );
  return own.toSorted();
}

for (const flags of [[], ["-s"], ["-S"], ["-x"], ["-X"], ["-g"]].map((flag) =>
  flag.map((name) => (name === "-g" ? name : `-Wl,${name}`)),
))
  test(`.symtab has the local and global symbols that GNU ld keeps (${flags.join(" ") || "by default"})`, async () => {
    await using dir = await scratch(files);
    for (const name of Object.keys(files))
      await dir.compile(name, ["-O0", "-fno-pie", ...(name.endsWith("c") ? ["-g"] : [])]);
    const seen: string[][] = [];
    for (const linker of [bfd, spore]) {
      expect(await dir.linkAndRun(linker, objects, { flags: ["-no-pie", ...flags] }), linker.name).toMatchObject({
        status: 2,
      });
      seen.push(await names(dir, "a.out"));
    }
    // GNU ld leaves hidden symbols of executables global, unlike the gABI.
    const expected = seen[0]!.map((name) => (name === "T hidden" ? "t hidden" : name));
    expect(seen[1]).toEqual(expected.toSorted());
    await expectWellFormed(dir.file("a.out"));
    const { text } = await readelf(dir.file("a.out"), "-SW");
    expect(text.includes(".debug_info")).toBe(!flags.includes("-Wl,-s") && !flags.includes("-Wl,-S"));
    expect(text.includes(".symtab")).toBe(!flags.includes("-Wl,-s"));
  });

test("FILE symbols and section numbers are those of the output, and locals come first", async () => {
  await using dir = await scratch(files);
  await dir.compile("main.c", ["-fno-pie"]);
  expect(await dir.linkAndRun(spore, objects, { flags: ["-no-pie"] })).toMatchObject({ status: 2 });
  const { text, complaints } = await readelf(dir.file("a.out"), "-sW");
  expect(complaints).toEqual([]);
  const binds = [...text.slice(text.indexOf("'.symtab'")).matchAll(/^ +\d+: \w+ +\S+ \w+ +(LOCAL|GLOBAL|WEAK) /gm)].map(
    ([, bind]) => bind,
  );
  expect(binds.lastIndexOf("LOCAL")).toBeLessThan(binds.findIndex((bind) => bind !== "LOCAL"));
  expect(text).toMatch(/FILE +LOCAL +DEFAULT +ABS main\.c/);
});

test("gdb and nm find a static function by its name where the program runs it", async () => {
  await using dir = await scratch({
    "main.c":
      '#include <stdio.h>\nstatic __attribute__((noinline)) void here(void) { printf("%p", (void *)here); } int main(void) { here(); }',
  });
  const { stdout } = await dir.linkAndRun(spore, ["main.o"], { flags: ["-no-pie"] });
  const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
  expect(Number(stdout)).toBe(Number.parseInt(/(\w+) t here$/m.exec(nm)?.[1] ?? "", 16));
});
