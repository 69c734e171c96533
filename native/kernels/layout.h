// What .symtab keeps: layout counts it, write repeats the question.
#pragma once

#include "tables/file-view.h"

namespace spore {

bool is_kept_local(const Tables &t, const FileView &file, u32 symbol, const Elf64_Sym &sym, const Name &name);
bool is_kept_global(const Tables &t, const FileView &file, u32 symbol, SymbolId s);
inline bool is_kept_global(const Tables &t, const FileView &file, u32 symbol) {
  MentionId m = file.mention(symbol);
  SymbolId s{t.mention.symbol[m]};
  // Nobody claims a name by referring to it, but the linker, which is asked to define some. Most mentions are out here,
  // before the symbol's row is looked for.
  if (raw(s) != raw(m) && (t.mention.flags[m] & MentionFlags::KIND) == MentionFlags::UNDEFINED &&
      !(t.file.flags[file.id] & FileFlags::IS_INTERNAL))
    return false;
  return is_kept_global(t, file, symbol, s);
}
// Of those, the ones that are local in the output.
bool is_made_local(const Tables &t, const FileView &file, u32 symbol);
// The name of a global symbol. `__start_X` and `__stop_X`, which the linker defines for who refers to them, have theirs
// where that is mentioned.
Name global_name(const Tables &t, const FileView &file, u32 symbol);

} // namespace spore
