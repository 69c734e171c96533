import { expect, test } from "vitest";

import { globToRegExp, isGlob } from "../../src/script/glob.ts";

test.each([
  ["*", "anything"],
  ["foo*", "foo"],
  ["f?o", "fxo"],
  ["[a-c]x", "bx"],
  ["[!a-c]x", "dx"],
  ["[]x]", "]"],
  ["a\\*", "a*"],
  ["a.b", "a.b"],
  ["[unclosed", "[unclosed"],
  ["_ZN*E", "_ZN3foo3barE"],
])("%s matches %s", (pattern, text) => {
  expect(globToRegExp(pattern).test(text)).toBe(true);
});

test.each([
  ["foo", "foox"],
  ["f?o", "fo"],
  ["[a-c]x", "dx"],
  ["[!a-c]x", "ax"],
  ["a\\*", "ab"],
  ["a.b", "axb"],
  ["[z-a]", "m"],
])("%s does not match %s", (pattern, text) => {
  expect(globToRegExp(pattern).test(text)).toBe(false);
});

test("a pattern without wildcards is no glob", () => {
  expect(isGlob("foo_bar@V1")).toBe(false);
  expect(isGlob("foo[12]")).toBe(true);
});
