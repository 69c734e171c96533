/** Splits linker scripts, version scripts and dynamic lists into tokens, and reports what is wrong by line. */

export interface Token {
  readonly text: string;
  /** In quotes: never punctuation, a keyword or a glob. */
  readonly isQuoted: boolean;
  /** The script that it is in: one may include others. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** Scripts that include the one that it is in. */
  readonly depth: number;
}

/** Where a token is, for messages. */
export const placeOf = ({ path, line }: Token): { readonly path: string; readonly line: number } => ({ path, line });

/** A script is not what its grammar says. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  readonly path: string;
  readonly line: number;
  readonly detail: string;
  /** The command, when it is well formed and only not supported. */
  readonly unsupported: string | undefined;

  constructor(path: string, line: number, detail: string, unsupported?: string) {
    super(`${path}:${line}: ${detail}`);
    this.path = path;
    this.line = line;
    this.detail = detail;
    this.unsupported = unsupported;
  }
}

/**
 * What a word is depends on where it is, as in GNU ld. names: file names, globs and `-lNAME`, which hold nearly all
 * characters. expressions: C's, where `a*b` is three words.
 */
type Mode = "names" | "expressions";

const NEWLINE = 0x0a;

const blank = String.raw`(?:\s|#[^\n]*|\/\*[^]*?\*\/)*`;
const blankPattern = new RegExp(blank, "y");
const quoted = `"[^"\\n]*"`;
const wordPatterns: Readonly<Record<Mode, RegExp>> = {
  names: new RegExp(String.raw`${quoted}|[(){};,]|[^\s(){};,"]+`, "y"),
  expressions: new RegExp(
    String.raw`${quoted}|\$?[0-9][0-9A-Za-z]*|\$[0-9A-Fa-f]+|[A-Za-z_.$\\][\w.$\\]*|<<=|>>=|<<|>>|[-+*/&|^<>=!]=|&&|\|\||[^\s"]`,
    "y",
  ),
};
const assignmentPattern = new RegExp(
  String.raw`(${quoted}|[A-Za-z_.$\\/][\w.$\\/-]*?)${blank}(=|[-+*/&|^]=|<<=|>>=)(?!=)`,
  "y",
);
const callPattern = new RegExp(String.raw`\(${blank}([A-Z_]+|\))`, "y");
const loadRegionPattern = new RegExp(`AT${blank}>`, "y");

/** The tokens of a script, read from left to right. */
export class ScriptLexer {
  #path: string;
  #text: string;
  /** What has been read. */
  #at = 0;
  /** Line of `#at`. */
  #line = 1;
  /** Scripts that include the one that is read, where reading of each goes on. */
  readonly #outer: {
    readonly path: string;
    readonly text: string;
    readonly at: number;
    readonly line: number;
    readonly depth: number;
  }[] = [];
  #depth = 0;
  #peeked: { readonly mode: Mode; readonly token: Token | undefined; readonly end: number } | undefined;

  /** @throws ScriptError for a NUL byte, a comment or a quote without an end */
  constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    this.#begin();
  }

  /** What follows `token`, the last one that was taken, is read from another script, to its end. */
  include(path: string, text: string, token: Token): void {
    const [before, at, line, depth] = [this.#text, this.#at, this.#line, this.#depth];
    this.#outer.push({ path: this.#path, text: before, at, line, depth });
    [this.#path, this.#text, this.#at, this.#line, this.#depth] = [path, text, 0, 1, token.depth + 1];
    this.#peeked = undefined;
    this.#begin();
  }

  /** The script that is read: the innermost of those that include each other. */
  get path(): string {
    return this.#path;
  }

  #begin(): void {
    const nul = this.#text.indexOf("\0");
    if (nul !== -1)
      throw new ScriptError(this.#path, this.#text.slice(0, nul).split("\n").length, "NUL byte in the script");
    this.#skipBlank();
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next token, which stays; undefined at the end. */
  peek(mode: Mode = "names"): Token | undefined {
    if (this.#peeked?.mode !== mode) {
      const pattern = wordPatterns[mode];
      pattern.lastIndex = this.#at;
      const word = pattern.exec(this.#text)?.[0];
      if (word === undefined && !this.isAtEnd) throw this.#withoutEnd("quote");
      const token = word === undefined ? undefined : this.#tokenOf(word);
      this.#peeked = { mode, token, end: this.#at + (word?.length ?? 0) };
    }
    return this.#peeked.token;
  }

  /** @throws ScriptError at the end */
  next(expected: string, mode: Mode = "names"): Token {
    const token = this.peek(mode);
    if (token === undefined) throw this.error(`unexpected end of the script: expected ${expected}`);
    this.#moveTo(this.#peeked!.end);
    return token;
  }

  /** Takes the next token when it is this word, not in quotes. */
  take(word: string, mode: Mode = "names"): boolean {
    const token = this.peek(mode);
    if (token === undefined || token.isQuoted || token.text !== word) return false;
    this.#moveTo(this.#peeked!.end);
    return true;
  }

  /** @throws ScriptError when the next token is another one */
  expect(word: string, mode: Mode = "names"): void {
    const token = this.next(`'${word}'`, mode);
    if (token.isQuoted || token.text !== word) throw this.error(`expected '${word}', not '${token.text}'`, token);
  }

  /** A name or a quoted text. @throws ScriptError for punctuation and at the end */
  name(expected: string): Token {
    const token = this.next(expected);
    if (!token.isQuoted && /^[(){};,]$/.test(token.text))
      throw this.error(`expected ${expected}, not '${token.text}'`, token);
    return token;
  }

  /** Whether `(` and one of these words come next; nothing is taken. */
  takesCall(words: readonly string[]): boolean {
    if (this.#text[this.#at] !== "(") return false;
    callPattern.lastIndex = this.#at;
    const word = callPattern.exec(this.#text)?.[1];
    return word !== undefined && words.includes(word);
  }

  /** Takes `AT>`, with spaces or without. */
  takesRegionOfLoad(): boolean {
    loadRegionPattern.lastIndex = this.#at;
    const match = loadRegionPattern.exec(this.#text);
    if (match !== null) this.#moveTo(this.#at + match[0].length);
    return match !== null;
  }

  /** Takes `NAME =`, `NAME +=` and the like, where these come next. */
  assignment(): { readonly name: Token; readonly operator: string } | undefined {
    assignmentPattern.lastIndex = this.#at;
    const match = assignmentPattern.exec(this.#text);
    if (match === null) return undefined;
    const [whole, name = "", operator = ""] = match;
    const token = this.#tokenOf(name);
    this.#moveTo(this.#at + whole.length);
    return { name: token, operator };
  }

  /** An error at `token`, or at what comes next. */
  error(detail: string, token?: Token): ScriptError {
    return new ScriptError(token?.path ?? this.#path, token?.line ?? this.#line, detail);
  }

  #tokenOf(word: string): Token {
    const isQuoted = word.startsWith('"');
    const text = isQuoted ? word.slice(1, -1) : word;
    return { text, isQuoted, path: this.#path, line: this.#line, depth: this.#depth };
  }

  #moveTo(end: number): void {
    this.#countLines(end);
    this.#at = end;
    this.#skipBlank();
    this.#peeked = undefined;
  }

  #skipBlank(): void {
    blankPattern.lastIndex = this.#at;
    const end = this.#at + blankPattern.exec(this.#text)![0].length;
    this.#countLines(end);
    this.#at = end;
    if (this.#text.startsWith("/*", end)) throw this.#withoutEnd("comment");
    if (end < this.#text.length) return;
    const outer = this.#outer.pop();
    if (outer === undefined) return;
    ({ path: this.#path, text: this.#text, at: this.#at, line: this.#line, depth: this.#depth } = outer);
    this.#skipBlank();
  }

  #countLines(end: number): void {
    for (let at = this.#at; at < end; at++) if (this.#text.charCodeAt(at) === NEWLINE) this.#line += 1;
  }

  #withoutEnd(what: string): ScriptError {
    return new ScriptError(this.#path, this.#line, `${what} without an end`);
  }
}
