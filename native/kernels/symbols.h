// Questions about files and definitions that the kernels of resolve share.
#pragma once

#include "tables/file-view.h"

namespace spore {

inline bool takes_part(const Tables &t, FileId f) { return !(t.file.traits[f] & FileTraits::IS_BROKEN); }

inline SymbolId symbol_of(const Tables &t, MentionId m) { return SymbolId{t.mention.symbol[m]}; }

inline bool is_function(const Elf64_Sym &sym) { return sym.type() == STT_FUNC || sym.type() == STT_GNU_IFUNC; }

// Whether a symbol is defined in a section of a COMDAT group that another file keeps.
inline bool is_discarded(const Tables &t, const FileView &file, u32 symbol) {
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  return section < file.section_count && t.section.flags[file.section_id(section)] & SectionFlags::DISCARDED;
}

} // namespace spore
