/** Processes of this machine, as /proc lists them. */
import { readdir, readFile } from "node:fs/promises";

/** Command lines that have this text in them: of a link's workers too, which have their parent's. */
export async function processesWith(text: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text));
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => ""));
  return (await Promise.all(lists)).flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}

/** Processes below this one that a signal has stopped. */
export async function stoppedBelow(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  const stats = await Promise.all(children.map((child) => readFile(`/proc/${child}/stat`, "latin1").catch(() => "")));
  const stopped = children.filter((_, at) => /^\d+ \(.*\) T /.test(stats[at] ?? ""));
  return [...stopped, ...(await Promise.all(children.map(stoppedBelow))).flat()];
}
