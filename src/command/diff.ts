/** `spore diff`: reads two files and prints in what they differ. Status 0: in nothing; 1: in something; 2: error. */
import { readFileSync } from "node:fs";

import { diff, type DiffInput, FormatError, formatDifferences } from "../reports/diff/diff.ts";
import { type Terminal } from "./main.ts";

export interface DiffFlags {
  readonly json?: true;
  readonly all?: true;
}

export function runDiff(files: readonly [string, string], flags: DiffFlags, terminal: Terminal): number {
  try {
    const [first, second] = files.map((file): DiffInput => ({ file, bytes: readFileSync(file) }));
    const differences = diff(first, second);
    if (flags.json === true) terminal.writeOutput(`${JSON.stringify({ files, differences }, undefined, 2)}\n`);
    else terminal.writeOutput(formatDifferences(differences, flags.all === true ? Infinity : undefined));
    return differences.length === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof FormatError) && !isSystemError(error)) throw error;
    terminal.writeError(`spore diff: ${error.message}\n`);
    return 2;
  }
}

function isSystemError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
