/** Reads version scripts and dynamic lists, which are mapped like inputs but are none. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { parseDynamicList } from "./dynamic-list.ts";
import type { MappedFiles } from "./mapped-files.ts";
import { type Call, parseCallGraph, parseSymbolOrder } from "./ordering-files.ts";
import { ScriptError } from "../script/script-lexer.ts";
import { parseVersionScript, type SymbolPattern, type VersionScript } from "./version-script.ts";

export interface Patterns {
  readonly versionScripts: readonly VersionScript[];
  /** Of --dynamic-list and --export-dynamic-symbol-list. */
  readonly dynamicList: readonly SymbolPattern[];
  /** Of --symbol-ordering-file. */
  readonly symbolOrder: readonly string[];
  /** Of --call-graph-ordering-file. */
  readonly calls: readonly Call[];
}

export function readPatternFiles(
  options: Pick<
    LinkOptions,
    "versionScripts" | "dynamicLists" | "exportDynamicSymbolLists" | "symbolOrderingFile" | "callGraphFile"
  >,
  files: MappedFiles,
  diagnostics: Diagnostics,
): Patterns {
  const { versionScripts } = options;
  const lists = [...options.dynamicLists, ...options.exportDynamicSymbolLists];
  const orders = [options.symbolOrderingFile, options.callGraphFile].filter((path) => path !== undefined);
  files.map([...versionScripts, ...lists, ...orders].map((path) => ({ path })));
  const read = <T>(path: string | undefined, parse: (path: string, text: string) => T): T[] => {
    const file = path === undefined ? undefined : files.get(path);
    if (path === undefined || file === undefined) return [];
    const parsed = tryToParse(diagnostics, () => parse(path, textOf(file.bytes())));
    return parsed === undefined ? [] : [parsed];
  };
  return {
    versionScripts: versionScripts.flatMap((path) => read(path, parseVersionScript)),
    dynamicList: lists.flatMap((path) => read(path, parseDynamicList)).flat(),
    symbolOrder: read(options.symbolOrderingFile, parseSymbolOrder).flat(),
    calls: read(options.callGraphFile, parseCallGraph).flat(),
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
