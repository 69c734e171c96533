// Find needs: one walk over the relocations of live sections, which says what slots and dynamic relocations the output
// must have, and which relocations it cannot have. Only ors into symbol.flags, so a range may run twice; slots are
// numbered later, by prefix sum.

#include <algorithm>

#include "generated/kernels.h"
#include "kernels/decide.h"
#include "kernels/eh-frame.h"
#include "kernels/relocated-sections.h"

namespace spore {

namespace {

struct LocalNeed {
  u32 symbol;
  u32 needs;
};

// What the relocations of one file need.
class NeedsFinder {
public:
  NeedsFinder(Job &job, const FileView &file, const Target &target, const Types &types, References &references)
      : job_(job), t_(job.t), file_(file), target_(target), types_(types), references_(references) {}

  void find() {
    for_each_relocated_section(t_, file_, [&](const RelocatedSection &section) {
      auto read = read_relocated(file_, section);
      if (!read) {
        job_.report(Code::BadRelocationSection, {.file = raw(file_.id), .section = section.relocations});
        return;
      }
      const Array<Elf64_Rela> &all = read->relocations;
      begin(section.index, surroundings_in(t_.link.output_flags, section.header), 0);
      find_in(read->bytes, 0, static_cast<u32>(all.size()), [&](u32 i) { return all[i]; });
    });
  }

  void find_in_eh_frame(u32 section, u32 rela_section, EhFrame &frame) {
    begin(section, surroundings_in_eh_frame(t_.link.output_flags, file_.section(section)), 0);
    if (is_all_idle(rela_section)) return; // as a rule; else by record, because dead FDEs need nothing
    u64 bad = 0;
    if (!parse_eh_frame(file_, section, rela_section, frame, bad)) return; // reported when it was counted
    for (const EhRecord &record : frame.records) {
      if (!record.is_cie && !is_live_fde(t_, file_, frame, record)) continue;
      contents_offset_ = record.offset;
      for (u32 i = record.first_rela; i < record.last_rela; i++)
        // GNU ld has nothing against an LSDA that was discarded either.
        if (!is_discarded(frame.relas[i]))
          find_in(contents_of(frame, record), i, i + 1, [&](u32 r) { return frame.relas[r]; });
    }
  }

  // Leaves what was found in the file's columns, and the needs of local symbols in a run of rows.
  void store() {
    FileId f = file_.id;
    t_.file.relatives[f] = relatives_;
    t_.file.symbolics[f] = symbolics_;
    t_.file.ifunc_symbolics[f] = ifunc_symbolics_;
    if (packed_) t_.found.has_packed.set();
    t_.file.local_needs[f] = static_cast<u32>(local_needs_.size());
    if (local_needs_.empty()) return;
    std::sort(local_needs_.begin(), local_needs_.end(),
              [](const LocalNeed &a, const LocalNeed &b) { return a.symbol < b.symbol; });
    // Space, not an order: a file's rows are found through the file. There is enough for all local symbols, and for
    // what workers took that died.
    u64 first = t_.found.local_need_count.add(local_needs_.size());
    if (first + local_needs_.size() > t_.local_need.rows) throw std::bad_alloc();
    t_.file.first_local_need[f] = static_cast<u32>(first);
    for (size_t i = 0; i < local_needs_.size(); i++) {
      LocalNeedId id{static_cast<u32>(first + i)};
      t_.local_need.symbol[id] = local_needs_[i].symbol;
      t_.local_need.needs[id] = local_needs_[i].needs;
    }
  }

private:
  // What follows is in this section, in contents that begin at `offset`.
  void begin(u32 section, const Surroundings &where, u64 offset) {
    section_ = section;
    where_ = where;
    facts_ = types_.in(where);
    contents_offset_ = offset;
  }

  // The relocations at(begin) to at(end - 1). Nearly all need nothing, which is seen at a glance.
  template <typename At> void find_in(const Bytes &contents, u32 begin, u32 end, At at) {
    for (u32 i = begin; i < end;) {
      Elf64_Rela rela = at(i);
      if (!is_valid(rela, contents)) report_invalid(rela), i++;
      else if (needs_nothing(rela)) i++;
      else if (is_relative(rela))
        i++, (relative_at(where_, rela.r_offset - contents_offset_) == Effect::Relative ? relatives_ : packed_)++;
      else i += find_one(rela, {contents, rela.r_offset - contents_offset_, i + 1 < end ? at(i + 1).type() : 0});
    }
  }

  // Whether no relocation of .eh_frame needs anything, whichever records live: each is plain, or refers to what is not
  // in the output, as those of dead FDEs do.
  bool is_all_idle(u32 rela_section) const {
    auto relas = file_.relocations(file_.section(rela_section));
    auto contents = file_.contents(file_.section(section_));
    if (!relas || !contents) return false;
    for (Elf64_Rela rela : *relas)
      if (!is_discarded(rela) && !(is_valid(rela, *contents) && needs_nothing(rela))) return false;
    return true;
  }

  bool is_discarded(const Elf64_Rela &rela) const {
    return rela.symbol() < references_.size() && references_[rela.symbol()].flags & Reference::Discarded;
  }

  // Whether its type and symbol exist, and its place.
  bool is_valid(const Elf64_Rela &rela, const Bytes &contents) const {
    return rela.type() < types_.count() && rela.symbol() < references_.size() && facts_[rela.type()].is_known &&
           contents.contains(rela.r_offset - contents_offset_, facts_[rela.type()].bytes);
  }

  // Of one that is valid.
  bool needs_nothing(const Elf64_Rela &rela) const {
    return facts_[rela.type()].is_settled && references_[rela.symbol()].is_ordinary();
  }

  bool is_relative(const Elf64_Rela &rela) const {
    return facts_[rela.type()].is_relative && references_[rela.symbol()].is_ordinary();
  }

  [[gnu::noinline]] void report_invalid(Elf64_Rela rela) {
    const Relocation *r = target_.relocation(rela.type());
    if (!r) report(Code::RelocationType, rela, rela.type());
    else if (r->expression == Expression::none) return;
    else if (rela.symbol() >= references_.size()) report(Code::BadRelocation, rela, rela.r_info);
    else report(Code::RelocationOutsideSection, rela, rela.r_info);
  }

  // Returns how many relocations it dealt with.
  [[gnu::noinline]] u32 find_one(Elf64_Rela rela, const Site &site) {
    Reference &ref = references_[rela.symbol()];
    if (ref.flags & Reference::Warned) report(Code::SymbolWarning, rela, rela.type());
    if (ref.flags & Reference::Missed) report(Code::UndefinedSymbolWarning, rela, rela.type());
    Decision decision = decide(target_, ref, *target_.relocation(rela.type()), where_, site);
    if (decision.error != Code::None) return report(decision.error, rela, rela.type());
    if (decision.needs) need(ref, rela, decision.needs);
    if (decision.effect != Effect::None) take(decision.effect, ref, rela);
    return decision.consumed();
  }

  void take(Effect effect, const Reference &ref, const Elf64_Rela &rela) {
    switch (effect) {
    case Effect::None: return;
    case Effect::ModuleSlots: return t_.found.needs_tls_ld.set();
    case Effect::StaticTls: return t_.found.has_static_tls.set();
    case Effect::Relative: relatives_++; break;
    case Effect::Packed: packed_++; break; // and counted with its section's bucket
    case Effect::Symbolic: (ref.flags & Reference::NamedIfunc ? ifunc_symbolics_ : symbolics_)++; break;
    }
    if (where_.is_writable) return;
    t_.found.has_text_relocations.set();
    if (!has_text_relocation_) report(Code::TextRelocation, rela, rela.type());
    has_text_relocation_ = true; // one of each file is enough for a warning
  }

  void need(Reference &ref, const Elf64_Rela &rela, u32 needs) {
    if (ref.flags & Reference::Global) {
      t_.symbol.flags.set_bits(SymbolId{ref.row}, needs);
      return;
    }
    if (ref.row == 0) {
      local_needs_.push_back({rela.symbol(), 0});
      ref.row = static_cast<u32>(local_needs_.size());
    }
    local_needs_[ref.row - 1].needs |= needs;
  }

  u32 report(Code code, const Elf64_Rela &rela, u64 operand) {
    job_.report(code, {.file = raw(file_.id),
                       .section = section_,
                       .offset = rela.r_offset,
                       .symbol = rela.symbol(),
                       .operand = operand});
    return 1;
  }

  Job &job_;
  const Tables &t_;
  const FileView &file_;
  const Target &target_;
  const Types &types_;
  References &references_; // of local symbols: the row in local_needs_, plus 1
  u32 relatives_ = 0, symbolics_ = 0, ifunc_symbolics_ = 0, packed_ = 0;
  std::vector<LocalNeed> local_needs_;
  u32 section_ = 0;
  Surroundings where_{};
  const TypeFacts *facts_ = nullptr; // in these, by type
  u64 contents_offset_ = 0;
  bool has_text_relocation_ = false;
};

} // namespace

void scan_relocations(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  const Target &target = target_of(t.link.machine);
  Types types(target, t.link.output_flags);
  References references;
  EhFrame frame;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    references.load(t, file);
    NeedsFinder finder(job, file, target, types, references);
    finder.find();
    if (t.file.cies[f])
      for (u32 i = 1; i < file.section_count; i++) {
        SectionId s = file.section_id(i);
        if (!is_kept(t, s) || !(t.section.flags[s] & SectionFlags::EH_FRAME)) continue;
        if (u32 relocations = relocation_section_of(t, file, i)) finder.find_in_eh_frame(i, relocations, frame);
      }
    finder.store();
  }
}

} // namespace spore
