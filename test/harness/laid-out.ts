/** Where everything is in a linked file, as readelf says it: what two linkers that follow one script agree on. */
import { readFile } from "node:fs/promises";

import { readelf } from "./oracles.ts";

export interface LaidOut {
  /** `value kind section name`, by value. */
  readonly symbols: readonly string[];
  /** `name type address size flags alignment`, in order. */
  readonly sections: readonly string[];
  /** `type address load-address file-size memory-size flags`, in order. */
  readonly segments: readonly string[];
  /** Bytes of each section that has contents, in hexadecimal. */
  readonly contents: ReadonlyMap<string, string>;
}

/** Tables that hold no two linkers' same bytes. */
const tables: ReadonlySet<string> = new Set([".symtab", ".strtab", ".shstrtab"]);

export async function laidOut(file: string): Promise<LaidOut> {
  const { text } = await readelf(file, "-SlsW");
  const bytes = await readFile(file);
  const names: string[] = [];
  const sections: string[] = [];
  const contents = new Map<string, string>();
  const segments: string[] = [];
  const symbols: string[] = [];
  for (const line of text.split("\n")) {
    const section =
      /^ +\[ *(\d+)\] (\S*) +(\S+) +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ +([A-Zl]*) +\d+ +\d+ +(\d+)$/.exec(
        line,
      );
    if (section !== null) {
      const [, index = "", name = "", type = "", address = "", offset = "", size = "", flags = "", alignment = ""] =
        section;
      names[Number(index)] = name;
      if (tables.has(name) || type === "NULL") continue;
      sections.push(`${name} ${type} ${address} ${size} ${flags} ${alignment}`);
      const begin = Number.parseInt(offset, 16);
      if (type !== "NOBITS")
        contents.set(name, bytes.subarray(begin, begin + Number.parseInt(size, 16)).toString("hex"));
      continue;
    }
    const segment =
      /^ +([A-Z_]+) +0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) 0x([0-9a-f]+) ([RWE ]{3}) 0x/.exec(line);
    if (segment !== null) {
      const [, type, address, loadAddress, fileSize, memorySize, flags = ""] = segment;
      segments.push(`${type} ${address} ${loadAddress} ${fileSize} ${memorySize} ${flags.trim()}`);
      continue;
    }
    const symbol = /^ +\d+: ([0-9a-f]+) +\S+ (\S+) +(\S+) +\S+ +(\S+) (\S+)$/.exec(line);
    if (symbol === null) continue;
    const [, value = "", type = "", binding = "", where = "", name = ""] = symbol;
    if (type === "FILE" || type === "SECTION" || where === "UND") continue;
    symbols.push(`${value} ${binding} ${names[Number(where)] ?? where} ${name}`);
  }
  return { symbols: symbols.toSorted(), sections, segments, contents };
}
