/** The ELF header and the program headers after it (gABI ch. 4, ELF Header; ch. 5, Program Header). */
import * as elf from "../elf/constants.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { Elf64_Ehdr, Elf64_Phdr, Elf64_Shdr } from "../elf/records.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Target } from "../targets/target.ts";
import type { Placed } from "./placed-section.ts";
import { sectionNumbers } from "./section-headers.ts";

/** Bytes of the ELF header and so many program headers. */
export const headerSize = (segments: number): number => Elf64_Ehdr.sizeof + segments * Elf64_Phdr.sizeof;

export interface HeaderFacts {
  readonly placed: Placed;
  readonly segments: readonly ElfSegment[];
  readonly sectionHeadersOffset: number;
  readonly entry: number;
  /** Whether symbols are there that only GNU's loader knows: STT_GNU_IFUNC, STB_GNU_UNIQUE. */
  readonly hasGnuSymbols: boolean;
}

export function elfHeader(facts: HeaderFacts, options: LinkOptions, target: Target): Uint8Array {
  const { placed, segments } = facts;
  const { e_shnum, e_shstrndx } = sectionNumbers(placed);
  const bytes = new Uint8Array(headerSize(segments.length));
  const view = new DataView(bytes.buffer);
  const abi = facts.hasGnuSymbols ? elf.ELFOSABI_GNU : elf.ELFOSABI_NONE;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EV_CURRENT, abi]);
  const u16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  u16(Elf64_Ehdr.e_type, options.outputKind === "exec" ? elf.ET_EXEC : elf.ET_DYN);
  u16(Elf64_Ehdr.e_machine, target.machine);
  u32(Elf64_Ehdr.e_version, elf.EV_CURRENT);
  u64(Elf64_Ehdr.e_entry, facts.entry);
  u64(Elf64_Ehdr.e_phoff, Elf64_Ehdr.sizeof);
  u64(Elf64_Ehdr.e_shoff, facts.sectionHeadersOffset);
  u16(Elf64_Ehdr.e_ehsize, Elf64_Ehdr.sizeof);
  u16(Elf64_Ehdr.e_phentsize, Elf64_Phdr.sizeof);
  u16(Elf64_Ehdr.e_phnum, segments.length);
  u16(Elf64_Ehdr.e_shentsize, Elf64_Shdr.sizeof);
  u16(Elf64_Ehdr.e_shnum, e_shnum);
  u16(Elf64_Ehdr.e_shstrndx, e_shstrndx);
  for (const [i, segment] of segments.entries()) {
    const at = headerSize(i);
    u32(at + Elf64_Phdr.p_type, segment.type);
    u32(at + Elf64_Phdr.p_flags, segment.flags);
    u64(at + Elf64_Phdr.p_offset, segment.offset);
    u64(at + Elf64_Phdr.p_vaddr, segment.address);
    u64(at + Elf64_Phdr.p_paddr, segment.loadAddress ?? segment.address);
    u64(at + Elf64_Phdr.p_filesz, segment.fileSize);
    u64(at + Elf64_Phdr.p_memsz, segment.memorySize);
    u64(at + Elf64_Phdr.p_align, segment.alignment);
  }
  return bytes;
}
