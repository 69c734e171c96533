/**
 * Fair timing: whole commands, run in turn (A B C A B C …) so that what disturbs the machine disturbs all of
 * them, after a round that does not count. Medians, ratios against the best, and results as JSON.
 */
import { spawnSync, type SpawnSyncOptionsWithStringEncoding } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

/** The package's folder, from the source as from what esbuild made of it. */
export const packageRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package-lock.json"))) folder = dirname(folder);
  return folder;
})();

/** A command that is timed. */
export interface Command {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** How one run of a command ended. */
export interface Run {
  readonly ms: number;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 1 << 28;

/**
 * Node reads the certificates that a user adds at every start, which takes 30 ms; bin/ld has it not do so. A resident
 * linker that somebody has started is not what is measured, unless a command says so.
 */
const environmentOfAll = { NODE_EXTRA_CA_CERTS: "", SPORE_RESIDENT: "0" };

/**
 * Runs a command to its end: until it has exited and all that it started have closed their standard output, as
 * a build tool waits for it. What it leaves running is waited for too, off the clock, so that it does not
 * disturb who comes next.
 * @throws Error when it cannot be started or fails
 */
export function runCommand({ name, file, args, folder, environment }: Command): Run {
  const began = performance.now();
  const options: SpawnSyncOptionsWithStringEncoding & { readonly detached: true } = {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: MAX_OUTPUT_BYTES,
    detached: true, // as of spawn, though Node's types do not have it
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environmentOfAll, ...environment },
  };
  const ended = spawnSync(file, [...args], options);
  const ms = performance.now() - began;
  if (ended.error !== undefined) throw ended.error;
  waitForSession(ended.pid);
  if (ended.status !== 0) {
    const end = ended.signal ?? `status ${ended.status}`;
    const said = ended.stderr.trim().split("\n").slice(0, 3).join("\n");
    throw new Error(`${name} ended with ${end}${said === "" ? "" : `: ${said}`}`);
  }
  return { ms, stdout: ended.stdout, stderr: ended.stderr };
}

const SESSION_POLL_MS = 2;
const SESSION_PATIENCE_MS = 5000;

/** Waits until no process of a session is left; a `detached` command has one of its own. */
function waitForSession(session: number): void {
  const deadline = performance.now() + SESSION_PATIENCE_MS;
  while (processesOf(session).length > 0 && performance.now() < deadline) sleep(SESSION_POLL_MS);
}

/**
 * The processes of a session, zombies not among them. Those that were found to be of another are added to
 * `others`, and not looked at again.
 */
export function processesOf(session: number, others: Set<string> = new Set()): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (others.has(name) || !/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      // After the command, which is in parentheses: state, parent, process group, session.
      const [state, , , id] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(id) === session) return state === "Z" ? [] : [Number(name)];
      others.add(name);
      return [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** /proc counts in these, whatever the kernel's own tick is. */
const MS_PER_TICK = 10;

/** User and system time of all processes that this one or they have waited for. */
export function processorMsOfChildren(): number {
  const stat = readFileSync("/proc/self/stat", "latin1");
  // After the command, which is in parentheses: state is field 3, cutime 16, cstime 17.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * MS_PER_TICK;
}

/** Blocks this thread. */
export function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** What was measured of one command, or of one way of doing something. */
export interface Series {
  readonly name: string;
  /** In the order of the runs. */
  readonly runsMs: readonly number[];
  readonly medianMs: number;
  readonly minMs: number;
}

/** The middle number, or the mean of the two in the middle. NaN of nothing. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function seriesOf(name: string, runsMs: readonly number[]): Series {
  return { name, runsMs, medianMs: median(runsMs), minMs: Math.min(...runsMs) };
}

/** Something that can be timed: `measure` does it once and returns ms. */
export interface Contender {
  readonly name: string;
  measure(): number | Promise<number>;
}

export interface Rounds {
  /** Rounds that count. */
  readonly runs: number;
  /** Rounds before them that do not. Default 1. */
  readonly warmups?: number;
  /** Before each run, off the clock. */
  readonly before?: (name: string) => void;
}

/** Lets contenders run in turn. */
export async function interleave(contenders: readonly Contender[], rounds: Rounds): Promise<Series[]> {
  const { runs, warmups = 1, before } = rounds;
  const times = contenders.map((): number[] => []);
  for (let round = -warmups; round < runs; round++)
    for (const [i, contender] of contenders.entries()) {
      before?.(contender.name);
      const ms = await contender.measure();
      if (round >= 0) times[i].push(ms);
    }
  return contenders.map(({ name }, i) => seriesOf(name, times[i]));
}

/** How a series compares with the fastest of the others. */
export interface Comparison {
  /** The other with the lowest median. */
  readonly best: string;
  /** Of the medians: below 1 is faster. */
  readonly ratio: number;
  /** The median of the ratios within each round, which noise that lasts longer than a round does not move. */
  readonly pairedRatio: number;
}

/** Compares one series with the best of the others; nothing when there is none. */
export function compareWithBest(series: readonly Series[], name: string): Comparison | undefined {
  const subject = series.find((it) => it.name === name);
  const [best] = series.filter((it) => it.name !== name).sort((a, b) => a.medianMs - b.medianMs);
  if (subject === undefined || best === undefined) return undefined;
  const pairs = subject.runsMs.map((ms, i) => ms / best.runsMs[i]);
  return { best: best.name, ratio: subject.medianMs / best.medianMs, pairedRatio: median(pairs) };
}

/** What results depend on besides the programs. */
export interface Machine {
  readonly processor: string;
  /** That this process may use. */
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly kernel: string;
  readonly node: string;
  /** Spore's commit, with a plus when files differ from it. */
  readonly commit: string;
}

export function thisMachine(): Machine {
  const git = (...args: string[]): string =>
    spawnSync("git", args, { cwd: packageRoot, encoding: "utf8" }).stdout ?? "";
  const osRelease = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? process.platform,
    kernel: release(),
    node: process.version,
    commit: git("rev-parse", "--short", "HEAD").trim() + (git("status", "--porcelain").trim() === "" ? "" : "+"),
  };
}

export function formatMachine(machine: Machine): string {
  const { processor, cores, memoryGiB, system, kernel, node, commit } = machine;
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Linux ${kernel}, Node ${node}, Spore ${commit}`;
}

/** Magic numbers of linux/magic.h and of the file systems' own headers. */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x1021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x9123683e: "btrfs",
  0x58465342: "xfs",
};

/** The kind of file system that a folder is on. */
export function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return fileSystems[type] ?? `file system ${type.toString(16)}`;
}

/**
 * Writes results as JSON, under the machine's processor and the date, with files of the package as they are named in
 * it. Returns the file's path.
 */
export function saveResults(folder: string, name: string, machine: Machine, results: object): string {
  const date = new Date().toISOString();
  const processor = machine.processor
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
  const file = join(folder, `${name}-${processor}-${machine.cores}-cores-${date.slice(0, 16).replace(":", "")}.json`);
  mkdirSync(folder, { recursive: true });
  const text = compactJson(summaryOf({ date, machine, ...results }));
  writeFileSync(file, `${text.replaceAll(`${packageRoot}/`, "")}\n`);
  return file;
}

/** Raw runs as what a reader wants of them, numbers without digits that say nothing, and no lists of names. */
function summaryOf(value: unknown, key = ""): unknown {
  if (typeof value === "number") return Number.isInteger(value) ? value : Number(value.toPrecision(4));
  if (Array.isArray(value)) {
    if (key === "sections") return value.length;
    return value.map((entry) => summaryOf(entry));
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, entry]) => {
    if (name !== "runsMs" || !Array.isArray(entry)) return [[name, summaryOf(entry, name)]];
    const numbers = entry as number[];
    return [
      ["runs", numbers.length],
      ["maxMs", summaryOf(Math.max(...numbers))],
    ];
  });
  return Object.fromEntries(entries);
}

const LINE = 118;

/** JSON in which what fits into a line is one. */
function compactJson(value: unknown, indent = ""): string {
  const flat = JSON.stringify(value);
  if (typeof value !== "object" || value === null || indent.length + flat.length <= LINE) return flat;
  const deeper = `${indent}  `;
  const lines = Array.isArray(value)
    ? value.map((entry) => compactJson(entry, deeper))
    : Object.entries(value).map(([name, entry]) => `${JSON.stringify(name)}: ${compactJson(entry, deeper)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${lines.map((line) => deeper + line).join(",\n")}\n${indent}${close}`;
}

/** ms with as many decimals as say something. */
export function formatMs(ms: number): string {
  return ms.toFixed(ms < 100 ? 1 : 0);
}
