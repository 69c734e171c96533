/** How the two programs run: the link that they call, what happens when they end. */
import { addon, isAddonLoaded } from "../addon/load.ts";
import { turnOnCompilers } from "./compilers.ts";
import { logLink } from "./link-log.ts";
import { type Link, PROGRAM, type Terminal } from "./main.ts";
import { allWritten, terminal } from "./terminal.ts";
import { testHooksOf } from "./test-hooks.ts";
import { linkReporting } from "./write-reports.ts";

/** The package's version; esbuild puts it in. */
declare const SPORE_VERSION: string;

/** What a program does with its arguments. Resolves to the exit status. */
export type Program = (argv: readonly string[], version: string, link: Link, terminal: Terminal) => Promise<number>;

const linkAndReport: Link = async (options, diagnostics) => {
  turnOnCompilers(options.inputs.length);
  const reason = process.env["SPORE_COLD_REASON"]; // of the launcher
  const hooks = { ...testHooksOf(process.env), leavesToExit: true, waitsAtExit: true };
  let hasFailed = true;
  try {
    const residence = reason === undefined ? undefined : `not used, ${reason}`;
    const reports = await linkReporting(options, diagnostics, hooks, residence);
    hasFailed = diagnostics.hasFailed;
    return reports;
  } finally {
    logLink({ output: options.output, ms: performance.now(), hasFailed });
  }
};

/** Runs a program and ends the process. */
export async function start(program: Program): Promise<void> {
  try {
    const status = await program(process.argv.slice(3), SPORE_VERSION, linkAndReport, terminal);
    process.exitCode ||= status; // a write may have failed meanwhile
  } catch (error) {
    terminal.writeError(`${PROGRAM}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  await allWritten();
  // Somebody waits for an end to come, as who writes the code cache: then by way of Node's teardown.
  if (process.listenerCount("exit") === 0 && isAddonLoaded()) addon().endProcess(Number(process.exitCode), -1);
}
