/** Where in the source an error is: file:line from `.debug_line`, as GNU ld says it. */
import { expect, test } from "vitest";

import { bfd, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { type Files, scratch } from "../harness/scratch.ts";

const MAIN = `void nowhere(void);
static void helper(void) { nowhere(); }
int other(void) {
  nowhere();
  nowhere();
  return 1;
}
int main(void) {
  helper();
  return other();
}
`;

/** Links what must fail; returns the messages with the directory cut out of the paths. */
async function messages(files: Files, compile: string[], inputs: string[], flags: string[] = []): Promise<string> {
  await using dir = await scratch(files);
  for (const name of Object.keys(files)) await dir.compile(name, compile);
  const { status, stderr } = await dir.link(spore, inputs, { flags });
  expect(status).toBe(1);
  return stderr.replace(/collect2.*\n/, "").replaceAll(`${dir.path}/`, "");
}

const forms = [
  ["-gdwarf-2"],
  ["-gdwarf-3"],
  ["-gdwarf-4"],
  ["-gdwarf-5"],
  ["-gdwarf-5", "-gz=zlib"],
  ["-gdwarf-5", "-gdwarf64"],
  ["-gdwarf-4", "-ffunction-sections"],
];

test.each(forms)("references have file and line from %s %s", async (...flags: string[]) => {
  expect(await messages({ "main.c": MAIN }, flags, ["main.o"])).toBe(
    `spore: error: undefined reference to 'nowhere'
>>> referenced by main.c:2
>>>               main.o:(function helper)
>>> referenced by main.c:4
>>>               main.o:(function other)
`,
  );
});

test.skipIf(lacks([{ needs: "clang", from: "clang" }]))("clang's line tables have the same lines", async () => {
  await using dir = await scratch({ "main.c": MAIN });
  await dir.mustRun("clang", ["-g", "-c", "main.c"]);
  const { stderr } = await dir.link(spore, ["main.o"]);
  const places = [...stderr.matchAll(/(main\.c:\d+)\n>>> +main\.o:(\(.*\))/g)].map(
    ([, line, where]) => `${line} ${where}`,
  );
  expect(places.toSorted()).toEqual(["main.c:2 (function helper)", "main.c:4 (function other)"]);
});

test("the lines are those that GNU ld names", async () => {
  const source = `${MAIN}#define TWICE nowhere(), nowhere()\nvoid last(int x) {\n  if (x)\n    TWICE;\n}\n`;
  for (const flags of [
    ["-g", "-O0"],
    ["-g", "-O2"],
    ["-g", "-O2", "-fno-inline"],
  ]) {
    await using dir = await scratch({ "main.c": source });
    await dir.compile("main.c", flags);
    const [own, witness] = [await dir.link(spore, ["main.o"]), await dir.link(bfd, ["main.o"])];
    const lines = (text: string): Set<string> => new Set(text.match(/main\.c:\d+/g));
    expect([...lines(own.stderr)].filter((line) => !lines(witness.stderr).has(line))).toEqual([]);
    expect(lines(own.stderr).size).toBeGreaterThan(1);
  }
});

test("a function is named once, with its first reference, and functions that are not listed are counted", async () => {
  const calls = Array.from({ length: 6 }, (_, i) => `void f${i}(void) { nowhere(); nowhere();\n nowhere(); }\n`);
  const text = await messages(
    { "main.c": `void nowhere(void);\n${calls.join("")}int main(void) {}` },
    ["-g"],
    ["main.o"],
  );
  expect(text.match(/\(function f\d\)/g)).toEqual(["(function f0)", "(function f1)", "(function f2)"]);
  expect(text.match(/main\.c:\d+/g)).toEqual(["main.c:2", "main.c:4", "main.c:6"]);
  expect(text).toContain("referenced by 3 more\n");
});

test("relocations that do not fit have the line", async () => {
  const text = await messages(
    { "main.c": "int data;\nint *f(void) {\n  return &data;\n}\nint *g(void) {\n  return &data + 1;\n}\n" },
    ["-g", "-fno-pic"],
    ["main.o"],
    ["-shared"],
  );
  expect(text.match(/error:/g)).toHaveLength(1);
  expect(text).toMatch(
    />>> in main\.c:3\n>>> {4}main\.o:\(function f\)\n>>> in main\.c:6\n>>> {4}main\.o:\(function g\)\n>>> recompile with -fPIC/,
  );
});

test("definitions of one symbol have their lines", async () => {
  const files = {
    "a.c": "int a;\nint twice(void) { return 1; }",
    "b.c": "int twice(void) { return 2; } int main(void) {}",
  };
  const text = await messages(files, ["-g"], ["a.o", "b.o"]);
  expect(text).toMatch(/multiple definition of 'twice'\n>>> defined in a\.c:2\n.*\n>>> defined in b\.c:1\n/);
});

test("damaged debug information is no line, and no other error", async () => {
  await using dir = await scratch({ "main.c": MAIN, garbage: Buffer.alloc(500, 0xa5) });
  await dir.compile("main.c", ["-g"]);
  await dir.mustRun("objcopy", ["--update-section", ".debug_line=garbage", "main.o", "bad.o"]);
  const { status, stderr } = await dir.link(spore, ["bad.o"]);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^spore: error: undefined reference to 'nowhere'\n>>> referenced by bad\.o:\(function helper\)\n/,
  );
  expect(stderr.match(/error:/g)).toHaveLength(2); // the other is collect2's
});
