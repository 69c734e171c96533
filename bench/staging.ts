/**
 * `npm run bench:staging`: the linker's scan (headers and symbol tables of every file, names hashed and unified)
 * over files that are staged, by forked workers, against plain sequential reads in one process. Each way runs
 * in a process of its own, in turn with the others. Prints a table and writes JSON.
 *
 *   --only NAME     a set of files: small, large, mixed, source, objects. May be repeated
 *   --runs N        rounds that count; 10, or 3 with --quick
 *   --quick         fewer runs
 *   --cold          drop the page cache before each run, where the machine lets one
 *   --results DIR   where the JSON goes; default bench/results
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

import { formatTable } from "../src/staging/text-table.ts";
import {
  fileSystemOf,
  formatMachine,
  formatMs,
  interleave,
  packageRoot,
  saveResults,
  type Series,
  sleep,
  thisMachine,
} from "./measure.ts";
import {
  check,
  type Found,
  methods,
  readAgainAndScan,
  readAndParse,
  readAndScan,
  stageAndSpawn,
  stagedBefore,
} from "./scan-methods.ts";
import { type FileSet, fileSets } from "./workloads/staged-files.ts";

const FULL_RUNS = 10;
const QUICK_RUNS = 3;
/** For the workers of the run before to leave. */
const SETTLE_MS = 20;
const MIB = 2 ** 20;

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    runs: { type: "string" },
    quick: { type: "boolean", default: false },
    cold: { type: "boolean", default: false },
    results: { type: "string", default: join(packageRoot, "bench", "results") },
    // A process of one method: its name.
    method: { type: "string" },
  },
});
const runs = Number(flags.runs ?? (flags.quick ? QUICK_RUNS : FULL_RUNS));

/** What the process of a method is told. */
type Request = { readonly paths: readonly string[]; readonly workers: number } | "check" | "run" | "end";
/** And what it answers. */
type Answer = { readonly found?: Found | undefined; readonly ms?: number; readonly error?: string };

/** The process of one method: does what it is told until it is told to end. */
async function serve(name: string): Promise<void> {
  const method = methods.find((it) => it.name === name)!;
  let prepared: Awaited<ReturnType<typeof method.prepare>> | undefined;
  const answer = async (request: Request): Promise<Answer> => {
    if (typeof request === "object") prepared = await method.prepare(request.paths, request.workers);
    else if (request === "check") return { found: await check(prepared!) };
    else if (request === "run") {
      (globalThis.gc as () => void)();
      const began = performance.now();
      await prepared!.run();
      return { ms: performance.now() - began };
    } else await prepared?.[Symbol.asyncDispose]();
    return {};
  };
  const respond = async (request: Request): Promise<void> => {
    try {
      process.send!(await answer(request));
    } catch (error) {
      process.send!({ error: (error as Error).message });
    }
    if (request === "end") process.disconnect();
  };
  process.on("message", (request: Request) => void respond(request));
}

/** A process of one method. */
class Server implements AsyncDisposable {
  readonly #child: ChildProcess;

  constructor(method: string) {
    const [, script] = process.argv;
    this.#child = fork(script, ["--method", method], { execArgv: ["--expose-gc", "--enable-source-maps"] });
  }

  /** @throws Error with what went wrong there */
  async ask(request: Request): Promise<Answer> {
    this.#child.send(request);
    const gone = once(this.#child, "exit").then(([code, signal]: unknown[]): [Answer] => [
      { error: `its process ended with ${String(signal ?? code)}` },
    ]);
    const [answer] = (await Promise.race([once(this.#child, "message"), gone])) as [Answer];
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#child.connected) return;
    await this.ask("end");
    if (this.#child.exitCode === null) await once(this.#child, "exit");
  }
}

/** @throws Error where the machine does not let one */
function dropPageCache(): void {
  writeFileSync("/proc/sys/vm/drop_caches", "1");
}

interface Results {
  readonly set: string;
  readonly files: number;
  readonly bytes: number;
  readonly workers: number;
  readonly mentions: number;
  readonly series: readonly Series[];
  /** Why a method is left out. */
  readonly failures: Readonly<Record<string, string>>;
}

async function measureSet(set: FileSet): Promise<Results> {
  const paths = set.prepare(join(packageRoot, "build", "bench", "inputs"));
  const bytes = paths.reduce((sum, path) => sum + statSync(path).size, 0);
  const servers = methods.map(({ name }) => new Server(name));
  try {
    const results = await race(servers, paths, set.workers);
    return { set: set.name, files: paths.length, bytes, workers: set.workers, ...results };
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]();
  }
}

/** Checks that all methods find the same, then times them. `servers` are theirs. */
async function race(servers: readonly Server[], paths: readonly string[], workers: number) {
  const failures: Record<string, string> = {};
  const contenders = [];
  let expected: Found | undefined;
  for (const [i, { name, isScan }] of methods.entries()) {
    const server = servers[i];
    try {
      await server.ask({ paths, workers });
      const { found } = await server.ask("check");
      if (isScan) checkFound(found!, (expected ??= found!));
      contenders.push({ name, measure: async () => (await server.ask("run")).ms! });
    } catch (error) {
      failures[name] = (error as Error).message;
    }
  }
  const before = (): void => {
    if (flags.cold) dropPageCache();
    sleep(SETTLE_MS);
  };
  const series = await interleave(contenders, { runs, before });
  return { mentions: expected?.mentions ?? 0, series, failures };
}

/** @throws Error unless both found the same, and nothing bad */
function checkFound(found: Found, expected: Found): void {
  if (found.findings !== 0) throw new Error(`${found.findings} files or symbols are bad`);
  if (found.mentions !== expected.mentions || found.digest !== expected.digest)
    throw new Error("it did not find what the others found");
}

/** What is compared with what, in the last columns. */
const comparisons = [
  { slow: readAndScan, fast: stageAndSpawn, heading: "new/read" },
  { slow: readAgainAndScan, fast: stagedBefore, heading: "warm/again" },
  { slow: readAndParse, fast: stageAndSpawn, heading: "new/elfy" },
];

function printTable(all: readonly Results[]): void {
  const titles = new Map(fileSets.map(({ name, title }) => [name, title]));
  const rows = all.map(({ set, files, bytes, workers, mentions, series }) => {
    const medianOf = (name: string): number => series.find((it) => it.name === name)?.medianMs ?? Number.NaN;
    const cell = (number: number, text: string): string => (Number.isNaN(number) ? "-" : text);
    return [
      titles.get(set) ?? set,
      String(files),
      (bytes / MIB).toFixed(1),
      String(mentions),
      String(workers),
      ...methods.map(({ name }) => cell(medianOf(name), formatMs(medianOf(name)))),
      ...comparisons.map(({ slow, fast }) => {
        const ratio = medianOf(slow.name) / medianOf(fast.name);
        return cell(ratio, `${ratio.toFixed(2)} x`);
      }),
    ];
  });
  say(`\nScan in ms, median of ${runs} runs, and how many times faster\n\n`);
  const headings = ["files", "count", "MiB", "symbols", "workers", ...methods.map(({ name }) => name)];
  say(formatTable([[...headings, ...comparisons.map(({ heading }) => heading)], ...rows]));
}

const say = (text: string): void => void process.stdout.write(text);

async function main(): Promise<void> {
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs takes a number from 1, not "${flags.runs}"`);
  const unknown = flags.only.find((name) => !fileSets.some((set) => set.name === name));
  if (unknown !== undefined) throw new Error(`no set of files is called "${unknown}"`);
  const machine = thisMachine();
  if (flags.cold) dropPageCache();
  say(`${formatMachine(machine)}\n`);
  const all: Results[] = [];
  for (const set of fileSets) {
    if (flags.only.length > 0 && !flags.only.includes(set.name)) continue;
    process.stderr.write(`${set.title}...\n`);
    const results = await measureSet(set);
    all.push(results);
    for (const [name, message] of Object.entries(results.failures))
      say(`${set.title}: ${name} is left out: ${message}\n`);
    if (Object.keys(results.failures).length > 0) process.exitCode = 1;
  }
  printTable(all);
  say(`\n${flags.cold ? "Cold" : "Warm"} page cache; elfy reads headers, no symbols. `);
  say(`Not more than ${machine.cores} workers run at a time on this machine.\n`);
  const settings = { runs, isCold: flags.cold, fileSystem: fileSystemOf(join(packageRoot, "build")) };
  const name = flags.quick ? "staging-quick" : "staging";
  say(`\n${saveResults(flags.results, name, machine, { settings, sets: all })}\n`);
}

if (flags.method === undefined) await main();
else await serve(flags.method);
