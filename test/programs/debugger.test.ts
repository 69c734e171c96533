import { expect, test } from "vitest";

import { readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";

const files = {
  "main.cc": `#include <vector>
int inner(const std::vector<int> &numbers, int index);
static int outer(int index) {
  std::vector<int> numbers{10, 20, 30};
  return inner(numbers, index);
}
int main() {
  return outer(1) - 20;
}
`,
  "inner.cc": `#include <vector>
int inner(const std::vector<int> &numbers, int index) {
  int found = numbers.at(index);
  return found;
}
`,
};

for (const kind of ["-pie", "-no-pie", "-static"])
  for (const dwarf of ["-gdwarf-5", "-gdwarf-4", "-g3"])
    test(`gdb breaks at a line and prints a backtrace with values (${kind} ${dwarf})`, async () => {
      await using dir = await scratch(files);
      for (const name of Object.keys(files)) await dir.compile(name, ["-O0", dwarf]);
      await dir.linkAndRun(spore, ["main.o", "inner.o"], { flags: [kind] });
      const commands = [
        "set debuginfod enabled off",
        "break inner.cc:4",
        "run",
        "print found",
        "backtrace",
        "info line",
        "continue",
      ];
      const { stdout } = await dir.mustRun(
        "gdb",
        ["-nx", "-batch", ...commands.flatMap((command) => ["-ex", command]), "./a.out"],
        { env: { DEBUGINFOD_URLS: "" } },
      );
      expect(stdout).toMatch(/\$1 = 20/);
      expect(stdout).toMatch(/#0 +inner \(numbers=.*index=1\) at inner\.cc:4/);
      expect(stdout).toMatch(/#1 .*outer \(index=1\) at main\.cc:5/);
      expect(stdout).toMatch(/#2 .*main \(\) at main\.cc:8/);
      expect(stdout).toMatch(/exited normally/);
    });

const calling = {
  "main.c": `int twice(int);
static int outer(int x) {
  return twice(x) + 1;
}
int main(void) {
  return outer(2) - 5;
}
`,
  "twice.c": "int twice(int x) { return x * 2; }\n",
};

/** The instructions from a call to the loader: of the entry, and of the head of .plt. */
const plts: readonly (readonly [flags: readonly string[], steps: number])[] = [
  [[], 5],
  [["-Wl,-z,ibtplt"], 7],
];

for (const kind of ["-pie", "-no-pie"])
  for (const [flags, steps] of plts)
    test(`gdb's backtrace is whole at each instruction of a PLT that is bound lazily (${kind} ${flags.join(" ")})`, async () => {
      await using dir = await scratch(calling);
      await dir.compile("main.c", ["-g", "-O0"]);
      await dir.shared("libtwice.so", ["twice.o"]);
      const linked = { flags: [kind, "-Wl,-z,lazy", ...flags] };
      expect(await dir.linkAndRun(spore, ["main.o", "libtwice.so"], linked)).toMatchObject({ status: 0 });
      const ranges = [
        ...(await readelf(dir.file("a.out"), "-SW")).text.matchAll(/ \.plt\S* +PROGBITS +(\w+) \w+ (\w+)/g),
      ];
      const bounds = ranges.map(([, address = "", size = ""]) => [parseInt(address, 16), parseInt(size, 16)] as const);
      const commands = [
        "set debuginfod enabled off",
        "break *'twice@plt'",
        "run",
        "info proc mappings",
        ...Array.from({ length: steps }, () => ["echo \\n==\\n", "print $pc", "backtrace", "stepi"]).flat(),
        "continue",
      ];
      const { stdout } = await dir.mustRun(
        "gdb",
        ["-nx", "-batch", ...commands.flatMap((command) => ["-ex", command]), "./a.out"],
        { env: { DEBUGINFOD_URLS: "", LD_LIBRARY_PATH: dir.path } },
      );
      const [before = "", ...stops] = stdout.split("\n==\n");
      const base = kind === "-pie" ? parseInt(/ +0x(\w+) .*a\.out$/m.exec(before)?.[1] ?? "", 16) : 0;
      expect(stops).toHaveLength(steps);
      for (const stop of stops) {
        const address = parseInt(/\$\d+ = .* 0x(\w+)/.exec(stop)?.[1] ?? "", 16) - base;
        expect(
          bounds.some(([begin, size]) => address >= begin && address < begin + size),
          stop,
        ).toBe(true);
        expect(stop).toMatch(/^#0 .*\n#1 .* in outer \(x=2\) at main\.c:3\n#2 .* in main \(\) at main\.c:6\n/m);
      }
      expect(stops[0]).toMatch(/^#0 .* in twice@plt \(\)/m);
      expect(stdout).toMatch(/exited normally/);
    });
