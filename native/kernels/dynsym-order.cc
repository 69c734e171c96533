// Synthesise: the order of .dynsym, and the place of each name in .dynstr.
//
// DT_GNU_HASH finds the last symbols of .dynsym, bucket by bucket; those that have no address here come first.

#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/slots.h"

namespace spore {

namespace {

// As its first mention has it: of what is undefined, and of __start_X, which the linker defines for who refers to it.
Name mentioned_name(const Tables &t, SymbolId s) {
  Name name = unpack_name(t.mention.name[MentionId{raw(s)}]);
  if (auto *mark = static_cast<const u8 *>(std::memchr(name.data, '@', name.size)); mark && mark != name.data)
    name.size = static_cast<u32>(mark - name.data);
  return name;
}

// Puts symbols in the order of their buckets, and those of one bucket in that of entries: counts, then places.
void sort_by_bucket(const Tables &t, std::vector<EntryId> &hashed, u32 buckets) {
  std::vector<u32> next(buckets + size_t{1});
  for (EntryId e : hashed) next[t.entry.hash[e] % buckets + 1]++;
  for (u32 b = 0; b < buckets; b++) next[b + 1] += next[b];
  std::vector<EntryId> sorted(hashed.size());
  for (EntryId e : hashed) sorted[next[t.entry.hash[e] % buckets]++] = e;
  hashed.swap(sorted);
}

} // namespace

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
    std::vector<u32> name_sizes(t.entry.rows);
    for (EntryId e : plain) name_sizes[raw(e)] = symbol_name(t, SymbolId{t.entry.symbol[e]}).size;
    for (EntryId e : hashed) {
      Name name = symbol_name(t, SymbolId{t.entry.symbol[e]});
      name_sizes[raw(e)] = name.size;
      t.entry.hash[e] = gnu_hash(name.data, name.size);
    }
    sort_by_bucket(t, hashed, buckets);
    u32 index = 1;
    u64 string = 0;
    auto number = [&](EntryId e) {
      SymbolId s{t.entry.symbol[e]};
      t.entry.dynsym[e] = index;
      t.dynsym.entry[DynsymId{index - 1}] = raw(e);
      index++;
      t.entry.dynstr[e] = static_cast<u32>(string);
      string += name_sizes[raw(e)] + u64{1};
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
