// Small questions about input sections that several kernels ask.
#pragma once

#include <algorithm>
#include <bit>
#include <vector>

#include "tables/file-view.h"

namespace spore {

// As GNU ld: a small and a large common symbol of one name are a small one.
inline bool is_small_common(const Tables &t, SymbolId s) { return t.symbol.uses.load(s) & SymbolUse::SMALL_COMMON; }

// log2 of sh_addralign; 64 when it is not a power of two.
inline u32 alignment_log2(const Elf64_Shdr &h) {
  if (h.sh_addralign <= 1) return 0;
  return std::has_single_bit(h.sh_addralign) ? static_cast<u32>(std::countr_zero(h.sh_addralign)) : 64;
}

// What a process has, and how strictly something in it may be aligned: sums stay far from what 64 bits, and numbers of
// TypeScript, have room for.
inline constexpr u64 address_space = u64{1} << 47;
inline constexpr u32 largest_alignment_log2 = 31;

inline u64 align_up(u64 value, u32 log2) { return (value + ((u64{1} << log2) - 1)) & ~((u64{1} << log2) - 1); }

// The bucket that a section is laid out in; 0 where it is in none. Few links have so many buckets that bucket_high is
// touched.
inline constexpr u16 far_bucket = 1u << 15;

inline BucketId bucket_of(const Tables &t, SectionId s) {
  u16 low = t.section.bucket[s];
  if (!(low & far_bucket)) [[likely]]
    return BucketId{low};
  return BucketId{t.section.bucket_high[s] << 15 | (low & ~u32{far_bucket})};
}

inline void set_bucket(const Tables &t, SectionId s, BucketId bucket) {
  if (raw(bucket) < far_bucket) {
    t.section.bucket[s] = static_cast<u16>(raw(bucket));
    return;
  }
  t.section.bucket_high[s] = raw(bucket) >> 15;
  t.section.bucket[s] = static_cast<u16>(raw(bucket) | far_bucket);
}

// Bytes of the copy of a shared object's datum: of the largest common symbol whose place it took, if that is more.
inline u64 copied_size(const Tables &t, SymbolId s, const Elf64_Sym &sym) {
  return std::max(u64{sym.st_size}, t.symbol.common_size[s]);
}

// log2 of how a shared object's datum is aligned, by its address and its section; at most 64 bytes where no section
// says.
inline u32 proven_alignment(const FileView &file, u32 symbol, const Elf64_Sym &sym) {
  u32 index = file.section_index(symbol, sym);
  bool has_section = index != SHN_UNDEF && index < file.section_count;
  u32 log2 = has_section ? alignment_log2(file.section(index)) : 6;
  if (log2 > largest_alignment_log2) log2 = 6; // what it says cannot be
  return sym.st_value ? std::min(log2, static_cast<u32>(std::countr_zero(sym.st_value))) : log2;
}

inline bool is_kept(const Tables &t, SectionId s) {
  return (t.section.flags.load(s) & (SectionFlags::LIVE | SectionFlags::DISCARDED)) == SectionFlags::LIVE;
}

// Whether --gc-sections, if it is asked for, has found a reference to a symbol: of common symbols and those of others,
// which have no section that would say so.
inline bool is_reached(const Tables &t, SymbolId s) {
  return !(t.link.output_flags & OutputFlags::GC_SECTIONS) || t.symbol.uses.load(s) & SymbolUse::REACHED;
}

// The header index of a section's SHT_RELA section, or 0, once split has noted it. Assemblers put it right after the
// section: most have none, and need no look at a header.
inline u32 relocation_section_of(const Tables &t, const FileView &file, u32 index) {
  SectionId s = file.section_id(index);
  if (t.section.flags[s] & SectionFlags::RELOCATED) return index + 1;
  return file.has_stray_relocations ? t.section.relocations[s] : 0;
}

} // namespace spore
