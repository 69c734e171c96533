/**
 * Collects what is wrong with a link, puts it in an order that does not depend on timing, and limits it.
 * Passes add and go on; nothing is printed here. The wording is in codes.ts.
 */
import { type Code, type CodeRow, codes, type NamedText, type OperandsOf, type Severity } from "./codes.ts";

/** Where a diagnostic comes from. All that is known is given; what is printed is chosen here. */
export interface Place {
  /** The input as users call it, `libx.a(member.o)`. */
  readonly file?: string | undefined;
  /** Its row in input order. Diagnostics of one pass are sorted by it. */
  readonly fileOrder?: number | undefined;
  readonly section?: string | undefined;
  /** Its index in the file: places of one file are sorted by it, then by offset. */
  readonly sectionOrder?: number | undefined;
  /** In bytes, within the section, or within the file where no section is given. */
  readonly offset?: number | undefined;
  /** The function or object around the offset, as it is in the file. */
  readonly symbol?: string | undefined;
  /** Source file and line, from `.debug_line`. */
  readonly source?: string | undefined;
  /** Finds `symbol` and `source` where that costs a search of the file. Called at the end of the stage. */
  readonly search?: PlaceSearch;
}

export interface PlaceSearch {
  readonly symbol: () => string | undefined;
  /** Called only for places that will be listed. */
  readonly source: () => string | undefined;
}

export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly message: string;
  /** The first places, at most PLACE_LIMIT. */
  readonly places: readonly Place[];
  /** How many places there are in all. */
  readonly placeCount: number;
  /** How a place is introduced, `referenced by`; undefined for a message with one place before it. */
  readonly placeIs?: string | undefined;
  readonly hint?: string | undefined;
}

export interface DiagnosticsSettings {
  /** Errors listed before the rest is only counted; 0 lists all. */
  errorLimit?: number;
  fatalWarnings?: boolean;
  noWarnings?: boolean;
  /** Turns a symbol's name in a file into the name in its source. Called only for what is listed. */
  demangle?: (name: string) => string;
}

/** The places that one message lists; the rest is counted. */
const PLACE_LIMIT = 3;

const DEFAULT_ERROR_LIMIT = 20;

/** Thrown by `stopIfFailed()`: the link cannot go on. What is wrong is in `diagnostics`. */
export class LinkFailed extends Error {
  override readonly name = "LinkFailed";
  readonly diagnostics: Diagnostics;

  constructor(diagnostics: Diagnostics) {
    const first = diagnostics.list().find((diagnostic) => diagnostic.severity === "error");
    const more = diagnostics.errorCount - 1;
    super(
      (first?.message ?? "link failed") + (more > 0 ? ` (and ${more} more ${more === 1 ? "error" : "errors"})` : ""),
    );
    this.diagnostics = diagnostics;
  }
}

/** Diagnostics that share a group key, or one diagnostic without a group. */
interface Entry {
  code: Code;
  operands: object;
  /** In order of addition until the stage ends; then those that are listed. */
  places: Place[];
  placeKeys: Set<string>;
  placeCount: number;
  isSettled: boolean;
  epoch: number;
  sequence: number;
}

/** All that is wrong with one link. */
export class Diagnostics {
  /** Lines that were asked for about the inputs (-y), whether the link succeeds or not. */
  readonly notes: string[] = [];
  /** What programs have written that the link has started: of a linker plugin and its compilers. */
  readonly transcript: string[] = [];
  #settings: Required<DiagnosticsSettings>;
  readonly #entries = new Map<string, Entry>();
  #epoch = 0;
  #errorCount = 0;
  #warningCount = 0;

  constructor(settings: DiagnosticsSettings = {}) {
    this.#settings = {
      errorLimit: DEFAULT_ERROR_LIMIT,
      fatalWarnings: false,
      noWarnings: false,
      demangle: (name) => name,
      ...settings,
    };
  }

  /** Changes settings once the command line is known. What was added already is judged by them too. */
  configure(settings: DiagnosticsSettings): void {
    this.#settings = { ...this.#settings, ...settings };
  }

  /**
   * Adds one finding. The same code, operands and place added again is dropped: a kernel that was run
   * twice reports twice. Findings of a code with `groupBy` become one message with several places.
   */
  add<C extends Code>(code: C, operands: OperandsOf<C>, place?: Place): void {
    const row = codes[code] as CodeRow<object>;
    const placeKey = place === undefined ? "" : keyOfPlace(place);
    const groupKey = row.groupBy === undefined ? `${JSON.stringify(operands)}\0${placeKey}` : row.groupBy(operands);
    const key = `${code}\0${groupKey}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = {
        code,
        operands,
        places: [],
        placeKeys: new Set(),
        placeCount: 0,
        isSettled: false,
        epoch: this.#epoch,
        sequence: this.#entries.size,
      };
      this.#entries.set(key, entry);
      if (row.severity === "error") this.#errorCount += 1;
      else this.#warningCount += 1;
    }
    if (place !== undefined && !entry.placeKeys.has(placeKey)) {
      entry.placeKeys.add(placeKey);
      entry.placeCount += 1;
      if (!entry.isSettled) entry.places.push(place);
    }
  }

  /** Gives a function that forgets what is added from now on: for work that is done again from its beginning. */
  checkpoint(): () => void {
    const kept = new Set(this.#entries.keys());
    const errors = this.#errorCount;
    const warnings = this.#warningCount;
    const notes = this.notes.length;
    return () => {
      this.notes.splice(notes);
      for (const key of this.#entries.keys()) if (!kept.has(key)) this.#entries.delete(key);
      this.#errorCount = errors;
      this.#warningCount = warnings;
    };
  }

  /** Messages of severity error, groups counted once; with --fatal-warnings, warnings are errors. */
  get errorCount(): number {
    return this.#errorCount + (this.#settings.fatalWarnings ? this.warningCount : 0);
  }

  get warningCount(): number {
    return this.#settings.noWarnings ? 0 : this.#warningCount;
  }

  get hasFailed(): boolean {
    return this.errorCount > 0;
  }

  /**
   * Throws LinkFailed when an error was added. Also ends a stage: what is added later is listed after
   * what was added before, whatever its place.
   */
  stopIfFailed(): void {
    this.#epoch += 1;
    for (const entry of this.#listed()) this.#settle(entry);
    if (this.hasFailed) throw new LinkFailed(this);
  }

  /**
   * What is wrong, in order: by stage, then by input file and offset, then as added. At most `errorLimit`
   * errors. Names are demangled here.
   */
  list(): Diagnostic[] {
    const { fatalWarnings, demangle } = this.#settings;
    return this.#listed().map((entry) => {
      this.#settle(entry);
      const row = codes[entry.code] as CodeRow<object>;
      const operands = demangleOperands(entry.operands, demangle);
      return {
        code: entry.code,
        severity: row.severity === "error" || fatalWarnings ? "error" : "warning",
        message: row.text(operands),
        places: entry.places.map((place) =>
          place.symbol === undefined ? place : { ...place, symbol: demangle(place.symbol) },
        ),
        placeCount: entry.placeCount,
        placeIs: row.placeIs,
        hint: row.hint?.(operands),
      };
    });
  }

  /** The entries that are listed, in order. */
  #listed(): Entry[] {
    const { errorLimit, noWarnings, fatalWarnings } = this.#settings;
    const entries = [...this.#entries.values()];
    for (const entry of entries) if (!entry.isSettled) entry.places.sort(comparePlaces);
    entries.sort(compareEntries);
    let errors = 0;
    return entries.filter(({ code }) => {
      const isWarning = codes[code].severity === "warning";
      if (isWarning && !fatalWarnings) return !noWarnings;
      if (isWarning && noWarnings) return false;
      errors += 1;
      return errorLimit === 0 || errors <= errorLimit;
    });
  }

  /** Finds out about an entry's places: a function is one place, however often it is meant. */
  #settle(entry: Entry): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    const distinct = new Map<string, Place>();
    for (const place of entry.places) {
      const symbol = place.symbol ?? place.search?.symbol();
      const key = symbol === undefined ? keyOfPlace(place) : [place.file, symbol].join("\0");
      if (!distinct.has(key)) distinct.set(key, { ...place, symbol });
    }
    entry.placeCount = distinct.size;
    entry.places = [...distinct.values()].slice(0, PLACE_LIMIT).map(({ search, ...place }) => ({
      ...place,
      source: place.source ?? search?.source(),
    }));
  }

  /** Errors that `list()` left out because of the limit. */
  get unlistedErrorCount(): number {
    const { errorLimit } = this.#settings;
    return errorLimit === 0 ? 0 : Math.max(0, this.errorCount - errorLimit);
  }
}

function keyOfPlace(place: Place): string {
  return [place.file, place.section, place.offset, place.symbol, place.source].join("\0");
}

function comparePlaces(a: Place | undefined, b: Place | undefined): number {
  return (
    (a?.fileOrder ?? -1) - (b?.fileOrder ?? -1) ||
    (a?.sectionOrder ?? -1) - (b?.sectionOrder ?? -1) ||
    (a?.offset ?? -1) - (b?.offset ?? -1)
  );
}

/** What has no place in a file comes first in its stage. */
function compareEntries(a: Entry, b: Entry): number {
  return a.epoch - b.epoch || comparePlaces(a.places[0], b.places[0]) || a.sequence - b.sequence;
}

function demangleOperands(operands: object, demangle: (name: string) => string): object {
  const { symbol, hint } = operands as { symbol?: unknown; hint?: NamedText };
  return {
    ...operands,
    ...(typeof symbol === "string" ? { symbol: demangle(symbol) } : {}),
    ...(hint === undefined
      ? {}
      : { hint: hint.map((part) => (typeof part === "string" ? part : demangle(part.symbol))) }),
  };
}

/** A place as ld words it: `main.o:(function main)`, `libx.a(y.o):(.data+0x10)`. */
export function describePlace(place: Place): string {
  let text = place.file ?? "";
  if (place.symbol !== undefined && place.symbol !== "") text += `:(function ${place.symbol})`;
  else if (place.section !== undefined)
    text += `:(${place.section}${place.offset === undefined ? "" : `+0x${place.offset.toString(16)}`})`;
  else if (place.offset !== undefined) text += `: offset 0x${place.offset.toString(16)}`;
  return text;
}

/**
 * A diagnostic as lines of text, without the program's name before it. A message with one place has it in
 * front, as ld does; a group has up to three places under it, and how many more there are.
 */
export function formatDiagnostic(diagnostic: Diagnostic): string[] {
  const { message, places, placeCount, placeIs, hint } = diagnostic;
  const lines: string[] = [];
  if (placeIs === undefined) {
    const [place] = places;
    const before = place === undefined ? "" : describePlace(place);
    lines.push(before === "" ? message : `${before}: ${message}`);
  } else {
    lines.push(message);
    for (const place of places) {
      if (place.source === undefined) lines.push(`>>> ${placeIs} ${describePlace(place)}`);
      else lines.push(`>>> ${placeIs} ${place.source}`, `>>> ${" ".repeat(placeIs.length)} ${describePlace(place)}`);
    }
    if (placeCount > places.length) lines.push(`>>> ${placeIs} ${placeCount - places.length} more`);
  }
  if (hint !== undefined) lines.push(...hint.split("\n").map((line) => `>>> ${line}`));
  return lines;
}
