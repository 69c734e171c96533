/** What bin/ld and bin/spore load: the program's name and arguments in, exit status out. */
import { addon, isAddonLoaded } from "../addon/load.ts";
import { link, scanFiles } from "../link.ts";
import { ioError } from "../staging/index.ts";
import { type Link, PROGRAM, runLinker, type Terminal } from "./main.ts";
import type { WatchedLink } from "./spore.ts";
import { writeReports } from "./write-reports.ts";
import { testHooksOf } from "./test-hooks.ts";

/** The package's version; esbuild puts it in. */
declare const SPORE_VERSION: string;

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
  return writeReports(await link(options, diagnostics, { ...testHooksOf(process.env), leavesToExit: true }), options);
};

const linkWatched: WatchedLink = async (options, diagnostics, onPassEnded) => {
  await link(options, diagnostics, { ...testHooksOf(process.env), onPassEnded });
};

/** A reader that closed its pipe wants no more; a disk that is full is an error. */
function reportFailedWrite(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  process.exitCode ||= 1;
  if (error.code === "EPIPE" || stream !== process.stdout) return;
  terminal.writeError(`${PROGRAM}: error: cannot write to standard output: ${ioError(error).reason}\n`);
}

async function run([name, ...argv]: readonly string[]): Promise<number> {
  if (name === "ld") return runLinker(argv, SPORE_VERSION, linkAndReport, terminal);
  // Loaded only here: a link does not pay for commander.
  const { runSpore } = await import("./spore.ts");
  return runSpore(argv, SPORE_VERSION, { link: linkAndReport, watched: linkWatched, scan: scanFiles }, terminal);
}

async function start(): Promise<void> {
  try {
    const status = await run(process.argv.slice(2));
    process.exitCode ||= status; // a write may have failed meanwhile
  } catch (error) {
    terminal.writeError(`${PROGRAM}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  await Promise.all(writes); // what is still to be written to a pipe
  // Somebody waits for an end to come, as who writes the code cache: then by way of Node's teardown.
  if (process.listenerCount("exit") === 0 && isAddonLoaded()) addon().exitNow(Number(process.exitCode));
}

void start();
