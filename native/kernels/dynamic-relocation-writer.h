// The dynamic relocations of a chunk's sections: in .rela.dyn those of each file where synthesise has put them, and at
// the end of the chunk those in .relr.dyn.
#pragma once

#include <vector>

#include "elf/elf.h"
#include "kernels/output.h"

namespace spore {

class DynamicRelocationWriter {
public:
  DynamicRelocationWriter(Job &job, Output &output) : t_(job.t), output_(output), packed_(job.t.link.bucket_count) {}

  void begin_chunk(ChunkId chunk, FileId first);
  void begin_file(FileId f);

  void add_relative(u64 place, u32 type, u64 value) {
    if (relatives_left_ == 0) return; // the file changed since they were counted
    relatives_left_--;
    add(relatives_, {place, type, static_cast<i64>(value)});
  }
  // `entry` is the row of the symbol's entry in the table of entries, plus 1; `is_ifunc`: of an ifunc by its name.
  void add_symbolic(u64 place, u32 entry, u32 type, u64 addend, bool is_ifunc);
  // `offset` is in the chunk's part of the bucket with this ordinal.
  void add_packed(u32 ordinal, u64 offset) { packed_[ordinal].push_back(offset); }

  // Writes those that are packed. They need no digest: they follow from the sections, which have one.
  void write_packed();

  // Writes those of ifuncs, which are few and lie behind .got's. Returns them for the digest.
  std::vector<Elf64_Rela> write_ifuncs();

  Stream &relatives() { return relatives_; }
  Stream &symbolics() { return symbolics_; }

private:
  void add(Stream &stream, const Elf64_Rela &rela) {
    std::memcpy(stream.reserve(stream.position(), sizeof rela), &rela, sizeof rela);
  }

  const Tables &t_;
  Output &output_;
  ChunkId chunk_{};
  Stream relatives_, symbolics_;
  u32 relatives_left_ = 0, symbolics_left_ = 0, ifuncs_left_ = 0; // of the file
  std::vector<Elf64_Rela> ifuncs_;
  u64 ifuncs_offset_ = 0;
  std::vector<std::vector<u64>> packed_; // by bucket
};

} // namespace spore
