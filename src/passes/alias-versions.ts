/**
 * Names with versions. `name@VERSION` is a symbol of its own; where VERSION is the default version of a definition
 * (`name@@VERSION`, in an object or in a shared object), that answers for it, too. Which of the two a reference means
 * in the end is known when definitions have been chosen: the plain name may be another library's. Costs nothing without
 * such names.
 */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { FormatError } from "../elf/byte-reader.ts";
import { sharedObjectOf } from "../inputs/shared-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { claimingFile, claimingSymbol, isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, type MentionRow, rowAt, type SymbolRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import { dropRequests, readRequests } from "./requests.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileState, FileTraits, MentionFlags } = enumerations;

/** A mention of `name@VERSION` or `name@@VERSION` by an object. */
export interface VersionedName {
  readonly file: FileRow;
  /** Row of mention. */
  readonly mention: MentionRow;
  readonly name: string;
  readonly version: string;
}

/** A definition of `name@@VERSION`, for which there is a symbol `name@VERSION`, too. */
interface Answer {
  readonly file: FileRow;
  /** Index of the definition in its file. */
  readonly index: number;
  /** Rows of symbol: of `name`, and of `name@VERSION`. */
  readonly plain: SymbolRow;
  readonly versioned: SymbolRow;
}

export interface VersionedNames {
  /** Of `name@VERSION` and `name@@VERSION`, in objects. */
  readonly definitions: readonly VersionedName[];
  /** Mentions of `name@VERSION`. */
  readonly mentions: readonly VersionedName[];
  readonly answers: readonly Answer[];
}

export const noVersionedNames: VersionedNames = { definitions: [], mentions: [], answers: [] };

export async function aliasVersions(
  workers: Workers,
  { fileBounds }: Scanned,
  inputs: Inputs,
  findings: FindingReader,
): Promise<VersionedNames> {
  const { tables } = workers;
  const defaults = readRequests(workers, "DEFAULT_DEFINITION");
  const found = readRequests(workers, "VERSIONED_NAME");
  if (found.length === 0 && defaults.length === 0) return noVersionedNames;
  if (found.length > 0) await workers.run("matchVersions", { bounds: fileBounds });
  const flags = tables.column("mention", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const alias = tables.column("mention", "alias");
  const mentionOf = (file: FileRow, index: number): MentionRow =>
    rowAt(tables.column("file", "firstMention")[file], index - tables.column("file", "firstGlobal")[file]);
  const named = (file: FileRow, index: number): VersionedName => {
    const [name = "", version = ""] = findings.symbolName(file, index).split(/@@?/);
    return { file, mention: mentionOf(file, index), name, version };
  };

  const mentions = found.map(({ file, index }) => named(file, index));
  const symbols = new Map(mentions.map(({ name, version, mention }) => [`${name}@${version}`, symbolOf[mention]]));
  const versions = new DefaultVersions(inputs, findings);
  const answers: Answer[] = [];
  for (const { file, index } of readRequests(workers, "VERSIONED_DEFINITION")) {
    const isShared = (tables.column("file", "traits")[file] & FileTraits.IS_SHARED) !== 0;
    const input = isShared ? tables.column("file", "input")[file] : undefined;
    const versioned = symbols.get(versions.nameOf(file, index, input) ?? "");
    if (versioned === undefined) continue;
    const mention = mentionOf(file, index);
    alias[mention] = versioned + 1;
    answers.push({ file, index, plain: symbolOf[mention], versioned });
  }
  dropRequests(workers);
  const isDefinition = ({ mention }: VersionedName): boolean =>
    (flags[mention] & MentionFlags.KIND) !== MentionFlags.UNDEFINED;
  const definitions = [...mentions.filter(isDefinition), ...defaults.map(({ file, index }) => named(file, index))];
  return { definitions, mentions, answers };
}

/**
 * Makes one symbol of `name` and `name@VERSION` where one definition is both. As in GNU ld that is so, too, where an
 * object defines `name`, and `name@@VERSION` is a shared object's, which it takes the place of.
 */
export function settleVersions({ tables }: Workers, { mentions, answers }: VersionedNames): void {
  if (answers.length === 0) return;
  const claim = tables.column("symbol", "claim");
  const symbolOf = tables.column("mention", "symbol");
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const isInObject = (owner: FileRow): boolean =>
    !(traits[owner] & FileTraits.IS_SHARED) && (state[owner] & FileState.REACHED) !== 0;
  const ownerOf = (symbol: SymbolRow): FileRow => claimingFile(claim.high(symbol));
  const meant = new Map<SymbolRow, SymbolRow>();
  for (const { file, index, plain, versioned } of answers) {
    if (!isClaimed(claim, plain) || !isClaimed(claim, versioned) || meant.has(versioned)) continue;
    const isWinner =
      ownerOf(plain) === file &&
      claimingSymbol(claim.low(plain)) === index &&
      isInObject(file) === isInObject(ownerOf(versioned));
    const isReplaced = isInObject(ownerOf(plain)) && !isInObject(file) && !isInObject(ownerOf(versioned));
    if (!isWinner && !isReplaced) continue;
    // A strong `name@VERSION` comes before a weak `name@@VERSION`.
    if (isWinner) claim.setHalves(plain, claim.low(versioned), claim.high(versioned));
    meant.set(versioned, plain);
  }
  if (meant.size === 0) return;
  for (const { mention } of mentions) symbolOf[mention] = meant.get(symbolOf[mention]) ?? symbolOf[mention];
}

/** A version that nothing defines can not be said to the loader: an error, also for weak names, as in GNU ld. */
export function checkVersions(
  { tables }: Workers,
  { mentions }: VersionedNames,
  { outputKind, isStatic }: LinkOptions,
  findings: FindingReader,
  diagnostics: Diagnostics,
): void {
  if (mentions.length === 0) return;
  const claim = tables.column("symbol", "claim");
  const state = tables.column("file", "state");
  const flags = tables.column("mention", "flags");
  const isShared = outputKind === "shared";
  for (const { file, mention, name, version } of mentions) {
    const symbol = tables.column("mention", "symbol")[mention];
    const isReference = (flags[mention] & MentionFlags.KIND) === MentionFlags.UNDEFINED;
    const isWeak = (flags[mention] & MentionFlags.WEAK) !== 0;
    if (version === "" || !isReference || !(state[file] & FileState.REACHED)) continue;
    if (!isShared && (!isWeak || isStatic)) continue; // undefined, or null
    const owner = claimingFile(claim.high(symbol));
    if (isClaimed(claim, symbol) && state[owner] & (FileState.REACHED | FileState.NEEDED)) continue;
    const place = { file: findings.fileName(file), fileOrder: file };
    diagnostics.add("versionNotDefined", { symbol: name, version }, place);
  }
}

/** What definitions are called with their default versions. */
class DefaultVersions {
  readonly #inputs: Inputs;
  readonly #findings: FindingReader;
  constructor(inputs: Inputs, findings: FindingReader) {
    this.#inputs = inputs;
    this.#findings = findings;
  }

  /** `name@VERSION` of a definition; undefined where it has none. `input` is given for shared objects. */
  nameOf(file: FileRow, symbol: number, input: number | undefined): string | undefined {
    const name = this.#findings.symbolName(file, symbol);
    if (input === undefined) return name.includes("@@") ? name.replace("@@", "@") : undefined;
    const index = this.#findings.object(file)?.versionOf(symbol) ?? 0;
    const version = index < 2 ? undefined : this.#versionOf(input, index); // 1 is the object itself
    return version === undefined ? undefined : `${name}@${version}`;
  }

  #versionOf(input: number, index: number): string | undefined {
    try {
      return sharedObjectOf(this.#inputs.files[input]).versions?.at(index);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined; // said where the output needs it
    }
  }
}
