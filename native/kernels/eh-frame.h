// The records of one .eh_frame section (LSB Core, Exception Frames).
#pragma once

#include <vector>

#include "tables/section-kinds.h"

namespace spore {

struct EhRecord {
  u32 offset;     // in the section
  u32 size;       // with the length field
  u32 cie;        // of an FDE: index of its CIE among the records; of a CIE: its own index
  u32 first_rela; // of those whose r_offset is inside
  u32 last_rela;
  bool is_cie;
};

struct EhFrame {
  u32 section = 0; // header index
  Bytes contents;
  std::vector<EhRecord> records;
  std::vector<Elf64_Rela> relas; // by r_offset
};

// Parses a section. Returns false, with the offset of what is wrong, when it is malformed.
bool parse_eh_frame(const FileView &file, u32 section, u32 rela_section, EhFrame &frame, u64 &bad_offset);

// The relocation of an FDE that gives its function, or null: the field is at byte 8 of the record.
inline const Elf64_Rela *function_of(const EhFrame &frame, const EhRecord &fde) {
  for (u32 i = fde.first_rela; i < fde.last_rela; i++)
    if (frame.relas[i].r_offset == fde.offset + u64{8}) return &frame.relas[i];
  return nullptr;
}

// Whether the function that an FDE describes is in the output.
bool is_live_fde(const Tables &t, const FileView &file, const EhFrame &frame, const EhRecord &fde);

} // namespace spore
