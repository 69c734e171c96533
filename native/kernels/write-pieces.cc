// Write: strings and constants that were merged.

#include "generated/kernels.h"
#include "kernels/piece-writer.h"

namespace spore {

void write_pieces(Job &job, RowRange<PartitionId> rows) {
  Output output(job);
  OutputParts parts(job.t, output);
  PieceWriter pieces(job.t, parts);
  for (PartitionId partition : rows) pieces.write(partition);
}

} // namespace spore
