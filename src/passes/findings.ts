/**
 * From what kernels found to what users read: rows of the finding table become diagnostics, with the names
 * of files, sections and symbols read from the inputs. Only for what is wrong, so no cost in a good link.
 */
import { codes } from "../diagnostics/codes.ts";
import type { Diagnostics, Place } from "../diagnostics/diagnostics.ts";
import { ByteReader } from "../elf/byte-reader.ts";
import { STV_HIDDEN, STV_INTERNAL } from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { ioError } from "../staging/index.ts";
import { claimingFile, claimingSymbol } from "../tables/claim.ts";
import { type FindingName, findings as findingTable } from "../tables/findings.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import { relocationName } from "../targets/x86-64-relocations.ts";
import { ObjectReader } from "./object-reader.ts";
import { UndefinedHints } from "./undefined-hints.ts";
import type { Workers } from "./workers.ts";
import { nameMeantBy } from "./wrapped-names.ts";

/** Rows of the finding table. What is found beyond them is counted, not kept: an error all the same. */
const MAX_FINDINGS = 1 << 16;
const NONE = 0xffffffff;
/** Bytes of a member's name that a message has room for. */
const MAX_NAME = 4096;
/** As GNU ld calls them where it says what they cannot have. */
const outputNames = {
  exec: "PDE object",
  pie: "PIE object",
  shared: "shared object",
  relocatable: "relocatable object",
} as const;
const { FileFlags, FileTraits, MentionFlags, SymbolFlags } = enumerations;
const findingNames = Object.keys(findingTable) as FindingName[];

export interface Finding {
  readonly name: FindingName;
  /** Where the code is about an input, its row. */
  readonly file: FileRow;
  readonly section: number;
  readonly offset: number;
  readonly symbol: number;
  readonly operand: number;
  /** The operand's halves, for values that are no offset. */
  readonly operandLow: number;
  readonly operandHigh: number;
}

/** Two names, or two pieces, have one hash: the link can be made with another seed. */
export class HashCollision extends Error {
  override readonly name = "HashCollision";

  constructor() {
    super("two names have the same hash, with every seed that was tried");
  }
}

/** The operand as a value that was to be stored. */
function signedHex({ operandLow, operandHigh }: Finding): string {
  const value = BigInt.asIntN(64, (BigInt(operandHigh) << 32n) | BigInt(operandLow));
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

export class FindingReader {
  readonly #workers: Workers;
  readonly #inputs: Inputs;
  readonly #options: LinkOptions;
  /** Texts of .gnu.warning sections by symbol, once they have been read. */
  warnings: ReadonlyMap<string, string> = new Map();
  readonly #hints = new UndefinedHints(
    () => this.#definedNames(),
    () => this.#definedIndirectly(),
  );
  /** Objects that findings are in, for what they have found out about themselves. */
  readonly #objects = new Map<number, ObjectReader>();
  #pending: Finding[] = [];
  /** How many of each code found no room. */
  readonly #lost = new Map<FindingName, number>();

  constructor(workers: Workers, inputs: Inputs, options: LinkOptions) {
    this.#workers = workers;
    this.#inputs = inputs;
    this.#options = options;
    workers.tables.allocate("finding", MAX_FINDINGS);
    workers.tables.allocate("lostFinding", findingNames.length + 1);
    workers.onKernelEnded = () => this.#read();
  }

  /** Takes the findings of one name out of what kernels have reported, without repetitions, in input order. */
  take(name: FindingName): Finding[] {
    const taken = this.#pending.filter((finding) => finding.name === name);
    this.#pending = this.#pending.filter((finding) => finding.name !== name);
    return taken;
  }

  /** Leaves out those findings of one name that are not wanted. */
  keep(name: FindingName, isWanted: (finding: Finding) => boolean): void {
    this.#pending = this.#pending.filter((finding) => finding.name !== name || isWanted(finding));
  }

  /**
   * Adds all that kernels have reported to the diagnostics. Throws LinkFailed when something is wrong with the
   * inputs, and HashCollision when nothing but the seed is.
   */
  check(diagnostics: Diagnostics): void {
    if (this.#workers.tables.get("hasCollision") !== 0) throw new HashCollision();
    for (const finding of this.#pending) this.#add(finding, diagnostics);
    this.#pending = [];
    for (const [name, count] of this.#lost)
      diagnostics.add(this.#isWarning(name) ? "moreWarnings" : "moreErrors", { count, code: name });
    this.#lost.clear();
    diagnostics.stopIfFailed();
  }

  /** The object that a row of file is, or undefined for the linker's own. */
  object(file: FileRow): ObjectReader | undefined {
    return this.#objectOf(file);
  }

  /** Empties the table after each kernel, so that what one finds does not depend on what was found before. */
  #read(): void {
    const { tables } = this.#workers;
    const count = tables.get("findingCount");
    if (count === 0) return;
    const end = Math.min(count, MAX_FINDINGS);
    const code = tables.column("finding", "code");
    const file = tables.column("finding", "file");
    const section = tables.column("finding", "section");
    const offset = tables.column("finding", "offset");
    const symbol = tables.column("finding", "symbol");
    const operand = tables.column("finding", "operand");
    const seen = new Set<string>();
    for (let row = 0; row < end; row++) {
      if (code[row] === 0) continue; // its worker died while it wrote the row; the rerun wrote another
      const finding: Finding = {
        name: findingNames[code[row] - 1],
        file: file[row],
        section: section[row],
        offset: offset.high(row) * 2 ** 32 + offset.low(row),
        symbol: symbol[row],
        operand: operand.high(row) * 2 ** 32 + operand.low(row),
        operandLow: operand.low(row),
        operandHigh: operand.high(row),
      };
      const key = Object.values(finding).join();
      if (seen.has(key)) continue;
      seen.add(key);
      this.#pending.push(finding);
    }
    this.#pending.sort(
      (a, b) => a.file - b.file || a.section - b.section || a.offset - b.offset || a.symbol - b.symbol,
    );
    code.fill(0, 0, end);
    tables.reset("findingCount");
    if (count > end) this.#readLost();
  }

  #readLost(): void {
    const lost = this.#workers.tables.column("lostFinding", "count");
    for (const [i, name] of findingNames.entries())
      if (lost[i + 1] > 0) this.#lost.set(name, (this.#lost.get(name) ?? 0) + lost[i + 1]);
    lost.fill(0);
  }

  /** Whether findings of a code are warnings, as #add() has them. */
  #isWarning(name: FindingName): boolean {
    const { isWarnUnresolved } = this.#options;
    if (name === "undefinedSymbol" || name === "undefinedInShared") return isWarnUnresolved;
    return codes[name].severity === "warning";
  }

  /** The file as users call it. */
  fileName(file: FileRow): string {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const entry = this.#inputs.files[input];
    if (entry === undefined) return "<internal>";
    if (entry.kind !== "archive") return entry.displayName;
    return `${entry.displayName}(${this.#memberName(input, tables.column("file", "nameOffset").get(file))})`;
  }

  /** The name of the input that the file is from, without folders. */
  baseName(file: FileRow): string {
    const { path } = this.#inputs.files[this.#workers.tables.column("file", "input")[file]];
    return path.slice(path.lastIndexOf("/") + 1);
  }

  /** Every name that an object of the link defines. */
  *#definedNames(): Generator<string> {
    const { tables } = this.#workers;
    const flags = tables.column("file", "flags");
    const traits = tables.column("file", "traits");
    const mentionFlags = tables.column("mention", "flags");
    for (let file = 0 as FileRow; file < tables.rows("file"); file++) {
      if (traits[file] & FileTraits.IS_BROKEN || flags[file] & FileFlags.IS_INTERNAL) continue;
      const firstGlobal = tables.column("file", "firstGlobal")[file];
      const firstMention = tables.column("file", "firstMention")[file];
      const object = this.#objectOf(file);
      for (let i = firstGlobal; i < tables.column("file", "symbolCount")[file]; i++)
        if ((mentionFlags[rowAt(firstMention, i - firstGlobal)] & MentionFlags.KIND) !== MentionFlags.UNDEFINED)
          yield object?.symbolName(i) ?? "";
    }
  }

  /** What shared objects define that only other shared objects need, and their names. */
  #definedIndirectly(): Map<string, string> {
    const { tables } = this.#workers;
    const flags = tables.column("file", "flags");
    const traits = tables.column("file", "traits");
    const names = new Map<string, string>();
    for (let file = 0 as FileRow; file < tables.rows("file"); file++) {
      if (traits[file] & FileTraits.IS_BROKEN || !(flags[file] & FileFlags.IS_INDIRECT)) continue;
      const object = this.#objectOf(file);
      for (let i = 1; i < (object?.symbolCount ?? 0); i++)
        if (object?.isDefined(i) === true) names.set(object.symbolName(i), this.fileName(file));
    }
    return names;
  }

  /** The name that a symbol of a file stands for: of a reference, what --wrap makes of it. */
  symbolName(file: FileRow, symbol: number): string {
    const object = this.#objectOf(file);
    const name = object?.symbolName(symbol) ?? "";
    return object?.isDefined(symbol) === true ? name : nameMeantBy(name, this.#options);
  }

  sectionName(file: FileRow, section: number): string {
    return this.#objectOf(file)?.sectionName(section) ?? "";
  }

  #memberName(input: number, header: number): string {
    const { mapped } = this.#inputs.files[input];
    const text = (offset: number, size: number): string => Buffer.from(mapped.bytesAt(offset, size)).toString("latin1");
    const raw = text(header, 16).trimEnd();
    const long = /^\/(\d+)$/.exec(raw);
    if (long === null) return raw.replace(/\/$/, "");
    // System V: "/offset" into the member "//", which is one of the first.
    for (let at = 8; at < header && text(at, 1) === "/";) {
      const size = Number.parseInt(text(at + 48, 10), 10);
      const begin = Number(long[1]);
      if (text(at, 16).trimEnd() === "//")
        return text(at + 60 + begin, Math.min(size - begin, MAX_NAME)).replace(/\/?\n.*$/s, "");
      at += 60 + size + (size & 1);
    }
    return raw;
  }

  #bytesOf(file: FileRow): Uint8Array {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const { kind, mapped } = this.#inputs.files[input];
    // An uncompressed copy has its names where the file has them.
    if (kind !== "binary")
      return mapped.bytesAt(tables.column("file", "inputOffset").get(file), tables.column("file", "size")[file]);
    // The object that was made of it is in the arena.
    const offset = tables.column("input", "base").get(input) - tables.arena.baseAddress;
    return tables.arena.u8view(offset, tables.column("input", "size").get(input));
  }

  #objectOf(file: FileRow): ObjectReader | undefined {
    const { tables } = this.#workers;
    const input = tables.column("file", "input")[file];
    const entry = this.#inputs.files[input];
    if (entry === undefined) return undefined;
    return new ObjectReader(tables, file, new ByteReader(this.fileName(file), this.#bytesOf(file)));
  }

  #described(file: FileRow): ObjectReader | undefined {
    let object = this.#objects.get(file);
    if (object === undefined && (object = this.#objectOf(file)) !== undefined) this.#objects.set(file, object);
    return object;
  }

  #placeOf(file: FileRow, section: number | undefined, offset: number | undefined): Place {
    if (file === NONE) return { fileOrder: file };
    const object = this.#described(file);
    const place = {
      file: this.fileName(file),
      fileOrder: file,
      section: section === undefined ? undefined : object?.sectionName(section) || `section ${section}`,
      sectionOrder: section,
      offset,
    };
    if (object === undefined || section === undefined || offset === undefined) return place;
    return {
      ...place,
      search: {
        symbol: () => object.functionAt(section, offset),
        source: () => object.sourceLineAt(section, offset),
      },
    };
  }

  #add(finding: Finding, diagnostics: Diagnostics): void {
    const { name, file, section, offset, symbol, operand } = finding;
    if (name === "malformedArchive") {
      diagnostics.add("malformedArchive", {}, { file: this.#inputs.files[file].displayName, fileOrder: file, offset });
      return;
    }
    if (name === "outputFailed") {
      const { reason } = ioError({ code: operand, syscall: "write" });
      diagnostics.add("outputFailed", { path: this.#options.output, reason });
      return;
    }
    const object = file === NONE ? undefined : this.#described(file);
    const hasOffset = section !== NONE && "hasOffset" in findingTable[name];
    const place = this.#placeOf(file, section === NONE ? undefined : section, hasOffset ? offset : undefined);
    const symbolName = symbol === NONE || object === undefined ? "" : this.symbolName(file as FileRow, symbol);
    const relocation = { relocation: relocationName(operand), symbol: symbolName };
    const { outputKind } = this.#options;
    switch (name) {
      case "undefinedSymbol":
        diagnostics.add(
          this.#options.isWarnUnresolved ? "undefinedSymbolWarning" : "undefinedSymbol",
          { symbol: symbolName, hint: this.#hints.hintFor(symbolName) },
          place,
        );
        return;
      case "duplicateSymbol": {
        // The claim of the first definition.
        const first = { file: claimingFile(finding.operandHigh), symbol: claimingSymbol(finding.operandLow) };
        for (const definer of [first, finding]) {
          const at = this.#described(definer.file)?.definitionOf(definer.symbol);
          diagnostics.add(name, { symbol: symbolName }, this.#placeOf(definer.file, at?.section, at?.offset));
        }
        return;
      }
      case "undefinedInShared":
        diagnostics.add(
          this.#options.isWarnUnresolved ? "undefinedInSharedWarning" : name,
          { symbol: symbolName },
          place,
        );
        return;
      case "hiddenFromShared": {
        const visibility = offset & SymbolFlags.VISIBILITY;
        const why = visibility === STV_HIDDEN ? "hidden" : visibility === STV_INTERNAL ? "internal" : "local";
        diagnostics.add(
          name,
          { symbol: symbolName, why, definer: this.fileName(claimingFile(finding.operandHigh)) },
          place,
        );
        return;
      }
      case "badSymbolSection":
      case "symbolTooLarge":
      case "dynamicSymbolSection":
      case "tlsMismatch":
      case "relocationToDiscarded":
        diagnostics.add(name, { symbol: symbolName }, place);
        return;
      case "badSymbolName":
        diagnostics.add(name, { index: symbol }, place);
        return;
      case "compressionType":
        diagnostics.add(name, { type: operand }, place);
        return;
      case "relocationType":
        diagnostics.add(name, { relocation: relocationName(operand) }, place);
        return;
      case "relocationOutsideSection":
        diagnostics.add(name, { relocation: relocationName(finding.operandLow) }, place);
        return;
      case "relocationOutOfRange":
        diagnostics.add(
          name,
          { relocation: object?.relocationAt(section, offset) ?? "", symbol: symbolName, value: signedHex(finding) },
          place,
        );
        return;
      case "relocationNeedsPic":
        diagnostics.add(name, { ...relocation, output: outputNames[outputKind] }, place);
        return;
      case "textRelocation":
        if (this.#options.z.textRelocations === "warning")
          diagnostics.add(name, { output: outputKind === "shared" ? "shared object" : "PIE" }, place);
        return;
      case "protectedInShared":
      case "relocationInReadOnly":
      case "badTlsSequence":
        diagnostics.add(name, relocation, place);
        return;
      case "wrongMachine":
      case "wrongType":
        diagnostics.add(name, {}, place);
        return;
      case "versionUnknown": {
        const [plainName, version = ""] = symbolName.split(/@+/);
        diagnostics.add(name, { symbol: plainName, version }, place);
        return;
      }
      case "symbolWarning":
        diagnostics.add(name, { symbol: symbolName, text: this.warnings.get(symbolName) ?? "" }, place);
        return;
      default:
        diagnostics.add(name, {}, place);
    }
  }
}
