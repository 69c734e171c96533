/** Assignments and ASSERT, which a script may have at its top, in SECTIONS and in a section's statement. */
import { placeOf, type ScriptLexer, type Token } from "./script-lexer.ts";
import type { ScriptAssertion, ScriptAssignment } from "./commands.ts";
import { assignedValue, parseScriptExpression } from "./script-expressions.ts";

/** `name = value;` where that comes next; undefined elsewhere. */
export function parseAssignment(lexer: ScriptLexer, isInSections: boolean): ScriptAssignment | undefined {
  const found = lexer.assignment();
  if (found === undefined) return undefined;
  const assignment = readAssignment(lexer, found.name, found.operator, isInSections);
  endStatement(lexer);
  return assignment;
}

/** After PROVIDE, PROVIDE_HIDDEN or HIDDEN: `(name = value);` */
export function parseProvide(lexer: ScriptLexer, command: string, isInSections: boolean): ScriptAssignment {
  lexer.expect("(");
  const found = lexer.assignment();
  if (found === undefined || found.operator !== "=")
    throw lexer.error(`expected 'symbol = value' in ${command}`, lexer.peek());
  if (found.name.text === ".") throw lexer.error(`${command} of the location counter`, found.name);
  const assignment = readAssignment(lexer, found.name, "=", isInSections);
  lexer.expect(")", "expressions");
  endStatement(lexer);
  return { ...assignment, isProvided: command !== "HIDDEN", isHidden: command !== "PROVIDE" };
}

/** After ASSERT: `(condition, "message")`; between sections GNU ld wants no semicolon, so none is wanted here. */
export function parseAssertion(lexer: ScriptLexer, command: Token, isInSections: boolean): ScriptAssertion {
  lexer.expect("(");
  const condition = parseScriptExpression(lexer, isInSections);
  lexer.expect(",", "expressions");
  const message = lexer.next("a message", "expressions").text;
  lexer.expect(")", "expressions");
  if (!lexer.take(";")) lexer.take(",");
  return { kind: "assertion", condition, message, place: placeOf(command) };
}

function readAssignment(lexer: ScriptLexer, name: Token, operator: string, isInSections: boolean): ScriptAssignment {
  const value = parseScriptExpression(lexer, isInSections);
  return {
    kind: "assignment",
    name: name.text,
    value: assignedValue(name.text, operator, value),
    isProvided: false,
    isHidden: false,
    place: placeOf(name),
  };
}

/** Semicolons, or commas; the last statement of a block may be without. */
function endStatement(lexer: ScriptLexer): void {
  if (lexer.take(";") || lexer.take(",")) return;
  const token = lexer.peek();
  if (token?.text === "}" || token?.text === ")") return;
  lexer.expect(";");
}
