/** Asks independent readers whether a file is a well-formed ELF image. */
import { readFile } from "node:fs/promises";
import { expect } from "vitest";

import { readelf, viewByElfy, viewByReadelf } from "./oracles.ts";

/**
 * readelf has nothing to complain about, and elfy reads the same names, addresses, sizes, flags and symbols as readelf
 * does. Both print what is in the headers: that these are right is seen where programs run and are compared.
 */
export async function expectWellFormed(file: string): Promise<void> {
  const { text, complaints } = await readelf(file);
  expect(complaints, file).toEqual([]);
  const count = (what: string): number => Number(new RegExp(`Number of ${what} headers: +(\\d+)`).exec(text)?.[1]);
  const printed = viewByReadelf((await readelf(file, "-SlsW", "--sym-base=0")).text);
  // That the reading of what readelf prints has left no row out:
  expect(printed.sections.length, file).toBe(count("section"));
  expect(printed.segments.length, file).toBe(count("program"));
  const read = await viewByElfy(await readFile(file));
  const plainSymbols = read.symbols.map(({ name, ...row }) => ({ name: name.replace(/(?!^)@.*/, ""), ...row }));
  // readelf names section symbols after their sections.
  const named = printed.symbols.map((row, i) => (plainSymbols[i]?.name === "" ? { ...row, name: "" } : row));
  expect({ ...read, symbols: plainSymbols }, file).toEqual({ ...printed, symbols: named });
}
