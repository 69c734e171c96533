// Small questions about input sections that several kernels ask.
#pragma once

#include <bit>
#include <vector>

#include "tables/file-view.h"

namespace spore {

// log2 of sh_addralign; 64 when it is not a power of two.
inline u32 alignment_log2(const Elf64_Shdr &h) {
  if (h.sh_addralign <= 1) return 0;
  return std::has_single_bit(h.sh_addralign) ? static_cast<u32>(std::countr_zero(h.sh_addralign)) : 64;
}

inline u64 align_up(u64 value, u32 log2) { return (value + ((u64{1} << log2) - 1)) & ~((u64{1} << log2) - 1); }

inline bool is_kept(const Tables &t, SectionId s) {
  return (t.section.flags.load(s) & (SectionFlags::LIVE | SectionFlags::DISCARDED)) == SectionFlags::LIVE;
}

// For each section of a file, the header index of its SHT_RELA section, or 0.
inline void find_relocation_sections(const FileView &file, std::vector<u32> &rela_of) {
  rela_of.assign(file.section_count, 0);
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type == SHT_RELA && h.sh_info < file.section_count && rela_of[h.sh_info] == 0) rela_of[h.sh_info] = i;
  }
}

} // namespace spore
