// Pack: debug sections are made as write makes them, and compressed instead of written. What a piece becomes depends
// on its bytes alone, so a rerun leaves the same.
//
// Reads all tables; fills packed_part, and digest of the uncompressed bytes.

#include "generated/kernels.h"
#include "kernels/deflater.h"
#include "kernels/piece-writer.h"
#include "kernels/section-writer.h"

namespace spore {

namespace {

// What is compressed goes to the rooms of pieces. Of one run.
class Packer final : public PartSinks {
public:
  Packer(const Tables &t, DeflateStates &states)
      : PartSinks(t, true), states_(states), deflaters_(t.link.bucket_count) {}

  Sink &open(BucketId bucket, u32 part) override {
    std::unique_ptr<Deflater> &deflater = deflaters_[t_.bucket.ordinal[bucket]];
    if (!deflater) deflater = std::make_unique<Deflater>(t_, states_);
    deflater->open(PackedPartId{t_.bucket.first_packed[bucket] - 1 + part});
    return *deflater;
  }

private:
  DeflateStates &states_;
  std::vector<std::unique_ptr<Deflater>> deflaters_; // by bucket
};

void pack_chunk(const Tables &t, ChunkId chunk, Relocator &relocator, SectionWriter &sections) {
  sections.begin_chunk(chunk);
  for (u32 f = t.chunk.first_file[chunk]; f < t.chunk.first_file[chunk + 1]; f++) {
    if (!is_live_object(t, FileId{f})) continue;
    FileView file(t, FileId{f});
    if (!sections.has_sections(file)) continue;
    relocator.begin_file(file);
    sections.write_file(file);
  }
  sections.end_chunk();
}

} // namespace

void pack_chunks(Job &job, RowRange<PackRunId> rows) {
  const Tables &t = job.t;
  DeflateStates states;
  Relocator relocator(job, nullptr);
  for (PackRunId run : rows) {
    Packer packer(t, states);
    SectionWriter sections(job, relocator, packer);
    for (u32 chunk = t.pack_run.first_chunk[run]; chunk < t.pack_run.first_chunk[run + 1]; chunk++)
      pack_chunk(t, ChunkId{chunk}, relocator, sections);
  }
}

void pack_pieces(Job &job, RowRange<PackRunId> rows) {
  const Tables &t = job.t;
  DeflateStates states;
  for (PackRunId run : rows) {
    Packer packer(t, states);
    PieceWriter pieces(t, packer);
    for (u32 p = t.pack_run.first_partition[run]; p < t.pack_run.first_partition[run + 1]; p++)
      pieces.write(PartitionId{p});
  }
}

// Write: what was packed.
void write_packed(Job &job, RowRange<PackedPartId> rows) {
  const Tables &t = job.t;
  Output output(job); // no digest: the uncompressed bytes have one
  for (PackedPartId part : rows)
    output.write(reinterpret_cast<const u8 *>(t.packed_part.room[part]), t.packed_part.size[part],
                 t.packed_part.file_offset[part]);
}

} // namespace spore
