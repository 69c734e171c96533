/** For a whole run of vitest: a resident linker that every link of the run goes to, in a folder of its own. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { root, run } from "./oracles.ts";

const tool = join(root, "bin/spore");

/** What `spore serve --status` says; undefined when none runs. */
export async function statusOf(env: Readonly<Record<string, string>> = {}): Promise<string | undefined> {
  const { status, stdout } = await run(tool, ["serve", "--status"], { env });
  return status === 0 ? stdout : undefined;
}

/** Requests that a resident linker has had, without the one that asks. */
export function requestsOf(status: string): number {
  return Number(/^requests: (\d+)/m.exec(status)?.[1]);
}

/** Vitest calls this before the run, and what it returns after it. */
export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "spore-resident-"));
  process.env["XDG_RUNTIME_DIR"] = folder;
  const server = spawn(tool, ["serve", "--idle=0"], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => server.on("exit", resolve));
  while ((await statusOf()) === undefined && server.exitCode === null) await setTimeout(20);
  return async () => {
    const status = await statusOf();
    if (status === undefined) throw new Error("the resident linker has ended during the tests");
    process.stdout.write(`The resident linker had ${requestsOf(status)} requests.\n${status}`);
    if (requestsOf(status) < 100) throw new Error("most links went past the resident linker");
    await run(tool, ["serve", "--stop"]);
    await ended;
    await rm(folder, { recursive: true });
  };
}
