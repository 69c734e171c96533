/** Reads --symbol-ordering-file, a name a line, and --call-graph-ordering-file, `caller callee weight` a line. */
import { ScriptError } from "../script/script-lexer.ts";

export interface Call {
  readonly from: string;
  readonly to: string;
  /** How often one calls the other, in a unit of the profile's own. */
  readonly weight: number;
}

/** Lines without comments, which begin with `#`, and their numbers from 1. Empty ones are left out. */
function* linesOf(text: string): Generator<{ readonly line: number; readonly words: string }> {
  for (const [i, line] of text.split("\n").entries()) {
    const words = line.replace(/#.*$/, "").trim();
    if (words !== "") yield { line: i + 1, words };
  }
}

export const parseSymbolOrder = (_: string, text: string): string[] => [...linesOf(text)].map(({ words }) => words);

/** @throws ScriptError with the line of what is wrong */
export function parseCallGraph(path: string, text: string): Call[] {
  return [...linesOf(text)].map(({ line, words }) => {
    const [from, to, weight, ...more] = words.split(/\s+/);
    if (from === undefined || to === undefined || weight === undefined || more.length > 0 || !/^\d+$/.test(weight))
      throw new ScriptError(path, line, "expected a caller, a callee and a number");
    return { from, to, weight: Number(weight) };
  });
}
