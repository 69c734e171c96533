// Resolve: COMDAT groups. The first live file that has a group keeps it (gABI ch. 4, Section Groups).

#include "generated/kernels.h"
#include "kernels/symbols.h"

namespace spore {

// Calls `visit` with the header index, the members and the signature of each COMDAT group of a file.
template <typename Visit> static void for_each_group(Job &job, FileId f, Visit visit) {
  const Tables &t = job.t;
  if (t.file.groups[f] == 0) return;
  FileView file(t, f);
  MentionId local = file.mention(file.symbol_count);
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type != SHT_GROUP) continue;
    bool is_global = h.sh_info >= file.first_global;
    MentionId signature = is_global ? file.mention(h.sh_info) : local;
    if (!is_global) ++local;
    auto words = file.bytes.array<u32>(h.sh_offset, h.sh_size / 4);
    if (!words || words->size() == 0 || h.sh_info >= file.symbol_count) {
      job.report(Code::BadGroup, {.file = raw(f), .section = i});
      continue;
    }
    if ((*words)[0] & GRP_COMDAT) visit(i, file, *words, symbol_of(t, signature));
  }
}

void elect_groups(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows)
    if (is_live_object(t, f))
      for_each_group(job, f, [&](u32, const FileView &, const Array<u32> &, SymbolId signature) {
        t.symbol.group.raise(signature, UINT32_MAX - raw(f));
      });
}

void discard_groups(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows)
    if (is_live_object(t, f))
      for_each_group(job, f, [&](u32 group, const FileView &file, const Array<u32> &words, SymbolId signature) {
        if (t.symbol.group[signature] == UINT32_MAX - raw(f)) return;
        for (u64 i = 1; i < words.size(); i++) {
          if (words[i] < file.section_count) t.section.flags[file.section_id(words[i])] |= SectionFlags::DISCARDED;
          else job.report(Code::BadGroup, {.file = raw(f), .section = group});
        }
      });
}

} // namespace spore
