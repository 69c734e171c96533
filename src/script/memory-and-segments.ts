/** MEMORY, REGION_ALIAS and PHDRS (ld manual, "MEMORY Command" and "PHDRS Command"). */
import * as elf from "../elf/constants.ts";
import { placeOf, type ScriptLexer } from "./script-lexer.ts";
import type { MemoryDescription, SegmentDescription } from "./commands.ts";
import type { Expression } from "./expressions.ts";
import type { Includer } from "./sections.ts";
import { parseInParentheses, parseScriptExpression } from "./script-expressions.ts";

/** After MEMORY. */
export function parseMemoryCommand(lexer: ScriptLexer, include: Includer): MemoryDescription[] {
  const regions: MemoryDescription[] = [];
  lexer.expect("{");
  while (!lexer.take("}")) {
    if (lexer.take(";") || lexer.take(",")) continue;
    const token = lexer.next("a memory region", "expressions");
    if (token.text === "INCLUDE" && !token.isQuoted) {
      include(lexer);
      continue;
    }
    const attributes = lexer.take("(", "expressions") ? parseAttributes(lexer) : undefined;
    lexer.expect(":", "expressions");
    const origin = parseField(lexer, ["ORIGIN", "org", "o"]);
    lexer.take(",", "expressions");
    const length = parseField(lexer, ["LENGTH", "len", "l"]);
    regions.push({ name: token.text, attributes, origin, length, place: placeOf(token) });
  }
  return regions;
}

function parseField(lexer: ScriptLexer, names: readonly string[]): Expression {
  const token = lexer.next(names[0]!, "expressions");
  if (!names.includes(token.text)) throw lexer.error(`expected ${names[0]}, not '${token.text}'`, token);
  lexer.expect("=", "expressions");
  return parseScriptExpression(lexer);
}

const attributeFlags: Readonly<Record<string, number>> = {
  r: 0, // what is only read: sections that cannot be written, see below
  w: elf.SHF_WRITE,
  x: elf.SHF_EXECINSTR,
  a: elf.SHF_ALLOC,
  i: elf.SHF_ALLOC,
  l: elf.SHF_ALLOC,
};

/** `rwxail`, and `!` for what must not be. */
function parseAttributes(lexer: ScriptLexer): { withAny: number; without: number } {
  let [withAny, without] = [0, 0];
  let isNot = false;
  while (!lexer.take(")", "expressions")) {
    const token = lexer.next("an attribute", "expressions");
    for (const letter of token.text.toLowerCase()) {
      if (letter === "!") {
        isNot = !isNot;
        continue;
      }
      const flag = attributeFlags[letter];
      if (flag === undefined) throw lexer.error(`unknown attribute '${letter}' of a memory region`, token);
      // A section that cannot be written has no flag that says so.
      if (isNot) without |= letter === "r" ? READ_ONLY : flag;
      else withAny |= letter === "r" ? READ_ONLY : flag;
    }
  }
  return { withAny, without };
}

/** In attributes of regions: no SHF_WRITE. */
export const READ_ONLY = 1 << 30;

const segmentTypes: Readonly<Record<string, number>> = {
  PT_NULL: elf.PT_NULL,
  PT_LOAD: elf.PT_LOAD,
  PT_DYNAMIC: elf.PT_DYNAMIC,
  PT_INTERP: elf.PT_INTERP,
  PT_NOTE: elf.PT_NOTE,
  PT_SHLIB: 5,
  PT_PHDR: elf.PT_PHDR,
  PT_TLS: elf.PT_TLS,
  PT_GNU_EH_FRAME: elf.PT_GNU_EH_FRAME,
  PT_GNU_STACK: elf.PT_GNU_STACK,
  PT_GNU_RELRO: elf.PT_GNU_RELRO,
  PT_GNU_PROPERTY: elf.PT_GNU_PROPERTY,
};

/** After PHDRS. */
export function parseSegmentsCommand(lexer: ScriptLexer): SegmentDescription[] {
  const segments: SegmentDescription[] = [];
  lexer.expect("{");
  while (!lexer.take("}")) {
    const token = lexer.next("a segment", "expressions");
    const place = placeOf(token);
    const word = lexer.peek("expressions");
    const known = word === undefined ? undefined : segmentTypes[word.text];
    if (known !== undefined) lexer.next("a type", "expressions");
    else if (word !== undefined && word.text.startsWith("PT_"))
      throw lexer.error(`unknown segment type '${word.text}'`, word);
    const type: Expression =
      known === undefined ? parseScriptExpression(lexer) : { kind: "number", value: BigInt(known) };
    let [hasFileHeader, hasProgramHeaders] = [false, false];
    let loadAddress: Expression | undefined;
    let flags: Expression | undefined;
    while (!lexer.take(";", "expressions"))
      if (lexer.take("FILEHDR", "expressions")) hasFileHeader = true;
      else if (lexer.take("PHDRS", "expressions")) hasProgramHeaders = true;
      else if (lexer.take("AT", "expressions")) loadAddress = parseInParentheses(lexer);
      else if (lexer.take("FLAGS", "expressions")) flags = parseInParentheses(lexer);
      else throw lexer.error("expected FILEHDR, PHDRS, AT, FLAGS or ';'", lexer.peek("expressions"));
    segments.push({ name: token.text, type, hasFileHeader, hasProgramHeaders, loadAddress, flags, place });
  }
  return segments;
}
