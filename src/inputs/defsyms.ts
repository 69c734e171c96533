/** Symbols that the command line gives a value: --defsym=NAME=EXPRESSION. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { Defsym } from "../options/link-options.ts";
import type { ScriptAssignment } from "../script/commands.ts";
import { ExpressionError, parseExpression } from "../script/expressions.ts";

/** What is no expression is added to the diagnostics. */
export function parseDefsyms(defsyms: readonly Defsym[], diagnostics: Diagnostics): ScriptAssignment[] {
  const place = { path: "--defsym", line: 0 };
  return defsyms.flatMap(({ name, expression }): ScriptAssignment[] => {
    try {
      const value = parseExpression(expression);
      return [{ kind: "assignment", name, value, isProvided: false, isHidden: false, place }];
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      diagnostics.add("badDefsym", { name, detail: error.message });
      return [];
    }
  });
}
