import { expect, test } from "vitest";

import { renderDiagnostics } from "../../src/command/print-diagnostics.ts";
import { makeDemangler } from "../../src/diagnostics/demangle.ts";
import { codes } from "../../src/diagnostics/codes.ts";
import { Diagnostics, LinkFailed } from "../../src/diagnostics/diagnostics.ts";
import { findings } from "../../src/tables/findings.ts";

const render = (diagnostics: Diagnostics): string => renderDiagnostics("spore", diagnostics, false);

test("everything that a kernel can find has a wording", () => {
  expect(Object.keys(findings).filter((name) => !(name in codes))).toEqual([]);
});

test("an undefined symbol is one message with three places and a count of the others", () => {
  const diagnostics = new Diagnostics();
  for (let i = 0; i < 5; i += 1)
    diagnostics.add("undefinedSymbol", { symbol: "foo" }, { file: `${i}.o`, fileOrder: i, symbol: `f${i}` });
  diagnostics.add("undefinedSymbol", { symbol: "bar" }, { file: "1.o", fileOrder: 1, source: "one.c:12", symbol: "g" });
  expect(render(diagnostics)).toBe(
    `spore: error: undefined reference to 'foo'
>>> referenced by 0.o:(function f0)
>>> referenced by 1.o:(function f1)
>>> referenced by 2.o:(function f2)
>>> referenced by 2 more

spore: error: undefined reference to 'bar'
>>> referenced by one.c:12
>>>               1.o:(function g)
`,
  );
});

test("the order is that of the inputs within a stage, whatever the order of the reports", () => {
  const places = [3, 1, 2].map((fileOrder) => ({ file: `${fileOrder}.o`, fileOrder }));
  const forwards = new Diagnostics();
  const backwards = new Diagnostics();
  for (const place of places) forwards.add("notElf", {}, place);
  for (const place of places.toReversed()) backwards.add("notElf", {}, place);
  expect(render(forwards)).toBe(render(backwards));
  expect(render(forwards).match(/\d\.o/g)).toEqual(["1.o", "2.o", "3.o"]);
});

test("what is reported twice is listed once", () => {
  const diagnostics = new Diagnostics();
  for (let i = 0; i < 2; i += 1) diagnostics.add("badGroup", {}, { file: "a.o", section: ".group" });
  expect(render(diagnostics)).toBe("spore: error: a.o:(.group): corrupt section group\n");
});

test("errors beyond the limit are counted", () => {
  const diagnostics = new Diagnostics({ errorLimit: 2 });
  for (let i = 0; i < 5; i += 1) diagnostics.add("inputIsDirectory", { path: `${i}` });
  expect(render(diagnostics)).toContain("3 more errors not listed (use --error-limit=0 to list all)");
  expect(diagnostics.list()).toHaveLength(2);
});

test("warnings are errors with --fatal-warnings and nothing with --no-warnings", () => {
  const diagnostics = new Diagnostics();
  diagnostics.add("unknownKeyword", { keyword: "x" });
  diagnostics.stopIfFailed();
  diagnostics.configure({ fatalWarnings: true });
  expect(() => diagnostics.stopIfFailed()).toThrow(LinkFailed);
  diagnostics.configure({ noWarnings: true });
  expect(diagnostics.hasFailed).toBe(false);
  expect(render(diagnostics)).toBe("");
});

test("newer Rust names are given to their own demangler, without their versions", () => {
  const demangle = makeDemangler(
    () => undefined,
    (name) => (name === "_RNvC1a1f" ? "a::f" : undefined),
  );
  expect(demangle("_RNvC1a1f@@V1")).toBe("a::f@@V1");
  expect(demangle("_Rnonsense")).toBe("_Rnonsense");
});

test("C++ and older Rust names are demangled, with their versions; other names stay", () => {
  // What the C++ runtime makes of these.
  const itanium: Record<string, string> = {
    _ZN2ns1fEi: "ns::f(int)",
    _ZN4core3fmt9Formatter3new17h0123456789abcdefE: "core::fmt::Formatter::new::h0123456789abcdef",
    "_ZN58_$LT$T$u20$as$u20$a..B$GT$1f17h0123456789abcdefE": "_$LT$T$u20$as$u20$a..B$GT$::f::h0123456789abcdef",
  };
  const demangle = makeDemangler((name) => itanium[name]);
  expect(demangle("_ZN2ns1fEi@@V1")).toBe("ns::f(int)@@V1");
  expect(demangle("_ZN4core3fmt9Formatter3new17h0123456789abcdefE")).toBe("core::fmt::Formatter::new");
  expect(demangle("_ZN58_$LT$T$u20$as$u20$a..B$GT$1f17h0123456789abcdefE")).toBe("<T as a::B>::f");
  expect(demangle("main")).toBe("main");
  expect(demangle("_Znonsense")).toBe("_Znonsense");
});
