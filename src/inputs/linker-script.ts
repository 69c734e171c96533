/**
 * Reads linker scripts that say what to link, such as Debian's `libc.so`: INPUT, GROUP, AS_NEEDED, INCLUDE,
 * OUTPUT_FORMAT, SEARCH_DIR, OUTPUT, ENTRY, EXTERN, VERSION, and symbols that are given values. Scripts that lay out
 * sections (SECTIONS, MEMORY, PHDRS) are refused. What the names mean is for find-inputs.ts.
 */
import type { Assignment } from "./script/assignments.ts";
import { type Expression, ExpressionError, parseExpression } from "./script/expressions.ts";
import { ScriptError, ScriptLexer, type Token } from "./script-lexer.ts";
import { parseVersionNodes, type VersionScript } from "./version-script.ts";

/** A file or `-lNAME` of INPUT or GROUP. */
export interface ScriptInput {
  readonly kind: "file" | "library";
  readonly name: string;
  readonly isAsNeeded: boolean;
  /** After TARGET(binary). */
  readonly isBinary: boolean;
  readonly line: number;
}

export interface LinkerScript {
  readonly path: string;
  readonly inputs: readonly ScriptInput[];
  readonly searchDirectories: readonly string[];
  readonly entry: string | undefined;
  readonly output: string | undefined;
  readonly undefinedSymbols: readonly string[];
  readonly assignments: readonly Assignment[];
  /** Formats other than x86-64's ELF, of OUTPUT_FORMAT and TARGET. */
  readonly foreignFormat: string | undefined;
  readonly versions: VersionScript | undefined;
}

const knownFormats: readonly string[] = ["elf64-x86-64", "elf64-x86-64-sol2", "default", "binary-x86-64"];

/** Commands of GNU ld's language that ask for a layout or for what Spore does not do. */
const unsupportedCommands: ReadonlySet<string> = new Set([
  "SECTIONS",
  "MEMORY",
  "PHDRS",
  "INSERT",
  "ASSERT",
  "PROVIDE",
  "PROVIDE_HIDDEN",
  "HIDDEN",
  "REGION_ALIAS",
  "LD_FEATURE",
  "NOCROSSREFS",
  "NOCROSSREFS_TO",
  "OVERLAY",
]);

/** Commands that change nothing here; each has one list in parentheses or none. */
const ignoredCommands: ReadonlySet<string> = new Set([
  "FORCE_COMMON_ALLOCATION",
  "INHIBIT_COMMON_ALLOCATION",
  "FORCE_GROUP_ALLOCATION",
]);

/** @throws ScriptError with the line of what is wrong or not supported */
export function parseLinkerScript(path: string, text: string): LinkerScript {
  const lexer = new ScriptLexer(path, text);
  const inputs: ScriptInput[] = [];
  const searchDirectories: string[] = [];
  const undefinedSymbols: string[] = [];
  const assignments: Assignment[] = [];
  let entry: string | undefined;
  let output: string | undefined;
  let foreignFormat: string | undefined;
  let versions: VersionScript | undefined;
  let isBinary = false;

  while (!lexer.isAtEnd) {
    if (lexer.take(";")) continue;
    const command = lexer.name("a command");
    switch (command.isQuoted ? "" : command.text) {
      case "INPUT":
      case "GROUP":
      case "STARTUP":
        parseInputs(lexer, inputs, isBinary);
        break;
      case "TARGET": {
        const [format = ""] = parseList(lexer);
        isBinary = format === "binary";
        if (!isBinary && !knownFormats.includes(format)) foreignFormat ??= format;
        break;
      }
      case "OUTPUT_FORMAT":
        foreignFormat ??= parseList(lexer).find((format) => !knownFormats.includes(format));
        break;
      case "OUTPUT_ARCH":
        foreignFormat ??= parseList(lexer).find((machine) => machine !== "i386:x86-64");
        break;
      case "SEARCH_DIR":
        searchDirectories.push(...parseList(lexer));
        break;
      case "ENTRY":
        [entry] = parseList(lexer);
        break;
      case "OUTPUT":
        [output] = parseList(lexer);
        break;
      case "INCLUDE": {
        // What is there is a script, which is read wherever a file is named.
        const { text: name, line } = lexer.name("a file");
        inputs.push({ kind: "file", name, isAsNeeded: false, isBinary: false, line });
        break;
      }
      case "EXTERN":
        undefinedSymbols.push(...parseList(lexer));
        break;
      case "VERSION":
        lexer.expect("{");
        versions = parseVersionNodes(lexer, "}");
        lexer.expect("}");
        break;
      default:
        if (ignoredCommands.has(command.text)) break;
        if (lexer.take("=")) {
          assignments.push({ name: command.text, value: parseValue(lexer, command) });
          break;
        }
        if (unsupportedCommands.has(command.text))
          throw new ScriptError(path, command.line, `'${command.text}' is not supported`, command.text);
        throw lexer.error(`unknown command '${command.text}'`, command);
    }
  }
  return { path, inputs, searchDirectories, entry, output, undefinedSymbols, assignments, foreignFormat, versions };
}

/** OUTPUT_FORMAT of anything but this machine's format, as far as can be said without looking for comments. */
const foreignFormat = /OUTPUT_FORMAT(?!\s*\(\s*elf64-x86-64\s*\))/;

/** The first name of the first OUTPUT_FORMAT, whatever else there is; undefined without one, or where all are ours. */
export function outputFormatOf(text: string): string | undefined {
  if (!foreignFormat.test(text)) return undefined;
  try {
    const lexer = new ScriptLexer("", text);
    while (!lexer.isAtEnd)
      if (lexer.next("a word").text === "OUTPUT_FORMAT" && lexer.take("(")) return lexer.name("a format").text;
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error; // said by who reads it as a script
  }
  return undefined;
}

/** `(a, b AS_NEEDED(c) -ld)`: names are separated by white space or commas. AS_NEEDED may nest, as deeply as it likes. */
function parseInputs(lexer: ScriptLexer, inputs: ScriptInput[], isBinary: boolean): void {
  lexer.expect("(");
  for (let depth = 1; depth > 0;) {
    if (lexer.take(",")) continue;
    if (lexer.take(")")) {
      depth -= 1;
      continue;
    }
    const token = lexer.name("a file or ')'");
    if (!token.isQuoted && token.text === "AS_NEEDED") {
      lexer.expect("(");
      depth += 1;
    } else {
      const isLibrary = token.text.startsWith("-l") && token.text.length > 2;
      inputs.push({
        kind: isLibrary ? "library" : "file",
        name: isLibrary ? token.text.slice(2) : token.text,
        isAsNeeded: depth > 1,
        isBinary,
        line: token.line,
      });
    }
  }
}

/** The expression after `=`, up to the semicolon that ends it. */
function parseValue(lexer: ScriptLexer, symbol: Token): Expression {
  const words: string[] = [];
  while (!lexer.take(";")) {
    const { text, isQuoted } = lexer.next("';'");
    words.push(isQuoted ? `"${text}"` : text);
  }
  try {
    return parseExpression(words.join(" "));
  } catch (error) {
    if (error instanceof ExpressionError) throw lexer.error(`value of '${symbol.text}': ${error.message}`, symbol);
    throw error;
  }
}

/** `(a, b)` */
function parseList(lexer: ScriptLexer): string[] {
  const names: string[] = [];
  lexer.expect("(");
  while (!lexer.take(")")) if (!lexer.take(",")) names.push(lexer.name("a name or ')'").text);
  return names;
}
