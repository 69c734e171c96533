// Layout, with -z pack-relative-relocs: how many words of .relr.dyn each chunk's part of each bucket needs.
//
// Repeats find needs' questions for relative relocations only. Offsets are relative to the part, whose
// address is not known yet; the number of words does not depend on it.

#include "generated/kernels.h"
#include "kernels/reference.h"
#include "kernels/relr.h"

namespace spore {

void pack_relatives(Job &job, RowRange<ChunkId> rows) {
  const Tables &t = job.t;
  u64 output = t.link.output_flags;
  u32 buckets = static_cast<u32>(t.link.bucket_count);
  const Target &target = target_of(EM_X86_64);
  References references;
  std::vector<std::vector<u64>> places(buckets);
  for (ChunkId chunk : rows) {
    for (std::vector<u64> &list : places) list.clear();
    for (u32 f = t.chunk.first_file[chunk]; f < t.chunk.first_file[chunk + 1]; f++) {
      if (!is_live_object(t, FileId{f})) continue;
      FileView file(t, FileId{f});
      references.load(t, file);
      for (u32 i = 1; i < file.section_count; i++) {
        SectionId s = file.section_id(i);
        BucketId bucket{t.section.bucket[s]};
        if (!is_kept(t, s) || raw(bucket) == 0 || t.section.flags[s] & SectionFlags::MERGEABLE) continue;
        u32 rela_section = relocation_section_of(t, file, i);
        Elf64_Shdr header = file.section(i);
        if (rela_section == 0 || !(header.sh_flags & SHF_ALLOC)) continue;
        auto relas = file.relocations(file.section(rela_section));
        if (!relas) continue; // reported when needs are found
        for (Elf64_Rela rela : *relas) {
          const Relocation *r = target.relocation(rela.type());
          if (!r || r->expression != Expression::absolute || r->field != Field::word64 ||
              rela.symbol() >= references.size())
            continue;
          const Reference &ref = references[rela.symbol()];
          if (ref.flags & (Reference::Undefined | Reference::Discarded)) continue;
          if (action_for_absolute(ref, true, header.sh_flags & SHF_WRITE, output) == Action::Relative &&
              is_packed(output, header, rela.r_offset))
            places[t.bucket.ordinal[bucket]].push_back(t.section.offset[s] + rela.r_offset);
        }
      }
    }
    for (u32 b = 0; b < buckets; b++)
      t.chunk_bucket.relr_words[ChunkBucketId{raw(chunk) * buckets + b}] =
          static_cast<u32>(encode_relr(places[b], 0).size());
  }
}

} // namespace spore
