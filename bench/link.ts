/**
 * `npm run bench:link`: whole links by Spore and by the other linkers, on the same inputs with the same
 * options, in turn. Prints what docs/performance.md explains and writes it as JSON.
 *
 *   --only NAME        a workload, by its name in bench/workloads. May be repeated
 *   --runs N           rounds that count; 10, or 3 with --quick
 *   --quick            smaller inputs, fewer runs, one place for the output: a few minutes
 *   --parts A,B        of table, resident, one-processor, processor-time, places, memory, growth, workers, floors; default
 *                      all, less with --quick
 *   --budget           besides, what each pass may cost and costs (with the workers of L1)
 *   --output-dir DIR   where the output goes in the first table; default build/bench/out
 *   --tmpfs            the same as --output-dir /dev/shm
 *   --existing         in the first table the output replaces an older one
 *   --peer NAME=PATH   one more linker. May be repeated
 *   --against A,B      of the linkers that are found, only these and Spore: an older Spore, say
 *   --results DIR      where the JSON goes; default bench/results
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, utimesSync, writeSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

import { formatTable } from "../src/staging/text-table.ts";
import { type BudgetLine, budgetOf, type KernelTime, medianTimes, parseStats, scalingOf } from "./link-stats.ts";
import {
  type Command,
  compareWithBest,
  type Comparison,
  type Contender,
  fileSystemOf,
  formatMachine,
  formatMs,
  interleave,
  packageRoot,
  processorMsOfChildren,
  runCommand,
  saveResults,
  type Series,
  thisMachine,
} from "./measure.ts";
import { type Outputs, compareOutputs, lookAtOutput, type OutputComparison } from "./outputs.ts";
import { measurePeakMemory, type PeakMemory, SAMPLE_PERIOD_MS } from "./peak-memory.ts";
import { formatResident, raceResident } from "./resident.ts";
import { findLinkers, formatLinkers, type Linker, SPORE } from "./peers.ts";
import { workloads } from "./workloads/index.ts";
import type { LinkCase, Workload } from "./workloads/workload.ts";

const parts = [
  "table",
  "resident",
  "one-processor",
  "processor-time",
  "places",
  "memory",
  "growth",
  "workers",
  "floors",
] as const;
type Part = (typeof parts)[number];
const quickParts: readonly Part[] = ["table", "resident", "growth", "workers", "floors"];

/** Workloads that these parts are for; the others are for all. */
const only: Partial<Record<Part, readonly string[]>> = {
  workers: ["clang", "many-files"],
  resident: ["hello"],
};

const FULL_RUNS = 10;
const QUICK_RUNS = 3;
/** Of small links, which noise changes most, so many times more. */
const MORE_RUNS = 10;
/** Linkers slower than this many times the best of the others are left out where they would only take time. */
const SLOW = 2;
const WORKERS = [1, 2, 4];
const MANY_CORES = 16;
/** The workload that the budget is of. */
const BUDGETED = "clang";
const NODE = "node -e 0";
const MIB = 2 ** 20;
const MB = 1e6;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    parts: { type: "string" },
    budget: { type: "boolean", default: false },
    "output-dir": { type: "string", default: join(packageRoot, "build", "bench", "out") },
    tmpfs: { type: "boolean", default: false },
    existing: { type: "boolean", default: false },
    peer: { type: "string", multiple: true, default: [] },
    against: { type: "string" },
    results: { type: "string", default: join(packageRoot, "bench", "results") },
  },
});

/** Where outputs go, and whether there is one already. */
interface Place {
  readonly folder: string;
  readonly isExisting: boolean;
}

const TMPFS = "/dev/shm/spore-bench";
const inputFolder = join(packageRoot, "build", "bench", "inputs");
const runs = Number(flags.runs ?? (flags.quick ? QUICK_RUNS : FULL_RUNS));
const chosen: readonly string[] = flags.parts?.split(",") ?? (flags.quick ? quickParts : parts);
const firstPlace: Place = { folder: flags.tmpfs ? TMPFS : flags["output-dir"], isExisting: flags.existing };
const nodeCommand: Command = { name: NODE, file: process.execPath, args: ["-e", "0"] };

/** What is found out about one workload; written as JSON. */
interface Results {
  readonly workload: string;
  readonly description: string;
  readonly failures: Readonly<Record<string, string>>;
  readonly outputs: Outputs;
  readonly fairness?: OutputComparison;
  readonly table?: PlaceResults;
  resident?: readonly Series[];
  oneProcessor?: PlaceResults;
  /** Of all processes of a link, ms. */
  processorMs?: Readonly<Record<string, number>>;
  places?: readonly PlaceResults[];
  memory?: Readonly<Record<string, PeakMemory>>;
  growth?: readonly { readonly objects: number; readonly series: readonly Series[] }[];
  workers?: WorkerResults;
  floors?: readonly Series[];
}

interface PlaceResults {
  readonly fileSystem: string;
  readonly isExisting: boolean;
  readonly series: readonly Series[];
  readonly comparison?: Comparison | undefined;
}

interface WorkerResults {
  readonly series: readonly Series[];
  /** By number of workers. */
  readonly kernels: Readonly<Record<number, readonly KernelTime[]>>;
}

const say = (text: string): void => void process.stdout.write(text);

/** A link by one linker. The output's name does not depend on anything, so that no linker's path is longer. */
function linkCommand({ name, path }: Linker, link: LinkCase, output: string, more: readonly string[] = []): Command {
  return { name, file: path, args: [...link.args, ...more, "-o", output], folder: link.folder };
}

function touch(files: readonly string[]): void {
  const now = new Date();
  for (const file of files) utimesSync(file, now, now);
}

/** Links once with each linker and checks what came out. Linkers that fail are left out. */
function checkOutputs(link: LinkCase, linkers: readonly Linker[], folder: string) {
  const outputs: Record<string, Outputs[string]> = {};
  const failures: Record<string, string> = {};
  const able: Linker[] = [];
  for (const linker of linkers) {
    const output = join(folder, linker.name);
    try {
      runCommand(linkCommand(linker, link, output));
      link.check(output);
      outputs[linker.name] = lookAtOutput(output);
      able.push(linker);
    } catch (error) {
      failures[linker.name] = (error as Error).message;
    }
    rmSync(output, { force: true });
  }
  return { able, outputs, failures };
}

/** The command where one processor is all that it has. */
const onOneProcessor = (command: Command): Command => ({
  ...command,
  file: "taskset",
  args: ["-c", "0", command.file, ...command.args],
});

/** Times linkers at one place. */
async function race(
  link: LinkCase,
  linkers: readonly Linker[],
  { folder, isExisting }: Place,
  more: readonly Command[] = [],
  where: (command: Command) => Command = (command) => command,
): Promise<PlaceResults> {
  mkdirSync(folder, { recursive: true });
  const links = linkers.map((linker) => linkCommand(linker, link, join(folder, linker.name)));
  const commands = [...links, ...more].map(where);
  const contenders = commands.map((command) => ({ name: command.name, measure: () => runCommand(command).ms }));
  const before = (name: string): void => {
    touch(link.inputs);
    if (!isExisting) rmSync(join(folder, name), { force: true });
  };
  const series = await interleave(contenders, { runs, before });
  for (const { name } of linkers) rmSync(join(folder, name), { force: true });
  const comparison = compareWithBest(
    series.filter(({ name }) => name !== NODE),
    SPORE,
  );
  return { fileSystem: fileSystemOf(folder), isExisting, series, comparison };
}

const placeName = ({ fileSystem, isExisting }: PlaceResults): string =>
  `${fileSystem}, ${isExisting ? "over an older output" : "new output"}`;

const cellOf = (series: readonly Series[], name: string): string => {
  const found = series.find((it) => it.name === name);
  return found === undefined ? "-" : formatMs(found.medianMs);
};

function verdictOn(ratio: number | undefined, comparison: Comparison | undefined): string {
  if (ratio === undefined) return "-";
  if (comparison === undefined) return `<= ${ratio} of the best: none to compare with`;
  return `<= ${ratio}: ${comparison.ratio <= ratio ? "met" : "missed"}`;
}

/** Whether the target is met, and what it is. */
function verdict({ target }: Workload, { series, comparison }: PlaceResults): string {
  const spore = series.find(({ name }) => name === SPORE);
  if (spore === undefined) return "no link";
  if ("ratio" in target) return verdictOn(target.ratio, comparison);
  const node = series.find(({ name }) => name === NODE)!.medianMs;
  const isMet = spore.medianMs <= node + target.nodePlusMs;
  return `<= node + ${target.nodePlusMs} ms (${formatMs(node + target.nodePlusMs)}): ${isMet ? "met" : "missed"}`;
}

const ratioCell = (comparison: Comparison | undefined): string =>
  comparison === undefined ? "-" : `${comparison.ratio.toFixed(2)} of ${comparison.best}`;

/** Processor time of each, of all processes: the mean, as the system counts in hundredths of a second. */
function processorTime(link: LinkCase, linkers: readonly Linker[], folder: string): Record<string, number> {
  const times = Object.fromEntries(linkers.map(({ name }) => [name, 0]));
  for (let round = 0; round < runs; round++)
    for (const linker of linkers) {
      const output = join(folder, linker.name);
      const before = processorMsOfChildren();
      runCommand(linkCommand(linker, link, output, linker.inOneGo));
      times[linker.name] += (processorMsOfChildren() - before) / runs;
      rmSync(output, { force: true });
    }
  return times;
}

/** What each of these took, in MiB. */
async function peakMemory(link: LinkCase, linkers: readonly Linker[], folder: string) {
  const peaks: Record<string, PeakMemory> = {};
  for (const linker of linkers) {
    const output = join(folder, linker.name);
    peaks[linker.name] = await measurePeakMemory(linkCommand(linker, link, output, linker.inOneGo));
    rmSync(output, { force: true });
  }
  return peaks;
}

/** Spore with several numbers of workers, and what its kernels took. */
async function withWorkers(link: LinkCase, spore: Linker, folder: string): Promise<WorkerResults> {
  const stats = new Map(WORKERS.map((workers): [number, KernelTime[][]] => [workers, []]));
  const output = join(folder, SPORE);
  const contenders = WORKERS.map((workers): Contender => {
    const command = linkCommand(spore, link, output, [`--threads=${workers}`, "--stats"]);
    return {
      name: String(workers),
      measure: () => {
        const { ms, stderr } = runCommand(command);
        stats.get(workers)!.push(parseStats(stderr));
        return ms;
      },
    };
  });
  contenders.push({ name: NODE, measure: () => runCommand(nodeCommand).ms });
  const before = (): void => {
    touch(link.inputs);
    rmSync(output, { force: true });
  };
  const series = await interleave(contenders, { runs, before });
  rmSync(output, { force: true });
  return {
    series,
    // The first run was the warm-up.
    kernels: Object.fromEntries([...stats].map(([workers, times]) => [workers, medianTimes(times.slice(1))])),
  };
}

/** What no linker can do without: reading every input once, and writing the output once. */
async function floors({ inputs }: LinkCase, outputBytes: number, folder: string): Promise<Series[]> {
  const buffer = Buffer.alloc(MIB, 1);
  const file = join(folder, "floor");
  const read = (): void => {
    for (const input of inputs) {
      const descriptor = openSync(input, "r");
      while (readSync(descriptor, buffer) > 0);
      closeSync(descriptor);
    }
  };
  const write = (): void => {
    const descriptor = openSync(file, "w");
    for (let left = outputBytes; left > 0;) left -= writeSync(descriptor, buffer, 0, Math.min(left, MIB));
    closeSync(descriptor);
  };
  const timed = (name: string, run: () => void): Contender => ({
    name,
    measure: () => {
      const began = performance.now();
      run();
      return performance.now() - began;
    },
  });
  const contenders = [timed("read", read), timed("write", write)];
  const series = await interleave(contenders, { runs, before: () => rmSync(file, { force: true }) });
  rmSync(file, { force: true });
  return series;
}

/** All that is wanted of one workload. */
async function measureWorkload(workload: Workload, linkers: readonly Linker[]): Promise<Results> {
  const size = flags.quick ? workload.sizes.quick : workload.sizes.full;
  const link = workload.prepare(inputFolder, size);
  const { folder } = firstPlace;
  mkdirSync(folder, { recursive: true });
  const { able, outputs, failures } = checkOutputs(link, linkers, folder);
  const wants = (part: Part): boolean =>
    chosen.includes(part) && (only[part] === undefined || only[part].includes(workload.name));

  const more = "nodePlusMs" in workload.target ? [nodeCommand] : [];
  const table = wants("table") ? await race(link, able, firstPlace, more) : undefined;
  const fairness = compareOutputs(outputs, SPORE);
  const results: Results = {
    workload: workload.name,
    description: link.description,
    failures,
    outputs,
    ...(fairness === undefined ? {} : { fairness }),
    ...(table === undefined ? {} : { table }),
  };
  const others = table?.series.filter(({ name }) => name !== NODE && name !== SPORE) ?? [];
  const fastest = Math.min(...others.map((it) => it.medianMs));
  const fast = able.filter(({ name }) => {
    const found = table?.series.find((it) => it.name === name);
    return name === SPORE || (found === undefined ? !/^(bfd|gold)$/.test(name) : found.medianMs <= SLOW * fastest);
  });

  if (wants("places")) {
    const places = [folder, TMPFS].flatMap((place) =>
      [false, true].map((isExisting) => ({ folder: place, isExisting })),
    );
    results.places = [];
    for (const place of places) results.places = [...results.places, await race(link, fast, place, more)];
  }
  const spore = able.find(({ name }) => name === SPORE);
  if (wants("resident") && spore !== undefined) {
    const commands = able.map((linker) => linkCommand(linker, link, join(folder, linker.name)));
    const command = linkCommand(spore, link, join(folder, "resident"));
    results.resident = await raceResident(commands, command, runs * MORE_RUNS);
  }
  if (wants("one-processor")) results.oneProcessor = await race(link, fast, firstPlace, more, onOneProcessor);
  if (wants("processor-time")) results.processorMs = processorTime(link, fast, folder);
  if (wants("memory")) results.memory = await peakMemory(link, fast, folder);
  if (wants("workers") && spore !== undefined) results.workers = await withWorkers(link, spore, folder);
  if (wants("floors")) {
    const bytes = (outputs[SPORE] ?? Object.values(outputs)[0])?.bytes ?? 0;
    results.floors = await floors(link, bytes, folder);
  }
  if (wants("growth") && workload.growth !== undefined) results.growth = await growth(workload, workload.growth, fast);
  return results;
}

async function growth(workload: Workload, sizes: NonNullable<Workload["growth"]>, linkers: readonly Linker[]) {
  const curve: { objects: number; series: readonly Series[] }[] = [];
  for (const objects of flags.quick ? sizes.quick : sizes.full) {
    const link = workload.prepare(inputFolder, objects);
    const { able } = checkOutputs(link, linkers, firstPlace.folder);
    const { series } = await race(link, able, firstPlace);
    curve.push({ objects, series });
  }
  return curve;
}

function printTable(all: readonly (readonly [Workload, Results])[], linkers: readonly Linker[]): void {
  const [, first] = all.find(([, { table }]) => table !== undefined) ?? [];
  if (first?.table === undefined) return;
  say(`\nWall time in ms, median of ${runs} runs and the least (${placeName(first.table)})\n\n`);
  const names = linkers.map(({ name }) => name);
  const rows = all.flatMap(([workload, { table }]) => {
    if (table === undefined) return [];
    const cells = names.map((name) => {
      const found = table.series.find((it) => it.name === name);
      return found === undefined ? "-" : `${formatMs(found.medianMs)} (${formatMs(found.minMs)})`;
    });
    return [[workload.title, ...cells, ratioCell(table.comparison), verdict(workload, table)]];
  });
  say(formatTable([["workload", ...names, "Spore", "target"], ...rows]));
  for (const [workload, { description, failures, fairness }] of all) {
    say(`\n${workload.title}: ${description}`);
    for (const [name, message] of Object.entries(failures)) say(`\n  ${name} is left out: ${message}`);
    if (fairness !== undefined) {
      const { reference, sizeRatio, symbolRatio, missingSections, addedSections } = fairness;
      say(
        `\n  output: ${sizeRatio.toFixed(3)} of ${reference}'s in size, ${symbolRatio.toFixed(3)} in .symtab entries`,
      );
      if (missingSections.length > 0) say(`; without ${missingSections.join(" ")}`);
      if (addedSections.length > 0) say(`; with ${addedSections.join(" ")}`);
    }
  }
  say("\n");
}

function printOutputs(all: readonly (readonly [Workload, Results])[], linkers: readonly Linker[]): void {
  const names = linkers.map(({ name }) => name);
  const rows = all.map(([{ title }, { outputs }]) => [
    title,
    ...names.map((name) => {
      const output = outputs[name];
      return output === undefined ? "-" : `${(output.bytes / MB).toFixed(2)} / ${output.symtabEntries}`;
    }),
  ]);
  say("\nOutputs: million bytes / entries of .symtab\n\n");
  say(formatTable([["workload", ...names], ...rows]));
}

function printOneProcessor(all: readonly (readonly [Workload, Results])[], linkers: readonly Linker[]): void {
  const names = linkers.map(({ name }) => name);
  const rows = all.flatMap(([{ title, target }, { oneProcessor }]) =>
    oneProcessor === undefined
      ? []
      : [
          [
            title,
            ...names.map((name) => cellOf(oneProcessor.series, name)),
            ratioCell(oneProcessor.comparison),
            verdictOn("ratio" in target ? target.onOneProcessor : undefined, oneProcessor.comparison),
          ],
        ],
  );
  if (rows.length === 0) return;
  say("\nOn one processor (taskset -c 0), wall time in ms\n\n");
  say(formatTable([["workload", ...names, "Spore", "target"], ...rows]));
}

function printProcessorTime(all: readonly (readonly [Workload, Results])[], linkers: readonly Linker[]): void {
  const names = linkers.map(({ name }) => name);
  const rows = all.flatMap(([{ title }, { processorMs }]) =>
    processorMs === undefined
      ? []
      : [[title, ...names.map((name) => (name in processorMs ? formatMs(processorMs[name]) : "-"))]],
  );
  if (rows.length === 0) return;
  say("\nProcessor time of all processes in ms (Spore and mold with --no-fork)\n\n");
  say(formatTable([["workload", ...names], ...rows]));
}

function printPlaces(all: readonly (readonly [Workload, Results])[]): void {
  const rows = all.flatMap(([workload, { places = [] }]) =>
    places.map((place) => [
      workload.title,
      placeName(place),
      cellOf(place.series, SPORE),
      place.comparison === undefined ? "-" : cellOf(place.series, place.comparison.best),
      ratioCell(place.comparison),
      verdict(workload, place),
    ]),
  );
  if (rows.length === 0) return;
  say("\nWhere the output goes, ms\n\n");
  say(formatTable([["workload", "output", "Spore", "best", "ratio", "target"], ...rows]));
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(0);

function printMemory({ title }: Workload, { memory }: Results): void {
  if (memory === undefined) return;
  say(
    `\n${title}: peak memory in MiB over the process tree, sampled every ${SAMPLE_PERIOD_MS} ms (mold with --no-fork)\n\n`,
  );
  const rows = Object.entries(memory).map(([name, peak]) => [
    name,
    mib(peak.ownBytes),
    mib(peak.totalBytes),
    String(peak.samples),
    peak.meanPeriodMs.toFixed(1),
  ]);
  say(formatTable([["linker", "anonymous and shared", "with mapped files", "samples", "every ms"], ...rows]));
}

function printGrowth({ title }: Workload, { growth: curve }: Results): void {
  if (curve === undefined) return;
  const names = curve[0].series.map(({ name }) => name);
  say(`\n${title}: growth, ms (times the size before)\n\n`);
  const rows = curve.map(({ objects, series }, i) => [
    String(objects),
    ...names.map((name) => {
      const before = curve[i - 1]?.series.find((it) => it.name === name);
      const now = series.find((it) => it.name === name);
      if (now === undefined) return "-";
      const factor = before === undefined ? "" : ` (${(now.medianMs / before.medianMs).toFixed(2)})`;
      return formatMs(now.medianMs) + factor;
    }),
  ]);
  say(formatTable([["objects", ...names], ...rows]));
}

function printWorkers({ name: workload, title }: Workload, { workers }: Results): void {
  if (workers === undefined) return;
  const { series, kernels } = workers;
  const medianOf = (name: string): number => series.find((it) => it.name === name)!.medianMs;
  say(`\n${title}: wall ms of each kernel, by number of workers\n\n`);
  const rows = kernels[WORKERS[0]].map(({ kernel, rows: count }, i) => [
    kernel,
    String(count),
    ...WORKERS.map((n) => kernels[n][i].wallMs.toFixed(2)),
  ]);
  const command = ["the whole command", "", ...WORKERS.map((n) => formatMs(medianOf(String(n))))];
  say(formatTable([["kernel", "rows", ...WORKERS.map(String)], ...rows, command]));
  const commandMs = medianOf("1");
  const scaling = scalingOf(commandMs, medianOf(NODE), kernels[1]);
  const share = (ms: number): string => `${((100 * ms) / commandMs).toFixed(1)}%`;
  say(`\nserial, of ${formatMs(commandMs)} ms with one worker: ${share(scaling.serialMs)}\n`);
  for (const { name, ms } of scaling.serial) say(`  ${name}: ${formatMs(ms)} ms, ${share(ms)}\n`);
  say(`Amdahl's bound with ${MANY_CORES} cores: ${formatMs(scaling.boundMs(MANY_CORES))} ms\n`);
  if (flags.budget && workload === BUDGETED) printBudget(budgetOf(medianOf("2"), medianOf(NODE), kernels[2]));
}

function printBudget(lines: readonly BudgetLine[]): void {
  say("\nbudget of L1 with two workers, ms\n\n");
  const rows = lines.map(({ name, budgetMs, actualMs }) => [name, String(budgetMs), formatMs(actualMs)]);
  const sum = (of: (line: BudgetLine) => number): number => lines.reduce((total, line) => total + of(line), 0);
  rows.push(["sum", String(sum((line) => line.budgetMs)), formatMs(sum((line) => line.actualMs))]);
  say(formatTable([["pass", "budget", "actual"], ...rows]));
}

function printFloors(all: readonly (readonly [Workload, Results])[]): void {
  const rows = all.flatMap(([{ title, target }, { floors: floor, table }]) => {
    // What Node's start-up bounds, reading and writing do not.
    if (floor === undefined || "nodePlusMs" in target) return [];
    const sum = floor.reduce((total, { medianMs }) => total + medianMs, 0);
    const spore = table?.series.find(({ name }) => name === SPORE);
    const times = spore === undefined ? "-" : (spore.medianMs / sum).toFixed(2);
    return [[title, ...floor.map(({ medianMs }) => formatMs(medianMs)), times]];
  });
  if (rows.length === 0) return;
  say("\nFloors in ms: reading every input once, writing the output once, in one process\n\n");
  say(formatTable([["workload", "read", "write", "Spore: times their sum"], ...rows]));
}

function wantedWorkloads(): Workload[] {
  const unknown = flags.only.find((name) => !workloads.some((workload) => workload.name === name));
  if (unknown !== undefined) throw new Error(`no workload is called "${unknown}"`);
  return workloads.filter(({ name }) => flags.only.length === 0 || flags.only.includes(name));
}

async function main(): Promise<void> {
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number from 1, not "${flags.runs}"`);
  const machine = thisMachine();
  const linkers = findLinkers(flags.peer, flags.against?.split(","));
  say(`${formatMachine(machine)}\n${formatLinkers(linkers)}`);
  const all: [Workload, Results][] = [];
  for (const workload of wantedWorkloads()) {
    const missing = workload.missing();
    if (missing !== undefined) say(`${workload.title} is left out: ${missing}\n`);
    else {
      process.stderr.write(`${workload.title}...\n`);
      const results = await measureWorkload(workload, linkers.present);
      all.push([workload, results]);
      if (SPORE in results.failures) process.exitCode = 1;
    }
  }
  rmSync(TMPFS, { recursive: true, force: true });
  printTable(all, linkers.present);
  for (const [{ title }, { resident }] of all) if (resident !== undefined) say(formatResident(title, resident));
  printOneProcessor(all, linkers.present);
  printProcessorTime(all, linkers.present);
  printOutputs(all, linkers.present);
  printPlaces(all);
  for (const [workload, results] of all) {
    printMemory(workload, results);
    printGrowth(workload, results);
    printWorkers(workload, results);
  }
  printFloors(all);
  const settings = { runs, isQuick: flags.quick, parts: chosen };
  const name = flags.quick ? "link-quick" : "link";
  const file = saveResults(flags.results, name, machine, { settings, linkers, workloads: all.map(([, it]) => it) });
  say(`\n${file}\n`);
}

await main();
