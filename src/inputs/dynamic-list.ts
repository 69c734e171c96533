/** Reads --dynamic-list and --export-dynamic-symbol-list files: `{ foo; bar*; extern "C++" { "ns::f(int)"; }; };` */
import { ScriptLexer } from "../script/script-lexer.ts";
import { parseExtern, parsePattern, type SymbolPattern } from "./version-script.ts";

/** @throws ScriptError with the line of what is wrong */
export function parseDynamicList(path: string, text: string): SymbolPattern[] {
  const lexer = new ScriptLexer(path, text);
  const patterns: SymbolPattern[] = [];
  if (lexer.isAtEnd) throw lexer.error("no list in the file");
  while (!lexer.isAtEnd) {
    lexer.expect("{");
    while (!lexer.take("}")) {
      if (lexer.take(";")) continue;
      if (lexer.take("extern")) {
        parseExtern(lexer, patterns);
      } else {
        patterns.push(parsePattern(lexer, "C"));
        if (lexer.peek()?.text !== "}") lexer.expect(";");
      }
    }
    lexer.expect(";");
  }
  return patterns;
}
