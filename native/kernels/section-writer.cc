// Write and pack: sections that are copied as they are.

#include "kernels/section-writer.h"

#include "kernels/address.h"

namespace spore {

BucketId SectionWriter::bucket_of(SectionId s) const {
  constexpr u32 asked = SectionFlags::LIVE | SectionFlags::DISCARDED | SectionFlags::EH_FRAME | SectionFlags::MERGEABLE;
  if ((t_.section.flags[s] & asked) != SectionFlags::LIVE) return {};
  BucketId bucket{t_.section.bucket[s]};
  return raw(bucket) != 0 && t_.bucket.is_copied[bucket] && sinks_.has(bucket) ? bucket : BucketId{};
}

bool SectionWriter::has_sections(const FileView &file) const {
  for (u32 i = 1; i < file.section_count; i++)
    if (raw(bucket_of(file.section_id(i))) != 0) return true;
  return false;
}

void SectionWriter::write_file(const FileView &file) {
  for (u32 i = 1; i < file.section_count; i++) {
    SectionId s = file.section_id(i);
    if (BucketId bucket = bucket_of(s); raw(bucket) != 0) write_section(file, i, s, bucket);
  }
}

void SectionWriter::end_chunk() {
  u32 buckets = static_cast<u32>(t_.link.bucket_count);
  DigestId digest{raw(chunk_) * (buckets + chunk_parts)};
  for (u32 i = 0; i < buckets; i++, ++digest) {
    if (!streams_[i].is_open()) continue;
    streams_[i].close(t_.chunk_bucket.size[ChunkBucketId{raw(chunk_) * buckets + i}]);
    streams_[i].digest().store(t_, digest);
  }
}

Stream &SectionWriter::stream_of(BucketId bucket) {
  Stream &stream = streams_[t_.bucket.ordinal[bucket]];
  if (!stream.is_open())
    stream.open(sinks_.open(bucket, raw(chunk_)),
                t_.bucket.file_offset[bucket] + t_.chunk_bucket.offset[chunk_bucket(t_, chunk_, bucket)],
                t_.bucket.filler[bucket]);
  return stream;
}

void SectionWriter::write_section(const FileView &file, u32 index, SectionId s, BucketId bucket) {
  Elf64_Shdr header = file.section(index);
  if (header.sh_size == 0) return;
  u64 position = section_offset(t_, s);
  if (header.sh_type == SHT_NOBITS) { // in a bucket of bytes
    stream_of(bucket).write_zeros(position, header.sh_size);
    return;
  }
  u8 *out = stream_of(bucket).reserve(position, header.sh_size);
  auto contents = file.contents(header);
  if (!contents) {
    job_.report(Code::SectionOutsideFile, {.file = raw(file.id), .section = index});
    std::memset(out, 0, header.sh_size);
    return;
  }
  std::memcpy(out, contents->data(), contents->size());
  u32 rela_section = relocation_section_of(t_, file, index);
  if (rela_section == 0) return;
  auto relas = file.relocations(file.section(rela_section));
  if (!relas) job_.report(Code::BadRelocationSection, {.file = raw(file.id), .section = rela_section});
  else if (header.sh_flags & SHF_ALLOC && !sinks_.is_packing())
    relocate_loaded(out, file, index, *contents, *relas, s, bucket);
  else relocate_unloaded(out, file, index, *contents, *relas);
}

void SectionWriter::relocate_loaded(u8 *out, const FileView &file, u32 index, const Bytes &contents,
                                    const Array<Elf64_Rela> &relas, SectionId s, BucketId bucket) {
  RelocatedPart part{.section = index,
                     .bytes = contents,
                     .address = t_.bucket.address[bucket] + offset_in_bucket(t_, file.id, s, bucket),
                     .where = surroundings_in(t_.link.output_flags, file.section(index)),
                     .ordinal = t_.bucket.ordinal[bucket],
                     .part_offset = section_offset(t_, s)};
  relocator_.relocate(out, part, 0, static_cast<u32>(relas.size()), [&](u32 i) { return relas[i]; });
}

void SectionWriter::relocate_unloaded(u8 *out, const FileView &file, u32 index, const Bytes &contents,
                                      const Array<Elf64_Rela> &relas) {
  auto name = file.section_name(file.section(index));
  // Zero would end these lists (DWARF 4, 2.6.2 and 2.17.3).
  u64 tombstone = name && (*name == ".debug_loc" || *name == ".debug_ranges") ? 1 : 0;
  relocator_.relocate_unloaded(out, {.section = index, .bytes = contents}, relas, tombstone);
}

} // namespace spore
