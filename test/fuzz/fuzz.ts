/** Links many mutants, in a few processes that link one after another, and finds out what is wrong with any. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";

import { root } from "../harness/oracles.ts";
import { scratch } from "../harness/scratch.ts";
import { makeCorpus, scenarios } from "./corpus.ts";
import type { EndLine, Line } from "./link-mutants.ts";
import { type Mutant, Mutants } from "./mutants.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** Mutants [first, end). */
  readonly first: number;
  readonly end: number;
  /** Processes that link. */
  readonly processes: number;
  /** The build that is made to notice, of `node build.mjs sanitize`, or the ordinary one. */
  readonly isSanitized: boolean;
  /** Variables of the processes that link. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress?: (done: number) => void;
  readonly onFailure?: (failure: Failure) => void;
}

export interface Failure {
  readonly mutant: Mutant;
  readonly fault: string;
}

/** How mutants of one kind ended. */
export interface Counts {
  mutants: number;
  /** A pass after the scan was reached. */
  scanned: number;
  linked: number;
  failures: number;
}

export interface FuzzResult {
  /** By kind of file and mutation. */
  readonly counts: ReadonlyMap<string, Counts>;
  readonly total: Counts;
  readonly failures: readonly Failure[];
}

/** Of the mutants, those that must get past the scan: else little is tested. */
export const MIN_SCANNED = 0.3;

/** What a link may take. */
const MAX_MS = 20_000;
const MAX_BYTES = 2 * 2 ** 30;
const LOOK_MS = 100;
/** A report of a sanitizer goes on with what nobody needs. */
const MAX_LINES = 30;

/** Where the program is that links; it finds the addon from there. */
function programOf({ isSanitized }: FuzzOptions): { node: string; file: string; linker: string } {
  const folder = join(root, "build", isSanitized ? "sanitize" : "run");
  return {
    node: isSanitized ? join(folder, "bin", "node") : process.execPath,
    file: join(folder, "dist", "link-mutants.mjs"),
    linker: join(isSanitized ? folder : root, "bin", "ld"),
  };
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const { file, linker } = programOf(options);
  await build({
    absWorkingDir: root,
    entryPoints: ["test/fuzz/link-mutants.ts"],
    outfile: file,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20.19",
    format: "esm",
    sourcemap: "inline",
    logLevel: "warning",
  });
  await using corpus = await makeCorpus();
  for (const { name, args } of scenarios) {
    const { status, stderr } = await corpus.run(linker, [...args, "-o", "a.out"]);
    if (status !== 0) throw new Error(`the link of the ${name} fails with nothing mutated:\n${stderr}`);
  }
  await using lanes = await scratch();
  const run = new Run(options, corpus.path, lanes.path);
  await Promise.all(Array.from({ length: options.processes }, (_, lane) => run.work(lane)));
  return run.result();
}

class Run {
  readonly #options: FuzzOptions;
  readonly #corpus: string;
  readonly #lanes: string;
  readonly #mutants: Mutants;
  readonly #failures: Failure[] = [];
  readonly #counts = new Map<string, Counts>();
  readonly #total: Counts = { mutants: 0, scanned: 0, linked: 0, failures: 0 };

  /** Each lane has its directories below `lanes`. */
  constructor(options: FuzzOptions, corpus: string, lanes: string) {
    this.#options = options;
    this.#corpus = corpus;
    this.#lanes = lanes;
    this.#mutants = new Mutants(corpus, options.seed);
  }

  result(): FuzzResult {
    const byIndex = (a: Failure, b: Failure): number => a.mutant.index - b.mutant.index;
    const counts = new Map([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { counts, total: this.#total, failures: this.#failures.toSorted(byIndex) };
  }

  /** Every mutant of one lane: each process goes on where one before it was ended. */
  async work(lane: number): Promise<void> {
    const { first, end, processes } = this.#options;
    for (let next = first + lane; next < end;) next = (await this.#runProcess(next, lane)) + processes;
  }

  /** Links mutants from `first` on. Resolves to the last one that began. */
  async #runProcess(first: number, lane: number): Promise<number> {
    const { seed, end, processes, env } = this.#options;
    const { node, file } = programOf(this.#options);
    const directory = join(this.#lanes, `files-${lane}`);
    rmSync(directory, { recursive: true, force: true });
    await cp(this.#corpus, directory, { recursive: true });
    const args = [file, this.#corpus, directory, seed, first, end, processes].map(String);
    // A file, because it is written when the line about the mutant is read.
    const stderr = join(this.#lanes, `stderr-${lane}`);
    const descriptor = openSync(stderr, "a");
    const takeErrors = (): string => {
      const text = readFileSync(stderr, "utf8");
      if (text !== "") truncateSync(stderr);
      return text.split("\n").slice(0, MAX_LINES).join("\n");
    };
    const child = spawn(node, args, {
      detached: true, // so that its workers can be ended with it
      stdio: ["ignore", "pipe", descriptor],
      env: { ...process.env, ...env, NODE_OPTIONS: "" },
    });
    let last = first;
    let isRunning = false;
    let began = performance.now();
    let stopped: string | undefined;
    const stop = (why: string): void => {
      stopped ??= why;
      const isThere = child.exitCode === null && child.signalCode === null;
      if (child.pid !== undefined && isThere) process.kill(-child.pid, "SIGKILL");
    };
    const watch = setInterval(() => {
      if (isRunning && performance.now() - began > MAX_MS) stop(`not at its end after ${MAX_MS / 1000} s`);
      const bytes = memoryOf(child.pid);
      if (isRunning && bytes > MAX_BYTES) stop(`${Math.round(bytes / 2 ** 20)} MiB of memory`);
    }, LOOK_MS);
    await eachLine(child, (line) => {
      began = performance.now();
      if ("begins" in line) {
        last = line.begins;
        isRunning = true;
      } else {
        isRunning = false;
        this.#add(line, [line.fault, takeErrors()].filter(Boolean).join("\n"));
      }
    });
    clearInterval(watch);
    closeSync(descriptor);
    const how =
      stopped ?? (child.signalCode === null ? `exit status ${child.exitCode}` : `ended by ${child.signalCode}`);
    if (isRunning) this.#add({ ended: last, isLinked: false, isScanned: false }, `the linker: ${how}\n${takeErrors()}`);
    else if (child.exitCode !== 0) throw new Error(`the process that links mutants: ${how}\n${takeErrors()}`);
    return isRunning ? last : end;
  }

  #add({ ended, isLinked, isScanned }: EndLine, fault: string): void {
    const mutant = this.#mutants.get(ended);
    const kind = `${mutant.file.kind}: ${mutant.mutation.name}`;
    const counts = this.#counts.get(kind) ?? { mutants: 0, scanned: 0, linked: 0, failures: 0 };
    this.#counts.set(kind, counts);
    for (const count of [counts, this.#total]) {
      count.mutants++;
      if (isScanned) count.scanned++;
      if (isLinked) count.linked++;
      if (fault !== "") count.failures++;
    }
    if (fault !== "") {
      this.#failures.push({ mutant, fault });
      this.#options.onFailure?.({ mutant, fault });
    }
    if (this.#total.mutants % 500 === 0) this.#options.onProgress?.(this.#total.mutants);
  }
}

/** Calls back with each line of standard output; resolves when the process and its output have ended. */
function eachLine(child: ChildProcess, take: (line: Line) => void): Promise<void> {
  let rest = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(JSON.parse(line) as Line);
  });
  return new Promise((resolve, reject) => child.on("error", reject).on("close", () => resolve()));
}

/** Bytes that a process and its children use: their own, and once what they share. */
function memoryOf(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const children = threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").split(" ").filter(Boolean),
    );
    const statuses = [String(pid), ...children].map((id) => readFileSync(`/proc/${id}/status`, "latin1"));
    const sizes = (name: string): number[] =>
      statuses.map((status) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) * 1024);
    return sizes("RssAnon").reduce((sum, size) => sum + size, 0) + Math.max(...sizes("RssShmem"));
  } catch {
    return 0; // one of them has just ended
  }
}

/** What fails, for a person: where it is, and how to repeat it. */
export function describeFailure({ mutant, fault }: Failure, seed: number): string {
  const { index, file, mutation, args } = mutant;
  return (
    `mutant ${index} of seed ${seed}: ${file.name}, ${mutation.name}\n` +
    `  again: npm run test:fuzz -- --seed=${seed} --only=${index}\n  ld ${args.join(" ")}\n` +
    fault
      .split("\n")
      .map((line) => `  | ${line}\n`)
      .join("")
  );
}
