import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";

import { readelf, spore } from "../harness/oracles.ts";
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
  expect(stderr).toBe("spore: warning: option '--compress-debug-sections=zstd' ignored: only zlib is at hand\n");
});
