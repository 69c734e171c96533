// The records of one .eh_frame section (LSB Core, Exception Frames).
#pragma once

#include <optional>
#include <vector>

#include "tables/section-kinds.h"

namespace spore {

struct EhRecord {
  u32 offset; // in the section
  u32 size; // with the length field
  u32 cie; // of an FDE: index of its CIE among the records; of a CIE: its own index
  u32 first_rela; // of those whose r_offset is inside
  u32 last_rela;
  u32 function_rela; // of an FDE: the relocation of the field that gives its function, at byte 8; none without one
  bool is_cie;
  u8 pointer_size; // of a CIE: bytes of a function's address, and of its length, in its FDEs; 0 when that is not known
};

// The relocations of a section by r_offset: where the file has them in that order, as compilers write them,
// they are read in place.
class SortedRelocations {
public:
  void load(const Array<Elf64_Rela> &all);
  void clear() {
    all_ = {};
    sorted_.clear();
  }

  u32 size() const { return static_cast<u32>(all_.size()); }
  bool is_in_order() const { return sorted_.empty(); } // in the file
  Elf64_Rela operator[](u32 i) const { return sorted_.empty() ? all_[i] : sorted_[i]; }
  u64 offset(u32 i) const { return (*this)[i].r_offset; }
  // The first whose r_offset is not below `offset`, or size().
  u32 first_from(u64 offset) const {
    u32 low = 0;
    for (u32 high = size(); low < high;) {
      u32 middle = low + (high - low) / 2;
      if (this->offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

private:
  Array<Elf64_Rela> all_;
  std::vector<Elf64_Rela> sorted_; // empty when `all_` is in order
};

struct EhFrame {
  u32 section = 0; // header index
  Bytes contents;
  std::vector<EhRecord> records;
  SortedRelocations relas;
};

// A record is relocated by itself: its neighbours may come to lie elsewhere.
inline Bytes contents_of(const EhFrame &frame, const EhRecord &record) {
  return {frame.contents.data() + record.offset, record.size};
}

// Calls `visit(section, contents)` for each .eh_frame of the output.
template <typename Visit> void for_each_eh_frame(const Tables &t, const FileView &file, Visit visit) {
  for (u32 i = 1; i < file.section_count; i++) {
    SectionId s = file.section_id(i);
    if (t.section.flags[s] & SectionFlags::EH_FRAME && is_kept(t, s)) visit(i, file.contents(file.section(i)));
  }
}

// Parses a section. Returns false, with the offset of what is wrong, when it is malformed.
bool parse_eh_frame(const FileView &file, u32 section, u32 rela_section, EhFrame &frame, u64 &bad_offset);

// Visits the CIEs of a section, of which the records are given without relocations; less work than parsing it. Returns
// false, with the offset of what is wrong, when the section cannot be walked.
template <typename Visit> bool for_each_cie(const Bytes &contents, u64 &bad_offset, Visit visit) {
  bool has_cie = false;
  for (u64 at = 0; at < contents.size();) {
    bad_offset = at;
    auto length = contents.read<u32>(at);
    if (!length) return false;
    if (*length != 0) {
      auto id = contents.read<u32>(at + 4);
      if (!id || !contents.contains(at + 4, *length)) return false;
      if (*id == 0) visit(static_cast<u32>(at), *length + 4);
      else if (!has_cie) return false; // an FDE comes after its CIE
      has_cie |= *id == 0;
    }
    at += static_cast<u64>(*length) + 4; // GCC 10 does not parse u64{*length} in a template
  }
  return true;
}

// Bytes of the function that an FDE describes, as far as they fit; nothing where the section does not say.
std::optional<u32> odd_function_size(const EhFrame &frame, const EhRecord &fde);
inline std::optional<u32> function_size(const EhFrame &frame, const EhRecord &fde) {
  // What compilers write: a word of 32 bits, after a length, a CIE and an address.
  u32 size = 0;
  if (frame.records[fde.cie].pointer_size == 4 && fde.size >= 16) {
    std::memcpy(&size, contents_of(frame, fde).data() + 12, 4);
    if (size != 0) return size;
  }
  return odd_function_size(frame, fde);
}

// Whether an FDE is in the output: as its function is, unless that is empty. GNU ld drops those of empty functions,
// too: in the search table they would hide what begins at the same address. A folded function's place has an FDE
// already.
bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde);

} // namespace spore
