/**
 * Reads linker scripts. Some say what to link, such as Debian's `libc.so`: INPUT, GROUP, AS_NEEDED, OUTPUT_FORMAT,
 * SEARCH_DIR, OUTPUT, ENTRY, EXTERN, VERSION; what the names mean is for find-inputs.ts. Others say what the output is
 * like: SECTIONS, MEMORY, PHDRS, and symbols that are given values; script-plan.ts makes a plan of them.
 */
import { parseAssertion, parseAssignment, parseProvide } from "../script/assignment-commands.ts";
import type {
  Insertion,
  LayoutCommands,
  MemoryDescription,
  NoCrossReferences,
  ScriptPlace,
  SectionsStatement,
  SegmentDescription,
} from "../script/commands.ts";
import { parseMemoryCommand, parseSegmentsCommand } from "../script/memory-and-segments.ts";
import { type Includer, parseSectionsCommand } from "../script/sections.ts";
import { placeOf, ScriptError, ScriptLexer, type Token } from "../script/script-lexer.ts";
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

export interface LinkerScript extends LayoutCommands {
  readonly inputs: readonly ScriptInput[];
  readonly searchDirectories: readonly string[];
  readonly entry: string | undefined;
  readonly output: string | undefined;
  readonly undefinedSymbols: readonly string[];
  /** OUTPUT_FORMAT(binary): what is loaded, without headers. */
  readonly isBinaryOutput: boolean;
  /** Formats other than x86-64's ELF, of OUTPUT_FORMAT and TARGET. */
  readonly foreignFormat: string | undefined;
  readonly versions: VersionScript | undefined;
}

const knownFormats: readonly string[] = ["elf64-x86-64", "elf64-x86-64-sol2", "default", "binary-x86-64"];

/** Commands of GNU ld's language that Spore does not do. */
const unsupportedCommands: ReadonlySet<string> = new Set(["LD_FEATURE"]);

/** Commands that change nothing here; each has one list in parentheses or none. */
const ignoredCommands: ReadonlySet<string> = new Set([
  "FORCE_COMMON_ALLOCATION",
  "INHIBIT_COMMON_ALLOCATION",
  "FORCE_GROUP_ALLOCATION",
]);

/** Finds and reads what a script includes. @throws ScriptError where it is not there */
export type IncludeReader = (name: string, from: ScriptPlace) => { readonly path: string; readonly text: string };

const includeNothing: IncludeReader = (name, { path, line }) => {
  throw new ScriptError(path, line, `cannot include '${name}' here`);
};

/** Scripts may include scripts, but not for ever. */
export const MAX_SCRIPT_DEPTH = 16;

/** @throws ScriptError with the line of what is wrong or not supported */
export function parseLinkerScript(path: string, text: string, readInclude = includeNothing): LinkerScript {
  const lexer = new ScriptLexer(path, text);
  const script = new ScriptParser(lexer, (reader) => {
    const token = reader.name("a file");
    if (token.depth + 1 >= MAX_SCRIPT_DEPTH) throw reader.error("linker scripts include each other too deeply", token);
    const included = readInclude(token.text, placeOf(token));
    reader.include(included.path, included.text, token);
  });
  while (!lexer.isAtEnd) script.parseCommand();
  return script.script;
}

class ScriptParser {
  readonly inputs: ScriptInput[] = [];
  readonly searchDirectories: string[] = [];
  readonly undefinedSymbols: string[] = [];
  readonly statements: SectionsStatement[] = [];
  readonly insertions: Insertion[] = [];
  readonly memory: MemoryDescription[] = [];
  readonly aliases: { alias: string; region: string; place: ScriptPlace }[] = [];
  readonly segments: SegmentDescription[] = [];
  readonly noCrossReferences: NoCrossReferences[] = [];
  entry: string | undefined;
  output: string | undefined;
  foreignFormat: string | undefined;
  versions: VersionScript | undefined;
  hasSections = false;
  isBinaryOutput = false;
  readonly #lexer: ScriptLexer;
  readonly #include: Includer;
  #isBinary = false;

  constructor(lexer: ScriptLexer, include: Includer) {
    this.#lexer = lexer;
    this.#include = include;
  }

  /** What has been read. */
  get script(): LinkerScript {
    const { inputs, searchDirectories, undefinedSymbols, statements, insertions, memory, aliases, segments } = this;
    const { entry, output, foreignFormat, versions, hasSections, noCrossReferences } = this;
    const layout = { statements, insertions, memory, aliases, segments, noCrossReferences, hasSections };
    const { isBinaryOutput } = this;
    const of = { entry, output, isBinaryOutput, foreignFormat, versions };
    return { ...layout, inputs, searchDirectories, undefinedSymbols, ...of };
  }

  parseCommand(): void {
    const lexer = this.#lexer;
    if (lexer.take(";")) return;
    const assignment = parseAssignment(lexer, false);
    if (assignment !== undefined) {
      this.statements.push(assignment);
      return;
    }
    const command = lexer.name("a command");
    const word = command.isQuoted ? "" : command.text;
    if (!this.#parseInputCommand(word) && !this.#parseOutputCommand(word, command)) throw unknown(command);
  }

  /** Commands about what is linked, and with what. */
  #parseInputCommand(word: string): boolean {
    const lexer = this.#lexer;
    switch (word) {
      case "INPUT":
      case "GROUP":
      case "STARTUP":
        parseInputs(lexer, this.inputs, this.#isBinary);
        return true;
      case "TARGET": {
        const [format = ""] = parseList(lexer);
        this.#isBinary = format === "binary";
        if (!this.#isBinary && !knownFormats.includes(format)) this.foreignFormat ??= format;
        return true;
      }
      case "OUTPUT_FORMAT": {
        const formats = parseList(lexer);
        if (formats[0] === "binary") this.isBinaryOutput = true;
        else this.foreignFormat ??= formats.find((format) => !knownFormats.includes(format));
        return true;
      }
      case "OUTPUT_ARCH":
        this.foreignFormat ??= parseList(lexer).find((machine) => machine !== "i386:x86-64");
        return true;
      case "SEARCH_DIR":
        this.searchDirectories.push(...parseList(lexer));
        return true;
      case "OUTPUT":
        [this.output] = parseList(lexer);
        return true;
      case "INCLUDE":
        this.#include(lexer);
        return true;
      case "EXTERN":
        this.undefinedSymbols.push(...parseList(lexer));
        return true;
      case "VERSION":
        lexer.expect("{");
        this.versions = parseVersionNodes(lexer, "}");
        lexer.expect("}");
        return true;
      default:
        return ignoredCommands.has(word);
    }
  }

  /** Commands about the output. */
  #parseOutputCommand(word: string, command: Token): boolean {
    const lexer = this.#lexer;
    switch (word) {
      case "ENTRY":
        [this.entry] = parseList(lexer);
        return true;
      case "PROVIDE":
      case "PROVIDE_HIDDEN":
      case "HIDDEN":
        this.statements.push(parseProvide(lexer, word, false));
        return true;
      case "ASSERT":
        this.statements.push(parseAssertion(lexer, command, false));
        return true;
      case "SECTIONS":
        this.hasSections = true;
        for (const statement of parseSectionsCommand(lexer, this.#include))
          if (statement.kind === "entry") this.entry = statement.symbol;
          else if (statement.kind === "noCrossReferences") this.noCrossReferences.push(statement);
          else this.statements.push(statement);
        return true;
      case "INSERT": {
        const where = lexer.name("AFTER or BEFORE");
        if (where.text !== "AFTER" && where.text !== "BEFORE")
          throw lexer.error(`expected AFTER or BEFORE, not '${where.text}'`, where);
        const section = lexer.name("a section").text;
        const statements = this.statements.splice(0);
        this.insertions.push({ isAfter: where.text === "AFTER", section, statements, place: placeOf(where) });
        this.hasSections = false;
        return true;
      }
      case "MEMORY":
        this.memory.push(...parseMemoryCommand(lexer, this.#include));
        return true;
      case "REGION_ALIAS": {
        const [alias = "", region = ""] = parseList(lexer);
        this.aliases.push({ alias, region, place: placeOf(command) });
        return true;
      }
      case "NOCROSSREFS":
      case "NOCROSSREFS_TO":
        this.noCrossReferences.push({
          kind: "noCrossReferences",
          sections: parseList(lexer),
          isToFirst: word === "NOCROSSREFS_TO",
        });
        return true;
      case "PHDRS":
        this.segments.push(...parseSegmentsCommand(lexer));
        return true;
      default:
        return false;
    }
  }
}

function unknown({ text, path, line }: Token): ScriptError {
  if (unsupportedCommands.has(text)) return new ScriptError(path, line, `'${text}' is not supported`, text);
  return new ScriptError(path, line, `unknown command '${text}'`);
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

/** `(a, b)` */
function parseList(lexer: ScriptLexer): string[] {
  const names: string[] = [];
  lexer.expect("(");
  while (!lexer.take(")")) if (!lexer.take(",")) names.push(lexer.name("a name or ')'").text);
  return names;
}
