import { constants } from "node:os";
import { expect, test } from "vitest";

import { bfd, type Linker, readelf, spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const note = (flags: string): string => `.section .note.GNU-stack,"${flags}",@progbits\n`;

const files = {
  "silent.s": ".globl _start\n_start: ret\n",
  "silent2.s": ".globl other\nother: ret\n",
  "plain.s": `.globl plain\nplain: ret\n${note("")}`,
  "running.s": `.globl running\nrunning: ret\n${note("x")}`,
  "empty.s": "",
  "data.bin": "bytes\n",
};

/** What a linker makes of the stack: PT_GNU_STACK's size, permissions and alignment, and which input it blames. */
async function stackOf(dir: Scratch, linker: Linker, words: readonly string[]) {
  const ended = await dir.run(linker.path, [...words, "-e", "0", "-o", "out"]);
  const { text } = await readelf(dir.file("out"), "-lW");
  const header = /^ *GNU_STACK +\S+ \S+ \S+ \S+ (.*)$/m.exec(text)?.[1]?.replaceAll(/\s+/g, " ") ?? "none";
  const said = ended.stderr.replaceAll(/\n *>>> *in /g, " ");
  const blamed = [/missing .note.GNU-stack/, /requires executable stack/, /because of -z execstack/].filter((warning) =>
    warning.test(said),
  );
  const names = Object.keys(files)
    .map((name) => name.replace(/\.s$/, ".o"))
    .filter((name) => said.includes(name));
  await dir.run("rm", ["-f", "out"]);
  return { status: ended.status, header, blamed: blamed.map(String), names };
}

test("the stack is executable where GNU ld makes it so, with the same warnings", async () => {
  await using dir = await scratch(files);
  for (const name of Object.keys(files)) if (name.endsWith(".s")) await dir.compile(name);
  await dir.run("ar", ["rcs", "libsilent.a", "silent.o"]);
  // An object that has no section at all says nothing, and means nothing.
  await dir.mustRun("objcopy", ["-R", ".text", "-R", ".data", "-R", ".bss", "empty.o", "hollow.o"]);
  const cases = [
    "silent.o",
    "plain.o",
    "silent.o plain.o",
    "plain.o silent.o silent2.o",
    "plain.o silent2.o silent.o",
    "plain.o empty.o",
    "plain.o hollow.o",
    "running.o",
    "silent.o plain.o running.o",
    "silent.o running.o plain.o -shared",
    "plain.o -shared",
    "plain.o silent.o -shared",
    "plain.o silent.o -pie",
    "plain.o libsilent.a",
    "plain.o -u _start libsilent.a",
    "plain.o -b binary data.bin",
    "silent.o -z stack-size=65536",
    "silent.o -z stack-size=0",
    "plain.o -z stack-size=65536",
    "silent.o -z execstack",
    "silent.o -z noexecstack",
    "running.o -z noexecstack",
    "plain.o -z execstack",
    "plain.o -z execstack --warn-execstack",
    "plain.o -z execstack --no-warn-execstack",
    "plain.o silent.o --no-warn-execstack",
    "plain.o silent.o --warn-execstack",
    "running.o --no-warn-execstack",
    "running.o --no-warn-execstack --warn-execstack",
    "plain.o running.o --fatal-warnings",
  ];
  const seen = async (linker: Linker): Promise<[string, Awaited<ReturnType<typeof stackOf>>][]> => {
    const all: [string, Awaited<ReturnType<typeof stackOf>>][] = [];
    for (const words of cases) all.push([words, await stackOf(dir, linker, words.split(" "))]);
    return all;
  };
  const expected = await seen(bfd);
  expect(new Set(expected.map(([, { header }]) => header)).size).toBeGreaterThan(3);
  expect(await seen(spore)).toEqual(expected);
});

test("with -N a program can write its own code", async () => {
  await using dir = await scratch({
    "main.s": `
      .globl _start
      _start: movb $7, code + 1(%rip)
      code: mov $0, %edi
      movb $3, constant(%rip)
      add constant(%rip), %edi
      mov $60, %eax
      syscall
      .section .rodata
      constant: .long 0
      ${note("")}`,
  });
  await dir.compile("main.s");
  const outcome = async (linker: Linker, words: readonly string[]): Promise<number> => {
    await dir.mustRun(linker.path, [...words, "main.o", "-o", "out"]);
    return (await dir.run("./out")).status;
  };
  const crashed = 128 + constants.signals.SIGSEGV;
  expect(await outcome(spore, [])).toBe(crashed);
  for (const linker of [bfd, spore]) {
    expect(await outcome(linker, ["-N"])).toBe(10);
    expect(await outcome(linker, ["-N", "--no-omagic"])).toBe(crashed);
  }
});

test("a segment that may be written and run is named, unless that is not wanted", async () => {
  await using dir = await scratch({
    "main.s": `.globl _start\n_start: ret\n.data\n.long 1\n${note("")}`,
    "both.s": `.section .both,"awx"\n.long 1\n${note("")}`,
  });
  await dir.compile("main.s");
  await dir.compile("both.s");
  for (const words of [
    "main.o",
    "-N main.o",
    "main.o both.o",
    "-N --no-warn-rwx-segments main.o",
    "-N main.o --fatal-warnings",
  ]) {
    const said = async ({ path }: Linker) => {
      const { status, stderr } = await dir.run(path, [...words.split(" "), "-o", "out"]);
      return { status, isNamed: /out'? has a LOAD segment with RWX permissions/.test(stderr) };
    };
    expect(await said(spore), words).toEqual(await said(bfd));
  }
});
