// The unique pieces of a partition, bucket by bucket, as merge placed them.
#pragma once

#include <vector>

#include "kernels/output.h"

namespace spore {

class PieceWriter {
public:
  PieceWriter(const Tables &t, PartSinks &sinks);

  void write(PartitionId partition);

private:
  void write_piece(PieceId piece);
  Stream &stream_of(u32 ordinal);

  const Tables &t_;
  PartSinks &sinks_;
  std::vector<Stream> streams_; // by bucket
  std::vector<BucketId> buckets_; // those for these sinks, by ordinal
  PartitionId partition_{};
};

} // namespace spore
