// Fold: the sections whose addresses a program may compare, so that two of them must not become one.
//
// Clang lists the symbols whose addresses matter in .llvm_addrsig. Of what has no such list, data counts where it has a
// name, and a function where something but a branch refers to it: code that loads its address, or data that holds it.
// Slots of vtables do not count, as they do not for Clang: C++ has no expression for the address of the function that
// a slot holds. Nor do jump tables, which lead into a function and not to its beginning.

#include <algorithm>

#include "generated/kernels.h"
#include "kernels/relocated-sections.h"
#include "targets/target.h"

namespace spore {

namespace {

class AddressMarker {
public:
  AddressMarker(const Tables &t, u64 kinds) : t_(t), target_(target_of(t.link.machine)), kinds_(kinds) {}

  void mark_file(FileId f) {
    FileView file(t_, f);
    mark_exported(file);
    if (mark_listed(file)) return;
    if (kinds_ & AddressKinds::DATA) mark_named_data(file);
    if (!(kinds_ & AddressKinds::CODE)) return;
    find_functions(file);
    for_each_relocated_section(t_, file, [&](const RelocatedSection &section) {
      if (section.header.sh_type != SHT_PROGBITS) return; // lists of functions that are called
      auto name = file.section_name(section.header);
      if (!name || is_vtable(*name)) return;
      if (auto read = read_relocated(file, section)) mark_referenced(file, section, *read);
    });
  }

private:
  struct Start {
    u32 section;
    u64 offset;
    auto operator<=>(const Start &) const = default;
  };

  // Whoever finds a symbol by its name may compare its address.
  void mark_exported(const FileView &file) {
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      SymbolId s{t_.mention.symbol[file.mention(i)]};
      u64 claim = t_.symbol.claim[s];
      if (t_.symbol.flags.load(s) & SymbolFlags::EXPORTED && claim && Claim::file(claim) == file.id &&
          Claim::symbol(claim) == i)
        mark_in(file, i);
    }
  }

  // False when the file has no list that can be relied on: tools that renumber symbols leave its sh_link 0.
  bool mark_listed(const FileView &file) {
    for (u32 i = 1; i < file.section_count; i++) {
      Elf64_Shdr h = file.section(i);
      if (h.sh_type != SHT_LLVM_ADDRSIG || h.sh_link == 0) continue;
      auto list = file.contents(h);
      if (!list) return false;
      for (u64 at = 0; at < list->size();) { // symbol indices in ULEB128
        u64 index = 0;
        for (u32 shift = 0;; shift += 7) {
          auto byte = list->read<u8>(at++);
          if (!byte || shift > 28) return false;
          index |= static_cast<u64>(*byte & 0x7f) << shift;
          if (!(*byte & 0x80)) break;
        }
        if (index >= file.symbol_count) return false;
        mark(file, static_cast<u32>(index));
      }
      return true;
    }
    return false;
  }

  void mark_named_data(const FileView &file) {
    for (u32 i = 1; i < file.symbol_count; i++) {
      Elf64_Sym sym = file.symbols()[i];
      u32 section = file.section_index(i, sym);
      if (sym.type() == STT_SECTION || section == SHN_UNDEF || section >= file.section_count) continue;
      if (!is_code(file, section)) mark_section(file, section);
    }
  }

  void find_functions(const FileView &file) {
    starts_.clear();
    is_named_.assign(file.section_count, false);
    for (u32 i = 1; i < file.symbol_count; i++) {
      Elf64_Sym sym = file.symbols()[i];
      u32 section = file.section_index(i, sym);
      if (sym.type() == STT_SECTION || section == SHN_UNDEF || section >= file.section_count) continue;
      is_named_[section] = true;
      if (is_code(file, section)) starts_.push_back({section, sym.st_value});
    }
    std::sort(starts_.begin(), starts_.end());
  }

  void mark_referenced(const FileView &file, const RelocatedSection &section, const RelocatedContents &read) {
    bool in_code = section.header.sh_flags & SHF_EXECINSTR;
    for (Elf64_Rela rela : read.relocations) {
      const Relocation *r = target_.relocation(rela.type());
      u32 symbol = rela.symbol();
      if (!r || r->expression == Expression::none || symbol >= file.symbol_count) continue;
      if (in_code && target_.is_branch(*r, read.bytes, rela.r_offset)) continue;
      if (!in_code && symbol < file.first_global && leads_inside(file, section.index, *r, rela)) continue;
      mark_code(file, symbol);
    }
  }

  // Whether data refers to a place inside a function, by the symbol of its section: as jump tables do.
  bool leads_inside(const FileView &file, u32 from, const Relocation &r, const Elf64_Rela &rela) const {
    Elf64_Sym sym = file.symbols()[rela.symbol()];
    if (sym.type() != STT_SECTION) return false;
    u32 section = file.section_index(rela.symbol(), sym);
    // Distances from the beginning of a table, which their addends do not say: no pointer is made of those.
    if (r.expression == Expression::pcRelative) return !is_named_[from];
    Start place{section, sym.st_value + static_cast<u64>(rela.r_addend)};
    return r.expression == Expression::absolute && place.offset != 0 &&
           !std::binary_search(starts_.begin(), starts_.end(), place);
  }

  static bool is_vtable(const Name &name) {
    for (const char *prefix : {".data.rel.ro._ZTV", ".data.rel.ro.local._ZTV", ".rodata._ZTV", ".data.rel.ro._ZTC",
                               ".data.rel.ro.local._ZTC", ".rodata._ZTC"})
      if (name.starts_with(prefix)) return true;
    return false;
  }

  static bool is_code(const FileView &file, u32 section) { return file.section(section).sh_flags & SHF_EXECINSTR; }

  // Calls `visit(file, section)` for where a symbol of a file is defined.
  template <typename Visit> void with_definition(const FileView &file, u32 symbol, Visit visit) const {
    if (symbol < file.first_global) {
      u32 section = file.section_index(symbol, file.symbols()[symbol]);
      if (section != SHN_UNDEF && section < file.section_count) visit(file, section);
      return;
    }
    u64 claim = t_.symbol.claim[SymbolId{t_.mention.symbol[file.mention(symbol)]}];
    if (!claim || !is_live_object(t_, Claim::file(claim))) return;
    FileView owner(t_, Claim::file(claim));
    u32 section = owner.section_index(Claim::symbol(claim), owner.symbols()[Claim::symbol(claim)]);
    if (section != SHN_UNDEF && section < owner.section_count) visit(owner, section);
  }

  void mark(const FileView &file, u32 symbol) {
    with_definition(file, symbol, [&](const FileView &owner, u32 section) { mark_section(owner, section); });
  }
  void mark_code(const FileView &file, u32 symbol) {
    with_definition(file, symbol, [&](const FileView &owner, u32 section) {
      if (is_code(owner, section)) mark_section(owner, section);
    });
  }
  void mark_in(const FileView &file, u32 symbol) {
    u32 section = file.section_index(symbol, file.symbols()[symbol]);
    if (section != SHN_UNDEF && section < file.section_count) mark_section(file, section);
  }
  void mark_section(const FileView &file, u32 section) {
    if (kinds_ & (is_code(file, section) ? AddressKinds::CODE : AddressKinds::DATA))
      t_.section.flags.set_bits(file.section_id(section), SectionFlags::ADDRESS_TAKEN);
  }

  const Tables &t_;
  const Target &target_;
  u64 kinds_; // AddressKinds
  std::vector<Start> starts_; // of functions, in order
  std::vector<bool> is_named_; // by section: it has a symbol
};

} // namespace

void mark_addresses(Job &job, RowRange<FileId> rows) {
  AddressMarker marker(job.t, job.parameter(0));
  for (FileId f : rows)
    if (is_live_object(job.t, f) && !(job.t.file.flags[f] & FileFlags::IS_INTERNAL)) marker.mark_file(f);
}

} // namespace spore
