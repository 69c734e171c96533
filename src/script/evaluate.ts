/**
 * What expressions come to, in 64 bits, as GNU ld has it: a value is a number, or counts from the start of a section of
 * the output. Where sections differ, addresses are meant; `a + b` of one section adds their distances from its start.
 * Within a section's statement a number is one until it is assigned, when it counts from that section; outside, it is an
 * address. GNU ld makes numbers of `symbol + 4` there, which are wrong once a PIE has been loaded: what moves with the
 * image is for movesWithImage to say.
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

/** A section of the output, as expressions see it. */
export interface SectionValue {
  readonly address: number;
  readonly loadAddress?: number;
  /** Bytes. */
  readonly size: number;
  /** Bytes. */
  readonly alignment: number;
  /** Header index; 0 for a section that is not in the output. */
  readonly index: number;
  /** Of such a one: the section that its symbols belong to. */
  readonly near?: SectionValue | undefined;
}

export interface Value {
  /** In 64 bits; from the start of the section, where there is one. */
  readonly value: bigint;
  /** What it counts from; undefined for a plain number. */
  readonly section: SectionValue | "absolute" | undefined;
  /** The location counter has it, between sections. */
  readonly isHere?: boolean;
  /** Of such an address: the section that a symbol of it belongs to. */
  readonly near?: SectionValue | undefined;
}

/** What an expression is evaluated in. */
export interface Environment {
  /** @throws ExpressionError for what has no value */
  symbol(name: string): Value;
  isDefined(name: string): boolean;
  /** An output section; undefined for one that is not in the output. */
  section(name: string): SectionValue | undefined;
  /** Bytes of the ELF header and the program headers. */
  readonly headerSize: number;
  readonly maxPageSize: number;
  /** Whose statement it is in. */
  readonly current?: SectionValue | undefined;
  /** The location counter, an address. */
  readonly dot?: number;
  memory?(name: string): { readonly origin: bigint; readonly length: bigint };
  /** What an option says of a segment; undefined where none does. */
  segmentStart?(name: string): bigint | undefined;
  /** What DATA_SEGMENT_ALIGN and its like come to. */
  dataSegment?(asked: ValueFunction, operands: readonly bigint[]): bigint;
  /** An ASSERT that does not hold. */
  failed?(message: string): void;
  /** SIZEOF_HEADERS was asked for: these are to be loaded. */
  usesHeaders?(): void;
}

const toUnsigned = (value: bigint | number): bigint => BigInt.asUintN(bits, BigInt(value));
const plain = (value: bigint): Value => ({ value: toUnsigned(value), section: undefined });
const atAddress = (value: bigint): Value => ({ value: toUnsigned(value), section: "absolute" });

/** The address that a value means, or the number that it is. */
export function addressOf({ value, section }: Value): bigint {
  return typeof section === "object" ? toUnsigned(value + BigInt(section.address)) : value;
}

/** What a value is where it is assigned: a number counts from the section whose statement it is in. */
export function assigned(value: Value, current: SectionValue | undefined): Value {
  return value.section === undefined ? { value: value.value, section: current ?? "absolute" } : value;
}

/** @throws ExpressionError for what has no value */
export function evaluate(expression: Expression, environment: Environment): Value {
  return new Evaluation(environment).of(expression);
}

const commonPageSize = 4096n;

class Evaluation {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  of(expression: Expression): Value {
    const environment = this.#environment;
    switch (expression.kind) {
      case "number":
        return this.#number(expression.value);
      case "dot":
        return this.#here(BigInt(environment.dot!));
      case "symbol":
        return this.#symbol(environment.symbol(expression.name));
      case "defined":
        return plain(environment.isDefined(expression.name) ? 1n : 0n);
      case "constant":
        return this.#constant(expression.name);
      case "unary":
        return unaryValue(expression.operator, this.of(expression.operand));
      case "binary":
        return this.#binary(expression.operator, this.of(expression.left), this.of(expression.right));
      case "conditional":
        return this.of(this.of(expression.condition).value === 0n ? expression.no : expression.yes);
      case "call":
        return this.#call(
          expression.function,
          expression.operands.map((operand) => this.of(operand)),
        );
      case "section":
        return this.#section(expression.function, expression.name);
      case "memory": {
        const { origin, length } = environment.memory!(expression.name);
        return expression.function === "ORIGIN" ? this.#here(origin) : plain(length);
      }
      case "segment": {
        const start = environment.segmentStart?.(expression.name);
        return start === undefined ? this.of(expression.otherwise) : this.#here(start);
      }
      case "assert": {
        const value = this.of(expression.condition);
        if (value.value === 0n) environment.failed?.(expression.message);
        return value;
      }
      case "headers":
        environment.usesHeaders?.();
        return plain(BigInt(environment.headerSize));
    }
  }

  /** As GNU ld: outside of sections' statements a number is an address. */
  #number(value: bigint): Value {
    return this.#environment.current === undefined ? atAddress(value) : plain(value);
  }

  /** An address, from the start of the section whose statement it is in. */
  #here(address: bigint): Value {
    const { current } = this.#environment;
    if (current === undefined) return { ...atAddress(address), isHere: true };
    return { value: toUnsigned(address - BigInt(current.address)), section: current };
  }

  #symbol(value: Value): Value {
    const { value: number, section } = value;
    return section === "absolute" && this.#environment.current !== undefined
      ? plain(number)
      : { value: number, section };
  }

  #constant(name: string): Value {
    if (name === "MAXPAGESIZE") return plain(BigInt(this.#environment.maxPageSize));
    if (name === "COMMONPAGESIZE") return plain(commonPageSize);
    throw new ExpressionError(`unknown constant '${name}'`);
  }

  #section(asked: SectionFunction, name: string): Value {
    const section = this.#environment.section(name);
    if (section === undefined) {
      // As GNU ld: what is not in the output has no bytes, and is nowhere.
      if (this.#environment.dot !== undefined) return asked === "LOADADDR" ? atAddress(0n) : plain(0n);
      throw new ExpressionError(`undefined section '${name}'`);
    }
    if (asked === "SIZEOF") return plain(BigInt(section.size));
    if (asked === "ALIGNOF") return plain(BigInt(section.alignment));
    if (asked === "LOADADDR") return atAddress(BigInt(section.loadAddress ?? section.address));
    return { value: 0n, section };
  }

  #binary(operator: BinaryOperator, left: Value, right: Value): Value {
    let [{ value: first }, { value: second }] = [left, right];
    let { section } = right;
    let other = left.section;
    const isMixed = other !== section && other !== undefined && section !== undefined;
    const isHere = !isMixed && (left.isHere === true || right.isHere === true);
    if (other !== section)
      if (other !== undefined && section !== undefined) {
        [first, second] = [addressOf(left), addressOf(right)];
        section = other = "absolute";
      } else if (section === undefined) [section, other] = [other, undefined];
    const value = toUnsigned(compute(operator, first, second));
    if (comparisons.has(operator)) return plain(value);
    return { value, section: this.#resultSection(section, other), isHere };
  }

  /** Of two values of one section: what an operator makes of them is a number. */
  #resultSection(section: Value["section"], other: Value["section"]): Value["section"] {
    if (section === undefined || section !== other) return section;
    return this.#environment.current === undefined ? "absolute" : undefined;
  }

  #call(asked: ValueFunction, operands: readonly Value[]): Value {
    const [first, second] = operands as [Value, Value];
    switch (asked) {
      case "ABSOLUTE":
        return atAddress(addressOf(first));
      case "LOG2CEIL": {
        const { value } = first;
        return plain(value <= 1n ? 0n : BigInt((value - 1n).toString(2).length));
      }
      case "NEXT":
        return atAddress(alignUp(BigInt(this.#environment.dot!), addressOf(first)));
      case "ALIGN": {
        if (operands.length === 1) return this.#here(alignUp(toUnsigned(this.#environment.dot!), first.value));
        const { values, section, isHere } = this.#alike(first, second);
        return { value: alignUp(...values), section, isHere };
      }
      case "MAX":
      case "MIN": {
        const { values, section, isHere } = this.#alike(first, second);
        const [value, other] = values;
        const isFirst = asked === "MAX" ? value >= other : value <= other;
        return { value: isFirst ? value : other, section, isHere };
      }
      default:
        return this.#here(toUnsigned(this.#environment.dataSegment!(asked, operands.map(addressOf))));
    }
  }

  /** Two values of one section, or two addresses. */
  #alike(first: Value, second: Value): { values: [bigint, bigint]; section: Value["section"]; isHere: boolean } {
    const isHere = first.isHere === true || second.isHere === true;
    if (first.section !== second.section && first.section !== undefined && second.section !== undefined)
      return { values: [addressOf(first), addressOf(second)], section: "absolute", isHere: false };
    return { values: [first.value, second.value], section: first.section ?? second.section, isHere };
  }
}

const comparisons: ReadonlySet<BinaryOperator> = new Set(["<", ">", "<=", ">=", "==", "!=", "&&", "||"]);

function unaryValue(operator: UnaryOperator, { value, section, isHere = false }: Value): Value {
  const result =
    operator === "!" ? (value === 0n ? 1n : 0n) : operator === "-" ? -value : operator === "~" ? ~value : value;
  return { value: toUnsigned(result), section, isHere };
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

function alignUp(value: bigint, alignment: bigint): bigint {
  if (alignment <= 1n) return value;
  return toUnsigned(((value + alignment - 1n) / alignment) * alignment);
}

/** Whether an expression is an address. `isAddress` says it of a symbol. */
export function movesWithImage(expression: Expression, isAddress: (symbol: string) => boolean): boolean {
  const of = (part: Expression): boolean => movesWithImage(part, isAddress);
  switch (expression.kind) {
    case "dot":
      return true;
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
      return callMoves(expression.function, expression.operands, of);
    case "section":
      return expression.function === "ADDR" || expression.function === "LOADADDR";
    case "memory":
      return expression.function === "ORIGIN";
    case "segment":
      return true;
    case "assert":
      return of(expression.condition);
    default:
      return false;
  }
}

function callMoves(asked: ValueFunction, operands: readonly Expression[], of: (part: Expression) => boolean): boolean {
  switch (asked) {
    case "ALIGN":
      return operands.length === 1 || of(operands[0]!);
    case "MAX":
    case "MIN":
      return operands.some(of);
    case "ABSOLUTE":
    case "LOG2CEIL":
      return false;
    default:
      return true;
  }
}
