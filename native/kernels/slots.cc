// Synthesise: which symbol gets which slot of .got, .plt and .dynsym.
//
// Symbols are counted per range and placed after prefix sums, so numbers follow symbol ids, which follow
// input order.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/slots.h"

namespace spore {

namespace {

// How many there are of each, of one symbol or of all of a range.
struct Counts {
  u32 entries = 0;
  u32 got = 0; // words of .got
  u32 plt = 0, plt_got = 0, iplt = 0;
  u32 relatives = 0, symbolics = 0; // dynamic relocations of .got: relative ones that are not packed, and all others

  void add(u32 needs, const Reference &ref, u64 output) {
    entries++;
    for_each_slot(needs, ref, output, [&](const Slot &slot) {
      plt += slot.kind == SlotKind::Plt;
      iplt += slot.kind == SlotKind::Iplt;
      plt_got += slot.kind == SlotKind::PltGot;
      got += got_words(slot.kind);
      for (u32 i = 0; i < got_words(slot.kind); i++) add_word(slot.words[i]);
    });
  }

private:
  void add_word(const SlotWord &word) {
    relatives += word.filler == Filler::Relative;
    symbolics += word.filler != Filler::Link && word.filler != Filler::Relative && word.filler != Filler::Packed;
  }
};

Reference local_reference(const Tables &t, const FileView &file, u32 symbol) {
  return symbol < file.first_global ? References::local(t, file, symbol) : Reference{};
}

struct Cursor {
  u32 entry, got, plt, plt_got, iplt;

  // The index of the next slot of a kind.
  u32 take(const Tables &t, SlotKind kind) {
    switch (kind) {
    case SlotKind::Plt: return plt++;
    case SlotKind::Iplt: return static_cast<u32>(t.link.plt_jumps) + iplt++;
    case SlotKind::PltGot: return plt_got++;
    default: got += got_words(kind); return got - got_words(kind);
    }
  }
};

Cursor cursor_at(const Tables &t, NeedCellId cell) {
  return {.entry = t.need_cell.first_entry[cell],
          .got = t.need_cell.first_got[cell],
          .plt = t.need_cell.first_plt[cell],
          .plt_got = t.need_cell.first_plt_got[cell],
          .iplt = t.need_cell.first_iplt[cell]};
}

void place(const Tables &t, Cursor &next, u32 needs, const Reference &ref, SymbolId symbol, u32 file, u32 index) {
  EntryId e{next.entry++};
  t.entry.symbol[e] = file == none ? raw(symbol) : none;
  t.entry.file[e] = file;
  t.entry.index[e] = index;
  t.entry.needs[e] = needs;
  t.entry.dynsym[e] = 0;
  t.entry.is_copied[e] = 0;
  for (SlotKind kind :
       {SlotKind::Got, SlotKind::TlsGd, SlotKind::TlsDesc, SlotKind::GotTp, SlotKind::Plt, SlotKind::PltGot})
    slot_index(t, e, kind) = none;
  for_each_slot(needs, ref, t.link.output_flags,
                [&](const Slot &slot) { slot_index(t, e, slot.kind) = next.take(t, slot.kind); });
}

template <typename Visit> void for_each_need(const Tables &t, RangeId range, Visit visit) {
  u64 begin = t.mention.rows * raw(range) / t.link.ranges, end = t.mention.rows * (raw(range) + u64{1}) / t.link.ranges;
  for (u64 row = begin; row < end; row++) {
    SymbolId s{static_cast<u32>(row)};
    if (t.mention.symbol[MentionId{static_cast<u32>(row)}] != row || !(t.symbol.flags[s] & SymbolFlags::NEEDS))
      continue;
    visit(s, t.symbol.flags[s] & SymbolFlags::NEEDS, References::global(t, s));
  }
}

template <typename Visit> void for_each_local_need(const Tables &t, Visit visit) {
  for (u32 f = 0; f < t.file.rows; f++) {
    u32 count = t.file.local_needs[FileId{f}];
    if (!count) continue;
    FileView file(t, FileId{f});
    for (u32 i = 0; i < count; i++) {
      LocalNeedId id{t.file.first_local_need[FileId{f}] + i};
      visit(id, f, local_reference(t, file, t.local_need.symbol[id]));
    }
  }
}

} // namespace

void mark_copy_aliases(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_shared(t, f) || t.file.traits[f] & FileTraits::IS_BROKEN) continue;
    FileView file(t, f);
    std::vector<u64> copied;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (t.symbol.flags.load(s) & SymbolFlags::NEEDS_COPY && claim && Claim::file(claim) == f)
        copied.push_back(file.symbols()[Claim::symbol(claim)].st_value);
    }
    if (copied.empty()) continue;
    std::sort(copied.begin(), copied.end());
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      Elf64_Sym sym = file.symbols()[i];
      if (sym.st_shndx == SHN_UNDEF || (sym.type() != STT_OBJECT && sym.type() != STT_NOTYPE) ||
          !std::binary_search(copied.begin(), copied.end(), sym.st_value))
        continue;
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (claim && Claim::file(claim) == f && Claim::symbol(claim) == i) {
        t.symbol.flags.set_bits(s, SymbolFlags::NEEDS_COPY | SymbolFlags::NEEDS_DYNSYM | SymbolFlags::IMPORTED |
                                       SymbolFlags::OWNED_BY_SHARED);
        t.symbol.uses.set_bits(s, SymbolUse::REACHED); // by the library, whatever --gc-sections found
      }
    }
  }
}

void count_needs(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  u64 output = t.link.output_flags;
  for (RangeId range : rows) {
    Counts sum;
    if (raw(range) < t.link.ranges)
      for_each_need(t, range, [&](SymbolId, u32 needs, const Reference &ref) { sum.add(needs, ref, output); });
    else
      for_each_local_need(
          t, [&](LocalNeedId id, u32, const Reference &ref) { sum.add(t.local_need.needs[id], ref, output); });
    NeedCellId cell{raw(range)};
    t.need_cell.entries[cell] = sum.entries;
    t.need_cell.got[cell] = sum.got;
    t.need_cell.plt[cell] = sum.plt;
    t.need_cell.plt_got[cell] = sum.plt_got;
    t.need_cell.iplt[cell] = sum.iplt;
    t.need_cell.relatives[cell] = sum.relatives;
    t.need_cell.symbolics[cell] = sum.symbolics;
  }
}

void place_needs(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for (RangeId range : rows) {
    Cursor next = cursor_at(t, NeedCellId{raw(range)});
    if (raw(range) < t.link.ranges) {
      for_each_need(t, range, [&](SymbolId s, u32 needs, const Reference &ref) {
        t.symbol.entry[s] = next.entry + 1;
        place(t, next, needs, ref, s, none, none);
      });
    } else {
      for_each_local_need(t, [&](LocalNeedId id, u32 f, const Reference &ref) {
        t.local_need.entry[id] = next.entry;
        place(t, next, t.local_need.needs[id], ref, SymbolId{}, f, t.local_need.symbol[id]);
      });
    }
  }
}

namespace {

// Where copied data lies: in .copyrel, or in .copyrel.rel.ro if it was read-only after relocation where it comes from.
class CopyPlacer {
public:
  explicit CopyPlacer(Job &job) : job_(job), t_(job.t) {}

  void place(EntryId e) {
    SymbolId s{t_.entry.symbol[e]};
    u64 claim = t_.symbol.claim[s];
    FileView file(t_, Claim::file(claim));
    Elf64_Sym sym = file.symbols()[Claim::symbol(claim)];
    auto [found, is_new] = copies_.try_emplace({raw(file.id), sym.st_value});
    Copy &copy = found->second;
    if (is_new && !add(file, Claim::symbol(claim), sym, copy)) {
      copies_.erase(found);
      return;
    }
    t_.entry.copy_offset[e] = copy.offset;
    t_.entry.is_copied[e] = is_new; // its other names share the bytes
    if (copy.is_relro) t_.symbol.flags.set_bits(s, SymbolFlags::COPY_IS_RELRO);
  }

  void publish() const {
    t_.found.copy_size.set(size_[0]);
    t_.found.copy_alignment.set(alignment_[0]);
    t_.found.copy_relro_size.set(size_[1]);
    t_.found.copy_relro_alignment.set(alignment_[1]);
    t_.found.copy_count.set(copies_.size());
  }

private:
  struct Copy {
    u64 offset = 0;
    bool is_relro = false;
  };
  static constexpr u32 largest_alignment = 6; // log2: what an address proves without a section that says so

  bool add(const FileView &file, u32 symbol, const Elf64_Sym &sym, Copy &copy) {
    u32 log2 = sym.st_value ? static_cast<u32>(std::countr_zero(sym.st_value)) : largest_alignment;
    u32 index = file.section_index(symbol, sym);
    if (index < file.section_count && index != SHN_UNDEF) {
      Elf64_Shdr h = file.section(index);
      log2 = std::min(log2, alignment_log2(h));
      auto name = file.section_name(h);
      copy.is_relro = !(h.sh_flags & SHF_WRITE) ||
                      (name && (name->starts_with(".data.rel.ro") || name->starts_with(".bss.rel.ro")));
    }
    log2 = std::min(log2, largest_alignment);
    if (sym.st_size > address_space - std::min(address_space, size_[copy.is_relro] + (u64{1} << log2))) {
      job_.report(Code::SymbolTooLarge, {.file = raw(file.id), .symbol = symbol});
      return false;
    }
    u64 &size = size_[copy.is_relro];
    copy.offset = align_up(size, log2);
    size = copy.offset + sym.st_size;
    alignment_[copy.is_relro] = std::max(alignment_[copy.is_relro], log2);
    return true;
  }

  Job &job_;
  const Tables &t_;
  std::map<std::pair<u32, u64>, Copy> copies_; // by file and address there
  u64 size_[2] = {0, 0};
  u32 alignment_[2] = {0, 0};
};

} // namespace

void place_copies(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId row : rows) {
    CopyPlacer placer(job);
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      if (t.entry.symbol[e] != none && t.entry.needs[e] & SymbolFlags::NEEDS_COPY) placer.place(e);
    }
    placer.publish();
  }
}

// As its first mention has it: of what is undefined, and of __start_X, which the linker defines for who refers to it.
static Name mentioned_name(const Tables &t, SymbolId s) {
  Name name = unpack_name(t.mention.name[MentionId{raw(s)}]);
  if (auto *mark = static_cast<const u8 *>(std::memchr(name.data, '@', name.size)); mark && mark != name.data)
    name.size = static_cast<u32>(mark - name.data);
  return name;
}

// The name of a symbol without a version in it.
Name symbol_name(const Tables &t, SymbolId s) {
  u64 claim = t.symbol.claim[s];
  if (claim) {
    FileView file(t, Claim::file(claim));
    Elf64_Sym sym = file.symbols()[Claim::symbol(claim)];
    if (t.file.flags[file.id] & FileFlags::IS_INTERNAL && sym.st_name == 0) return mentioned_name(t, s);
    auto name = file.symbol_name(sym);
    if (!name) return {};
    if (!is_shared(t, file.id))
      if (auto *at = name->has_at ? static_cast<const u8 *>(std::memchr(name->data, '@', name->size)) : nullptr;
          at && at != name->data)
        name->size = static_cast<u32>(at - name->data);
    return *name;
  }
  return mentioned_name(t, s);
}

bool is_hashed(const Tables &t, SymbolId s) {
  return t.symbol.flags[s] & (SymbolFlags::EXPORTED | SymbolFlags::NEEDS_COPY | SymbolFlags::NEEDS_CANONICAL_PLT);
}

void list_dynsyms(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId row : rows) {
    std::vector<EntryId> plain, hashed;
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      if (t.entry.symbol[e] == none) continue;
      SymbolId s{t.entry.symbol[e]};
      u32 flags = t.symbol.flags[s];
      if (!(flags & (SymbolFlags::NEEDS_DYNSYM | SymbolFlags::NEEDS_COPY))) continue;
      if (!(flags & SymbolFlags::EXPORTED) && !is_reached(t, s)) continue; // as GNU ld
      if (is_hashed(t, s)) hashed.push_back(e);
      else plain.push_back(e);
    }
    u32 buckets = static_cast<u32>(hashed.size() / 4 + 1);
    for (EntryId e : hashed) {
      Name name = symbol_name(t, SymbolId{t.entry.symbol[e]});
      t.entry.hash[e] = gnu_hash(name.data, name.size);
    }
    std::stable_sort(hashed.begin(), hashed.end(),
                     [&](EntryId a, EntryId b) { return t.entry.hash[a] % buckets < t.entry.hash[b] % buckets; });
    u32 index = 1;
    u64 string = 0;
    auto number = [&](EntryId e) {
      SymbolId s{t.entry.symbol[e]};
      t.entry.dynsym[e] = index;
      t.dynsym.entry[DynsymId{index - 1}] = raw(e);
      index++;
      t.entry.dynstr[e] = static_cast<u32>(string);
      string += symbol_name(t, s).size + u64{1};
      // Bound to a version of the library that has it; 1 is VER_NDX_GLOBAL.
      t.entry.version[e] = t.symbol.version[s] ? t.symbol.version[s] : u16{VER_NDX_GLOBAL};
      u64 claim = t.symbol.claim[s];
      if (claim && t.symbol.flags[s] & SymbolFlags::OWNED_BY_SHARED) {
        FileId f = Claim::file(claim);
        u32 versym = t.file.versions[f] ? *Bytes(reinterpret_cast<const u8 *>(t.file.image[f]), t.file.image_size[f])
                                               .read<u16>(t.file.versions[f] + u64{Claim::symbol(claim)} * 2)
                                        : 0;
        u32 version = versym & ~VERSYM_HIDDEN;
        if (version > VER_NDX_GLOBAL && t.file.first_version[f] + version < t.file.first_version[f + 1])
          t.version.is_used[VersionId{t.file.first_version[f] + version}] = 1;
      }
    };
    for (EntryId e : plain) number(e);
    for (EntryId e : hashed) number(e);
    t.found.dynsym_hashed.set(hashed.size());
    t.found.gnu_hash_buckets.set(buckets);
    t.found.dynsym_count.set(index);
    t.found.dynstr_size.set(string);
  }
}

} // namespace spore
