/** Expressions where they stand in a script. */
import { type Expression, ExpressionError, readExpression, type TokenSource } from "./expressions.ts";
import type { ScriptLexer } from "./script-lexer.ts";

/** Tokens of a script as an expression's. */
function sourceOf(lexer: ScriptLexer, isInSections: boolean): TokenSource {
  return {
    peek: () => lexer.peek("expressions"),
    advance: () => lexer.next("a value", "expressions"),
    isInSections,
  };
}

/** @throws ScriptError for what is no expression */
export function parseScriptExpression(lexer: ScriptLexer, isInSections = true): Expression {
  const first = lexer.peek("expressions");
  try {
    return readExpression(sourceOf(lexer, isInSections));
  } catch (error) {
    if (error instanceof ExpressionError) throw lexer.error(error.message, lexer.peek("expressions") ?? first);
    throw error;
  }
}

/** `(…)` */
export function parseInParentheses(lexer: ScriptLexer): Expression {
  lexer.expect("(", "expressions");
  const value = parseScriptExpression(lexer);
  lexer.expect(")", "expressions");
  return value;
}

/** What `name op= value` comes to, as one expression. */
export function assignedValue(name: string, operator: string, value: Expression): Expression {
  if (operator === "=") return value;
  const left: Expression = name === "." ? { kind: "dot" } : { kind: "symbol", name };
  return { kind: "binary", operator: operator.slice(0, -1) as "+", left, right: value };
}
