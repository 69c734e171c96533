// Slots: what an entry, which is a symbol that needs some, has in .got, .got.plt, .plt and .plt.got, and what the
// loader does to them. Counting, placing, packing and writing go by for_each_slot(), so they cannot disagree.
#pragma once

#include "kernels/reference.h"
#include "targets/target.h"

namespace spore {

// The name of a symbol without a version in it.
Name symbol_name(const Tables &t, SymbolId s);

// Whether a symbol of .dynsym can be found by name: it has an address here.
bool is_hashed(const Tables &t, SymbolId s);

// Header index of the PLT that code calls.
inline u32 called_plt_index(const Tables &t) {
  u32 second = t.own_section.index[OwnSection::PltSec];
  return second ? second : t.own_section.index[OwnSection::Plt];
}

inline u64 got_address(const Tables &t, u32 slot) { return t.own_section.address[OwnSection::Got] + u64{slot} * 8; }

// Where Local Dynamic's pair of slots is, for the whole module.
inline constexpr u32 module_slot = 0;

// The address of the code that stands for an entry in other code, in .plt.sec, .plt or .plt.got; 0 when it has
// none.
inline u64 plt_address(const Tables &t, EntryId e) {
  if (u32 index = t.entry.plt[e]; index != none)
    return t.own_section.size[OwnSection::PltSec]
               ? t.own_section.address[OwnSection::PltSec] + index * t.link.plt_sec_entry_size
               : t.own_section.address[OwnSection::Plt] + t.link.plt_header_size + index * t.link.plt_entry_size;
  if (u32 index = t.entry.plt_got[e]; index != none)
    return t.own_section.address[OwnSection::PltGot] + index * t.link.plt_got_entry_size;
  return 0;
}

// .got.plt begins with words of the loader's (psABI 5.2).
inline u64 got_plt_address(const Tables &t, u32 plt) {
  return t.own_section.address[OwnSection::GotPlt] + (t.link.got_plt_reserved + plt) * 8;
}

inline u64 got_base(const Tables &t, const Target &target) {
  return target.got_base(t.own_section.address[OwnSection::Got], t.own_section.address[OwnSection::GotPlt]);
}

inline TlsBlock tls_block(const Tables &t) { return {t.link.tls_begin, t.link.tls_end}; }

// What a symbol's needs give it.
enum class SlotKind : u8 {
  Got, // a word of .got
  TlsGd, // two words of .got: module and offset
  TlsDesc, // two words of .got: a descriptor
  GotTp, // a word of .got
  Plt, // an entry of .plt that the loader binds, and its word of .got.plt
  Iplt, // the same of a symbol that is resolved at start
  PltGot, // an entry of .plt.got, which jumps to what the symbol's word of .got says
};

// How many words of .got it is; other kinds lie in tables of their own.
inline u32 got_words(SlotKind kind) {
  switch (kind) {
  case SlotKind::Got:
  case SlotKind::GotTp: return 1;
  case SlotKind::TlsGd:
  case SlotKind::TlsDesc: return 2;
  default: return 0;
  }
}

// Who fills a word: the link, or the loader by a dynamic relocation.
enum class Filler : u8 {
  Link,
  Relative, // the loader adds the image's address to what the link puts there
  Packed, // the same, in .relr.dyn
  GlobDat,
  JumpSlot,
  Irelative,
  DtpMod,
  DtpOff,
  TpOff,
  TlsDesc,
};

// With what: the word itself, or the addend of its dynamic relocation when that has no symbol.
enum class Content : u8 {
  Zero,
  Address, // of the symbol
  Definition, // of an ifunc: its resolver
  Module, // the executable's, which is 1
  DtpOffset,
  TpOffset,
  BlockOffset, // in the TLS block
};

struct SlotWord {
  Filler filler = Filler::Link;
  bool has_symbol = false; // the loader looks it up
  Content content = Content::Zero;
};

struct Slot {
  SlotKind kind;
  SlotWord words[2];
};

namespace slot {

inline Slot of(SlotKind kind, SlotWord word) { return {kind, {word, {}}}; }

inline SlotWord address(const Reference &ref, u64 output) {
  if (ref.flags & Reference::Imported) return {Filler::GlobDat, true};
  bool moves = output & OutputFlags::PIC && !(ref.flags & (Reference::Absolute | Reference::Undefined));
  if (!moves) return {Filler::Link, false, Content::Address};
  return {output & OutputFlags::PACK_RELATIVE ? Filler::Packed : Filler::Relative, false, Content::Address};
}

inline Slot general_dynamic(const Reference &ref, u64 output) {
  if (ref.flags & Reference::Imported) return {SlotKind::TlsGd, {{Filler::DtpMod, true}, {Filler::DtpOff, true}}};
  SlotWord module =
      output & OutputFlags::SHARED ? SlotWord{Filler::DtpMod} : SlotWord{Filler::Link, false, Content::Module};
  return {SlotKind::TlsGd, {module, {Filler::Link, false, Content::DtpOffset}}};
}

inline SlotWord descriptor(const Reference &ref) {
  if (ref.flags & Reference::Imported) return {Filler::TlsDesc, true};
  return {Filler::TlsDesc, false, Content::BlockOffset};
}

inline SlotWord tp_offset(const Reference &ref, u64 output) {
  if (ref.flags & Reference::Imported) return {Filler::TpOff, true};
  if (output & OutputFlags::SHARED) return {Filler::TpOff, false, Content::BlockOffset};
  return {Filler::Link, false, Content::TpOffset};
}

// Local Dynamic's pair, which is no symbol's: its second word stays zero.
inline SlotWord module(u64 output) {
  return output & OutputFlags::STATIC ? SlotWord{Filler::Link, false, Content::Module} : SlotWord{Filler::DtpMod};
}

inline Slot plt(const Reference &ref, u32 needs) {
  if (ref.flags & Reference::Ifunc) return of(SlotKind::Iplt, {Filler::Irelative, false, Content::Definition});
  if (needs & SymbolFlags::NEEDS_GOT && !(needs & SymbolFlags::NEEDS_CANONICAL_PLT)) return of(SlotKind::PltGot, {});
  return of(SlotKind::Plt, {Filler::JumpSlot, true});
}

} // namespace slot

// Visits the slots of a symbol with these needs, in the order of their words in .got.
template <typename Visit> void for_each_slot(u32 needs, const Reference &ref, u64 output, Visit visit) {
  if (needs & SymbolFlags::NEEDS_GOT) visit(slot::of(SlotKind::Got, slot::address(ref, output)));
  if (needs & SymbolFlags::NEEDS_TLS_GD) visit(slot::general_dynamic(ref, output));
  if (needs & SymbolFlags::NEEDS_TLS_DESC) visit(slot::of(SlotKind::TlsDesc, slot::descriptor(ref)));
  if (needs & SymbolFlags::NEEDS_GOT_TP) visit(slot::of(SlotKind::GotTp, slot::tp_offset(ref, output)));
  if (needs & SymbolFlags::NEEDS_PLT) visit(slot::plt(ref, needs));
}

// Where the table of entries has the index of a slot: of its first word in .got, of its entry in .plt or .plt.got.
inline u32 &slot_index(const Tables &t, EntryId e, SlotKind kind) {
  switch (kind) {
  case SlotKind::Got: return t.entry.got[e];
  case SlotKind::TlsGd: return t.entry.tls_gd[e];
  case SlotKind::TlsDesc: return t.entry.tls_desc[e];
  case SlotKind::GotTp: return t.entry.got_tp[e];
  case SlotKind::PltGot: return t.entry.plt_got[e];
  default: return t.entry.plt[e];
  }
}

// What the symbol of an entry is.
inline Reference reference_of(const Tables &t, EntryId e) {
  if (t.entry.symbol[e] != none) return References::global(t, SymbolId{t.entry.symbol[e]});
  FileView file(t, FileId{t.entry.file[e]});
  return t.entry.index[e] < file.first_global ? References::local(t, file, t.entry.index[e]) : Reference{};
}

} // namespace spore
