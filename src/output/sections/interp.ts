/** .interp: the path of the loader (gABI ch. 5, Program Interpreter). */
import { SHF_ALLOC, SHT_PROGBITS } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

export function interpSection(path: string): OwnSection {
  const bytes = Buffer.from(`${path}\0`);
  return {
    id: "interp",
    type: SHT_PROGBITS,
    flags: SHF_ALLOC,
    alignment: 1,
    size: bytes.length,
    contents: () => bytes,
  };
}
