/**
 * From what kernels found to what users read: findings become diagnostics, their operands words. Only for what is wrong,
 * so no cost in a good link.
 */
import { codes } from "../diagnostics/codes.ts";
import type { Diagnostics, Place } from "../diagnostics/diagnostics.ts";
import { STV_HIDDEN, STV_INTERNAL } from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { ioError } from "../staging/index.ts";
import { claimingFile, claimingSymbol } from "../tables/claim.ts";
import { type FindingName, findings as findingTable } from "../tables/findings.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import { type Finding, FindingTable } from "./finding-table.ts";
import { InputNames } from "./input-names.ts";
import { relocationName, relocationRange } from "../targets/x86-64-relocations.ts";
import { UndefinedHints } from "./undefined-hints.ts";
import type { Workers } from "./workers.ts";

const NONE = 0xffffffff;
/** As GNU ld calls them where it says what they cannot have. */
const outputNames = {
  exec: "PDE object",
  pie: "PIE object",
  shared: "shared object",
  relocatable: "relocatable object",
} as const;
const { SymbolFlags } = enumerations;

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

/** Words what kernels have found. */
export class FindingReader extends InputNames {
  readonly #workers: Workers;
  readonly #inputs: Inputs;
  readonly #options: LinkOptions;
  readonly #table: FindingTable;
  /** Texts of .gnu.warning sections by symbol, once they have been read. */
  warnings: ReadonlyMap<string, string> = new Map();
  readonly #hints = new UndefinedHints(this);

  constructor(workers: Workers, inputs: Inputs, options: LinkOptions) {
    super(workers, inputs, options);
    this.#workers = workers;
    this.#inputs = inputs;
    this.#options = options;
    this.#table = new FindingTable(workers);
  }

  /** Takes the findings of one name out of what kernels have reported, without repetitions, in input order. */
  take(name: FindingName): Finding[] {
    return this.#table.take(name);
  }

  /** Leaves out those findings of one name that are not wanted. */
  keep(name: FindingName, isWanted: (finding: Finding) => boolean): void {
    this.#table.keep(name, isWanted);
  }

  /**
   * Adds all that kernels have reported to the diagnostics. Throws LinkFailed when something is wrong with the
   * inputs, and HashCollision when nothing but the seed is.
   */
  check(diagnostics: Diagnostics): void {
    if (this.#workers.tables.get("hasCollision") !== 0) throw new HashCollision();
    const { findings, lost } = this.#table.takeAll();
    for (const finding of findings) this.#add(finding, diagnostics);
    for (const [name, count] of lost)
      diagnostics.add(this.#isWarning(name) ? "moreWarnings" : "moreErrors", { count, code: name });
    diagnostics.stopIfFailed();
  }

  /** Whether findings of a code are warnings, as #add() has them. */
  #isWarning(name: FindingName): boolean {
    if (name === "undefinedInShared") return this.#options.isWarnUnresolved;
    return codes[name].severity === "warning";
  }

  #placeOf(file: FileRow, section: number | undefined, offset: number | undefined): Place {
    if (file === NONE) return { fileOrder: file };
    const object = this.describedObject(file);
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
    if (name === "memberNotObject") {
      const archive = this.#inputs.files[file].displayName;
      diagnostics.add("memberNotObject", { archive, member: this.memberName(file, offset) }, { fileOrder: file });
      return;
    }
    if (name === "outputFailed") {
      const { reason } = ioError({ code: operand, syscall: "write" });
      diagnostics.add("outputFailed", { path: this.#options.output, reason });
      return;
    }
    const object = file === NONE ? undefined : this.describedObject(file);
    const hasOffset = section !== NONE && "hasOffset" in findingTable[name];
    const place = this.#placeOf(file, section === NONE ? undefined : section, hasOffset ? offset : undefined);
    const symbolName = symbol === NONE || object === undefined ? "" : this.nameOrSection(file as FileRow, symbol);
    const relocation = { relocation: relocationName(operand), symbol: symbolName };
    const { outputKind } = this.#options;
    switch (name) {
      case "undefinedSymbol":
      case "undefinedSymbolWarning":
        diagnostics.add(name, { symbol: symbolName, hint: this.#hints.hintFor(symbolName) }, place);
        return;
      case "duplicateSymbol": {
        // The claim of the first definition.
        const first = { file: claimingFile(finding.operandHigh), symbol: claimingSymbol(finding.operandLow) };
        // The linker's own object, which defines names of versions, is not described.
        const defined = object === undefined ? this.symbolName(first.file, first.symbol) : symbolName;
        for (const definer of [first, finding]) {
          const at = this.describedObject(definer.file)?.definitionOf(definer.symbol);
          diagnostics.add(name, { symbol: defined }, this.#placeOf(definer.file, at?.section, at?.offset));
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
      case "bitcode":
      case "ltoObject":
        diagnostics.add(name, this.irOperands(file as FileRow), place);
        return;
      case "badSymbolSection":
      case "symbolTooLarge":
      case "copyWithoutSize":
      case "dynamicSymbolSection":
      case "tlsMismatch":
      case "relocationToDiscarded":
      case "prohibitedReference":
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
      case "relocationOutOfRange": {
        const type = object?.relocationAt(section, offset) ?? "";
        const operands = { relocation: type, symbol: symbolName, value: signedHex(finding), ...relocationRange(type) };
        diagnostics.add(name, operands, place);
        return;
      }
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
      case "badSectionHeaders": {
        const detail = this.whereCut(file as FileRow);
        diagnostics.add(name, detail === undefined ? {} : { detail }, place);
        return;
      }
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
