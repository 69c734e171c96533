/** Splits linker scripts, version scripts and dynamic lists into tokens, and reports what is wrong by line. */

export interface Token {
  readonly text: string;
  /** In quotes: never punctuation, a keyword or a glob. */
  readonly isQuoted: boolean;
  /** From 1. */
  readonly line: number;
}

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

/** Comments, quoted names, punctuation, names. Names hold all that paths, `-lNAME` and globs hold. */
const tokenPattern = /\/\*[^]*?(?:\*\/|$)|#[^\n]*|"[^"\n]*("?)|[(){};,]|[^\s(){};,"]+|\n/g;

/** The tokens of a script, read from left to right. */
export class ScriptLexer {
  readonly path: string;
  readonly #tokens: Token[] = [];
  readonly #lastLine: number;
  #at = 0;

  /** @throws ScriptError for a comment or a quote without an end */
  constructor(path: string, text: string) {
    this.path = path;
    let line = 1;
    const nul = text.indexOf("\0");
    if (nul !== -1) throw new ScriptError(path, text.slice(0, nul).split("\n").length, "NUL byte in the script");
    for (const match of text.matchAll(tokenPattern)) {
      const [word, closingQuote] = match;
      if (word === "\n") {
        line += 1;
      } else if (word.startsWith("/*")) {
        if (!word.endsWith("*/") || word.length < 4) throw new ScriptError(path, line, "comment without an end");
        line += word.split("\n").length - 1;
      } else if (word.startsWith('"')) {
        if (closingQuote === "") throw new ScriptError(path, line, "quote without an end");
        this.#tokens.push({ text: word.slice(1, -1), isQuoted: true, line });
      } else if (!word.startsWith("#")) {
        this.#tokens.push({ text: word, isQuoted: false, line });
      }
    }
    this.#lastLine = line;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  /** The next token, which stays; undefined at the end. */
  peek(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** @throws ScriptError at the end */
  next(expected: string): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw this.error(`unexpected end of the script: expected ${expected}`);
    this.#at += 1;
    return token;
  }

  /** Takes the next token when it is this word, not in quotes. */
  take(word: string): boolean {
    const token = this.peek();
    if (token === undefined || token.isQuoted || token.text !== word) return false;
    this.#at += 1;
    return true;
  }

  /** @throws ScriptError when the next token is another one */
  expect(word: string): void {
    const token = this.next(`'${word}'`);
    if (token.isQuoted || token.text !== word) throw this.error(`expected '${word}', not '${token.text}'`, token);
  }

  /** A name or a quoted text. @throws ScriptError for punctuation and at the end */
  name(expected: string): Token {
    const token = this.next(expected);
    if (!token.isQuoted && /^[(){};,]$/.test(token.text))
      throw this.error(`expected ${expected}, not '${token.text}'`, token);
    return token;
  }

  /** An error at `token`, or at the end of the script. */
  error(detail: string, token?: Token): ScriptError {
    return new ScriptError(this.path, token?.line ?? this.#lastLine, detail);
  }
}
