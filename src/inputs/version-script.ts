/**
 * Reads version scripts: which symbols get which version, and which stay local.
 *
 *     VERS_1 { global: foo; bar*; extern "C++" { "ns::f(int)"; ns::* }; local: *; };
 *     VERS_2 { global: baz; } VERS_1;
 */
import { basename } from "node:path";

import type { LinkOptions } from "../options/link-options.ts";
import { isGlob } from "../script/glob.ts";
import { ScriptLexer } from "../script/script-lexer.ts";

export interface SymbolPattern {
  readonly text: string;
  /** Matches only the same text: quoted, or without wildcards. */
  readonly isExact: boolean;
  /** C++ patterns match demangled names. */
  readonly language: "C" | "C++";
  readonly line: number;
}

export interface VersionNode {
  /** Empty for the anonymous version. */
  readonly name: string;
  readonly global: readonly SymbolPattern[];
  readonly local: readonly SymbolPattern[];
  /** Versions that this one follows. */
  readonly parents: readonly string[];
  readonly line: number;
}

export interface VersionScript {
  readonly path: string;
  /** In order; their index + 2 is the version's number in the output, if it has a name. */
  readonly nodes: readonly VersionNode[];
}

/** --default-symver: all that the output exports and no script has a version for is of the version of its soname. */
export function defaultVersions({
  isDefaultSymver,
  soname,
  output,
}: Pick<LinkOptions, "isDefaultSymver" | "soname" | "output">): VersionScript[] {
  if (!isDefaultSymver) return [];
  const path = "--default-symver";
  const all: SymbolPattern = { text: "*", isExact: false, language: "C", line: 0 };
  return [{ path, nodes: [{ name: soname ?? basename(output), global: [all], local: [], parents: [], line: 0 }] }];
}

/** @throws ScriptError with the line of what is wrong */
export function parseVersionScript(path: string, text: string): VersionScript {
  const lexer = new ScriptLexer(path, separateColons(text));
  const script = parseVersionNodes(lexer, undefined);
  if (script.nodes.length === 0) throw lexer.error("no version in the script");
  return script;
}

/**
 * Puts space around the colon of `global:` and `local:`, which may be followed by a name at once. Other colons
 * belong to names: `ns::f`.
 */
function separateColons(text: string): string {
  return text.replace(/\b(global|local)\s*:(?!:)/g, "$1: ");
}

/** The versions up to the token `end`, which stays, or up to the end of the script. */
export function parseVersionNodes(lexer: ScriptLexer, end: string | undefined): VersionScript {
  const nodes: VersionNode[] = [];
  while (!lexer.isAtEnd && !(end !== undefined && lexer.peek()?.text === end)) nodes.push(parseNode(lexer));
  return { path: lexer.path, nodes };
}

function parseNode(lexer: ScriptLexer): VersionNode {
  const first = lexer.next("a version or '{'");
  const isAnonymous = !first.isQuoted && first.text === "{";
  if (!isAnonymous) lexer.expect("{");
  const global: SymbolPattern[] = [];
  const local: SymbolPattern[] = [];
  parsePatterns(lexer, { global, local });
  const parents: string[] = [];
  while (!lexer.take(";")) parents.push(lexer.name("a version or ';'").text);
  return { name: isAnonymous ? "" : first.text, global, local, parents, line: first.line };
}

/** Patterns up to the closing brace, into `global` until `local:` is met. */
function parsePatterns(lexer: ScriptLexer, into: { global: SymbolPattern[]; local: SymbolPattern[] }): void {
  let current = into.global;
  while (!lexer.take("}")) {
    if (lexer.take(";")) continue;
    if (lexer.take("global:")) current = into.global;
    else if (lexer.take("local:")) current = into.local;
    else if (lexer.take("global")) {
      lexer.expect(":");
      current = into.global;
    } else if (lexer.take("local")) {
      lexer.expect(":");
      current = into.local;
    } else if (lexer.take("extern")) parseExtern(lexer, current);
    else {
      current.push(parsePattern(lexer, "C"));
      if (lexer.peek()?.text !== "}") lexer.expect(";");
    }
  }
}

/** One pattern of a list. */
export function parsePattern(lexer: ScriptLexer, language: SymbolPattern["language"]): SymbolPattern {
  const token = lexer.name("a symbol or '}'");
  const { isQuoted, line } = token;
  // GNU ld compares with hashes what has no wildcard but in escapes: that is the name itself.
  const literal = isQuoted ? token.text : withoutEscapes(token.text);
  return { text: literal ?? token.text, isExact: literal !== undefined, language, line };
}

/** What a pattern without wildcards stands for; undefined for a glob. */
function withoutEscapes(pattern: string): string | undefined {
  const text = pattern.replace(/\\(.)/g, "$1");
  return isGlob(pattern.replace(/\\./g, "")) ? undefined : text;
}

/** As GNU ld names them, in any case. Names in Java are mangled as those in C++ are. */
const languages: ReadonlyMap<string, SymbolPattern["language"]> = new Map([
  ["c", "C"],
  ["c++", "C++"],
  ["java", "C++"],
]);

function parseLanguage(lexer: ScriptLexer): SymbolPattern["language"] {
  const token = lexer.name("a language");
  const language = languages.get(token.text.toLowerCase());
  if (language === undefined) throw lexer.error(`unknown language '${token.text}'`, token);
  lexer.expect("{");
  return language;
}

/** `"C++" { pattern; pattern };` after `extern`. Such blocks may nest, as deeply as they like: the innermost counts. */
export function parseExtern(lexer: ScriptLexer, into: SymbolPattern[]): void {
  const open = [parseLanguage(lexer)];
  for (let language = open.at(-1); language !== undefined; language = open.at(-1)) {
    if (lexer.take(";")) continue;
    if (lexer.take("extern")) {
      open.push(parseLanguage(lexer));
      continue;
    }
    if (lexer.take("}")) open.pop();
    else into.push(parsePattern(lexer, language));
    if (lexer.peek()?.text !== "}") lexer.expect(";");
  }
}
