// One decision for a relocation: what its symbol must have in the output, what is stored at its place, what is left
// to the loader, how the code around it is rewritten, or why it cannot be had.
//
// Find needs counts by it, -z pack-relative-relocs packs by it, write stores by it; none of them looks at expressions.
#pragma once

#include "generated/diagnostic-codes.h"
#include "kernels/reference.h"
#include "targets/target.h"

namespace spore {

// What is stored, besides the addend; relative to the origin below.
enum class Value : u8 {
  None, // nothing is stored
  Zero, // the loader has it all
  Symbol, // S
  Plt, // L, the symbol's PLT entry
  Got, // the address of the symbol's slot
  GotTp, // of the slot with its offset from the thread pointer
  TlsGd, // of its pair of slots for General Dynamic
  TlsDesc, // of its TLS descriptor
  TlsLd, // of the module's pair of slots for Local Dynamic
  GotBase, // GOT
  Size, // Z
};

enum class Origin : u8 { Zero, Place, GotBase, TlsBlock, ThreadPointer };

// What it means for the output, beside the needs.
enum class Effect : u8 {
  None,
  Relative, // the loader adds the image's address to the value
  Packed, // the same, in .relr.dyn
  Symbolic, // the loader does the relocation itself, with the symbol
  ModuleSlots, // Local Dynamic's pair of slots is needed
  StaticTls, // the output's TLS block must be there when the program starts
};

// How the code around the place is rewritten. It takes the value in place of the field; a TLS sequence has fields of
// its own, in which no addend goes.
enum class Rewrite : u8 { None, Got, GdToIe, GdToLe, LdToLe, IeToLe, DescToIe, DescToLe, DescCallToNop };

inline constexpr TlsRewrite tls_rewrite(Rewrite how) {
  return static_cast<TlsRewrite>(static_cast<u8>(how) - static_cast<u8>(Rewrite::GdToIe));
}
static_assert(tls_rewrite(Rewrite::GdToIe) == TlsRewrite::gd_to_ie &&
              tls_rewrite(Rewrite::DescCallToNop) == TlsRewrite::desc_call_to_nop);

struct Decision {
  u16 needs = 0; // SymbolFlags that are called NEEDS_
  Code error = Code::None; // and nothing else is to be done
  Value value = Value::None;
  Origin origin = Origin::Zero;
  Rewrite rewrite = Rewrite::None;
  Effect effect = Effect::None;

  // How many relocations it deals with: the call that ends such a sequence has one of its own.
  u32 consumed() const {
    return rewrite == Rewrite::GdToIe || rewrite == Rewrite::GdToLe || rewrite == Rewrite::LdToLe ? 2 : 1;
  }
};
static_assert(sizeof(Decision) == 8, "it is handed on in a register");

// Where places are: in a section of this kind, of such an output.
struct Surroundings {
  u64 output; // OutputFlags
  bool is_writable; // at run time
  bool is_code;
  bool is_packable; // a place at a multiple of 8 in it is aligned wherever the section goes
};

inline Surroundings surroundings_in(u64 output, const Elf64_Shdr &section) {
  bool is_aligned = section.sh_addralign % 8 == 0 && section.sh_addralign != 0;
  return {.output = output,
          .is_writable = (section.sh_flags & SHF_WRITE) != 0,
          .is_code = (section.sh_flags & SHF_EXECINSTR) != 0,
          .is_packable = output & OutputFlags::PACK_RELATIVE && is_aligned};
}
// .eh_frame is laid out record by record: nothing in it is at the multiple of 8 that its section has it at.
inline Surroundings surroundings_in_eh_frame(u64 output, const Elf64_Shdr &section) {
  Surroundings where = surroundings_in(output, section);
  where.is_packable = false;
  return where;
}

// How the loader is asked to add the image's address to a word at offset `at` of a section.
inline Effect relative_at(const Surroundings &where, u64 at) {
  return where.is_packable && at % 8 == 0 ? Effect::Packed : Effect::Relative;
}

// A relocation's place in the bytes of a file, and what follows it.
struct Site {
  const Bytes &bytes;
  u64 at; // of the field
  u32 next_type; // of the relocation after it, or 0
};

// The decision for a relocation that is in its section, of a type and a symbol that exist.
Decision decide(const Target &target, const Reference &ref, const Relocation &r, const Surroundings &where,
                const Site &site);

// Of a section that is not loaded, as debug information: nothing can be needed, and all is where the link puts it.
Decision decide_unloaded(const Relocation &r);

// What there is to know of a relocation type at a glance. When the reference is ordinary, decide() says of nearly all
// that they are a value, whatever the bytes around: those are dealt with in line.
struct alignas(8) TypeFacts {
  bool is_known = false;
  u8 bytes = 0; // of the field
  Field field = Field::none;
  bool is_settled = false; // a value and nothing else
  bool is_relative = false; // a value and relative_at(), in a section that may be written
  bool is_distance = false; // S + A - P, else S + A
  bool is_near = false; // a distance in 32 bits
};

// The types' facts in one kind of output.
class Types {
public:
  Types(const Target &target, u64 output) : count_(target.relocation_count()), facts_(count_ * 3) {
    for (u32 type = 0; type < count_; type++) {
      const Relocation *r = target.relocation(type);
      if (!r) continue;
      bool is_settled = is_settled_by_symbol(r->expression);
      for (bool is_writable : {false, true}) {
        Surroundings where{.output = output, .is_writable = is_writable, .is_code = false, .is_packable = false};
        facts_[is_writable * count_ + type] =
            facts(*r, is_settled ? decide(target, {}, *r, where, {{}, 0, 0}) : Decision{}, is_writable);
      }
      facts_[2 * count_ + type] = facts(*r, decide_unloaded(*r), false);
    }
  }

  // By type, count() of them.
  const TypeFacts *in(const Surroundings &where) const { return facts_.data() + where.is_writable * count_; }
  const TypeFacts *unloaded() const { return facts_.data() + 2 * u64{count_}; }
  u32 count() const { return count_; }

private:
  static TypeFacts facts(const Relocation &r, const Decision &d, bool is_writable) {
    TypeFacts facts{.is_known = true, .bytes = static_cast<u8>(field_size(r.field)), .field = r.field};
    facts.is_distance = d.origin == Origin::Place;
    bool is_value = d.error == Code::None && !d.needs && d.value == Value::Symbol &&
                    (facts.is_distance || d.origin == Origin::Zero);
    facts.is_settled = is_value && d.effect == Effect::None;
    facts.is_relative = is_value && d.effect == Effect::Relative && is_writable;
    facts.is_near = facts.is_settled && facts.is_distance && r.field == Field::signed32;
    return facts;
  }

  u32 count_;
  std::vector<TypeFacts> facts_;
};

} // namespace spore
