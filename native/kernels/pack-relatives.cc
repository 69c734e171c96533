// Layout, with -z pack-relative-relocs: how many words of .relr.dyn each chunk's part of each bucket needs.
//
// Offsets are relative to the part, whose address is not known yet; the number of words does not depend on it.

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/decide.h"
#include "kernels/relocated-sections.h"
#include "kernels/relr.h"

namespace spore {

namespace {

class RelativePacker {
public:
  explicit RelativePacker(const Tables &t) : t_(t), target_(target_of(t.link.machine)), places_(t.link.bucket_count) {}

  void pack(ChunkId chunk) {
    u32 buckets = static_cast<u32>(t_.link.bucket_count);
    for (std::vector<u64> &list : places_) list.clear();
    for (u32 f = t_.chunk.first_file[chunk]; f < t_.chunk.first_file[chunk + 1]; f++)
      if (is_live_object(t_, FileId{f})) add_file(FileId{f});
    for (u32 b = 0; b < buckets; b++)
      t_.chunk_bucket.relr_words[ChunkBucketId{raw(chunk) * buckets + b}] =
          static_cast<u32>(encode_relr(places_[b], 0).size());
  }

private:
  void add_file(FileId f) {
    FileView file(t_, f);
    references_.load(t_, file);
    for_each_relocated_section(t_, file, [&](const RelocatedSection &section) {
      SectionId s = file.section_id(section.index);
      BucketId bucket = bucket_of(t_, s);
      if (raw(bucket) == 0 || t_.section.flags[s] & SectionFlags::MERGEABLE) return;
      auto read = read_relocated(file, section);
      if (read) add_section(*read, surroundings_in(t_.link.output_flags, section.header), s, bucket);
    });
  }

  void add_section(const RelocatedContents &section, const Surroundings &where, SectionId s, BucketId bucket) {
    if (!where.is_packable) return;
    std::vector<u64> &places = places_[t_.bucket.ordinal[bucket]];
    for (Elf64_Rela rela : section.relocations) {
      const Relocation *r = target_.relocation(rela.type());
      if (!r || !may_be_dynamic(r->expression) || rela.symbol() >= references_.size()) continue;
      Site site{section.bytes, rela.r_offset, 0};
      if (decide(target_, references_[rela.symbol()], *r, where, site).effect == Effect::Packed)
        places.push_back(section_offset(t_, s) + rela.r_offset);
    }
  }

  const Tables &t_;
  const Target &target_;
  References references_;
  std::vector<std::vector<u64>> places_; // by bucket
};

} // namespace

void pack_relatives(Job &job, RowRange<ChunkId> rows) {
  RelativePacker packer(job.t);
  for (ChunkId chunk : rows) packer.pack(chunk);
}

} // namespace spore
