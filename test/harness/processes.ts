/** Processes of this machine, as /proc lists them. */
import { readdir, readFile } from "node:fs/promises";

/** Command lines that have this text in them: of a link's workers too, which have their parent's. */
export async function processesWith(text: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(text));
}
