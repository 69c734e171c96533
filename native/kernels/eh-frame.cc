// Reading .eh_frame: records, the relocations in each, and which FDEs have a function in the output.

#include "kernels/eh-frame.h"

#include <algorithm>

namespace spore {

void SortedRelocations::load(const Array<Elf64_Rela> &all) {
  all_ = all;
  sorted_.clear();
  auto by_offset = [](const Elf64_Rela &a, const Elf64_Rela &b) { return a.r_offset < b.r_offset; };
  u64 before = 0;
  bool is_sorted = true;
  for (Elf64_Rela rela : all) {
    is_sorted &= rela.r_offset >= before;
    before = rela.r_offset;
  }
  if (is_sorted) return;
  sorted_.reserve(all.size());
  for (Elf64_Rela rela : all) sorted_.push_back(rela);
  std::stable_sort(sorted_.begin(), sorted_.end(), by_offset);
}

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
    frame.relas.load(*relas);
  }
  u32 next_rela = 0, last_cie = UINT32_MAX;
  for (u64 at = 0; at < contents->size();) {
    bad_offset = at;
    auto length = contents->read<u32>(at);
    if (!length || *length == UINT32_MAX) return false; // the 64-bit form is in no compiler's output
    if (*length == 0) { // a terminator; crtend.o has it
      at += 4;
      continue;
    }
    auto body = contents->slice(at + 4, *length);
    if (!body || *length < 4) return false;
    u32 id = *body->read<u32>(0);
    EhRecord record{.offset = static_cast<u32>(at),
                    .size = *length + 4,
                    .cie = 0,
                    .first_rela = 0,
                    .last_rela = 0,
                    .function_rela = none,
                    .is_cie = id == 0};
    while (next_rela < frame.relas.size() && frame.relas[next_rela].r_offset < at) next_rela++;
    record.first_rela = next_rela;
    for (; next_rela < frame.relas.size(); next_rela++) {
      u64 offset = frame.relas[next_rela].r_offset;
      if (offset >= at + record.size) break;
      if (offset == at + 8 && record.function_rela == none) record.function_rela = next_rela;
    }
    record.last_rela = next_rela;
    record.cie = static_cast<u32>(frame.records.size());
    if (!record.is_cie) {
      u64 target = at + 4 - id;
      if (id > at + 4 || *length < 12) return false;
      // Nearly always the CIE of the FDE before.
      if (last_cie >= frame.records.size() || frame.records[last_cie].offset != target) {
        auto cie = std::lower_bound(frame.records.begin(), frame.records.end(), target,
                                    [](const EhRecord &r, u64 offset) { return r.offset < offset; });
        if (cie == frame.records.end() || cie->offset != target || !cie->is_cie) return false;
        last_cie = static_cast<u32>(cie - frame.records.begin());
      }
      record.cie = last_cie;
    }
    frame.records.push_back(record);
    at += record.size;
  }
  return true;
}

bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde) {
  if (fde.function_rela == none) return false;
  u32 symbol = frame.relas[fde.function_rela].symbol();
  if (symbol >= file.symbol_count) return false;
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  if (section == SHN_UNDEF || section >= file.section_count) return false;
  return is_kept(t, file.section_id(section));
}

} // namespace spore
