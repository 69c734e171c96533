// Write: a chunk's sections are copied, relocated and digested in a buffer that stays in cache, and its
// dynamic relocations, FDEs and symbols go with them. Some file systems let one process at a time write to a
// file: symbols, which are mostly writing, go with what is mostly computing.
//
// Reads all tables, fills digest and fde. Every chunk owns its extents of the output, so a rerun writes
// the same bytes again.

#include "generated/kernels.h"
#include "kernels/eh-frame-writer.h"
#include "kernels/symtab-writer.h"

namespace spore {

namespace {

class ChunkWriter {
public:
  ChunkWriter(Job &job, Output &output)
      : job_(job), t_(job.t), output_(output), streams_(t_.link.bucket_count), dynamic_(job, output),
        relocator_(job, dynamic_), eh_frame_(job, output, relocator_) {}

  void write(ChunkId chunk) {
    u32 first = t_.chunk.first_file[chunk], last = t_.chunk.first_file[chunk + 1];
    chunk_ = chunk;
    if (first == last) return;
    eh_frame_.begin_chunk(FileId{first});
    dynamic_.begin_chunk(chunk, FileId{first});
    for (u32 f = first; f < last; f++)
      if (is_live_object(t_, FileId{f})) write_file(FileId{f});
    end();
  }

private:
  // Writes what is left, and the digests: of each bucket's part, then of the parts that are no bucket's.
  void end() {
    u32 buckets = static_cast<u32>(t_.link.bucket_count);
    Stream *const others[] = {&eh_frame_.stream(), &dynamic_.relatives(), &dynamic_.symbolics()};
    DigestId digest{raw(chunk_) * static_cast<u32>(buckets + std::size(others))};
    auto close = [&](Stream &stream, u64 size) {
      stream.close(output_, size);
      t_.digest.low[digest] = stream.digest().low();
      t_.digest.high[digest] = stream.digest().high();
    };
    for (u32 i = 0; i < buckets; i++, ++digest)
      if (streams_[i].is_open()) close(streams_[i], t_.chunk_bucket.size[ChunkBucketId{raw(chunk_) * buckets + i}]);
    if (t_.link.output_flags & OutputFlags::PACK_RELATIVE) dynamic_.write_packed();
    for (Stream *stream : others) {
      close(*stream, stream->position());
      ++digest;
    }
  }

  void write_file(FileId f) {
    FileView file(t_, f);
    relocator_.begin_file(file);
    dynamic_.begin_file(f);
    for (u32 i = 1; i < file.section_count; i++) {
      SectionId s = file.section_id(i);
      u32 flags = t_.section.flags[s];
      if ((flags & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) continue;
      if (flags & SectionFlags::EH_FRAME) continue;
      BucketId bucket{t_.section.bucket[s]};
      if (raw(bucket) == 0 || flags & SectionFlags::MERGEABLE || !t_.bucket.is_copied[bucket]) continue;
      write_section(file, i, s, bucket);
    }
    if (t_.file.cies[f]) eh_frame_.write_file(file);
  }

  Stream &stream_of(BucketId bucket) {
    Stream &stream = streams_[t_.bucket.ordinal[bucket]];
    if (!stream.is_open())
      stream.open(t_.bucket.file_offset[bucket] + t_.chunk_bucket.offset[chunk_bucket(t_, chunk_, bucket)],
                  t_.bucket.filler[bucket]);
    return stream;
  }

  void write_section(const FileView &file, u32 index, SectionId s, BucketId bucket) {
    Elf64_Shdr header = file.section(index);
    if (header.sh_size == 0) return;
    u64 position = section_offset(t_, s);
    if (header.sh_type == SHT_NOBITS) { // in a bucket of bytes
      stream_of(bucket).write_zeros(output_, position, header.sh_size);
      return;
    }
    u8 *out = stream_of(bucket).reserve(output_, position, header.sh_size);
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
    else if (header.sh_flags & SHF_ALLOC) relocate_loaded(out, file, index, *contents, *relas, s, bucket);
    else relocate_unloaded(out, file, index, *contents, *relas);
  }

  void relocate_loaded(u8 *out, const FileView &file, u32 index, const Bytes &contents, const Array<Elf64_Rela> &relas,
                       SectionId s, BucketId bucket) {
    RelocatedPart part{.section = index,
                       .bytes = contents,
                       .address = t_.bucket.address[bucket] + offset_in_bucket(t_, file.id, s, bucket),
                       .where = surroundings_in(t_.link.output_flags, file.section(index)),
                       .ordinal = t_.bucket.ordinal[bucket],
                       .part_offset = section_offset(t_, s)};
    relocator_.relocate(out, part, 0, static_cast<u32>(relas.size()), [&](u32 i) { return relas[i]; });
  }

  void relocate_unloaded(u8 *out, const FileView &file, u32 index, const Bytes &contents,
                         const Array<Elf64_Rela> &relas) {
    auto name = file.section_name(file.section(index));
    // Zero would end these lists (DWARF 4, 2.6.2 and 2.17.3).
    u64 tombstone = name && (*name == ".debug_loc" || *name == ".debug_ranges") ? 1 : 0;
    relocator_.relocate_unloaded(out, {.section = index, .bytes = contents}, relas, tombstone);
  }

  Job &job_;
  const Tables &t_;
  Output &output_;
  std::vector<Stream> streams_; // by bucket
  DynamicRelocationWriter dynamic_;
  Relocator relocator_;
  EhFrameWriter eh_frame_;
  ChunkId chunk_{};
};

} // namespace

void write_chunks(Job &job, RowRange<ChunkId> rows) {
  Output output(job);
  ChunkWriter sections(job, output);
  SymtabWriter symbols(job, output);
  for (ChunkId chunk : rows) {
    sections.write(chunk);
    if (job.t.own_section.offset[OwnSection::Symtab]) symbols.write(chunk);
  }
}

} // namespace spore
