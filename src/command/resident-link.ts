/** A client's link, in the child of the resident linker that has taken the client's place. */
import { readFileSync, statSync } from "node:fs";

import { addon } from "../addon/load.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { turnOnCompilers } from "./compilers.ts";
import { logLink } from "./link-log.ts";
import { type Link, PROGRAM, runLinker, type Terminal } from "./main.ts";
import { allWritten, terminal } from "./terminal.ts";
import { testHooksOf } from "./test-hooks.ts";
import { linkReporting } from "./write-reports.ts";

/** Of a path that means another file in each process. */
const ownFiles = /\/dev\/fd\/|\/proc\//;
const namesOwnFiles = "it names a file that is its own";

/** Of a response file, the text says so. What is no regular file can be read only once. */
function mayNameOwnFiles(word: string): boolean {
  if (!word.startsWith("@")) return false;
  try {
    return statSync(word.slice(1)).isFile() && ownFiles.test(readFileSync(word.slice(1), "latin1"));
  } catch {
    return false; // who reads it says what is wrong
  }
}

/** What is said in a link, in order, until it is known that the client will not link by itself. */
class Saying implements Terminal {
  readonly #said: { readonly isError: boolean; readonly text: string }[] = [];
  readonly isErrorTerminal = terminal.isErrorTerminal;
  readonly writeOutput = (text: string): void => void this.#said.push({ isError: false, text });
  readonly writeError = (text: string): void => void this.#said.push({ isError: true, text });

  /** Whether some error is of a file that is another one here. */
  isOfOwnFiles(): boolean {
    return this.#said.some(({ isError, text }) => isError && ownFiles.test(text));
  }

  say(): void {
    for (const { isError, text } of this.#said) (isError ? terminal.writeError : terminal.writeOutput)(text);
  }
}

/** Links, answers, and ends the process. What fails in a way that a link of its own may not, the client does again. */
export async function serveLink(words: readonly string[], version: string, connection: number): Promise<never> {
  const saying = new Saying();
  const begin = performance.now();
  let refusal = words.some(mayNameOwnFiles) ? namesOwnFiles : undefined;
  const link: Link = async (options, diagnostics) => {
    turnOnCompilers(options.inputs.length);
    const hooks = {
      ...testHooksOf(process.env),
      leavesToExit: true,
      waitsAtExit: true,
      runsHere: true,
      // Its compilers are to have the client's descriptors, such as those of make's jobserver.
      onPluginNeeded: (): never => {
        refusal = "it needs a linker plugin";
        throw new Error(refusal);
      },
    };
    let hasFailed = true;
    try {
      const reports = await linkReporting(options, diagnostics, hooks, `used, process ${process.ppid}`);
      hasFailed = diagnostics.hasFailed;
      return reports;
    } finally {
      if (hasCrashed(diagnostics)) refusal = "a worker crashed";
      else logLink({ output: options.output, ms: performance.now() - begin, hasFailed });
    }
  };
  try {
    if (refusal === undefined) process.exitCode = await runLinker(words, version, link, saying);
  } catch (error) {
    saying.writeError(`${PROGRAM}: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
  if (process.exitCode !== 0 && saying.isOfOwnFiles()) refusal = namesOwnFiles;
  if (refusal !== undefined) {
    addon().answerRefusal(connection, refusal);
    return addon().endProcess(1, -1);
  }
  saying.say();
  await allWritten();
  return addon().endProcess(exitStatus(), connection);
}

/** A write that failed may have changed it. */
const exitStatus = (): number => Number(process.exitCode);

function hasCrashed(diagnostics: Diagnostics): boolean {
  return diagnostics.list().some(({ code }) => code === "workerCrashed");
}
