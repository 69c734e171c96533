// What a relocation's symbol turned out to be; decide.h has what follows for the relocation.
#pragma once

#include <vector>

#include "tables/section-kinds.h"

namespace spore {

// One symbol of a file's symbol table, as its relocations see it.
struct Reference {
  enum : u32 {
    Imported = 1, // the loader decides
    Absolute = 2, // does not move with the image
    Ifunc = 4, // defined here, resolved at start
    Tls = 8,
    Function = 16,
    Undefined = 32, // an error unless weak or allowed
    Weak = 64, // undefined and null
    Discarded = 128, // in a section that is not in the output
    Section = 256, // STT_SECTION
    Merged = 512, // in a section that is split into pieces
    Global = 1024,
    OwnedByShared = 2048,
    ProtectedThere = 4096, // in the shared object that owns it
    Warned = 8192, // a .gnu.warning section speaks of it
    Elsewhere = 16384, // not defined in this link
    Far = 32768, // in a section that may be out of reach of 32 bits
    Missed = 65536, // undefined, and that is worth a warning
    NamedIfunc = 131072, // defined here and resolved when the loader finds it by its name
    Folded = 262144, // in a section that an equal one stands for; known to who has loaded addresses
    Odd = Undefined | Discarded | Tls | Ifunc, // not all expressions have their meaning
  };
  u32 flags = 0;
  u32 row = 0; // SymbolId of a global one; of a local one what the kernel keeps there: 0, or a row + 1
  u64 address = 0; // S, for who has loaded it

  // Defined in the output, and nothing about it is special.
  bool is_ordinary() const { return !(flags & (Imported | Absolute | Weak | Warned | Odd)); }
  // And at an address that the symbol's own has, whatever the addend.
  bool is_plain() const { return !(flags & (Imported | Absolute | Weak | Warned | Odd | Merged)); }
};

// The references of a file, by symbol table index. Reused from file to file: memory that stays in cache.
class References {
public:
  void load(const Tables &t, const FileView &file) {
    all_.resize(file.symbol_count);
    for (u32 i = 0; i < file.first_global; i++) all_[i] = local(t, file, i);
    for_each_global(t, file, t.symbol.flags, [&](u32 i, SymbolId s) { all_[i] = global(t, s); });
  }
  const Reference &operator[](u32 symbol) const { return all_[symbol]; }
  Reference &operator[](u32 symbol) { return all_[symbol]; }
  const Reference *data() const { return all_.data(); }
  u32 size() const { return static_cast<u32>(all_.size()); }

  static Reference global(const Tables &t, SymbolId s) {
    u32 f = t.symbol.flags.load(s);
    u32 flags = Reference::Global;
    if (f & SymbolFlags::IMPORTED) flags |= Reference::Imported;
    if (f & SymbolFlags::IS_ABSOLUTE) flags |= Reference::Absolute;
    if (f & SymbolFlags::IS_TLS) flags |= Reference::Tls;
    if (f & SymbolFlags::IS_FUNCTION) flags |= Reference::Function;
    if (f & SymbolFlags::OWNED_BY_SHARED) flags |= Reference::OwnedByShared;
    if (f & SymbolFlags::HAS_WARNING) flags |= Reference::Warned;
    if (f & SymbolFlags::IS_PROTECTED_THERE) flags |= Reference::ProtectedThere;
    if (f & SymbolFlags::IMPORTED && f & (SymbolFlags::OWNED_BY_SHARED | SymbolFlags::IS_UNDEFINED))
      flags |= Reference::Elsewhere;
    if (f & SymbolFlags::IS_IFUNC) flags |= f & SymbolFlags::IMPORTED ? Reference::NamedIfunc : Reference::Ifunc;
    constexpr u32 missed =
        SymbolFlags::IS_UNDEFINED | SymbolFlags::IS_WEAK_UNDEFINED | SymbolFlags::STRONGLY_REFERENCED;
    if ((f & missed) == missed && !(f & SymbolFlags::OWNED_BY_SHARED) &&
        t.link.output_flags & OutputFlags::WARN_UNDEFINED)
      flags |= Reference::Missed;
    if (f & SymbolFlags::IS_UNDEFINED && !(f & SymbolFlags::IMPORTED))
      flags |=
          f & SymbolFlags::IS_WEAK_UNDEFINED ? u32{Reference::Weak | Reference::Absolute} : u32{Reference::Undefined};
    if (t.found.has_large_sections && is_in_large_section(t, s)) flags |= Reference::Far;
    return {flags, raw(s), 0};
  }

  static Reference local(const Tables &t, const FileView &file, u32 i) {
    Elf64_Sym sym = file.symbols()[i];
    u32 section = file.section_index(i, sym);
    u32 flags = 0;
    if (sym.type() == STT_SECTION) flags |= Reference::Section;
    if (sym.type() == STT_TLS) flags |= Reference::Tls;
    if (sym.type() == STT_GNU_IFUNC) flags |= Reference::Ifunc;
    if (section == section_absolute) return {flags | Reference::Absolute, 0, 0};
    if (section == SHN_UNDEF || section >= file.section_count)
      return {i == 0 ? u32{Reference::Absolute} : flags | Reference::Discarded, 0, 0};
    u32 kept = t.section.flags[file.section_id(section)];
    if (kept & SectionFlags::MERGEABLE) flags |= Reference::Merged;
    if (t.found.has_large_sections && is_large(t, file.section_id(section))) flags |= Reference::Far;
    // .eh_frame is laid out record by record; nothing but crtbegin.o's label of its start refers to it.
    if ((kept & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) flags |= Reference::Discarded;
    return {flags, 0, 0};
  }

private:
  // Of the medium and the large code model (psABI x86-64 3.3.2).
  static bool is_large(const Tables &t, SectionId s) { return t.bucket.flags[bucket_of(t, s)] & SHF_X86_64_LARGE; }
  static bool is_in_large_section(const Tables &t, SymbolId s) {
    u64 claim = t.symbol.claim[s];
    if (!claim || !is_live_object(t, Claim::file(claim))) return false;
    FileView file(t, Claim::file(claim));
    u32 symbol = Claim::symbol(claim), section = file.section_index(symbol, file.symbols()[symbol]);
    if (section == section_large_common) return !is_small_common(t, s);
    return section < file.section_count && is_large(t, file.section_id(section));
  }

  std::vector<Reference> all_;
};

} // namespace spore
