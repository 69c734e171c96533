/** Compares what Spore linked with what GNU ld makes of the same command line. */
import { appendFileSync, existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { expect } from "vitest";

import { SHT_SYMTAB } from "../../src/elf/constants.ts";
import { ElfFile } from "../../src/elf/elf-file.ts";
import { diff, formatDifferences } from "../../src/reports/diff/diff.ts";
import { reasonFor } from "./accepted-differences.ts";
import { bfd, run, type RunOptions } from "./oracles.ts";

/** Options that write another file, which the test may look at afterwards; that only Spore has. */
const leftOut =
  /^(-Wl,)?(-Map|--Map|--dependency-file|--threads|--diagnostics|--thread-count|--no-threads|--stats|--fork|--no-fork)\b/;

export interface Linked {
  /** `gcc`, or ld itself. */
  readonly program: string;
  /** As Spore got them, without what chooses the linker. */
  readonly words: readonly string[];
  readonly isDriver: boolean;
  readonly output: string;
}

/** Fails when the output differs from GNU ld's in what accepted-differences.ts does not list. */
export async function expectLinkedAlike(linked: Linked, options: RunOptions & { readonly cwd: string }): Promise<void> {
  const { testPath, currentTestName: name = "" } = expect.getState();
  // Elsewhere it is not the output that is looked at, or GNU ld takes minutes.
  if (testPath?.includes("/test/link/") !== true) return;
  const { program, words, isDriver, output } = linked;
  const witness = `${output}.bfd`;
  const kept = words.flatMap((word) => {
    if (!word.startsWith("-Wl,")) return leftOut.test(word) ? [] : [word];
    const parts = word.split(",").filter((part) => !leftOut.test(part));
    return parts.length > 1 ? [parts.join(",")] : [];
  });
  const chosen = isDriver ? bfd.gccFlags : [];
  const ended = await run(program, [...chosen, ...kept, "-o", witness], options);
  const log = process.env["SPORE_COLLECT"];
  if (ended.status !== 0) {
    if (log !== undefined) {
      appendFileSync(log, `${JSON.stringify({ name, refused: ended.stderr.slice(0, 300), words })}\n`);
      return;
    }
    throw new Error(`GNU ld does not link this: ${ended.stderr}`);
  }
  const files = [output, witness].map((file) => resolve(options.cwd, file));
  const [first, second] = await Promise.all(files.map((file) => readFile(file)));
  await rm(files[1]);
  const differences = diff({ file: output, bytes: first }, { file: witness, bytes: second });
  const ownNames = await namesIn(words, options.cwd);
  const none = new Set<string>();
  const circumstances = { words: words.join(" "), ownNames, namesOfSeveral: none, protectedNames: none };
  const open = differences.filter((difference) => reasonFor(difference, circumstances) === undefined);
  if (open.length === 0) return;
  if (log !== undefined) appendFileSync(log, `${JSON.stringify({ name, open, words })}\n`);
  else throw new Error(`Spore's output is not GNU ld's:\n${formatDifferences(open)}`);
}

/** Names that the objects among these words define. */
async function namesIn(words: readonly string[], folder: string): Promise<Set<string>> {
  const names = new Set<string>();
  for (const word of words.filter((name) => name.endsWith(".o"))) {
    const file = resolve(folder, word);
    const bytes = existsSync(file) ? await readFile(file) : Buffer.alloc(0);
    if (bytes.toString("latin1", 0, 4) !== "\x7fELF") continue; // a script is no object, whatever it is called
    const object = new ElfFile(word, bytes);
    const table = object.sectionOfType(SHT_SYMTAB);
    if (table !== undefined) for (const { name, section } of object.symbols(table)) if (section !== 0) names.add(name);
  }
  return names;
}
