/**
 * Alias versions: a reference to `name@VERSION` means `name` where VERSION is the default version of a definition
 * (`name@@VERSION`, in an object or in a shared object). Names with versions that are not the default are symbols
 * of their own, which the scan has unified. Changes the symbol of such mentions; costs nothing without them.
 */
import { FormatError } from "../elf/byte-reader.ts";
import { readSharedObject } from "../inputs/shared-object.ts";
import { enumerations } from "../tables/schema.ts";
import type { Inputs } from "./find-inputs.ts";
import type { FindingReader } from "./findings.ts";
import { dropRequests, readRequests } from "./requests.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileFlags } = enumerations;

interface Reference {
  /** Row of mention. */
  readonly mention: number;
  /** `name@VERSION`. */
  readonly fullName: string;
  /** Row of the symbol that it means after all. */
  target?: number;
}

export async function aliasVersions(
  workers: Workers,
  { fileBounds }: Scanned,
  inputs: Inputs,
  findings: FindingReader,
): Promise<void> {
  const { tables } = workers;
  const found = readRequests(workers, "VERSIONED_REFERENCE");
  if (found.length === 0) return;
  await workers.run("matchVersions", { bounds: fileBounds });
  const firstMention = tables.column("file", "firstMention");
  const firstGlobal = tables.column("file", "firstGlobal");
  const fileFlags = tables.column("file", "flags");
  const symbolOf = tables.column("mention", "symbol");
  const hash = tables.column("mention", "hash");
  const defaults = new DefaultVersions(inputs, findings);
  const bySymbol = new Map<number, Reference[]>();
  /** By half of the hash: names are compared anyway. */
  const byHash = new Map<number, Reference[]>();
  for (const { file, index: symbol, operandLow } of found) {
    const mention = firstMention[file] + symbol - firstGlobal[file];
    const reference: Reference = { mention, fullName: findings.symbolName(file, symbol) };
    append(bySymbol, symbolOf[mention], reference);
    append(byHash, operandLow, reference);
  }

  for (const { file, index: symbol } of readRequests(workers, "VERSIONED_DEFINITION")) {
    const mention = firstMention[file] + symbol - firstGlobal[file];
    bySymbol.delete(symbolOf[mention]); // it is defined as it is referred to
    const references = byHash.get(hash.low(mention));
    if (references === undefined) continue;
    const isShared = (fileFlags[file] & FileFlags.IS_SHARED) !== 0;
    const input = isShared ? tables.column("file", "input")[file] : undefined;
    const meant = defaults.nameOf(file, symbol, input);
    for (const reference of references) if (reference.fullName === meant) reference.target ??= symbolOf[mention];
  }
  dropRequests(workers);
  for (const references of bySymbol.values())
    for (const { mention, target } of references) if (target !== undefined) symbolOf[mention] = target;
}

function append(lists: Map<number, Reference[]>, key: number, reference: Reference): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [reference]);
  else list.push(reference);
}

/** What definitions are called with their default versions. */
class DefaultVersions {
  readonly #inputs: Inputs;
  readonly #findings: FindingReader;
  /** Versions by index of each shared object. */
  readonly #versions = new Map<number, readonly (string | undefined)[]>();

  constructor(inputs: Inputs, findings: FindingReader) {
    this.#inputs = inputs;
    this.#findings = findings;
  }

  /** `name@VERSION` of a definition; undefined where it has none. `input` is given for shared objects. */
  nameOf(file: number, symbol: number, input: number | undefined): string | undefined {
    const name = this.#findings.symbolName(file, symbol);
    if (input === undefined) return name.includes("@@") ? name.replace("@@", "@") : undefined;
    const version = this.#versionsOf(input)[this.#findings.object(file)?.versionOf(symbol) ?? 0];
    return version === undefined ? undefined : `${name}@${version}`;
  }

  #versionsOf(input: number): readonly (string | undefined)[] {
    let versions = this.#versions.get(input);
    if (versions === undefined) this.#versions.set(input, (versions = this.#readVersions(input)));
    return versions;
  }

  #readVersions(input: number): readonly (string | undefined)[] {
    const { displayName, mapped } = this.#inputs.files[input];
    try {
      return readSharedObject(displayName, mapped.bytes()).versions;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return []; // resolve says what is wrong with it
    }
  }
}
