/**
 * The links that a command made: `spore exec` names a file in SPORE_LINK_LOG, to which every link of the processes
 * below it adds a line.
 */
import { appendFileSync, readFileSync } from "node:fs";

/** The environment variable that names the file. */
export const LINK_LOG = "SPORE_LINK_LOG";

export interface LoggedLink {
  /** As the command line has it. */
  readonly output: string;
  /** From the start of its process to the end of the link. */
  readonly ms: number;
  readonly hasFailed: boolean;
}

/** Adds a link to the list, if there is one. */
export function logLink(link: LoggedLink): void {
  const path = process.env[LINK_LOG];
  if (path === undefined || path === "") return;
  try {
    // One write at the end of the file, so that links side by side do not mix.
    appendFileSync(path, `${JSON.stringify(link)}\n`);
  } catch {
    // Whoever wanted to know has ended: a daemon of the build kept the variable.
  }
}

/** The links so far, in the order in which they ended. */
export function readLinkLog(path: string): LoggedLink[] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as LoggedLink);
}
