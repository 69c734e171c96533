/** Small links by the resident linker, beside those that start a process of their own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { formatTable } from "../src/staging/text-table.ts";
import { type Command, formatMs, interleave, packageRoot, runCommand, type Series, sleep } from "./measure.ts";

/** The contender that asks the resident linker. */
const RESIDENT = "spore, resident";
/** What it is compared with: what people have. */
const REFERENCE = "bfd";
const TAIL = 0.95;
const STATUS_POLL_MS = 20;

/** Lets a resident linker run, in a folder of its own, for as long as the function takes. */
async function withResident<T>(use: (environment: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "spore-bench-"));
  const environment = { XDG_RUNTIME_DIR: folder, SPORE_RESIDENT: "" };
  const tool = (...args: string[]): Command => ({
    name: "spore serve",
    file: join(packageRoot, "bin", "spore"),
    args,
    environment,
  });
  const { file } = tool();
  const server = spawn(file, ["serve", "--idle=0"], { env: { ...process.env, ...environment }, stdio: "ignore" });
  const ended = new Promise((resolve) => server.on("exit", resolve));
  try {
    while (!isThere(tool("serve", "--status"))) sleep(STATUS_POLL_MS);
    return await use(environment);
  } finally {
    runCommand(tool("serve", "--stop"));
    await ended;
    rmSync(folder, { recursive: true });
  }
}

function isThere(status: Command): boolean {
  try {
    runCommand(status);
    return true;
  } catch {
    return false;
  }
}

/** Times the commands, and the one of Spore once more with the resident linker. */
export function raceResident(commands: readonly Command[], spore: Command, runs: number): Promise<readonly Series[]> {
  return withResident((environment) => {
    const all = [...commands, { ...spore, name: RESIDENT, environment }];
    return interleave(
      all.map((command) => ({ name: command.name, measure: () => runCommand(command).ms })),
      { runs },
    );
  });
}

const tailOf = ({ runsMs }: Series): number =>
  [...runsMs].sort((a, b) => a - b)[Math.floor(TAIL * (runsMs.length - 1))]!;

/** A table of one workload. */
export function formatResident(title: string, series: readonly Series[]): string {
  const reference = series.find(({ name }) => name === REFERENCE);
  const rows = series.map((one) => {
    const ratio = reference === undefined ? "-" : (one.medianMs / reference.medianMs).toFixed(2);
    const tail = reference === undefined ? "-" : (tailOf(one) / tailOf(reference)).toFixed(2);
    return [one.name, formatMs(one.medianMs), formatMs(tailOf(one)), formatMs(one.minMs), ratio, tail];
  });
  const heading = `\n${title}: with a resident linker, ms, ${series[0]?.runsMs.length ?? 0} runs of each in turn\n\n`;
  const columns = ["linker", "median", "95%", "least", `of ${REFERENCE}'s median`, `of ${REFERENCE}'s 95%`];
  return heading + formatTable([columns, ...rows]);
}
