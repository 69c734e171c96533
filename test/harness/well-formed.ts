/** Asks independent readers whether a file is a well-formed ELF image. */
import { readFile } from "node:fs/promises";
import { expect } from "vitest";

import { elfyCounts, readelf } from "./oracles.ts";

/** readelf has nothing to complain about, and elfy counts as many sections and segments as readelf. */
export async function expectWellFormed(file: string): Promise<void> {
  const { text, complaints } = await readelf(file);
  expect(complaints, file).toEqual([]);
  const count = (what: string): number => Number(new RegExp(`Number of ${what} headers: +(\\d+)`).exec(text)?.[1]);
  const counted = { sections: count("section"), segments: count("program") };
  expect(await elfyCounts(await readFile(file)), file).toEqual(counted);
}
