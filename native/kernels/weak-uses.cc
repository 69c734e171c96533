// Resolve: how an executable uses the undefined weak symbols that the loader may find yet.
//
// As GNU ld: they stay dynamic where code reaches them through the GOT or the PLT alone. Code that has their address
// in itself has null there, and must not see another address elsewhere.

#include <vector>

#include "generated/kernels.h"
#include "kernels/symbols.h"
#include "targets/target.h"

namespace spore {

namespace {

bool is_open(const Tables &t, MentionId m) {
  u32 flags = t.mention.flags[m];
  if ((flags & MentionFlags::KIND) != MentionFlags::UNDEFINED || !(flags & MentionFlags::WEAK)) return false;
  u64 claim = t.symbol.claim[symbol_of(t, m)];
  // What the linker defines may be undefined after all: __start_X without a section X.
  if (claim && Claim::rank(claim) == ClaimRank::WEAK && t.file.flags[Claim::file(claim)] & FileFlags::IS_INTERNAL)
    return true;
  return claim == 0 || (!is_shared(t, Claim::file(claim)) && !is_live(t, Claim::file(claim)));
}

// decide() cannot say it: that begins with whether the symbol is imported, which is what follows from this. What it
// makes of an imported one is needed only as far as this: whether the code asks a slot or has the address in itself.
u8 use_of(Expression expression, bool is_code) {
  switch (expression) {
  case Expression::got:
  case Expression::gotPcRelative:
  case Expression::plt:
  case Expression::pltOffset: return SymbolUse::SLOT;
  case Expression::absolute:
  case Expression::pcRelative:
  case Expression::gotOffset: return is_code ? u8{SymbolUse::ADDRESS} : u8{0};
  default: return 0;
  }
}

void mark_uses(const Tables &t, const FileView &file, const std::vector<bool> &is_wanted) {
  const Target &target = target_of(t.link.machine);
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type != SHT_RELA || h.sh_info >= file.section_count) continue;
    Elf64_Shdr place = file.section(h.sh_info);
    if (!(place.sh_flags & SHF_ALLOC) || t.section.flags[file.section_id(h.sh_info)] & SectionFlags::DISCARDED)
      continue;
    auto relocations = file.relocations(h);
    if (!relocations) continue; // find needs says so
    for (Elf64_Rela rela : *relocations) {
      const Relocation *r = target.relocation(rela.type());
      if (!r || rela.symbol() >= is_wanted.size() || !is_wanted[rela.symbol()]) continue;
      if (u8 use = use_of(r->expression, place.sh_flags & SHF_EXECINSTR))
        t.symbol.uses.set_bits(symbol_of(t, file.mention(rela.symbol())), use);
    }
  }
}

} // namespace

void find_weak_uses(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f) || t.file.flags[f] & FileFlags::IS_INTERNAL) continue;
    FileView file(t, f);
    std::vector<bool> is_wanted;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      if (!is_open(t, file.mention(i))) continue;
      is_wanted.resize(file.symbol_count);
      is_wanted[i] = true;
    }
    if (!is_wanted.empty()) mark_uses(t, file, is_wanted);
  }
}

} // namespace spore
