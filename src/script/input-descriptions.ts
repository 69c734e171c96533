/** Input section descriptions: which sections of which files go where (ld manual, "Input Section Description"). */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_GNU_RETAIN,
  SHF_GROUP,
  SHF_INFO_LINK,
  SHF_LINK_ORDER,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_TLS,
  SHF_WRITE,
  SHF_X86_64_LARGE,
} from "../elf/constants.ts";
import { placeOf, type ScriptLexer, type Token } from "./script-lexer.ts";
import type { InputDescription, SectionPattern, SortOrder } from "./commands.ts";

const flagNames: Readonly<Record<string, number>> = {
  SHF_WRITE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_MERGE,
  SHF_STRINGS,
  SHF_INFO_LINK,
  SHF_LINK_ORDER,
  SHF_GROUP,
  SHF_TLS,
  SHF_GNU_RETAIN,
  SHF_X86_64_LARGE,
};

const sortOrders: Readonly<Record<string, SortOrder>> = {
  SORT: "name",
  SORT_BY_NAME: "name",
  SORT_BY_ALIGNMENT: "alignment",
  SORT_BY_INIT_PRIORITY: "initPriority",
  SORT_NONE: "none",
};

interface Flags {
  readonly withFlags: number;
  readonly withoutFlags: number;
}

/** One description. `first` is its first word, which has been taken. */
export function parseInputDescription(lexer: ScriptLexer, first: Token): InputDescription {
  if (!first.isQuoted && first.text === "KEEP") {
    lexer.expect("(");
    const inner = parsePlainDescription(lexer, lexer.name("a file"));
    lexer.expect(")");
    return { ...inner, isKept: true };
  }
  return parsePlainDescription(lexer, first);
}

/** One without KEEP around it. */
function parsePlainDescription(lexer: ScriptLexer, first: Token): InputDescription {
  const word = first.isQuoted ? "" : first.text;
  if (word === "INPUT_SECTION_FLAGS") {
    const flags = parseFlags(lexer);
    return { ...parseFileDescription(lexer, lexer.name("a file")), ...flags };
  }
  return parseFileDescription(lexer, first);
}

/** Files, and patterns of their sections. */
function parseFileDescription(lexer: ScriptLexer, first: Token): InputDescription {
  const word = first.isQuoted ? "" : first.text;
  const outer = { kind: "inputs", isKept: false, withFlags: 0, withoutFlags: 0, place: placeOf(first) } as const;
  if (word === "EXCLUDE_FILE") {
    const excludedFiles = parseNames(lexer);
    const files = lexer.name("a file").text;
    return { ...outer, files, excludedFiles, isFilesSorted: false, sections: parseSections(lexer) };
  }
  if (word in sortOrders && isOpening(lexer)) {
    lexer.expect("(");
    const excludedFiles = lexer.take("EXCLUDE_FILE") ? parseNames(lexer) : [];
    const files = lexer.name("a file").text;
    lexer.expect(")");
    return { ...outer, files, excludedFiles, isFilesSorted: word !== "SORT_NONE", sections: parseSections(lexer) };
  }
  const sections = isOpening(lexer) ? parseSections(lexer) : [];
  return { ...outer, files: first.text, excludedFiles: [], isFilesSorted: false, sections };
}

const isOpening = (lexer: ScriptLexer): boolean => {
  const token = lexer.peek();
  return token !== undefined && !token.isQuoted && token.text === "(";
};

/** `(.text EXCLUDE_FILE(a.o) .data SORT(.x*))` */
function parseSections(lexer: ScriptLexer): SectionPattern[] {
  const patterns: SectionPattern[] = [];
  lexer.expect("(");
  let excludedFiles: readonly string[] = [];
  while (!lexer.take(")")) {
    if (lexer.take(",")) continue;
    if (lexer.take("EXCLUDE_FILE")) {
      excludedFiles = parseNames(lexer);
      continue;
    }
    patterns.push(...parseSorted(lexer, [], excludedFiles, false));
    excludedFiles = [];
  }
  if (patterns.length === 0) throw lexer.error("expected a section, not ')'");
  return patterns;
}

/** A pattern, or several within the parentheses of an order. Orders nest twice at most, as in GNU ld. */
function parseSorted(
  lexer: ScriptLexer,
  sort: readonly SortOrder[],
  excludedFiles: readonly string[],
  isReversed: boolean,
): SectionPattern[] {
  const token = lexer.name("a section");
  const isCall = !token.isQuoted && isOpening(lexer);
  if (!isCall) return [{ glob: token.text, excludedFiles, sort, isReversed }];
  const order = sortOrders[token.text];
  if (order === undefined && token.text !== "REVERSE") throw lexer.error(`unknown order '${token.text}'`, token);
  if (sort.length === 2 || (isReversed && order === undefined)) throw lexer.error("orders nest too deeply", token);
  lexer.expect("(");
  const patterns: SectionPattern[] = [];
  let excluded = excludedFiles;
  while (!lexer.take(")")) {
    if (lexer.take("EXCLUDE_FILE")) {
      excluded = parseNames(lexer);
      continue;
    }
    const inner = order === undefined ? sort : [...sort, order];
    patterns.push(...parseSorted(lexer, inner, excluded, isReversed || order === undefined));
  }
  return patterns;
}

/** `(a b)` */
function parseNames(lexer: ScriptLexer): string[] {
  const names: string[] = [];
  lexer.expect("(");
  while (!lexer.take(")")) if (!lexer.take(",")) names.push(lexer.name("a file").text);
  return names;
}

/** `(SHF_WRITE & !SHF_TLS)` */
function parseFlags(lexer: ScriptLexer): Flags {
  let withFlags = 0;
  let withoutFlags = 0;
  lexer.expect("(", "expressions");
  do {
    const isNot = lexer.take("!", "expressions");
    const token = lexer.next("a flag", "expressions");
    const flag = flagNames[token.text] ?? Number(token.text);
    if (!Number.isSafeInteger(flag)) throw lexer.error(`unknown section flag '${token.text}'`, token);
    if (isNot) withoutFlags |= flag;
    else withFlags |= flag;
  } while (lexer.take("&", "expressions"));
  lexer.expect(")", "expressions");
  return { withFlags, withoutFlags };
}
