// Which section's relocations are where, while split finds out; relocation_section_of() tells later.
#pragma once

#include "tables/file-view.h"

namespace spore {

// Of several SHT_RELA sections for one, that which follows it is taken, else the first.
inline void note_stray_relocations(const Tables &t, const FileView &file) {
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type != SHT_RELA || h.sh_info >= file.section_count) continue;
    SectionId s = file.section_id(h.sh_info);
    if (t.section.relocations[s] == 0) t.section.relocations[s] = i;
  }
}

// Before that has been noted.
inline bool is_relocated(const Tables &t, const FileView &file, u32 index) {
  if (file.has_stray_relocations && t.section.relocations[file.section_id(index)]) return true;
  if (index + 1 >= file.section_count) return false;
  Elf64_Shdr next = file.section(index + 1);
  return next.sh_type == SHT_RELA && next.sh_info == index;
}

} // namespace spore
