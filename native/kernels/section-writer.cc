// Write and pack: sections that are copied as they are.

#include "kernels/section-writer.h"

#include "kernels/address.h"

namespace spore {

BucketId SectionWriter::bucket_of(SectionId s) const {
  constexpr u32 asked = SectionFlags::LIVE | SectionFlags::DISCARDED | SectionFlags::EH_FRAME |
                        SectionFlags::MERGEABLE | SectionFlags::FOLDED;
  if ((t_.section.flags[s] & asked) != SectionFlags::LIVE) return {};
  BucketId bucket = spore::bucket_of(t_, s);
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
    Stream &stream = parts_[i].stream;
    if (parts_[i].is_scattered) parts_[i].scattered.store(t_, digest);
    parts_[i].is_scattered = false;
    if (!stream.is_open()) continue;
    stream.close(t_.chunk_bucket.size[ChunkBucketId{raw(chunk_) * buckets + i}]);
    stream.digest().store(t_, digest);
  }
}

SectionWriter::Part &SectionWriter::part_of(u32 ordinal, BucketId bucket) {
  Part &part = parts_[ordinal];
  if (!part.stream.is_open()) {
    u64 offset = t_.chunk_bucket.offset[chunk_bucket(t_, chunk_, bucket)];
    part.stream.open(sinks_.open(bucket, raw(chunk_)), t_.bucket.file_offset[bucket] + offset,
                     t_.bucket.filler[bucket]);
    part.address = t_.bucket.address[bucket] + offset;
  }
  return part;
}

SectionWriter::Part &SectionWriter::part_of_ordered(u32 ordinal, BucketId bucket, SectionId s) {
  Part &part = parts_[ordinal];
  if (!part.is_scattered) part.scattered = Digest();
  part.is_scattered = true;
  u64 offset = section_offset(t_, s) - t_.section.gap_before[s];
  part.stream.open(sinks_.open(bucket, raw(chunk_)), t_.bucket.file_offset[bucket] + offset, t_.bucket.filler[bucket]);
  part.address = t_.bucket.address[bucket] + offset;
  return part;
}

void SectionWriter::write_section(const FileView &file, u32 index, SectionId s, BucketId bucket) {
  const Elf64_Shdr header = file.section(index);
  if (header.sh_size == 0) return;
  u32 ordinal = t_.bucket.ordinal[bucket];
  if (!t_.bucket.is_ordered[bucket]) [[likely]] {
    u64 position = section_offset(t_, s);
    return write_bytes(file, index, header, part_of(ordinal, bucket), position, position);
  }
  Part &part = part_of_ordered(ordinal, bucket, s);
  u64 gap = t_.section.gap_before[s];
  write_bytes(file, index, header, part, gap, section_offset(t_, s));
  part.stream.close(gap + header.sh_size);
  part.scattered.update(part.stream.digest());
}

// `position` is in the stream, `in_part` in the chunk's part of the bucket.
void SectionWriter::write_bytes(const FileView &file, u32 index, const Elf64_Shdr &header, Part &part, u64 position,
                                u64 in_part) {
  SectionId s = file.section_id(index);
  u32 ordinal = t_.bucket.ordinal[spore::bucket_of(t_, s)];
  if (header.sh_type == SHT_NOBITS) { // in a bucket of bytes
    part.stream.write_zeros(position, header.sh_size);
    return;
  }
  u8 *out = part.stream.reserve(position, header.sh_size);
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
  if (!relas) {
    job_.report(Code::BadRelocationSection, {.file = raw(file.id), .section = rela_section});
  } else if (header.sh_flags & SHF_ALLOC && !sinks_.is_packing()) {
    RelocatedPart relocated{.section = index,
                            .bytes = *contents,
                            .address = part.address + position,
                            .where = surroundings_in(t_.link.output_flags, header),
                            .ordinal = ordinal,
                            .part_offset = in_part};
    relocator_.relocate(out, relocated, 0, static_cast<u32>(relas->size()), [&](u32 i) { return (*relas)[i]; });
  } else {
    relocate_unloaded(out, file, index, *contents, *relas);
  }
}

void SectionWriter::relocate_unloaded(u8 *out, const FileView &file, u32 index, const Bytes &contents,
                                      const Array<Elf64_Rela> &relas) {
  auto name = file.section_name(file.section(index));
  // Zero would end these lists (DWARF 4, 2.6.2 and 2.17.3).
  u64 tombstone = name && (*name == ".debug_loc" || *name == ".debug_ranges") ? 1 : 0;
  // Two functions of a debugger at one address would hide each other: only the one that stays is described. Its lines
  // are those of both, so that a breakpoint in either is found.
  bool hides_folded = name && name->starts_with(".debug_") && *name != ".debug_line";
  relocator_.relocate_unloaded(out, {.section = index, .bytes = contents}, relas, tombstone, hides_folded);
}

} // namespace spore
