import { expect, test } from "vitest";

import { spore } from "../harness/oracles.ts";
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
