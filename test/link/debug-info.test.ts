import { expect, test } from "vitest";

import { readelf, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
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
