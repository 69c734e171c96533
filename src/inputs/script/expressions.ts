/**
 * Expressions as linker scripts and --defsym have them: a lexer, and a parser with GNU ld's precedence, which is C's
 * without `^`. What they come to is in evaluate.ts.
 */

export type UnaryOperator = "-" | "+" | "~" | "!";
export type BinaryOperator =
  | ("*" | "/" | "%")
  | ("+" | "-")
  | ("<<" | ">>")
  | ("<" | ">" | "<=" | ">=" | "==" | "!=")
  | ("&" | "|" | "&&" | "||");
/** Functions of values; MAX and MIN are of two, ALIGN is of a value and an alignment. */
export type ValueFunction = "ABSOLUTE" | "ALIGN" | "LOG2CEIL" | "MAX" | "MIN";
/** Functions of an output section's name. */
export type SectionFunction = "ADDR" | "ALIGNOF" | "LOADADDR" | "SIZEOF";

export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  | { readonly kind: "symbol" | "defined" | "constant"; readonly name: string }
  | { readonly kind: "unary"; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly yes: Expression;
      readonly no: Expression;
    }
  | { readonly kind: "call"; readonly function: ValueFunction; readonly operands: readonly Expression[] }
  | { readonly kind: "section"; readonly function: SectionFunction; readonly name: string }
  | { readonly kind: "headers" };

/** An expression is not what the grammar says, or can not be evaluated. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** @throws ExpressionError for what is no expression */
export function parseExpression(text: string): Expression {
  return new Parser(tokensOf(text)).parse();
}

interface Token {
  readonly kind: "number" | "name" | "sign" | "end";
  readonly text: string;
}

/** White space, quoted names, numbers, names, signs: the longest first. */
const tokenPattern =
  /\s+|"([^"\n]*)"|(\$?[0-9][0-9A-Za-z]*|\$[0-9A-Fa-f]+)|([A-Za-z_.$\\][\w.$\\]*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|!~?:(),])/y;

/** Parser and evaluation are recursive: what nests as deeply as this leaves room for fits on the stack. */
const maxTokens = 1000;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) throw new ExpressionError(`invalid character '${text.charAt(at)}'`);
    const [, quoted, number, name, sign] = match;
    if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
    else if (quoted !== undefined || name !== undefined) tokens.push({ kind: "name", text: quoted ?? name ?? "" });
  }
  tokens.push({ kind: "end", text: "" });
  if (tokens.length > maxTokens) throw new ExpressionError(`more than ${maxTokens} words`);
  return tokens;
}

const allOnes = (1n << 64n) - 1n;
const radixOfSuffix: Readonly<Record<string, number>> = { h: 16, x: 16, o: 8, d: 10, b: 2 };

/**
 * A number as GNU ld reads it: hexadecimal after `0x` or `$`, octal after `0`, a unit K or M, or MRI's radix as the
 * last letter. What does not fit into 64 bits is all ones. Undefined for what is no number.
 */
export function parseInteger(text: string): bigint | undefined {
  const plain = /^(0x|\$)?([0-9a-f]+)([km]?)$/i.exec(text);
  if (plain !== null) {
    const [, prefix, digits = "", unit = ""] = plain;
    const radix = prefix !== undefined ? 16 : /^0./.test(digits) ? 8 : 10;
    const value = digitsOf(digits, radix);
    if (value !== undefined) return saturated(value) * (unit === "" ? 1n : /k/i.test(unit) ? 1024n : 1024n * 1024n);
  }
  const mri = /^([0-9a-f]+)([hxobd])$/i.exec(text);
  return mri === null ? undefined : digitsOf(mri[1] ?? "", radixOfSuffix[(mri[2] ?? "").toLowerCase()] ?? 10);
}

const saturated = (value: bigint): bigint => (value > allOnes ? allOnes : value);

function digitsOf(digits: string, radix: number): bigint | undefined {
  let value = 0n;
  for (const digit of digits) {
    const worth = Number.parseInt(digit, 16);
    if (worth >= radix) return undefined;
    value = value * BigInt(radix) + BigInt(worth);
  }
  return value;
}

/** From the loosest to the tightest; all are left-associative. */
const precedences: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["&"],
  ["==", "!="],
  ["<", ">", "<=", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];

const operandCounts: Readonly<Record<ValueFunction, number>> = { ABSOLUTE: 1, ALIGN: 2, LOG2CEIL: 1, MAX: 2, MIN: 2 };
const sectionFunctions: readonly string[] = ["ADDR", "ALIGNOF", "LOADADDR", "SIZEOF"] satisfies SectionFunction[];
/** What needs a script with SECTIONS or MEMORY around it. */
const unsupportedFunctions: ReadonlySet<string> = new Set([
  "BLOCK",
  "DATA_SEGMENT_ALIGN",
  "DATA_SEGMENT_END",
  "DATA_SEGMENT_RELRO_END",
  "LENGTH",
  "NEXT",
  "ORIGIN",
  "SEGMENT_START",
]);

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expression {
    const expression = this.#conditional();
    if (this.#peek().kind !== "end") throw this.#unexpected();
    return expression;
  }

  #conditional(): Expression {
    const condition = this.#binary(0);
    if (!this.#take("?")) return condition;
    const yes = this.#conditional();
    this.#expect(":");
    return { kind: "conditional", condition, yes, no: this.#conditional() };
  }

  #binary(level: number): Expression {
    const operators = precedences[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, text } = this.#peek();
      if (kind !== "sign" || !operators.includes(text)) return left;
      this.#at += 1;
      left = { kind: "binary", operator: text as BinaryOperator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    for (const operator of ["-", "+", "~", "!"] as const)
      if (this.#take(operator)) return { kind: "unary", operator, operand: this.#unary() };
    return this.#primary();
  }

  #primary(): Expression {
    const token = this.#peek();
    if (this.#take("(")) {
      const inner = this.#conditional();
      this.#expect(")");
      return inner;
    }
    if (token.kind === "number") {
      const value = parseInteger(token.text);
      if (value === undefined) throw new ExpressionError(`'${token.text}' is not a number`);
      this.#at += 1;
      return { kind: "number", value: BigInt.asUintN(64, value) };
    }
    if (token.kind !== "name") throw this.#unexpected();
    this.#at += 1;
    if (this.#take("(")) return this.#call(token.text);
    if (token.text === "SIZEOF_HEADERS") return { kind: "headers" };
    if (token.text === ".") throw new ExpressionError("'.' has no value outside of SECTIONS");
    return { kind: "symbol", name: token.text };
  }

  /** After the parenthesis. */
  #call(name: string): Expression {
    if (sectionFunctions.includes(name))
      return { kind: "section", function: name as SectionFunction, name: this.#nameInParentheses() };
    if (name === "DEFINED") return { kind: "defined", name: this.#nameInParentheses() };
    if (name === "CONSTANT") return { kind: "constant", name: this.#nameInParentheses() };
    if (unsupportedFunctions.has(name)) throw new ExpressionError(`'${name}' has no value outside of SECTIONS`);
    if (!Object.hasOwn(operandCounts, name)) throw new ExpressionError(`unknown function '${name}'`);
    const operands = [this.#conditional()];
    while (this.#take(",")) operands.push(this.#conditional());
    this.#expect(")");
    const wanted = operandCounts[name as ValueFunction];
    if (name === "ALIGN" && operands.length === 1) throw new ExpressionError("'ALIGN' of '.' outside of SECTIONS");
    if (operands.length !== wanted) throw new ExpressionError(`'${name}' takes ${wanted} values`);
    return { kind: "call", function: name as ValueFunction, operands };
  }

  #nameInParentheses(): string {
    const { kind, text } = this.#peek();
    if (kind !== "name") throw this.#unexpected();
    this.#at += 1;
    this.#expect(")");
    return text;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "" };
  }

  #take(sign: string): boolean {
    const { kind, text } = this.#peek();
    if (kind !== "sign" || text !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(`'${sign}'`);
  }

  #unexpected(expected = "a value"): ExpressionError {
    const { kind, text } = this.#peek();
    return new ExpressionError(`expected ${expected}, not ${kind === "end" ? "the end" : `'${text}'`}`);
  }
}

/** Every symbol that an expression is made of; those that it only asks about are not among them. */
export function symbolsOf(expression: Expression, ask: "value" | "defined" = "value"): string[] {
  switch (expression.kind) {
    case "symbol":
      return ask === "value" ? [expression.name] : [];
    case "defined":
      return ask === "defined" ? [expression.name] : [];
    case "unary":
      return symbolsOf(expression.operand, ask);
    case "binary":
      return [...symbolsOf(expression.left, ask), ...symbolsOf(expression.right, ask)];
    case "conditional":
      return [expression.condition, expression.yes, expression.no].flatMap((part) => symbolsOf(part, ask));
    case "call":
      return expression.operands.flatMap((operand) => symbolsOf(operand, ask));
    default:
      return [];
  }
}
