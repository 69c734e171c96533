// Write: the unique pieces of a partition, bucket by bucket, as merge placed them.

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/output.h"
#include "kernels/pieces.h"

namespace spore {

void write_pieces(Job &job, RowRange<PartitionId> rows) {
  const Tables &t = job.t;
  Output output(job);
  u32 buckets = static_cast<u32>(t.link.bucket_count);
  std::vector<Stream> streams(buckets);
  std::vector<u64> file_offsets(buckets); // of each bucket in use, by ordinal
  for (u32 b = 1; b < t.bucket.rows; b++)
    if (BucketId bucket{b}; t.bucket.key[bucket] != 0)
      file_offsets[t.bucket.ordinal[bucket]] = t.bucket.file_offset[bucket];
  for (PartitionId partition : rows) {
    u32 p = raw(partition);
    PartitionPieces pieces = pieces_of(t, partition);
    for (u32 i = pieces.begin(); i < pieces.end(); i++) {
      pieces.ask_for_columns(i);
      pieces.ask_for_bytes(i);
      PieceId piece = pieces.at(i);
      if (t.piece.same[piece] != raw(piece)) continue;
      u32 at = t.mergeable.ordinal[MergeableId{t.piece.mergeable[piece]}];
      MergeCellId cell{p * buckets + at};
      if (!streams[at].is_open()) streams[at].open(file_offsets[at] + t.merge_cell.offset[cell], 0);
      Bytes bytes = piece_bytes(t, piece);
      u64 position = t.piece.hash[piece] & ((u64{1} << piece_offset_bits) - 1);
      if (position < streams[at].position()) continue; // the file changed since pieces were placed
      if (bytes.size()) std::memcpy(streams[at].reserve(output, position, bytes.size()), bytes.data(), bytes.size());
    }
    for (u32 at = 0; at < buckets; at++)
      if (streams[at].is_open()) {
        MergeCellId cell{p * buckets + at};
        streams[at].close(output, t.merge_cell.size[cell]);
        DigestId digest{static_cast<u32>(t.link.first_piece_digest) + raw(cell)};
        t.digest.low[digest] = streams[at].digest().low();
        t.digest.high[digest] = streams[at].digest().high();
      }
  }
}

} // namespace spore
