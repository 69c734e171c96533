// Resolve: whether shared objects find what they refer to: somewhere in the link, and where they may see it.

#include "generated/kernels.h"
#include "kernels/symbols.h"

namespace spore {

// Calls `visit` with the index, the symbol and the claim of each strong reference of a file.
template <typename Visit> static void for_each_strong_reference(const Tables &t, FileId f, Visit visit) {
  FileView file(t, f);
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    u32 flags = t.mention.flags[m];
    if ((flags & MentionFlags::KIND) != MentionFlags::UNDEFINED || flags & MentionFlags::WEAK) continue;
    SymbolId s = symbol_of(t, m);
    visit(i, s, t.symbol.claim[s]);
  }
}

void check_shared(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!(t.file.flags[f] & FileFlags::IS_CHECKED)) continue;
    for_each_strong_reference(t, f, [&](u32 i, SymbolId s, u64 claim) {
      if (claim && (is_shared(t, Claim::file(claim)) || is_live(t, Claim::file(claim)))) return;
      if (t.symbol.flags.load(s) & SymbolFlags::DEFINED_BY_LOADED) return;
      job.report(Code::UndefinedInShared, {.file = raw(f), .symbol = i});
    });
  }
}

// As GNU ld: what an executable keeps to itself is an error where a shared object needs it, unless another one that is
// loaded answers, named on the command line or by DT_NEEDED.
void check_hidden(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_shared(t, f) || !takes_part(t, f)) continue;
    if (!(t.file.state.load(f) & FileState::NEEDED) && !(t.file.flags[f] & FileFlags::IS_INDIRECT)) continue;
    for_each_strong_reference(t, f, [&](u32 i, SymbolId s, u64 claim) {
      if (!claim || !is_live_object(t, Claim::file(claim))) return;
      u32 flags = t.symbol.flags.load(s);
      if (flags & (SymbolFlags::EXPORTED | SymbolFlags::DEFINED_BY_LOADED)) return;
      u32 visibility = flags & SymbolFlags::VISIBILITY;
      if (visibility == STV_HIDDEN || visibility == STV_INTERNAL || flags & SymbolFlags::LOCALISED)
        job.report(Code::HiddenFromShared, {.file = raw(f), .offset = flags, .symbol = i, .operand = claim});
    });
  }
}

} // namespace spore
