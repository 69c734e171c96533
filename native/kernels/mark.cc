// Select: which sections are in the output under --gc-sections.
//
// A graph walk with two bits: reached (LIVE) and followed (EXPANDED). A rerun follows what was reached and
// not followed; the parent repeats until nothing is left. An FDE is no reference to its function, but a
// live function needs what its FDE refers to: the LSDA, and the CIE's personality.

#include <vector>

#include "generated/kernels.h"
#include "kernels/eh-frame.h"

namespace spore {

namespace {

struct Section {
  FileId file;
  u32 index;
};

class Marker {
public:
  explicit Marker(const Tables &t) : t_(t) {}

  // Marks a section, to be followed.
  void reach(FileId f, u32 index) {
    SectionId s{t_.file.first_section[f] + index};
    u32 flags = t_.section.flags.load(s);
    if (flags & SectionFlags::DISCARDED || (t_.section.bucket[s] == 0 && !(flags & SectionFlags::EH_FRAME))) return;
    if (t_.section.flags.claim_bits(s, SectionFlags::LIVE)) stack_.push_back({f, index});
  }

  // Marks the section in which a symbol of a file is defined, wherever that is.
  void reach_symbol(const FileView &file, u32 symbol) {
    if (symbol >= file.symbol_count) return;
    if (symbol < file.first_global) {
      u32 section = file.section_index(symbol, file.symbols()[symbol]);
      if (section != SHN_UNDEF && section < file.section_count) reach(file.id, section);
      return;
    }
    SymbolId s{t_.mention.symbol[file.mention(symbol)]};
    u64 claim = t_.symbol.claim[s];
    if (!claim || !is_live_object(t_, Claim::file(claim))) return t_.symbol.uses.set_bits(s, SymbolUse::REACHED);
    FileView owner(t_, Claim::file(claim));
    u32 index = Claim::symbol(claim);
    u32 section = owner.section_index(index, owner.symbols()[index]);
    if (is_common(section)) t_.symbol.uses.set_bits(s, SymbolUse::REACHED);
    else if (section != SHN_UNDEF && section < owner.section_count) reach(owner.id, section);
  }

  // Follows what was reached, and what that reaches, to the end.
  void follow() {
    while (!stack_.empty()) {
      Section next = stack_.back();
      stack_.pop_back();
      FileView file(t_, next.file);
      follow_section(file, next.index);
      t_.section.flags.set_bits(file.section_id(next.index), SectionFlags::EXPANDED);
    }
  }

  void push(FileId f, u32 index) { stack_.push_back({f, index}); }
  bool is_empty() const { return stack_.empty(); }

private:
  void follow_section(const FileView &file, u32 index) {
    if (t_.section.flags[file.section_id(index)] & SectionFlags::EH_FRAME) return;
    u32 rela = relocation_section_of(t_, file, index);
    if (rela == 0) return;
    auto relas = file.relocations(file.section(rela));
    if (!relas) return; // reported when needs are found
    for (Elf64_Rela r : *relas) reach_symbol(file, r.symbol());
  }

  const Tables &t_;
  std::vector<Section> stack_;
};

} // namespace

// Whether a program would export a symbol if it were asked to.
static bool may_be_exported(const Tables &t, SymbolId s) {
  u32 visibility = t.symbol.flags[s] & SymbolFlags::VISIBILITY;
  return (visibility == STV_DEFAULT || visibility == STV_PROTECTED) && !(t.symbol.flags[s] & SymbolFlags::LOCALISED);
}

void mark_roots(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  bool keeps_exported = t.link.output_flags & OutputFlags::KEEP_EXPORTED;
  constexpr u32 roots = SymbolFlags::ROOT | SymbolFlags::EXPORTED;
  for (FileId f : rows) {
    if (t.file.traits[f] & FileTraits::IS_BROKEN || is_shared(t, f)) continue;
    FileView file(t, f);
    bool is_internal = t.file.flags[f] & FileFlags::IS_INTERNAL;
    if (!is_live(t, f)) continue;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (!(t.symbol.flags[s] & roots) && !(keeps_exported && may_be_exported(t, s))) continue;
      t.symbol.uses.set_bits(s, SymbolUse::REACHED);
      if (!claim || !is_live_object(t, Claim::file(claim))) continue;
      // Each definition's own file marks it; the linker's object refers to others' definitions only.
      if (!is_internal && Claim::file(claim) != f) continue;
      FileView owner(t, Claim::file(claim));
      u32 section = owner.section_index(Claim::symbol(claim), owner.symbols()[Claim::symbol(claim)]);
      if (section == SHN_UNDEF || section >= owner.section_count) continue;
      SectionId id = owner.section_id(section);
      if (t.section.bucket[id] && !(t.section.flags.load(id) & SectionFlags::DISCARDED))
        t.section.flags.set_bits(id, SectionFlags::LIVE);
    }
  }
}

void mark_sections(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  Marker marker(t);
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    for (u32 i = 1; i < file.section_count; i++) {
      u32 flags = t.section.flags.load(file.section_id(i));
      if ((flags & (SectionFlags::LIVE | SectionFlags::EXPANDED)) != SectionFlags::LIVE) continue;
      if (!(file.section(i).sh_flags & SHF_ALLOC)) continue; // debug information keeps nothing alive
      marker.push(f, i);
      marker.follow();
    }
  }
}

void mark_eh_frames(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  Marker marker(t);
  EhFrame frame;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    for (u32 i = 1; i < file.section_count; i++) {
      SectionId s = file.section_id(i);
      u32 flags = t.section.flags.load(s);
      Elf64_Shdr header = file.section(i);
      // A worker that died left something reached that nobody followed.
      if ((flags & (SectionFlags::LIVE | SectionFlags::EXPANDED)) == SectionFlags::LIVE && header.sh_flags & SHF_ALLOC)
        t.found.has_unmarked.set();
      // What is ordered with a section lives with it.
      if (header.sh_flags & SHF_LINK_ORDER && header.sh_link < file.section_count &&
          is_kept(t, file.section_id(header.sh_link)))
        marker.reach(f, i);
      if (!(flags & SectionFlags::EH_FRAME)) continue;
      u64 bad = 0;
      if (!parse_eh_frame(file, i, relocation_section_of(t, file, i), frame, bad))
        continue; // reported when it is counted
      for (const EhRecord &r : frame.records) {
        if (!r.is_cie && !is_live_fde(t, file, frame, r)) continue;
        for (u32 k = r.first_rela; k < r.last_rela; k++)
          if (r.is_cie || frame.relas[k].r_offset != r.offset + u64{8})
            marker.reach_symbol(file, frame.relas[k].symbol());
      }
    }
    if (!marker.is_empty()) t.found.has_unmarked.set();
    marker.follow();
  }
}

} // namespace spore
