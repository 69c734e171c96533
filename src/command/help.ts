/** What `--help`, `--version` and `-v` print, made from the option table. */
import { EMULATIONS, type Group, groupTitles, type OptionRow, optionTable } from "../options/table.ts";

/** The GNU ld whose options and scripts are the measure. */
const GNU_LD_VERSION = "2.40";

/**
 * The name under which build systems know this program, and what they look for: libtool and Meson "GNU", CMake "GNU
 * ld", the Linux kernel (scripts/ld-version.sh) a line of which "GNU ld" is the beginning and a version the end.
 */
export function versionText(version: string): string {
  return `GNU ld compatible: Spore ${version}, as of ${GNU_LD_VERSION}\n`;
}

/** `-V` lists the emulations, as GNU ld does. */
export function longVersionText(version: string): string {
  return `${versionText(version)}  Supported emulations:\n${EMULATIONS.map((name) => `   ${name}\n`).join("")}`;
}

const HELP_COLUMN = 30;
const WIDTH = 100;

/** `--help` of the linker. configure scripts search it for `supported targets: … elf` and for option names. */
export function helpText(program: string): string {
  const groups = Object.keys(groupTitles) as Group[];
  const sections = groups.map((group) => {
    const rows = optionTable.filter((row) => row.group === group);
    return `${groupTitles[group]}:\n${rows.map(helpOfRow).join("")}`;
  });
  return (
    `Usage: ${program} [options] file...\n\n` +
    `${sections.join("\n")}\n` +
    "  @FILE                       Read arguments from FILE\n\n" +
    `${program}: supported targets: elf64-x86-64\n` +
    `${program}: supported emulations: ${EMULATIONS.join(" ")}\n`
  );
}

/** An option as users type it, with its argument: `-o FILE`, `--build-id[=KIND]`. */
function spell(name: string, row: OptionRow): string {
  const dashes = name.length === 1 ? "-" : "--";
  if (row.form === "none") return dashes + name;
  if (row.form === "optional") return `${dashes}${name}[=${row.argument}]`;
  return name.length === 1 ? `-${name} ${row.argument}` : `--${name}=${row.argument}`;
}

/** All names of an option, short ones first. */
export function spellAll(row: OptionRow): string[] {
  const names = [...row.names].sort((a, b) => Number(a.length > 1) - Number(b.length > 1));
  return names.map((name) => spell(name, row));
}

const remarks = { done: "", ignored: "", refused: " (refused)", warned: " (ignored with a warning)" } as const;

/** What an option does, and whether it is done. */
export const helpWithRemark = ({ help, status }: OptionRow): string => help + remarks[status.is];

function helpOfRow(row: OptionRow): string {
  const spelled = spellAll(row).join(", ");
  const lines = wrap(helpWithRemark(row), WIDTH - HELP_COLUMN);
  const indent = " ".repeat(HELP_COLUMN);
  const isLong = spelled.length + 4 > HELP_COLUMN;
  const first = isLong ? `${wrap(spelled, WIDTH - 2).join("\n  ")}\n${indent}` : spelled.padEnd(HELP_COLUMN - 2);
  return `  ${first}${lines.join(`\n${indent}`)}\n`;
}

/** Breaks text between words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines;
}
