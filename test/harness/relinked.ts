/** What -r makes, looked at by others: readelf, GNU ld's own -r, and every linker that makes a program of it. */
import { expect } from "vitest";

import { bfd, gold, isInstalled, lld, mold, readelf, spore, symbols } from "./oracles.ts";
import { lacks } from "./requirements.ts";
import type { Scratch } from "./scratch.ts";

/** Those that are there; it is said which are not. */
export const relinkers = [bfd, lld, mold, gold, spore].filter(
  ({ path }) => isInstalled(path) || lacks([{ needs: path, from: path.replace(/^ld\./, "") }]),
);

export interface Relink {
  /** Of `ld -r`. */
  readonly flags?: readonly string[];
  /** Of the driver that makes the program. */
  readonly programFlags?: readonly string[];
}

/** `ld -r` by Spore. Throws with its messages when it fails. */
export async function relocatable(
  dir: Scratch,
  inputs: readonly string[],
  flags: readonly string[] = [],
  output = "r.o",
): Promise<string> {
  const ended = await dir.linkDirectly(spore, ["-r", ...flags, ...inputs, "-o", output], { unlike: "relocatable" });
  if (ended.status !== 0) throw new Error(`ld -r ended with status ${ended.status}\n${ended.stderr}`);
  const { complaints } = await readelf(dir.file(output));
  expect(complaints).toEqual([]);
  return output;
}

/** Expects that the program of what -r made of the inputs does the same as that of the inputs, whoever links it. */
export async function expectRelinked(dir: Scratch, inputs: readonly string[], relink: Relink = {}): Promise<void> {
  const { flags = [], programFlags = [] } = relink;
  const direct = await dir.linkAndRun(bfd, inputs, { flags: programFlags, output: "direct" });
  const object = await relocatable(dir, inputs, flags);
  const again = await relocatable(dir, [object], flags, "again.o");
  for (const linker of relinkers)
    for (const made of [object, again]) {
      const ended = await dir.linkAndRun(linker, [made], {
        flags: programFlags,
        output: "relinked",
        driver: "g++",
        unlike: "GNU ld orders nothing here as it would have ordered the inputs",
      });
      expect(ended, `${made} by ${linker.name}`).toMatchObject({ status: direct.status, stdout: direct.stdout });
    }
}

/** `NAME TYPE FLAGS ENTSIZE` of each section; of no use are those of symbols and their names. */
export async function sectionsOf(file: string): Promise<string[]> {
  const { text } = await readelf(file, "-SW");
  return [...text.matchAll(/^ *\[ *\d+\] (\S+) +([A-Z_]+) +\w+ \w+ \w+ (\w\w) +([A-Zalopx]*) +\d+ +\d+ +\d+$/gm)]
    .map(([, name, type, entsize, flags]) => `${name} ${type} ${flags} ${entsize}`)
    .filter((line) => !/^\.(symtab|symtab_shndx|strtab|shstrtab) /.test(line))
    .toSorted();
}

/** `NAME TYPE BIND VISIBILITY SIZE WHERE` of each symbol but section symbols; WHERE is UND, ABS, COM or DEF. */
export async function symbolsOf(file: string): Promise<string[]> {
  const all = await symbols(file);
  return all
    .filter(({ type, name }) => type !== "SECTION" && type !== "FILE" && name !== "")
    .map(({ name, type, bind, visibility, size, section }) =>
      [name, type, bind, visibility, size, /^\d+$/.test(section) ? "DEF" : section].join(" "),
    )
    .toSorted();
}

/** Each group: its signature and its members. */
export async function groupsOf(file: string): Promise<string[]> {
  const { text } = await readelf(file, "-gW");
  return text
    .split(/\n(?=\S*\s*group section)/)
    .flatMap((part) => {
      const [, kind, signature] = /^(\w*)\s?group section.*\[(.*)\] contains/.exec(part) ?? [];
      const members = [...part.matchAll(/^ +\[ +\d+\] +(\S+)$/gm)].map(([, name]) => name);
      return signature === undefined ? [] : [`${kind} ${signature}: ${members.join(" ")}`];
    })
    .toSorted();
}
