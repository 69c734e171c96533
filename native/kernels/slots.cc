// Synthesise: which symbol gets which slot of .got, .plt and .plt.got.
//
// Symbols are counted per range and placed after prefix sums, so numbers follow symbol ids, which follow
// input order.

#include "generated/kernels.h"
#include "kernels/slots.h"

namespace spore {

namespace {

// How many there are of each, of one symbol or of all of a range.
struct Counts {
  u32 entries = 0;
  u32 got = 0; // words of .got
  u32 plt = 0, plt_got = 0, iplt = 0;
  u32 relatives = 0, symbolics = 0; // dynamic relocations of .got: relative ones that are not packed, and all others

  void add(u32 needs, const Reference &ref, u64 output) {
    entries++;
    for_each_slot(needs, ref, output, [&](const Slot &slot) {
      plt += slot.kind == SlotKind::Plt;
      iplt += slot.kind == SlotKind::Iplt;
      plt_got += slot.kind == SlotKind::PltGot;
      got += got_words(slot.kind);
      for (u32 i = 0; i < got_words(slot.kind); i++) add_word(slot.words[i]);
    });
  }

private:
  void add_word(const SlotWord &word) {
    relatives += word.filler == Filler::Relative;
    symbolics += word.filler != Filler::Link && word.filler != Filler::Relative && word.filler != Filler::Packed;
  }
};

Reference local_reference(const Tables &t, const FileView &file, u32 symbol) {
  return symbol < file.first_global ? References::local(t, file, symbol) : Reference{};
}

struct Cursor {
  u32 entry, got, plt, plt_got, iplt;

  // The index of the next slot of a kind.
  u32 take(const Tables &t, SlotKind kind) {
    switch (kind) {
    case SlotKind::Plt: return plt++;
    case SlotKind::Iplt: return static_cast<u32>(t.link.plt_jumps) + iplt++;
    case SlotKind::PltGot: return plt_got++;
    default: got += got_words(kind); return got - got_words(kind);
    }
  }
};

Cursor cursor_at(const Tables &t, NeedCellId cell) {
  return {.entry = t.need_cell.first_entry[cell],
          .got = t.need_cell.first_got[cell],
          .plt = t.need_cell.first_plt[cell],
          .plt_got = t.need_cell.first_plt_got[cell],
          .iplt = t.need_cell.first_iplt[cell]};
}

void place(const Tables &t, Cursor &next, u32 needs, const Reference &ref, SymbolId symbol, u32 file, u32 index) {
  EntryId e{next.entry++};
  t.entry.symbol[e] = file == none ? raw(symbol) : none;
  t.entry.file[e] = file;
  t.entry.index[e] = index;
  t.entry.needs[e] = needs;
  t.entry.dynsym[e] = 0;
  t.entry.is_copied[e] = 0;
  for (SlotKind kind :
       {SlotKind::Got, SlotKind::TlsGd, SlotKind::TlsDesc, SlotKind::GotTp, SlotKind::Plt, SlotKind::PltGot})
    slot_index(t, e, kind) = none;
  for_each_slot(needs, ref, t.link.output_flags,
                [&](const Slot &slot) { slot_index(t, e, slot.kind) = next.take(t, slot.kind); });
}

template <typename Visit> void for_each_need(const Tables &t, RangeId range, Visit visit) {
  u64 begin = t.mention.rows * raw(range) / t.link.ranges, end = t.mention.rows * (raw(range) + u64{1}) / t.link.ranges;
  for (u64 row = begin; row < end; row++) {
    SymbolId s{static_cast<u32>(row)};
    if (t.mention.symbol[MentionId{static_cast<u32>(row)}] != row || !(t.symbol.flags[s] & SymbolFlags::NEEDS))
      continue;
    visit(s, t.symbol.flags[s] & SymbolFlags::NEEDS, References::global(t, s));
  }
}

template <typename Visit> void for_each_local_need(const Tables &t, Visit visit) {
  for (u32 f = 0; f < t.file.rows; f++) {
    u32 count = t.file.local_needs[FileId{f}];
    if (!count) continue;
    FileView file(t, FileId{f});
    for (u32 i = 0; i < count; i++) {
      LocalNeedId id{t.file.first_local_need[FileId{f}] + i};
      visit(id, f, local_reference(t, file, t.local_need.symbol[id]));
    }
  }
}

} // namespace

void count_needs(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  u64 output = t.link.output_flags;
  for (RangeId range : rows) {
    Counts sum;
    if (raw(range) < t.link.ranges)
      for_each_need(t, range, [&](SymbolId, u32 needs, const Reference &ref) { sum.add(needs, ref, output); });
    else
      for_each_local_need(
          t, [&](LocalNeedId id, u32, const Reference &ref) { sum.add(t.local_need.needs[id], ref, output); });
    NeedCellId cell{raw(range)};
    t.need_cell.entries[cell] = sum.entries;
    t.need_cell.got[cell] = sum.got;
    t.need_cell.plt[cell] = sum.plt;
    t.need_cell.plt_got[cell] = sum.plt_got;
    t.need_cell.iplt[cell] = sum.iplt;
    t.need_cell.relatives[cell] = sum.relatives;
    t.need_cell.symbolics[cell] = sum.symbolics;
  }
}

void place_needs(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for (RangeId range : rows) {
    Cursor next = cursor_at(t, NeedCellId{raw(range)});
    if (raw(range) < t.link.ranges) {
      for_each_need(t, range, [&](SymbolId s, u32 needs, const Reference &ref) {
        t.symbol.entry[s] = next.entry + 1;
        place(t, next, needs, ref, s, none, none);
      });
    } else {
      for_each_local_need(t, [&](LocalNeedId id, u32 f, const Reference &ref) {
        t.local_need.entry[id] = next.entry;
        place(t, next, t.local_need.needs[id], ref, SymbolId{}, f, t.local_need.symbol[id]);
      });
    }
  }
}

} // namespace spore
