// Resolve: which definition each name gets, and which archive members are in the link.
//
// claim: every definition bids with a rank, lazy members too. extract: liveness of members to a fixpoint.
// Then the claims are cleared, COMDAT owners elected among what is live, and the bids made again, without
// the sections of groups that lost: a member that is never extracted must not hide a shared object's
// definition, and a winner must not sit in a discarded section.

#include <bit>
#include <vector>

#include "generated/kernels.h"
#include "tables/file-view.h"

namespace spore {

namespace {

bool takes_part(const Tables &t, FileId f) { return !(t.file.flags[f] & FileFlags::IS_BROKEN); }

constexpr u16 local_version = 0xffff;

SymbolId symbol_of(const Tables &t, MentionId m) { return SymbolId{t.mention.symbol[m]}; }

// The file bids as if it were in the link.
bool is_in_link(const Tables &t, FileId f) { return is_live(t, f) && !is_shared(t, f); }

void claim_for(const Tables &t, FileId f, Claim::Rank common) {
  FileView file(t, f);
  bool in_link = is_in_link(t, f);
  if (t.file.flags[f] & FileFlags::IS_INDIRECT) return;
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    u32 flags = t.mention.flags[m];
    u32 kind = flags & MentionFlags::KIND;
    if (kind == MentionFlags::UNDEFINED) continue;
    u32 rank;
    if (!in_link) {
      rank = kind == MentionFlags::COMMON ? Claim::LazyCommon : Claim::Elsewhere;
    } else {
      rank = kind == MentionFlags::COMMON ? common : flags & MentionFlags::WEAK ? Claim::Weak : Claim::Strong;
      if (t.file.groups[f]) {
        u32 section = file.section_index(i, file.symbols()[i]);
        if (section < file.section_count && t.section.flags[file.section_id(section)] & SectionFlags::DISCARDED)
          continue;
      }
    }
    t.symbol.claim.raise(symbol_of(t, m), Claim::make(rank, f, i));
  }
}

// Marks what file `f` of the link refers to: archive members are reached, shared objects needed.
void expand(const Tables &t, FileId f, std::vector<FileId> &stack) {
  FileView file(t, f);
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    MentionId m = file.mention(i);
    u32 flags = t.mention.flags[m];
    u32 kind = flags & MentionFlags::KIND;
    if ((kind != MentionFlags::UNDEFINED && kind != MentionFlags::COMMON) || flags & MentionFlags::WEAK) continue;
    u64 claim = t.symbol.claim[symbol_of(t, m)];
    if (claim == 0) continue;
    FileId owner = Claim::file(claim);
    // As GNU ld does: a member that initialises what is only common here is extracted.
    if (kind == MentionFlags::COMMON && (Claim::rank(claim) != Claim::Elsewhere || is_shared(t, owner))) continue;
    if (is_shared(t, owner)) {
      if (!is_shared(t, f)) t.file.state.set_bits(owner, FileState::NEEDED);
    } else if (t.file.state.claim_bits(owner, FileState::REACHED)) {
      stack.push_back(owner);
    }
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

void claim_symbols(Job &job, RowRange<FileId> rows) {
  Claim::Rank common = job.parameter(0) ? Claim::CommonToExtract : Claim::Common;
  for (FileId f : rows)
    if (takes_part(job.t, f)) claim_for(job.t, f, common);
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

// Calls `visit` with the header index, the members and the signature of each COMDAT group of a file.
template <typename Visit> static void for_each_group(Job &job, FileId f, Visit visit) {
  const Tables &t = job.t;
  if (t.file.groups[f] == 0) return;
  FileView file(t, f);
  MentionId local = file.mention(file.symbol_count);
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type != SHT_GROUP) continue;
    bool is_global = h.sh_info >= file.first_global;
    MentionId signature = is_global ? file.mention(h.sh_info) : local;
    if (!is_global) ++local;
    auto words = file.bytes.array<u32>(h.sh_offset, h.sh_size / 4);
    if (!words || words->size() == 0 || h.sh_info >= file.symbol_count) {
      job.report(Code::BadGroup, {.file = raw(f), .section = i});
      continue;
    }
    if ((*words)[0] & GRP_COMDAT) visit(i, file, *words, symbol_of(t, signature));
  }
}

void elect_groups(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows)
    if (is_live_object(t, f))
      for_each_group(job, f, [&](u32, const FileView &, const Array<u32> &, SymbolId signature) {
        t.symbol.group.raise(signature, UINT32_MAX - raw(f));
      });
}

void discard_groups(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows)
    if (is_live_object(t, f))
      for_each_group(job, f, [&](u32 group, const FileView &file, const Array<u32> &words, SymbolId signature) {
        if (t.symbol.group[signature] == UINT32_MAX - raw(f)) return;
        for (u64 i = 1; i < words.size(); i++) {
          if (words[i] < file.section_count) t.section.flags[file.section_id(words[i])] |= SectionFlags::DISCARDED;
          else job.report(Code::BadGroup, {.file = raw(f), .section = group});
        }
      });
}

// What the link needs to know of each name besides its definition: who mentions it, and its visibility,
// the most constraining of all objects' (gABI ch. 4, Symbol Visibility).
void gather_symbols(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!takes_part(t, f)) continue;
    FileView file(t, f);
    bool shared = is_shared(t, f);
    if (!shared && !is_live(t, f)) continue;
    bool is_internal = t.file.flags[f] & FileFlags::IS_INTERNAL;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      SymbolId s = symbol_of(t, m);
      u32 mention = t.mention.flags[m];
      u32 kind = mention & MentionFlags::KIND;
      u64 claim = t.symbol.claim[s];
      if (shared) {
        bool is_answer = kind != MentionFlags::UNDEFINED && t.file.flags[f] & FileFlags::IS_INDIRECT;
        t.symbol.flags.set_bits(s, SymbolFlags::IN_SHARED | (is_answer ? u32{SymbolFlags::DEFINED_INDIRECTLY} : 0));
        continue;
      }
      Elf64_Sym sym = file.symbols()[i];
      u32 flags = 0;
      if (is_internal) {
        if (kind != MentionFlags::UNDEFINED) flags |= SymbolFlags::IS_LINKER_DEFINED;
        else if (!(mention & MentionFlags::WEAK)) flags |= SymbolFlags::ROOT;
      } else {
        flags |= SymbolFlags::IN_OBJECT;
        if (kind == MentionFlags::UNDEFINED && !(mention & MentionFlags::WEAK))
          flags |= SymbolFlags::STRONGLY_REFERENCED;
      }
      switch (sym.visibility()) {
      case STV_HIDDEN: flags |= SymbolFlags::VISIBILITY_HIDDEN; break;
      case STV_PROTECTED: flags |= SymbolFlags::VISIBILITY_PROTECTED; break;
      case STV_INTERNAL: flags |= SymbolFlags::VISIBILITY_INTERNAL; break;
      }
      if (claim && Claim::file(claim) == f && Claim::symbol(claim) == i && t.file.flags[f] & FileFlags::EXCLUDE_LIBS)
        flags |= SymbolFlags::LOCALISED;
      if (flags) t.symbol.flags.set_bits(s, flags);
      if (kind == MentionFlags::COMMON && claim && Claim::rank(claim) == Claim::Common) {
        t.symbol.common_size.raise(s, sym.st_size);
        // gABI ch. 4: st_value of a common symbol is its alignment.
        t.symbol.common_alignment.raise(s, sym.st_value ? static_cast<u32>(std::countr_zero(sym.st_value)) : 0);
      }
      if (kind == MentionFlags::DEFINED && !(mention & MentionFlags::WEAK) && claim && Claim::file(claim) != f &&
          Claim::rank(claim) == Claim::Strong) {
        u32 section = file.section_index(i, sym);
        bool discarded =
            section < file.section_count && t.section.flags[file.section_id(section)] & SectionFlags::DISCARDED;
        if (!discarded && !(t.link.output_flags & OutputFlags::ALLOW_MULTIPLE))
          job.report(Code::DuplicateSymbol, {.file = raw(f), .symbol = i, .operand = claim});
      } else if (claim == 0 && kind == MentionFlags::UNDEFINED) {
        auto name = file.symbol_name(sym);
        if (name && (name->starts_with("__start_") || name->starts_with("__stop_")))
          job.request(RequestKind::LINKER_DEFINED, f, i, raw(s));
      }
      // A weak reference is bound to a shared object when another makes it needed.
      if (kind == MentionFlags::UNDEFINED && claim && !(mention & MentionFlags::WEAK) &&
          is_shared(t, Claim::file(claim)))
        t.file.state.set_bits(Claim::file(claim), FileState::NEEDED);
    }
  }
}

// Whether the loader is left to find a name that nothing defines.
static bool may_stay_undefined(u64 output, bool is_weak) {
  if (output & OutputFlags::SHARED) return is_weak || !(output & OutputFlags::NO_UNDEFINED);
  return output & OutputFlags::IGNORE_UNDEFINED && !(output & OutputFlags::STATIC);
}

void check_shared(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!(t.file.flags[f] & FileFlags::IS_CHECKED)) continue;
    FileView file(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      u32 flags = t.mention.flags[m];
      if ((flags & MentionFlags::KIND) != MentionFlags::UNDEFINED || flags & MentionFlags::WEAK) continue;
      SymbolId s = symbol_of(t, m);
      u64 claim = t.symbol.claim[s];
      if (claim && (is_shared(t, Claim::file(claim)) || is_live(t, Claim::file(claim)))) continue;
      if (t.symbol.flags.load(s) & SymbolFlags::DEFINED_INDIRECTLY) continue;
      job.report(Code::UndefinedInShared, {.file = raw(f), .symbol = i});
    }
  }
}

// Decides for every name whether it is imported or exported, once owners and visibilities are known.
void bind_symbols(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  u64 output = t.link.output_flags;
  for (RangeId range : rows) {
    u64 begin = t.mention.rows * raw(range) / t.link.ranges,
        end = t.mention.rows * (raw(range) + u64{1}) / t.link.ranges;
    for (u64 row = begin; row < end; row++) {
      if (t.mention.symbol[MentionId{static_cast<u32>(row)}] != row) continue;
      SymbolId s{static_cast<u32>(row)};
      u32 flags = t.symbol.flags[s] & ~u32{SymbolFlags::VISIBILITY | SymbolFlags::IMPORTED | SymbolFlags::EXPORTED};
      u32 visibility = flags & SymbolFlags::VISIBILITY_INTERNAL    ? STV_INTERNAL
                       : flags & SymbolFlags::VISIBILITY_HIDDEN    ? STV_HIDDEN
                       : flags & SymbolFlags::VISIBILITY_PROTECTED ? STV_PROTECTED
                                                                   : STV_DEFAULT;
      u64 claim = t.symbol.claim[s];
      if (t.symbol.version[s] == local_version) flags |= SymbolFlags::LOCALISED;
      bool is_open = visibility == STV_DEFAULT && !(flags & SymbolFlags::LOCALISED);
      if (claim == 0) {
        // The loader may find it; an executable's weak references are settled now, as null.
        bool is_weak = !(flags & SymbolFlags::STRONGLY_REFERENCED);
        if (flags & SymbolFlags::IN_OBJECT && is_open && may_stay_undefined(output, is_weak))
          flags |= SymbolFlags::IMPORTED;
        flags |= SymbolFlags::IS_UNDEFINED;
        if (is_weak || output & OutputFlags::IGNORE_UNDEFINED) flags |= SymbolFlags::IS_WEAK_UNDEFINED;
      } else {
        FileId owner = Claim::file(claim);
        if (is_shared(t, owner)) {
          if (flags & SymbolFlags::IN_OBJECT) {
            // Weak references alone do not make a library needed: the symbol stays undefined.
            if (visibility != STV_DEFAULT) { // gABI ch. 4: such a name must be defined in this component
              flags |= SymbolFlags::IS_UNDEFINED;
              if (!(flags & SymbolFlags::STRONGLY_REFERENCED)) flags |= SymbolFlags::IS_WEAK_UNDEFINED;
            } else if (t.file.state.load(owner) & (FileState::NEEDED | FileState::REACHED)) {
              flags |= SymbolFlags::IMPORTED;
            } else {
              flags |= SymbolFlags::IS_WEAK_UNDEFINED | SymbolFlags::IS_UNDEFINED;
            }
            FileView file(t, owner);
            u32 type = file.symbols()[Claim::symbol(claim)].type();
            flags |= SymbolFlags::OWNED_BY_SHARED;
            if (type == STT_FUNC || type == STT_GNU_IFUNC) flags |= SymbolFlags::IS_FUNCTION;
            if (type == STT_TLS) flags |= SymbolFlags::IS_TLS;
          }
        } else if (!is_live(t, owner)) {
          flags |= SymbolFlags::IS_UNDEFINED; // in an archive member that only weak references name
          if (!(flags & SymbolFlags::STRONGLY_REFERENCED)) flags |= SymbolFlags::IS_WEAK_UNDEFINED;
          if (flags & SymbolFlags::IN_OBJECT && is_open && may_stay_undefined(output, true))
            flags |= SymbolFlags::IMPORTED;
        } else if (t.file.flags[owner] & FileFlags::IS_INTERNAL) {
          FileView file(t, owner);
          if (file.symbols()[Claim::symbol(claim)].st_shndx == SHN_ABS) flags |= SymbolFlags::IS_ABSOLUTE;
        } else {
          FileView file(t, owner);
          Elf64_Sym sym = file.symbols()[Claim::symbol(claim)];
          if (sym.type() == STT_GNU_IFUNC) flags |= SymbolFlags::IS_IFUNC;
          if (sym.type() == STT_GNU_IFUNC || sym.binding() == STB_GNU_UNIQUE) t.found.has_gnu_symbols.set();
          if (sym.type() == STT_FUNC) flags |= SymbolFlags::IS_FUNCTION;
          if (sym.type() == STT_TLS) flags |= SymbolFlags::IS_TLS;
          if (sym.st_shndx == SHN_ABS) flags |= SymbolFlags::IS_ABSOLUTE;
          bool may_export =
              (visibility == STV_DEFAULT || visibility == STV_PROTECTED) && !(flags & SymbolFlags::LOCALISED);
          if (output & OutputFlags::SHARED) {
            if (may_export) flags |= SymbolFlags::EXPORTED;
            bool is_function = sym.type() == STT_FUNC || sym.type() == STT_GNU_IFUNC;
            bool is_bound =
                output & OutputFlags::BSYMBOLIC || (output & OutputFlags::BSYMBOLIC_FUNCTIONS && is_function);
            if (output & OutputFlags::DYNAMIC_LIST) is_bound = !(flags & SymbolFlags::IS_LISTED);
            if (may_export && visibility == STV_DEFAULT && !is_bound) flags |= SymbolFlags::IMPORTED;
          } else if (may_export && !(output & OutputFlags::STATIC)) {
            // GNU ld exports what a shared object mentions, and STB_GNU_UNIQUE symbols, without being asked.
            if (output & OutputFlags::EXPORT_DYNAMIC || flags & (SymbolFlags::IN_SHARED | SymbolFlags::IS_LISTED) ||
                sym.binding() == STB_GNU_UNIQUE)
              flags |= SymbolFlags::EXPORTED;
          }
        }
      }
      flags |= visibility;
      if (flags & (SymbolFlags::EXPORTED | SymbolFlags::IMPORTED)) flags |= SymbolFlags::NEEDS_DYNSYM;
      t.symbol.flags[s] = flags;
    }
  }
}

} // namespace spore
