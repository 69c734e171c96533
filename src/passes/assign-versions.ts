/**
 * Versions of the names that the output defines, and names that must or need not be exported: version
 * scripts, dynamic lists, .symver. Part of resolve. Fills symbol.version and the flag IS_LISTED.
 */
import type { SymbolPattern, VersionNode } from "../inputs/version-script.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import type { Inputs } from "./find-inputs.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { PatternFlags, SymbolFlags } = enumerations;
const VER_NDX_GLOBAL = 1;
const LOCAL = 0xffff;

/** A version that the output defines. */
export interface VersionDefinition {
  readonly name: string;
  /** In .gnu.version; the output itself is 1. */
  readonly index: number;
  readonly parents: readonly string[];
}

interface Pattern {
  readonly text: string;
  readonly flags: number;
  readonly version: number;
}

/** Names without wildcards: they are mentioned by the linker's own object, so that their symbols are known. */
export function exactNames(inputs: Inputs, options: LinkOptions): string[] {
  const patterns = [...nodesOf(inputs).flatMap(({ global, local }) => [...global, ...local]), ...inputs.dynamicList];
  return [
    ...patterns.filter(isExactName).map(({ text }) => text),
    ...options.exportDynamicSymbols.filter((name) => !/[*?[]/.test(name)),
  ];
}

const nodesOf = (inputs: Inputs): VersionNode[] => inputs.versionScripts.flatMap(({ nodes }) => nodes);
const isExactName = ({ isExact, language }: SymbolPattern): boolean => isExact && language === "C";

export async function assignVersions(
  workers: Workers,
  { fileBounds: bounds, internalFile }: Scanned,
  inputs: Inputs,
  options: LinkOptions,
  internal: InternalObject,
): Promise<VersionDefinition[]> {
  const { tables } = workers;
  const nodes = nodesOf(inputs);
  const version = tables.column("symbol", "version");
  const flags = tables.column("symbol", "flags");
  const claim = tables.column("symbol", "claim");
  const symbolOf = tables.column("mention", "symbol");
  const firstMention = tables.column("file", "firstMention")[internalFile];
  const symbolNamed = (name: string): number => symbolOf[firstMention + internal.indexOf(name)! - 1];

  const definitions: VersionDefinition[] = [];
  const globs: Pattern[] = [];
  const catchAlls: Pattern[] = [];
  const indexOf = new Map<VersionNode, number>();
  for (const node of nodes) {
    if (node.name === "") indexOf.set(node, VER_NDX_GLOBAL);
    else {
      const index = VER_NDX_GLOBAL + 1 + definitions.length;
      indexOf.set(node, index);
      definitions.push({ name: node.name, index, parents: node.parents });
    }
  }
  // Of several globs the last version's decides; a lone `*` comes after all others.
  for (const node of nodes.toReversed())
    for (const [patterns, index] of [
      [node.global, indexOf.get(node)!],
      [node.local, LOCAL],
    ] as const)
      for (const pattern of patterns) {
        if (isExactName(pattern)) {
          const symbol = symbolNamed(pattern.text);
          version[symbol] = index;
          const isDefined = claim.low(symbol) !== 0 || claim.high(symbol) !== 0;
          if (options.isNoUndefinedVersion && index !== LOCAL && node.name !== "" && !isDefined)
            workers.diagnostics.add("versionUndefined", { symbol: pattern.text, version: node.name });
        } else if (pattern.text === "*") catchAlls.push(patternOf(pattern, index));
        else globs.push(patternOf(pattern, index));
      }
  const lists: Pattern[] = [];
  for (const pattern of inputs.dynamicList)
    if (isExactName(pattern)) flags[symbolNamed(pattern.text)] |= SymbolFlags.IS_LISTED;
    else lists.push({ ...patternOf(pattern, 0), flags: patternOf(pattern, 0).flags | PatternFlags.LISTS });
  for (const name of options.exportDynamicSymbols)
    if (internal.indexOf(name) !== undefined) flags[symbolNamed(name)] |= SymbolFlags.IS_LISTED;
    else lists.push({ text: name, flags: PatternFlags.GLOB | PatternFlags.LISTS, version: 0 });
  const names = definitions.map(({ name, index }) => ({
    text: name,
    flags: PatternFlags.NAMES_VERSION,
    version: index,
  }));

  const patterns = [...names, ...lists, ...globs, ...catchAlls];
  fillPatterns(workers, patterns);
  // Without a script only .symver can ask for a version, and that of a shared object must be there.
  if (patterns.length > 0 || options.outputKind === "shared") await workers.run("matchPatterns", { bounds });
  return definitions;
}

function patternOf({ text, isExact, language }: SymbolPattern, version: number): Pattern {
  return { text, flags: (isExact ? 0 : PatternFlags.GLOB) | (language === "C++" ? PatternFlags.CXX : 0), version };
}

function fillPatterns({ tables }: Workers, patterns: readonly Pattern[]): void {
  tables.allocate("pattern", patterns.length);
  if (patterns.length === 0) return;
  const text = Buffer.from(patterns.map((pattern) => pattern.text).join("\0"));
  const offset = tables.arena.allocate(text.length);
  tables.arena.u8view(offset, text.length).set(text);
  let at = tables.arena.baseAddress + offset;
  for (const [i, pattern] of patterns.entries()) {
    const length = Buffer.byteLength(pattern.text);
    tables.column("pattern", "text").set(i, at);
    tables.column("pattern", "length")[i] = length;
    tables.column("pattern", "flags")[i] = pattern.flags;
    tables.column("pattern", "version")[i] = pattern.version;
    at += length + 1;
  }
}
