/** How the two programs run: their terminal, the link that they call, what happens when they end. */
import { addon, isAddonLoaded } from "../addon/load.ts";
import { ioError } from "../staging/index.ts";
import { turnOnCompilers } from "./compilers.ts";
import { type Link, PROGRAM, type Terminal } from "./main.ts";
import { testHooksOf } from "./test-hooks.ts";
import { linkReporting } from "./write-reports.ts";

/** The package's version; esbuild puts it in. */
declare const SPORE_VERSION: string;

/** What a program does with its arguments. Resolves to the exit status. */
export type Program = (argv: readonly string[], version: string, link: Link, terminal: Terminal) => Promise<number>;

// Opened when first used: a link that has nothing to say saves the milliseconds.
const opened = new Set<NodeJS.WriteStream>();
const writes: Promise<void>[] = [];
function write(stream: NodeJS.WriteStream, text: string): void {
  const fail = (error: NodeJS.ErrnoException): void => reportFailedWrite(stream, error);
  if (!opened.has(stream)) opened.add(stream.on("error", fail));
  const written = new Promise<void>((resolve) => stream.write(text, () => resolve()));
  writes.push(written.catch(fail)); // a file's stream throws instead of telling the listener
}

const terminal: Terminal = {
  writeOutput: (text) => write(process.stdout, text),
  writeError: (text) => write(process.stderr, text),
  isErrorTerminal: () => process.stderr.isTTY,
};

const linkAndReport: Link = async (options, diagnostics) => {
  turnOnCompilers(options.inputs.length);
  return linkReporting(options, diagnostics, { ...testHooksOf(process.env), leavesToExit: true, waitsAtExit: true });
};

/** A reader that closed its pipe wants no more; a disk that is full is an error. */
function reportFailedWrite(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  process.exitCode ||= 1;
  if (error.code === "EPIPE" || stream !== process.stdout) return;
  terminal.writeError(`${PROGRAM}: error: cannot write to standard output: ${ioError(error).reason}\n`);
}

/** Runs a program and ends the process. */
export async function start(program: Program): Promise<void> {
  try {
    const status = await program(process.argv.slice(3), SPORE_VERSION, linkAndReport, terminal);
    process.exitCode ||= status; // a write may have failed meanwhile
  } catch (error) {
    terminal.writeError(`${PROGRAM}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  await Promise.all(writes); // what is still to be written to a pipe
  // Somebody waits for an end to come, as who writes the code cache: then by way of Node's teardown.
  if (process.listenerCount("exit") === 0 && isAddonLoaded()) addon().endProcess(Number(process.exitCode));
}
