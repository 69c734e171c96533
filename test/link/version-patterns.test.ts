/** Which version a name gets: scripts are generated, and GNU ld is asked for each. */
import { expect, test } from "vitest";

import { bfd, run, spore } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { Random } from "../fuzz/random.ts";

const cNames = ["foo", "foobar", "fob", "bar", "barfoo", "b", "f1", "f2", "o_o", "foo_bar_baz", "XfooX", "x*"];
const cxxSource = `
  namespace ns { int f(int i) { return i; } int g(int i) { return i; } int foo() { return 0; } struct S { void m(); int v; };
  void S::m() {} int data; }
  int plain(int i) { return i; } int foo(long l) { return l; }`;

const patterns = [
  ..."foo foobar fob bar b f1 o_o foo* f* *foo* *o f?? f[0-9] [!f]* * ? fo\\o foo\\* *bar* b* x* x\\* XfooX".split(" "),
  '"foo"',
  '"foo*"',
  '"*"',
  '"x*"',
  'extern "C" { foo; bar*; };',
  'extern "C++" { ns::*; };',
  'extern "C++" { "ns::f(int)"; };',
  'extern "C++" { ns::f*; plain*; };',
  'extern "C++" { *foo*; };',
  'extern "C++" { "ns::S::m()"; ns::S::*; };',
  'extern "C++" { *; };',
  'extern "C++" { "foo(long)"; };',
  'extern "Java" { bar; f*; };',
  'extern "C" { b*; extern "c++" { ns::f*; }; foo; };',
  'extern "C++" { extern "C" { extern "C++" { *foo*; } }; };',
  "_ZN2ns*",
  "_Z5plaini",
];

function someScript(random: Random): string {
  const lists = (): string => {
    const chosen = Array.from({ length: 1 + random.below(3) }, () => patterns[random.below(patterns.length)]!);
    return chosen.map((pattern) => (pattern.endsWith(";") ? pattern : `${pattern};`)).join(" ");
  };
  const isAnonymous = random.below(5) === 0;
  const count = isAnonymous ? 1 : 1 + random.below(4);
  return Array.from({ length: count }, (_, i) => {
    const global = random.below(4) === 0 ? "" : `global: ${lists()}`;
    const local = random.below(2) === 0 ? "" : `local: ${lists()}`;
    return `${isAnonymous ? "" : `V${i}`} { ${global} ${local} }${!isAnonymous && i > 0 && random.below(2) === 0 ? ` V${i - 1}` : ""};`;
  }).join("\n");
}

/** `name@@version` of all that is exported, sorted. */
async function exported(file: string): Promise<string[]> {
  const { stdout } = await run("objdump", ["-T", file]);
  return stdout
    .split("\n")
    .flatMap((line) => {
      const match = /^[0-9a-f]+ (\S.{6}) (\S+)\s+[0-9a-f]+ (.*)$/.exec(line);
      return match === null || match[2] === "*UND*" ? [] : [match[3]!.replace(/\s+/g, " ")];
    })
    .toSorted();
}

test("names get the versions that GNU ld gives them, whatever the patterns", async () => {
  const asm =
    cNames.map((name) => `.globl "${name}"\n"${name}": .quad 0\n`).join("") + '.section .note.GNU-stack,"",@progbits\n';
  await using dir = await scratch({ "c.s": `.data\n${asm}`, "cxx.cc": cxxSource });
  await dir.compile("c.s");
  await dir.compile("cxx.cc", ["-fPIC"]);
  const random = new Random(13);
  let accepted = 0;
  for (let i = 0; i < 60; i++) {
    const script = someScript(random);
    await dir.write("v.map", script);
    const seen = [];
    for (const linker of [bfd, spore]) {
      const { status } = await dir.run(linker.path, [
        "-shared",
        "c.o",
        "cxx.o",
        "--version-script=v.map",
        "-o",
        "out.so",
      ]);
      seen.push({ status, names: status === 0 ? await exported(dir.file("out.so")) : [] });
    }
    expect(seen[1], script).toEqual(seen[0]);
    accepted += seen[0]!.status === 0 ? 1 : 0;
  }
  expect(accepted).toBeGreaterThan(30);
});
