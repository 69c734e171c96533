// Find needs: one walk over the relocations of live sections, which says what slots and dynamic
// relocations the output must have. Only ors into symbol.flags, so a range may run twice; slots are
// numbered later, by prefix sum.

#include <algorithm>

#include "generated/kernels.h"
#include "kernels/eh-frame.h"
#include "kernels/reference.h"
#include "kernels/relr.h"

namespace spore {

namespace {

struct LocalNeed {
  u32 symbol;
  u32 needs;
};

class NeedsFinder {
public:
  NeedsFinder(Job &job, References &references)
      : job_(job), t_(job.t), output_(job.t.link.output_flags), target_(target_of(EM_X86_64)), references_(references) {
  }

  u32 relatives = 0, symbolics = 0;
  std::vector<LocalNeed> local_needs;

  // The relocations at(begin) to at(end - 1) of a section, in these of its contents, which begin at `offset`.
  template <typename At>
  void scan(const FileView &file, u32 section, const Elf64_Shdr &header, const Bytes &contents, u64 offset, u32 begin,
            u32 end, At at) {
    file_ = &file;
    section_ = section;
    contents_offset_ = offset;
    is_writable_ = header.sh_flags & SHF_WRITE;
    header_ = header;
    for (u32 i = begin; i < end;)
      if (needs_nothing(at(i), contents)) i++;
      else i += scan_one(at(i), contents, i + 1 < end ? at(i + 1).type() : 0);
  }

  // Whether no relocation of .eh_frame needs anything, whichever records live: each is plain, or refers to what is not
  // in the output, as those of dead FDEs do.
  bool is_all_idle(const FileView &file, u32 section, u32 rela_section) {
    auto relas = file.relocations(file.section(rela_section));
    auto contents = file.contents(file.section(section));
    if (!relas || !contents) return false;
    contents_offset_ = 0;
    for (Elf64_Rela rela : *relas)
      if (!is_discarded(rela) && !needs_nothing(rela, *contents)) return false;
    return true;
  }

  bool is_discarded(const Elf64_Rela &rela) const {
    return rela.symbol() < references_.size() && references_[rela.symbol()].flags & Reference::Discarded;
  }

private:
  // Nearly all of them, at a glance. By value: scan_one() needs the relocation in memory, this does not.
  bool needs_nothing(Elf64_Rela rela, const Bytes &contents) const {
    u32 bytes = target_.distance_bytes(rela.type());
    return bytes && rela.symbol() < references_.size() && contents.contains(rela.r_offset - contents_offset_, bytes) &&
           references_[rela.symbol()].is_plain();
  }

  // Returns how many relocations it dealt with.
  u32 scan_one(const Elf64_Rela &rela, const Bytes &contents, u32 next_type) {
    const Relocation *r = target_.relocation(rela.type());
    if (!r) return report(Code::RelocationType, rela, rela.type());
    if (r->expression == Expression::none) return 1;
    if (rela.symbol() >= references_.size()) return report(Code::BadRelocation, rela, rela.r_info);
    u64 at = rela.r_offset - contents_offset_;
    if (!contents.contains(at, field_size(r->field))) return report(Code::RelocationOutsideSection, rela, rela.r_info);
    const Reference &ref = references_[rela.symbol()];
    if (ref.flags & Reference::Warned) report(Code::SymbolWarning, rela, rela.type());
    if (ref.flags & (Reference::Undefined | Reference::Discarded)) {
      report(ref.flags & Reference::Undefined ? Code::UndefinedSymbol : Code::RelocationToDiscarded, rela, rela.type());
      return 1;
    }
    if (ref.flags & Reference::Ifunc) need(ref, rela, SymbolFlags::NEEDS_PLT);
    bool is_tls_expression = r->expression >= Expression::tlsGd;
    if ((ref.flags & Reference::Tls) && !is_tls_expression && r->expression != Expression::size &&
        !(ref.flags & Reference::Section))
      return report(Code::TlsMismatch, rela, rela.type());

    switch (r->expression) {
    case Expression::absolute:
      act(action_for_absolute(ref, r->field == Field::word64, is_writable_, output_), ref, rela);
      return 1;
    case Expression::pcRelative: act(action_for_pc_relative(ref, output_), ref, rela); return 1;
    case Expression::plt:
    case Expression::pltOffset:
      if (ref.flags & Reference::Imported) need(ref, rela, SymbolFlags::NEEDS_PLT);
      return 1;
    case Expression::gotPcRelative:
      if (may_bypass_got(ref, output_) && target_.may_relax(*r, contents, at)) return 1;
      need(ref, rela, SymbolFlags::NEEDS_GOT);
      return 1;
    case Expression::got: need(ref, rela, SymbolFlags::NEEDS_GOT); return 1;
    case Expression::size:
      if (ref.flags & Reference::Imported) act(Action::Symbolic, ref, rela);
      return 1;
    case Expression::tlsGd:
      return scan_tls(rela, ref, contents, at, next_type, TlsRewrite::gd_to_ie, TlsRewrite::gd_to_le,
                      SymbolFlags::NEEDS_TLS_GD);
    case Expression::tlsDesc:
      return scan_tls(rela, ref, contents, at, next_type, TlsRewrite::desc_to_ie, TlsRewrite::desc_to_le,
                      SymbolFlags::NEEDS_TLS_DESC);
    case Expression::tlsLd:
      if (tls_action(ref, output_) == TlsAction::AsWritten) {
        t_.found.needs_tls_ld.set();
        return 1;
      }
      if (!target_.may_rewrite_tls(TlsRewrite::ld_to_le, contents, at, next_type))
        return report(Code::BadTlsSequence, rela, rela.type());
      return 2;
    case Expression::gotTpOffset:
      if (tls_action(ref, output_) == TlsAction::ToLocalExec &&
          target_.may_rewrite_tls(TlsRewrite::ie_to_le, contents, at, next_type))
        return 1;
      if (output_ & OutputFlags::SHARED) t_.found.has_static_tls.set();
      need(ref, rela, SymbolFlags::NEEDS_GOT_TP);
      return 1;
    case Expression::tpOffset:
      if (output_ & OutputFlags::SHARED || ref.flags & Reference::Imported)
        return report(Code::RelocationNeedsPic, rela, rela.type());
      return 1;
    default: return 1;
    }
  }

  u32 scan_tls(const Elf64_Rela &rela, const Reference &ref, const Bytes &contents, u64 at, u32 next_type,
               TlsRewrite to_ie, TlsRewrite to_le, u32 as_written) {
    TlsAction action = tls_action(ref, output_);
    if (action == TlsAction::AsWritten) {
      need(ref, rela, as_written);
      return 1;
    }
    TlsRewrite how = action == TlsAction::ToInitialExec ? to_ie : to_le;
    if (!target_.may_rewrite_tls(how, contents, at, next_type)) return report(Code::BadTlsSequence, rela, rela.type());
    if (action == TlsAction::ToInitialExec) need(ref, rela, SymbolFlags::NEEDS_GOT_TP);
    return to_le == TlsRewrite::gd_to_le ? 2 : 1;
  }

  void act(Action action, const Reference &ref, const Elf64_Rela &rela) {
    if (!is_writable_ && (action == Action::Relative || action == Action::Symbolic)) {
      t_.found.has_text_relocations.set();
      if (!has_text_relocation_) report(Code::TextRelocation, rela, rela.type());
      has_text_relocation_ = true; // one of each file is enough for a warning
    }
    switch (action) {
    case Action::Value: break;
    case Action::Relative: relatives += !is_packed(output_, header_, rela.r_offset); break;
    case Action::Symbolic: symbolics++; break;
    case Action::Copy:
      if (ref.flags & Reference::Protected || output_ & OutputFlags::NO_COPY_RELOCATIONS)
        report(Code::RelocationNeedsPic, rela, rela.type());
      else need(ref, rela, SymbolFlags::NEEDS_COPY);
      break;
    case Action::CanonicalPlt: need(ref, rela, SymbolFlags::NEEDS_PLT | SymbolFlags::NEEDS_CANONICAL_PLT); break;
    case Action::Plt: need(ref, rela, SymbolFlags::NEEDS_PLT); break;
    case Action::NeedsPic: report(Code::RelocationNeedsPic, rela, rela.type()); break;
    case Action::NeedsNoText: report(Code::RelocationInReadOnly, rela, rela.type()); break;
    }
  }

  void need(const Reference &ref, const Elf64_Rela &rela, u32 needs) {
    if (ref.flags & Reference::Global) {
      t_.symbol.flags.set_bits(SymbolId{ref.symbol}, needs);
      return;
    }
    u32 symbol = rela.symbol();
    for (LocalNeed &l : local_needs)
      if (l.symbol == symbol) {
        l.needs |= needs;
        return;
      }
    local_needs.push_back({symbol, needs});
  }

  u32 report(Code code, const Elf64_Rela &rela, u64 operand) {
    job_.report(code, {.file = raw(file_->id),
                       .section = section_,
                       .offset = rela.r_offset,
                       .symbol = rela.symbol(),
                       .operand = operand});
    return 1;
  }

  Job &job_;
  const Tables &t_;
  u64 output_;
  const Target &target_;
  References &references_;
  const FileView *file_ = nullptr;
  u32 section_ = 0;
  u64 contents_offset_ = 0;
  Elf64_Shdr header_{};
  bool is_writable_ = false;
  bool has_text_relocation_ = false;
};

void find_in_eh_frame(Job &job, const FileView &file, u32 section, u32 rela_section, EhFrame &frame,
                      NeedsFinder &finder) {
  if (finder.is_all_idle(file, section, rela_section))
    return; // as a rule; else by record, because dead FDEs need nothing
  u64 bad = 0;
  if (!parse_eh_frame(file, section, rela_section, frame, bad)) return; // reported when it was counted
  Elf64_Shdr header = file.section(section);
  for (const EhRecord &record : frame.records)
    if (record.is_cie || is_live_fde(job.t, file, frame, record))
      for (u32 i = record.first_rela; i < record.last_rela; i++)
        // GNU ld has nothing against an LSDA that was discarded either.
        if (!finder.is_discarded(frame.relas[i]))
          finder.scan(file, section, header, contents_of(frame, record), record.offset, i, i + 1,
                      [&](u32 r) { return frame.relas[r]; });
}

} // namespace

void scan_relocations(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  References references;
  EhFrame frame;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    references.load(t, file);
    NeedsFinder finder(job, references);
    for (u32 i = 1; i < file.section_count; i++) {
      SectionId s = file.section_id(i);
      u32 flags = t.section.flags[s];
      if ((flags & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) continue;
      u32 rela_section = relocation_section_of(t, file, i);
      if (rela_section == 0) continue;
      if (flags & SectionFlags::EH_FRAME) {
        find_in_eh_frame(job, file, i, rela_section, frame, finder);
        continue;
      }
      Elf64_Shdr header = file.section(i);
      if (!(header.sh_flags & SHF_ALLOC)) continue;
      Elf64_Shdr relas = file.section(rela_section);
      auto all = file.relocations(relas);
      auto contents = file.contents(header);
      if (!all || !contents || relas.sh_entsize != sizeof(Elf64_Rela)) {
        job.report(Code::BadRelocationSection, {.file = raw(f), .section = rela_section});
        continue;
      }
      finder.scan(file, i, header, *contents, 0, 0, static_cast<u32>(all->size()), [&](u32 r) { return (*all)[r]; });
    }
    t.file.relatives[f] = finder.relatives;
    t.file.symbolics[f] = finder.symbolics;
    std::vector<LocalNeed> &local = finder.local_needs;
    t.file.local_needs[f] = static_cast<u32>(local.size());
    if (local.empty()) continue;
    // Space, not an order: a file's rows are found through the file.
    std::sort(local.begin(), local.end(), [](const LocalNeed &a, const LocalNeed &b) { return a.symbol < b.symbol; });
    u64 first = t.found.local_need_count.add(local.size());
    if (first + local.size() > t.local_need.rows) {
      job.report(Code::SectionTooLarge, {.file = raw(f)});
      t.file.local_needs[f] = 0;
      continue;
    }
    t.file.first_local_need[f] = static_cast<u32>(first);
    for (size_t i = 0; i < local.size(); i++) {
      LocalNeedId id{static_cast<u32>(first + i)};
      t.local_need.symbol[id] = local[i].symbol;
      t.local_need.needs[id] = local[i].needs;
    }
  }
}

} // namespace spore
