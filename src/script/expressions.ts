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
/** Functions of values. ALIGN is of an alignment, for `.`, or of a value and an alignment. */
export type ValueFunction =
  | ("ABSOLUTE" | "ALIGN" | "LOG2CEIL" | "MAX" | "MIN" | "NEXT")
  | ("DATA_SEGMENT_ALIGN" | "DATA_SEGMENT_RELRO_END" | "DATA_SEGMENT_END");
/** Functions of an output section's name. */
export type SectionFunction = "ADDR" | "ALIGNOF" | "LOADADDR" | "SIZEOF";
/** Functions of the name of a memory region. */
export type MemoryFunction = "ORIGIN" | "LENGTH";

export type Expression =
  | { readonly kind: "number"; readonly value: bigint }
  /** The location counter. */
  | { readonly kind: "dot" }
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
  | { readonly kind: "memory"; readonly function: MemoryFunction; readonly name: string }
  /** SEGMENT_START: what an option says of a segment (`-Ttext-segment`), or else the value. */
  | { readonly kind: "segment"; readonly name: string; readonly otherwise: Expression }
  /** ASSERT within an expression: its value is that of the condition. */
  | { readonly kind: "assert"; readonly condition: Expression; readonly message: string }
  | { readonly kind: "headers" };

/** An expression is not what the grammar says, or can not be evaluated. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/** @throws ExpressionError for what is no expression */
export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  let at = 0;
  const source: TokenSource = { peek: () => tokens[at], advance: () => (at += 1), isInSections: false };
  const expression = readExpression(source);
  if (at < tokens.length) throw new ExpressionError(`expected a value, not '${tokens[at]!.text}'`);
  return expression;
}

/** Reads an expression up to the first token that is none of it. @throws ExpressionError for what is no expression */
export function readExpression(source: TokenSource): Expression {
  return new Parser(source).parse();
}

export interface ExpressionToken {
  readonly text: string;
  /** In quotes, it is a name. */
  readonly isQuoted: boolean;
}

/** Where a parser gets its tokens. */
export interface TokenSource {
  /** Undefined at the end. */
  peek(): ExpressionToken | undefined;
  advance(): void;
  /** `.` has a value there, and what counts from it. */
  readonly isInSections: boolean;
}

/** White space, quoted names, numbers, names, signs: the longest first. */
const tokenPattern =
  /\s+|"([^"\n]*)"|(\$?[0-9][0-9A-Za-z]*|\$[0-9A-Fa-f]+|[A-Za-z_.$\\][\w.$\\]*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&|!~?:(),])/y;

/** Parser and evaluation are recursive: what nests as deeply as this leaves room for fits on the stack. */
const maxTokens = 1000;
const maxDepth = 500;

function tokensOf(text: string): ExpressionToken[] {
  const tokens: ExpressionToken[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) throw new ExpressionError(`invalid character '${text.charAt(at)}'`);
    const [, quoted, word] = match;
    if (quoted !== undefined) tokens.push({ text: quoted, isQuoted: true });
    else if (word !== undefined) tokens.push({ text: word, isQuoted: false });
  }
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

const operandCounts: Readonly<Record<ValueFunction, readonly number[]>> = {
  ABSOLUTE: [1],
  ALIGN: [1, 2],
  LOG2CEIL: [1],
  MAX: [2],
  MIN: [2],
  NEXT: [1],
  DATA_SEGMENT_ALIGN: [2],
  DATA_SEGMENT_RELRO_END: [2],
  DATA_SEGMENT_END: [1],
};
const sectionFunctions: readonly string[] = ["ADDR", "ALIGNOF", "LOADADDR", "SIZEOF"] satisfies SectionFunction[];
const memoryFunctions: readonly string[] = ["ORIGIN", "LENGTH"] satisfies MemoryFunction[];
/** What needs a script with SECTIONS or MEMORY around it. */
const onlyInSections: ReadonlySet<string> = new Set([
  "BLOCK",
  "DATA_SEGMENT_ALIGN",
  "DATA_SEGMENT_END",
  "DATA_SEGMENT_RELRO_END",
  "LENGTH",
  "NEXT",
  "ORIGIN",
  "SEGMENT_START",
]);

const isName = ({ text, isQuoted }: ExpressionToken): boolean => isQuoted || /^[A-Za-z_.$\\]/.test(text);
const isNumber = ({ text, isQuoted }: ExpressionToken): boolean => !isQuoted && /^\$?[0-9]|^\$[0-9A-Fa-f]/.test(text);

class Parser {
  readonly #source: TokenSource;
  #taken = 0;
  #depth = 0;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  parse(): Expression {
    const condition = this.#binary(0);
    if (!this.#take("?")) return condition;
    const yes = this.parse();
    this.#expect(":");
    return { kind: "conditional", condition, yes, no: this.parse() };
  }

  #binary(level: number): Expression {
    const operators = precedences[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const token = this.#source.peek();
      if (token === undefined || token.isQuoted || !operators.includes(token.text)) return left;
      this.#advance();
      left = { kind: "binary", operator: token.text as BinaryOperator, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    if (++this.#depth > maxDepth) throw new ExpressionError("expressions nest too deeply");
    const operator = (["-", "+", "~", "!"] as const).find((sign) => this.#take(sign));
    const value: Expression =
      operator === undefined ? this.#primary() : { kind: "unary", operator, operand: this.#unary() };
    this.#depth -= 1;
    return value;
  }

  #primary(): Expression {
    if (this.#take("(")) {
      const inner = this.parse();
      this.#expect(")");
      return inner;
    }
    const token = this.#source.peek();
    if (token !== undefined && isNumber(token)) {
      const value = parseInteger(token.text);
      if (value === undefined) throw new ExpressionError(`'${token.text}' is not a number`);
      this.#advance();
      return { kind: "number", value: BigInt.asUintN(64, value) };
    }
    if (token === undefined || !isName(token)) throw this.#unexpected();
    this.#advance();
    const { text, isQuoted } = token;
    if (isQuoted) return { kind: "symbol", name: text };
    if (this.#take("(")) return this.#call(text);
    if (text === "SIZEOF_HEADERS") return { kind: "headers" };
    if (text !== ".") return { kind: "symbol", name: text };
    if (!this.#source.isInSections) throw new ExpressionError("'.' has no value outside of SECTIONS");
    return { kind: "dot" };
  }

  /** After the parenthesis. */
  #call(name: string): Expression {
    if (onlyInSections.has(name) && !this.#source.isInSections)
      throw new ExpressionError(`'${name}' has no value outside of SECTIONS`);
    if (sectionFunctions.includes(name))
      return { kind: "section", function: name as SectionFunction, name: this.#nameInParentheses() };
    if (memoryFunctions.includes(name))
      return { kind: "memory", function: name as MemoryFunction, name: this.#nameInParentheses() };
    switch (name) {
      case "DEFINED":
        return { kind: "defined", name: this.#nameInParentheses() };
      case "CONSTANT":
        return { kind: "constant", name: this.#nameInParentheses() };
      case "BLOCK":
        return this.#call("ALIGN"); // an older name
      case "SEGMENT_START": {
        const segment = this.#name();
        this.#expect(",");
        const otherwise = this.parse();
        this.#expect(")");
        return { kind: "segment", name: segment, otherwise };
      }
      case "ASSERT": {
        const condition = this.parse();
        this.#expect(",");
        const message = this.#name();
        this.#expect(")");
        return { kind: "assert", condition, message };
      }
    }
    if (!Object.hasOwn(operandCounts, name)) throw new ExpressionError(`unknown function '${name}'`);
    return this.#valueCall(name as ValueFunction);
  }

  #valueCall(name: ValueFunction): Expression {
    const operands = [this.parse()];
    while (this.#take(",")) operands.push(this.parse());
    this.#expect(")");
    const counts = operandCounts[name];
    if (name === "ALIGN" && operands.length === 1 && !this.#source.isInSections)
      throw new ExpressionError("'ALIGN' of '.' outside of SECTIONS");
    if (!counts.includes(operands.length))
      throw new ExpressionError(`'${name}' takes ${counts.join(" or ")} ${counts[0] === 1 ? "value" : "values"}`);
    return { kind: "call", function: name, operands };
  }

  #nameInParentheses(): string {
    const name = this.#name();
    this.#expect(")");
    return name;
  }

  /** What is in quotes, or all up to white space and signs: names of sections have dashes. */
  #name(): string {
    let name = "";
    for (let token = this.#source.peek(); token !== undefined; token = this.#source.peek()) {
      if (!isName(token) && !(name !== "" && (isNumber(token) || token.text === "-"))) break;
      this.#advance();
      name += token.text;
      if (token.isQuoted) break;
    }
    if (name === "") throw this.#unexpected();
    return name;
  }

  #take(sign: string): boolean {
    const token = this.#source.peek();
    if (token === undefined || token.isQuoted || token.text !== sign) return false;
    this.#advance();
    return true;
  }

  #advance(): void {
    if (++this.#taken > maxTokens) throw new ExpressionError(`more than ${maxTokens} words`);
    this.#source.advance();
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw this.#unexpected(`'${sign}'`);
  }

  #unexpected(expected = "a value"): ExpressionError {
    const token = this.#source.peek();
    return new ExpressionError(`expected ${expected}, not ${token === undefined ? "the end" : `'${token.text}'`}`);
  }
}

/** What an expression is made of, itself first. */
function* partsOf(expression: Expression): Generator<Expression> {
  yield expression;
  switch (expression.kind) {
    case "unary":
      return yield* partsOf(expression.operand);
    case "binary":
      yield* partsOf(expression.left);
      return yield* partsOf(expression.right);
    case "conditional":
      for (const part of [expression.condition, expression.yes, expression.no]) yield* partsOf(part);
      return;
    case "call":
      for (const operand of expression.operands) yield* partsOf(operand);
      return;
    case "segment":
      return yield* partsOf(expression.otherwise);
    case "assert":
      return yield* partsOf(expression.condition);
    default:
  }
}

/** Every symbol that an expression is made of; those that it only asks about are not among them. */
export function symbolsOf(expression: Expression, ask: "value" | "defined" = "value"): string[] {
  const kind = ask === "value" ? "symbol" : "defined";
  return [...partsOf(expression)].flatMap((part) => (part.kind === kind && "name" in part ? [part.name] : []));
}
