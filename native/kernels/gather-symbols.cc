// Resolve: what the link needs to know of each name besides its definition: who mentions it, and its visibility, the
// most constraining of all objects' (gABI ch. 4, Symbol Visibility). Finds names that are defined twice.

#include <bit>

#include "generated/kernels.h"
#include "kernels/symbols.h"

namespace spore {

namespace {

bool is_common_here(const Tables &t, SymbolId s) {
  u64 claim = t.symbol.claim[s];
  return claim && Claim::rank(claim) == ClaimRank::COMMON;
}

// Shared objects that are not needed are not in the link: nobody looks at what they mention.
void gather_shared(const Tables &t, const FileView &file) {
  bool is_indirect = t.file.flags[file.id] & FileFlags::IS_INDIRECT;
  if (!is_indirect && !(t.file.state.load(file.id) & FileState::NEEDED)) return;
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    bool is_definition = (t.mention.flags[m] & MentionFlags::KIND) != MentionFlags::UNDEFINED;
    // As in GNU ld, a function and the common symbol that hides it have nothing to do with each other.
    if (is_definition && t.found.has_commons && is_function(file.symbols()[i]) && is_common_here(t, symbol_of(t, m)))
      continue;
    t.symbol.flags.set_bits(symbol_of(t, m),
                            SymbolFlags::IN_SHARED | (is_definition ? u32{SymbolFlags::DEFINED_BY_LOADED} : 0));
  }
}

u32 visibility_flag(const Elf64_Sym &sym) {
  switch (sym.visibility()) {
  case STV_HIDDEN: return SymbolFlags::VISIBILITY_HIDDEN;
  case STV_PROTECTED: return SymbolFlags::VISIBILITY_PROTECTED;
  case STV_INTERNAL: return SymbolFlags::VISIBILITY_INTERNAL;
  default: return 0;
  }
}

class ObjectGatherer {
public:
  ObjectGatherer(Job &job, const FileView &file)
      : job_(job), t_(job.t), file_(file), is_internal_(job.t.file.flags[file.id] & FileFlags::IS_INTERNAL) {}

  void gather() {
    for (u32 i = file_.first_global; i < file_.symbol_count; i++) gather_symbol(i);
  }

private:
  void gather_symbol(u32 i) {
    MentionId m = file_.mention(i);
    SymbolId s = symbol_of(t_, m);
    u32 mention = t_.mention.flags[m];
    u64 claim = t_.symbol.claim[s];
    Elf64_Sym sym = file_.symbols()[i];
    bool is_owner = claim && Claim::file(claim) == file_.id && Claim::symbol(claim) == i;
    u32 flags = mention_flags(mention) | visibility_flag(sym);
    if (is_owner && t_.file.flags[file_.id] & FileFlags::EXCLUDE_LIBS) flags |= SymbolFlags::LOCALISED;
    if (flags) t_.symbol.flags.set_bits(s, flags);
    switch (mention & MentionFlags::KIND) {
    case MentionFlags::COMMON: gather_common(s, claim, i, sym); break;
    case MentionFlags::DEFINED:
      if (!is_owner && !(mention & MentionFlags::WEAK)) check_definition(i, claim);
      break;
    case MentionFlags::UNDEFINED: request_bound(i, s, claim, sym); break;
    }
  }

  u32 mention_flags(u32 mention) const {
    // A common symbol refers to the data that takes its place.
    u32 kind = mention & MentionFlags::KIND;
    bool is_strong_reference =
        (kind == MentionFlags::UNDEFINED || kind == MentionFlags::COMMON) && !(mention & MentionFlags::WEAK);
    if (is_internal_) return is_strong_reference ? u32{SymbolFlags::ROOT} : 0;
    return SymbolFlags::IN_OBJECT | (is_strong_reference ? u32{SymbolFlags::STRONGLY_REFERENCED} : 0);
  }

  void gather_common(SymbolId s, u64 claim, u32 i, const Elf64_Sym &sym) const {
    if (!claim || (Claim::rank(claim) != ClaimRank::COMMON && Claim::rank(claim) != ClaimRank::SHARED_DATA)) return;
    t_.symbol.common_size.raise(s, sym.st_size);
    if (sym.type() == STT_TLS) {
      t_.found.has_tls_common.set();
    } else if (file_.section_index(i, sym) == section_large_common) {
      t_.found.has_large_common.set();
      t_.found.has_large_sections.set();
    } else t_.symbol.uses.set_bits(s, SymbolUse::SMALL_COMMON);
    // gABI ch. 4: st_value of a common symbol is its alignment.
    t_.symbol.common_alignment.raise(s, sym.st_value ? static_cast<u32>(std::countr_zero(sym.st_value)) : 0);
  }

  // As in GNU ld, absolute symbols of one value are one definition. What the command line defines is no number yet.
  bool is_same_number(u32 i, u64 claim) const {
    FileView first(t_, Claim::file(claim));
    if (is_internal_ || t_.file.flags[first.id] & FileFlags::IS_INTERNAL) return false;
    Elf64_Sym a = first.symbols()[Claim::symbol(claim)], b = file_.symbols()[i];
    return a.st_shndx == SHN_ABS && b.st_shndx == SHN_ABS && a.st_value == b.st_value;
  }

  void check_definition(u32 i, u64 claim) const {
    if (!claim || Claim::rank(claim) != ClaimRank::STRONG || is_discarded(t_, file_, i)) return;
    if (t_.link.output_flags & OutputFlags::ALLOW_MULTIPLE || is_same_number(i, claim)) return;
    job_.report(Code::DuplicateSymbol, {.file = raw(file_.id), .symbol = i, .operand = claim});
  }

  // __start_X and __stop_X are the output's own, also where a shared object has exported its own.
  void request_bound(u32 i, SymbolId s, u64 claim, const Elf64_Sym &sym) const {
    if (claim && !is_shared(t_, Claim::file(claim))) return;
    if (file_.begins(sym, "__start_") || file_.begins(sym, "__stop_"))
      job_.request(RequestKind::LINKER_DEFINED, file_.id, i, raw(s));
  }

  Job &job_;
  const Tables &t_;
  const FileView &file_;
  bool is_internal_;
};

} // namespace

void gather_symbols(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!takes_part(t, f)) continue;
    FileView file(t, f);
    if (is_shared(t, f)) gather_shared(t, file);
    else if (is_live(t, f)) ObjectGatherer(job, file).gather();
  }
}

} // namespace spore
