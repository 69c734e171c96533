/**
 * `npm run bench:staging`: the same work over sets of files, done by workers that share what was staged once, and by
 * what Node has without: reads one after the other, `Promise.all`, `worker_threads`, piscina, child processes.
 * Each way runs in a process of its own, in turn with the others, and must find what they find. Prints tables and
 * writes JSON.
 *
 *   --only NAME     a set of files: small, large, mixed, source, objects; gigabyte, which only this measures.
 *                   May be repeated
 *   --kind NAME     native, js or scan: what does the work. May be repeated
 *   --work NAME     checksum or count-lines. May be repeated
 *   --cache STATE   warm or cold: of the page cache. Both unless given; warm with --quick
 *   --runs N        rounds that count; 10, or 1 with --quick
 *   --quick         about a minute: fewer runs, one work; memory and growth of one set
 *   --results DIR   where the JSON goes; default bench/results
 *   --from FILE     measures nothing: prints what is in a file of results
 *   --svg           draws docs/staging-bench.svg
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { drawBars } from "./bar-chart.ts";
import {
  type Contender,
  fileSystemOf,
  formatMachine,
  interleave,
  type Machine,
  packageRoot,
  saveResults,
  seriesOf,
  sleep,
  thisMachine,
} from "./measure.ts";
import { evictFromPageCache } from "./page-cache.ts";
import { MemoryWatch } from "./peak-memory.ts";
import type { Kind, Method, Setup } from "./staging-method.ts";
import { methods } from "./staging-methods.ts";
import {
  type Cache,
  chartOf,
  formatBounds,
  formatMemory,
  formatRaces,
  formatSets,
  type Growth,
  type Memory,
  type Race,
  type Row,
  type SetFacts,
  type StagingResults,
  type State,
} from "./staging-report.ts";
import { serve, Server, Servers } from "./staging-server.ts";
import { type FileSet, fileSets, sizedObject } from "./workloads/staged-files.ts";

const FULL_RUNS = 10;
const QUICK_RUNS = 1;
/** Off the clock, of what stays: until its functions are compiled, in each of its workers. */
const WARM_UP_RUNS = 5;
/** For the workers of the run before to leave. */
const SETTLE_MS = 20;
/** Runs while memory is watched: enough for a peak that does not last to be seen. */
const WATCHED_RUNS = 10;
/** Looking at sixteen processes stops each for a while: more often than that, and they would do little else. */
const WATCH_PERIOD_MS = 20;
const WORKER_COUNTS = [1, 2, 4];
/** Part of the files that may stay in memory before it is said. */
const MAX_WARM_SHARE = 0.01;

const inputsFolder = join(packageRoot, "build", "bench", "inputs");

const kinds: readonly Kind[] = ["native", "js", "scan"];
const works = ["checksum", "count-lines"];
const caches: readonly Cache[] = ["warm", "cold"];

const many = { type: "string", multiple: true, default: [] as string[] } as const;
const { values: flags } = parseArgs({
  options: {
    only: many,
    kind: many,
    work: many,
    cache: many,
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    results: { type: "string", default: join(packageRoot, "bench", "results") },
    from: { type: "string" },
    svg: { type: "boolean", default: false },
    // A process of one method: its kind and its name.
    serve: many,
  },
});
const runs = Number(flags.runs ?? (flags.quick ? QUICK_RUNS : FULL_RUNS));

/** A set of files, where its files are. */
interface Prepared extends SetFacts {
  readonly paths: readonly string[];
}

/** One way in one state, and its process. */
interface Entrant {
  readonly method: Method;
  readonly state: State | undefined;
  readonly server: Server;
}

const failures: string[] = [];

/** Does it unless it fails, which is said at the end; the others go on. */
async function attempt<Result>(what: string, act: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await act();
  } catch (error) {
    failures.push(`${what} is left out: ${(error as Error).message}`);
    return undefined;
  }
}

/** Times all ways of a kind. */
async function race(set: Prepared, kind: Kind, work: string, cache: Cache): Promise<Race> {
  const setup: Setup = { paths: set.paths, workers: set.workers, work };
  await using servers = new Servers();
  let expected: string | undefined;
  const entrants: Entrant[] = [];
  for (const method of methods.filter((it) => it.kind === kind)) {
    // What starts anew must not find what the other keeps: a fork server, say.
    const { keeps } = method;
    const states: readonly (State | undefined)[] = keeps ? [`new ${keeps}`, `warm ${keeps}`] : [undefined];
    for (const state of states) {
      await attempt(`${set.title}, ${kind}, ${method.name}`, async () => {
        const server = servers.start(method);
        await server.ask({ do: "start", setup });
        const { found } = await server.ask({ do: "check" });
        if (state?.startsWith("new") || cache === "cold") await server.ask({ do: "stop" });
        else for (let run = 0; run < WARM_UP_RUNS; run++) await server.ask({ do: "run" });
        const text = JSON.stringify(found);
        if ((method.isCompared ?? true) && text !== (expected ??= text)) throw new Error("it finds something else");
        entrants.push({ method, state, server });
      });
    }
  }
  const starts = entrants.map((): number[] => []);
  const warmShares = entrants.map(() => 0);
  const contenders = entrants.map(({ method, state, server }, i): Contender => ({
    name: `${method.name}${state === undefined ? "" : `, ${state}`}`,
    measure: async () => {
      if (state?.startsWith("new")) {
        if (cache === "cold" && evictFromPageCache(set.paths) > MAX_WARM_SHARE)
          throw new Error("the files stay in memory");
        const { startMs, ms } = await server.ask({ do: "all", setup });
        starts[i].push(startMs!);
        return ms!;
      }
      if (cache === "warm") return (await server.ask({ do: "run" })).ms!;
      // Nobody else has the files mapped, which would keep them in memory. What starting has mapped stays.
      await server.ask({ do: "start", setup });
      if (method.role !== "bound") warmShares[i] = Math.max(warmShares[i], evictFromPageCache(set.paths));
      const { ms } = await server.ask({ do: "run" });
      await server.ask({ do: "stop" });
      return ms!;
    },
  }));
  const series = await interleave(contenders.map(naming), { runs, before: () => sleep(SETTLE_MS) });
  const rows = series.flatMap((it, i): Row[] => {
    const { method, state } = entrants[i];
    const about = { method: method.name, ...(method.role && { role: method.role }) };
    const warmShare = warmShares[i] > MAX_WARM_SHARE ? { warmShare: warmShares[i] } : {};
    const row = { ...about, ...(state && { state }), ...timesOf(it.runsMs), ...warmShare };
    if (!state?.startsWith("new")) return [row];
    return [{ ...about, state: "start alone", ...timesOf(starts[i].slice(-runs)) }, row];
  });
  return { set: set.name, kind, work, cache, rows };
}

/** The contender, whose errors say whose they are. */
const naming = (contender: Contender): Contender => ({
  name: contender.name,
  measure: async () => {
    try {
      return await contender.measure();
    } catch (error) {
      throw new Error(`${contender.name}: ${(error as Error).message}`, { cause: error });
    }
  },
});

function timesOf(runsMs: readonly number[]) {
  const { medianMs, minMs } = seriesOf("", runsMs);
  return { runsMs, medianMs, minMs };
}

/** Times the ways that are to show how they grow with their workers. */
async function measureGrowth(set: Prepared, kind: Kind, work: string): Promise<Growth[]> {
  const growth: Growth[] = [];
  for (const method of methods.filter((it) => it.kind === kind && it.isScaled)) {
    await using servers = new Servers();
    const contenders: Contender[] = [];
    for (const workers of WORKER_COUNTS) {
      const server = servers.start(method);
      await server.ask({ do: "start", setup: { paths: set.paths, workers, work } });
      contenders.push({ name: String(workers), measure: async () => (await server.ask({ do: "run" })).ms! });
    }
    const series = await interleave(contenders, { runs, before: () => sleep(SETTLE_MS) });
    const points = series.map(({ medianMs }, i) => ({ workers: WORKER_COUNTS[i], medianMs }));
    growth.push({ set: set.name, kind, work, method: method.name, points });
  }
  return growth;
}

/** Watches the memory of each way by itself: with as many times one tiny file, then with all. */
async function measureMemory(set: Prepared, kind: Kind, work: string): Promise<Memory[]> {
  const tiny = join(inputsFolder, "tiny.o");
  writeFileSync(tiny, sizedObject(0, 0));
  const measured: Memory[] = [];
  for (const method of methods.filter((it) => it.kind === kind && it.role !== "bound")) {
    await attempt(`memory of ${set.title}, ${kind}, ${method.name}`, async () => {
      await using server = new Server(method);
      const peakOver = async (paths: readonly string[]): Promise<number> => {
        await server.ask({ do: "start", setup: { paths, workers: set.workers, work } });
        const watch = new MemoryWatch(server.pid, WATCH_PERIOD_MS);
        try {
          for (let run = 0; run < WATCHED_RUNS; run++) await server.ask({ do: "run" });
        } finally {
          watch.stop();
        }
        await server.ask({ do: "stop" });
        return watch.peak.totalBytes;
      };
      const idleBytes = await peakOver(set.paths.map(() => tiny));
      measured.push({ set: set.name, kind, method: method.name, idleBytes, peakBytes: await peakOver(set.paths) });
    });
  }
  return measured;
}

function prepareSet(fileSet: FileSet): Prepared {
  const { name, title, workers } = fileSet;
  const paths = fileSet.prepare(inputsFolder);
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  return { name, title, workers, files: paths.length, bytes, paths };
}

/** What was asked for, or all. @throws Error for what there is not */
function chosen<Name extends string>(flag: string, asked: readonly string[], all: readonly Name[], otherwise = all) {
  const unknown = asked.find((name) => !all.includes(name as Name));
  if (unknown !== undefined) throw new Error(`--${flag} takes ${all.join(", ")}, not "${unknown}"`);
  return asked.length === 0 ? otherwise : all.filter((name) => asked.includes(name));
}

/** Measures what the flags ask for. */
async function measure(cores: number): Promise<StagingResults> {
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number from 1, not "${flags.runs}"`);
  const names = fileSets.map(({ name }) => name);
  const usual = fileSets.flatMap(({ name, isOnlyOnDemand }) => (isOnlyOnDemand ? [] : [name]));
  const setNames = chosen("only", flags.only, names, usual);
  const chosenKinds = chosen("kind", flags.kind, kinds);
  const chosenWorks = chosen("work", flags.work, works, flags.quick ? works.slice(0, 1) : works);
  const chosenCaches = chosen("cache", flags.cache, caches, flags.quick ? ["warm"] : caches);
  const sets: SetFacts[] = [];
  const races: Race[] = [];
  const memory: Memory[] = [];
  const growth: Growth[] = [];
  for (const fileSet of fileSets.filter(({ name }) => setNames.includes(name))) {
    const { paths, ...facts } = prepareSet(fileSet);
    const set = { ...facts, paths };
    sets.push(facts);
    for (const kind of chosenKinds) {
      for (const [i, work] of (kind === "scan" ? ["scan"] : chosenWorks).entries()) {
        for (const cache of chosenCaches) {
          process.stderr.write(`${set.title}: ${kind}, ${work}, ${cache} page cache...\n`);
          const raced = await attempt(`${set.title}, ${kind}, ${cache} page cache`, () => race(set, kind, work, cache));
          if (raced !== undefined) races.push(raced);
        }
        if (!chosenCaches.includes("warm") || (flags.quick && sets.length > 1)) continue;
        growth.push(
          ...((await attempt(`growth of ${set.title}, ${kind}`, () => measureGrowth(set, kind, work))) ?? []),
        );
        // It is the same, whatever is done with the bytes.
        if (i === 0) memory.push(...(await measureMemory(set, kind, work)));
      }
    }
  }
  return { cores, sets, races, memory, growth };
}

const say = (text: string): void => void process.stdout.write(text);

function print(results: StagingResults): void {
  say(`\n${formatSets(results.sets)}`);
  say(
    "\nMedians in ms, and how many times faster than reading one by one. New: from nothing to its end; warm: the pool, or the server, is there.\n\n",
  );
  say(formatRaces(results));
  if (results.memory.length > 0) {
    say("\nPeak of the summed PSS in MiB, and what the files add to their processes, in percent of their size\n\n");
    say(formatMemory(results));
  }
  if (results.growth.length > 0) say(`\n${formatBounds(results)}`);
}

function drawFigure(results: StagingResults, { processor, cores }: Machine): void {
  const file = join(packageRoot, "docs", "staging-bench.svg");
  writeFileSync(file, drawBars(chartOf(results, `${processor}, ${cores} cores`)));
  say(`${file}\n`);
}

async function main(): Promise<void> {
  if (flags.from !== undefined) {
    const saved = JSON.parse(readFileSync(flags.from, "utf8")) as { machine: Machine; results: StagingResults };
    say(`${formatMachine(saved.machine)}\n`);
    print(saved.results);
    if (flags.svg) drawFigure(saved.results, saved.machine);
    return;
  }
  const machine = thisMachine();
  say(`${formatMachine(machine)}\n`);
  const results = await measure(machine.cores);
  print(results);
  for (const failure of failures) say(`${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
  const settings = { runs, fileSystem: fileSystemOf(join(packageRoot, "build")) };
  const name = flags.quick ? "staging-quick" : "staging";
  say(`\n${saveResults(flags.results, name, machine, { settings, results })}\n`);
  if (flags.svg) drawFigure(results, machine);
}

const [servedKind, servedMethod] = flags.serve;
if (servedMethod === undefined) await main();
else serve(servedKind, servedMethod);
