/** Expressions of linker scripts and --defsym: precedence, numbers, addresses. */
import { expect, test } from "vitest";

import { addressOf, assigned, type Environment, evaluate, movesWithImage } from "../../src/script/evaluate.ts";
import { ExpressionError, parseExpression, parseInteger, symbolsOf } from "../../src/script/expressions.ts";

const code = { address: 0x1000, size: 64, alignment: 16, index: 3 };
const data = { address: 0x2000, size: 16, alignment: 8, index: 4 };
const environment: Environment = {
  symbol: (name) => {
    if (name === "there") return { value: 0x10n, section: code };
    if (name === "seven") return { value: 7n, section: "absolute" };
    throw new ExpressionError(`undefined symbol '${name}'`);
  },
  isDefined: (name) => name === "there",
  section: (name) => (name === ".data" ? data : undefined),
  headerSize: 64,
  maxPageSize: 4096,
};

const valueOf = (text: string) => evaluate(parseExpression(text), environment);

test("an address with a number moves with the image, and a difference does not", () => {
  for (const [expression, value, moves] of [
    ["there + 4", 0x1014n, true],
    ["4 + there", 0x1014n, true],
    ["there - 4", 0x100cn, true],
    ["there & ~0xff", 0x1000n, true],
    ["ALIGN(there + 1, 16)", 0x1020n, true],
    ["ADDR(.data) + SIZEOF(.data)", 0x2010n, true],
    ["MAX(there, 3)", 0x1010n, true],
    ["there - there", 0n, false],
    ["there * 2", 0x2020n, false],
    ["ABSOLUTE(there)", 0x1010n, false],
    ["there == there", 1n, false],
    ["seven + 1", 8n, false],
    ["DEFINED(nowhere) ? nowhere : seven", 7n, false],
    ["SIZEOF_HEADERS", 64n, false],
    ["-1", (1n << 64n) - 1n, false],
  ] as const) {
    expect(addressOf(valueOf(expression)), expression).toBe(value);
    expect(
      movesWithImage(parseExpression(expression), (name) => name === "there"),
      expression,
    ).toBe(moves);
  }
});

test("what counts from one section is reckoned from its start, and within its statement numbers count from it", () => {
  expect(valueOf("there + there")).toMatchObject({ value: 0x20n, section: "absolute" });
  const inText = (expression: string) =>
    assigned(evaluate(parseExpression(expression), { ...environment, current: code }), code);
  for (const [expression, address] of [
    ["5", 0x1005n],
    ["there + there", 0x1020n],
    ["there - there", 0x1000n],
    ["ADDR(.data) - there", 0x1ff0n],
    ["ABSOLUTE(there) + 1", 0x1011n],
  ] as const)
    expect(addressOf(inText(expression)), expression).toBe(address);
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
  expect(valueOf(nested(400))).toMatchObject({ value: 1n });
  for (const text of [nested(3000), `${"-".repeat(30_000)}1`, `1${"+1".repeat(20_000)}`])
    expect(() => parseExpression(text), text.slice(0, 10)).toThrow(ExpressionError);
});
