// Layout: which relocations refer to where NOCROSSREFS of a linker script says that they must not.

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/relocated-sections.h"

namespace spore {

namespace {

// Header index of the output's section in which a file's symbol is; 0 for what is in none.
u32 output_section_of(const Tables &t, const FileView &file, u32 symbol) {
  if (symbol >= file.symbol_count) return 0; // find needs has reported it
  if (symbol >= file.first_global) {
    SymbolId s{t.mention.symbol[file.mention(symbol)]};
    u64 claim = t.symbol.claim[s];
    if (!claim || !is_live_object(t, Claim::file(claim))) return 0;
    FileView definer(t, Claim::file(claim));
    u32 index = Claim::symbol(claim), section = definer.section_index(index, definer.symbols()[index]);
    if (t.file.flags[definer.id] & FileFlags::IS_INTERNAL) return t.linker_symbol.section[LinkerSymbolId{index}];
    if (is_common(section)) return t.bucket.index[common_bucket(t, s)];
    return section < definer.section_count ? t.bucket.index[bucket_of(t, definer.section_id(section))] : 0;
  }
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  return section < file.section_count ? t.bucket.index[bucket_of(t, file.section_id(section))] : 0;
}

bool is_prohibited(const Tables &t, u32 from, u32 to) {
  for (u32 i = 0; i < t.prohibited.rows; i++)
    if (t.prohibited.from[ProhibitedId{i}] == from && t.prohibited.to[ProhibitedId{i}] == to) return true;
  return false;
}

} // namespace

void check_cross_references(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f) || t.file.flags[f] & FileFlags::IS_INTERNAL) continue;
    FileView file(t, f);
    for_each_relocated_section(t, file, [&](const RelocatedSection &section) {
      auto read = read_relocated(file, section);
      u32 from = t.bucket.index[bucket_of(t, file.section_id(section.index))];
      if (!read || from == 0) return;
      for (Elf64_Rela rela : read->relocations)
        if (is_prohibited(t, from, output_section_of(t, file, rela.symbol())))
          job.report(Code::ProhibitedReference,
                     {.file = raw(f), .section = section.index, .offset = rela.r_offset, .symbol = rela.symbol()});
    });
  }
}

} // namespace spore
