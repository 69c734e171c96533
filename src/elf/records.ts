/**
 * Structures of ELF files with 64 bits, little-endian, as they are on disk: the offset of each field, in bytes, and
 * the size of the whole (gABI ch. 4 and 5; versions: LSB Core, Symbol Versioning). Names are the specifications'.
 */

export const Elf64_Ehdr = {
  e_ident: 0,
  e_type: 16,
  e_machine: 18,
  e_version: 20,
  e_entry: 24,
  e_phoff: 32,
  e_shoff: 40,
  e_flags: 48,
  e_ehsize: 52,
  e_phentsize: 54,
  e_phnum: 56,
  e_shentsize: 58,
  e_shnum: 60,
  e_shstrndx: 62,
  sizeof: 64,
} as const;

export const Elf64_Shdr = {
  sh_name: 0,
  sh_type: 4,
  sh_flags: 8,
  sh_addr: 16,
  sh_offset: 24,
  sh_size: 32,
  sh_link: 40,
  sh_info: 44,
  sh_addralign: 48,
  sh_entsize: 56,
  sizeof: 64,
} as const;

export const Elf64_Phdr = {
  p_type: 0,
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_paddr: 24,
  p_filesz: 32,
  p_memsz: 40,
  p_align: 48,
  sizeof: 56,
} as const;

export const Elf64_Sym = {
  st_name: 0,
  st_info: 4,
  st_other: 5,
  st_shndx: 6,
  st_value: 8,
  st_size: 16,
  sizeof: 24,
} as const;

/** r_info is two numbers here: the type is its lower half, the symbol its upper one. */
export const Elf64_Rela = { r_offset: 0, r_type: 8, r_sym: 12, r_addend: 16, sizeof: 24 } as const;

export const Elf64_Dyn = { d_tag: 0, d_val: 8, sizeof: 16 } as const;

export const Elf64_Chdr = { ch_type: 0, ch_size: 8, ch_addralign: 16, sizeof: 24 } as const;

export const Elf64_Verdef = {
  vd_version: 0,
  vd_flags: 2,
  vd_ndx: 4,
  vd_cnt: 6,
  vd_hash: 8,
  vd_aux: 12,
  vd_next: 16,
  sizeof: 20,
} as const;

export const Elf64_Verdaux = { vda_name: 0, vda_next: 4, sizeof: 8 } as const;

export const Elf64_Verneed = { vn_version: 0, vn_cnt: 2, vn_file: 4, vn_aux: 8, vn_next: 12, sizeof: 16 } as const;

export const Elf64_Vernaux = {
  vna_hash: 0,
  vna_flags: 4,
  vna_other: 6,
  vna_name: 8,
  vna_next: 12,
  sizeof: 16,
} as const;

/** A row of .relr.dyn: an address, or a bitmap. */
export const Elf64_Relr = { sizeof: 8 } as const;
