/**
 * `spore exec`: runs a command, such as a build, with Spore in the place of the linkers that its compilers look for.
 * gcc and clang search COMPILER_PATH before their own folders; rustc is found in PATH. Nothing is written into the
 * build: what it remembers of paths is the compiler's own.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { ioError } from "../staging/index.ts";
import { LINK_LOG, type LoggedLink, readLinkLog } from "./link-log.ts";
import { PROGRAM, type Terminal } from "./main.ts";

/** The folder with `ld`: for `gcc -B`. */
export function linkerFolder(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder))
    if (existsSync(join(folder, "bin", "ld"))) return join(folder, "bin");
    else if (folder === dirname(folder)) throw new Error(`no "bin/ld" above "${import.meta.dirname}"`);
}

/** Runs the command. Resolves to its exit status, as shells have it: 127 if there is none, 126 if it does not start. */
export async function runExec(command: string, args: readonly string[], terminal: Terminal): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "spore-exec-"));
  try {
    const log = join(folder, "links");
    writeFileSync(log, "");
    const { status, startError } = await runCommand(command, args, environment(process.env, log));
    if (startError !== undefined)
      terminal.writeError(`${PROGRAM}: error: cannot run "${command}": ${ioError(startError).reason}\n`);
    else terminal.writeError(`${PROGRAM}: ${describeLinks(readLinkLog(log))}\n`);
    return status;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Variables with which compilers find Spore before any other linker. */
function environment(env: NodeJS.ProcessEnv, log: string): NodeJS.ProcessEnv {
  const linkers = join(linkerFolder(), "exec");
  const before = (paths: string | undefined): string =>
    paths === undefined || paths === "" ? linkers : linkers + delimiter + paths;
  // bin/spore has put these aside.
  const { SPORE_USER_NODE_OPTIONS: nodeOptions, NODE_OPTIONS: _, ...others } = env;
  if (nodeOptions !== undefined && nodeOptions !== "") others["NODE_OPTIONS"] = nodeOptions;
  return { ...others, PATH: before(env["PATH"]), COMPILER_PATH: before(env["COMPILER_PATH"]), [LINK_LOG]: log };
}

/** Those that a process may be sent and that mean something to a build. */
const passedOn = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const;

interface CommandEnd {
  readonly status: number;
  readonly startError?: NodeJS.ErrnoException;
}

function runCommand(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandEnd> {
  return new Promise((resolve) => {
    const passOn = (signal: NodeJS.Signals): void => {
      // A terminal sends its own to all of the group; twice is "at once" to many programs.
      const isFromTerminal = (signal === "SIGINT" || signal === "SIGQUIT") && hasTerminal();
      if (!isFromTerminal) child.kill(signal);
    };
    // Before the command runs: it may have somebody send one at once.
    for (const signal of passedOn) process.on(signal, passOn);
    const child = spawn(command, args, { stdio: "inherit", env });
    const end = (ended: CommandEnd): void => {
      for (const signal of passedOn) process.off(signal, passOn);
      resolve(ended);
    };
    child.on("error", (error: NodeJS.ErrnoException) =>
      end({ status: error.code === "ENOENT" ? 127 : 126, startError: error }),
    );
    child.on("exit", (code, signal) => end({ status: signal === null ? code! : 128 + constants.signals[signal] }));
  });
}

const hasTerminal = (): boolean => [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);

function describeLinks(links: readonly LoggedLink[]): string {
  if (links.length === 0) return "no links: nothing that ran called a linker";
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const total = links.reduce((sum, { ms }) => sum + ms, 0);
  const failed = links.filter(({ hasFailed }) => hasFailed).length;
  let text = `${links.length} ${links.length === 1 ? "link" : "links"} in ${seconds(total)}`;
  if (links.length > 1) {
    const longest = links.reduce((one, other) => (other.ms > one.ms ? other : one));
    text += `; the longest, of "${longest.output}", ${seconds(longest.ms)}`;
  }
  return failed === 0 ? text : `${text}; ${failed} failed`;
}
