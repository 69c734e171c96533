// Which piece of a split section holds a byte, for a file whose relocations ask often: debug information refers to
// strings a hundred thousand times, in no order. What an answer needs is together, in memory that stays in cache:
// looked for in the tables, each answer waits for a start and for a place that are far apart (a tenth of the time of a
// link with debug information, when that was measured).
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/address.h"

namespace spore {

class PieceIndex {
public:
  explicit PieceIndex(const Tables &t) : t_(t) {}

  void begin_file(FileId f) {
    first_ = t_.file.first_mergeable[f];
    sections_.assign(t_.file.mergeables[f], {});
    pieces_.clear();
    slots_.clear();
  }

  // Address of byte `offset` of a section of the file, as merged_address() has it.
  u64 address_of(SectionId s, const Elf64_Shdr &header, u64 offset) {
    MergeableId m{t_.section.mergeable[s]};
    if (raw(m) - first_ >= sections_.size()) return merged_address(t_, s, header, offset);
    Section &section = sections_[raw(m) - first_];
    if (section.state == Section::New) section.state = add(section, m, bucket_of(t_, s));
    if (section.state == Section::NotWorthIt) return merged_address(t_, s, header, offset);
    u64 target = header.sh_offset + offset;
    u64 slot = target < section.base ? 0 : (target - section.base) >> slot_bits;
    const Piece *piece = &pieces_[slots_[section.first_slot + std::min<u64>(slot, section.slots - 1)]];
    // An addend may make it any number: what ends the pieces must be greater.
    while (piece[1].start <= std::min(target, behind_all - 1)) ++piece;
    return section.address + piece->offset + (target - piece->start);
  }

private:
  static constexpr u32 slot_bits = 5;
  static constexpr u32 worth_it = 32; // pieces
  static constexpr u64 behind_all = UINT64_MAX;

  struct Piece {
    u64 start; // in the file
    u64 offset; // of its copy, in the bucket
  };
  struct Section {
    enum State : u32 { New, NotWorthIt, Indexed } state = New;
    u32 first_slot = 0; // a slot for every 32 bytes: the last piece that begins no later
    u32 slots = 0;
    u32 base = 0; // where its first piece is, in the file
    u64 address = 0; // of its bucket
  };

  Section::State add(Section &section, MergeableId m, BucketId bucket) {
    u32 count = t_.mergeable.pieces[m];
    if (count < worth_it) return Section::NotWorthIt;
    PieceId first{t_.mergeable.first_piece[m]};
    section.address = t_.bucket.address[bucket];
    section.base = t_.piece.start[first];
    section.slots = ((t_.piece.start[first + (count - 1)] - section.base) >> slot_bits) + 1;
    section.first_slot = static_cast<u32>(slots_.size());
    u32 index = static_cast<u32>(pieces_.size());
    pieces_.resize(pieces_.size() + count + 1);
    slots_.resize(slots_.size() + section.slots);
    for (u32 i = 0; i < count; i++)
      pieces_[index + i] = {t_.piece.start[first + i], piece_offset(t_, first + i, bucket)};
    pieces_[index + count] = {behind_all, 0}; // a reference past the last piece is to that one
    u32 *slot = &slots_[section.first_slot], *end = slot + section.slots;
    for (u64 at = section.base; slot != end; at += u64{1} << slot_bits) {
      while (pieces_[index + 1].start <= at) ++index;
      *slot++ = index;
    }
    return Section::Indexed;
  }

  const Tables &t_;
  u32 first_ = 0; // the file's first mergeable section
  std::vector<Section> sections_; // by mergeable section
  std::vector<Piece> pieces_;
  std::vector<u32> slots_; // indices of pieces_
};

} // namespace spore
