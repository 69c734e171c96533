/** .rela.dyn, .rela.plt and .relr.dyn: what the loader relocates (gABI ch. 4, Relocation; SHT_RELR). */
import { SHF_ALLOC, SHF_INFO_LINK, SHT_RELA, SHT_RELR } from "../../elf/constants.ts";
import { Elf64_Rela, Elf64_Relr } from "../../elf/records.ts";
import type { OwnSection } from "./own-section.ts";

export function relaDynSection(count: number): OwnSection {
  return {
    id: "relaDyn",
    type: SHT_RELA,
    flags: SHF_ALLOC,
    alignment: 8,
    size: count * Elf64_Rela.sizeof,
    entsize: Elf64_Rela.sizeof,
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
    size: count * Elf64_Rela.sizeof,
    entsize: Elf64_Rela.sizeof,
    link: "dynsym",
    info: (placed) => placed.indexOf("gotPlt"),
  };
}

/** How many words it has depends on the order of sections, so layout knows. */
export const relrSection: OwnSection = {
  id: "relr",
  type: SHT_RELR,
  flags: SHF_ALLOC,
  alignment: Elf64_Relr.sizeof,
  entsize: Elf64_Relr.sizeof,
};

/** Bytes of .relr.dyn. */
export function relrSize(words: number): number {
  return words * Elf64_Relr.sizeof;
}
