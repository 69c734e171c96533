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

namespace {

// Bytes of a pointer of this encoding (LSB Core, DWARF Exception Header Encoding); 0 when that depends on its value.
u32 encoded_size(u32 encoding) {
  constexpr u32 DW_EH_PE_omit = 0xff;
  if (encoding == DW_EH_PE_omit) return 0;
  switch (encoding & 7) { // the next bit is the sign
  case 0: return 8; // absptr
  case 2: return 2;
  case 3: return 4;
  case 4: return 8;
  }
  return 0;
}

std::optional<u64> skip_leb128(const Bytes &bytes, u64 at) {
  while (auto byte = bytes.read<u8>(at++))
    if (!(*byte & 0x80)) return at;
  return std::nullopt;
}

// The byte of a CIE that encodes its FDEs' pointers, or nothing: LSB Core, Common Information Entry Format.
std::optional<u8> pointer_encoding(const Bytes &cie) {
  constexpr u8 DW_EH_PE_absptr = 0, DW_EH_PE_aligned = 0x50;
  auto version = cie.read<u8>(8);
  if (!version || (*version != 1 && *version != 3)) return std::nullopt;
  u64 letter = 9, end = letter;
  while (auto byte = cie.read<u8>(end++))
    if (*byte == 0) break;
  if (end > cie.size()) return std::nullopt;
  if (end - letter == 1) return DW_EH_PE_absptr;
  if (*cie.read<u8>(letter++) != 'z') return std::nullopt;
  auto at = skip_leb128(cie, end); // code alignment
  if (at) at = skip_leb128(cie, *at); // data alignment
  if (at) at = *version == 1 ? *at + 1 : skip_leb128(cie, *at); // return address
  if (at) at = skip_leb128(cie, *at); // bytes of what follows
  for (; at; letter++) {
    auto byte = cie.read<u8>(*at);
    switch (*cie.read<u8>(letter)) {
    case 0: return DW_EH_PE_absptr;
    case 'R': return byte;
    case 'L': ++*at; break;
    case 'P': {
      u32 size = byte && *byte != DW_EH_PE_aligned ? encoded_size(*byte) : 0;
      if (size == 0) return std::nullopt;
      *at += 1 + size;
      break;
    }
    case 'S': // a signal's frame
    case 'B': break;
    default: return std::nullopt;
    }
  }
  return std::nullopt;
}

constexpr u32 function_offset = 8; // in an FDE

} // namespace

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
  u32 relas = frame.relas.size(), next_rela = 0, last_cie = UINT32_MAX;
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
                    .is_cie = id == 0,
                    .pointer_size = 0};
    while (next_rela < relas && frame.relas.offset(next_rela) < at) next_rela++;
    record.first_rela = next_rela;
    for (; next_rela < relas; next_rela++) {
      u64 offset = frame.relas.offset(next_rela);
      if (offset >= at + record.size) break;
      if (offset == at + function_offset && record.function_rela == none) record.function_rela = next_rela;
    }
    record.last_rela = next_rela;
    record.cie = static_cast<u32>(frame.records.size());
    if (record.is_cie) {
      auto encoding = pointer_encoding({contents->data() + at, record.size});
      if (encoding) record.pointer_size = static_cast<u8>(encoded_size(*encoding));
    } else {
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

std::optional<u32> odd_function_size(const EhFrame &frame, const EhRecord &fde) {
  u32 width = frame.records[fde.cie].pointer_size;
  u32 at = function_offset + width;
  Bytes bytes = contents_of(frame, fde);
  if (width == 0 || !bytes.contains(at, width)) return std::nullopt;
  u64 size = 0;
  std::memcpy(&size, bytes.data() + at, width);
  if (size == 0) // unless a relocation says otherwise
    for (u32 i = fde.first_rela; i < fde.last_rela; i++)
      if (frame.relas[i].r_offset == fde.offset + u64{at}) return std::nullopt;
  return static_cast<u32>(std::min<u64>(size, UINT32_MAX));
}

bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde) {
  if (fde.function_rela == none || function_size(frame, fde) == 0u) return false;
  u32 symbol = frame.relas[fde.function_rela].symbol();
  if (symbol >= file.symbol_count) return false;
  u32 section = file.section_index(symbol, file.symbols()[symbol]);
  if (section == SHN_UNDEF || section >= file.section_count) return false;
  SectionId s = file.section_id(section);
  return is_kept(t, s) && !(t.section.flags.load(s) & SectionFlags::FOLDED);
}

} // namespace spore
