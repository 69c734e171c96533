// Layout: sizes of each chunk's part of each bucket, what .symtab keeps, and, once TypeScript has given
// buckets their addresses, the address of every symbol.

#include <vector>

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/archive.h"
#include "kernels/layout.h"

namespace spore {

void size_buckets(Job &job, RowRange<ChunkId> rows) {
  const Tables &t = job.t;
  u32 buckets = static_cast<u32>(t.link.bucket_count);
  std::vector<u64> size(buckets);
  std::vector<u32> alignment(buckets), start_alignment(buckets);
  for (ChunkId chunk : rows) {
    std::fill(size.begin(), size.end(), 0);
    std::fill(alignment.begin(), alignment.end(), 0);
    std::fill(start_alignment.begin(), start_alignment.end(), 0);
    auto take = [&](BucketId bucket, u64 bytes, u32 log2) {
      u32 at = t.bucket.ordinal[bucket], forced = t.bucket.subalignment[bucket];
      u32 used = forced ? forced - 1 : log2;
      u64 offset = align_up(size[at], used);
      size[at] = offset + bytes;
      if (alignment[at] < log2) alignment[at] = log2;
      if (start_alignment[at] < used) start_alignment[at] = used;
      return offset;
    };
    auto fits = [&](BucketId bucket, u64 bytes, u32 log2) {
      return log2 <= largest_alignment_log2 && bytes <= address_space &&
             align_up(size[t.bucket.ordinal[bucket]], log2) + bytes <= address_space;
    };
    for (u32 f = t.chunk.first_file[chunk]; f < t.chunk.first_file[chunk + 1]; f++) {
      FileId id{f};
      if (!is_live_object(t, id)) continue;
      FileView file(t, id);
      for (u32 i = 1; i < file.section_count; i++) {
        SectionId s = file.section_id(i);
        BucketId bucket = bucket_of(t, s);
        u32 flags = t.section.flags[s];
        if (raw(bucket) == 0 || !(flags & SectionFlags::LIVE) ||
            flags & (SectionFlags::DISCARDED | SectionFlags::MERGEABLE | SectionFlags::FOLDED) ||
            t.bucket.is_ordered[bucket])
          continue;
        Elf64_Shdr h = file.section(i);
        u32 log2 = alignment_log2(h);
        if (fits(bucket, h.sh_size, log2)) set_section_offset(t, s, take(bucket, h.sh_size, log2));
        else job.report(Code::SectionTooLarge, {.file = f, .section = i});
      }
      for (u32 i = file.first_global; i < file.symbol_count; i++) {
        MentionId m = file.mention(i);
        if ((t.mention.flags[m] & MentionFlags::KIND) != MentionFlags::COMMON) continue;
        u64 claim = t.symbol.claim[SymbolId{t.mention.symbol[m]}];
        if (!claim || Claim::file(claim) != id || Claim::symbol(claim) != i) continue;
        SymbolId s{t.mention.symbol[m]};
        if (!is_reached(t, s)) continue;
        u64 bytes = t.symbol.common_size[s];
        u32 log2 = t.symbol.common_alignment[s];
        if (fits(common_bucket(t, s), bytes, log2)) t.mention.common_offset[m] = take(common_bucket(t, s), bytes, log2);
        else job.report(Code::SymbolTooLarge, {.file = f, .symbol = i});
      }
    }
    for (u32 b = 0; b < buckets; b++) {
      ChunkBucketId part{raw(chunk) * buckets + b};
      t.chunk_bucket.size[part] = size[b];
      t.chunk_bucket.alignment[part] = static_cast<u8>(alignment[b]);
      t.chunk_bucket.start_alignment[part] = static_cast<u8>(start_alignment[b]);
    }
  }
}

// Whether .symtab keeps a local symbol.
bool is_kept_local(const Tables &t, const FileView &file, u32 symbol, const Elf64_Sym &sym, const Name &name) {
  u64 output = t.link.output_flags;
  if (sym.type() == STT_SECTION || output & OutputFlags::DISCARD_ALL || name.size == 0) return false;
  u32 section = file.section_index(symbol, sym);
  if (section == section_absolute) return true;
  if (section == SHN_UNDEF || section >= file.section_count) return false;
  u32 flags = t.section.flags[file.section_id(section)];
  if ((flags & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) return false;
  if (name.size >= 2 && name.data[0] == '.' && name.data[1] == 'L')
    return !(output & OutputFlags::DISCARD_LOCALS) && !(file.section(section).sh_flags & SHF_MERGE);
  return true;
}

void count_symtab(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    u32 locals = 0, hidden = 0, globals = 0;
    u64 strings = 0;
    bool has_own_first = false; // an STT_FILE symbol in front
    if (!(t.file.traits[f] & FileTraits::IS_BROKEN)) {
      FileView file(t, f);
      if (is_live_object(t, f) && !(t.file.flags[f] & FileFlags::IS_INTERNAL))
        for (u32 i = 1; i < file.first_global; i++) {
          Elf64_Sym sym = file.symbols()[i];
          auto name = file.symbol_name(sym);
          if (!name || !is_kept_local(t, file, i, sym, *name)) continue;
          has_own_first |= locals == 0 && sym.type() == STT_FILE;
          locals++;
          strings += name->size + u64{1};
        }
      for (u32 i = file.first_global; i < file.symbol_count; i++) {
        if (!is_kept_global(t, file, i)) continue;
        (is_made_local(t, file, i) ? hidden : globals)++;
        strings += global_name(t, file, i).size + u64{1};
      }
    }
    // As GNU ld: else a reader would take them for another file's.
    if (locals > 0 && !has_own_first && !(t.link.output_flags & OutputFlags::DISCARD_ALL)) {
      InputId input{t.file.input[f]};
      if (t.input.flags[input] & InputFlags::IS_ARCHIVE) {
        std::string_view name = member_name(input_bytes(t, input), t.file.name_offset[f]);
        t.file.symbol_file_name[f] = reinterpret_cast<u64>(name.empty() ? "" : name.data());
        t.file.symbol_file_name_size[f] = static_cast<u32>(name.size());
        locals++;
        strings += name.size() + 1;
      } else {
        t.file.flags[f] |= FileFlags::LACKS_FILE_SYMBOL; // TypeScript knows what it is called
      }
    }
    t.file.output_locals[f] = locals;
    t.file.output_hidden[f] = hidden;
    t.file.output_globals[f] = globals;
    // More than a file has only where names share their bytes.
    if (strings > UINT32_MAX) job.report(Code::SymbolNamesTooLong, {.file = raw(f)});
    t.file.output_strings[f] = static_cast<u32>(strings);
  }
}

void assign_addresses(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (claim && Claim::file(claim) == f && Claim::symbol(claim) == i)
        t.symbol.address[s] = definition_address(t, file, i);
    }
  }
}

// Symbols whose address is not that of their definition: copies, and code reached through the PLT.
void assign_entry_addresses(Job &job, RowRange<EntryId> rows) {
  const Tables &t = job.t;
  for (EntryId e : rows) {
    if (t.entry.symbol[e] == none) continue;
    SymbolId s{t.entry.symbol[e]};
    u32 flags = t.symbol.flags[s];
    if (flags & SymbolFlags::NEEDS_COPY)
      t.symbol.address[s] = (flags & SymbolFlags::COPY_IS_RELRO ? t.own_section.address[OwnSection::CopyRelro]
                                                                : t.own_section.address[OwnSection::Copy]) +
                            t.entry.copy_offset[e];
    else if (flags & SymbolFlags::NEEDS_CANONICAL_PLT ||
             (flags & SymbolFlags::IS_IFUNC && !(flags & SymbolFlags::IMPORTED) && t.entry.plt[e] != none))
      t.symbol.address[s] = plt_address(t, e);
  }
}

} // namespace spore
