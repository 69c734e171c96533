// Synthesise: which symbol gets which slot of .got, .plt and .dynsym.
//
// Symbols are counted per range and placed after prefix sums, so numbers follow symbol ids, which follow
// input order.

#include <algorithm>
#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/slots.h"

namespace spore {

namespace {

// What one symbol's needs come to; the same for counting and for placing.
struct Slots {
  u32 got = 0; // slots of .got in all
  u32 plt = 0, plt_got = 0, iplt = 0;
  u32 relatives = 0, symbolics = 0;
};

Slots slots_of(const Tables &t, u32 needs, const Reference &ref) {
  Slots s;
  u64 output = t.link.output_flags;
  bool pic = output & OutputFlags::PIC, shared = output & OutputFlags::SHARED;
  bool imported = ref.flags & Reference::Imported;
  if (needs & SymbolFlags::NEEDS_GOT) {
    s.got++;
    if (imported) s.symbolics++;
    else if (pic && !(ref.flags & (Reference::Absolute | Reference::Undefined)))
      s.relatives += !(output & OutputFlags::PACK_RELATIVE);
  }
  if (needs & SymbolFlags::NEEDS_TLS_GD) {
    s.got += 2;
    s.symbolics += imported ? 2 : shared ? 1 : 0;
  }
  if (needs & SymbolFlags::NEEDS_TLS_DESC) {
    s.got += 2;
    s.symbolics++;
  }
  if (needs & SymbolFlags::NEEDS_GOT_TP) {
    s.got++;
    if (imported || shared) s.symbolics++;
  }
  if (needs & SymbolFlags::NEEDS_PLT) {
    if (ref.flags & Reference::Ifunc) s.iplt++;
    else if (needs & SymbolFlags::NEEDS_GOT && !(needs & SymbolFlags::NEEDS_CANONICAL_PLT)) s.plt_got++;
    else s.plt++;
  }
  return s;
}

Reference local_reference(const Tables &t, const FileView &file, u32 symbol) {
  return symbol < file.first_global ? References::local(t, file, symbol) : Reference{};
}

struct Cursor {
  u32 entry, got, plt, plt_got, iplt;
};

Cursor cursor_at(const Tables &t, NeedCellId cell) {
  return {t.need_cell.entries[cell], t.need_cell.got[cell], t.need_cell.plt[cell], t.need_cell.plt_got[cell],
          t.need_cell.irelatives[cell]};
}

void place(const Tables &t, Cursor &next, u32 needs, const Reference &ref, SymbolId symbol, u32 file, u32 index) {
  EntryId e{next.entry++};
  Slots s = slots_of(t, needs, ref);
  t.entry.symbol[e] = file == none ? raw(symbol) : none;
  t.entry.file[e] = file;
  t.entry.index[e] = index;
  t.entry.needs[e] = needs;
  auto take = [&](u32 bit, u32 slots) {
    if (!(needs & bit)) return none;
    u32 at = next.got;
    next.got += slots;
    return at;
  };
  t.entry.got[e] = take(SymbolFlags::NEEDS_GOT, 1);
  t.entry.tls_gd[e] = take(SymbolFlags::NEEDS_TLS_GD, 2);
  t.entry.tls_desc[e] = take(SymbolFlags::NEEDS_TLS_DESC, 2);
  t.entry.got_tp[e] = take(SymbolFlags::NEEDS_GOT_TP, 1);
  t.entry.plt[e] = s.plt ? next.plt++ : s.iplt ? static_cast<u32>(t.link.plt_jumps) + next.iplt++ : none;
  t.entry.plt_got[e] = s.plt_got ? next.plt_got++ : none;
  t.entry.dynsym[e] = 0;
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
    if (!is_shared(t, f) || t.file.flags[f] & FileFlags::IS_BROKEN) continue;
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
      if (claim && Claim::file(claim) == f && Claim::symbol(claim) == i)
        t.symbol.flags.set_bits(s, SymbolFlags::NEEDS_COPY | SymbolFlags::NEEDS_DYNSYM | SymbolFlags::IMPORTED |
                                       SymbolFlags::OWNED_BY_SHARED);
    }
  }
}

void count_needs(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for (RangeId range : rows) {
    u32 entries = 0;
    Slots sum;
    auto add = [&](u32 needs, const Reference &ref) {
      Slots s = slots_of(t, needs, ref);
      entries++;
      sum.got += s.got;
      sum.plt += s.plt;
      sum.plt_got += s.plt_got;
      sum.iplt += s.iplt;
      sum.relatives += s.relatives;
      sum.symbolics += s.symbolics;
    };
    if (raw(range) < t.link.ranges)
      for_each_need(t, range, [&](SymbolId, u32 needs, const Reference &ref) { add(needs, ref); });
    else for_each_local_need(t, [&](LocalNeedId id, u32, const Reference &ref) { add(t.local_need.needs[id], ref); });
    NeedCellId cell{raw(range)};
    t.need_cell.entries[cell] = entries;
    t.need_cell.got[cell] = sum.got;
    t.need_cell.plt[cell] = sum.plt;
    t.need_cell.plt_got[cell] = sum.plt_got;
    t.need_cell.irelatives[cell] = sum.iplt;
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

void place_copies(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  struct Copy {
    u32 file;
    u64 value;
    u64 offset;
    bool is_relro;
  };
  for ([[maybe_unused]] RangeId row : rows) {
    std::vector<Copy> copies;
    u64 size[2] = {0, 0};
    u32 alignment[2] = {0, 0};
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      if (t.entry.symbol[e] == none || !(t.entry.needs[e] & SymbolFlags::NEEDS_COPY)) continue;
      SymbolId s{t.entry.symbol[e]};
      u64 claim = t.symbol.claim[s];
      FileId f = Claim::file(claim);
      FileView file(t, f);
      Elf64_Sym sym = file.symbols()[Claim::symbol(claim)];
      auto same = std::find_if(copies.begin(), copies.end(),
                               [&](const Copy &c) { return c.file == raw(f) && c.value == sym.st_value; });
      if (same != copies.end()) {
        t.entry.copy_offset[e] = same->offset;
        if (same->is_relro) t.symbol.flags.set_bits(s, SymbolFlags::COPY_IS_RELRO);
        continue;
      }
      u32 log2 = sym.st_value ? static_cast<u32>(std::countr_zero(sym.st_value)) : 6;
      bool is_relro = false;
      u32 index = file.section_index(Claim::symbol(claim), sym);
      if (index < file.section_count && index != SHN_UNDEF) {
        Elf64_Shdr h = file.section(index);
        u32 of_section = alignment_log2(h);
        if (of_section < log2) log2 = of_section;
        auto name = file.section_name(h);
        is_relro = !(h.sh_flags & SHF_WRITE) ||
                   (name && (name->starts_with(".data.rel.ro") || name->starts_with(".bss.rel.ro")));
      }
      if (log2 > 6) log2 = 6;
      if (sym.st_size > UINT32_MAX) {
        job.report(Code::SectionTooLarge, {.file = raw(f), .section = index < file.section_count ? index : none});
        continue;
      }
      u64 offset = align_up(size[is_relro], log2);
      size[is_relro] = offset + sym.st_size;
      alignment[is_relro] = std::max(alignment[is_relro], log2);
      t.entry.copy_offset[e] = offset;
      if (is_relro) t.symbol.flags.set_bits(s, SymbolFlags::COPY_IS_RELRO);
      copies.push_back({raw(f), sym.st_value, offset, is_relro});
    }
    t.found.copy_size.set(size[0]);
    t.found.copy_alignment.set(alignment[0]);
    t.found.copy_relro_size.set(size[1]);
    t.found.copy_relro_alignment.set(alignment[1]);
    t.found.copy_count.set(copies.size());
  }
}

// The name of a symbol without a version in it.
Name symbol_name(const Tables &t, SymbolId s) {
  u64 claim = t.symbol.claim[s];
  if (claim) {
    FileView file(t, Claim::file(claim));
    u32 index = Claim::symbol(claim);
    auto name = file.symbol_name(file.symbols()[index]);
    if (!name) return {};
    if (!is_shared(t, file.id))
      if (auto *at = name->has_at ? static_cast<const u8 *>(std::memchr(name->data, '@', name->size)) : nullptr;
          at && at != name->data)
        name->size = static_cast<u32>(at - name->data);
    return *name;
  }
  // Undefined: the name of the first mention.
  const u8 *at = reinterpret_cast<const u8 *>(t.mention.name[MentionId{raw(s)}]);
  Name name{at, static_cast<u32>(std::strlen(reinterpret_cast<const char *>(at)))};
  if (auto *mark = static_cast<const u8 *>(std::memchr(at, '@', name.size)); mark && mark != at)
    name.size = static_cast<u32>(mark - at);
  return name;
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
        u32 versym = t.file.versions[f] ? *Bytes(reinterpret_cast<const u8 *>(t.file.base[f]), t.file.size[f])
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
