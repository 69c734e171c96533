// x86-64 (psABI for AMD64).
//
// Special about it: every access to a symbol of another module goes through a slot whose address is
// relative to %rip; the assembler marks the instructions that may be rewritten when the symbol turns out
// to be near (GOTPCRELX); TLS has four models whose code sequences the linker rewrites into cheaper ones;
// thread-local offsets are negative, from the end of the TLS block (variant II).

#include "targets/x86-64.h"

#include "generated/relocations-x86-64.h"

namespace spore {

namespace {

void put32(u8 *at, u64 value) {
  u32 v = static_cast<u32>(value);
  std::memcpy(at, &v, 4);
}

bool fits_i32(i64 v) { return v == static_cast<i32>(v); }

bool has(const Bytes &section, u64 at, u64 before, u64 after) {
  return at >= before && section.contains(at - before, before + after);
}

// The large model's call, of any TLS model: lea x(%rip), %rdi; movabs $__tls_get_addr@PLTOFF, %rax;
// add %rbx or %r15, %rax; call *%rax.
bool is_large_tls_call(const Bytes &section, u64 at) {
  if (!has(section, at, 3, 19)) return false;
  const u8 *p = section.data() + at;
  return std::memcmp(p - 3, "\x48\x8d\x3d", 3) == 0 && std::memcmp(p + 4, "\x48\xb8", 2) == 0 &&
         (std::memcmp(p + 14, "\x48\x01\xd8", 3) == 0 || std::memcmp(p + 14, "\x4c\x01\xf8", 3) == 0) &&
         std::memcmp(p + 17, "\xff\xd0", 2) == 0;
}

// call, jmp, or a conditional jump of two bytes.
bool is_near_branch(u8 before, u8 opcode) {
  return opcode == 0xe8 || opcode == 0xe9 || (before == 0x0f && (opcode & 0xf0) == 0x80);
}

class X86_64 final : public Target {
public:
  X86_64() : Target(x86_64_relocations) {}

  const DynamicRelocations &dynamic() const override {
    static constexpr DynamicRelocations types = {
        .relative = R_X86_64_RELATIVE,
        .symbolic = R_X86_64_64,
        .glob_dat = R_X86_64_GLOB_DAT,
        .jump_slot = R_X86_64_JUMP_SLOT,
        .copy = R_X86_64_COPY,
        .irelative = R_X86_64_IRELATIVE,
        .dtpmod = R_X86_64_DTPMOD64,
        .dtpoff = R_X86_64_DTPOFF64,
        .tpoff = R_X86_64_TPOFF64,
        .tlsdesc = R_X86_64_TLSDESC,
    };
    return types;
  }

  // psABI 3.4.6, variant II: the block ends at the thread pointer.
  u64 tp_offset(u64 address, const TlsBlock &block) const override { return address - block.end; }
  u64 dtp_offset(u64 address, const TlsBlock &block) const override { return address - block.begin; }
  u64 got_base(u64, u64 got_plt) const override { return got_plt; }
  ProgramProperties properties_of(const Bytes &note) const override { return x86_64_properties_of(note); }

  // A displacement from %rip is behind a ModR/M byte below 0x40, never behind one of these opcodes.
  bool is_branch(const Relocation &r, const Bytes &section, u64 at) const override {
    if (!has(section, at, 1, 4)) return false;
    u8 opcode = section.data()[at - 1], before = at >= 2 ? section.data()[at - 2] : u8{0};
    switch (r.expression) {
    case Expression::plt:
    case Expression::pcRelative: return is_near_branch(before, opcode);
    case Expression::gotPcRelative: return before == 0xff && (opcode == 0x15 || opcode == 0x25); // call *, jmp *
    default: return false;
    }
  }

  // psABI B.2. Only forms whose result is always in reach under the small code model are rewritten: a
  // load becomes lea, call and jmp become direct.
  bool may_relax(const Relocation &r, const Bytes &section, u64 at) const override {
    if (r.relaxation == Relaxation::none || !has(section, at, r.relaxation == Relaxation::rexGotPcRelX ? 3 : 2, 4))
      return false;
    const u8 *p = section.data() + at;
    if (r.relaxation == Relaxation::rexGotPcRelX) return (p[-3] & 0xf8) == 0x48 && p[-2] == 0x8b && (p[-1] & 0xc7) == 5;
    return (p[-2] == 0x8b && (p[-1] & 0xc7) == 5) || (p[-2] == 0xff && (p[-1] == 0x15 || p[-1] == 0x25));
  }

  bool relax(const Relocation &r, u8 *section, u64 at, i64 value) const override {
    u8 *p = section + at;
    if (r.relaxation == Relaxation::gotPcRelX && p[-2] == 0xff) {
      if (p[-1] == 0x15) { // call *slot(%rip) → addr32 call
        p[-2] = 0x67;
        p[-1] = 0xe8;
      } else { // jmp *slot(%rip) → jmp; nop. The field moves one byte down.
        if (!fits_i32(value + 1)) return false;
        p[-2] = 0xe9;
        put32(p - 1, static_cast<u64>(value + 1));
        p[3] = 0x90;
        return true;
      }
    } else {
      p[-2] = 0x8d; // mov slot(%rip), %reg → lea
    }
    put32(p, static_cast<u64>(value));
    return fits_i32(value);
  }

  bool may_rewrite_tls(TlsRewrite how, const Bytes &section, u64 at, u32 next_type) const override {
    const u8 *p = section.data() + at;
    bool has_call = next_type == R_X86_64_PLT32 || next_type == R_X86_64_PC32 || next_type == R_X86_64_GOTPCREL ||
                    next_type == R_X86_64_GOTPCRELX;
    bool is_direct = next_type == R_X86_64_PLT32 || next_type == R_X86_64_PC32;
    switch (how) {
    case TlsRewrite::gd_to_ie:
    case TlsRewrite::gd_to_le: // data16 lea x(%rip), %rdi; then data16 data16 rex.W call, or data16 rex.W call *
      if (next_type == R_X86_64_PLTOFF64) return is_large_tls_call(section, at);
      return has_call && has(section, at, 4, 12) && std::memcmp(p - 4, "\x66\x48\x8d\x3d", 4) == 0 &&
             (is_direct ? p[6] == 0x48 && p[7] == 0xe8 : p[6] == 0xff && p[7] == 0x15);
    case TlsRewrite::ld_to_le: // lea x(%rip), %rdi; call, or call *
      if (next_type == R_X86_64_PLTOFF64) return is_large_tls_call(section, at);
      return has_call && has(section, at, 3, is_direct ? 9 : 10) && std::memcmp(p - 3, "\x48\x8d\x3d", 3) == 0 &&
             (is_direct ? p[4] == 0xe8 : (p[4] == 0xff && p[5] == 0x15));
    case TlsRewrite::ie_to_le: // mov or add x(%rip), %reg
      return has(section, at, 3, 4) && (p[-3] == 0x48 || p[-3] == 0x4c) && (p[-2] == 0x8b || p[-2] == 0x03) &&
             (p[-1] & 0xc7) == 5;
    case TlsRewrite::desc_to_ie:
    case TlsRewrite::desc_to_le: // lea x(%rip), %reg
      return has(section, at, 3, 4) && (p[-3] & 0xfb) == 0x48 && p[-2] == 0x8d && (p[-1] & 0xc7) == 5;
    case TlsRewrite::desc_call_to_nop: // call *(%rax)
      return has(section, at, 0, 2) && p[0] == 0xff && p[1] == 0x10;
    }
    return false;
  }

  u32 rewrite_tls(TlsRewrite how, u8 *section, u64 at, u32 next_type, i64 value) const override {
    u8 *p = section + at;
    bool is_direct = next_type == R_X86_64_PLT32 || next_type == R_X86_64_PC32;
    if (next_type == R_X86_64_PLTOFF64) return rewrite_large_tls_call(how, p, value);
    switch (how) {
    case TlsRewrite::gd_to_le: { // mov %fs:0, %rax; lea x@tpoff(%rax), %rax
      static constexpr u8 code[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x8d, 0x80};
      std::memcpy(p - 4, code, sizeof code);
      put32(p + 8, static_cast<u64>(value));
      return 2;
    }
    case TlsRewrite::gd_to_ie: { // mov %fs:0, %rax; add x@gottpoff(%rip), %rax
      static constexpr u8 code[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0x48, 0x03, 0x05};
      std::memcpy(p - 4, code, sizeof code);
      put32(p + 8, static_cast<u64>(value - 12));
      return 2;
    }
    case TlsRewrite::ld_to_le: { // mov %fs:0, %rax, padded to the length of what it replaces
      static constexpr u8 direct[] = {0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0};
      static constexpr u8 indirect[] = {0x66, 0x66, 0x66, 0x66, 0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0};
      if (is_direct) std::memcpy(p - 3, direct, sizeof direct);
      else std::memcpy(p - 3, indirect, sizeof indirect);
      return 2;
    }
    case TlsRewrite::ie_to_le: { // mov $x@tpoff, %reg; or lea x@tpoff(%reg), %reg, add for %rsp and %r12
      u8 reg = (p[-1] >> 3) & 7;
      bool is_high = p[-3] == 0x4c;
      if (p[-2] == 0x8b) {
        p[-3] = is_high ? 0x49 : 0x48;
        p[-2] = 0xc7;
        p[-1] = 0xc0 | reg;
      } else if (reg == 4) {
        p[-3] = is_high ? 0x49 : 0x48;
        p[-2] = 0x81;
        p[-1] = 0xc4;
      } else {
        p[-3] = is_high ? 0x4d : 0x48;
        p[-2] = 0x8d;
        p[-1] = static_cast<u8>(0x80 | reg << 3 | reg);
      }
      put32(p, static_cast<u64>(value));
      return 1;
    }
    case TlsRewrite::desc_to_le: { // mov $x@tpoff, %reg
      u8 reg = (p[-1] >> 3) & 7;
      p[-3] = p[-3] == 0x4c ? 0x49 : 0x48;
      p[-2] = 0xc7;
      p[-1] = 0xc0 | reg;
      put32(p, static_cast<u64>(value));
      return 1;
    }
    case TlsRewrite::desc_to_ie: // mov x@gottpoff(%rip), %reg
      p[-2] = 0x8b;
      put32(p, static_cast<u64>(value - 4));
      return 1;
    case TlsRewrite::desc_call_to_nop: // xchg %ax, %ax
      p[0] = 0x66;
      p[1] = 0x90;
      return 1;
    }
    return 1;
  }

  // As the small model's code, with a long nop up to the length of what it replaces.
  static u32 rewrite_large_tls_call(TlsRewrite how, u8 *p, i64 value) {
    static constexpr u8 to_le[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0,    0,    0,    0,    0x48, 0x8d,
                                   0x80, 0,    0,    0,    0,    0x66, 0x0f, 0x1f, 0x44, 0,    0};
    static constexpr u8 to_ie[] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0,    0,    0,    0,    0x48, 0x03,
                                   0x05, 0,    0,    0,    0,    0x66, 0x0f, 0x1f, 0x44, 0,    0};
    static constexpr u8 ld_to_le[] = {0x66, 0x66, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0,
                                      0,    0,    0x64, 0x48, 0x8b, 0x04, 0x25, 0,    0, 0, 0};
    const u8 *code = how == TlsRewrite::ld_to_le ? ld_to_le : how == TlsRewrite::gd_to_ie ? to_ie : to_le;
    std::memcpy(p - 3, code, sizeof to_le);
    if (how == TlsRewrite::gd_to_le) put32(p + 9, static_cast<u64>(value));
    if (how == TlsRewrite::gd_to_ie) put32(p + 9, static_cast<u64>(value - 13));
    return 2;
  }

  void write_plt_header(u8 *out, u64 plt, u64 got_plt) const override {
    static constexpr u8 code[] = {
        0xff, 0x35, 0,    0,    0, 0, // push 8(GOT)
        0xff, 0x25, 0,    0,    0, 0, // jmp *16(GOT)
        0x0f, 0x1f, 0x40, 0x00, // nop
    };
    std::memcpy(out, code, sizeof code);
    put32(out + 2, got_plt + 8 - (plt + 6));
    put32(out + 8, got_plt + 16 - (plt + 12));
  }

  void write_plt_entry(u8 *out, u64 entry, u64 plt, u64 slot, u32 index) const override {
    static constexpr u8 code[] = {
        0xff, 0x25, 0, 0, 0, 0, // jmp *slot
        0x68, 0,    0, 0, 0, // push index
        0xe9, 0,    0, 0, 0, // jmp header
    };
    std::memcpy(out, code, sizeof code);
    put32(out + 2, slot - (entry + 6));
    put32(out + 7, index);
    put32(out + 12, plt - (entry + 16));
  }

  void write_plt_got_entry(u8 *out, u64 entry, u64 slot) const override {
    static constexpr u8 code[] = {0xff, 0x25, 0, 0, 0, 0, 0x66, 0x90}; // jmp *slot; nop
    std::memcpy(out, code, sizeof code);
    put32(out + 2, slot - (entry + 6));
  }

  void write_checked_plt_entry(u8 *out, u64 entry, u64 plt, u32 index) const override {
    static constexpr u8 code[] = {
        0xf3, 0x0f, 0x1e, 0xfa, // endbr64
        0x68, 0,    0,    0,    0, // push index
        0xe9, 0,    0,    0,    0, // jmp header
        0x66, 0x90, // nop
    };
    std::memcpy(out, code, sizeof code);
    put32(out + 5, index);
    put32(out + 10, plt - (entry + 14));
  }

  void write_checked_jump(u8 *out, u64 entry, u64 slot) const override {
    static constexpr u8 code[] = {
        0xf3, 0x0f, 0x1e, 0xfa, // endbr64
        0xff, 0x25, 0,    0,    0,    0, // jmp *slot
        0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00, // nop
    };
    std::memcpy(out, code, sizeof code);
    put32(out + 6, slot - (entry + 10));
  }

  u64 plt_resume(u64 entry, bool is_checked) const override { return is_checked ? entry : entry + 6; }
};

} // namespace

const Target &x86_64_target() {
  static const X86_64 target;
  return target;
}

} // namespace spore
