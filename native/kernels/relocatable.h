// What the kernels of -r ask of sections, groups and symbols.
#pragma once

#include "tables/section-kinds.h"

namespace spore {

inline OutputMemberId member_of(SectionId s) { return OutputMemberId{raw(s)}; }

// Whether a section of an input is in the output, once it is known what is live.
inline bool is_output_member(const Tables &t, SectionId s) {
  return is_kept(t, s) && t.output_member.key[member_of(s)] != 0;
}

// The output section of one; valid after layout.
inline OutputSectionId output_section_of(const Tables &t, SectionId s) {
  return OutputSectionId{t.output_member.output[member_of(s)]};
}

// Bytes of a section that are copied: the zero that ends one .eh_frame must not end those behind it, and comes once,
// after all of them.
inline u64 member_size(const Tables &t, const FileView &file, u32 section, const Elf64_Shdr &h) {
  bool is_terminated = t.output_member.is_terminated[member_of(file.section_id(section))];
  return is_terminated && h.sh_size >= sizeof(u32) ? h.sh_size - sizeof(u32) : h.sh_size;
}

// The words of a SHT_GROUP section: its flags, then its members; none where they are not in the file.
inline Array<u32> group_words(const FileView &file, const Elf64_Shdr &h) {
  auto words = file.bytes.array<u32>(h.sh_offset, h.sh_size / sizeof(u32));
  return words ? *words : Array<u32>();
}

// Calls `visit(index)` for the members of a group that are in the output, but for sections of relocations.
template <typename Visit>
void for_each_group_member(const Tables &t, const FileView &file, const Array<u32> &words, Visit visit) {
  for (u64 i = 1; i < words.size(); i++)
    if (words[i] < file.section_count && file.section(words[i]).sh_type != SHT_RELA &&
        is_output_member(t, file.section_id(words[i])))
      visit(words[i]);
}

// Whether .symtab keeps a local symbol, unless something is discarded that it belongs to.
bool is_output_local(const Tables &t, const FileView &file, u32 symbol, const Elf64_Sym &sym);
// Whether a file writes a global name to .symtab: who defines it does, else the first that mentions it.
bool is_output_global(const Tables &t, const FileView &file, u32 symbol);

} // namespace spore
