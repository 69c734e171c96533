// Unify: finds, for every row with a hash, the first row with the same hash.
//
// Partition by hash: count each range's rows per partition, sum prefixes (in the parent), scatter, then
// one chunk owns one partition and needs neither a lock nor luck. Rows stay in order within a partition,
// so the first row that a table meets is the first in input order, whatever the number of workers.

#include <vector>

#include "generated/kernels.h"

namespace spore {

namespace {

struct Source {
  std::span<const u64> hash;
  std::span<u32> same;
  u32 rows;
};

Source source_of(const Job &job) {
  const Tables &t = job.t;
  switch (job.parameter(0)) {
  case HashSource::MENTIONS: return {t.mention.hash.all(), t.mention.symbol.all(), static_cast<u32>(t.mention.rows)};
  case HashSource::SUSPECTS: return {t.suspect.hash.all(), t.suspect.same.all(), static_cast<u32>(t.suspect.rows)};
  case HashSource::PIECES: return {t.piece.hash.all(), t.piece.same.all(), static_cast<u32>(t.piece.rows)};
  default: return {t.cie.hash.all(), t.cie.same.all(), static_cast<u32>(t.cie.rows)};
  }
}

struct Share {
  u32 begin, end;
};

Share share_of(const Tables &t, RangeId range, u32 rows) {
  u64 ranges = t.link.ranges;
  return {static_cast<u32>(rows * u64{raw(range)} / ranges), static_cast<u32>(rows * u64{raw(range) + 1} / ranges)};
}

// The low bits choose the partition, higher ones the place in its table.
u32 partition_of(u64 hash, u32 mask) { return static_cast<u32>(hash) & mask; }

} // namespace

void hash_count(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  Source source = source_of(job);
  u32 partitions = static_cast<u32>(t.link.partitions);
  std::vector<u32> counts(partitions);
  for (RangeId range : rows) {
    std::fill(counts.begin(), counts.end(), 0);
    Share share = share_of(t, range, source.rows);
    for (u32 row = share.begin; row < share.end; row++) counts[partition_of(source.hash[row], partitions - 1)]++;
    for (u32 p = 0; p < partitions; p++) t.hash_cell.count[HashCellId{raw(range) * partitions + p}] = counts[p];
  }
}

void hash_scatter(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  Source source = source_of(job);
  u32 partitions = static_cast<u32>(t.link.partitions);
  std::vector<u32> next(partitions);
  for (RangeId range : rows) {
    for (u32 p = 0; p < partitions; p++) next[p] = t.hash_cell.first[HashCellId{raw(range) * partitions + p}];
    Share share = share_of(t, range, source.rows);
    for (u32 row = share.begin; row < share.end; row++) {
      HashEntryId entry{next[partition_of(source.hash[row], partitions - 1)]++};
      t.hash_entry.hash[entry] = source.hash[row];
      t.hash_entry.row[entry] = row;
    }
  }
}

void hash_unify(Job &job, RowRange<PartitionId> rows) {
  const Tables &t = job.t;
  Source source = source_of(job);
  u32 partitions = static_cast<u32>(t.link.partitions), ranges = static_cast<u32>(t.link.ranges);
  struct Slot {
    u64 hash;
    u32 row_plus_1;
  };
  std::vector<Slot> table;
  for (PartitionId partition : rows) {
    u32 p = raw(partition);
    u32 begin = t.hash_cell.first[HashCellId{p}];
    HashCellId last{(ranges - 1) * partitions + p};
    u32 end = t.hash_cell.first[last] + t.hash_cell.count[last];
    size_t size = 16;
    while (size < (end - begin) * size_t{2}) size *= 2;
    table.assign(size, {});
    constexpr u32 ahead = 8;
    for (u32 i = begin; i < end; i++) {
      if (i + ahead < end) __builtin_prefetch(&table[(t.hash_entry.hash[HashEntryId{i + ahead}] >> 20) & (size - 1)]);
      u64 hash = t.hash_entry.hash[HashEntryId{i}];
      u32 row = t.hash_entry.row[HashEntryId{i}];
      size_t at = (hash >> 20) & (size - 1);
      while (table[at].row_plus_1 != 0 && table[at].hash != hash) at = (at + 1) & (size - 1);
      if (table[at].row_plus_1 == 0) table[at] = {hash, row + 1};
      source.same[row] = table[at].row_plus_1 - 1;
    }
  }
}

} // namespace spore
