/** The ELF header and the program headers after it (gABI ch. 4, ELF Header; ch. 5, Program Header). */
import * as elf from "../elf/constants.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { Target } from "../targets/target.ts";
import type { Placed } from "./placed-section.ts";
import type { ProgramHeader } from "./program-headers.ts";
import { sectionNumbers, SHDR } from "./section-headers.ts";

export const EHDR = 64;
export const PHDR = 56;

export interface HeaderFacts {
  readonly placed: Placed;
  readonly segments: readonly ProgramHeader[];
  readonly sectionHeadersOffset: number;
  readonly entry: number;
  /** Whether symbols are there that only GNU's loader knows: STT_GNU_IFUNC, STB_GNU_UNIQUE. */
  readonly hasGnuSymbols: boolean;
}

export function elfHeader(facts: HeaderFacts, options: LinkOptions, target: Target): Uint8Array {
  const { placed, segments } = facts;
  const { e_shnum, e_shstrndx } = sectionNumbers(placed);
  const bytes = new Uint8Array(EHDR + segments.length * PHDR);
  const view = new DataView(bytes.buffer);
  const abi = facts.hasGnuSymbols ? elf.ELFOSABI_GNU : elf.ELFOSABI_NONE;
  bytes.set([0x7f, 0x45, 0x4c, 0x46, elf.ELFCLASS64, elf.ELFDATA2LSB, elf.EV_CURRENT, abi]);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  view.setUint16(16, options.outputKind === "exec" ? elf.ET_EXEC : elf.ET_DYN, true);
  view.setUint16(18, target.machine, true);
  view.setUint32(20, elf.EV_CURRENT, true);
  u64(24, facts.entry);
  u64(32, EHDR);
  u64(40, facts.sectionHeadersOffset);
  view.setUint16(52, EHDR, true);
  view.setUint16(54, PHDR, true);
  view.setUint16(56, segments.length, true);
  view.setUint16(58, SHDR, true);
  view.setUint16(60, e_shnum, true);
  view.setUint16(62, e_shstrndx, true);
  for (const [i, segment] of segments.entries()) {
    const at = EHDR + i * PHDR;
    view.setUint32(at, segment.type, true);
    view.setUint32(at + 4, segment.flags, true);
    u64(at + 8, segment.offset);
    u64(at + 16, segment.address);
    u64(at + 24, segment.address);
    u64(at + 32, segment.fileSize);
    u64(at + 40, segment.memorySize);
    u64(at + 48, segment.alignment);
  }
  return bytes;
}
