/** What `spore diff` finds, and how it prints it. */

export const kinds = {
  file: "file",
  section: "sections",
  segment: "segments",
  dynamic: "dynamic section",
  symbol: "symbols",
  dynamicSymbol: "dynamic symbols",
  version: "versions",
  relocation: "dynamic relocations",
  contents: "contents",
  unwind: "unwind tables",
  line: "line tables",
} as const;

export interface Difference {
  readonly kind: keyof typeof kinds;
  /** What differs: `.text`, `main`, `data+0x8`. */
  readonly subject: string;
  /** In which respect: `flags`, `size`, `binding`. */
  readonly what: string;
  /** What the first file has; nothing where it lacks the subject. */
  readonly first?: string;
  readonly second?: string;
}

/** Collects differences. */
export class Differences {
  readonly found: Difference[] = [];

  add(kind: Difference["kind"], subject: string, what: string, first?: string, second?: string): void {
    this.found.push({
      kind,
      subject,
      what,
      ...(first === undefined ? {} : { first }),
      ...(second === undefined ? {} : { second }),
    });
  }

  /** Adds a difference unless both are the same. */
  compare(
    kind: Difference["kind"],
    subject: string,
    what: string,
    first: string | number | undefined,
    second: string | number | undefined,
  ): void {
    if (first !== second) this.add(kind, subject, what, first?.toString(), second?.toString());
  }
}

/** What both files should have as often: counts by text, of each. */
export class Tally {
  readonly #counts: readonly [Map<string, number>, Map<string, number>] = [new Map(), new Map()];

  add(side: 0 | 1, text: string): void {
    this.#counts[side].set(text, (this.#counts[side].get(text) ?? 0) + 1);
  }

  report(differences: Differences, kind: Difference["kind"], subject: string): void {
    const [first, second] = this.#counts;
    for (const text of new Set([...first.keys(), ...second.keys()]))
      differences.compare(kind, subject, text, first.get(text), second.get(text));
  }
}

/** As one line: `.data alignment: 16, 32`. */
export function formatDifference({ subject, what, first, second }: Difference): string {
  if (first === undefined && second === undefined) return `${subject}: ${what}`;
  if (second === undefined) return `${subject} ${what}: only in the first: ${first}`;
  if (first === undefined) return `${subject} ${what}: only in the second: ${second}`;
  return `${subject} ${what}: ${first}, ${second}`;
}

/** Lines of one kind that are printed, unless all are asked for. */
const SHOWN_LINES = 20;

/** Groups by kind, as text that ends in a newline; empty when there is no difference. */
export function formatDifferences(differences: readonly Difference[], limit = SHOWN_LINES): string {
  let text = "";
  for (const [kind, title] of Object.entries(kinds)) {
    const group = differences.filter((difference) => difference.kind === kind);
    if (group.length === 0) continue;
    text += `${title}: ${group.length}\n`;
    for (const difference of group.slice(0, limit)) text += `  ${formatDifference(difference)}\n`;
    if (group.length > limit) text += `  … and ${group.length - limit} more\n`;
  }
  return text;
}
