/** .copyrel and .copyrel.rel.ro: room for data of shared objects that code of the executable refers to directly. */
import { SHF_ALLOC, SHF_WRITE, SHT_NOBITS } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

/** @param log2 of the alignment */
export function copySection(id: "copy" | "copyRelro", size: number, log2: number): OwnSection {
  return { id, type: SHT_NOBITS, flags: SHF_ALLOC | SHF_WRITE, alignment: 2 ** log2, size };
}
