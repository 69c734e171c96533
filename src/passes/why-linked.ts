/**
 * --why: by which references a file came into the link, from what the command line names. Files and members, not their
 * sections. Reads what resolve leaves behind; costs a walk over the mentions of all files, only where it is asked.
 */
import { addon } from "../addon/load.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { claimingFile, claimingSymbol, isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Resolved } from "./resolve.ts";
import type { Workers } from "./workers.ts";

const { FileFlags, FileState, FileTraits, MentionFlags } = enumerations;

/** The reference that a file was first reached by. */
interface Reference {
  readonly from: FileRow;
  /** As it is in the files. */
  readonly symbol: string;
}

/** Files that answer one question, at most: a library may be asked for, with all its members. */
const MAX_ANSWERS = 10;

/** Adds a note for each name of --why. */
export function explainWhyLinked(
  workers: Workers,
  resolved: Resolved,
  { whyNames, isDemangle }: LinkOptions,
  findings: FindingReader,
  diagnostics: Diagnostics,
): void {
  if (whyNames.length === 0) return;
  const links = new LinkedFiles(workers, resolved, findings, isDemangle);
  for (const name of whyNames) diagnostics.notes.push(...links.answer(name));
}

class LinkedFiles {
  readonly #workers: Workers;
  readonly #files: number;
  readonly #findings: FindingReader;
  readonly #isDemangle: boolean;
  /** The shortest way to each file: undefined for those that are roots. */
  readonly #ways = new Map<FileRow, Reference | undefined>();
  /** Who defines each name, of those that somebody refers to or defines. */
  readonly #definers = new Map<string, FileRow>();

  constructor(workers: Workers, { files }: Resolved, findings: FindingReader, isDemangle: boolean) {
    this.#workers = workers;
    this.#files = files;
    this.#findings = findings;
    this.#isDemangle = isDemangle;
    const queue = this.#roots();
    for (const file of queue) this.#ways.set(file, undefined);
    for (const file of queue) this.#follow(file, queue); // grows: breadth first, so that ways are shortest
  }

  /** One note for each file that the name is of, or of whose symbol. */
  answer(name: string): string[] {
    const definer = this.#definers.get(name) ?? this.#definerOfSource(name);
    if (definer !== undefined) return [this.#explain(`'${name}', which ${this.#name(definer)} defines,`, definer)];
    const files = this.#filesCalled(name);
    const notes = files.slice(0, MAX_ANSWERS).map((file) => this.#explain(this.#name(file), file));
    if (files.length > MAX_ANSWERS) notes.push(`--why=${name}: ${files.length - MAX_ANSWERS} more files`);
    return notes.length > 0 ? notes : [`'${name}' is not in the link`];
  }

  #explain(subject: string, file: FileRow): string {
    const steps: string[] = [];
    let at = file;
    for (let way = this.#ways.get(at); way !== undefined; way = this.#ways.get(at)) {
      steps.unshift(`${this.#refers(way)}, which ${this.#name(at)} defines`);
      at = way.from;
    }
    if (!this.#isInternal(at)) steps.unshift(`${this.#name(at)} ${this.#whyRoot(at)}`);
    return `${subject} is in the link because\n${steps.map((step) => `>>> ${step}`).join("\n")}`;
  }

  #refers({ from, symbol }: Reference): string {
    const who = this.#isInternal(from) ? "the command line asks for" : `${this.#name(from)} refers to`;
    return `${who} '${this.#isDemangle ? (addon().demangle(symbol) ?? symbol) : symbol}'`;
  }

  #whyRoot(file: FileRow): string {
    if (!this.#ways.has(file)) return "is needed by what another file defines in the end";
    const isMember = this.#name(file).endsWith(")");
    return isMember
      ? "is a member that is linked without being asked for (--whole-archive)"
      : "is named on the command line";
  }

  #isInternal(file: FileRow): boolean {
    return (this.#flags(file) & FileFlags.IS_INTERNAL) !== 0;
  }

  #flags(file: FileRow): number {
    return this.#workers.tables.column("file", "flags")[file];
  }

  #isLinked(file: FileRow): boolean {
    return (this.#workers.tables.column("file", "state")[file] & FileState.REACHED) !== 0;
  }

  #name(file: FileRow): string {
    return this.#findings.fileName(file);
  }

  /** What is in the link whatever refers to it: as markRoots() has it. */
  #roots(): FileRow[] {
    const traits = this.#workers.tables.column("file", "traits");
    const roots: FileRow[] = [];
    for (let file = 0 as FileRow; file < this.#files; file++) {
      const ifNeeded = traits[file] & FileTraits.IS_SHARED ? FileFlags.AS_NEEDED : 0;
      const chosen = FileFlags.IS_LAZY | FileFlags.IS_INDIRECT | ifNeeded;
      if (this.#isLinked(file) && (this.#flags(file) & chosen) === 0) roots.push(file);
    }
    return roots;
  }

  /** Adds the files to the queue that this one is the first to bring into the link. */
  #follow(file: FileRow, queue: FileRow[]): void {
    const { tables } = this.#workers;
    if (tables.column("file", "traits")[file] & FileTraits.IS_BROKEN) return;
    const claim = tables.column("symbol", "claim");
    const firstGlobal = tables.column("file", "firstGlobal")[file];
    for (let i = firstGlobal; i < tables.column("file", "symbolCount")[file]; i++) {
      const mention = rowAt(tables.column("file", "firstMention")[file], i - firstGlobal);
      const symbol = tables.column("mention", "symbol")[mention];
      if (!isClaimed(claim, symbol)) continue;
      const definer = claimingFile(claim.high(symbol));
      if (!this.#isLinked(definer)) continue;
      // The linker's own object is not read for names.
      const name = this.#isInternal(file)
        ? this.#findings.symbolName(definer, claimingSymbol(claim.low(symbol)))
        : this.#findings.symbolName(file, i);
      if (!this.#isInternal(definer) && !this.#definers.has(name)) this.#definers.set(name, definer);
      const flags = tables.column("mention", "flags")[mention];
      // A weak reference brings nothing into a link.
      if (flags & (MentionFlags.KIND | MentionFlags.WEAK) || this.#ways.has(definer)) continue;
      this.#ways.set(definer, { from: file, symbol: name });
      queue.push(definer);
    }
  }

  /** A C++ name as it is in the source: `app::area(int, int)`. */
  #definerOfSource(name: string): FileRow | undefined {
    for (const [symbol, file] of this.#definers)
      if (symbol.startsWith("_Z") && addon().demangle(symbol) === name) return file;
    return undefined;
  }

  /** Files by path, by name, by member; an archive by its own name is all of its members that are linked. */
  #filesCalled(name: string): FileRow[] {
    const found: FileRow[] = [];
    for (let file = 0 as FileRow; file < this.#files; file++) {
      if (!this.#isLinked(file) || this.#isInternal(file)) continue;
      const full = this.#name(file);
      const [, archive = full, member = ""] = /^(.*)\((.*)\)$/.exec(full) ?? [];
      const base = archive.slice(archive.lastIndexOf("/") + 1);
      if ([full, archive, base, member, `${base}(${member})`].includes(name)) found.push(file);
    }
    return found;
  }
}
