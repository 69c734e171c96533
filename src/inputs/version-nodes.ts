/** Checks the versions of all scripts of a link together, as GNU ld does. */
import { ScriptError } from "../script/script-lexer.ts";
import type { SymbolPattern, VersionNode, VersionScript } from "./version-script.ts";

/**
 * Versions have different names, follow those that come before, and do not make a pattern local that another makes
 * global.
 *
 * @throws ScriptError for the first that does not
 */
export function checkVersionNodes(scripts: readonly VersionScript[]): void {
  const names = new Set<string>();
  const globals = new Set<string>();
  const locals = new Set<string>();
  const nodes = scripts.flatMap(({ path, nodes: own }) => own.map((node) => ({ path, node })));
  for (const { path, node } of nodes) {
    const fail = (detail: string): never => {
      throw new ScriptError(path, node.line, detail);
    };
    if (node.name === "" && nodes.length > 1) fail("the anonymous version can not be combined with others");
    if (names.has(node.name)) fail(`duplicate version '${node.name}'`);
    for (const parent of node.parents) if (!names.has(parent)) fail(`unknown version '${parent}'`);
    const clash = clashOf(node, globals, locals);
    if (clash !== undefined) fail(`'${clash.text}' is global in one version and local in another`);
    names.add(node.name);
    for (const pattern of node.global) globals.add(keyOf(pattern));
    for (const pattern of node.local) locals.add(keyOf(pattern));
  }
}

function clashOf(
  { global, local }: VersionNode,
  globals: ReadonlySet<string>,
  locals: ReadonlySet<string>,
): SymbolPattern | undefined {
  return global.find((pattern) => locals.has(keyOf(pattern))) ?? local.find((pattern) => globals.has(keyOf(pattern)));
}

const keyOf = ({ text, isExact, language }: SymbolPattern): string => `${language} ${isExact} ${text}`;
