/**
 * An output without headers (`--oformat=binary`): the sections that are loaded and have contents, each as far from the
 * beginning as its load address is from the lowest one, as GNU ld and objcopy write it. Made of the linked ELF file.
 */
import { readSync } from "node:fs";

import { SHF_ALLOC, SHT_NOBITS } from "../elf/constants.ts";
import { IoError } from "../staging/index.ts";
import { OutputFile } from "./output-file.ts";
import type { PlacedSection } from "./placed-section.ts";

const COPY_BYTES = 1 << 20;

const loadedFrom = ({ loadAddress, address }: PlacedSection): number => loadAddress ?? address;

/** @throws IoError as OutputFile; also where load addresses are so far apart that the disk has no room */
export function binaryImage(linked: OutputFile, sections: readonly PlacedSection[]): OutputFile {
  const loaded = sections.filter(
    ({ flags, type, size }) => (flags & SHF_ALLOC) !== 0 && type !== SHT_NOBITS && size > 0,
  );
  const lowest = loaded.reduce((least, section) => Math.min(least, loadedFrom(section)), Infinity);
  const end = loaded.reduce((most, section) => Math.max(most, loadedFrom(section) + section.size), lowest);
  const output = OutputFile.create(linked.target, loaded.length === 0 ? 0 : end - lowest);
  try {
    for (const section of loaded) copySection(linked, output, section, loadedFrom(section) - lowest);
  } catch (error) {
    output[Symbol.dispose]();
    throw error;
  }
  return output;
}

function copySection(linked: OutputFile, output: OutputFile, { offset, size }: PlacedSection, to: number): void {
  const buffer = new Uint8Array(Math.min(COPY_BYTES, size));
  for (let done = 0; done < size;) {
    const count = readSync(linked.fd, buffer, 0, Math.min(buffer.length, size - done), offset + done);
    if (count === 0) throw new IoError({ code: "EIO", syscall: "read", path: linked.path });
    output.write(buffer.subarray(0, count), to + done);
    done += count;
  }
}
