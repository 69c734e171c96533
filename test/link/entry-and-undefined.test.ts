import { expect, test } from "vitest";

import { bfd, type Linker, readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const exit = (status: number): string => `mov $60, %eax\nmov $${status}, %edi\nsyscall\n`;

test("-e names the entry point, by symbol or by address, and _start is the default", async () => {
  await using dir = await scratch({
    "start.s": `.globl _start, other\n_start: ${exit(1)} other: ${exit(2)}.section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("start.s");
  const run = async (...args: string[]) => {
    expect(await dir.linkDirectly(spore, ["start.o", "-o", "a.out", ...args])).toMatchObject({ status: 0, stderr: "" });
    return (await dir.run("./a.out")).status;
  };
  expect(await run()).toBe(1);
  expect(await run("-e", "other")).toBe(2);
  expect(await run("--entry=other")).toBe(2);
  const address = /Entry point address: +(0x\w+)/.exec((await readelf(dir.file("a.out"), "-hW")).text)![1]!;
  expect(await run("-e", address)).toBe(2);
});

test("an entry symbol that nobody defines is a warning, and the program starts at its code", async () => {
  await using dir = await scratch({
    "start.s": `.globl begin\nbegin: ${exit(3)}.section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("start.s");
  for (const linker of [bfd, spore]) {
    const linked = await dir.linkDirectly(linker, ["start.o", "-o", "a.out"]);
    expect(linked, linker.name).toMatchObject({ status: 0, stderr: expect.stringMatching(/cannot find entry symbol/) });
    expect((await dir.run("./a.out")).status, linker.name).toBe(3);
  }
});

test("an entry symbol whose address is out of all bounds is an error that names it", async () => {
  await using dir = await scratch({
    "start.s": `.globl _start\n.set _start, 0x20000000000000\n${exit(3)}.section .note.GNU-stack,"",@progbits`,
  });
  await dir.compile("start.s");
  expect(await dir.linkDirectly(spore, ["start.o", "-o", "a.out"])).toMatchObject({
    status: 1,
    stderr: "spore: error: address of '_start' is 2^53 or more\n",
  });
});

test("--defsym defines a symbol as a number, another symbol, or one with an offset", async () => {
  await using dir = await scratch({
    "main.c":
      'extern char number[], alias[], moved[]; char data[] = "abcdef"; char *volatile n = number, *volatile a = alias, *volatile d = data; int main(void) { return (long)n == 0x1234 && a == d && moved == d + 3 ? moved[0] : 1; }',
  });
  const flags = ["-no-pie", "-Wl,--defsym=number=0x1234,--defsym,alias=data,--defsym=moved=data+3"];
  await dir.compile("main.c", ["-fno-pie"]);
  for (const linker of [bfd, spore])
    expect(await dir.linkAndRun(linker, ["main.o"], { flags }), linker.name).toMatchObject({ status: 100 });
});

test("--require-defined is an error when nothing defines the symbol", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 0; }" });
  expect(await dir.link(spore, ["main.o"], { flags: ["-Wl,--require-defined=nowhere"] })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("'nowhere'"),
  });
  expect(await dir.link(spore, ["main.o"], { flags: ["-Wl,--require-defined=main"] })).toMatchObject({ status: 0 });
});

test("--unresolved-symbols=ignore-all and --warn-unresolved-symbols link what is not complete", async () => {
  await using dir = await scratch({
    "main.c": "int nowhere(void); int main(int argc, char **argv) { (void)argv; return argc > 1 ? nowhere() : 4; }",
  });
  for (const flag of ["--unresolved-symbols=ignore-all", "--warn-unresolved-symbols"])
    for (const kind of ["-pie", "-no-pie", "-static"])
      expect(
        await dir.linkAndRun(spore, ["main.o"], { flags: [`-Wl,${flag}`, kind] }),
        `${flag} ${kind}`,
      ).toMatchObject({ status: 4 });
});

test("an entry that only a shared object defines is none of this program", async () => {
  await using dir = await scratch({
    "lib.c": "int elsewhere(void) { return 1; }",
    "main.s": '.globl main\nmain: xor %eax, %eax\nret\n.section .note.GNU-stack,"",@progbits\n',
  });
  await dir.compile("lib.c", ["-fPIC"]);
  await dir.mustRun("ld.bfd", ["-shared", "lib.o", "-o", "lib.so"]);
  await dir.compile("main.s");
  const linked = await dir.run(spore.path, ["main.o", "lib.so", "-e", "elsewhere", "-o", "a.out"]);
  expect(linked).toMatchObject({ status: 0, stderr: expect.stringContaining("cannot find entry symbol 'elsewhere'") });
  const { text } = await readelf(dir.file("a.out"), "-hSW");
  const entry = /Entry point address: +0x([0-9a-f]+)/.exec(text)?.[1];
  expect(/ \.text +PROGBITS +0*([0-9a-f]+)/.exec(text)?.[1]).toBe(entry);
});

test("the last option about undefined symbols decides, of objects and of shared objects", async () => {
  await using dir = await scratch({
    "object.c": "int nowhere(void); int main(void) { return nowhere(); }",
    "hidden.c": '__attribute__((visibility("hidden"))) int nowhere(void); int main(void) { return nowhere(); }',
    "library.c": "int nowhere(void); int f(void) { return nowhere(); }",
    "main.c": "int f(void); int main(void) { return f(); }",
  });
  for (const source of ["object.c", "hidden.c", "library.c", "main.c"]) await dir.compile(source, ["-fPIC"]);
  await dir.mustRun("gcc", ["-shared", "-nostdlib", "library.o", "-o", "library.so"]);
  const options = [
    "--unresolved-symbols=report-all",
    "--unresolved-symbols=ignore-all",
    "--unresolved-symbols=ignore-in-object-files",
    "--unresolved-symbols=ignore-in-shared-libs",
    "-zdefs",
    "-zundefs",
    "--allow-shlib-undefined",
    "--no-allow-shlib-undefined",
    "--warn-unresolved-symbols",
  ];
  const single = [...options, "--no-undefined", "-Bgroup"].map((option) => [option]);
  const pairs = [...single, ...options.flatMap((a) => options.map((b) => [a, b]))];
  const judge = async (linker: Linker, words: readonly string[]): Promise<string> => {
    const { status, stderr } = await dir.run(linker.path, [...words, "-e", "main", "-o", linker.name]);
    return `${status} ${stderr.includes("undefined reference") || stderr.includes("isn't defined")}`;
  };
  const library = pairs.filter((words) => words.every((word) => !/defs|-no-undefined|report|group/.test(word)));
  const commands = ["-shared", "-pie"].flatMap((kind) => [
    ...pairs.map((words) => [kind, "object.o", ...words]),
    ...library.map((words) => [kind, "main.o", "library.so", ...words]),
    ...single.map((words) => [kind, "hidden.o", ...words]),
  ]);
  const differing: string[] = [];
  for (const words of commands) {
    const [expected, found] = await Promise.all([judge(bfd, words), judge(spore, words)]);
    if (expected !== found) differing.push(`${words.join(" ")}: ${found}, not ${expected}`);
  }
  expect(differing).toEqual([]);
}, 300_000);
