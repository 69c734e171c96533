/** Standard output and standard error of a command. */
import { ioError } from "../staging/index.ts";
import { PROGRAM, type Terminal } from "./main.ts";

// Opened when first used: a link that has nothing to say saves the milliseconds.
const opened = new Set<NodeJS.WriteStream>();
const writes: Promise<void>[] = [];
function write(stream: NodeJS.WriteStream, text: string): void {
  const fail = (error: NodeJS.ErrnoException): void => reportFailedWrite(stream, error);
  if (!opened.has(stream)) opened.add(stream.on("error", fail));
  const written = new Promise<void>((resolve) => stream.write(text, () => resolve()));
  writes.push(written.catch(fail)); // a file's stream throws instead of telling the listener
}

export const terminal: Terminal = {
  writeOutput: (text) => write(process.stdout, text),
  writeError: (text) => write(process.stderr, text),
  isErrorTerminal: () => process.stderr.isTTY,
};

/** A reader that closed its pipe wants no more; a disk that is full is an error. */
function reportFailedWrite(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  process.exitCode ||= 1;
  if (error.code === "EPIPE" || stream !== process.stdout) return;
  terminal.writeError(`${PROGRAM}: error: cannot write to standard output: ${ioError(error).reason}\n`);
}

/** Resolves when what is still to be written to a pipe is written. */
export async function allWritten(): Promise<void> {
  await Promise.all(writes);
}
