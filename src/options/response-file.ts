/**
 * Expands `@FILE` arguments: the file holds arguments, separated by white space.
 *
 * The rules are those of GNU libiberty's `buildargv`, which gcc and ld share: single and double quotes group,
 * a backslash takes the next character as it is, in quotes and out of them. `@FILE` of a file that cannot be
 * read stays as it is.
 */
import { readFileSync } from "node:fs";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";

/** Splits the text of a response file into arguments. */
export function splitArguments(text: string): string[] {
  const found: string[] = [];
  let current: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === "\\" && at + 1 < text.length) {
      at += 1;
      current = (current ?? "") + text.charAt(at);
    } else if (quote !== "") {
      if (character === quote) quote = "";
      else current = (current ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      current ??= ""; // '' is an argument, too
    } else if (/\s/.test(character)) {
      if (current !== undefined) found.push(current);
      current = undefined;
    } else {
      current = (current ?? "") + character;
    }
  }
  if (current !== undefined) found.push(current);
  return found;
}

/** Replaces every `@FILE` by what the file holds, which may be `@FILE` again. */
export function expandResponseFiles(
  argv: readonly string[],
  diagnostics: Diagnostics,
  open: readonly string[] = [],
): string[] {
  return argv.flatMap((argument) => {
    if (!argument.startsWith("@") || argument.length === 1) return [argument];
    const path = argument.slice(1);
    if (open.includes(path)) {
      diagnostics.add("responseFileCycle", { path });
      return [];
    }
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch {
      return [argument];
    }
    if (text.includes("\0")) {
      diagnostics.add("responseFileNul", { path });
      return [];
    }
    return expandResponseFiles(splitArguments(text), diagnostics, [...open, path]);
  });
}
