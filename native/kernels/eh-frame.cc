// Reading .eh_frame: records, the relocations in each, and which FDEs have a function in the output.

#include "kernels/eh-frame.h"

#include <algorithm>

namespace spore {

bool parse_eh_frame(const FileView &file, u32 section, u32 rela_section, EhFrame &frame, u64 &bad_offset) {
  frame.section = section;
  frame.records.clear();
  frame.relas.clear();
  bad_offset = 0;
  auto contents = file.contents(file.section(section));
  if (!contents) return false;
  frame.contents = *contents;
  if (rela_section) {
    auto relas = file.relocations(file.section(rela_section));
    if (!relas) return false;
    frame.relas.reserve(relas->size());
    for (Elf64_Rela rela : *relas) frame.relas.push_back(rela);
    auto by_offset = [](const Elf64_Rela &a, const Elf64_Rela &b) { return a.r_offset < b.r_offset; };
    if (!std::is_sorted(frame.relas.begin(), frame.relas.end(), by_offset))
      std::stable_sort(frame.relas.begin(), frame.relas.end(), by_offset);
  }
  u32 next_rela = 0;
  for (u64 at = 0; at < contents->size();) {
    bad_offset = at;
    auto length = contents->read<u32>(at);
    if (!length || *length == UINT32_MAX) return false; // the 64-bit form is in no compiler's output
    if (*length == 0) {                                 // a terminator; crtend.o has it
      at += 4;
      continue;
    }
    auto body = contents->slice(at + 4, *length);
    if (!body || *length < 4) return false;
    u32 id = *body->read<u32>(0);
    EhRecord record{.offset = static_cast<u32>(at), .size = *length + 4, .cie = 0, .first_rela = 0, .last_rela = 0,
                    .is_cie = id == 0};
    while (next_rela < frame.relas.size() && frame.relas[next_rela].r_offset < at) next_rela++;
    record.first_rela = next_rela;
    while (next_rela < frame.relas.size() && frame.relas[next_rela].r_offset < at + record.size) next_rela++;
    record.last_rela = next_rela;
    record.cie = static_cast<u32>(frame.records.size());
    if (!record.is_cie) {
      u64 target = at + 4 - id;
      if (id > at + 4 || *length < 12) return false;
      auto cie = std::lower_bound(frame.records.begin(), frame.records.end(), target,
                                  [](const EhRecord &r, u64 offset) { return r.offset < offset; });
      if (cie == frame.records.end() || cie->offset != target || !cie->is_cie) return false;
      record.cie = static_cast<u32>(cie - frame.records.begin());
    }
    frame.records.push_back(record);
    at += record.size;
  }
  return true;
}

bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde) {
  const Elf64_Rela *rela = function_of(frame, fde);
  if (!rela || rela->symbol() >= file.symbol_count) return false;
  u32 symbol = rela->symbol();
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  if (section == SHN_UNDEF || section >= file.section_count) return false;
  return is_kept(t, file.section_id(section));
}

} // namespace spore
