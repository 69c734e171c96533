/** The words of a command line with other paths in them: what --reproduce puts into response.txt. */
import { Diagnostics } from "../diagnostics/diagnostics.ts";
import { matchOption } from "./parse.ts";
import { expandResponseFiles } from "./response-file.ts";

/** Options whose argument is a file or a folder that is read. What is written, or is for the loader, is none. */
const readFrom: ReadonlySet<string> = new Set([
  "script",
  "version-script",
  "dynamic-list",
  "export-dynamic-symbol-list",
  "symbol-ordering-file",
  "call-graph-ordering-file",
  "remap-inputs-file",
  "retain-symbols-file",
  "just-symbols",
]);
/** Those that search folders, which may begin with `=` for the sysroot. */
const searched: ReadonlySet<string> = new Set(["library-path", "rpath-link"]);
/** What is not to happen again. */
const leftOut: ReadonlySet<string> = new Set(["reproduce", "sysroot", "Map", "dependency-file"]);

/**
 * @param inside the path of a file in the archive, relative to the folder of response.txt
 * @param sysroot the one of the link, inside
 */
export function reproduceWords(
  argv: readonly string[],
  inside: (path: string) => string,
  sysroot: string,
  output: string,
): string[] {
  const words = expandResponseFiles(argv, new Diagnostics());
  const found: string[] = [`--sysroot=${sysroot}`];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const match = word === "-" || !word.startsWith("-") ? undefined : matchOption(word);
    if (match === undefined) {
      found.push(word.startsWith("-") ? word : inside(word));
      continue;
    }
    const { row, spelling } = match;
    const isApart = match.value === undefined && row.form === "required";
    const value = isApart ? words[++at] : match.value;
    const [name = ""] = row.names;
    if (leftOut.has(name)) continue;
    if (name === "output" || name === "o") found.push("-o", output);
    else if (value === undefined) found.push(word);
    else if (readFrom.has(name)) found.push(spelling, inside(value));
    else if (searched.has(name))
      for (const folder of name === "rpath-link" ? value.split(":") : [value])
        found.push(spelling, folder.startsWith("=") ? folder : inside(folder));
    else found.push(...(isApart ? [word, value] : [word]));
  }
  return found;
}

/** A word as splitArguments() reads it. */
export const quoteWord = (word: string): string =>
  /^[\w./=:+,@%-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
