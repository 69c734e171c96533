// Write and pack: pieces of what is merged.

#include "kernels/piece-writer.h"

#include "kernels/address.h"
#include "kernels/pieces.h"

namespace spore {

PieceWriter::PieceWriter(const Tables &t, PartSinks &sinks)
    : t_(t), sinks_(sinks), streams_(t.link.bucket_count), buckets_(t.link.bucket_count) {
  for (u32 b = 1; b < t.bucket.rows; b++)
    if (BucketId bucket{b}; t.bucket.key[bucket] != 0 && sinks.has(bucket)) buckets_[t.bucket.ordinal[bucket]] = bucket;
}

void PieceWriter::write(PartitionId partition) {
  partition_ = partition;
  PartitionPieces pieces = pieces_of(t_, partition);
  for (u32 i = pieces.begin(); i < pieces.end(); i++) {
    pieces.ask_for_columns(i);
    pieces.ask_for_bytes(i);
    PieceId piece = pieces.at(i);
    if (t_.piece.same[piece] == raw(piece)) write_piece(piece);
  }
  u32 buckets = static_cast<u32>(t_.link.bucket_count);
  for (u32 at = 0; at < buckets; at++) {
    if (!streams_[at].is_open()) continue;
    MergeCellId cell{raw(partition) * buckets + at};
    streams_[at].close(t_.merge_cell.size[cell]);
    streams_[at].digest().store(t_, DigestId{static_cast<u32>(t_.link.first_piece_digest) + raw(cell)});
  }
}

void PieceWriter::write_piece(PieceId piece) {
  u32 ordinal = t_.mergeable.ordinal[MergeableId{t_.piece.mergeable[piece]}];
  if (raw(buckets_[ordinal]) == 0) return;
  Stream &stream = stream_of(ordinal);
  Bytes bytes = piece_bytes(t_, piece);
  u64 position = t_.piece.place[piece] & ((u64{1} << piece_offset_bits) - 1);
  if (position < stream.position()) return; // the file changed since pieces were placed
  if (bytes.size()) std::memcpy(stream.reserve(position, bytes.size()), bytes.data(), bytes.size());
}

Stream &PieceWriter::stream_of(u32 ordinal) {
  Stream &stream = streams_[ordinal];
  if (!stream.is_open()) {
    BucketId bucket = buckets_[ordinal];
    MergeCellId cell{raw(partition_) * static_cast<u32>(t_.link.bucket_count) + ordinal};
    stream.open(sinks_.open(bucket, raw(partition_)), t_.bucket.file_offset[bucket] + t_.merge_cell.offset[cell], 0);
  }
  return stream;
}

} // namespace spore
