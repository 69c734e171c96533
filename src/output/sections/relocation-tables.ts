/** .rela.dyn, .rela.plt and .relr.dyn: what the loader relocates (gABI ch. 4, Relocation; SHT_RELR). */
import { SHF_ALLOC, SHF_INFO_LINK, SHT_RELA, SHT_RELR } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

const RELA = 24;
const WORD = 8;

export function relaDynSection(count: number): OwnSection {
  return {
    id: "relaDyn",
    type: SHT_RELA,
    flags: SHF_ALLOC,
    alignment: 8,
    size: count * RELA,
    entsize: RELA,
    link: "dynsym",
  };
}

/** @param count entries of .plt */
export function relaPltSection(count: number): OwnSection {
  return {
    id: "relaPlt",
    type: SHT_RELA,
    flags: SHF_ALLOC | SHF_INFO_LINK,
    alignment: 8,
    size: count * RELA,
    entsize: RELA,
    link: "dynsym",
    info: (placed) => placed.indexOf("gotPlt"),
  };
}

/** How many words it has depends on the order of sections, so layout knows. */
export const relrSection: OwnSection = {
  id: "relr",
  type: SHT_RELR,
  flags: SHF_ALLOC,
  alignment: WORD,
  entsize: WORD,
};

/** Bytes of .relr.dyn. */
export function relrSize(words: number): number {
  return words * WORD;
}
