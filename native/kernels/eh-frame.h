// The records of one .eh_frame section (LSB Core, Exception Frames).
#pragma once

#include <vector>

#include "tables/section-kinds.h"

namespace spore {

struct EhRecord {
  u32 offset; // in the section
  u32 size; // with the length field
  u32 cie; // of an FDE: index of its CIE among the records; of a CIE: its own index
  u32 first_rela; // of those whose r_offset is inside
  u32 last_rela;
  bool is_cie;
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
  Elf64_Rela operator[](u32 i) const { return sorted_.empty() ? all_[i] : sorted_[i]; }

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

// Parses a section. Returns false, with the offset of what is wrong, when it is malformed.
bool parse_eh_frame(const FileView &file, u32 section, u32 rela_section, EhFrame &frame, u64 &bad_offset);

// Counts the CIEs of a section; less work than parsing it. Returns false, with the offset of what is wrong, when
// the section cannot be walked.
bool count_cies(const Bytes &contents, u32 &count, u64 &bad_offset);

// The relocation of an FDE that gives its function: the field is at byte 8 of the record.
inline std::optional<Elf64_Rela> function_of(const EhFrame &frame, const EhRecord &fde) {
  for (u32 i = fde.first_rela; i < fde.last_rela; i++)
    if (Elf64_Rela rela = frame.relas[i]; rela.r_offset == fde.offset + u64{8}) return rela;
  return std::nullopt;
}

// Whether the function that an FDE describes is in the output.
bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde);

} // namespace spore
