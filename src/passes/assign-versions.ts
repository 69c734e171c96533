/**
 * Versions of the names that the output defines, and names that must or need not be exported: version
 * scripts, dynamic lists, .symver. Part of resolve. Fills symbol.version and the flag IS_LISTED.
 */
import type { InternalObject } from "../inputs/internal-object.ts";
import type { SymbolPattern, VersionNode } from "../inputs/version-script.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { LimitExceeded } from "../tables/limit-exceeded.ts";
import { enumerations } from "../tables/schema.ts";
import { rowAt } from "../tables/views.ts";
import type { VersionedNames } from "./alias-versions.ts";
import type { Inputs } from "./find-inputs.ts";
import { fillPatterns, type Pattern } from "./pattern-table.ts";
import { hasDynamicSection } from "./loader.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileState, PatternFlags, SymbolFlags } = enumerations;
const VER_NDX_GLOBAL = 1;
const LOCAL = 0xffff;
/** Indices in .gnu.version have 15 bits; 0 is local, 1 the output itself. */
export const MAX_VERSION_INDEX = 0x7fff;

/** A version that the output defines. */
export interface VersionDefinition {
  readonly name: string;
  /** In .gnu.version; the output itself is 1. */
  readonly index: number;
  readonly parents: readonly string[];
  /** Nothing has it: VER_FLG_WEAK, as in GNU ld. */
  readonly isWeak: boolean;
}

const nodesOf = (inputs: Pick<Inputs, "versionScripts">): VersionNode[] =>
  inputs.versionScripts.flatMap(({ nodes }) => nodes);

/**
 * Names of versions, for which GNU ld makes an absolute symbol each. Debian's packaging compares them with those of
 * the last release.
 */
export function versionSymbols(inputs: Inputs, options: LinkOptions): string[] {
  return hasDynamicSection(options, inputs) ? nodesOf(inputs).flatMap(({ name }) => (name === "" ? [] : [name])) : [];
}

export async function assignVersions(
  workers: Workers,
  { fileBounds: bounds, internalFile }: Scanned,
  inputs: Inputs,
  options: LinkOptions,
  internal: InternalObject,
  versioned: VersionedNames,
): Promise<VersionDefinition[]> {
  const { tables, diagnostics } = workers;
  const nodes = nodesOf(inputs);
  const defined = definedNames(workers, versioned, options);
  const definitions = defineVersions(nodes, defined, options.outputKind !== "shared");
  const indexOf = new Map(definitions.map(({ name, index }) => [name, index]));
  const taken = new Set(defined.map(({ name, version }) => `${name}@${version}`));

  const patterns: Pattern[] = [];
  for (const [node, { name, global, local }] of nodes.entries()) {
    const version = name === "" ? VER_NDX_GLOBAL : indexOf.get(name)!;
    for (const pattern of global) {
      const isTaken = pattern.isExact && taken.has(`${pattern.text}@${name}`);
      patterns.push(patternOf(pattern, version, node, isTaken ? PatternFlags.IS_TAKEN : 0));
    }
    for (const pattern of local) patterns.push(patternOf(pattern, LOCAL, node));
  }
  const scripted = patterns.length;
  for (const pattern of inputs.dynamicList) patterns.push(patternOf(pattern, 0, 0, PatternFlags.LISTS));
  for (const text of options.listedCxxNames)
    patterns.push({ text, flags: PatternFlags.GLOB | PatternFlags.CXX | PatternFlags.LISTS, version: 0, node: 0 });
  for (const text of options.exportDynamicSymbols)
    patterns.push({ text, flags: PatternFlags.GLOB | PatternFlags.LISTS, version: 0, node: 0 });
  for (const [node, { name, index }] of definitions.entries())
    patterns.push({ text: name, flags: PatternFlags.NAMES_VERSION, version: index, node });
  fillPatterns(workers, patterns);

  const symbolOf = tables.column("mention", "symbol");
  const firstMention = tables.column("file", "firstMention")[internalFile];
  for (const name of versionSymbols(inputs, options)) {
    const symbol = symbolOf[rowAt(firstMention, internal.indexOf(name)! - 1)];
    tables.column("symbol", "version")[symbol] = indexOf.get(name)!;
    tables.column("symbol", "flags")[symbol] |= SymbolFlags.IS_LISTED;
  }
  // Without a script only .symver can ask for a version, and that of a shared object must be there.
  if (patterns.length > 0 || options.outputKind === "shared") await workers.run("matchPatterns", { bounds });

  if (options.isNoUndefinedVersion) {
    const isMatched = tables.column("pattern", "isMatched");
    const wanted = nodes.flatMap(({ name, global, local }) => [
      ...global.map((pattern) => ({ name, pattern, isGlobal: true })),
      ...local.map((pattern) => ({ name, pattern, isGlobal: false })),
    ]);
    for (const [row, { name, pattern, isGlobal }] of wanted.slice(0, scripted).entries())
      if (isGlobal && pattern.isExact && name !== "" && !isMatched[row] && !taken.has(`${pattern.text}@${name}`))
        diagnostics.add("versionUndefined", { symbol: pattern.text, version: name });
  }
  return definitions;
}

function patternOf({ text, isExact, language }: SymbolPattern, version: number, node: number, more = 0): Pattern {
  const kind = isExact ? 0 : PatternFlags.GLOB | (text === "*" ? PatternFlags.STAR : 0);
  return { text, flags: kind | (language === "C++" ? PatternFlags.CXX : 0) | more, version, node };
}

/** `name@version` and `name@@version` that objects of the link define and the output shows. */
function definedNames(
  { tables }: Workers,
  { definitions }: VersionedNames,
  { outputKind, isExportDynamic }: LinkOptions,
): { readonly name: string; readonly version: string }[] {
  const state = tables.column("file", "state");
  const flags = tables.column("symbol", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const isShown = outputKind === "shared" || isExportDynamic;
  return definitions.filter(
    ({ file, mention, version }) =>
      version !== "" &&
      state[file] & FileState.REACHED &&
      (isShown || flags[symbolOf[mention]] & SymbolFlags.IN_SHARED),
  );
}

/** Those of the scripts; an executable has also those that its exported names ask for, as with GNU ld. */
function defineVersions(
  nodes: readonly VersionNode[],
  defined: readonly { readonly version: string }[],
  isExecutable: boolean,
): VersionDefinition[] {
  const used = new Set(defined.map(({ version }) => version));
  const definitions: VersionDefinition[] = [];
  const add = (name: string, parents: readonly string[], isWeak: boolean): void => {
    definitions.push({ name, index: VER_NDX_GLOBAL + 1 + definitions.length, parents, isWeak });
  };
  for (const { name, global, local, parents } of nodes)
    if (name !== "") add(name, parents, global.length === 0 && local.length === 0 && !used.has(name));
  const named = new Set(nodes.map(({ name }) => name));
  if (isExecutable) for (const version of used) if (!named.has(version)) add(version, [], false);
  if (VER_NDX_GLOBAL + definitions.length > MAX_VERSION_INDEX)
    throw new LimitExceeded("versions", String(MAX_VERSION_INDEX - VER_NDX_GLOBAL));
  return definitions;
}
