// The sections of a chunk that are copied as they are, and relocated: each bucket's part is a stream.
#pragma once

#include "kernels/relocator.h"

namespace spore {

class SectionWriter {
public:
  SectionWriter(Job &job, Relocator &relocator, PartSinks &sinks)
      : job_(job), t_(job.t), relocator_(relocator), sinks_(sinks), parts_(t_.link.bucket_count) {}

  void begin_chunk(ChunkId chunk) { chunk_ = chunk; }
  // Whether a file has anything for these sinks.
  bool has_sections(const FileView &file) const;
  // Writes what it has. The relocator is at this file.
  void write_file(const FileView &file);
  // Writes what is left, and the digest of each bucket's part.
  void end_chunk();

private:
  // The chunk's part of a bucket.
  struct Part {
    Stream stream;
    u64 address = 0;
    Digest scattered; // of the sections of an ordered bucket, each an extent
    bool is_scattered = false;
  };

  // The bucket that a section is copied to; that of row 0 where it is not.
  BucketId bucket_of(SectionId s) const;
  // Opens its stream when it is asked for first.
  Part &part_of(u32 ordinal, BucketId bucket);
  // The same of an ordered bucket: the stream is the section alone, after the gap before it.
  Part &part_of_ordered(u32 ordinal, BucketId bucket, SectionId s);
  void write_bytes(const FileView &file, u32 index, const Elf64_Shdr &header, Part &part, u64 position, u64 in_part);
  void write_section(const FileView &file, u32 index, SectionId s, BucketId bucket);
  void relocate_unloaded(u8 *out, const FileView &file, u32 index, const Bytes &contents,
                         const Array<Elf64_Rela> &relas);

  Job &job_;
  const Tables &t_;
  Relocator &relocator_;
  PartSinks &sinks_;
  std::vector<Part> parts_; // by the bucket's ordinal
  ChunkId chunk_{};
};

} // namespace spore
