/** Reads version scripts and dynamic lists, which are mapped like inputs but are none. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { parseDynamicList } from "./dynamic-list.ts";
import type { MappedFiles } from "./mapped-files.ts";
import { ScriptError } from "../script/script-lexer.ts";
import { parseVersionScript, type SymbolPattern, type VersionScript } from "./version-script.ts";

export interface Patterns {
  readonly versionScripts: readonly VersionScript[];
  /** Of --dynamic-list and --export-dynamic-symbol-list. */
  readonly dynamicList: readonly SymbolPattern[];
}

export function readPatternFiles(
  options: Pick<LinkOptions, "versionScripts" | "dynamicLists" | "exportDynamicSymbolLists">,
  files: MappedFiles,
  diagnostics: Diagnostics,
): Patterns {
  const { versionScripts } = options;
  const lists = [...options.dynamicLists, ...options.exportDynamicSymbolLists];
  files.map([...versionScripts, ...lists].map((path) => ({ path })));
  const read = <T>(path: string, parse: (path: string, text: string) => T): T[] => {
    const file = files.get(path);
    if (file === undefined) return [];
    const parsed = tryToParse(diagnostics, () => parse(path, textOf(file.bytes())));
    return parsed === undefined ? [] : [parsed];
  };
  return {
    versionScripts: versionScripts.flatMap((path) => read(path, parseVersionScript)),
    dynamicList: lists.flatMap((path) => read(path, parseDynamicList)).flat(),
  };
}

/** The result, or undefined when a script is wrong, which is added to the diagnostics. */
export function tryToParse<T>(diagnostics: Diagnostics, parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const { path, line, detail, unsupported } = error;
    if (unsupported === undefined) diagnostics.add("scriptSyntax", { path, line, detail });
    else diagnostics.add("scriptUnsupported", { path, line, command: unsupported });
    return undefined;
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
