// Pieces of split sections: what their bytes are and, by merged_address() and PieceIndex, where these have gone.

#include <string>

#include "kernels/piece-index.h"
#include "kernels/pieces.h"
#include "test/check.h"
#include "test/random.h"
#include "test/tables-on-heap.h"

using namespace spore;
using namespace spore::test;

namespace {

constexpr u32 buckets = 3, partitions = 4;

// Files of mergeable sections, each of so many pieces.
class Sections {
public:
  Sections(Random &random, const std::vector<std::vector<u32>> &files, u32 longest_piece) {
    Tables &t = heap_.t;
    u32 sections = 0, pieces = 0;
    for (const auto &file : files)
      for (u32 count : file) {
        sections++;
        pieces += count;
      }
    heap_.allocate(t.file, files.size(), &FileTable::first_mergeable, &FileTable::mergeables);
    heap_.allocate(t.section, sections, &SectionTable::mergeable, &SectionTable::bucket);
    heap_.allocate(t.mergeable, sections, &MergeableTable::pieces, &MergeableTable::first_piece);
    heap_.allocate(t.piece, pieces, &PieceTable::start, &PieceTable::place);
    heap_.allocate(t.bucket, buckets + 1, &BucketTable::address, &BucketTable::ordinal);
    heap_.allocate(t.merge_cell, u64{partitions} * buckets, &MergeCellTable::offset);
    t.link.bucket_count = buckets;
    for (u32 b = 1; b <= buckets; b++) {
      t.bucket.address[BucketId{b}] = 0x400000 * u64{b};
      t.bucket.ordinal[BucketId{b}] = buckets - b;
    }
    for (u64 &offset : t.merge_cell.offset.all()) offset = random.below(1 << 20);

    u32 piece = 0;
    for (u32 f = 0; f < files.size(); f++) {
      t.file.first_mergeable[FileId{f}] = static_cast<u32>(headers_.size());
      t.file.mergeables[FileId{f}] = static_cast<u32>(files[f].size());
      u32 at = 64;
      for (u32 count : files[f]) {
        MergeableId m{static_cast<u32>(headers_.size())};
        // Rows of section are not in the order of those of mergeable, so that one is not taken for the other.
        SectionId s{sections - 1 - raw(m)};
        t.section.mergeable[s] = raw(m);
        set_bucket(t, s, BucketId{random.between(1, buckets)});
        t.mergeable.first_piece[m] = piece;
        t.mergeable.pieces[m] = count;
        Elf64_Shdr header{};
        header.sh_offset = at;
        for (u32 i = 0; i < count; i++, piece++) {
          t.piece.start[PieceId{piece}] = at;
          t.piece.place[PieceId{piece}] = u64{random.below(partitions)} << piece_offset_bits | random.below(1U << 31)
                                                                                                   << random.below(8);
          at += random.between(1, longest_piece);
        }
        header.sh_size = at - header.sh_offset;
        headers_.push_back(header);
        at += random.below(100);
      }
    }
  }

  const Tables &tables() const { return heap_.t; }
  SectionId section(MergeableId m) const { return SectionId{static_cast<u32>(headers_.size()) - 1 - raw(m)}; }
  const Elf64_Shdr &header(MergeableId m) const { return headers_[raw(m)]; }

  // Goes through the pieces from the first on.
  u64 address(MergeableId m, u64 offset) const {
    const Tables &t = heap_.t;
    u32 count = t.mergeable.pieces[m];
    if (count == 0) return 0;
    PieceId piece{t.mergeable.first_piece[m]};
    u64 target = header(m).sh_offset + offset;
    for (u32 i = 1; i < count && t.piece.start[piece + 1] <= target; i++) ++piece;
    u64 place = t.piece.place[piece];
    BucketId bucket = bucket_of(t, section(m));
    u32 cell = static_cast<u32>(place >> 48) * buckets + t.bucket.ordinal[bucket];
    return t.bucket.address[bucket] + t.merge_cell.offset[MergeCellId{cell}] + (place << 16 >> 16) + target -
           t.piece.start[piece];
  }

private:
  TablesOnHeap heap_;
  std::vector<Elf64_Shdr> headers_; // by row of mergeable
};

// Both ways to find a piece say what a search from the first one does, for every byte of the file's sections and for
// those before and behind them.
void check_file(const Sections &sections, PieceIndex &index, FileId f) {
  const Tables &t = sections.tables();
  index.begin_file(f);
  for (u32 i = 0; i < t.file.mergeables[f]; i++) {
    MergeableId m{t.file.first_mergeable[f] + i};
    const Elf64_Shdr &header = sections.header(m);
    SectionId s = sections.section(m);
    auto check_at = [&](u64 offset) {
      u64 expected = sections.address(m, offset);
      CHECK(merged_address(t, s, header, offset) == expected);
      CHECK(index.address_of(s, header, offset) == expected);
    };
    for (u64 offset = -u64{64}; offset != header.sh_size + 200; offset++) check_at(offset);
    for (u64 offset : {u64{1} << 31, u64{UINT32_MAX}, u64{1} << 32, u64{1} << 40, u64{1} << 63}) check_at(offset);
    check_at(-header.sh_offset); // the file's first byte
    check_at(-header.sh_offset - 1); // as far as can be
  }
}

} // namespace

TEST("pieces: every byte of a split section has gone where its piece has, and so has what is around it") {
  Random random(1);
  // Some have too few pieces to be indexed, or just enough; some have long ones, with slots that none begins in.
  std::vector<std::vector<u32>> files = {{1, 2, 31, 32, 33, 0, 200}, {}, {500, 1}, {0}, {64, 40}};
  for (u32 longest : {1U, 2U, 8U, 32U, 33U, 64U, 300U}) {
    Sections sections(random, files, longest);
    PieceIndex index(sections.tables());
    for (u32 f = 0; f < files.size(); f++) check_file(sections, index, FileId{f});
    for (u32 f = 5; f-- > 0;) check_file(sections, index, FileId{f});
  }
}

TEST("pieces: a section of one piece has gone with it") {
  Random random(2);
  Sections sections(random, {{1}}, 100);
  const Tables &t = sections.tables();
  MergeableId only{0};
  u64 begin = merged_address(t, sections.section(only), sections.header(only), 0);
  PieceIndex index(t);
  index.begin_file(FileId{0});
  for (u64 offset : {-u64{1} << 40, -u64{1}, u64{0}, u64{1}, u64{99}, u64{1000}}) {
    CHECK(merged_address(t, sections.section(only), sections.header(only), offset) == begin + offset);
    CHECK(index.address_of(sections.section(only), sections.header(only), offset) == begin + offset);
  }
}

TEST("pieces: each has its bytes, up to the next one or the section's end") {
  TablesOnHeap heap;
  Tables &t = heap.t;
  heap.allocate(t.file, 1, &FileTable::image);
  heap.allocate(t.mergeable, 2, &MergeableTable::file, &MergeableTable::end, &MergeableTable::pieces,
                &MergeableTable::first_piece);
  heap.allocate(t.piece, 3, &PieceTable::start, &PieceTable::mergeable);
  t.file.image[FileId{0}] = heap.copy("..one.two..three");
  auto bytes = [&](u32 piece) {
    Bytes found = piece_bytes(t, PieceId{piece});
    return std::string(found.begin(), found.end());
  };
  std::ranges::copy(std::vector<u32>{2, 6, 11}, t.piece.start.data);
  std::ranges::copy(std::vector<u32>{0, 0, 1}, t.piece.mergeable.data);
  std::ranges::copy(std::vector<u32>{9, 16}, t.mergeable.end.data);
  std::ranges::copy(std::vector<u32>{2, 1}, t.mergeable.pieces.data);
  std::ranges::copy(std::vector<u32>{0, 2}, t.mergeable.first_piece.data);
  CHECK(bytes(0) == "one." && bytes(1) == "two" && bytes(2) == "three");
  // The file changed while it was split: what is there still lies inside it.
  t.piece.start[PieceId{1}] = 1;
  CHECK(bytes(0).empty());
  t.piece.start[PieceId{1}] = 4'000'000;
  CHECK(bytes(0) == "one.two" && bytes(1).empty());
}
