/** .dynsym and .symtab with its names and section indices (gABI ch. 4, Symbol Table). */
import { SHF_ALLOC, SHT_DYNSYM, SHT_STRTAB, SHT_SYMTAB, SHT_SYMTAB_SHNDX } from "../../elf/constants.ts";
import { Elf64_Sym } from "../../elf/records.ts";
import type { OwnSection } from "./own-section.ts";

const INDEX = 4;

/** @param count with the null symbol */
export function dynsymSection(count: number): OwnSection {
  return {
    id: "dynsym",
    type: SHT_DYNSYM,
    flags: SHF_ALLOC,
    alignment: 8,
    size: count * Elf64_Sym.sizeof,
    entsize: Elf64_Sym.sizeof,
    link: "dynstr",
    info: () => 1,
  };
}

/** @param count symbols with the null symbol; @param locals those that are local, which come first */
export function symtabSection(count: number, locals: number): OwnSection {
  return {
    id: "symtab",
    type: SHT_SYMTAB,
    flags: 0,
    alignment: 8,
    size: count * Elf64_Sym.sizeof,
    entsize: Elf64_Sym.sizeof,
    link: "strtab",
    info: () => locals,
  };
}

/** What st_shndx has no room for, where there are more than 65,279 sections. */
export function symtabIndicesSection(count: number): OwnSection {
  return {
    id: "symtabIndices",
    type: SHT_SYMTAB_SHNDX,
    flags: 0,
    alignment: 4,
    size: count * INDEX,
    entsize: INDEX,
    link: "symtab",
  };
}

export function strtabSection(size: number): OwnSection {
  return { id: "strtab", type: SHT_STRTAB, flags: 0, alignment: 1, size };
}

/** The names of sections; layout knows them. */
export const shstrtabSection: OwnSection = { id: "shstrtab", type: SHT_STRTAB, flags: 0, alignment: 1 };
