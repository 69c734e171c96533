// What a .note.gnu.property section says (psABI x86-64, Linux ABI, Program Property): IBT and SHSTK of FEATURE_1_AND,
// which the output has when all inputs do, and 1_NEEDED and ISA_1_NEEDED, which it has when one does.

#include "generated/columns.h"
#include "targets/x86-64.h"

namespace spore {

namespace {

constexpr u32 NT_GNU_PROPERTY_TYPE_0 = 5;
constexpr u32 GNU_PROPERTY_1_NEEDED = 0xb0008000, GNU_PROPERTY_X86_FEATURE_1_AND = 0xc0000002,
              GNU_PROPERTY_X86_ISA_1_NEEDED = 0xc0008002;

} // namespace

ProgramProperties x86_64_properties_of(const Bytes &note) {
  ProgramProperties found;
  for (u64 at = 0; note.contains(at, 16);) {
    u32 name_size = *note.read<u32>(at), size = *note.read<u32>(at + 4), type = *note.read<u32>(at + 8);
    if (name_size != 4 || !note.contains(at + 16, size)) break;
    if (type == NT_GNU_PROPERTY_TYPE_0)
      for (u64 p = at + 16, end = at + 16 + size; p < end && end - p >= 8;) {
        u32 kind = *note.read<u32>(p), length = *note.read<u32>(p + 4);
        if (length == 4 && end - p >= 12) {
          u32 bits = *note.read<u32>(p + 8);
          if (kind == GNU_PROPERTY_X86_FEATURE_1_AND && bits & 1) found.file_flags |= FileFlags::HAS_IBT;
          if (kind == GNU_PROPERTY_X86_FEATURE_1_AND && bits & 2) found.file_flags |= FileFlags::HAS_SHSTK;
          if (kind == GNU_PROPERTY_1_NEEDED) found.needed |= bits;
          if (kind == GNU_PROPERTY_X86_ISA_1_NEEDED) found.isa_needed |= bits;
        }
        p += 8 + ((u64{length} + 7) & ~u64{7});
      }
    at += 16 + ((u64{size} + 7) & ~u64{7});
  }
  return found;
}

} // namespace spore
