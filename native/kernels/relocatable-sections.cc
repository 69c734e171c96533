// -r: which sections of inputs are in the output, and which of them are one section there.
//
// As in GNU ld, what has one name is one section, but for members of groups, which stay by themselves, so that a group
// can still be discarded. Beside the name, type and merge attributes count here, so that what can be merged stays so.

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/gc-roots.h"
#include "kernels/input-sections.h"
#include "kernels/name-rules.h"
#include "kernels/relocatable.h"
#include "kernels/stray-relocations.h"
#include "targets/target.h"

namespace spore {

namespace {

// Where sections come that no rule gives a place; src/passes/relocatable-rules.ts puts those with a name between them.
enum OrphanOrder : u32 { Notes = 1, Code, ReadOnly, ThreadLocal, Data, Zero, Unloaded };
constexpr u32 orphan_order_shift = 20;

u32 orphan_order(const Elf64_Shdr &h) {
  auto kind = [&]() -> u32 {
    if (!(h.sh_flags & SHF_ALLOC)) return Unloaded;
    if (h.sh_flags & SHF_EXECINSTR) return Code;
    if (h.sh_flags & SHF_TLS) return ThreadLocal;
    if (h.sh_flags & SHF_WRITE) return h.sh_type == SHT_NOBITS ? Zero : Data;
    return h.sh_type == SHT_NOTE ? Notes : ReadOnly;
  };
  return kind() << orphan_order_shift;
}

class Classifier {
public:
  Classifier(Job &job, const NameRules &rules, FileId f)
      : job_(job), t_(job.t), rules_(rules), file_(job.t, f), output_(job.t.link.output_flags),
        asked_(job.parameter(0)) {}

  void classify() {
    if (file_.has_stray_relocations) note_stray_relocations(t_, file_);
    bool has_sections = false;
    for (u32 i = 1; i < file_.section_count; i++) {
      Elf64_Shdr h = file_.section(i);
      if (h.sh_type == SHT_RELA) {
        if (i > 1 && h.sh_info == i - 1) t_.section.flags[file_.section_id(i - 1)] |= SectionFlags::RELOCATED;
        continue;
      }
      if (is_table(h)) continue;
      if (h.sh_type != SHT_GROUP) has_sections = true;
      if (t_.section.flags[file_.section_id(i)] & SectionFlags::DISCARDED) continue;
      auto name = file_.section_name(h);
      bool is_ordered_by_none = h.sh_flags & SHF_LINK_ORDER && h.sh_link >= file_.section_count;
      if (!name || alignment_log2(h) > largest_alignment_log2 || is_ordered_by_none)
        job_.report(name ? Code::BadSection : Code::BadSectionName, {.file = raw(file_.id), .section = i});
      else classify_section(i, h, *name);
    }
    if (has_sections && !(flags_ & FileFlags::HAS_STACK_NOTE)) flags_ |= FileFlags::NEEDS_EXECUTABLE_STACK;
    t_.file.flags[file_.id] |= static_cast<u16>(flags_);
  }

private:
  void classify_section(u32 i, const Elf64_Shdr &h, const Name &name) {
    SectionId s = file_.section_id(i);
    OutputMemberId m = member_of(s);
    if (h.sh_type == SHT_GROUP) { // whether it has members left is known once it is known what is live
      if (asked_ & RelocatableFlags::DISSOLVE_GROUPS) return;
      t_.output_member.key[m] = unique_key(i);
      t_.output_member.order[m] = 0;
      return;
    }
    if (!is_copied(h, name)) return;
    u32 rule = rules_.rule_of(file_.id, name, h);
    if (rules_.has(rule, RuleTraits::DISCARD)) {
      t_.section.flags[s] |= SectionFlags::DISCARDED;
      return;
    }
    bool is_unique = (h.sh_flags & SHF_GROUP && !(asked_ & RelocatableFlags::DISSOLVE_GROUPS)) ||
                     rules_.has(rule, RuleTraits::UNIQUE) || (rule == 0 && asked_ & RelocatableFlags::UNIQUE_ORPHANS);
    u32 order = rule ? t_.name_rule.output_order[NameRuleId{rule - 1}] : 0;
    t_.output_member.key[m] = is_unique ? unique_key(i) : key_of(h, name, rule);
    t_.output_member.order[m] = order ? order : orphan_order(h);
    t_.output_member.is_unmergeable[m] = h.sh_flags & SHF_MERGE && !stays_mergeable(h);
    t_.output_member.rank[m] = rule ? rules_.group(rule) : 0;
    set_bucket(t_, s, BucketId{1}); // what select asks
    bool is_eh_frame =
        h.sh_flags & SHF_ALLOC && name == ".eh_frame" && (h.sh_type == SHT_PROGBITS || h.sh_type == SHT_X86_64_UNWIND);
    if (is_eh_frame) t_.output_member.is_terminated[m] = ends_with_terminator(h);
    u32 flags = is_eh_frame ? u32{SectionFlags::EH_FRAME} : 0;
    bool may_be_unused = output_ & OutputFlags::GC_SECTIONS && h.sh_flags & SHF_ALLOC && !is_eh_frame;
    if (!may_be_unused || is_gc_root(name, h) || rules_.has(rule, RuleTraits::KEEP)) flags |= SectionFlags::LIVE;
    t_.section.flags[s] |= static_cast<u8>(flags);
  }

  // Whether a section goes into the output as it is. Of some the linker makes its own, of what all of them say.
  bool is_copied(const Elf64_Shdr &h, const Name &name) {
    if (is_for_linker(t_, file_, h, name, flags_)) return false;
    bool is_stripped = output_ & (OutputFlags::STRIP_ALL | OutputFlags::STRIP_DEBUG);
    return h.sh_flags & SHF_ALLOC || !is_stripped || !is_debug_name(name);
  }

  // LSB Core, Exception Frames: a record of no length. The last bytes of another one may be zeros, too.
  bool ends_with_terminator(const Elf64_Shdr &h) const {
    auto contents = file_.contents(h);
    if (!contents) return false;
    for (u64 at = 0; at < contents->size();) {
      auto length = contents->read<u32>(at);
      if (!length) return false;
      if (*length == 0) return contents->size() - at == sizeof(u32);
      if (!contents->contains(at + sizeof(u32), *length)) return false;
      at += sizeof(u32) + u64{*length};
    }
    return false;
  }

  u64 unique_key(u32 i) const {
    const u32 identity[] = {raw(file_.id), i};
    return hash_bytes(reinterpret_cast<const u8 *>(identity), sizeof identity, t_.link.hash_seed) | 1;
  }

  u64 key_of(const Elf64_Shdr &h, const Name &name, u32 rule) const {
    if (rule && t_.name_rule.output_name_length[NameRuleId{rule - 1}]) { // together, whatever they are
      const u32 identity[] = {t_.name_rule.output_order[NameRuleId{rule - 1}], none};
      return hash_bytes(reinterpret_cast<const u8 *>(identity), sizeof identity, t_.link.hash_seed) | 1;
    }
    constexpr u64 telling = SHF_ALLOC | SHF_TLS | SHF_MERGE | SHF_STRINGS | SHF_LINK_ORDER | SHF_EXCLUDE |
                            SHF_GNU_RETAIN | SHF_X86_64_LARGE;
    u32 type = h.sh_type == SHT_X86_64_UNWIND ? u32{SHT_PROGBITS} : h.sh_type;
    const u64 identity[] = {type | u64{stays_mergeable(h) ? 1u : 0u} << 32, h.sh_flags & telling, h.sh_entsize};
    u64 seed = hash_bytes(reinterpret_cast<const u8 *>(identity), sizeof identity, t_.link.hash_seed);
    return hash_bytes(name.data, name.size, seed) | 1;
  }

  // A string without an end would become the beginning of what comes after it.
  bool stays_mergeable(const Elf64_Shdr &h) const {
    if (!(h.sh_flags & SHF_MERGE) || h.sh_entsize == 0 || h.sh_type == SHT_NOBITS) return false;
    if (h.sh_size % h.sh_entsize != 0) return false;
    return !(h.sh_flags & SHF_STRINGS) || h.sh_size == 0 || spore::ends_with_terminator(file_, h);
  }

  Job &job_;
  const Tables &t_;
  const NameRules &rules_;
  FileView file_;
  u64 output_, asked_;
  u32 flags_ = 0; // FileFlags, all of them at the end: a rerun over a file adds the same
};

} // namespace

void classify_sections(Job &job, RowRange<FileId> rows) {
  NameRules rules(job.t);
  for (FileId f : rows)
    if (is_live_object(job.t, f) && !(job.t.file.flags[f] & FileFlags::IS_INTERNAL))
      Classifier(job, rules, f).classify();
}

// A group that another object has, too, is discarded there as a whole: none of its sections may be missing here.
void mark_groups(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    for (u32 i = 1; i < file.section_count; i++) {
      Elf64_Shdr h = file.section(i);
      if (h.sh_type != SHT_GROUP || t.output_member.key[member_of(file.section_id(i))] == 0) continue;
      Array<u32> words = group_words(file, h);
      bool is_reached = false;
      for_each_group_member(t, file, words,
                            [&](u32 member) { is_reached |= file.section(member).sh_flags & SHF_ALLOC; });
      if (!is_reached) continue;
      for (u64 k = 1; k < words.size(); k++) {
        if (words[k] >= file.section_count) continue;
        SectionId s = file.section_id(words[k]);
        if (t.output_member.key[member_of(s)] != 0 && !(t.section.flags.load(s) & SectionFlags::DISCARDED) &&
            t.section.flags.claim_bits(s, SectionFlags::LIVE))
          t.found.has_unmarked_group.set();
      }
    }
  }
}

} // namespace spore
