// What a relocation's symbol turned out to be, and what follows for the relocation. find-needs and write
// ask the same questions here, so they cannot disagree.
#pragma once

#include <vector>

#include "tables/section-kinds.h"
#include "targets/target.h"

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
    Protected = 4096,
    Warned = 8192, // a .gnu.warning section speaks of it
  };
  u32 flags = 0;
  u32 symbol = 0; // SymbolId of a global one
  u64 address = 0; // S, for who has loaded it

  // Defined in the output, at an address that the symbol's own has, and nothing about it is special.
  bool is_plain() const {
    return !(flags & (Imported | Absolute | Ifunc | Tls | Undefined | Weak | Discarded | Merged | Warned));
  }
};

// The references of a file, by symbol table index. Reused from file to file: memory that stays in cache.
class References {
public:
  void load(const Tables &t, const FileView &file) {
    all_.resize(file.symbol_count);
    for (u32 i = 0; i < file.first_global; i++) all_[i] = local(t, file, i);
    for (u32 i = file.first_global; i < file.symbol_count; i++)
      all_[i] = global(t, SymbolId{t.mention.symbol[file.mention(i)]});
  }
  const Reference &operator[](u32 symbol) const { return all_[symbol]; }
  Reference &operator[](u32 symbol) { return all_[symbol]; }
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
    if ((f & SymbolFlags::VISIBILITY) == STV_PROTECTED) flags |= Reference::Protected;
    if (f & SymbolFlags::IS_IFUNC && !(f & SymbolFlags::IMPORTED)) flags |= Reference::Ifunc;
    if (f & SymbolFlags::IS_UNDEFINED && !(f & SymbolFlags::IMPORTED))
      flags |=
          f & SymbolFlags::IS_WEAK_UNDEFINED ? u32{Reference::Weak | Reference::Absolute} : u32{Reference::Undefined};
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
    // .eh_frame is laid out record by record; nothing but crtbegin.o's label of its start refers to it.
    if ((kept & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) flags |= Reference::Discarded;
    return {flags, 0, 0};
  }

private:
  std::vector<Reference> all_;
};

// What a relocation comes to, beyond a value in the output.
enum class Action : u8 {
  Value, // a link-time value
  Relative, // a dynamic relocation without a symbol
  Symbolic, // a dynamic relocation with a symbol
  Copy, // the symbol's data is copied to the executable; then a value
  CanonicalPlt, // the symbol's address is its PLT entry here; then a value
  Plt, // through the symbol's PLT entry
  NeedsPic, // error: recompile with -fPIC
  NeedsNoText, // error: a dynamic relocation in a section that is not writable
};

// For S + A (is_word: in a 64-bit field) in a section that may be written at run time.
inline Action action_for_absolute(const Reference &ref, bool is_word, bool is_writable, u64 output) {
  bool pic = output & OutputFlags::PIC, shared = output & OutputFlags::SHARED;
  if (ref.flags & Reference::Imported) {
    if (is_word && (is_writable || (pic && output & OutputFlags::TEXT_RELOCATIONS))) return Action::Symbolic;
    if (pic || shared) return is_word ? Action::NeedsNoText : Action::NeedsPic;
    if (!(ref.flags & Reference::OwnedByShared)) return Action::Value; // nothing to copy: undefined, and allowed to be
    return ref.flags & Reference::Function ? Action::CanonicalPlt : Action::Copy;
  }
  if (ref.flags & Reference::Absolute || !pic) return Action::Value;
  if (!is_word) return Action::NeedsPic;
  return is_writable || output & OutputFlags::TEXT_RELOCATIONS ? Action::Relative : Action::NeedsNoText;
}

// For S + A - P.
inline Action action_for_pc_relative(const Reference &ref, u64 output) {
  bool shared = output & OutputFlags::SHARED;
  if (ref.flags & Reference::Imported) {
    if (shared)
      return ref.flags & Reference::Function && !(ref.flags & Reference::OwnedByShared) ? Action::Plt
                                                                                        : Action::NeedsPic;
    if (!(ref.flags & Reference::OwnedByShared)) return Action::Value;
    return ref.flags & Reference::Function ? Action::CanonicalPlt : Action::Copy;
  }
  if (ref.flags & Reference::Absolute && !(ref.flags & Reference::Weak) && output & OutputFlags::PIC)
    return Action::NeedsPic;
  return Action::Value;
}

// How a TLS access is made: as written, or rewritten into a cheaper model.
enum class TlsAction : u8 { AsWritten, ToInitialExec, ToLocalExec };

inline TlsAction tls_action(const Reference &ref, u64 output) {
  if (output & (OutputFlags::SHARED | OutputFlags::NO_RELAX)) {
    // A static executable has no loader that could fill the slots.
    if (!(output & OutputFlags::STATIC) || output & OutputFlags::SHARED) return TlsAction::AsWritten;
  }
  return ref.flags & Reference::Imported ? TlsAction::ToInitialExec : TlsAction::ToLocalExec;
}

// Whether a GOT slot can be done without: the symbol is near and final.
inline bool may_bypass_got(const Reference &ref, u64 output) {
  return !(ref.flags &
           (Reference::Imported | Reference::Ifunc | Reference::Absolute | Reference::Weak | Reference::Undefined)) &&
         !(output & OutputFlags::NO_RELAX);
}

} // namespace spore
