// Slots as other kernels ask for them.
#pragma once

#include "kernels/reference.h"

namespace spore {

// The name of a symbol without a version in it.
Name symbol_name(const Tables &t, SymbolId s);

// Whether a symbol of .dynsym can be found by name: it has an address here.
bool is_hashed(const Tables &t, SymbolId s);

inline u64 got_address(const Tables &t, u32 slot) { return t.link.got_address + u64{slot} * 8; }

// The address of the code that stands for an entry in other code, in .plt.sec, .plt or .plt.got; 0 when it has
// none.
inline u64 plt_address(const Tables &t, EntryId e) {
  if (u32 index = t.entry.plt[e]; index != none)
    return t.link.plt_sec_size ? t.link.plt_sec_address + index * t.link.plt_sec_entry_size
                               : t.link.plt_address + t.link.plt_header_size + index * t.link.plt_entry_size;
  if (u32 index = t.entry.plt_got[e]; index != none) return t.link.plt_got_address + index * t.link.plt_got_entry_size;
  return 0;
}

// .got.plt begins with three words of the loader's (psABI 5.2).
inline constexpr u32 got_plt_reserved = 3;

inline u64 got_plt_address(const Tables &t, u32 plt) {
  return t.link.got_plt_address + (u64{got_plt_reserved} + plt) * 8;
}

} // namespace spore
