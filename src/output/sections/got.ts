/** .got and .got.plt: addresses that the loader or the linker fills in (psABI 5.2, Global Offset Table). */
import { SHF_ALLOC, SHF_WRITE, SHT_PROGBITS } from "../../elf/constants.ts";
import type { Target } from "../../targets/target.ts";
import type { OwnSection } from "./own-section.ts";

const WORD = 8;

function table(id: "got" | "gotPlt", slots: number): OwnSection {
  return {
    id,
    type: SHT_PROGBITS,
    flags: SHF_ALLOC | SHF_WRITE,
    alignment: WORD,
    size: slots * WORD,
    entsize: WORD,
  };
}

export function gotSection(slots: number): OwnSection {
  return table("got", slots);
}

/** @param entries of .plt */
export function gotPltSection(entries: number, target: Target): OwnSection {
  return table("gotPlt", target.gotPltReserved + entries);
}
