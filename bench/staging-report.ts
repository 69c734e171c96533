/** What bench/staging.ts says about what it measured: ratios, bounds, tables and the figure. No measuring here. */
import { formatTable } from "../src/staging/text-table.ts";
import type { Chart } from "./bar-chart.ts";
import { formatMs } from "./measure.ts";
import type { Kind } from "./staging-method.ts";

const MIB = 2 ** 20;

/** How a way was timed: once started, from nothing to its end, or the start alone. Nothing for what needs no start. */
export type State = `${"new" | "warm"} ${"pool" | "server"}` | "start alone";

export type Cache = "warm" | "cold";

export interface Row {
  readonly method: string;
  readonly state?: State;
  readonly role?: "baseline" | "bound";
  readonly runsMs: readonly number[];
  readonly medianMs: number;
  readonly minMs: number;
  /** Which part of the files stayed in memory, if any: of a cold page cache. */
  readonly warmShare?: number;
}

/** The rows of one kind over one set of files. */
export interface Race {
  readonly set: string;
  readonly kind: Kind;
  readonly work: string;
  readonly cache: Cache;
  readonly rows: readonly Row[];
}

/** Peak of the summed PSS of a way's processes. */
export interface Memory {
  readonly set: string;
  readonly kind: Kind;
  readonly method: string;
  /** With all files. */
  readonly peakBytes: number;
  /** With as many files, all of them one tiny one: the processes themselves. */
  readonly idleBytes: number;
}

/** How a way grows with its workers. */
export interface Growth {
  readonly set: string;
  readonly kind: Kind;
  readonly work: string;
  readonly method: string;
  readonly points: readonly { readonly workers: number; readonly medianMs: number }[];
}

export interface SetFacts {
  readonly name: string;
  readonly title: string;
  readonly files: number;
  readonly bytes: number;
  readonly workers: number;
}

export interface StagingResults {
  readonly cores: number;
  readonly sets: readonly SetFacts[];
  readonly races: readonly Race[];
  readonly memory: readonly Memory[];
  readonly growth: readonly Growth[];
}

const kindTitles: Readonly<Record<Kind, string>> = {
  native: "a kernel in native code",
  js: "a function in JavaScript",
  scan: "the linker's scan (headers and symbols; names hashed and unified)",
};

/** How many times faster than sequential reads with the same work; nothing without those, or for a start alone. */
export function ratioOf(race: Race, row: Row): number | undefined {
  const baseline = race.rows.find(({ role }) => role === "baseline");
  return baseline === undefined || row.state === "start alone" ? undefined : baseline.medianMs / row.medianMs;
}

/**
 * How many times faster than sequential reads one could be at most, if nothing had to be read and the work were
 * shared evenly by as many cores as there are, or workers.
 */
export function boundOf(race: Race, cores: number, workers: number): number | undefined {
  const bound = race.rows.find(({ role }) => role === "bound");
  const ratio = bound && ratioOf(race, bound);
  return ratio === undefined ? undefined : ratio * Math.min(cores, workers);
}

const labelOf = ({ method, state }: Row): string => (state === undefined ? method : `${method}: ${state}`);

const formatRatio = (ratio: number): string => `${ratio.toFixed(2)} x`;

const formatPercent = (share: number): string => `${(share * 100).toFixed(0)}%`;

/** What is measured in one table: all sets, one kind, one work, one state of the page cache. */
const tableOf = ({ kind, work, cache }: Race): string =>
  `${kind === "scan" ? kindTitles.scan : `${work}, ${kindTitles[kind]}`}; page cache ${cache}`;

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** A row a way, a column a set. */
function formatGrid<Item extends { readonly set: string }>(
  sets: readonly SetFacts[],
  labels: readonly string[],
  items: readonly Item[],
  cellOf: (item: Item, label: string) => string | undefined,
): string {
  const present = sets.filter(({ name }) => items.some(({ set }) => set === name));
  const rows = labels.map((label) => [
    label,
    ...present.map(({ name }) => {
      const cells = items.flatMap((item) => (item.set === name ? [cellOf(item, label)] : []));
      return cells.find((cell) => cell !== undefined) ?? "-";
    }),
  ]);
  return formatTable([["", ...present.map(({ title }) => title)], ...rows]);
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

/** The sets of files. */
export function formatSets(sets: readonly SetFacts[]): string {
  const rows = sets.map(({ title, files, bytes, workers }) => [
    title,
    String(files),
    (bytes / MIB).toFixed(1),
    String(workers),
  ]);
  return formatTable([["set", "files", "MiB", "workers"], ...rows]);
}

/** Medians in ms, how many times faster that is than sequential reads, and what of a cold cache was warm. */
export function formatRaces({ sets, races }: StagingResults): string {
  const tables = [...grouped(races, tableOf)].map(([title, group]) => {
    const labels = distinct(group.flatMap(({ rows }) => rows.map(labelOf)));
    const table = formatGrid(sets, labels, group, (race, label) => {
      const row = race.rows.find((it) => labelOf(it) === label);
      if (row === undefined) return undefined;
      const ratio = ratioOf(race, row);
      if (ratio === undefined) return formatMs(row.medianMs);
      const warm = row.warmShare === undefined ? "" : `, ${formatPercent(row.warmShare)} warm`;
      return `${formatMs(row.medianMs)} (${formatRatio(ratio)}${warm})`;
    });
    return `${title}\n${table}`;
  });
  return tables.join("\n");
}

/** Peaks in MiB; in parentheses what is above the processes themselves, in percent of the files' size. */
export function formatMemory({ sets, memory }: StagingResults): string {
  const tables = [...grouped(memory, ({ kind }) => kindTitles[kind])].map(([title, group]) => {
    const labels = distinct(group.map(({ method }) => method));
    const table = formatGrid(sets, labels, group, ({ set, method, peakBytes, idleBytes }, label) => {
      const bytes = sets.find(({ name }) => name === set)?.bytes;
      if (method !== label || bytes === undefined) return undefined;
      return `${(peakBytes / MIB).toFixed(0)} (${formatPercent((peakBytes - idleBytes) / bytes)})`;
    });
    return `${title}\n${table}`;
  });
  return tables.join("\n");
}

/** For each race: what the cores allow at most; and how the staged way grows with its workers. */
export function formatBounds({ cores, sets, races, growth }: StagingResults): string {
  const rows = races.flatMap((race) => {
    const set = sets.find(({ name }) => name === race.set);
    const bound = set && boundOf(race, cores, set.workers);
    if (set === undefined || bound === undefined || race.cache === "cold") return [];
    const grown = growth.find(
      ({ kind, work, set: name }) => kind === race.kind && work === race.work && name === set.name,
    );
    return [
      [
        `${set.title}, ${race.kind === "scan" ? "scan" : `${race.work}, ${race.kind}`}`,
        formatRatio(bound),
        ...(grown?.points ?? []).map(({ medianMs }) => formatRatio(grown!.points[0].medianMs / medianMs)),
      ],
    ];
  });
  const counts = (growth[0]?.points ?? []).map(({ workers }) => `${workers} worker${workers === 1 ? "" : "s"}`);
  const width = Math.max(...rows.map((row) => row.length), 0);
  const table = formatTable([["", "at most", ...counts], ...rows].map((row) => [...row, ...padding(row, width)]));
  return (
    `What ${cores} cores allow at most over sequential reads, were nothing to be read and the work shared evenly;\n` +
    `and how many times faster the warm pool with staged files is than with one worker\n${table}`
  );
}

const padding = (row: readonly string[], width: number): string[] =>
  Array.from({ length: Math.max(0, width - row.length) }, () => "-");

/** How many times faster than sequential reads each way is, once its workers are there: what the docs show. */
export function chartOf({ cores, sets, races }: StagingResults, machine: string): Chart {
  const shown = races.filter(({ cache, kind }) => cache === "warm" && kind !== "scan");
  const [first] = shown;
  const panels = (["native", "js"] as const).flatMap((kind) => {
    const group = shown.filter((race) => race.kind === kind && race.work === first?.work);
    if (group.length === 0) return [];
    const groups = group.map((race) => {
      const { title = race.set, workers = 1, files = 0 } = sets.find(({ name }) => name === race.set) ?? {};
      const bars = race.rows
        .filter(({ role, state }) => role === undefined && (state === undefined || state.startsWith("warm")))
        .map((row) => ({ series: row.method, value: ratioOf(race, row) ?? Number.NaN }));
      return { label: `${title}: ${files} files, ${workers} workers`, bars, mark: boundOf(race, cores, workers) };
    });
    return [{ title: `${first!.work}: ${kindTitles[kind]}`, groups }];
  });
  return {
    title: "Times faster than reading one file after the other",
    subtitle: `${machine}; warm page cache, workers or their server there before. Dashed: what the cores allow at most`,
    reference: 1,
    panels,
  };
}
