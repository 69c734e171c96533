// Resolve: which definition each name gets, and which archive members and shared objects are in the link.
//
// claim: every definition bids with a rank, lazy members and shared objects that may not be needed, too. extract:
// liveness to a fixpoint. Then the claims are cleared, COMDAT owners elected among what is live (groups.cc), and the
// bids made again by what is in the link alone, without the sections of groups that lost: neither a member that is
// never extracted nor a library that is not needed must hide another's definition, and a winner must not sit in a
// discarded section. Last, data of shared objects takes the place of common symbols.

#include <vector>

#include "generated/kernels.h"
#include "kernels/symbols.h"
#include "tables/section-kinds.h"

namespace spore {

namespace {

// With which rank a file's definitions bid. `is_first`: while members are to be extracted.
u32 rank_of(const Tables &t, FileId f, u32 mention, bool is_first) {
  bool is_common = (mention & MentionFlags::KIND) == MentionFlags::COMMON;
  if (is_shared(t, f)) return is_common ? ClaimRank::LAZY : ClaimRank::ELSEWHERE;
  if (!is_live(t, f)) return is_common || !is_first ? ClaimRank::LAZY : ClaimRank::ELSEWHERE;
  if (is_common) return is_first ? ClaimRank::COMMON_TO_EXTRACT : ClaimRank::COMMON;
  if (mention & MentionFlags::WEAK) return ClaimRank::WEAK;
  return t.file.flags[f] & FileFlags::IS_INTERNAL ? ClaimRank::ASSIGNED : ClaimRank::STRONG;
}

void claim_for(const Tables &t, FileId f, bool is_first) {
  FileView file(t, f);
  bool may_be_discarded = is_live_object(t, f) && t.file.groups[f];
  bool may_answer = is_shared(t, f);
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    u32 flags = t.mention.flags[m];
    if ((flags & MentionFlags::KIND) == MentionFlags::UNDEFINED) continue;
    if (may_be_discarded && is_discarded(t, file, i)) continue;
    u32 rank = rank_of(t, f, flags, is_first);
    if (rank == ClaimRank::COMMON || rank == ClaimRank::COMMON_TO_EXTRACT) {
      t.found.has_commons.set();
      if (is_first) t.symbol.uses.set_bits(symbol_of(t, m), SymbolUse::COMMON);
    }
    // Names of versions do not override what the inputs define.
    if (rank == ClaimRank::ASSIGNED && file.symbols()[i].type() == STT_OBJECT) rank = ClaimRank::STRONG;
    u64 claim = Claim::make(rank, f, i);
    t.symbol.claim.raise(symbol_of(t, m), claim);
    if (may_answer || flags & MentionFlags::DEFAULT_VERSION)
      if (u32 alias = t.mention.alias[m]) t.symbol.claim.raise(SymbolId{alias - 1}, claim);
  }
}

bool is_zero_filled(const FileView &file, u32 symbol, const Elf64_Sym &sym) {
  u32 section = file.section_index(symbol, sym);
  return section != SHN_UNDEF && section < file.section_count && file.section(section).sh_type == SHT_NOBITS;
}

// Whether a definition outside of the link takes the place of a common symbol in it, as in GNU ld: a member's data
// does, and a shared object's, unless it is weak or itself only has a size.
bool replaces_common(const Tables &t, u64 claim) {
  FileView file(t, Claim::file(claim));
  u32 symbol = Claim::symbol(claim);
  Elf64_Sym sym = file.symbols()[symbol];
  if (is_function(sym)) return false;
  return !is_shared(t, file.id) || (sym.binding() != STB_WEAK && !is_zero_filled(file, symbol, sym));
}

// Marks what a strong reference of file `f` of the link, or a common symbol of it, makes part of it. A shared object
// that only another one refers to is for TypeScript to judge: that may name it itself.
void reach(const Tables &t, FileId f, SymbolId s, u32 kind, u64 claim, std::vector<FileId> &stack) {
  FileId owner = Claim::file(claim);
  bool is_from_shared = is_shared(t, f);
  bool is_common = kind == MentionFlags::COMMON || (t.found.has_commons && t.symbol.uses.load(s) & SymbolUse::COMMON);
  if (is_common && (Claim::rank(claim) != ClaimRank::ELSEWHERE || !replaces_common(t, claim))) return;
  if (!is_shared(t, owner)) {
    if (t.file.state.claim_bits(owner, FileState::REACHED)) stack.push_back(owner);
  } else if (is_from_shared) {
    if (kind == MentionFlags::UNDEFINED) t.file.state.set_bits(owner, FileState::WANTED);
  } else if (t.file.flags[f] & FileFlags::IS_INTERNAL) {
    return; // as GNU ld: -u and -e alone do not make a library needed
  } else if (t.file.state.claim_bits(owner, FileState::NEEDED)) {
    t.file.state.set_bits(owner, FileState::REACHED);
    stack.push_back(owner);
  }
}

void expand(const Tables &t, FileId f, std::vector<FileId> &stack) {
  FileView file(t, f);
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    u32 flags = t.mention.flags[m];
    u32 kind = flags & MentionFlags::KIND;
    if ((kind != MentionFlags::UNDEFINED && kind != MentionFlags::COMMON) || flags & MentionFlags::WEAK) continue;
    SymbolId s = symbol_of(t, m);
    if (u64 claim = t.symbol.claim[s]) reach(t, f, s, kind, claim, stack);
  }
  t.file.state.set_bits(f, FileState::EXPANDED);
}

} // namespace

void reset_claims(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for (RangeId range : rows) {
    u64 begin = t.mention.rows * raw(range) / t.link.ranges,
        end = t.mention.rows * (raw(range) + u64{1}) / t.link.ranges;
    std::memset(t.symbol.claim.data + begin, 0, (end - begin) * sizeof(u64));
  }
}

// Parameter: 1 while members are to be extracted: all bid. Then only what is in the link does.
void claim_symbols(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  bool is_first = job.parameter(0);
  for (FileId f : rows) {
    if (!takes_part(t, f) || t.file.flags[f] & FileFlags::IS_INDIRECT) continue;
    if (is_shared(t, f) && !is_first && !(t.file.state.load(f) & FileState::NEEDED)) continue;
    claim_for(t, f, is_first);
  }
}

// Initialised data of a shared object takes the place of a common symbol; zero-filled data and the common symbol are
// one, as large as the larger of both.
void replace_commons(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!takes_part(t, f) || !is_shared(t, f) || t.file.flags[f] & FileFlags::IS_INDIRECT ||
        !(t.file.state.load(f) & FileState::NEEDED))
      continue;
    FileView file(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      if ((t.mention.flags[m] & MentionFlags::KIND) != MentionFlags::DEFINED) continue;
      SymbolId s = symbol_of(t, m);
      u64 claim = t.symbol.claim[s];
      u32 rank = claim ? Claim::rank(claim) : u32{ClaimRank::LAZY};
      if (rank != ClaimRank::COMMON && rank != ClaimRank::SHARED_DATA) continue;
      Elf64_Sym sym = file.symbols()[i];
      if (sym.binding() == STB_WEAK || is_function(sym)) continue;
      if (!is_zero_filled(file, i, sym)) {
        t.symbol.claim.raise(s, Claim::make(ClaimRank::SHARED_DATA, f, i));
        continue;
      }
      t.symbol.common_size.raise(s, sym.st_size);
      t.symbol.common_alignment.raise(s, proven_alignment(file, i, sym));
    }
  }
}

// A rerun expands what was reached and not expanded; the parent repeats the job until nothing is left.
void extract_members(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  std::vector<FileId> stack;
  for (FileId f : rows) {
    u32 state = t.file.state.load(f);
    if (!takes_part(t, f) || !(state & FileState::REACHED) || state & FileState::EXPANDED) continue;
    stack.push_back(f);
    while (!stack.empty()) {
      FileId next = stack.back();
      stack.pop_back();
      if (takes_part(t, next)) expand(t, next, stack);
    }
  }
}

} // namespace spore
