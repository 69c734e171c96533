/** Symbols that get a value: --defsym=NAME=EXPRESSION, and NAME = EXPRESSION in a script. */
import type { Diagnostics } from "../../diagnostics/diagnostics.ts";
import type { Defsym } from "../../options/link-options.ts";
import { type Expression, ExpressionError, parseExpression } from "./expressions.ts";

export interface Assignment {
  readonly name: string;
  readonly value: Expression;
}

/**
 * What is no expression is added to the diagnostics. Of two with one name the last one counts, as in GNU ld.
 *
 * @param scripts what scripts among the inputs assign
 */
export function parseAssignments(
  scripts: readonly Assignment[],
  defsyms: readonly Defsym[],
  diagnostics: Diagnostics,
): Assignment[] {
  const found = new Map(scripts.map((assignment) => [assignment.name, assignment]));
  for (const { name, expression } of defsyms) {
    try {
      found.set(name, { name, value: parseExpression(expression) });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.add("badDefsym", { name, detail: error.message });
    }
  }
  return [...found.values()];
}
