// Write: a chunk's sections are copied, relocated and digested in a buffer that stays in cache, and its
// dynamic relocations, FDEs and symbols go with them. Some file systems let one process at a time write to a
// file: symbols, which are mostly writing, go with what is mostly computing.
//
// Reads all tables, fills digest and fde. Every chunk owns its extents of the output, so a rerun writes
// the same bytes again.

#include "generated/kernels.h"
#include "kernels/eh-frame-writer.h"
#include "kernels/section-writer.h"
#include "kernels/symtab-writer.h"

namespace spore {

namespace {

class ChunkWriter {
public:
  ChunkWriter(Job &job, Output &output)
      : t_(job.t), parts_(t_, output), dynamic_(job, output), relocator_(job, &dynamic_),
        sections_(job, relocator_, parts_), eh_frame_(job, output, relocator_) {}

  void write(ChunkId chunk) {
    u32 first = t_.chunk.first_file[chunk], last = t_.chunk.first_file[chunk + 1];
    chunk_ = chunk;
    if (first == last) return;
    sections_.begin_chunk(chunk);
    eh_frame_.begin_chunk(FileId{first});
    dynamic_.begin_chunk(chunk, FileId{first});
    for (u32 f = first; f < last; f++)
      if (is_live_object(t_, FileId{f})) write_file(FileId{f});
    end();
  }

private:
  void write_file(FileId f) {
    FileView file(t_, f);
    relocator_.begin_file(file);
    dynamic_.begin_file(f);
    sections_.write_file(file);
    if (t_.file.cies[f]) eh_frame_.write_file(file);
  }

  // Writes what is left, and the digests: of each bucket's part, then of the parts that are no bucket's.
  void end() {
    sections_.end_chunk();
    if (t_.link.output_flags & OutputFlags::PACK_RELATIVE) dynamic_.write_packed();
    u32 buckets = static_cast<u32>(t_.link.bucket_count);
    DigestId digest{raw(chunk_) * (buckets + chunk_parts) + buckets};
    Stream *const parts[chunk_parts] = {&eh_frame_.stream(), &dynamic_.relatives(), &dynamic_.symbolics()};
    for (Stream *part : parts) {
      part->close(part->position());
      Digest sum = part->digest();
      if (part == &dynamic_.symbolics()) add_ifuncs(sum);
      sum.store(t_, digest);
      ++digest;
    }
  }

  void add_ifuncs(Digest &digest) {
    std::vector<Elf64_Rela> ifuncs = dynamic_.write_ifuncs();
    if (!ifuncs.empty()) digest.update(reinterpret_cast<const u8 *>(ifuncs.data()), ifuncs.size() * sizeof(Elf64_Rela));
  }

  const Tables &t_;
  OutputParts parts_;
  DynamicRelocationWriter dynamic_;
  Relocator relocator_;
  SectionWriter sections_;
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
