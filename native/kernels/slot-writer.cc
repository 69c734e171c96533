// Write: .got, .got.plt, .plt and .plt.got with the dynamic relocations that fill their slots (psABI 5.2).

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/relr.h"
#include "kernels/single-parts.h"
#include "kernels/tables-writer.h"

namespace spore {

namespace {

void put64(std::vector<u8> &out, u64 offset, u64 value) {
  if (offset + 8 <= out.size()) std::memcpy(out.data() + offset, &value, 8);
}

class SlotWriter {
public:
  explicit SlotWriter(Job &job)
      : job_(job), t_(job.t), flags_(job.t.link.output_flags), target_(target_of(job.t.link.machine)) {}

  void write() {
    got_.resize(t_.own_section.size[OwnSection::Got]);
    got_plt_.resize(t_.own_section.size[OwnSection::GotPlt]);
    plt_.resize(t_.own_section.size[OwnSection::Plt]);
    plt_sec_.resize(t_.own_section.size[OwnSection::PltSec]);
    plt_got_.resize(t_.own_section.size[OwnSection::PltGot]);
    rela_plt_.resize(t_.own_section.size[OwnSection::RelaPlt]);
    if (!got_plt_.empty()) put64(got_plt_, 0, t_.own_section.address[OwnSection::Dynamic]);
    if (!plt_.empty())
      target_.write_plt_header(plt_.data(), t_.own_section.address[OwnSection::Plt],
                               t_.own_section.address[OwnSection::GotPlt]);
    if (t_.found.needs_tls_ld) write_word(module_slot, slot::module(flags_), 0, {});
    for (u32 i = 0; i < t_.entry.rows; i++) write_entry(EntryId{i});
    Output output(job_);
    write_part(job_, output, Got, got_, t_.own_section.offset[OwnSection::Got]);
    write_part(job_, output, GotPlt, got_plt_, t_.own_section.offset[OwnSection::GotPlt]);
    write_part(job_, output, Plt, plt_, t_.own_section.offset[OwnSection::Plt]);
    write_part(job_, output, PltSec, plt_sec_, t_.own_section.offset[OwnSection::PltSec]);
    write_part(job_, output, PltGot, plt_got_, t_.own_section.offset[OwnSection::PltGot]);
    write_part(job_, output, RelaGotRelative, relatives_, t_.own_section.offset[OwnSection::RelaDyn]);
    append(symbolics_, ifunc_symbolics_.data(), ifunc_symbolics_.size()); // as in place-slots.ts
    write_part(job_, output, RelaGotSymbolic, symbolics_,
               t_.own_section.offset[OwnSection::RelaDyn] + t_.link.got_symbolics * sizeof(Elf64_Rela));
    write_part(job_, output, RelaPlt, rela_plt_, t_.own_section.offset[OwnSection::RelaPlt]);
    std::vector<u64> words = encode_relr(packed_, t_.own_section.address[OwnSection::Got]);
    std::vector<u8> relr;
    append(relr, words.data(), std::min<size_t>(words.size(), t_.found.got_relr_words) * sizeof(u64));
    write_part(job_, output, RelrGot, relr, t_.own_section.offset[OwnSection::Relr]);
  }

private:
  void add(std::vector<u8> &out, u64 place, u64 dynsym, u32 type, u64 addend) {
    Elf64_Rela rela{place, dynsym << 32 | type, static_cast<i64>(addend)};
    append(out, &rela, sizeof rela);
  }

  // The symbol of an entry as its slots see it.
  struct Subject {
    Reference ref;
    u64 address = 0;
    u64 definition = 0; // of an ifunc: its resolver
  };

  Subject subject_of(EntryId e) const {
    Subject subject{reference_of(t_, e)};
    bool is_ifunc = subject.ref.flags & Reference::Ifunc;
    if (t_.entry.symbol[e] != none) {
      SymbolId s{t_.entry.symbol[e]};
      subject.address = t_.symbol.address[s];
      u64 claim = t_.symbol.claim[s];
      if (is_ifunc && claim)
        subject.definition = definition_address(t_, FileView(t_, Claim::file(claim)), Claim::symbol(claim));
    } else {
      FileView file(t_, FileId{t_.entry.file[e]});
      u32 index = t_.entry.index[e];
      subject.definition = index < file.symbol_count ? definition_address(t_, file, index) : 0;
      subject.address = is_ifunc ? plt_address(t_, e) : subject.definition;
    }
    return subject;
  }

  u64 content_of(Content content, const Subject &subject) const {
    switch (content) {
    case Content::Zero: return 0;
    case Content::Address: return subject.address;
    case Content::Definition: return subject.definition;
    case Content::Module: return 1;
    case Content::DtpOffset: return target_.dtp_offset(subject.address, tls_block(t_));
    case Content::TpOffset: return target_.tp_offset(subject.address, tls_block(t_));
    case Content::BlockOffset: return subject.address - tls_block(t_).begin;
    }
    return 0;
  }

  u32 type_of(Filler filler) const {
    const DynamicRelocations &types = target_.dynamic();
    switch (filler) {
    case Filler::Link:
    case Filler::Packed: break;
    case Filler::Relative: return types.relative;
    case Filler::GlobDat: return types.glob_dat;
    case Filler::JumpSlot: return types.jump_slot;
    case Filler::Irelative: return types.irelative;
    case Filler::DtpMod: return types.dtpmod;
    case Filler::DtpOff: return types.dtpoff;
    case Filler::TpOff: return types.tpoff;
    case Filler::TlsDesc: return types.tlsdesc;
    }
    return 0;
  }

  void write_entry(EntryId e) {
    Subject subject = subject_of(e);
    u64 dynsym = t_.entry.dynsym[e];
    for_each_slot(t_.entry.needs[e], subject.ref, flags_, [&](const Slot &slot) {
      u32 index = slot_index(t_, e, slot.kind);
      if (slot.kind == SlotKind::PltGot) write_plt_got_entry(index, got_address(t_, t_.entry.got[e]));
      else if (got_words(slot.kind) == 0) write_jump(index, slot.words[0], dynsym, subject);
      for (u32 i = 0; i < got_words(slot.kind); i++) write_word(index + i, slot.words[i], dynsym, subject);
    });
    if (t_.entry.is_copied[e]) add(symbolics_, subject.address, dynsym, target_.dynamic().copy, 0);
  }

  // A word of .got.
  void write_word(u32 index, const SlotWord &word, u64 dynsym, const Subject &subject) {
    u64 content = content_of(word.content, subject), place = got_address(t_, index);
    switch (word.filler) {
    case Filler::Link: put64(got_, u64{index} * 8, content); break;
    case Filler::Packed:
      put64(got_, u64{index} * 8, content);
      packed_.push_back(u64{index} * 8);
      break;
    case Filler::Relative:
      put64(got_, u64{index} * 8, content);
      add(relatives_, place, 0, type_of(word.filler), content);
      break;
    default:
      add(subject.ref.flags & Reference::NamedIfunc ? ifunc_symbolics_ : symbolics_, place,
          word.has_symbol ? dynsym : 0, type_of(word.filler), content);
    }
  }

  // An entry of .plt, its word of .got.plt and what the loader does to that.
  void write_jump(u32 index, const SlotWord &word, u64 dynsym, const Subject &subject) {
    u64 place = got_plt_address(t_, index);
    u64 entry = write_plt_entry(index, place);
    put64(got_plt_, place - t_.own_section.address[OwnSection::GotPlt], target_.plt_resume(entry, !plt_sec_.empty()));
    u64 info = (word.has_symbol ? dynsym : 0) << 32 | type_of(word.filler);
    Elf64_Rela rela{place, info, static_cast<i64>(content_of(word.content, subject))};
    if ((u64{index} + 1) * sizeof rela <= rela_plt_.size())
      std::memcpy(rela_plt_.data() + index * sizeof rela, &rela, sizeof rela);
  }

  // Writes an entry of .plt, and of .plt.sec where there is one. Returns the address of the former.
  u64 write_plt_entry(u32 index, u64 slot) {
    u64 plt = t_.own_section.address[OwnSection::Plt], size = t_.link.plt_entry_size;
    u64 offset = t_.link.plt_header_size + index * size, entry = plt + offset;
    if (offset + size > plt_.size()) return entry;
    if (plt_sec_.empty()) {
      target_.write_plt_entry(plt_.data() + offset, entry, plt, slot, index);
      return entry;
    }
    target_.write_checked_plt_entry(plt_.data() + offset, entry, plt, index);
    u64 second = index * t_.link.plt_sec_entry_size;
    if (second + t_.link.plt_sec_entry_size <= plt_sec_.size())
      target_.write_checked_jump(plt_sec_.data() + second, t_.own_section.address[OwnSection::PltSec] + second, slot);
    return entry;
  }

  void write_plt_got_entry(u32 index, u64 slot) {
    u64 size = t_.link.plt_got_entry_size, offset = index * size,
        entry = t_.own_section.address[OwnSection::PltGot] + offset;
    if (offset + size > plt_got_.size()) return;
    if (t_.link.plt_sec_entry_size) target_.write_checked_jump(plt_got_.data() + offset, entry, slot);
    else target_.write_plt_got_entry(plt_got_.data() + offset, entry, slot);
  }

  Job &job_;
  const Tables &t_;
  u64 flags_;
  const Target &target_;
  std::vector<u64> packed_; // offsets in .got
  std::vector<u8> got_, got_plt_, plt_, plt_sec_, plt_got_, rela_plt_, relatives_, symbolics_, ifunc_symbolics_;
};

} // namespace

void write_slots(Job &job) { SlotWriter(job).write(); }

void pack_got(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId row : rows) {
    std::vector<u64> places;
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      for_each_slot(t.entry.needs[e], reference_of(t, e), t.link.output_flags, [&](const Slot &slot) {
        for (u32 word = 0; word < got_words(slot.kind); word++)
          if (slot.words[word].filler == Filler::Packed)
            places.push_back((u64{slot_index(t, e, slot.kind)} + word) * 8);
      });
    }
    t.found.got_relr_words.set(encode_relr(places, 0).size());
  }
}

} // namespace spore
