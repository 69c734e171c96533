// Relocates bytes of a file in the output's buffer, as decide.h says.
#pragma once

#include "kernels/decide.h"
#include "kernels/dynamic-relocation-writer.h"
#include "kernels/piece-index.h"

namespace spore {

// What is relocated at once: a section, or a record of .eh_frame.
struct RelocatedPart {
  u32 section = 0; // index of its header
  Bytes bytes; // as the file has them: where two relocations meet, find needs saw these
  u64 offset = 0; // where they begin in the section
  u64 address = 0; // in the output; 0 where the section is not loaded
  Surroundings where{};
  u32 ordinal = 0; // of the section's bucket
  u64 part_offset = 0; // in the chunk's part of the bucket
};

// What most relocations are: the distance of something in reach, in 32 bits. Has copies of what it needs, because a
// byte that is stored might be of anything else.
class NearRelocations {
public:
  NearRelocations(u32 types, const TypeFacts *facts, const References &references, const RelocatedPart &part)
      : types_(types), symbols_(references.size()), facts_(facts), references_(references.data()), bytes_(part.bytes),
        address_(part.address) {}

  // False: it is another one.
  bool relocate(u8 *out, const Elf64_Rela &rela) const {
    if (rela.type() >= types_ || rela.symbol() >= symbols_ || !facts_[rela.type()].is_near) return false;
    const Reference &ref = references_[rela.symbol()];
    if (!ref.is_plain() || !bytes_.contains(rela.r_offset, 4)) return false;
    u64 value = ref.address + static_cast<u64>(rela.r_addend) - (address_ + rela.r_offset);
    return Target::store_distance(out + rela.r_offset, value);
  }

private:
  u32 types_, symbols_;
  const TypeFacts *facts_;
  const Reference *references_;
  Bytes bytes_;
  u64 address_;
};

class Relocator {
public:
  // `dynamic` may be null where nothing that is relocated is loaded.
  Relocator(Job &job, DynamicRelocationWriter *dynamic)
      : job_(job), t_(job.t), target_(target_of(job.t.link.machine)), relative_type_(target_.dynamic().relative),
        types_(target_, job.t.link.output_flags), dynamic_(dynamic), pieces_(job.t) {}

  // What follows is of this file.
  void begin_file(const FileView &file);

  // Relocates a part, whose bytes have been copied to `out`, by at(begin) to at(end - 1): relocations with offsets
  // in the part.
  template <typename At> void relocate(u8 *out, const RelocatedPart &part, u32 begin, u32 end, At at) {
    begin_part(part, types_.in(part.where));
    const NearRelocations near(types_.count(), facts_, references_, part);
    for (u32 i = begin; i < end;) {
      Elf64_Rela rela = at(i);
      if (near.relocate(out, rela)) i++;
      else i += relocate_one(out, rela, i + 1 < end ? at(i + 1).type() : 0);
    }
  }

  // The same of a section that is not loaded. What refers to nothing in the output becomes `tombstone`, and so does
  // what refers to a folded section where these are hidden.
  void relocate_unloaded(u8 *out, const RelocatedPart &part, const Array<Elf64_Rela> &relas, u64 tombstone,
                         bool hides_folded);

  // S + A of a relocation of the file.
  u64 target_address(const Elf64_Rela &rela) { return target_address(rela, references_[rela.symbol()]); }

private:
  u64 target_address(const Elf64_Rela &rela, const Reference &ref) {
    constexpr u32 split = Reference::Merged | Reference::Section;
    return (ref.flags & split) == split ? merged_address(rela) : ref.address + static_cast<u64>(rela.r_addend);
  }
  // Defined, in what is not in the output, or hidden.
  bool is_dead(const Reference &ref) const {
    constexpr u32 asked = Reference::Global | Reference::Absolute | Reference::Weak | Reference::Undefined;
    return ((ref.flags & asked) == Reference::Global && ref.address == 0) || ref.flags & hidden_;
  }

  void add_relative(const Elf64_Rela &rela, u64 value) {
    if (relative_at(part_->where, rela.r_offset) == Effect::Packed)
      dynamic_->add_packed(part_->ordinal, part_->part_offset + rela.r_offset);
    else dynamic_->add_relative(part_->address + rela.r_offset, relative_type_, value);
  }

  void begin_part(const RelocatedPart &part, const TypeFacts *facts) {
    part_ = &part;
    facts_ = facts;
  }

  bool is_valid(const Elf64_Rela &rela) const {
    return rela.type() < types_.count() && rela.symbol() < references_.size() && facts_[rela.type()].is_known &&
           part_->bytes.contains(rela.r_offset, facts_[rela.type()].bytes);
  }

  void load_addresses(const FileView &file);
  void load_entries(const FileView &file);
  void mark_folded(const FileView &file);
  u32 relocate_one(u8 *out, Elf64_Rela rela, u32 next_type);
  void relocate_unloaded_one(u8 *out, Elf64_Rela rela, u64 tombstone);
  u64 merged_address(const Elf64_Rela &rela);
  u32 entry_of(const Reference &ref) const;
  u64 slot_address(const Reference &ref, const Column<EntryId, u32> &index) const;
  u64 value_of(const Decision &decision, const Elf64_Rela &rela, const Reference &ref);
  u64 size_of(const Elf64_Rela &rela, const Reference &ref) const;
  bool rewrite(const Decision &decision, const Relocation &r, u8 *out, const Elf64_Rela &rela, u32 next_type,
               u64 value) const;
  void add_dynamic(Effect effect, const Elf64_Rela &rela, const Reference &ref, u64 value);
  void report(Code code, const Elf64_Rela &rela, u64 operand);

  Job &job_;
  const Tables &t_;
  const Target &target_;
  const u32 relative_type_;
  Types types_;
  const TypeFacts *facts_ = nullptr; // in the part, by type
  DynamicRelocationWriter *dynamic_;
  References references_; // with addresses; of local symbols the row in the table of entries, plus 1
  PieceIndex pieces_;
  u32 hidden_ = 0; // Reference's flags of what a section that is not loaded does not see
  const FileView *file_ = nullptr;
  const RelocatedPart *part_ = nullptr;
};

} // namespace spore
