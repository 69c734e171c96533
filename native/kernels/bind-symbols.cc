// Resolve: whether each name is imported or exported, once owners and visibilities are known.
//
// It may run twice over a row, which one range alone has. What it asks of the row's flags, earlier kernels have left
// (who mentions and who refers to it, visibilities, lists), or it is in decided_here, which is cleared first, or it is
// LOCALISED, which is set first. All else it only sets, from the same answers each time.

#include "generated/kernels.h"
#include "kernels/symbols.h"

namespace spore {

namespace {

constexpr u16 local_version = 0xffff;
// The link goes on with what nothing defines.
constexpr u64 tolerant = OutputFlags::IGNORE_UNDEFINED | OutputFlags::WARN_UNDEFINED;
constexpr u32 decided_here = SymbolFlags::VISIBILITY | SymbolFlags::IMPORTED | SymbolFlags::EXPORTED;

u32 visibility_of(u32 flags) {
  if (flags & SymbolFlags::VISIBILITY_INTERNAL) return STV_INTERNAL;
  if (flags & SymbolFlags::VISIBILITY_HIDDEN) return STV_HIDDEN;
  return flags & SymbolFlags::VISIBILITY_PROTECTED ? u32{STV_PROTECTED} : u32{STV_DEFAULT};
}

u32 type_flags(u32 type) {
  switch (type) {
  case STT_GNU_IFUNC: return SymbolFlags::IS_IFUNC;
  case STT_FUNC: return SymbolFlags::IS_FUNCTION;
  case STT_TLS: return SymbolFlags::IS_TLS;
  default: return 0;
  }
}

class Binder {
public:
  explicit Binder(const Tables &t) : t_(t), output_(t.link.output_flags) {}

  void bind(SymbolId s) {
    flags_ = t_.symbol.flags[s] & ~decided_here;
    visibility_ = visibility_of(flags_);
    if (t_.symbol.version[s] == local_version) flags_ |= SymbolFlags::LOCALISED;
    u64 claim = t_.symbol.claim[s];
    if (claim == 0) bind_undefined(s);
    else if (is_shared(t_, Claim::file(claim))) bind_shared(claim);
    else if (!is_live(t_, Claim::file(claim))) bind_lazy(s);
    else bind_defined(claim);
    flags_ |= visibility_;
    if (flags_ & (SymbolFlags::EXPORTED | SymbolFlags::IMPORTED)) flags_ |= SymbolFlags::NEEDS_DYNSYM;
    t_.symbol.flags[s] = flags_;
  }

private:
  bool is_weak() const { return !(flags_ & SymbolFlags::STRONGLY_REFERENCED); }
  bool is_open() const { return visibility_ == STV_DEFAULT && !(flags_ & SymbolFlags::LOCALISED); }

  // Whether the loader is left to find a name that nothing defines. Weak references of an executable stay open where
  // all code asks the GOT; else they are settled now, as null.
  bool may_stay_undefined(SymbolId s, bool is_weak) const {
    if (is_weak) {
      if (!(output_ & OutputFlags::DYNAMIC_WEAK)) return false;
      return output_ & OutputFlags::SHARED || t_.symbol.uses.load(s) == SymbolUse::SLOT;
    }
    if (output_ & OutputFlags::SHARED) return !(output_ & OutputFlags::NO_UNDEFINED) || output_ & tolerant;
    return output_ & tolerant && !(output_ & OutputFlags::STATIC);
  }

  void leave_undefined(SymbolId s, bool is_weak) {
    flags_ |= SymbolFlags::IS_UNDEFINED;
    if (!(flags_ & SymbolFlags::IN_OBJECT) || !is_open()) return;
    if (may_stay_undefined(s, is_weak)) flags_ |= SymbolFlags::IMPORTED;
    // What -z dynamic-undefined-weak adds in GNU ld: names that nothing is bound to.
    else if (is_weak && output_ & OutputFlags::LIST_WEAK) flags_ |= SymbolFlags::NEEDS_DYNSYM;
  }

  void bind_undefined(SymbolId s) {
    leave_undefined(s, is_weak());
    // What is hidden can not be found elsewhere, so that an option does not help: as in GNU ld.
    if (is_weak() || (output_ & tolerant && visibility_ == STV_DEFAULT)) flags_ |= SymbolFlags::IS_WEAK_UNDEFINED;
  }

  // In an archive member that only weak references name.
  void bind_lazy(SymbolId s) {
    leave_undefined(s, true);
    if (is_weak()) flags_ |= SymbolFlags::IS_WEAK_UNDEFINED;
  }

  void bind_shared(u64 claim) {
    if (!(flags_ & SymbolFlags::IN_OBJECT)) return;
    if (visibility_ == STV_DEFAULT) {
      flags_ |= SymbolFlags::IMPORTED;
    } else { // gABI ch. 4: such a name must be defined in this component
      flags_ |= SymbolFlags::IS_UNDEFINED;
      if (is_weak()) flags_ |= SymbolFlags::IS_WEAK_UNDEFINED;
    }
    Elf64_Sym sym = FileView(t_, Claim::file(claim)).symbols()[Claim::symbol(claim)];
    u32 type = sym.type();
    flags_ |= SymbolFlags::OWNED_BY_SHARED | type_flags(type == STT_GNU_IFUNC ? u32{STT_FUNC} : type);
    if (sym.visibility() == STV_PROTECTED) flags_ |= SymbolFlags::IS_PROTECTED_THERE;
  }

  void bind_defined(u64 claim) {
    bool is_internal = t_.file.flags[Claim::file(claim)] & FileFlags::IS_INTERNAL;
    Elf64_Sym sym = FileView(t_, Claim::file(claim)).symbols()[Claim::symbol(claim)];
    flags_ |= type_flags(sym.type());
    if (sym.st_shndx == SHN_ABS) flags_ |= SymbolFlags::IS_ABSOLUTE;
    bool may_export = (visibility_ == STV_DEFAULT || visibility_ == STV_PROTECTED) &&
                      !(flags_ & SymbolFlags::LOCALISED) && (!is_internal || sym.binding() != STB_WEAK);
    if (!may_export) return;
    if (output_ & OutputFlags::SHARED) export_from_shared(sym);
    else if (!(output_ & OutputFlags::STATIC) && is_exported_by_executable(sym)) flags_ |= SymbolFlags::EXPORTED;
  }

  void export_from_shared(const Elf64_Sym &sym) {
    flags_ |= SymbolFlags::EXPORTED;
    if (visibility_ == STV_DEFAULT && !is_bound(sym)) flags_ |= SymbolFlags::IMPORTED;
  }

  // -Bsymbolic and its like.
  bool is_bound(const Elf64_Sym &sym) const {
    if (!(output_ & OutputFlags::BSYMBOLIC)) return false;
    bool is_function = sym.type() == STT_FUNC || sym.type() == STT_GNU_IFUNC;
    return !(output_ & OutputFlags::BSYMBOLIC_FUNCTIONS && !is_function) &&
           !(output_ & OutputFlags::BSYMBOLIC_NON_WEAK && sym.binding() == STB_WEAK) &&
           !(output_ & OutputFlags::BSYMBOLIC_UNLISTED && is_listed(sym));
  }

  bool is_listed(const Elf64_Sym &sym) const {
    bool is_data = sym.type() == STT_OBJECT || sym.type() == STT_COMMON;
    return flags_ & SymbolFlags::IS_LISTED || (output_ & OutputFlags::DATA_LISTED && is_data);
  }

  // GNU ld exports what a shared object mentions without being asked.
  bool is_exported_by_executable(const Elf64_Sym &sym) const {
    return output_ & OutputFlags::EXPORT_DYNAMIC || flags_ & SymbolFlags::IN_SHARED || is_listed(sym);
  }

  const Tables &t_;
  u64 output_;
  u32 flags_ = 0;
  u32 visibility_ = STV_DEFAULT;
};

} // namespace

void bind_symbols(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  Binder binder(t);
  for (RangeId range : rows) {
    u64 begin = t.mention.rows * raw(range) / t.link.ranges,
        end = t.mention.rows * (raw(range) + u64{1}) / t.link.ranges;
    for (u64 row = begin; row < end; row++)
      if (t.mention.symbol[MentionId{static_cast<u32>(row)}] == row) binder.bind(SymbolId{static_cast<u32>(row)});
  }
}

} // namespace spore
