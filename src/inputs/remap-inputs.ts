/** --remap-inputs: other names for files that the command line, scripts and searches ask for. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions, Remapping } from "../options/link-options.ts";
import { globToRegExp, isGlob } from "../script/glob.ts";
import { ScriptError } from "../script/script-lexer.ts";
import type { MappedFiles } from "./mapped-files.ts";
import { textOf, tryToParse } from "./pattern-files.ts";

/** Those of the command line, then those of files. */
export function readRemappings(
  { remappings, remapFiles }: Pick<LinkOptions, "remappings" | "remapFiles">,
  files: MappedFiles,
  diagnostics: Diagnostics,
): Remapping[] {
  files.map(remapFiles.map((path) => ({ path })));
  const read = remapFiles.flatMap((path) => {
    const file = files.get(path);
    return (file && tryToParse(diagnostics, () => parseRemapFile(path, textOf(file.bytes())))) ?? [];
  });
  return [...remappings, ...read];
}

/** A file of `PATTERN FILE` lines; `#` begins a comment. @throws ScriptError with the line of what is wrong */
function parseRemapFile(path: string, text: string): Remapping[] {
  return text.split("\n").flatMap((line, i) => {
    const words = line.replace(/#.*$/, "").trim();
    if (words === "") return [];
    const [from, to, ...more] = words.split(/\s+/);
    if (from === undefined || to === undefined || more.length > 0)
      throw new ScriptError(path, i + 1, "expected a pattern and a file");
    return [{ from, to }];
  });
}

/** Returns the path that is opened instead of another; undefined for none. The first that matches decides. */
export function remapperOf(remappings: readonly Remapping[]): (path: string) => string | undefined {
  if (remappings.length === 0) return (path) => path;
  const tests = remappings.map(({ from, to }) => {
    const pattern = isGlob(from) ? globToRegExp(from) : undefined;
    return { matches: (path: string) => pattern?.test(path) ?? path === from, to };
  });
  return (path) => {
    const found = tests.find(({ matches }) => matches(path));
    if (found === undefined) return path;
    return found.to === "/dev/null" ? undefined : found.to;
  };
}
