// Unify alone: hash_count, hash_scatter and hash_unify, with the sums between them that the parent does.

#include <unordered_map>

#include "generated/kernels.h"
#include "test/check.h"
#include "test/random.h"
#include "test/tables-on-heap.h"

using namespace spore;
using namespace spore::test;

namespace {

struct Division {
  u32 partitions, ranges;
};

constexpr Division divisions[] = {{1, 1}, {1, 5}, {2, 2}, {2, 64}, {64, 1}, {64, 7}, {64, 64}};

std::vector<u32> first_equal(const std::vector<u64> &hashes) {
  std::unordered_map<u64, u32> first;
  std::vector<u32> same(hashes.size());
  for (u32 row = 0; row < hashes.size(); row++) same[row] = first.try_emplace(hashes[row], row).first->second;
  return same;
}

// The partitions that hash_unify leaves for merge's kernels: all rows, each where its hash says, in order.
void check_partitions(const Tables &t, const std::vector<u64> &hashes) {
  u32 partitions = static_cast<u32>(t.link.partitions), cells = partitions * static_cast<u32>(t.link.ranges), next = 0;
  for (u32 p = 0; p < partitions; p++) {
    HashCellId last{cells - partitions + p};
    CHECK(t.hash_cell.first[HashCellId{p}] == next);
    u32 end = t.hash_cell.first[last] + t.hash_cell.count[last];
    for (u32 previous = none; next < end; next++) {
      u32 row = t.hash_entry.row[HashEntryId{next}];
      CHECK(row < hashes.size() && (previous == none || previous < row));
      CHECK(t.hash_entry.hash[HashEntryId{next}] == hashes[row] && hashes[row] % partitions == p);
      previous = row;
    }
  }
  CHECK(next == hashes.size());
}

// As src/passes/unify.ts, but with any partitions and ranges. `same` is the column that `source` fills.
template <typename Id>
void unify(TablesOnHeap &heap, Division division, const Chunking &chunking, u64 source, const std::vector<u64> &hashes,
           const Column<Id, u64> &hash, const Column<Id, u32> &same) {
  Tables &t = heap.t;
  std::ranges::copy(hashes, hash.data);
  t.link.partitions = division.partitions;
  t.link.ranges = division.ranges;
  u32 cells = division.partitions * division.ranges;
  heap.allocate(t.hash_cell, cells, &HashCellTable::count, &HashCellTable::first);
  heap.allocate(t.hash_entry, hashes.size(), &HashEntryTable::hash, &HashEntryTable::row);
  std::ranges::fill(t.hash_entry.row.all(), none); // the parent does not clear it
  heap.run(hash_count, division.ranges, chunking, source);
  u32 next = 0;
  for (u32 partition = 0; partition < division.partitions; partition++)
    for (u32 cell = partition; cell < cells; cell += division.partitions) {
      t.hash_cell.first[HashCellId{cell}] = next;
      next += t.hash_cell.count[HashCellId{cell}];
    }
  CHECK(next == hashes.size());
  heap.run(hash_scatter, division.ranges, chunking, source);
  heap.run(hash_unify, division.partitions, chunking, source);
  check_partitions(t, hashes);
  std::vector<u32> expected = first_equal(hashes);
  CHECK(std::equal(expected.begin(), expected.end(), same.data));
}

void check_unify(const std::vector<u64> &hashes) {
  for (Division division : divisions)
    for (const Chunking &chunking : chunkings) {
      TablesOnHeap heap;
      heap.allocate(heap.t.mention, hashes.size(), &MentionTable::hash, &MentionTable::symbol);
      unify(heap, division, chunking, HashSource::MENTIONS, hashes, heap.t.mention.hash, heap.t.mention.symbol);
    }
}

std::vector<u64> rows_of(u32 count, auto hash) {
  std::vector<u64> hashes(count);
  for (u32 row = 0; row < count; row++) hashes[row] = hash(row);
  return hashes;
}

} // namespace

TEST("unify: every row finds the first with its hash, however rows are divided") {
  Random random(1);
  for (u32 distinct : {1U, 2U, 100U, 5000U}) {
    std::vector<u64> values = rows_of(distinct, [&](u32) { return random.next(); });
    check_unify(rows_of(3000, [&](u32) { return values[random.below(distinct)]; }));
  }
}

TEST("unify: no row, one, or fewer than there are ranges") {
  Random random(2);
  for (u32 count : {0U, 1U, 2U, 3U, 17U}) check_unify(rows_of(count, [&](u32) { return random.next() % 2; }));
}

TEST("unify: a hash may be 0") { check_unify({0, 0, 1, 0, 1}); }

TEST("unify: rows of one hash, of one partition, and of one place in its table stay apart when they differ") {
  Random random(3);
  check_unify(std::vector<u64>(2000, 0xfedcba9876543210));
  check_unify(rows_of(2000, [&](u32) { return random.below(700) * u64{64} + 5; }));
  check_unify(rows_of(2000, [&](u32) { return u64{random.below(700)} << 48 | u64{random.below(2)} << 63 | 9; }));
  check_unify(rows_of(700, [&](u32 row) { return u64{row} << 48 | 9; }));
}

TEST("unify: hashes that a shift has made few collide as they should") {
  Random random(4);
  for (u32 shift : {64U - 1, 64U - 5, 64U - 12, 64U - 24})
    check_unify(rows_of(2000, [&](u32) { return random.next() >> shift; }));
}

TEST("unify: names, pieces and CIEs have columns of their own") {
  Random random(5);
  std::vector<u64> hashes = rows_of(500, [&](u32) { return random.below(50) * 0x9e3779b97f4a7c15; });
  TablesOnHeap heap;
  Tables &t = heap.t;
  heap.allocate(t.mention, 3, &MentionTable::hash, &MentionTable::symbol);
  heap.allocate(t.piece, hashes.size(), &PieceTable::hash, &PieceTable::same);
  heap.allocate(t.cie, hashes.size(), &CieTable::hash, &CieTable::same);
  unify(heap, {2, 2}, chunkings[0], HashSource::PIECES, hashes, t.piece.hash, t.piece.same);
  std::ranges::reverse(hashes);
  unify(heap, {2, 2}, chunkings[0], HashSource::CIES, hashes, t.cie.hash, t.cie.same);
  unify(heap, {2, 2}, chunkings[0], HashSource::MENTIONS, {7, 8, 7}, t.mention.hash, t.mention.symbol);
}
