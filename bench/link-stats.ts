/** Spore's `--stats` as the bench reads it: what each kernel took, what of a link is serial, what each pass may cost. */
import { median } from "./measure.ts";

/** One run of a kernel. */
export interface KernelTime {
  readonly kernel: string;
  readonly rows: number;
  readonly wallMs: number;
  /** Of all workers together. */
  readonly busyMs: number;
}

/** Reads the table that `--stats` prints; columns are found by their headings. */
export function parseStats(text: string): KernelTime[] {
  const lines = text.split("\n").map((line) => line.trim().split(/ {2,}/));
  const top = lines.findIndex((cells) => cells[0] === "kernel" && cells.includes("wall ms"));
  if (top < 0) throw new Error(`no table of kernels in ${JSON.stringify(text.slice(0, 200))}`);
  const columnOf = (heading: string): number => lines[top].indexOf(heading);
  const [rows, wall, busy] = ["rows", "wall ms", "busy ms"].map(columnOf);
  const times: KernelTime[] = [];
  for (const cells of lines.slice(top + 1)) {
    if (cells[0] === "total" || cells.length < lines[top].length) break;
    times.push({
      kernel: cells[0],
      rows: Number(cells[rows]),
      wallMs: Number(cells[wall]),
      busyMs: Number(cells[busy]),
    });
  }
  return times;
}

/** The medians of several runs of one link, which runs the same kernels each time. */
export function medianTimes(runs: readonly (readonly KernelTime[])[]): KernelTime[] {
  const [first = []] = runs;
  return first.map(({ kernel, rows }, i) => ({
    kernel,
    rows,
    wallMs: median(runs.map((run) => run[i].wallMs)),
    busyMs: median(runs.map((run) => run[i].busyMs)),
  }));
}

const wallOf = (times: readonly KernelTime[]): number => times.reduce((sum, { wallMs }) => sum + wallMs, 0);

/** What of a link does not get faster with workers. */
export interface SerialPart {
  readonly name: string;
  readonly ms: number;
}

/** What a link with one worker says about one with many. */
export interface Scaling {
  readonly serial: readonly SerialPart[];
  readonly serialMs: number;
  readonly parallelMs: number;
  /** Amdahl's bound: ms with so many workers, when the parallel part is divided without loss. */
  readonly boundMs: (workers: number) => number;
}

/**
 * @param commandMs wall time of the whole command with one worker
 * @param nodeMs of `node -e 0`
 * @param times its kernels; one of a single row cannot be divided
 */
export function scalingOf(commandMs: number, nodeMs: number, times: readonly KernelTime[]): Scaling {
  const single = times.filter(({ rows }) => rows === 1);
  const parallelMs = wallOf(times) - wallOf(single);
  const serial = [
    { name: "node -e 0", ms: nodeMs },
    { name: "TypeScript, mapping, forks, exit", ms: commandMs - nodeMs - wallOf(times) },
    ...single.map(({ kernel, wallMs }) => ({ name: kernel, ms: wallMs })),
  ];
  const serialMs = commandMs - parallelMs;
  return { serial, serialMs, parallelMs, boundMs: (workers) => serialMs + parallelMs / workers };
}

/** A line of the budget of L1 with two workers, for half of mold's time; a prototype of the kernels kept to it. */
export interface BudgetLine {
  readonly name: string;
  readonly budgetMs: number;
  readonly actualMs: number;
}

/** The passes, each from the kernel that begins it. */
const passes = [
  { name: "scan", from: "countMembers", budgetMs: 32 },
  { name: "resolve", from: "hashCount", budgetMs: 28 },
  { name: "split, select, merge", from: "assignBuckets", budgetMs: 20 },
  { name: "find needs", from: "scanRelocations", budgetMs: 14 },
  { name: "sizes, addresses", from: "countNeeds", budgetMs: 11 },
  { name: "write", from: "writeChunks", budgetMs: 105 },
];
const NODE_BUDGET_MS = 60;
const TYPESCRIPT_BUDGET_MS = 32;

/** The budget beside what a link took. Arguments as of `scalingOf`, with two workers. */
export function budgetOf(commandMs: number, nodeMs: number, times: readonly KernelTime[]): BudgetLine[] {
  const spent = passes.map(() => 0);
  let pass = 0;
  for (const { kernel, wallMs } of times) {
    const begun = passes.findIndex(({ from }) => from === kernel);
    if (begun > pass) pass = begun;
    spent[pass] += wallMs;
  }
  return [
    { name: "Node", budgetMs: NODE_BUDGET_MS, actualMs: nodeMs },
    {
      name: "TypeScript, mapping, forks",
      budgetMs: TYPESCRIPT_BUDGET_MS,
      actualMs: commandMs - nodeMs - wallOf(times),
    },
    ...passes.map(({ name, budgetMs }, i) => ({ name, budgetMs, actualMs: spent[i] })),
  ];
}
