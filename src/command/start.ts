/** What bin/ld and bin/spore load: the program's name and arguments in, exit status out. */
import { addon, isAddonLoaded } from "../addon/load.ts";
import { link, scanFiles } from "../link.ts";
import { type Link, PROGRAM, runLinker, type Terminal } from "./main.ts";
import { writeReports } from "./write-reports.ts";
import { testHooksOf } from "./test-hooks.ts";

/** The package's version; esbuild puts it in. */
declare const SPORE_VERSION: string;

// Opened when first used: a link that has nothing to say saves the milliseconds.
const opened = new Set<NodeJS.WriteStream>();
const writes: Promise<void>[] = [];
function write(stream: NodeJS.WriteStream, text: string): void {
  if (!opened.has(stream)) opened.add(stream.on("error", ignoreClosedPipe));
  writes.push(new Promise((resolve) => stream.write(text, () => resolve())));
}

const terminal: Terminal = {
  writeOutput: (text) => write(process.stdout, text),
  writeError: (text) => write(process.stderr, text),
  isErrorTerminal: () => process.stderr.isTTY,
};

const linkAndReport: Link = async (options, diagnostics) => {
  return writeReports(await link(options, diagnostics, { ...testHooksOf(process.env), leavesToExit: true }), options);
};

/** A reader that closed its pipe wants no more, and no stack trace. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
  process.exitCode ||= 1;
}

async function run([name, ...argv]: readonly string[]): Promise<number> {
  if (name === "ld") return runLinker(argv, SPORE_VERSION, linkAndReport, terminal);
  // Loaded only here: a link does not pay for commander.
  const { runSpore } = await import("./spore.ts");
  return runSpore(argv, SPORE_VERSION, { link: linkAndReport, scan: scanFiles }, terminal);
}

async function start(): Promise<void> {
  try {
    process.exitCode ||= await run(process.argv.slice(2));
  } catch (error) {
    terminal.writeError(`${PROGRAM}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  await Promise.all(writes); // what is still to be written to a pipe
  // Somebody waits for an end to come, as who writes the code cache: then by way of Node's teardown.
  if (process.listenerCount("exit") === 0 && isAddonLoaded()) addon().exitNow(Number(process.exitCode));
}

void start();
