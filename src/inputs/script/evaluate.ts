/**
 * What expressions come to, in 64 bits. A value is a number, or an address: that moves with the image, and is in a
 * section. GNU ld makes numbers of `symbol + 4` outside of SECTIONS, which are wrong once a PIE has been loaded; here
 * they stay addresses.
 */
import {
  type BinaryOperator,
  type Expression,
  ExpressionError,
  type SectionFunction,
  type UnaryOperator,
  type ValueFunction,
} from "./expressions.ts";

const bits = 64;

export interface Value {
  /** In 64 bits. */
  readonly value: bigint;
  /** Header index of the section of an address, 0 for one that is in none; undefined for a number. */
  readonly section: number | undefined;
}

/** What an expression is evaluated in. */
export interface Environment {
  /** @throws ExpressionError for what has no value */
  symbol(name: string): Value;
  isDefined(name: string): boolean;
  /** An output section; undefined for one that is not in the output. */
  section(name: string): { address: number; size: number; alignment: number; index: number } | undefined;
  readonly headerSize: number;
  readonly maxPageSize: number;
}

const number = (value: bigint): Value => ({ value: BigInt.asUintN(bits, value), section: undefined });

/** @throws ExpressionError for what has no value */
export function evaluate(expression: Expression, environment: Environment): Value {
  const of = (part: Expression): Value => evaluate(part, environment);
  switch (expression.kind) {
    case "number":
      return number(expression.value);
    case "symbol":
      return environment.symbol(expression.name);
    case "defined":
      return number(environment.isDefined(expression.name) ? 1n : 0n);
    case "constant":
      return constantValue(expression.name, environment);
    case "unary":
      return unaryValue(expression.operator, of(expression.operand));
    case "binary":
      return binaryValue(expression.operator, of(expression.left), of(expression.right));
    case "conditional":
      return of(of(expression.condition).value === 0n ? expression.no : expression.yes);
    case "call":
      return callValue(expression.function, expression.operands.map(of));
    case "section":
      return sectionValue(expression.function, expression.name, environment);
    case "headers":
      return number(BigInt(environment.headerSize));
  }
}

function constantValue(name: string, { maxPageSize }: Environment): Value {
  if (name === "MAXPAGESIZE") return number(BigInt(maxPageSize));
  if (name === "COMMONPAGESIZE") return number(4096n);
  throw new ExpressionError(`unknown constant '${name}'`);
}

function sectionValue(asked: SectionFunction, name: string, environment: Environment): Value {
  const section = environment.section(name);
  if (section === undefined) throw new ExpressionError(`undefined section '${name}'`);
  if (asked === "SIZEOF") return number(BigInt(section.size));
  if (asked === "ALIGNOF") return number(BigInt(section.alignment));
  return { value: BigInt(section.address), section: section.index };
}

function unaryValue(operator: UnaryOperator, { value, section }: Value): Value {
  if (operator === "!") return number(value === 0n ? 1n : 0n);
  const result = operator === "-" ? -value : operator === "~" ? ~value : value;
  return { value: BigInt.asUintN(bits, result), section: operator === "+" ? section : undefined };
}

/** An address plus, minus, or with the bits of a number stays an address; all else is a number. */
function binaryValue(operator: BinaryOperator, left: Value, right: Value): Value {
  const value = BigInt.asUintN(bits, compute(operator, left.value, right.value));
  const isMoved = operator === "+" || operator === "-" || operator === "&" || operator === "|";
  if (!isMoved) return number(value);
  if (right.section === undefined) return { value, section: left.section };
  return { value, section: operator === "-" || left.section !== undefined ? undefined : right.section };
}

function compute(operator: BinaryOperator, left: bigint, right: bigint): bigint {
  const is = (condition: boolean): bigint => (condition ? 1n : 0n);
  switch (operator) {
    case "*":
      return left * right;
    case "/":
    case "%": {
      if (right === 0n) throw new ExpressionError(`${operator} by zero`);
      const [dividend, divisor] = [BigInt.asIntN(bits, left), BigInt.asIntN(bits, right)]; // alone these are signed
      return operator === "/" ? dividend / divisor : dividend % divisor;
    }
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "<<":
      return left << (right & 63n); // as the processor does it
    case ">>":
      return left >> (right & 63n);
    case "<":
      return is(left < right);
    case ">":
      return is(left > right);
    case "<=":
      return is(left <= right);
    case ">=":
      return is(left >= right);
    case "==":
      return is(left === right);
    case "!=":
      return is(left !== right);
    case "&":
      return left & right;
    case "|":
      return left | right;
    case "&&":
      return is(left !== 0n && right !== 0n);
    case "||":
      return is(left !== 0n || right !== 0n);
  }
}

function callValue(asked: ValueFunction, [first, second]: readonly Value[]): Value {
  if (first === undefined) throw new ExpressionError(`'${asked}' without a value`);
  const { value, section } = first;
  if (asked === "ABSOLUTE") return number(value);
  if (asked === "LOG2CEIL") return number(value <= 1n ? 0n : BigInt((value - 1n).toString(2).length));
  if (second === undefined) throw new ExpressionError(`'${asked}' of one value`);
  if (asked === "ALIGN") return { value: alignUp(value, second.value), section };
  const isFirst = asked === "MAX" ? value >= second.value : value <= second.value;
  return isFirst ? first : second;
}

function alignUp(value: bigint, alignment: bigint): bigint {
  if (alignment <= 1n) return value;
  return BigInt.asUintN(bits, ((value + alignment - 1n) / alignment) * alignment);
}

/** Whether an expression is an address. `isAddress` says it of a symbol. */
export function movesWithImage(expression: Expression, isAddress: (symbol: string) => boolean): boolean {
  const of = (part: Expression): boolean => movesWithImage(part, isAddress);
  switch (expression.kind) {
    case "symbol":
      return isAddress(expression.name);
    case "unary":
      return expression.operator === "+" && of(expression.operand);
    case "binary": {
      const { operator, left, right } = expression;
      if (operator === "-") return of(left) && !of(right);
      return (operator === "+" || operator === "&" || operator === "|") && of(left) !== of(right);
    }
    case "conditional":
      return of(expression.yes) || of(expression.no);
    case "call":
      return expression.function === "ALIGN"
        ? of(expression.operands[0]!)
        : (expression.function === "MAX" || expression.function === "MIN") && expression.operands.some(of);
    case "section":
      return expression.function === "ADDR" || expression.function === "LOADADDR";
    default:
      return false;
  }
}
