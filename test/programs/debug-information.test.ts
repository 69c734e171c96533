/** What debuggers see: gdb and addr2line find functions, lines and variables in what was compiled with -g. */
import { expect, test } from "vitest";

import { bfd, run, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const files = {
  "shape.h": "struct Shape { int sides; Shape *next; virtual int count(int extra); virtual ~Shape(); };\n",
  "shape.cc": `#include "shape.h"
#include <vector>
Shape::~Shape() {}
static int helper(std::vector<int> &values, int extra) {
  int sum = extra;
  for (int value : values)
    sum += value;
  return sum; // breakpoint
}
int Shape::count(int extra) {
  std::vector<int> values{sides, sides * 2};
  return helper(values, extra);
}
`,
  "main.cc": `#include "shape.h"
thread_local int attempts = 4;
template <typename T> T twice(T value) {
  Shape shape;
  shape.sides = value;
  return shape.count(attempts) * 2;
}
int main() {
  return twice<int>(3) == 26 ? 0 : 1;
}
`,
};

const variants: readonly { readonly compile: readonly string[]; readonly link: readonly string[] }[] = [
  { compile: ["-g", "-O0", "-fPIE"], link: ["-pie"] },
  { compile: ["-g", "-O0", "-fno-pie"], link: ["-no-pie"] },
  { compile: ["-g", "-O0", "-gdwarf-4", "-fPIE"], link: ["-static-pie"] },
  { compile: ["-g", "-O0", "-gz", "-fPIE", "-ffunction-sections"], link: ["-pie", "-Wl,--gc-sections"] },
  { compile: ["-g", "-O0", "-fdebug-types-section", "-fPIE"], link: ["-pie"] },
];

const commands = [
  "break shape.cc:8",
  "run",
  "backtrace",
  "print sum",
  "print values.size()",
  "up",
  "print *this",
  "up",
  "print attempts",
  "info line",
  "ptype Shape",
  "continue",
];

/** gdb's answers, without addresses. */
async function debug(dir: Scratch, program: string): Promise<string> {
  const args = ["-q", "-batch", "-nx", "-ex", "set debuginfod enabled off", ...commands.flatMap((it) => ["-ex", it])];
  const { stdout, stderr } = await dir.run("gdb", [...args, program], { timeoutMs: 120_000 });
  return `${stdout}${stderr}`
    .replace(/0x[0-9a-f]+/g, "0x")
    .replace(/process \d+/g, "process")
    .replaceAll(program, "program");
}

for (const { compile, link } of variants)
  test.skipIf(lacks([{ needs: "gdb", from: "gdb" }]))(
    `gdb breaks, walks the stack and prints variables with lines (${[...compile, ...link].join(" ")})`,
    async () => {
      await using dir = await scratch(files);
      for (const source of ["main.cc", "shape.cc"]) await dir.compile(source, compile);
      for (const linker of [bfd, spore]) {
        const output = linker === bfd ? "witness" : "program";
        expect(await dir.linkAndRun(linker, ["main.o", "shape.o"], { flags: link, output })).toMatchObject({
          status: 0,
        });
      }
      const told = await debug(dir, "program");
      expect(told).toMatch(/#0 +helper \(values=.*extra=4\) at shape.cc:8/);
      expect(told).toMatch(/#1 .* in Shape::count \(this=0x, extra=4\) at shape.cc:12/);
      expect(told).toMatch(/#2 .* in twice<int> \(value=3\) at main.cc:6/);
      expect(told).toMatch(/#3 .* in main \(\) at main.cc:9/);
      expect(told).toMatch(/\$1 = 13\n/);
      expect(told).toMatch(/exited normally/);
      expect(told).toBe(await debug(dir, "witness"));
    },
  );

/** Function and line of every third byte of the functions of these objects, from the function's begin. */
async function lines(dir: Scratch, program: string): Promise<string[]> {
  const { stdout } = await dir.mustRun("nm", ["-S", "--defined-only", program]);
  const addresses: string[] = [];
  const labels: string[] = [];
  for (const [, begin = "", size = "", name = ""] of stdout.matchAll(/^(\w+) (\w+) [TtWw] (\S+)$/gm))
    for (let offset = 0; offset < Number.parseInt(size, 16); offset += 3) {
      addresses.push((Number.parseInt(begin, 16) + offset).toString(16));
      labels.push(`${name}+${offset}`);
    }
  const { stdout: text } = await run("addr2line", ["-f", "-C", "-e", dir.file(program)], {
    input: addresses.join("\n"),
  });
  const rows = text.trimEnd().split("\n");
  return labels.map((label, i) => `${label} ${rows[2 * i] ?? ""} ${rows[2 * i + 1] ?? ""}`).sort();
}

test("addr2line finds the same functions and lines as in GNU ld's link", async () => {
  await using dir = await scratch(files);
  for (const source of ["main.cc", "shape.cc"]) await dir.compile(source, ["-g", "-O1", "-ffunction-sections"]);
  for (const linker of [bfd, spore])
    await dir.link(linker, ["main.o", "shape.o"], { output: linker === bfd ? "witness" : "program" });
  // Start files have no lines.
  const known = (found: string[]): string[] => found.filter((line) => !line.includes("?"));
  const expected = known(await lines(dir, "witness"));
  expect(expected.length).toBeGreaterThan(20);
  expect(known(await lines(dir, "program"))).toEqual(expected);
});
