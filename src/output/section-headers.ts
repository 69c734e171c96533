/** The section header table (gABI ch. 4, Sections). */
import { SHN_LORESERVE, SHN_XINDEX } from "../elf/constants.ts";
import { Elf64_Shdr } from "../elf/records.ts";
import { alignUp } from "./place.ts";
import type { Placed, PlacedSection } from "./placed-section.ts";
import type { OwnSections } from "./sections/own-section.ts";
import type { StringTable } from "./sections/string-table.ts";

const ALIGNMENT = 8;

/** Where the table is, after all sections, and how many bytes the file has with it. */
export function placeSectionHeaders(
  placed: Placed,
  fileEnd: number,
): { readonly sectionHeadersOffset: number; readonly size: number } {
  const sectionHeadersOffset = alignUp(fileEnd, ALIGNMENT);
  return { sectionHeadersOffset, size: sectionHeadersOffset + (placed.sections.length + 1) * Elf64_Shdr.sizeof };
}

/** Counts and indices that are too large for the ELF header are in the null header (gABI ch. 4, extended numbering). */
export interface SectionNumbers {
  readonly e_shnum: number;
  readonly e_shstrndx: number;
  readonly nullSize: number;
  readonly nullLink: number;
}

export function sectionNumbers(placed: Placed): SectionNumbers {
  const count = placed.sections.length + 1;
  const names = placed.indexOf("shstrtab");
  const isLarge = count >= SHN_LORESERVE;
  return {
    e_shnum: isLarge ? 0 : count,
    e_shstrndx: names >= SHN_LORESERVE ? SHN_XINDEX : names,
    nullSize: isLarge ? count : 0,
    nullLink: names >= SHN_LORESERVE ? names : 0,
  };
}

export function sectionHeaders(placed: Placed, own: OwnSections, names: StringTable): Uint8Array {
  const view = new DataView(new ArrayBuffer((placed.sections.length + 1) * Elf64_Shdr.sizeof));
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  const { nullSize, nullLink } = sectionNumbers(placed);
  u64(Elf64_Shdr.sh_size, nullSize);
  u32(Elf64_Shdr.sh_link, nullLink);
  for (const section of placed.sections) {
    const at = section.index * Elf64_Shdr.sizeof;
    const { link, info } = linksOf(section, placed, own);
    u32(at + Elf64_Shdr.sh_name, names.offsetOf(section.name));
    u32(at + Elf64_Shdr.sh_type, section.type);
    u64(at + Elf64_Shdr.sh_flags, section.flags);
    u64(at + Elf64_Shdr.sh_addr, section.address);
    u64(at + Elf64_Shdr.sh_offset, section.offset);
    u64(at + Elf64_Shdr.sh_size, section.size);
    u32(at + Elf64_Shdr.sh_link, link);
    u32(at + Elf64_Shdr.sh_info, info);
    u64(at + Elf64_Shdr.sh_addralign, section.alignment);
    u64(at + Elf64_Shdr.sh_entsize, section.entsize);
  }
  return new Uint8Array(view.buffer);
}

/** sh_link and sh_info. */
function linksOf({ parts }: PlacedSection, placed: Placed, own: OwnSections): { link: number; info: number } {
  for (const part of parts) {
    const ordering = part.bucket?.orderedBy;
    if (ordering !== undefined) return { link: placed.indexOfBucket(ordering), info: 0 };
    const section = part.own === undefined ? undefined : own.get(part.own);
    if (section === undefined) continue;
    const info = section.info?.(placed) ?? 0;
    return { link: section.link === undefined ? 0 : placed.indexOf(section.link), info };
  }
  return { link: 0, info: 0 };
}
