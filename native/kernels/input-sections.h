// What split asks of a section of an input, for a program and for -r alike.
#pragma once

#include <algorithm>

#include "tables/section-kinds.h"
#include "targets/target.h"

namespace spore {

// Tables about the object, which are no part of what it gives to the output: these have their own, and symbols have
// other indices there.
inline bool is_table(const Elf64_Shdr &h) {
  switch (h.sh_type) {
  case SHT_NULL:
  case SHT_SYMTAB:
  case SHT_STRTAB:
  case SHT_SYMTAB_SHNDX:
  case SHT_REL: // of a profile only; others are refused by the scan
  case SHT_LLVM_CALL_GRAPH_PROFILE:
  case SHT_LLVM_ADDRSIG: return true;
  default: return false;
  }
}

inline bool is_debug_name(const Name &n) {
  return n.starts_with(".debug") || n.starts_with(".zdebug") || n.starts_with(".stab") || n.starts_with(".gdb_index") ||
         n.starts_with(".line");
}

// Whether the last string of a mergeable section has an end: else it could be the beginning of another. Of contents
// that lie outside the file, others say so.
inline bool ends_with_terminator(const FileView &file, const Elf64_Shdr &h) {
  auto contents = file.contents(h);
  auto last = contents ? contents->slice(contents->size() - h.sh_entsize, h.sh_entsize) : std::nullopt;
  return !last || std::all_of(last->begin(), last->end(), [](u8 byte) { return byte == 0; });
}

// Whether a section is for the linker, which takes what it says: into `file_flags` (FileFlags), and into the link's. Or
// it is left out because the output has its own, or because machine code is beside it.
inline bool is_for_linker(const Tables &t, const FileView &file, const Elf64_Shdr &h, const Name &name,
                          u32 &file_flags) {
  if (name == ".note.GNU-stack") {
    file_flags |= FileFlags::HAS_STACK_NOTE;
    if (h.sh_flags & SHF_EXECINSTR) file_flags |= FileFlags::NEEDS_EXECUTABLE_STACK;
    return true;
  }
  if (h.sh_type == SHT_NOTE && name == ".note.gnu.property") {
    if (auto note = file.contents(h)) {
      ProgramProperties found = target_of(t.link.machine).properties_of(*note);
      file_flags |= found.file_flags;
      t.found.needed.set_bits(found.needed);
      t.found.isa_needed.set_bits(found.isa_needed);
    }
    return true;
  }
  // As GNU ld: the output has one name, that of what is linked.
  if (h.sh_type == SHT_NOTE && t.link.output_flags & OutputFlags::HAS_DIGEST && name == ".note.gnu.build-id")
    return true;
  return name.starts_with(".gnu.lto_"); // objects without machine code were refused by the scan
}

} // namespace spore
