/**
 * ld's command-line grammar over the option table: one dash or two, joined and separate arguments, options
 * that hold for what follows. What options mean is in table.ts; defaults and conflicts in link-options.ts.
 */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { type LinkOptions, newDraft, resolveOptions } from "./link-options.ts";
import { expandResponseFiles } from "./response-file.ts";
import type { Setting } from "./setting.ts";
import { UnmetOptions } from "./status.ts";
import { addFile, type OptionRow, optionTable } from "./table.ts";

const rowsByName = new Map<string, OptionRow>(
  optionTable.flatMap((row) => row.names.map((name) => [name, row] as const)),
);

/**
 * Reads a command line, without the program's name. What is wrong with it is added to `diagnostics`; the
 * result is complete all the same, so that other faults are found too.
 */
export function parseOptions(argv: readonly string[], diagnostics: Diagnostics): LinkOptions {
  const setting: Setting = {
    draft: newDraft(),
    state: { isWholeArchive: false, isAsNeeded: false, isStatic: false, isLazy: false, isBinary: false },
    savedStates: [],
    openGroups: [],
    unmet: new UnmetOptions(),
    diagnostics,
    option: "",
  };
  const words = expandResponseFiles(argv, diagnostics);
  let at = 0;
  while (at < words.length) {
    const word = words[at] as string;
    at += 1;
    if (word === "-" || !word.startsWith("-")) {
      addFile(setting, word);
      continue;
    }
    const match = matchOption(word);
    if (match === undefined) {
      diagnostics.add("unknownOption", { option: word, similar: similarOption(word) });
      continue;
    }
    const { row, spelling } = match;
    let { value } = match;
    setting.option = spelling;
    if (value !== undefined && row.form === "none") {
      diagnostics.add("unexpectedArgument", { option: spelling });
      continue;
    }
    if (value === undefined && row.form === "required") {
      if (at === words.length) {
        diagnostics.add("missingArgument", { option: spelling });
        continue;
      }
      value = words[at] as string;
      at += 1;
    }
    row.set(setting, value ?? "");
    setting.unmet.note(row.names[0] as string, spelling, row, value ?? "");
  }
  for (const option of setting.openGroups) diagnostics.add("groupNotEnded", { option });
  // What a driver adds at the end, such as crtn.o, would be left out as if nobody needed it.
  if (setting.state.isLazy) diagnostics.add("unbalancedState", { option: "--start-lib", missing: "--end-lib" });
  setting.unmet.report(diagnostics);
  return resolveOptions(setting.draft, diagnostics);
}

interface OptionMatch {
  readonly row: OptionRow;
  /** As it was written, without the argument. */
  readonly spelling: string;
  readonly value: string | undefined;
}

/** The row that a word of the command line names, and the argument that is joined to it. */
export function matchOption(word: string): OptionMatch | undefined {
  const hasTwoDashes = word.startsWith("--");
  const body = word.slice(hasTwoDashes ? 2 : 1);
  const equals = body.indexOf("=");
  const name = equals === -1 ? body : body.slice(0, equals);
  const value = equals === -1 ? undefined : body.slice(equals + 1);
  const long = rowsByName.get(name);

  // `-omagic` is `-o magic`; `-o=x` would be the file `=x`, as in GNU ld.
  const isShortO = !hasTwoDashes && body.startsWith("o");
  if (long !== undefined && !isShortO && (name.length > 1 || value === undefined))
    return { row: long, spelling: word.slice(0, word.length - body.length) + name, value };

  const short = rowsByName.get(body.charAt(0));
  if (hasTwoDashes || short === undefined) return undefined;
  if (body.length === 1) return { row: short, spelling: word, value: undefined };
  if (short.form !== "required") return undefined;
  return { row: short, spelling: `-${body.charAt(0)}`, value: body.slice(1) };
}

/** The option that was probably meant: at most two letters differ, fewer in short names. */
function similarOption(word: string): string | undefined {
  const name = word.replace(/^--?/, "").replace(/=.*/, "");
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(name.length / 3));
  for (const known of rowsByName.keys()) {
    if (known.length < 3 || Math.abs(known.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name, known);
    if (distance < bestDistance) {
      best = known;
      bestDistance = distance;
    }
  }
  return best === undefined ? undefined : `--${best}`;
}

/** Letters to insert, delete or replace to turn one word into the other. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (previous[j - 1] as number) + (from.charAt(i - 1) === to.charAt(j - 1) ? 0 : 1);
      row.push(Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1));
    }
    previous = row;
  }
  return previous[to.length] as number;
}
