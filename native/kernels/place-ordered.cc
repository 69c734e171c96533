// Order: finds the symbols that ordering files name, and lays the sections out that they are in.

#include <algorithm>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/address.h"

namespace spore {

namespace {

// The names that are looked for, by their hashes. Every chunk makes its own: they are few beside the symbols.
class OrderedNames {
public:
  explicit OrderedNames(const Tables &t) : t_(t) {
    size_t size = 16;
    while (size < t.ordered_name.rows * 2) size *= 2;
    slots_.assign(size, 0);
    for (u32 row = 0; row < t.ordered_name.rows; row++) {
      size_t at = start(name_of(OrderedNameId{row}));
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = row + 1;
    }
  }

  // The row of a name, or none.
  u32 find(const Name &name) const {
    for (size_t at = start(name); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1))
      if (name_of(OrderedNameId{slots_[at] - 1}) == name) return slots_[at] - 1;
    return none;
  }

private:
  Name name_of(OrderedNameId row) const {
    return {reinterpret_cast<const u8 *>(t_.ordered_name.text[row]), t_.ordered_name.length[row]};
  }
  size_t start(const Name &name) const {
    return static_cast<size_t>(hash_bytes(name.data, name.size, t_.link.hash_seed)) & (slots_.size() - 1);
  }

  const Tables &t_;
  std::vector<u32> slots_; // rows, plus 1
};

} // namespace

void find_ordered(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  OrderedNames names(t);
  for (FileId f : rows) {
    if (!is_live_object(t, f) || t.file.flags[f] & FileFlags::IS_INTERNAL) continue;
    FileView file(t, f);
    for (u32 i = 1; i < file.symbol_count; i++) {
      Elf64_Sym sym = file.symbols()[i];
      u32 section = file.section_index(i, sym);
      if (section == SHN_UNDEF || section >= file.section_count || sym.type() == STT_SECTION || sym.type() == STT_FILE)
        continue;
      SectionId s = file.section_id(section);
      if (!is_kept(t, s) || t.section.flags.load(s) & SectionFlags::FOLDED) continue;
      if (i >= file.first_global) {
        u64 claim = t.symbol.claim[SymbolId{t.mention.symbol[file.mention(i)]}];
        if (!claim || Claim::file(claim) != f || Claim::symbol(claim) != i) continue;
      }
      auto name = file.symbol_name(sym);
      if (!name || name->size == 0) continue;
      if (u32 row = names.find(*name); row != none) job.request(RequestKind::ORDERED_NAME, f, i, row);
    }
  }
}

// Lays the sections of ordered buckets out: those that are listed, then the others in input order.
void place_ordered(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  struct Sum {
    u64 size = 0;
    u32 alignment = 0, start_alignment = 0;
  };
  for ([[maybe_unused]] RangeId range : rows) {
    u32 buckets = static_cast<u32>(t.link.bucket_count);
    std::vector<Sum> sums(buckets);
    std::vector<bool> is_placed(t.section.rows);
    auto place = [&](const FileView &file, u32 index) {
      SectionId s = file.section_id(index);
      u32 flags = t.section.flags[s];
      constexpr u32 unlike = SectionFlags::DISCARDED | SectionFlags::MERGEABLE | SectionFlags::FOLDED;
      BucketId bucket = bucket_of(t, s);
      if (is_placed[raw(s)] || raw(bucket) == 0 || !t.bucket.is_ordered[bucket] ||
          (flags & (SectionFlags::LIVE | unlike)) != SectionFlags::LIVE)
        return;
      is_placed[raw(s)] = true;
      Elf64_Shdr h = file.section(index);
      Sum &sum = sums[t.bucket.ordinal[bucket]];
      u32 log2 = alignment_log2(h), forced = t.bucket.subalignment[bucket], used = forced ? forced - 1 : log2;
      u64 offset = log2 <= largest_alignment_log2 ? align_up(sum.size, used) : address_space;
      if (h.sh_size > address_space || offset + h.sh_size > address_space)
        return job.report(Code::SectionTooLarge, {.file = raw(file.id), .section = index});
      t.section.gap_before[s] = static_cast<u32>(offset - sum.size);
      set_section_offset(t, s, offset);
      sum.size = offset + h.sh_size;
      sum.alignment = std::max(sum.alignment, log2);
      sum.start_alignment = std::max(sum.start_alignment, used);
    };
    for (u32 i = 0; i < t.ordered_section.rows; i++) {
      FileView file(t, FileId{t.ordered_section.file[OrderedSectionId{i}]});
      u32 index = t.ordered_section.section[OrderedSectionId{i}];
      if (index < file.section_count) place(file, index);
    }
    for (u32 f = 0; f < t.file.rows; f++) {
      if (!is_live_object(t, FileId{f})) continue;
      FileView file(t, FileId{f});
      for (u32 i = 1; i < file.section_count; i++) place(file, i);
    }
    for (u32 b = 0; b < buckets; b++) {
      if (sums[b].size == 0) continue;
      t.chunk_bucket.size[ChunkBucketId{b}] = sums[b].size;
      t.chunk_bucket.alignment[ChunkBucketId{b}] = static_cast<u8>(sums[b].alignment);
      t.chunk_bucket.start_alignment[ChunkBucketId{b}] = static_cast<u8>(sums[b].start_alignment);
    }
  }
}

} // namespace spore
