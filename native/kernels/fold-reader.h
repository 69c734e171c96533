// What a section that may be folded is, so that it can be hashed and compared: its bytes, its FDE, and what the
// relocations of both refer to. Valid before layout.
#pragma once

#include <vector>

#include "elf/hash.h"
#include "kernels/pieces.h"
#include "tables/section-kinds.h"
#include "targets/target.h"

namespace spore {

struct FoldDescription {
  Bytes contents;
  Bytes frame; // of its FDE: what follows the pointer to the CIE
  std::vector<u64> words; // all else that must be equal, but for the edges
  std::vector<u32> edges; // rows of fold that it refers to
};

class FoldReader {
public:
  explicit FoldReader(const Tables &t) : t_(t), target_(target_of(t.link.machine)) {}

  // False where the file does not have what its headers say; then it is like no other.
  bool describe(FoldId id, FoldDescription &out) const {
    out.words.clear();
    out.edges.clear();
    out.frame = {};
    FileView file(t_, FileId{t_.fold.file[id]});
    u32 index = t_.fold.section[id];
    if (index >= file.section_count) return false;
    Elf64_Shdr header = file.section(index);
    auto contents = file.contents(header);
    if (!contents) return false;
    out.contents = *contents;
    out.words.push_back(t_.bucket.fold_group[bucket_of(t_, file.section_id(index))]);
    out.words.push_back(header.sh_flags & (SHF_WRITE | SHF_EXECINSTR));
    if (u32 rela = relocation_section_of(t_, file, index)) {
      auto relas = file.relocations(file.section(rela));
      if (!relas) return false;
      for (Elf64_Rela r : *relas) add(file, r, r.r_offset, out);
    }
    return describe_frame(file, id, out);
  }

  // A hash of what can be had without a look at symbols: of sections that are equal it is equal.
  u64 hash_shape(FoldId id, u64 seed) const {
    FileView file(t_, FileId{t_.fold.file[id]});
    u32 index = t_.fold.section[id];
    if (index >= file.section_count) return seed;
    auto contents = file.contents(file.section(index));
    u64 hash = contents ? hash_bytes(contents->data(), contents->size(), seed) : seed;
    u32 rela = relocation_section_of(t_, file, index);
    auto relas = rela ? file.relocations(file.section(rela)) : std::nullopt;
    if (relas)
      for (Elf64_Rela r : *relas) hash = fold_multiply(hash ^ r.r_offset << 32 ^ r.type(), shape_factor);
    return hash;
  }

private:
  static constexpr u64 shape_factor = 0x9e3779b97f4a7c15;

  // What a relocation refers to, for those that are equal where the loader and the link come to the same.
  enum Kind : u64 { Symbol, Absolute, Nothing, Piece, Place, Edge };

  bool describe_frame(const FileView &file, FoldId id, FoldDescription &out) const {
    u32 section = t_.fold.frame_section[id];
    if (section == 0) return true;
    constexpr u32 cie_pointer_end = 8;
    auto contents = file.contents(file.section(section));
    u32 start = t_.fold.frame_start[id], size = t_.fold.frame_size[id];
    auto frame = contents && size >= cie_pointer_end
                     ? contents->slice(u64{start} + cie_pointer_end, size - cie_pointer_end)
                     : std::nullopt;
    if (!frame) return false;
    out.frame = without_padding(*frame);
    out.words.push_back(t_.fold.cie[id]);
    u32 count = t_.fold.frame_relocations[id];
    if (count == 0) return true;
    auto relas = file.relocations(file.section(relocation_section_of(t_, file, section)));
    u32 first = t_.fold.frame_relocation[id];
    if (!relas || first > relas->size() || count > relas->size() - first) return false;
    for (u32 i = 0; i < count; i++) {
      Elf64_Rela r = (*relas)[first + i];
      // The first field is the function itself: where in its section.
      if (r.r_offset == u64{start} + cie_pointer_end && r.symbol() < file.symbol_count)
        out.words.push_back(file.symbols()[r.symbol()].st_value + static_cast<u64>(r.r_addend));
      else add(file, r, r.r_offset - start, out);
    }
    return true;
  }

  // Assemblers pad the last FDE of a section more than others, with DW_CFA_nop.
  static Bytes without_padding(const Bytes &frame) {
    u64 size = frame.size();
    while (size > 0 && frame.data()[size - 1] == 0) size--;
    return {frame.data(), size};
  }

  void add(const FileView &file, const Elf64_Rela &r, u64 offset, FoldDescription &out) const {
    out.words.push_back(offset);
    out.words.push_back(r.type());
    const Relocation *kind = target_.relocation(r.type());
    bool is_sum = kind && (kind->expression == Expression::absolute || kind->expression == Expression::pcRelative ||
                           kind->expression == Expression::plt);
    u64 addend = static_cast<u64>(r.r_addend);
    // What has a slot is the symbol, what is stored otherwise is the sum.
    if (!is_sum) out.words.push_back(addend), addend = 0;
    if (r.symbol() >= file.symbol_count || (kind && kind->expression == Expression::size))
      return say(out, Symbol, u64{raw(file.id)} << 32 | r.symbol(), 1);
    if (r.symbol() < file.first_global) return add_definition(file, r.symbol(), addend, out);
    SymbolId s{t_.mention.symbol[file.mention(r.symbol())]};
    constexpr u32 unlike = SymbolFlags::IMPORTED | SymbolFlags::IS_IFUNC | SymbolFlags::IS_UNDEFINED |
                           SymbolFlags::IS_ABSOLUTE | SymbolFlags::HAS_WARNING;
    u64 claim = t_.symbol.claim[s];
    bool is_here = claim && is_live_object(t_, Claim::file(claim)) && !(t_.symbol.flags.load(s) & unlike);
    if (!is_here || t_.file.flags[Claim::file(claim)] & FileFlags::IS_INTERNAL)
      return say(out, Symbol, u64{UINT32_MAX} << 32 | raw(s), addend);
    add_definition(FileView(t_, Claim::file(claim)), Claim::symbol(claim), addend, out);
  }

  void add_definition(const FileView &file, u32 symbol, u64 addend, FoldDescription &out) const {
    if (symbol >= file.symbol_count) return say(out, Nothing, 0, addend);
    Elf64_Sym sym = file.symbols()[symbol];
    u32 index = file.section_index(symbol, sym);
    if (index == section_absolute) return say(out, Absolute, sym.st_value, addend);
    bool is_special = index == SHN_UNDEF || index >= file.section_count || sym.type() == STT_GNU_IFUNC;
    if (is_special) return say(out, Symbol, u64{raw(file.id)} << 32 | symbol, addend);
    SectionId s = file.section_id(index);
    u32 flags = t_.section.flags.load(s);
    if (is_kept(t_, s) && flags & SectionFlags::MERGEABLE) {
      bool names_byte = sym.type() == STT_SECTION; // by symbol and addend together
      return add_piece(file.section(index), s, sym.st_value + (names_byte ? addend : 0), names_byte ? 0 : addend, out);
    }
    u32 row = flags & SectionFlags::ADDRESS_TAKEN ? 0 : t_.section.fold[s];
    if (row == 0) return say(out, Place, raw(s), sym.st_value + addend);
    say(out, Edge, 0, sym.st_value + addend);
    out.edges.push_back(row - 1);
  }

  // Pieces with one hash are equal, or the link starts over: merge compares them.
  void add_piece(const Elf64_Shdr &header, SectionId s, u64 offset, u64 addend, FoldDescription &out) const {
    MergeableId m{t_.section.mergeable[s]};
    if (t_.mergeable.pieces[m] == 0) return say(out, Place, raw(s), offset + addend);
    u64 target = header.sh_offset + offset;
    PieceId piece = piece_at(t_, m, target);
    say(out, Piece, t_.piece.hash[piece], target - t_.piece.start[piece] + addend);
  }

  static void say(FoldDescription &out, Kind kind, u64 what, u64 offset) {
    out.words.push_back(kind);
    out.words.push_back(what);
    out.words.push_back(offset);
  }

  const Tables &t_;
  const Target &target_;
};

} // namespace spore
