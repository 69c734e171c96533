// Which piece of a split section holds a byte, for a file whose relocations ask often: debug information refers to
// strings a hundred thousand times.
#pragma once

#include <vector>

#include "kernels/address.h"

namespace spore {

class PieceIndex {
public:
  explicit PieceIndex(const Tables &t) : t_(t) {}

  void begin_file(FileId f) {
    first_ = t_.file.first_mergeable[f];
    slots_.clear();
    begins_.assign(t_.file.mergeables[f], none);
  }

  // Address of byte `offset` of a section of the file, as merged_address() has it.
  u64 address_of(SectionId s, const Elf64_Shdr &header, u64 offset) {
    MergeableId m{t_.section.mergeable[s]};
    if (raw(m) - first_ >= begins_.size() || t_.mergeable.pieces[m] < worth_it)
      return merged_address(t_, s, header, offset);
    u32 &begin = begins_[raw(m) - first_];
    if (begin == none) begin = add(m);
    u64 target = header.sh_offset + offset;
    PieceId first{t_.mergeable.first_piece[m]}, last = first + (t_.mergeable.pieces[m] - 1);
    u64 base = t_.piece.start[first];
    u64 slot = target < base ? 0 : (target - base) >> slot_bits;
    u64 end = (t_.piece.start[last] - base) >> slot_bits;
    PieceId piece{slots_[begin + (slot < end ? slot : end)]};
    while (piece != last && t_.piece.start[piece + 1] <= target) ++piece;
    return piece_address(t_, piece, BucketId{t_.section.bucket[s]}) + (target - t_.piece.start[piece]);
  }

private:
  static constexpr u32 slot_bits = 5;
  static constexpr u32 worth_it = 32; // pieces

  // For every 32 bytes the last piece that begins no later. Returns where the section's slots begin.
  u32 add(MergeableId m) {
    u32 begin = static_cast<u32>(slots_.size());
    PieceId piece{t_.mergeable.first_piece[m]}, last = piece + (t_.mergeable.pieces[m] - 1);
    u32 base = t_.piece.start[piece];
    for (u64 at = base; at <= t_.piece.start[last]; at += u64{1} << slot_bits) {
      while (piece != last && t_.piece.start[piece + 1] <= at) ++piece;
      slots_.push_back(raw(piece));
    }
    return begin;
  }

  const Tables &t_;
  u32 first_ = 0; // the file's first mergeable section
  std::vector<u32> begins_; // by mergeable section: where its slots begin, or none
  std::vector<u32> slots_;
};

} // namespace spore
