import { expect, test } from "vitest";

import { parseDynamicList } from "../../src/inputs/dynamic-list.ts";
import { parseLinkerScript } from "../../src/inputs/linker-script.ts";
import { ScriptError } from "../../src/script/script-lexer.ts";
import { checkVersionNodes } from "../../src/inputs/version-nodes.ts";
import { parseVersionScript } from "../../src/inputs/version-script.ts";

test("Debian's libc.so is a group with a library that is needed only when it is used", () => {
  const { inputs, foreignFormat } = parseLinkerScript(
    "libc.so",
    `/* GNU ld script
   Use the shared library, but some functions are only in
   the static library, so try that secondarily.  */
OUTPUT_FORMAT(elf64-x86-64)
GROUP ( /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libc_nonshared.a  AS_NEEDED ( /lib64/ld-linux-x86-64.so.2 ) )
`,
  );
  expect(foreignFormat).toBeUndefined();
  expect(inputs).toEqual([
    { kind: "file", name: "/lib/x86_64-linux-gnu/libc.so.6", isAsNeeded: false, isBinary: false, line: 5 },
    { kind: "file", name: "/usr/lib/x86_64-linux-gnu/libc_nonshared.a", isAsNeeded: false, isBinary: false, line: 5 },
    { kind: "file", name: "/lib64/ld-linux-x86-64.so.2", isAsNeeded: true, isBinary: false, line: 5 },
  ]);
});

test("INPUT takes commas, quotes and libraries", () => {
  const { inputs } = parseLinkerScript("s", `INPUT("a b.o", c.o -lm);`);
  expect(inputs.map(({ kind, name }) => [kind, name])).toEqual([
    ["file", "a b.o"],
    ["file", "c.o"],
    ["library", "m"],
  ]);
});

test("AS_NEEDED nests, as deeply as the file likes, and ends with its own parenthesis", () => {
  const depth = 100_000;
  const { inputs } = parseLinkerScript("s", `INPUT(a ${"AS_NEEDED(".repeat(depth)}b${")".repeat(depth)} c)`);
  expect(inputs.map(({ name, isAsNeeded }) => [name, isAsNeeded])).toEqual([
    ["a", false],
    ["b", true],
    ["c", false],
  ]);
});

test("a script says where to look, where to begin, and what is undefined", () => {
  expect(
    parseLinkerScript("s", `SEARCH_DIR(=/lib) ENTRY(start) OUTPUT("x") EXTERN(a b) VERSION { V1 { global: f; }; }`),
  ).toMatchObject({
    searchDirectories: ["=/lib"],
    entry: "start",
    output: "x",
    undefinedSymbols: ["a", "b"],
    versions: { nodes: [{ name: "V1" }] },
  });
});

test("what is wrong in a script is named with its line", () => {
  const errorOf = (text: string): ScriptError => {
    try {
      parseLinkerScript("s", text);
    } catch (error) {
      if (error instanceof ScriptError) return error;
      throw error;
    }
    throw new Error("no error");
  };
  expect(errorOf("\n\nNONSENSE(x)").message).toBe("s:3: unknown command 'NONSENSE'");
  expect(errorOf("GROUP(a\n").message).toBe("s:2: unexpected end of the script: expected a file or ')'");
  expect(errorOf("/* never\nended").message).toBe("s:1: comment without an end");
  expect(errorOf('INPUT("a)\n').message).toBe("s:1: quote without an end");
  expect(errorOf('LD_FEATURE("SANE_EXPR")').unsupported).toBe("LD_FEATURE");
  expect(errorOf("\nx = .;").message).toBe("s:2: '.' has no value outside of SECTIONS");
  expect(errorOf("x = 1").message).toBe("s:1: unexpected end of the script: expected ';'");
  expect(errorOf("x = 1 +;").message).toBe("s:1: expected a value, not ';'");
});

test("a version script names versions, what follows what, and what stays local", () => {
  const { nodes } = parseVersionScript(
    "v",
    `V1 { global: foo; bar*; "quoted*"; local: *; }; # end
V2 { global: baz; extern "C++" { "ns::f(int)"; ns::*; }; } V1;`,
  );
  const texts = (patterns: readonly { text: string; isExact: boolean }[]): unknown[] =>
    patterns.map(({ text, isExact }) => [text, isExact]);
  expect(nodes.map((node) => node.name)).toEqual(["V1", "V2"]);
  expect(texts(nodes[0].global)).toEqual([
    ["foo", true],
    ["bar*", false],
    ["quoted*", true],
  ]);
  expect(texts(nodes[0].local)).toEqual([["*", false]]);
  expect(nodes[1].parents).toEqual(["V1"]);
  expect(nodes[1].global.map(({ language }) => language)).toEqual(["C", "C++", "C++"]);
  expect(nodes[1].global[2]).toMatchObject({ text: "ns::*", isExact: false });
});

test("an anonymous version script needs no space and no last semicolon", () => {
  const { nodes } = parseVersionScript("v", "{global:a;b;local:*};");
  expect(nodes).toMatchObject([{ name: "", global: [{ text: "a" }, { text: "b" }], local: [{ text: "*" }] }]);
});

test("languages of version scripts nest, as deeply as the file likes", () => {
  const depth = 100_000;
  const text = `A { ${'extern "C" { '.repeat(depth)}a; ${"}; ".repeat(depth)}};`;
  expect(parseVersionScript("v", text).nodes).toMatchObject([{ global: [{ text: "a", language: "C" }] }]);
});

test("a version script that can not be is refused", () => {
  const refuse = (text: string): void =>
    expect(() => checkVersionNodes([parseVersionScript("v", text)]), text).toThrow(ScriptError);
  for (const text of ["", "V1 { a; }", "V1 { a; } V0;", "{ a; }; V1 { b; };", 'V1 { extern "Ada" { a; }; };'])
    refuse(text);
});

test("versions follow those of other scripts, too, and a name in escapes is no glob", () => {
  const scripts = [parseVersionScript("a", "V1 { a; };"), parseVersionScript("b", "V2 { b\\*; } V1;")];
  expect(() => checkVersionNodes(scripts)).not.toThrow();
  expect(() => checkVersionNodes(scripts.toReversed())).toThrow("unknown version 'V1'");
  expect(scripts[1].nodes[0].global).toMatchObject([{ text: "b*", isExact: true }]);
});

test("a dynamic list is patterns in braces", () => {
  expect(parseDynamicList("d", `{ foo; bar*; extern "C++" { "ns::f()"; }; };`)).toMatchObject([
    { text: "foo", language: "C" },
    { text: "bar*", isExact: false },
    { text: "ns::f()", language: "C++" },
  ]);
  expect(() => parseDynamicList("d", "foo;")).toThrow(ScriptError);
});
