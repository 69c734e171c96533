/** What a link costs, as the system accounts for it: the load of the machine changes little of it. */
import { type Ended, run, spore } from "../harness/oracles.ts";
import type { Scratch } from "../harness/scratch.ts";

const RUNS = 3;
/** Below this, what is measured is chance. */
export const FLOOR_MS = 60;
/** Twice the input may take three times as long: sorting, and caches that are too small. Four times is quadratic. */
export const MAX_GROWTH = 3;

/** User and system time of a link and all its workers, in ms: the least of a few runs. */
export async function linkMs(dir: Scratch, words: readonly string[]): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < RUNS; i++) least = Math.min(least, await oneLinkMs(dir, words));
  return least;
}

async function oneLinkMs(dir: Scratch, words: readonly string[]): Promise<number> {
  // bash's keyword counts in ms, and what the command has waited for; --no-fork leaves no worker that it has not.
  const script = 'TIMEFORMAT="took %U %S"; time "$@" >/dev/null 2>messages';
  const link = [spore.path, "--no-fork", "--threads=2", "-o", "a.out", ...words];
  const ended: Ended = await run("bash", ["-c", script, "bash", ...link], { cwd: dir.path, timeoutMs: 300_000 });
  const [, user, system] = /took (\S+) (\S+)/.exec(ended.stderr) ?? [];
  if (ended.status !== 0 || user === undefined || system === undefined)
    throw new Error(`${link.join(" ")}\n${ended.stderr}\n${(await dir.read("messages")).toString().slice(0, 2000)}`);
  return (Number(user) + Number(system)) * 1000;
}
