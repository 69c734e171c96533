// What .symtab keeps: layout counts it, write repeats the question.
#pragma once

#include "tables/section-kinds.h"

namespace spore {

bool is_kept_local(const Tables &t, const FileView &file, u32 symbol, const Elf64_Sym &sym, const Name &name);
// Whether a file writes a global name to .symtab: the owner does; for what nobody defines, the file of
// the first mention. `s` is its row.
inline bool is_kept_global(const Tables &t, const FileView &file, u32 symbol, SymbolId s) {
  MentionId m = file.mention(symbol);
  u64 claim = t.symbol.claim[s];
  if (claim && (Claim::file(claim) != file.id || Claim::symbol(claim) != symbol)) return false;
  u32 flags = t.symbol.flags[s];
  if (claim == 0) return raw(s) == raw(m) && flags & SymbolFlags::IN_OBJECT;
  bool is_for_mentions = t.file.flags[file.id] & FileFlags::IS_INTERNAL && Claim::rank(claim) == ClaimRank::WEAK;
  if (is_for_mentions || is_shared(t, file.id)) return flags & SymbolFlags::IN_OBJECT;
  if (!is_live(t, file.id)) return flags & SymbolFlags::IN_OBJECT; // an undefined weak reference to a lazy member
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  if (is_common(section)) return is_reached(t, s);
  if (section == section_absolute || t.file.flags[file.id] & FileFlags::IS_INTERNAL) return true;
  if (section >= file.section_count) return false;
  u32 kept = t.section.flags[file.section_id(section)];
  return (kept & (SectionFlags::LIVE | SectionFlags::DISCARDED)) == SectionFlags::LIVE;
}

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

// Of those, the ones that are local in the output (gABI ch. 4, Symbol Visibility: hidden symbols become local ones
// where they are linked).
inline bool is_made_local(const Tables &t, const FileView &file, u32 symbol) {
  SymbolId s{t.mention.symbol[file.mention(symbol)]};
  u32 flags = t.symbol.flags[s];
  u32 visibility = flags & SymbolFlags::VISIBILITY;
  bool is_hidden = visibility == STV_HIDDEN || visibility == STV_INTERNAL ||
                   (flags & SymbolFlags::LOCALISED && !(t.link.output_flags & OutputFlags::STATIC));
  return is_hidden && t.symbol.claim[s] && !is_shared(t, file.id) && is_live(t, file.id);
}

// The name of a global symbol: what --wrap makes of it, and of `__start_X`, which the linker defines for who refers to
// it, what that says.
inline Name global_name(const Tables &t, const FileView &file, u32 symbol) {
  return unpack_name(t.mention.name[file.mention(symbol)]);
}

} // namespace spore
