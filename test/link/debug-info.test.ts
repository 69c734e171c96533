import { basename } from "node:path";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";

import { expectSameBytes } from "../harness/large-outputs.ts";
import { bfd, readelf, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";
import { expectWellFormed } from "../harness/well-formed.ts";

const files = {
  "main.cc": `#include <vector>
template <class T> T twice(T x) {
  return x + x;
}
int other(int);
int main() {
  std::vector<int> numbers{1, 2};
  return twice(numbers[0]) + other(1);
}
`,
  "other.cc": `template <class T> T twice(T x) {
  return x + x;
}
inline int square(int x) {
  return x * x;
}
int other(int x) {
  return twice(x) + square(x);
}
`,
};

for (const flags of [["-g"], ["-g", "-gdwarf-4"], ["-g", "-O2"], ["-g", "-ffunction-sections"]])
  test(`addr2line finds the line of every function (${flags.join(" ")})`, async () => {
    await using dir = await scratch(files);
    for (const name of Object.keys(files)) await dir.compile(name, flags);
    expect(await dir.linkAndRun(spore, ["main.o", "other.o"])).toMatchObject({ status: 5 });
    await expectWellFormed(dir.file("a.out"));
    const { complaints } = await readelf(dir.file("a.out"), "--debug-dump=info,line,aranges,frames,Ranges,loc");
    expect(complaints).toEqual([]);
    const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
    const lines = { main: /main\.cc:6/, _Z5otheri: /other\.cc:[57]/ };
    for (const [name, line] of Object.entries(lines)) {
      const address = new RegExp(`^(\\w+) [Tt] ${name}$`, "m").exec(nm)?.[1] ?? "";
      expect((await dir.mustRun("addr2line", ["-e", "a.out", address])).stdout, name).toMatch(line);
    }
  });

test("line numbers of inline functions that were discarded do not shadow those that were kept", async () => {
  await using dir = await scratch(files);
  for (const name of Object.keys(files)) await dir.compile(name, ["-g", "-O0"]);
  await dir.linkAndRun(spore, ["main.o", "other.o"]);
  const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
  const address = /^(\w+) W _Z5twiceIiET_S0_$/m.exec(nm)?.[1] ?? "";
  const { stdout } = await dir.mustRun("addr2line", ["-fe", "a.out", address]);
  expect(stdout).toMatch(/_Z5twiceIiET_S0_\n.*main\.cc:2\b/);
});

/** Contents of a section, uncompressed by objcopy. */
async function contentsOf(dir: Scratch, file: string, section: string): Promise<Buffer> {
  await dir.mustRun("objcopy", ["--decompress-debug-sections", file, "plain"]);
  const only = ["-O", "binary", `--only-section=${section}`, "--set-section-flags", `${section}=alloc`];
  await dir.mustRun("objcopy", [...only, "plain", "contents"]);
  return dir.read("contents");
}

test("--compress-debug-sections=zlib makes debug sections smaller, and tools read what they read without", async () => {
  await using dir = await scratch({
    ...files,
    // Larger than one worker takes at a time, and one that would get no smaller.
    "big.s": `
      .section .debug_big,"",@progbits
      .set i, 0
      .rept 400000
      .quad i * i
      .set i, i + 1
      .endr
      .section .debug_tiny,"",@progbits
      .ascii "tiny"
      .section .note.GNU-stack,"",@progbits`,
  });
  for (const name of Object.keys(files)) await dir.compile(name, ["-g"]);
  const inputs = ["main.o", "other.o", "big.o"];
  await dir.linkAndRun(spore, inputs, { output: "without" });
  expect(
    await dir.linkAndRun(spore, inputs, { flags: ["-gz=zlib", "-Wl,--compress-debug-sections=zlib,--build-id"] }),
  ).toMatchObject({ status: 5 });
  await expectWellFormed(dir.file("a.out"));
  const { text } = await readelf(dir.file("a.out"), "-SW");
  for (const name of [".debug_info", ".debug_line", ".debug_str", ".debug_big"]) {
    expect(text, name).toMatch(new RegExp(`\\${name} +PROGBITS .* M?S?C +0 +0 +8\\n`));
    expect((await contentsOf(dir, "a.out", name)).equals(await contentsOf(dir, "without", name)), name).toBe(true);
  }
  expect(text).toMatch(/\.debug_tiny +PROGBITS +\S+ \S+ 000004 00 +0 +0 +1\n/);
  expect((await contentsOf(dir, "a.out", ".debug_tiny")).toString()).toBe("tiny");
  expect((await dir.read("a.out")).length).toBeLessThan((await dir.read("without")).length / 2);
  // zlib's checksum is of all pieces together.
  const header = /\.debug_big +PROGBITS +\S+ (\S+) (\S+)/.exec(text);
  const [offset, size] = [Number.parseInt(header?.[1] ?? "", 16), Number.parseInt(header?.[2] ?? "", 16)];
  const bytes = await dir.read("a.out");
  expect(inflateSync(bytes.subarray(offset + 24, offset + size)).length).toBe(400_000 * 8);
  const nm = (await dir.mustRun("nm", ["a.out"])).stdout;
  const address = /^(\w+) T main$/m.exec(nm)?.[1] ?? "";
  expect((await dir.mustRun("addr2line", ["-e", "a.out", address])).stdout).toMatch(/main\.cc:6/);
});

test("a link without debug information has nothing to compress, and zstd is refused with a warning", async () => {
  await using dir = await scratch({ "main.c": "int main(void) { return 5; }" });
  expect(await dir.linkAndRun(spore, ["main.o"], { flags: ["-Wl,--compress-debug-sections=zlib"] })).toMatchObject({
    status: 5,
  });
  const { status, stderr } = await dir.link(spore, ["main.o"], { flags: ["-Wl,--compress-debug-sections=zstd"] });
  expect(status).toBe(0);
  expect(stderr).toMatch(/^spore: warning: option '--compress-debug-sections=zstd' ignored: .*only zlib is at hand\n$/);
});

const compressing = "-Wl,--compress-debug-sections=zlib";

test("compressing debug sections changes no address, and gdb, readelf and objdump read what they read without", async () => {
  await using dir = await scratch({
    ...files,
    "unused.cc": "struct Unused { int member; }; int unused(Unused *it) { return it->member; }",
  });
  for (const name of [...Object.keys(files), "unused.cc"])
    await dir.compile(name, ["-g", "-O0", "-ffunction-sections"]);
  const inputs = ["main.o", "other.o", "unused.o"];
  const flags = ["-Wl,--gc-sections,--build-id"];
  await dir.linkAndRun(spore, inputs, { flags, output: "without" });
  expect(await dir.linkAndRun(spore, inputs, { flags: [...flags, compressing] })).toMatchObject({ status: 5 });
  await expectWellFormed(dir.file("a.out"));
  for (const [tool, ...args] of [
    ["readelf", "-lW"],
    ["nm"],
    ["readelf", "--debug-dump=info,abbrev,line,decodedline,str,aranges,Ranges"],
    ["objdump", "-dl", "--dwarf=info"],
    ["gdb", "-batch", "-ex", "info line main", "-ex", "info scope other", "-ex", "ptype twice<int>"],
  ] as const) {
    const without = (await dir.mustRun(tool, [...args, "without"])).stdout;
    const { stdout } = await dir.mustRun(tool, [...args, "a.out"]);
    expect(stdout.replaceAll("a.out", "without"), tool).toBe(without);
    expect(stdout.length, tool).toBeGreaterThan(100);
  }
  expect((await readelf(dir.file("a.out"), "-nW")).text).toMatch(/Build ID: \w{40}\n/);
});

/** Debug sections of two files that are more than one worker's share each, with gaps and merged strings. */
const large = {
  "main.c": "int main(void) { return 5; }",
  ...Object.fromEntries(
    [1, 2].map((n) => [
      `part${n}.s`,
      `
      .section .debug_big,"",@progbits
      .p2align ${3 + 3 * n}
      .set i, ${n}
      .rept 40001
      .quad i * i
      .set i, i + 1
      .endr
      .byte ${n}
      .section .debug_mixed,"MS",@progbits,1
      .asciz "the same in both"
      .asciz "only in ${n}"
      .set i, 0
      .rept 20000
      .ascii "string "
      .byte 97 + i % 26, 97 + i / 26 % 26, 97 + i / 676, 96 + ${n}, 0
      .set i, i + 1
      .endr
      .section .debug_few,"MS",@progbits,1
      .irp n, ${Array.from({ length: 20 }, (_, i) => i + 11).join()}
      .asciz "string ${n}.\\n"
      .endr
      .section .debug_mixed,"",@progbits,unique,1
      .p2align 4
      .quad .debug_big + ${n}
      .zero 1000
      .section .note.GNU-stack,"",@progbits`,
    ]),
  ),
};

test("the parts of a compressed section are joined with their gaps, the same for any number of workers", async () => {
  await using dir = await scratch(large);
  const inputs = ["main.o", "part1.o", "part2.o"];
  const unlike = "strings in a section that holds more than strings are in another order";
  await dir.linkAndRun(spore, inputs, { output: "without", unlike });
  await expectSameBytes(dir.file("a.out"), (workers, output) =>
    dir.linkAndRun(spore, inputs, { flags: [workers, compressing], output: basename(output), unlike }),
  );
  const { text } = await readelf(dir.file("a.out"), "-SW");
  for (const name of [".debug_big", ".debug_mixed", ".debug_few"]) {
    expect(text, name).toMatch(new RegExp(`\\${name} +PROGBITS .* M?S?C +0 +0 +8\\n`));
    const contents = await contentsOf(dir, "without", name);
    expect(contents.length, name).toBeGreaterThan(name === ".debug_few" ? 400 : 200_000);
    expect((await contentsOf(dir, "a.out", name)).equals(contents), name).toBe(true);
  }
});

test("--compress-debug-sections=zlib-gabi is zlib, and none is nothing", async () => {
  await using dir = await scratch(files);
  for (const name of Object.keys(files)) await dir.compile(name, ["-g"]);
  const linked = async (kind: string) => {
    const flags = kind === "" ? [] : [`-Wl,--compress-debug-sections=${kind}`];
    expect(await dir.linkAndRun(spore, ["main.o", "other.o"], { flags })).toMatchObject({ status: 5 });
    return dir.read("a.out");
  };
  expect((await linked("zlib-gabi")).equals(await linked("zlib"))).toBe(true);
  expect((await linked("none")).equals(await linked(""))).toBe(true);
});

test("a section that gets no smaller stays as it is, and one that does is compressed, as GNU ld has them", async () => {
  const sizes = [1, 23, 24, 25, 30, 31, 50, 100, 1000];
  await using dir = await scratch({
    "main.c": "int main(void) { return 5; }",
    "sections.s": `${sizes.map((size) => `.section .debug_zeros_${size},"",@progbits\n.zero ${size}\n`).join("")}
      .section .debug_random,"",@progbits
      .set i, 1
      .rept 100
      .set i, i * 6364136223846793005 + 1442695040888963407
      .byte (i >> 33) & 0xff
      .endr
      .section .debug_empty,"",@progbits
      .section debug_other,"",@progbits
      .zero 1000
      .section .debug_loaded,"a",@progbits
      .zero 1000
      .section .note.GNU-stack,"",@progbits`,
  });
  const compressed = async (linker: typeof bfd) => {
    expect(await dir.linkAndRun(linker, ["main.o", "sections.o"], { flags: [compressing] })).toMatchObject({
      status: 5,
    });
    const { text } = await readelf(dir.file("a.out"), "-SW");
    return [...text.matchAll(/ (\.?debug_\w+) +PROGBITS +(?:\w+ +){4}(A?C?) +0 /g)].map(([, name, flags]) => [
      name,
      flags,
    ]);
  };
  const expected = await compressed(bfd);
  expect(expected).toContainEqual([".debug_zeros_1000", "C"]);
  expect(expected).toContainEqual([".debug_random", ""]);
  expect(await compressed(spore)).toEqual(expect.arrayContaining(expected));
});

test("what is wrong in a debug section that is compressed, or that gets no smaller, is said once", async () => {
  await using dir = await scratch({
    "main.c": "int main(void) { return 5; }",
    "wide.s": `
      .section .debug_one,"",@progbits
      .long wide
      .zero 1000
      .section .debug_two,"",@progbits
      .long wide
      .ascii "abcdefghijklmnopqrstuvwxyz"
      .section .note.GNU-stack,"",@progbits`,
  });
  const flags = [compressing, "-Wl,--defsym=wide=0x123456789abcdef0"];
  expect((await dir.link(bfd, ["main.o", "wide.o"], { flags })).status).toBe(1);
  const { status, stderr } = await dir.link(spore, ["main.o", "wide.o"], { flags });
  expect(status).toBe(1);
  expect([...stderr.matchAll(/>>> in (.*)/g)].map(([, place]) => place)).toEqual([
    "wide.o:(.debug_one+0x0)",
    "wide.o:(.debug_two+0x0)",
  ]);
});
