// The bytes of strings and constants.
#pragma once

#include "tables/file-view.h"

namespace spore {

// A piece ends where the next one of its section begins. A file may have changed since it was split; what is
// returned lies inside it all the same.
inline Bytes piece_bytes(const Tables &t, PieceId p) {
  MergeableId m{t.piece.mergeable[p]};
  u32 begin = t.piece.start[p], end = t.mergeable.end[m];
  bool is_last = raw(p) + 1 >= t.mergeable.first_piece[m] + t.mergeable.pieces[m];
  if (!is_last && t.piece.start[p + 1] < end) end = t.piece.start[p + 1];
  return {reinterpret_cast<const u8 *>(t.file.image[FileId{t.mergeable.file[m]}]) + begin,
          end > begin ? end - begin : 0};
}

// The piece of a section that was split which has the byte at `target`, an offset in the file. There must be one.
inline PieceId piece_at(const Tables &t, MergeableId m, u64 target) {
  PieceId first{t.mergeable.first_piece[m]};
  u32 low = 0, high = t.mergeable.pieces[m] - 1;
  while (low < high) {
    u32 middle = (low + high + 1) / 2;
    if (t.piece.start[first + middle] <= target) low = middle;
    else high = middle - 1;
  }
  return first + low;
}

// Who goes through the rows of a partition meets a piece of another file each time: it asks some rounds ahead for the
// columns, and then for the bytes.
class PartitionPieces {
public:
  PartitionPieces(const Tables &t, u32 begin, u32 end) : t_(t), begin_(begin), end_(end) {}

  u32 begin() const { return begin_; }
  u32 end() const { return end_; }
  PieceId at(u32 entry) const { return PieceId{t_.hash_entry.row[HashEntryId{entry}]}; }

  void ask_for_columns(u32 entry) const {
    if (entry + 2 * ahead >= end_) return;
    PieceId p = at(entry + 2 * ahead);
    __builtin_prefetch(&t_.piece.same[p]);
    __builtin_prefetch(&t_.piece.mergeable[p]);
    __builtin_prefetch(&t_.piece.start[p]);
    __builtin_prefetch(&t_.piece.place[p], 1);
    __builtin_prefetch(&t_.piece.alignment[p]);
  }
  void ask_for_bytes(u32 entry) const {
    if (entry + ahead >= end_) return;
    PieceId p = at(entry + ahead);
    if (t_.piece.same[p] == raw(p)) __builtin_prefetch(piece_bytes(t_, p).data());
  }

private:
  static constexpr u32 ahead = 8;

  const Tables &t_;
  u32 begin_, end_;
};

// The pieces of a partition, in input order.
inline PartitionPieces pieces_of(const Tables &t, PartitionId partition) {
  u32 partitions = static_cast<u32>(t.link.partitions), ranges = static_cast<u32>(t.link.ranges);
  HashCellId last{(ranges - 1) * partitions + raw(partition)};
  return {t, t.hash_cell.first[HashCellId{raw(partition)}], t.hash_cell.first[last] + t.hash_cell.count[last]};
}

} // namespace spore
