// What is particular to a processor: classify a relocation, encode its result, know where its ABI has the thread
// pointer and the GOT's base. Generic code decides.
#pragma once

#include "elf/bytes.h"
#include "targets/relocation.h"

namespace spore {

// How a TLS access sequence is rewritten.
enum class TlsRewrite : u8 { gd_to_ie, gd_to_le, ld_to_le, ie_to_le, desc_to_ie, desc_to_le, desc_call_to_nop };

// Dynamic relocation types, by what they mean.
struct DynamicRelocations {
  u32 relative, symbolic, glob_dat, jump_slot, copy, irelative, dtpmod, dtpoff, tpoff, tlsdesc;
};

// Bytes that a field covers.
inline u32 field_size(Field field) {
  switch (field) {
  case Field::none: return 0;
  case Field::word8:
  case Field::signed8: return 1;
  case Field::word16:
  case Field::signed16: return 2;
  case Field::unsigned32:
  case Field::signed32: return 4;
  case Field::word64: return 8;
  }
  return 0;
}

// The module's thread-local storage in the image: from the beginning of PT_TLS to its end, rounded up to its alignment.
struct TlsBlock {
  u64 begin, end;
};

// What a .note.gnu.property section says of a file.
struct ProgramProperties {
  u32 file_flags = 0; // FileFlags
  u32 needed = 0, isa_needed = 0;
};

class Target {
public:
  // `relocations`: the relocation types by number; those whose expression is unknown do not exist.
  template <u32 count>
  explicit Target(const Relocation (&relocations)[count]) : relocations_(relocations), relocation_count_(count) {}
  virtual ~Target() = default;

  // Null when the number is unknown.
  const Relocation *relocation(u32 type) const {
    if (type >= relocation_count_ || relocations_[type].expression == Expression::unknown) return nullptr;
    return &relocations_[type];
  }
  u32 relocation_count() const { return relocation_count_; }
  virtual const DynamicRelocations &dynamic() const = 0;

  // Stores a value in a field; false when it does not fit. Little-endian, in sizes that the compiler knows, because
  // this is done for most relocations.
  static bool store(Field field, u8 *at, u64 value) {
    i64 v = static_cast<i64>(value);
    switch (field) {
    case Field::none: return true;
    case Field::word8: std::memcpy(at, &value, 1); return v >= -0x80 && v <= 0xff;
    case Field::signed8: std::memcpy(at, &value, 1); return v == static_cast<std::int8_t>(v);
    case Field::word16: std::memcpy(at, &value, 2); return v >= -0x8000 && v <= 0xffff;
    case Field::signed16: std::memcpy(at, &value, 2); return v == static_cast<std::int16_t>(v);
    case Field::unsigned32: std::memcpy(at, &value, 4); return value <= UINT32_MAX;
    case Field::signed32: std::memcpy(at, &value, 4); return v == static_cast<i32>(v);
    case Field::word64: std::memcpy(at, &value, 8); return true;
    }
    return true;
  }

  // Stores a distance in 4 bytes, as nearly all relocations are; does nothing when it does not fit.
  static bool store_distance(u8 *at, u64 value) {
    i32 distance = static_cast<i32>(value);
    if (static_cast<i64>(value) != distance) return false;
    std::memcpy(at, &distance, 4);
    return true;
  }

  // What code adds to the thread pointer to get to an address in the block.
  virtual u64 tp_offset(u64 address, const TlsBlock &block) const = 0;
  // What __tls_get_addr() is given for it, besides the module.
  virtual u64 dtp_offset(u64 address, const TlsBlock &block) const = 0;
  // What _GLOBAL_OFFSET_TABLE_ names, and relocations call GOT.
  virtual u64 got_base(u64 got, u64 got_plt) const = 0;

  // What the contents of a .note.gnu.property section say.
  virtual ProgramProperties properties_of(const Bytes &note) const = 0;

  // Whether the field at `at` is where an instruction branches to, directly or through a slot: its target's address
  // goes nowhere else.
  virtual bool is_branch(const Relocation &r, const Bytes &section, u64 at) const = 0;

  // Whether the instruction around `at` can do without its GOT slot.
  virtual bool may_relax(const Relocation &r, const Bytes &section, u64 at) const = 0;
  // Rewrites it in `section` (offset `at` is the field); `value` is S + A - P. False when out of range.
  virtual bool relax(const Relocation &r, u8 *section, u64 at, i64 value) const = 0;

  // Whether the code around `at` is a sequence that the psABI lets a linker rewrite; `next_type` is the
  // type of the relocation after it.
  virtual bool may_rewrite_tls(TlsRewrite how, const Bytes &section, u64 at, u32 next_type) const = 0;
  // Rewrites it. `value` is what the new code needs: an offset from the thread pointer, or the distance
  // from the end of the new field to a GOT slot. Returns how many relocations were used up: 1 or 2.
  virtual u32 rewrite_tls(TlsRewrite how, u8 *section, u64 at, u32 next_type, i64 value) const = 0;

  // The code of the PLT; src/targets has the sizes. `plt` and `got_plt` are addresses.
  virtual void write_plt_header(u8 *out, u64 plt, u64 got_plt) const = 0;
  // `slot` is the address of the entry's .got.plt slot, `index` that of its relocation.
  virtual void write_plt_entry(u8 *out, u64 entry, u64 plt, u64 slot, u32 index) const = 0;
  virtual void write_plt_got_entry(u8 *out, u64 entry, u64 slot) const = 0;
  // The same where indirect branches are checked: .plt is only reached through slots that are not bound yet,
  // .plt.sec and .plt.got jump to what a slot holds.
  virtual void write_checked_plt_entry(u8 *out, u64 entry, u64 plt, u32 index) const = 0;
  virtual void write_checked_jump(u8 *out, u64 entry, u64 slot) const = 0;
  // Where a lazy .got.plt slot points before its symbol is bound, in an entry of .plt.
  virtual u64 plt_resume(u64 entry, bool is_checked) const = 0;

private:
  const Relocation *relocations_;
  u32 relocation_count_;
};

// The target for the link's e_machine, which the command line has checked.
const Target &target_of(u64 machine);

} // namespace spore
