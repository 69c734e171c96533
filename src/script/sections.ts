/** SECTIONS: output section descriptions, overlays, assignments (ld manual, "SECTIONS Command"). */
import * as elf from "../elf/constants.ts";
import { placeOf, type ScriptLexer, type Token } from "./script-lexer.ts";
import { parseAssertion, parseAssignment, parseProvide } from "./assignment-commands.ts";
import type {
  NoCrossReferences,
  Fill,
  OutputSectionDescription,
  OverlayDescription,
  SectionContent,
  SectionsStatement,
  SectionTypeCommand,
} from "./commands.ts";
import type { Expression } from "./expressions.ts";
import { parseInputDescription } from "./input-descriptions.ts";
import { withoutOverlay } from "./overlays.ts";
import { parseInParentheses, parseScriptExpression } from "./script-expressions.ts";

/** Reads on in the file that INCLUDE names. */
export type Includer = (lexer: ScriptLexer) => void;

/** After SECTIONS. */
export function parseSectionsCommand(lexer: ScriptLexer, include: Includer): (SectionsStatement | NoCrossReferences)[] {
  const statements: (SectionsStatement | NoCrossReferences)[] = [];
  lexer.expect("{");
  while (!lexer.take("}")) {
    if (lexer.take(";")) continue;
    statements.push(...parseStatement(lexer, include));
  }
  return statements;
}

function parseStatement(lexer: ScriptLexer, include: Includer): readonly (SectionsStatement | NoCrossReferences)[] {
  const assignment = parseAssignment(lexer, true);
  if (assignment !== undefined) return [assignment];
  const token = lexer.name("a section, an assignment or '}'");
  switch (token.isQuoted ? "" : token.text) {
    case "PROVIDE":
    case "PROVIDE_HIDDEN":
    case "HIDDEN":
      return [parseProvide(lexer, token.text, true)];
    case "ASSERT":
      return [parseAssertion(lexer, token, true)];
    case "INCLUDE":
      include(lexer);
      return [];
    case "ENTRY": {
      lexer.expect("(");
      const symbol = lexer.name("a symbol").text;
      lexer.expect(")");
      return [{ kind: "entry", symbol }];
    }
    case "OVERLAY":
      return withoutOverlay(parseOverlay(lexer, token, include));
    default:
      return [parseOutputSection(lexer, token, include)];
  }
}

const typeNames: Readonly<Record<string, Omit<SectionTypeCommand, "type">>> = {
  NOLOAD: { isNotLoaded: true, isReadOnly: false, isNotAllocated: false },
  DSECT: { isNotLoaded: false, isReadOnly: false, isNotAllocated: true },
  COPY: { isNotLoaded: false, isReadOnly: false, isNotAllocated: true },
  INFO: { isNotLoaded: false, isReadOnly: false, isNotAllocated: true },
  OVERLAY: { isNotLoaded: false, isReadOnly: false, isNotAllocated: true },
  READONLY: { isNotLoaded: false, isReadOnly: true, isNotAllocated: false },
};

function parseOutputSection(lexer: ScriptLexer, token: Token, include: Includer): OutputSectionDescription {
  // `name:` without a space between is a name here, as file names may have colons.
  const hasColon = !token.isQuoted && token.text.length > 1 && token.text.endsWith(":");
  const name = hasColon ? token.text.slice(0, -1) : token.text;
  let type = hasColon ? undefined : parseType(lexer);
  let address: Expression | undefined;
  if (!hasColon && type === undefined && lexer.peek("expressions")?.text !== ":") {
    address = parseScriptExpression(lexer);
    type = parseType(lexer);
  }
  if (!hasColon) lexer.expect(":", "expressions");
  const attributes = parseAttributes(lexer);
  lexer.expect("{");
  const contents = parseContents(lexer, include);
  return {
    kind: "section",
    name,
    address,
    type,
    ...attributes,
    contents,
    ...parseTail(lexer),
    place: placeOf(token),
  };
}

/** `(NOLOAD)`, `(READONLY)`, `(TYPE = SHT_PROGBITS)`, `(READONLY (TYPE = …))`; undefined for what is none. */
function parseType(lexer: ScriptLexer): SectionTypeCommand | undefined {
  if (!lexer.takesCall(["TYPE", ...Object.keys(typeNames), ")"])) return undefined;
  lexer.expect("(", "expressions");
  if (lexer.take(")", "expressions")) return undefined; // `()` says nothing
  const word = lexer.next("a section type", "expressions").text;
  const named = typeNames[word] ?? { isNotLoaded: false, isReadOnly: false, isNotAllocated: false };
  let type: number | undefined;
  if (word === "TYPE") type = parseSectionType(lexer);
  else if (lexer.take("(", "expressions")) {
    lexer.expect("TYPE", "expressions");
    type = parseSectionType(lexer);
    lexer.expect(")", "expressions");
  }
  lexer.expect(")", "expressions");
  return { ...named, type };
}

interface Attributes {
  loadAddress: Expression | undefined;
  alignment: Expression | undefined;
  isAlignedWithInput: boolean;
  subalignment: Expression | undefined;
  constraint: "ONLY_IF_RO" | "ONLY_IF_RW" | undefined;
}

const sectionTypes: Readonly<Record<string, number>> = {
  SHT_PROGBITS: elf.SHT_PROGBITS,
  SHT_STRTAB: elf.SHT_STRTAB,
  SHT_NOTE: elf.SHT_NOTE,
  SHT_NOBITS: elf.SHT_NOBITS,
  SHT_INIT_ARRAY: elf.SHT_INIT_ARRAY,
  SHT_FINI_ARRAY: elf.SHT_FINI_ARRAY,
  SHT_PREINIT_ARRAY: elf.SHT_PREINIT_ARRAY,
};

/** A number, or one of GNU ld's names. */
function parseSectionType(lexer: ScriptLexer): number {
  lexer.expect("=", "expressions");
  const token = lexer.peek("expressions");
  const value = parseScriptExpression(lexer);
  const type =
    value.kind === "number" ? Number(value.value) : value.kind === "symbol" ? sectionTypes[value.name] : undefined;
  if (type === undefined || type >= 2 ** 32) throw lexer.error(`unknown section type '${token?.text ?? ""}'`, token);
  return type;
}

/** Between the colon and the brace. */
function parseAttributes(lexer: ScriptLexer): Attributes {
  const found: Attributes = {
    loadAddress: undefined,
    alignment: undefined,
    isAlignedWithInput: false,
    subalignment: undefined,
    constraint: undefined,
  };
  for (;;) {
    if (lexer.take("AT", "expressions")) found.loadAddress = parseInParentheses(lexer);
    else if (lexer.take("ALIGN", "expressions")) found.alignment = parseInParentheses(lexer);
    else if (lexer.take("SUBALIGN", "expressions")) found.subalignment = parseInParentheses(lexer);
    else if (lexer.take("ALIGN_WITH_INPUT", "expressions")) found.isAlignedWithInput = true;
    else if (lexer.take("ONLY_IF_RO", "expressions")) found.constraint = "ONLY_IF_RO";
    else if (lexer.take("ONLY_IF_RW", "expressions")) found.constraint = "ONLY_IF_RW";
    else return found;
  }
}

const dataSizes: Readonly<Record<string, number>> = { BYTE: 1, SHORT: 2, LONG: 4, QUAD: 8, SQUAD: 8 };

function parseContents(lexer: ScriptLexer, include: Includer): SectionContent[] {
  const contents: SectionContent[] = [];
  while (!lexer.take("}")) {
    if (lexer.take(";") || lexer.take(",")) continue;
    const content = parseContent(lexer, include);
    if (content !== undefined) contents.push(content);
  }
  return contents;
}

function parseContent(lexer: ScriptLexer, include: Includer): SectionContent | undefined {
  const assignment = parseAssignment(lexer, true);
  if (assignment !== undefined) return assignment;
  const token = lexer.name("what is in the section, or '}'");
  const word = token.isQuoted ? "" : token.text;
  const size = dataSizes[word];
  if (size !== undefined) return { kind: "data", size, value: parseInParentheses(lexer), place: placeOf(token) };
  switch (word) {
    case "PROVIDE":
    case "PROVIDE_HIDDEN":
    case "HIDDEN":
      return parseProvide(lexer, word, true);
    case "ASSERT":
      return parseAssertion(lexer, token, true);
    case "INCLUDE":
      include(lexer);
      return undefined;
    case "ASCIZ":
      return { kind: "text", text: lexer.next("a text").text };
    case "FILL": {
      lexer.expect("(", "expressions");
      const fill = parseFill(lexer);
      lexer.expect(")", "expressions");
      return { kind: "fill", fill };
    }
    case "CONSTRUCTORS":
      return { kind: "constructors" };
    case "SORT_BY_NAME":
    case "SORT":
      // SORT(CONSTRUCTORS) is what older scripts have.
      if (lexer.takesCall(["CONSTRUCTORS"])) {
        lexer.expect("(");
        lexer.expect("CONSTRUCTORS");
        lexer.expect(")");
        return { kind: "constructors" };
      }
  }
  return parseInputDescription(lexer, token);
}

/** A hexadecimal number that is written as such has all its digits; of any other value four bytes are taken. */
export function parseFill(lexer: ScriptLexer): Fill {
  const token = lexer.peek("expressions");
  const digits = /^0x([0-9a-f]+)$/i.exec(token?.text ?? "")?.[1];
  const value = parseScriptExpression(lexer);
  if (digits === undefined || value.kind !== "number") return { value };
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return { bytes: [...Buffer.from(even, "hex")] };
}

interface Tail {
  region: string | undefined;
  loadRegion: string | undefined;
  segments: string[];
  fill: Fill | undefined;
}

/** Behind the closing brace. */
function parseTail(lexer: ScriptLexer): Tail {
  const tail: Tail = { region: undefined, loadRegion: undefined, segments: [], fill: undefined };
  for (;;) {
    if (lexer.take(">", "expressions")) tail.region = lexer.next("a memory region", "expressions").text;
    else if (lexer.takesRegionOfLoad()) tail.loadRegion = lexer.next("a memory region", "expressions").text;
    else if (lexer.take(":", "expressions")) tail.segments.push(lexer.next("a segment", "expressions").text);
    else if (lexer.take("=", "expressions")) tail.fill = parseFill(lexer);
    else break;
  }
  lexer.take(",");
  return tail;
}

function parseOverlay(lexer: ScriptLexer, command: Token, include: Includer): OverlayDescription {
  const address = lexer.peek("expressions")?.text === ":" ? undefined : parseScriptExpression(lexer);
  lexer.expect(":", "expressions");
  let hasNoCrossReferences = false;
  let loadAddress: Expression | undefined;
  for (;;) {
    if (lexer.take("NOCROSSREFS", "expressions")) hasNoCrossReferences = true;
    else if (lexer.take("AT", "expressions")) loadAddress = parseInParentheses(lexer);
    else break;
  }
  const sections: OutputSectionDescription[] = [];
  lexer.expect("{");
  while (!lexer.take("}")) {
    const token = lexer.name("a section of the overlay");
    const name = token.text;
    lexer.expect("{");
    const contents = parseContents(lexer, include);
    const segments: string[] = [];
    let fill: Fill | undefined;
    for (;;) {
      if (lexer.take(":", "expressions")) segments.push(lexer.next("a segment", "expressions").text);
      else if (lexer.take("=", "expressions")) fill = parseFill(lexer);
      else break;
    }
    lexer.take(",");
    sections.push({
      kind: "section",
      name,
      address: undefined,
      type: undefined,
      loadAddress: undefined,
      alignment: undefined,
      isAlignedWithInput: false,
      subalignment: undefined,
      constraint: undefined,
      contents,
      region: undefined,
      loadRegion: undefined,
      segments,
      fill,
      place: placeOf(token),
    });
  }
  const tail = parseTail(lexer);
  return {
    address,
    loadAddress,
    hasNoCrossReferences,
    sections: sections.map((section) => ({
      ...section,
      segments: section.segments.length > 0 ? section.segments : tail.segments,
      fill: section.fill ?? tail.fill,
      region: tail.region,
      loadRegion: tail.loadRegion,
    })),
    place: placeOf(command),
  };
}
