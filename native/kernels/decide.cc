// What a relocation comes to, by its expression (psABI x86-64 4.4.1 has those of that machine) and its symbol.

#include "kernels/decide.h"

namespace spore {

namespace {

Decision refused(Code error) { return {.error = error}; }
Decision value(Value value, Origin origin, u16 needs = 0) { return {.needs = needs, .value = value, .origin = origin}; }
Decision rewritten(Rewrite how, Value value, Origin origin, u16 needs = 0) {
  return {.needs = needs, .value = value, .origin = origin, .rewrite = how};
}

// An executable has a symbol of a shared object as its own: data is copied, a function is its PLT entry. The shared
// object would not know that of a protected symbol: GNU ld refuses to copy it, and to take its address.
Decision taken_over(const Reference &ref, u64 output, Origin origin) {
  if (!(ref.flags & Reference::OwnedByShared)) return value(Value::Symbol, origin); // undefined, and allowed to be
  if (ref.flags & Reference::ProtectedThere) return refused(Code::ProtectedInShared);
  if (ref.flags & Reference::Function)
    return value(Value::Symbol, origin, SymbolFlags::NEEDS_PLT | SymbolFlags::NEEDS_CANONICAL_PLT);
  if (output & OutputFlags::NO_COPY_RELOCATIONS) return refused(Code::RelocationNeedsPic);
  return value(Value::Symbol, origin, SymbolFlags::NEEDS_COPY);
}

// S + A
Decision absolute(const Reference &ref, bool is_word, const Surroundings &where, u64 at) {
  bool pic = where.output & OutputFlags::PIC,
       may_write = where.is_writable || where.output & OutputFlags::TEXT_RELOCATIONS;
  if (ref.flags & Reference::Imported) {
    if (is_word && (where.is_writable || (pic && may_write))) return {.value = Value::Zero, .effect = Effect::Symbolic};
    if (pic) return refused(is_word ? Code::RelocationInReadOnly : Code::RelocationNeedsPic);
    return taken_over(ref, where.output, Origin::Zero);
  }
  if (ref.flags & Reference::Absolute || !pic) return value(Value::Symbol, Origin::Zero);
  if (!is_word) return refused(Code::RelocationNeedsPic);
  if (!may_write) return refused(Code::RelocationInReadOnly);
  return {.value = Value::Symbol, .effect = relative_at(where, at)};
}

// Whether a symbol stays where it is while the image moves: nothing in the image is at a known distance from it. Null
// is, but nobody goes there.
bool stays_behind(const Reference &ref, u64 output) {
  return ref.flags & Reference::Absolute && !(ref.flags & Reference::Weak) && output & OutputFlags::PIC;
}

// S + A - P
Decision pc_relative(const Reference &ref, const Surroundings &where) {
  if (ref.flags & Reference::Imported) {
    if (where.output & OutputFlags::SHARED) return refused(Code::RelocationNeedsPic);
    // Code that calls by it: of old assemblers, or by hand. GNU ld takes it for that in such an executable.
    constexpr u32 asked = Reference::ProtectedThere | Reference::Function;
    if (where.is_code && !(where.output & OutputFlags::PIC) && (ref.flags & asked) == asked)
      return value(Value::Plt, Origin::Place, SymbolFlags::NEEDS_PLT);
    return taken_over(ref, where.output, Origin::Place);
  }
  if (stays_behind(ref, where.output)) return refused(Code::RelocationNeedsPic);
  return value(Value::Symbol, Origin::Place);
}

// L + A - P
Decision plt(const Reference &ref, u64 output) {
  if (ref.flags & Reference::Imported) return value(Value::Plt, Origin::Place, SymbolFlags::NEEDS_PLT);
  if (stays_behind(ref, output)) return refused(Code::RelocationNeedsPic);
  return value(Value::Symbol, Origin::Place);
}

// G + GOT + A - P. The slot can be done without where the symbol is near and final: in a large section it may be too
// far away, and GNU ld keeps the slot, too.
[[gnu::noinline]] Decision got_pc_relative(const Target &target, const Reference &ref, const Relocation &r, u64 output,
                                           const Site &site) {
  constexpr u32 unfit = Reference::Imported | Reference::Ifunc | Reference::Absolute | Reference::Weak | Reference::Far;
  if (!(ref.flags & unfit) && !(output & OutputFlags::NO_RELAX) && target.may_relax(r, site.bytes, site.at))
    return {.value = Value::Symbol, .origin = Origin::Place, .rewrite = Rewrite::Got};
  return value(Value::Got, Origin::Place, SymbolFlags::NEEDS_GOT);
}

bool may_rewrite(const Target &target, Rewrite how, const Site &site) {
  return target.may_rewrite_tls(tls_rewrite(how), site.bytes, site.at, site.next_type);
}

// S + A - GOT: of what is here.
Decision got_offset(const Reference &ref, u64 output) {
  if (ref.flags & Reference::Elsewhere || (ref.flags & Reference::Weak && output & OutputFlags::PIC) ||
      stays_behind(ref, output))
    return refused(Code::RelocationNeedsPic);
  return value(Value::Symbol, Origin::GotBase);
}

// How a TLS access is made: as written, or rewritten into a cheaper model.
enum class TlsModel : u8 { AsWritten, InitialExec, LocalExec };

TlsModel tls_model(const Reference &ref, u64 output) {
  if (output & OutputFlags::KEEPS_TLS_MODELS) return TlsModel::AsWritten;
  return ref.flags & Reference::Imported ? TlsModel::InitialExec : TlsModel::LocalExec;
}

// General Dynamic and TLS descriptors: `slots` as written.
struct TlsAccess {
  Rewrite to_ie, to_le;
  Value slots;
  u16 needs;
};
constexpr TlsAccess general_dynamic = {Rewrite::GdToIe, Rewrite::GdToLe, Value::TlsGd, SymbolFlags::NEEDS_TLS_GD};
constexpr TlsAccess descriptor = {Rewrite::DescToIe, Rewrite::DescToLe, Value::TlsDesc, SymbolFlags::NEEDS_TLS_DESC};

Decision tls_access(const Target &target, const Reference &ref, u64 output, const Site &site, const TlsAccess &access) {
  TlsModel model = tls_model(ref, output);
  if (model == TlsModel::AsWritten) return value(access.slots, Origin::Place, access.needs);
  Rewrite how = model == TlsModel::InitialExec ? access.to_ie : access.to_le;
  if (!may_rewrite(target, how, site)) return refused(Code::BadTlsSequence);
  return model == TlsModel::InitialExec ? rewritten(how, Value::GotTp, Origin::Place, SymbolFlags::NEEDS_GOT_TP)
                                        : rewritten(how, Value::Symbol, Origin::ThreadPointer);
}

Decision local_dynamic(const Target &target, const Reference &ref, u64 output, const Site &site) {
  if (tls_model(ref, output) == TlsModel::AsWritten)
    return {.value = Value::TlsLd, .origin = Origin::Place, .effect = Effect::ModuleSlots};
  if (!may_rewrite(target, Rewrite::LdToLe, site)) return refused(Code::BadTlsSequence);
  return rewritten(Rewrite::LdToLe, Value::Zero, Origin::Zero);
}

Decision initial_exec(const Target &target, const Reference &ref, u64 output, const Site &site) {
  if (tls_model(ref, output) == TlsModel::LocalExec && may_rewrite(target, Rewrite::IeToLe, site))
    return rewritten(Rewrite::IeToLe, Value::Symbol, Origin::ThreadPointer);
  return {.needs = SymbolFlags::NEEDS_GOT_TP,
          .value = Value::GotTp,
          .origin = Origin::Place,
          .effect = output & OutputFlags::SHARED ? Effect::StaticTls : Effect::None};
}

// Whether a file defines the symbol, and not as a thread-local one.
bool is_ordinary_definition(const Reference &ref) {
  constexpr u32 unlike = Reference::Tls | Reference::Absolute | Reference::Weak;
  bool is_defined = !(ref.flags & Reference::Elsewhere) || ref.flags & Reference::OwnedByShared;
  return ref.flags & Reference::Global && !(ref.flags & unlike) && is_defined;
}

[[gnu::noinline]] Decision tls(const Target &target, const Reference &ref, const Relocation &r,
                               const Surroundings &where, const Site &site) {
  u64 output = where.output;
  if (is_ordinary_definition(ref)) return refused(Code::TlsMismatch);
  switch (r.expression) {
  case Expression::tlsGd: return tls_access(target, ref, output, site, general_dynamic);
  case Expression::tlsDesc: return tls_access(target, ref, output, site, descriptor);
  case Expression::tlsDescCall:
    if (tls_model(ref, output) != TlsModel::AsWritten && may_rewrite(target, Rewrite::DescCallToNop, site))
      return rewritten(Rewrite::DescCallToNop, Value::Zero, Origin::Zero);
    return {};
  case Expression::tlsLd: return local_dynamic(target, ref, output, site);
  case Expression::gotTpOffset: return initial_exec(target, ref, output, site);
  case Expression::dtpOffset:
    if (ref.flags & Reference::Elsewhere) return refused(Code::RelocationNeedsPic); // who knows which module's
    // In code it is the offset of a Local Dynamic access, which goes where its base does.
    return value(Value::Symbol, where.is_code && tls_model(ref, where.output) != TlsModel::AsWritten
                                    ? Origin::ThreadPointer
                                    : Origin::TlsBlock);
  case Expression::tpOffset:
    if (output & OutputFlags::SHARED || ref.flags & Reference::Imported) return refused(Code::RelocationNeedsPic);
    return value(Value::Symbol, Origin::ThreadPointer);
  default: return {};
  }
}

[[gnu::always_inline]] inline Decision by_expression(const Target &target, const Reference &ref, const Relocation &r,
                                                     const Surroundings &where, const Site &site) {
  switch (r.expression) {
  case Expression::absolute: return absolute(ref, r.field == Field::word64, where, site.at);
  case Expression::pcRelative: return pc_relative(ref, where);
  case Expression::plt: return plt(ref, where.output);
  case Expression::gotPcRelative: return got_pc_relative(target, ref, r, where.output, site);
  case Expression::got: return value(Value::Got, Origin::GotBase, SymbolFlags::NEEDS_GOT);
  case Expression::gotOffset: return got_offset(ref, where.output);
  case Expression::gotBase: return value(Value::GotBase, Origin::Place);
  case Expression::pltOffset:
    if (ref.flags & Reference::Imported) return value(Value::Plt, Origin::GotBase, SymbolFlags::NEEDS_PLT);
    if (stays_behind(ref, where.output)) return refused(Code::RelocationNeedsPic);
    return value(Value::Symbol, Origin::GotBase);
  case Expression::size:
    if (ref.flags & Reference::Imported) return {.value = Value::Zero, .effect = Effect::Symbolic};
    return value(Value::Size, Origin::Zero);
  default: return tls(target, ref, r, where, site);
  }
}

// Of symbols to which not all expressions apply.
[[gnu::noinline]] Decision decide_odd(const Target &target, const Reference &ref, const Relocation &r,
                                      const Surroundings &where, const Site &site) {
  if (r.expression == Expression::none) return {};
  if (ref.flags & Reference::Undefined) return refused(Code::UndefinedSymbol);
  if (ref.flags & Reference::Discarded) return refused(Code::RelocationToDiscarded);
  if ((ref.flags & Reference::Tls) && !is_tls(r.expression) && r.expression != Expression::size &&
      !(ref.flags & Reference::Section))
    return refused(Code::TlsMismatch);
  Decision d = by_expression(target, ref, r, where, site);
  if (ref.flags & Reference::Ifunc) d.needs |= SymbolFlags::NEEDS_PLT; // all that is known of it is code that finds it
  return d;
}

} // namespace

Decision decide(const Target &target, const Reference &ref, const Relocation &r, const Surroundings &where,
                const Site &site) {
  if (ref.flags & Reference::Odd) return decide_odd(target, ref, r, where, site);
  return by_expression(target, ref, r, where, site);
}

Decision decide_unloaded(const Relocation &r) {
  switch (r.expression) {
  case Expression::none: return {};
  case Expression::absolute: return value(Value::Symbol, Origin::Zero);
  case Expression::pcRelative: return value(Value::Symbol, Origin::Place);
  case Expression::dtpOffset: return value(Value::Symbol, Origin::TlsBlock);
  case Expression::tpOffset: return value(Value::Symbol, Origin::ThreadPointer);
  case Expression::size: return value(Value::Size, Origin::Zero);
  default: return refused(Code::RelocationType);
  }
}

} // namespace spore
