// The relocations of what is loaded, as the kernels that walk them all see them.
#pragma once

#include "tables/section-kinds.h"

namespace spore {

// A section that is in the output, loaded and relocated.
struct RelocatedSection {
  u32 index; // of its header
  u32 relocations; // of the header of its SHT_RELA section
  Elf64_Shdr header;
};

// Visits those of a live file, but .eh_frame, which is relocated record by record.
template <typename Visit> void for_each_relocated_section(const Tables &t, const FileView &file, Visit visit) {
  for (u32 i = 1; i < file.section_count; i++) {
    SectionId s = file.section_id(i);
    u32 flags = t.section.flags[s];
    constexpr u32 asked = SectionFlags::LIVE | SectionFlags::DISCARDED | SectionFlags::EH_FRAME | SectionFlags::FOLDED;
    if ((flags & asked) != SectionFlags::LIVE) continue;
    u32 relocations = relocation_section_of(t, file, i);
    if (relocations == 0) continue;
    Elf64_Shdr header = file.section(i);
    if (header.sh_flags & SHF_ALLOC) visit(RelocatedSection{i, relocations, header});
  }
}

// The bytes and the relocations of such a section; none where they are not in the file.
struct RelocatedContents {
  Bytes bytes;
  Array<Elf64_Rela> relocations;
};

inline std::optional<RelocatedContents> read_relocated(const FileView &file, const RelocatedSection &section) {
  Elf64_Shdr header = file.section(section.relocations);
  auto relocations = file.relocations(header);
  auto bytes = file.contents(section.header);
  if (!relocations || !bytes || header.sh_entsize != sizeof(Elf64_Rela)) return std::nullopt;
  return RelocatedContents{*bytes, *relocations};
}

} // namespace spore
