import { expect, test } from "vitest";

import { Diagnostics } from "../../src/diagnostics/diagnostics.ts";
import { expandResponseFiles, splitArguments } from "../../src/options/response-file.ts";
import { scratch } from "../harness/scratch.ts";

test("words are separated by white space", () => {
  expect(splitArguments(" a\tb\n\r\nc ")).toEqual(["a", "b", "c"]);
  expect(splitArguments("")).toEqual([]);
});

test("quotes group, and an empty pair is an argument", () => {
  expect(splitArguments(`'a b' "c 'd'" e"f g"h ''`)).toEqual(["a b", "c 'd'", "ef gh", ""]);
});

test("a backslash takes the next character as it is, in quotes too", () => {
  expect(splitArguments(String.raw`a\ b "c\"d" 'e\'f' \\`)).toEqual(["a b", 'c"d', "e'f", "\\"]);
});

test("a response file may name response files, and what can not be read stays as it is", async () => {
  await using dir = await scratch();
  await dir.write("inner", "x 'y z'");
  await dir.write("outer", `a @${dir.file("inner")} b`);
  const diagnostics = new Diagnostics();
  expect(expandResponseFiles([`@${dir.file("outer")}`, "@missing", "@"], diagnostics)).toEqual([
    "a",
    "x",
    "y z",
    "b",
    "@missing",
    "@",
  ]);
  expect(diagnostics.list()).toEqual([]);
});

test("a response file that includes itself is an error", async () => {
  await using dir = await scratch();
  const path = await dir.write("loop", "a @LOOP".replace("LOOP", dir.file("loop")));
  const diagnostics = new Diagnostics();
  expect(expandResponseFiles([`@${path}`], diagnostics)).toEqual(["a"]);
  expect(diagnostics.list()).toMatchObject([{ code: "responseFileCycle" }]);
});
