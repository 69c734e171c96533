/** Expressions of linker scripts and --defsym: precedence, numbers, addresses. */
import { expect, test } from "vitest";

import { type Environment, evaluate, movesWithImage } from "../../src/inputs/script/evaluate.ts";
import { ExpressionError, parseExpression, parseInteger, symbolsOf } from "../../src/inputs/script/expressions.ts";

const environment: Environment = {
  symbol: (name) => {
    if (name === "there") return { value: 0x1000n, section: 3 };
    if (name === "seven") return { value: 7n, section: undefined };
    throw new ExpressionError(`undefined symbol '${name}'`);
  },
  isDefined: (name) => name === "there",
  section: (name) => (name === ".data" ? { address: 0x2000, size: 16, alignment: 8, index: 4 } : undefined),
  headerSize: 64,
  maxPageSize: 4096,
};

const valueOf = (text: string) => evaluate(parseExpression(text), environment);

test("an address with a number stays an address, and a difference is a number", () => {
  for (const [text, value, section] of [
    ["there + 4", 0x1004n, 3],
    ["4 + there", 0x1004n, 3],
    ["there - 4", 0xffcn, 3],
    ["there & ~0xff", 0x1000n, 3],
    ["ALIGN(there + 1, 16)", 0x1010n, 3],
    ["ADDR(.data) + SIZEOF(.data)", 0x2010n, 4],
    ["MAX(there, 3)", 0x1000n, 3],
    ["there - there", 0n, undefined],
    ["there + there", 0x2000n, undefined],
    ["there * 2", 0x2000n, undefined],
    ["ABSOLUTE(there)", 0x1000n, undefined],
    ["there == there", 1n, undefined],
    ["seven + 1", 8n, undefined],
    ["DEFINED(nowhere) ? nowhere : seven", 7n, undefined],
    ["SIZEOF_HEADERS", 64n, undefined],
    ["-1", (1n << 64n) - 1n, undefined],
  ] as const) {
    expect(valueOf(text), text).toEqual({ value, section });
    expect(
      movesWithImage(parseExpression(text), (name) => name === "there"),
      text,
    ).toBe(section !== undefined);
  }
});

test("operators bind as in C, from the left", () => {
  for (const [text, same] of [
    ["1 + 2 * 3", "1 + (2 * 3)"],
    ["8 - 4 - 2", "(8 - 4) - 2"],
    ["1 << 2 + 1", "1 << (2 + 1)"],
    ["1 | 2 & 3 == 3", "1 | (2 & (3 == 3))"],
    ["1 || 0 && 0", "1 || (0 && 0)"],
    ["1 ? 2 : 0 ? 3 : 4", "1 ? 2 : (0 ? 3 : 4)"],
    ["-2 * -3", "(-2) * (-3)"],
  ] as const)
    expect(parseExpression(text), text).toEqual(parseExpression(same));
});

test("symbols that an expression is made of are told from those that it asks about", () => {
  const expression = parseExpression("DEFINED(a) ? b + c : MIN(d, SIZEOF(.e))");
  expect(symbolsOf(expression)).toEqual(["b", "c", "d"]);
  expect(symbolsOf(expression, "defined")).toEqual(["a"]);
});

test("what is no number, or no expression, is refused", () => {
  for (const text of ["08", "1G", "x", "0b11", "12z", ""]) expect(parseInteger(text), text).toBeUndefined();
  for (const text of ["", "1 +", "(1", "1)", ". + 1", "ALIGN(8)", "NEXT(4)", "f(1)", "a@b", "1 ^ 2", "MAX(1)"])
    expect(() => parseExpression(text), text).toThrow(ExpressionError);
  for (const text of ["1 / 0", "1 % 0", "nowhere", "SIZEOF(.none)", "CONSTANT(NONE)"])
    expect(() => valueOf(text), text).toThrow(ExpressionError);
});

test("an expression that nests too deeply is refused, not evaluated until the stack is full", () => {
  const nested = (depth: number) => `${"(".repeat(depth)}1${")".repeat(depth)}`;
  expect(valueOf(nested(400))).toEqual({ value: 1n, section: undefined });
  for (const text of [nested(3000), `${"-".repeat(30_000)}1`, `1${"+1".repeat(20_000)}`])
    expect(() => parseExpression(text), text.slice(0, 10)).toThrow(ExpressionError);
});
