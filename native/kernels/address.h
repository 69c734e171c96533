// From input to output: where a section, a piece or a definition has come to lie. Valid after layout.
#pragma once

#include "kernels/pieces.h"
#include "kernels/slots.h"

namespace spore {

inline ChunkBucketId chunk_bucket(const Tables &t, ChunkId chunk, BucketId bucket) {
  return ChunkBucketId{raw(chunk) * static_cast<u32>(t.link.bucket_count) + t.bucket.ordinal[bucket]};
}

// Offset in its chunk's part of the bucket. Few sections lie beyond 2 GiB, behind zero-filled ones: only their rows of
// offset_high are touched.
inline constexpr u32 far_section = 1u << 31;

inline u64 section_offset(const Tables &t, SectionId s) {
  u32 low = t.section.offset[s];
  if (!(low & far_section)) [[likely]]
    return low;
  return u64{t.section.offset_high[s]} << 31 | (low & ~far_section);
}

inline void set_section_offset(const Tables &t, SectionId s, u64 offset) {
  if (offset < far_section) {
    t.section.offset[s] = static_cast<u32>(offset);
    return;
  }
  t.section.offset[s] = static_cast<u32>(offset) | far_section;
  t.section.offset_high[s] = static_cast<u32>(offset >> 31);
}

// Where a common symbol goes.
inline BucketId common_bucket(const Tables &t, SymbolId s) {
  if (t.symbol.flags[s] & SymbolFlags::IS_TLS) return BucketId{static_cast<u32>(t.link.tls_common_bucket)};
  return BucketId{static_cast<u32>(is_small_common(t, s) ? t.link.common_bucket : t.link.large_common_bucket)};
}

// Offset in its bucket of a section that is copied as it is.
inline u64 offset_in_bucket(const Tables &t, FileId f, SectionId s, BucketId bucket) {
  return t.chunk_bucket.offset[chunk_bucket(t, ChunkId{t.file.chunk[f]}, bucket)] + section_offset(t, s);
}

// piece.place: its partition, then its offset in the partition's part of the bucket.
inline constexpr u32 piece_offset_bits = 48;

// Offset in its bucket of a piece's unique copy.
inline u64 piece_offset(const Tables &t, PieceId piece, BucketId bucket) {
  u64 placed = t.piece.place[piece];
  MergeCellId cell{static_cast<u32>(placed >> piece_offset_bits) * static_cast<u32>(t.link.bucket_count) +
                   t.bucket.ordinal[bucket]};
  return t.merge_cell.offset[cell] + (placed & ((u64{1} << piece_offset_bits) - 1));
}

inline u64 piece_address(const Tables &t, PieceId piece, BucketId bucket) {
  return t.bucket.address[bucket] + piece_offset(t, piece, bucket);
}

// Where byte `offset` of a section that was split has gone, in the output. `delta` is added after the
// piece was found: a reference may point before or past the piece that it means.
inline u64 merged_address(const Tables &t, SectionId s, const Elf64_Shdr &header, u64 offset) {
  MergeableId m{t.section.mergeable[s]};
  if (t.mergeable.pieces[m] == 0) return 0;
  u64 target = header.sh_offset + offset;
  PieceId piece = piece_at(t, m, target);
  return piece_address(t, piece, bucket_of(t, s)) + (target - t.piece.start[piece]);
}

// Of a folded section: where it is in the output by the one that stands for it.
inline u64 folded_address(const Tables &t, SectionId s, u64 offset) {
  FoldId leader{t.fold.leader[FoldId{t.section.fold[s] - 1}]};
  FileId f{t.fold.file[leader]};
  SectionId stays{t.file.first_section[f] + t.fold.section[leader]};
  BucketId bucket = bucket_of(t, stays);
  return t.bucket.address[bucket] + offset_in_bucket(t, f, stays, bucket) + offset;
}

// Address of byte `offset` of section `index` of a file; 0 for what is not in the output.
inline u64 section_address(const Tables &t, const FileView &file, u32 index, u64 offset) {
  SectionId s = file.section_id(index);
  u32 flags = t.section.flags[s];
  if (flags & SectionFlags::FOLDED) [[unlikely]]
    return folded_address(t, s, offset);
  if ((flags & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) return 0;
  if (flags & SectionFlags::EH_FRAME) return t.own_section.address[OwnSection::EhFrame];
  BucketId bucket = bucket_of(t, s);
  if (raw(bucket) == 0) return 0;
  if (flags & SectionFlags::MERGEABLE) return merged_address(t, s, file.section(index), offset);
  return t.bucket.address[bucket] + offset_in_bucket(t, file.id, s, bucket) + offset;
}

// Address of a definition in an object of the link. An ifunc's is that of its resolver.
inline u64 definition_address(const Tables &t, const FileView &file, u32 symbol) {
  Elf64_Sym sym = file.symbols()[symbol];
  u32 section = file.section_index(symbol, sym);
  if (section == section_absolute || t.file.flags[file.id] & FileFlags::IS_INTERNAL) return sym.st_value;
  if (is_common(section)) {
    SymbolId s{t.mention.symbol[file.mention(symbol)]};
    if (!is_reached(t, s)) return 0;
    BucketId bucket = common_bucket(t, s);
    return t.bucket.address[bucket] + t.chunk_bucket.offset[chunk_bucket(t, ChunkId{t.file.chunk[file.id]}, bucket)] +
           t.mention.common_offset[file.mention(symbol)];
  }
  if (section == SHN_UNDEF || section >= file.section_count) return 0;
  return section_address(t, file, section, sym.st_value);
}

} // namespace spore
