// Write: relocates the bytes of a file in the output's buffer.

#include "kernels/relocator.h"

namespace spore {

void Relocator::begin_file(const FileView &file) {
  file_ = &file;
  references_.load(t_, file);
  load_addresses(file);
  load_entries(file);
  if (t_.fold.rows != 0) mark_folded(file);
  pieces_.begin_file(file.id);
}

void Relocator::mark_folded(const FileView &file) {
  auto is_folded = [&](const FileView &owner, u32 symbol) {
    u32 section = owner.section_index(symbol, owner.symbols()[symbol]);
    return section < owner.section_count && t_.section.flags[owner.section_id(section)] & SectionFlags::FOLDED;
  };
  for (u32 i = 0; i < file.first_global; i++)
    if (is_folded(file, i)) references_[i].flags |= Reference::Folded;
  for_each_global(t_, file, t_.symbol.claim, [&](u32 i, SymbolId s) {
    u64 claim = t_.symbol.claim[s];
    if (!claim || !is_live_object(t_, Claim::file(claim))) return;
    if (is_folded(FileView(t_, Claim::file(claim)), Claim::symbol(claim))) references_[i].flags |= Reference::Folded;
  });
}

void Relocator::load_addresses(const FileView &file) {
  for (u32 i = 0; i < file.first_global; i++) {
    Elf64_Sym sym = file.symbols()[i];
    u32 section = file.section_index(i, sym);
    Reference &ref = references_[i];
    if (section == section_absolute) ref.address = sym.st_value;
    else if (section == SHN_UNDEF || section >= file.section_count || ref.flags & Reference::Discarded) ref.address = 0;
    else if (ref.flags & Reference::Merged && sym.type() == STT_SECTION) ref.address = 0; // found with the addend
    else ref.address = section_address(t_, file, section, sym.st_value);
  }
  for_each_global(t_, file, t_.symbol.address,
                  [&](u32 i, SymbolId s) { references_[i].address = t_.symbol.address[s]; });
}

void Relocator::load_entries(const FileView &file) {
  for (u32 i = 0; i < t_.file.local_needs[file.id]; i++) {
    LocalNeedId id{t_.file.first_local_need[file.id] + i};
    u32 symbol = t_.local_need.symbol[id];
    EntryId e{t_.local_need.entry[id]};
    if (symbol >= file.first_global || raw(e) >= t_.entry.rows) continue; // the file changed since it was counted
    references_[symbol].row = raw(e) + 1;
    if (references_[symbol].flags & Reference::Ifunc) references_[symbol].address = plt_address(t_, e);
  }
}

// The row in the table of entries, plus 1; 0 without one.
u32 Relocator::entry_of(const Reference &ref) const {
  return ref.flags & Reference::Global ? t_.symbol.entry[SymbolId{ref.row}] : ref.row;
}

// The address of a slot of a symbol, of which this column of the table of entries has the index.
u64 Relocator::slot_address(const Reference &ref, const Column<EntryId, u32> &index) const {
  u32 row = entry_of(ref);
  return row == 0 ? 0 : got_address(t_, index[EntryId{row - 1}]); // 0: the file changed since find needs
}

[[gnu::always_inline]] inline u64 Relocator::value_of(const Decision &decision, const Elf64_Rela &rela,
                                                      const Reference &ref) {
  u64 value = static_cast<u64>(rela.r_addend);
  switch (decision.value) {
  case Value::None:
  case Value::Zero:
  case Value::Symbol: value = target_address(rela, ref); break;
  case Value::Plt: value += entry_of(ref) == 0 ? 0 : plt_address(t_, EntryId{entry_of(ref) - 1}); break;
  case Value::Got: value += slot_address(ref, t_.entry.got); break;
  case Value::GotTp: value += slot_address(ref, t_.entry.got_tp); break;
  case Value::TlsGd: value += slot_address(ref, t_.entry.tls_gd); break;
  case Value::TlsDesc: value += slot_address(ref, t_.entry.tls_desc); break;
  case Value::TlsLd: value += got_address(t_, module_slot); break;
  case Value::GotBase: value += got_base(t_, target_); break;
  case Value::Size: value += size_of(rela, ref); break;
  }
  switch (decision.origin) {
  case Origin::Zero: return value;
  case Origin::Place: return value - (part_->address + rela.r_offset);
  case Origin::GotBase: return value - got_base(t_, target_);
  case Origin::TlsBlock: return target_.dtp_offset(value, tls_block(t_));
  case Origin::ThreadPointer: return target_.tp_offset(value, tls_block(t_));
  }
  return value;
}

// Relocates one place of what is loaded. Returns how many relocations it dealt with.
u32 Relocator::relocate_one(u8 *out, Elf64_Rela rela, u32 next_type) {
  if (!is_valid(rela)) return 1; // find needs has reported it
  const Reference &ref = references_[rela.symbol()];
  TypeFacts facts = facts_[rela.type()];
  if ((facts.is_settled || facts.is_relative) && ref.is_ordinary()) {
    u64 value = target_address(rela, ref) - (facts.is_distance ? part_->address + rela.r_offset : 0);
    if (facts.is_relative) add_relative(rela, value);
    if (!Target::store(facts.field, out + rela.r_offset, value)) report(Code::RelocationOutOfRange, rela, value);
    return 1;
  }
  const Relocation &r = *target_.relocation(rela.type());
  Decision decision = decide(target_, ref, r, part_->where, {part_->bytes, rela.r_offset, next_type});
  if (decision.value == Value::None) return decision.consumed(); // or find needs has reported why not
  u64 value = value_of(decision, rela, ref);
  if (decision.effect != Effect::None) add_dynamic(decision.effect, rela, ref, value);
  bool fits = decision.rewrite == Rewrite::None ? Target::store(facts.field, out + rela.r_offset, value)
                                                : rewrite(decision, r, out, rela, next_type, value);
  if (!fits) report(Code::RelocationOutOfRange, rela, value);
  return decision.consumed();
}

bool Relocator::rewrite(const Decision &decision, const Relocation &r, u8 *out, const Elf64_Rela &rela, u32 next_type,
                        u64 value) const {
  if (decision.rewrite == Rewrite::Got) return target_.relax(r, out, rela.r_offset, static_cast<i64>(value));
  value -= static_cast<u64>(rela.r_addend);
  target_.rewrite_tls(tls_rewrite(decision.rewrite), out, rela.r_offset, next_type, static_cast<i64>(value));
  return true;
}

void Relocator::relocate_unloaded(u8 *out, const RelocatedPart &part, const Array<Elf64_Rela> &relas, u64 tombstone,
                                  bool hides_folded) {
  begin_part(part, types_.unloaded());
  hidden_ = hides_folded ? u32{Reference::Folded} : 0;
  for (Elf64_Rela rela : relas) {
    if (is_valid(rela) && facts_[rela.type()].is_settled) {
      TypeFacts facts = facts_[rela.type()];
      const Reference &ref = references_[rela.symbol()];
      if (ref.is_ordinary() && !is_dead(ref)) {
        u64 value = target_address(rela, ref) - (facts.is_distance ? rela.r_offset : 0);
        if (!Target::store(facts.field, out + rela.r_offset, value)) report(Code::RelocationOutOfRange, rela, value);
        continue;
      }
    }
    relocate_unloaded_one(out, rela, tombstone);
  }
}

void Relocator::relocate_unloaded_one(u8 *out, Elf64_Rela rela, u64 tombstone) {
  const Relocation *r = target_.relocation(rela.type());
  if (!r) return report(Code::RelocationType, rela, rela.type());
  if (rela.symbol() >= references_.size()) return report(Code::BadRelocation, rela, rela.r_info);
  Decision decision = decide_unloaded(*r);
  if (decision.value == Value::None && decision.error == Code::None) return;
  if (!part_->bytes.contains(rela.r_offset, field_size(r->field)))
    return report(Code::RelocationOutsideSection, rela, rela.r_info);
  const Reference &ref = references_[rela.symbol()];
  u64 value = tombstone;
  if (!(ref.flags & Reference::Discarded) && !is_dead(ref)) {
    if (decision.error != Code::None) return report(decision.error, rela, rela.type());
    value = value_of(decision, rela, ref);
  }
  if (!Target::store(r->field, out + rela.r_offset, value)) report(Code::RelocationOutOfRange, rela, value);
}

// The address of byte S + A of a split section, by the section's symbol.
u64 Relocator::merged_address(const Elf64_Rela &rela) {
  u32 symbol = rela.symbol();
  Elf64_Sym sym = file_->symbols()[symbol];
  u32 section = file_->section_index(symbol, sym);
  if (section >= file_->section_count) return static_cast<u64>(rela.r_addend);
  return pieces_.address_of(file_->section_id(section), file_->section(section),
                            sym.st_value + static_cast<u64>(rela.r_addend));
}

u64 Relocator::size_of(const Elf64_Rela &rela, const Reference &ref) const {
  if (!(ref.flags & Reference::Global)) return file_->symbols()[rela.symbol()].st_size;
  u64 claim = t_.symbol.claim[SymbolId{ref.row}];
  if (!claim) return 0;
  FileView owner(t_, Claim::file(claim));
  return owner.symbols()[Claim::symbol(claim)].st_size;
}

void Relocator::add_dynamic(Effect effect, const Elf64_Rela &rela, const Reference &ref, u64 value) {
  if (effect == Effect::Relative || effect == Effect::Packed) add_relative(rela, value);
  else if (effect == Effect::Symbolic)
    dynamic_->add_symbolic(part_->address + rela.r_offset, entry_of(ref), rela.type(), static_cast<u64>(rela.r_addend),
                           ref.flags & Reference::NamedIfunc);
}

void Relocator::report(Code code, const Elf64_Rela &rela, u64 operand) {
  job_.report(code, {.file = raw(file_->id),
                     .section = part_->section,
                     .offset = part_->offset + rela.r_offset,
                     .symbol = rela.symbol(),
                     .operand = operand});
}

} // namespace spore
