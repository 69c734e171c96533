/**
 * Links mutants one after another in one process, and says of each how its link ended: a line of JSON when it
 * begins, one when it has ended. What ends this process is thus the fault of the last one that began.
 *
 *     node link-mutants.mjs CORPUS DIRECTORY SEED FIRST END STEP
 *
 * The directory is a copy of the corpus, in which the mutant takes its original's place.
 */
import { readdirSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { runLinker } from "../../src/command/main.ts";
import { testHooksOf } from "../../src/command/test-hooks.ts";
import { linkReporting } from "../../src/command/write-reports.ts";
import type { Workers } from "../../src/passes/workers.ts";
import type { KernelName } from "../../src/tables/kernels.ts";
import { type Mutant, Mutants } from "./mutants.ts";

/** A line on standard output. */
export type Line = { readonly begins: number } | EndLine;

export interface EndLine {
  readonly ended: number;
  readonly isLinked: boolean;
  /** Whether a pass after the scan was reached. */
  readonly isScanned: boolean;
  /** What is wrong with how it ended. */
  readonly fault?: string;
}

/** What the scan runs; other passes run some of these, too. */
const scanKernels: ReadonlySet<KernelName> = new Set([
  "countMembers",
  "listMembers",
  "scanHeaders",
  "scanSymbols",
  "verifyNames",
  "hashCount",
  "hashScatter",
  "hashUnify",
]);

const OLD = "old output";
const OUTPUT = "a.out";
/** Children may still be on their way out when the link has ended. */
const EXIT_MS = 5000;

const [corpus = "", directory = "", seed, first, end, step] = process.argv.slice(2);
process.chdir(directory);
const mutants = new Mutants(corpus, Number(seed));
const namesBefore = new Set([...readdirSync("."), OUTPUT, "map"]);

const hooks = testHooksOf(process.env);

const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);

for (let index = Number(first); index < Number(end); index += Number(step)) {
  const mutant = mutants.get(index);
  say({ begins: index });
  writeFileSync(mutant.file.name, mutant.contents);
  say({ ended: index, ...(await judge(mutant)) });
  writeFileSync(mutant.file.name, mutants.original(mutant.file.name));
}

async function judge({ args, searchesAll }: Mutant): Promise<Omit<EndLine, "ended">> {
  writeFileSync(OUTPUT, OLD);
  const tries: Workers[] = [];
  let text = "";
  const terminal = {
    writeOutput: () => undefined,
    writeError: (more: string) => void (text += more),
    isErrorTerminal: () => false,
  };
  const status = await runLinker(
    [...args, "-o", OUTPUT],
    "0",
    (options, diagnostics) =>
      linkReporting(options, diagnostics, { ...hooks, searchesAll, onSpawn: (workers) => tries.push(workers) }),
    terminal,
  );
  const ran = tries.flatMap(({ timings }) => timings);
  const isLinked = status === 0;
  const isScanned = ran.some(({ kernel }) => !scanKernels.has(kernel));
  const died = ran.find(({ retriedChunks }) => retriedChunks > 0);
  // Outputs may be larger than what can be read at once.
  const isOld =
    statSync(OUTPUT, { throwIfNoEntry: false })?.size === OLD.length && readFileSync(OUTPUT, "latin1") === OLD;
  const left = readdirSync(".").filter((name) => !namesBefore.has(name));
  const faults: string[] = [];
  if (/internal error|worker was ended|\bSIG[A-Z]{2,}\b|\bERR_/.test(text)) faults.push(text);
  if (died !== undefined) faults.push(`a worker died in ${died.kernel} and was replaced`);
  if (!isLinked && !/error: /.test(text)) faults.push(`no error is printed: ${text}`);
  if (isLinked === isOld) faults.push(isLinked ? "no output" : "the old output is gone");
  if (left.length > 0) faults.push(`files are left: ${left.join(" ")}`);
  if (await hasChildren()) faults.push("workers outlive their link");
  return { isLinked, isScanned, ...(faults.length > 0 ? { fault: faults.join("\n") } : {}) };
}

/** Whether a child still runs when it has had time to leave. */
async function hasChildren(): Promise<boolean> {
  for (const until = performance.now() + EXIT_MS; performance.now() < until; await sleep(1)) {
    const pids = readdirSync("/proc/self/task").flatMap((thread) => childrenOf(thread));
    if (!pids.some(runs)) return false;
  }
  return true;
}

function childrenOf(thread: string): string[] {
  try {
    return readFileSync(`/proc/self/task/${thread}/children`, "latin1").split(" ").filter(Boolean);
  } catch {
    return []; // the thread has ended
  }
}

/** Whether a process is there and has not exited. */
function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}
