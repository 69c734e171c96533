/** What --format=binary makes of any file, as GNU ld does: an object with its bytes in .data and names for them. */
import { SHF_ALLOC, SHF_WRITE, SHN_ABS, STB_GLOBAL } from "../elf/constants.ts";
import type { Arena } from "../staging/index.ts";
import { type ArenaObject, writeObject } from "./arena-object.ts";

/** `_binary_NAME_start`, `_end` and `_size`: each byte of the path that is no letter or digit is an underscore. */
export function binaryObject(arena: Arena, path: string, contents: Uint8Array): ArenaObject {
  const name = `_binary_${Buffer.from(path)
    .toString("latin1")
    .replace(/[^A-Za-z0-9]/g, "_")}`;
  const symbol = (suffix: string, section: number, value: number) => ({
    name: `${name}_${suffix}`,
    binding: STB_GLOBAL,
    section,
    value,
  });
  return writeObject(
    arena,
    [{ name: ".data", flags: SHF_ALLOC | SHF_WRITE, contents }],
    [symbol("start", 1, 0), symbol("size", SHN_ABS, contents.length), symbol("end", 1, contents.length)],
  );
}
