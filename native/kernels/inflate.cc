// Split: files with compressed sections (SHF_COMPRESSED, gABI ch. 4, Compression) get a copy without.
//
// The copy begins with the file's own bytes, so that what the scan found stays where it is; uncompressed
// contents follow, and section headers are changed to say so. zlib is the one that Node exports.

#include <zlib.h>

#include "generated/kernels.h"
#include "tables/file-view.h"

namespace spore {

namespace {

bool inflate_into(const Bytes &from, u8 *to, u64 size) {
  uLongf length = size;
  return ::uncompress(to, &length, from.data(), from.size()) == Z_OK && length == size;
}

// Bytes that uncompressed contents take, as the scan counted them.
u64 inflated_bytes(const Tables &t, FileId f, const Bytes &original) {
  u64 sum = 0;
  for (u32 i = 1; i < t.file.section_count[f]; i++) {
    auto header = original.read<Elf64_Shdr>(t.file.section_headers[f] + u64{i} * sizeof(Elf64_Shdr));
    if (!header || !(header->sh_flags & SHF_COMPRESSED)) continue;
    if (auto chdr = original.read<Elf64_Chdr>(header->sh_offset)) sum += (chdr->ch_size + 15) & ~u64{15};
  }
  return sum < t.file.inflated_size[f] ? sum : 0;
}

} // namespace

void inflate_sections(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    u64 size = t.file.inflated_size[f];
    if (size == 0 || !is_live_object(t, f)) continue;
    InputId input{t.file.input[f]};
    // Not file.image: a rerun may find the copy there already.
    Bytes original(reinterpret_cast<const u8 *>(t.input.base[input] + t.file.input_offset[f]),
                   t.input.size[input] - t.file.input_offset[f]);
    u8 *copy = reinterpret_cast<u8 *>(t.link.inflated + t.file.inflated_offset[f]);
    u64 used = size - inflated_bytes(t, f, original);
    if (used > original.size() + 15) continue; // the file changed since it was scanned
    std::memcpy(copy, original.data(), used < original.size() ? used : original.size());
    u64 headers = t.file.section_headers[f];
    for (u32 i = 1; i < t.file.section_count[f]; i++) {
      u64 at = headers + u64{i} * sizeof(Elf64_Shdr);
      auto header = Bytes(copy, used).read<Elf64_Shdr>(at);
      if (!header || !(header->sh_flags & SHF_COMPRESSED)) continue;
      auto chdr = original.read<Elf64_Chdr>(header->sh_offset);
      auto packed = original.slice(header->sh_offset, header->sh_size);
      bool is_sound = chdr && packed && packed->size() >= sizeof(Elf64_Chdr) && chdr->ch_size <= size - used &&
                      inflate_into(*packed->slice(sizeof(Elf64_Chdr), packed->size() - sizeof(Elf64_Chdr)), copy + used,
                                   chdr->ch_size);
      if (!is_sound) {
        job.report(Code::CompressedSection, {.file = raw(f), .section = i});
        continue;
      }
      header->sh_offset = used;
      header->sh_size = chdr->ch_size;
      header->sh_addralign = chdr->ch_addralign;
      header->sh_flags &= ~u64{SHF_COMPRESSED};
      std::memcpy(copy + at, &*header, sizeof *header);
      used += (chdr->ch_size + 15) & ~u64{15};
    }
    t.file.image_size[f] = static_cast<u32>(size);
    t.file.image[f] = reinterpret_cast<u64>(copy);
  }
}

} // namespace spore
