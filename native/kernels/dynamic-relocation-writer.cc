// Write: the dynamic relocations of a chunk's sections.

#include "kernels/dynamic-relocation-writer.h"

#include <algorithm>
#include <utility>

#include "kernels/address.h"
#include "kernels/relr.h"

namespace spore {

void DynamicRelocationWriter::begin_chunk(ChunkId chunk, FileId first) {
  chunk_ = chunk;
  u64 begin = t_.own_section.offset[OwnSection::RelaDyn];
  relatives_.open(output_, begin + u64{t_.file.first_relative[first]} * sizeof(Elf64_Rela), 0);
  symbolics_.open(output_, begin + u64{t_.file.first_symbolic[first]} * sizeof(Elf64_Rela), 0);
  ifuncs_offset_ = begin + u64{t_.file.first_ifunc_symbolic[first]} * sizeof(Elf64_Rela);
}

void DynamicRelocationWriter::begin_file(FileId f) {
  relatives_left_ = t_.file.relatives[f];
  symbolics_left_ = t_.file.symbolics[f];
  ifuncs_left_ = t_.file.ifunc_symbolics[f];
}

void DynamicRelocationWriter::add_symbolic(u64 place, u32 entry, u32 type, u64 addend, bool is_ifunc) {
  u32 &left = is_ifunc ? ifuncs_left_ : symbolics_left_;
  if (left == 0) return;
  left--;
  u64 dynsym = entry ? t_.entry.dynsym[EntryId{entry - 1}] : 0;
  Elf64_Rela rela{place, dynsym << 32 | type, static_cast<i64>(addend)};
  if (is_ifunc) ifuncs_.push_back(rela);
  else add(symbolics_, rela);
}

std::vector<Elf64_Rela> DynamicRelocationWriter::write_ifuncs() {
  if (!ifuncs_.empty())
    output_.write(reinterpret_cast<const u8 *>(ifuncs_.data()), ifuncs_.size() * sizeof(Elf64_Rela), ifuncs_offset_);
  return std::exchange(ifuncs_, {});
}

void DynamicRelocationWriter::write_packed() {
  u32 buckets = static_cast<u32>(t_.link.bucket_count);
  for (u32 b = 1; b < t_.bucket.rows; b++) {
    u32 ordinal = t_.bucket.ordinal[BucketId{b}];
    if (t_.bucket.key[BucketId{b}] == 0 || packed_[ordinal].empty()) continue;
    ChunkBucketId part{raw(chunk_) * buckets + ordinal};
    std::vector<u64> words =
        encode_relr(packed_[ordinal], t_.bucket.address[BucketId{b}] + t_.chunk_bucket.offset[part]);
    size_t count = std::min<size_t>(words.size(), t_.chunk_bucket.relr_words[part]);
    output_.write(reinterpret_cast<const u8 *>(words.data()), count * sizeof(u64),
                  t_.own_section.offset[OwnSection::Relr] + u64{t_.chunk_bucket.first_relr_word[part]} * sizeof(u64));
    packed_[ordinal].clear();
  }
}

} // namespace spore
