// The sections that --gc-sections starts from, by what they are; symbols that it starts from are in mark.cc.
#pragma once

#include "tables/file-view.h"

namespace spore {

// Names that __start_NAME and __stop_NAME can be made of: such sections are found by those symbols.
inline bool is_c_identifier(const Name &n) {
  if (n.size == 0 || (n.data[0] >= '0' && n.data[0] <= '9')) return false;
  for (u32 i = 0; i < n.size; i++) {
    u8 c = n.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

// As GNU ld keeps them.
inline bool is_gc_root(const Name &n, const Elf64_Shdr &h) {
  if (h.sh_flags & SHF_GNU_RETAIN) return true;
  switch (h.sh_type) {
  case SHT_INIT_ARRAY:
  case SHT_FINI_ARRAY:
  case SHT_PREINIT_ARRAY: return true;
  case SHT_NOTE: return !(h.sh_flags & SHF_GROUP);
  }
  return is_c_identifier(n) || n == ".init" || n == ".fini" || n.starts_with(".ctors") || n.starts_with(".dtors") ||
         n == ".jcr" || n.starts_with(".init_array") || n.starts_with(".fini_array") || n.starts_with(".preinit_array");
}

} // namespace spore
