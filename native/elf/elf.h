// On-disk structures and numbers of ELF64, with the names of the gABI and of the GNU extensions.
#pragma once

#include <cstdint>

#include "elf/bytes.h"

namespace spore {

struct Elf64_Ehdr {
  uint8_t e_ident[16];
  uint16_t e_type, e_machine;
  uint32_t e_version;
  uint64_t e_entry, e_phoff, e_shoff;
  uint32_t e_flags;
  uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};

struct Elf64_Shdr {
  uint32_t sh_name, sh_type;
  uint64_t sh_flags, sh_addr, sh_offset, sh_size;
  uint32_t sh_link, sh_info;
  uint64_t sh_addralign, sh_entsize;

  static Elf64_Shdr load_fields(const uint8_t *at) {
    return {load<uint32_t>(at),      load<uint32_t>(at + 4),  load<uint64_t>(at + 8),  load<uint64_t>(at + 16),
            load<uint64_t>(at + 24), load<uint64_t>(at + 32), load<uint32_t>(at + 40), load<uint32_t>(at + 44),
            load<uint64_t>(at + 48), load<uint64_t>(at + 56)};
  }
};

struct Elf64_Sym {
  uint32_t st_name;
  uint8_t st_info, st_other;
  uint16_t st_shndx;
  uint64_t st_value, st_size;

  uint8_t type() const { return st_info & 15; }
  uint8_t binding() const { return st_info >> 4; }
  uint8_t visibility() const { return st_other & 3; }

  static Elf64_Sym load_fields(const uint8_t *at) {
    return {load<uint32_t>(at),     load<uint8_t>(at + 4),  load<uint8_t>(at + 5),
            load<uint16_t>(at + 6), load<uint64_t>(at + 8), load<uint64_t>(at + 16)};
  }
};

struct Elf64_Rela {
  uint64_t r_offset;
  uint64_t r_info;
  int64_t r_addend;

  uint32_t symbol() const { return static_cast<uint32_t>(r_info >> 32); }
  uint32_t type() const { return static_cast<uint32_t>(r_info); }

  static Elf64_Rela load_fields(const uint8_t *at) {
    return {load<uint64_t>(at), load<uint64_t>(at + 8), load<int64_t>(at + 16)};
  }
};

struct Elf64_Chdr {
  uint32_t ch_type, ch_reserved;
  uint64_t ch_size, ch_addralign;
};

struct Elf64_Dyn {
  int64_t d_tag;
  uint64_t d_val;
};

struct Elf64_Verdef {
  uint16_t vd_version, vd_flags, vd_ndx, vd_cnt;
  uint32_t vd_hash, vd_aux, vd_next;
};

struct Elf64_Verdaux {
  uint32_t vda_name, vda_next;
};

static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Shdr) == 64 && sizeof(Elf64_Sym) == 24);
static_assert(sizeof(Elf64_Chdr) == 24 && sizeof(Elf64_Rela) == 24 && sizeof(Elf64_Verdef) == 20 &&
              sizeof(Elf64_Verdaux) == 8);

enum : uint16_t { ET_REL = 1, ET_EXEC = 2, ET_DYN = 3 };
enum : uint16_t { EM_X86_64 = 62 };
enum : uint16_t { SHN_UNDEF = 0, SHN_LORESERVE = 0xff00, SHN_ABS = 0xfff1, SHN_COMMON = 0xfff2, SHN_XINDEX = 0xffff };
enum : uint32_t { SHF_X86_64_LARGE = 0x10000000 }; // psABI x86-64: of the medium and the large model
enum : uint16_t { SHN_X86_64_LCOMMON = 0xff02 }; // psABI x86-64: common symbols of the medium and the large model
enum : uint32_t {
  SHT_NULL = 0,
  SHT_PROGBITS = 1,
  SHT_SYMTAB = 2,
  SHT_STRTAB = 3,
  SHT_RELA = 4,
  SHT_HASH = 5,
  SHT_DYNAMIC = 6,
  SHT_NOTE = 7,
  SHT_NOBITS = 8,
  SHT_REL = 9,
  SHT_DYNSYM = 11,
  SHT_INIT_ARRAY = 14,
  SHT_FINI_ARRAY = 15,
  SHT_PREINIT_ARRAY = 16,
  SHT_GROUP = 17,
  SHT_SYMTAB_SHNDX = 18,
  SHT_RELR = 19,
  SHT_CREL = 0x40000014,
  SHT_LLVM_ADDRSIG = 0x6fff4c03,
  SHT_LLVM_CALL_GRAPH_PROFILE = 0x6fff4c09,
  SHT_GNU_VERDEF = 0x6ffffffd,
  SHT_GNU_VERNEED = 0x6ffffffe,
  SHT_GNU_VERSYM = 0x6fffffff,
  SHT_X86_64_UNWIND = 0x70000001,
};
enum : uint64_t {
  SHF_WRITE = 1,
  SHF_ALLOC = 2,
  SHF_EXECINSTR = 4,
  SHF_MERGE = 0x10,
  SHF_STRINGS = 0x20,
  SHF_INFO_LINK = 0x40,
  SHF_LINK_ORDER = 0x80,
  SHF_GROUP = 0x200,
  SHF_TLS = 0x400,
  SHF_COMPRESSED = 0x800,
  SHF_GNU_RETAIN = 0x200000,
  SHF_EXCLUDE = 0x80000000,
};
enum : int64_t { DT_NULL = 0, DT_NEEDED = 1, DT_SONAME = 14, DT_RPATH = 15, DT_RUNPATH = 29, DT_FLAGS_1 = 0x6ffffffb };
enum : uint64_t { DF_1_PIE = 0x08000000 };
enum : uint32_t { GRP_COMDAT = 1 };
enum : uint32_t { ELFCOMPRESS_ZLIB = 1, ELFCOMPRESS_ZSTD = 2 };
enum : uint8_t { STB_LOCAL = 0, STB_GLOBAL = 1, STB_WEAK = 2, STB_GNU_UNIQUE = 10 };
enum : uint8_t {
  STT_NOTYPE = 0,
  STT_OBJECT = 1,
  STT_FUNC = 2,
  STT_SECTION = 3,
  STT_FILE = 4,
  STT_COMMON = 5,
  STT_TLS = 6,
  STT_GNU_IFUNC = 10,
};
enum : uint8_t { STV_DEFAULT = 0, STV_INTERNAL = 1, STV_HIDDEN = 2, STV_PROTECTED = 3 };
enum : uint16_t { VER_NDX_LOCAL = 0, VER_NDX_GLOBAL = 1, VERSYM_HIDDEN = 0x8000 };

} // namespace spore
