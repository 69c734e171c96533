/** The pages about options, made from their tables: docs/options.md and docs/compatibility.md. */
import { type Outcome, type Status } from "../options/status.ts";
import { type Group, groupTitles, type OptionRow, optionTable } from "../options/table.ts";
import { spellZ, zTable } from "../options/z-keywords.ts";
import { helpWithRemark, spellAll } from "./help.ts";

/** docs/options.md: the same as `--help`, as a page. */
export function optionsPage(): string {
  const groups = (Object.keys(groupTitles) as Group[]).map((group) => {
    const rows = optionTable.filter((row) => row.group === group);
    return `## ${groupTitles[group]}\n\n${rows.map(itemOfRow).join("")}`;
  });
  return (
    "# Options of the linker\n\n" +
    "Written from the option table by `npm run generate`. Long options take one dash or two, except those that " +
    "begin with `o`. What is not done, and why, is in [compatibility.md](compatibility.md).\n\n" +
    groups.join("\n")
  );
}

function itemOfRow(row: OptionRow): string {
  return `- ${codeList(spellAll(row))}: ${markCode(helpWithRemark(row))}\n`;
}

type Undone = Exclude<Status["is"], "done">;

const headings: Readonly<Record<Undone, string>> = {
  refused: "## Options that are refused\n\nWith an error: the output would not be what was asked for.",
  warned: "## Options that are ignored with a warning\n\nThe output is right, but not as it was asked for.",
  ignored:
    "## Options that are accepted without effect\n\nWithout a warning: the output means the same, though `-O` and page sizes may change how GNU ld lays it out.",
};

/** docs/compatibility.md: the differences from GNU ld that are no options, as they were written, and those that are. */
export function compatibilityPage(differences: string): string {
  const head =
    "# Compatibility\n\n" +
    "Written by `npm run generate` from the option tables and docs/differences.md.\n\n" +
    "Spore takes GNU ld's command line for x86-64 ELF; [options.md](options.md) lists all of it. An option that is " +
    "accepted does what it says, is ignored with a warning that says so, or is refused with an error. What is " +
    "ignored without one asks for nothing that is not so already, and is listed below with the reason: nothing is " +
    "silent.\n\n";
  const tables = (Object.keys(headings) as Undone[]).map((is) => `${headings[is]}\n\n${statusTable(is)}`);
  return head + [differences, ...tables].join("\n");
}

/** The options of a status, those with one reason in one row. */
function statusTable(is: Undone): string {
  const spellings = new Map<string, string[]>();
  const add = (spelled: readonly string[], valueOf: (value: string) => string, { status, statusOf }: Outcome): void => {
    if (status.is === is) addTo(spellings, status.why, spelled);
    for (const [value, of] of Object.entries(statusOf)) if (of.is === is) addTo(spellings, of.why, [valueOf(value)]);
  };
  for (const row of optionTable) add(spellAll(row), (value) => `--${row.names[0]}=${value}`, row);
  for (const row of zTable) add([`-z ${spellZ(row)}`], (value) => `-z ${row.keyword}=${value}`, row);
  const rows = [...spellings].map(([why, spelled]) => `| ${codeList(spelled)} | ${markCode(why)} |\n`);
  return `| option | why |\n|---|---|\n${rows.join("")}`;
}

function addTo(spellings: Map<string, string[]>, why: string, spelled: readonly string[]): void {
  const known = spellings.get(why);
  if (known === undefined) spellings.set(why, [...spelled]);
  else known.push(...spelled);
}

const codeList = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ");

/** Names of options, files, sections and symbols within a sentence. */
const markCode = (text: string): string =>
  text.replaceAll(/(?<![\w`-])(?:--?[A-Za-z][\w-]+|[\w.]*[._]\w[\w.]*)/g, "`$&`");
