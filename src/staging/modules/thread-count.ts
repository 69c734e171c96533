/**
 * The threads of a process that is going to fork. A child has the forking thread alone: Node's, V8's and libuv's
 * threads are idle in a process that runs with `--single-threaded`, and libuv starts its own again; a thread of
 * anybody else may hold a lock that the child then waits for.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { stat } from "node:fs/promises";

/** What V8 needs, and what keeps its pool of threads small. */
export const singleThreadedFlags = ["--single-threaded", "--v8-pool-size=0"] as const;

const forkingThread = "spore-fork";
/** What Node and libuv call theirs; Node before 22 calls all of them as the process is called. */
const nodeThreads = /^(node|MainThread|V8Worker|DelayedTaskSche|SignalInspector|libuv-worker|spore-fork.*)$/;

/** As `/proc` has them. */
function threadNames(): string[] {
  return readdirSync("/proc/self/task").map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim();
    } catch {
      return ""; // it ended
    }
  });
}

/** How many there are, without the one that forks kernels: a child has nothing to do with that. */
export function countThreads(): number {
  return threadNames().filter((name) => name !== forkingThread).length;
}

/** Whether there are more than so many. Looks at names only if there are. */
export function hasMoreThreads(count: number): boolean {
  return readdirSync("/proc/self/task").length > count && countThreads() > count;
}

/** The names of those that Node did not start, where that can be told. */
export function foreignThreadNames(): string[] {
  return [...new Set(threadNames().filter((name) => name !== "" && !nodeThreads.test(name)))];
}

/** Lets libuv start its threads, which it does all at once when it first needs one. */
export async function startUvThreads(): Promise<void> {
  await stat("/");
}

/**
 * How many threads a Node process has that was started with these flags and did nothing but what
 * {@link startUvThreads} does. Starts one to see.
 */
export function expectedThreads(flags: readonly string[]): number {
  const script = `require("fs").stat("/", () => console.log(require("fs").readdirSync("/proc/self/task").length))`;
  const { NODE_OPTIONS: _, ...env } = process.env;
  return Number(spawnSync(process.execPath, [...flags, "-e", script], { env, encoding: "utf8" }).stdout);
}
