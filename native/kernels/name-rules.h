// The rules by which sections get their names in the output, in the order in which they are tried.
#pragma once

#include <array>
#include <vector>

#include "kernels/glob.h"
#include "tables/file-view.h"

namespace spore {

// Rules are numbered from 1 here; 0 is none.
class NameRules {
public:
  explicit NameRules(const Tables &t)
      : t_(t), are_stated_(t.name_rule.rows > 0 && t.name_rule.traits[NameRuleId{0}] & RuleTraits::STATED) {
    if (are_stated_) sort_by_character();
  }

  // Whether a linker script has made them.
  bool are_stated() const { return are_stated_; }
  bool has(u32 rule, u32 trait) const { return rule && t_.name_rule.traits[row(rule)] & trait; }
  // What a script's rule has its bucket in common with; its name says nothing.
  u32 group(u32 rule) const { return t_.name_rule.group[row(rule)]; }

  // The rule for a section; the first that matches.
  u32 rule_of(FileId f, const Name &name, const Elf64_Shdr &h) const {
    u64 first_bytes = 0;
    if (name.size >= 8) std::memcpy(&first_bytes, name.data, 8);
    else
      for (u32 i = 0; i < name.size; i++) first_bytes |= u64{name.data[i]} << (8 * i);
    return are_stated_ ? stated_rule_of(f, name, first_bytes, h) : plain_rule_of(name, first_bytes);
  }

  // Whether KEEP speaks of a section, wherever that puts it.
  bool keeps(FileId f, const Name &name, const Elf64_Shdr &h) const {
    if (!are_stated_) return false;
    for (u32 r = 0; r < t_.name_rule.rows; r++)
      if (t_.name_rule.traits[NameRuleId{r}] & RuleTraits::KEEP && matches(NameRuleId{r}, f, name, h)) return true;
    return false;
  }

  // Bytes of a rule's text.
  u32 length(u32 rule) const { return t_.name_rule.length[row(rule)]; }
  bool is_exact(u32 rule) const { return t_.name_rule.is_exact[row(rule)]; }
  // Whether a section of this rule, or of none, has no more of its name than the rule's text.
  bool is_cut(u32 rule) const { return rule && !are_stated_ && !t_.name_rule.keeps_name[row(rule)]; }

  // The type of list that a section of this rule turns into, or 0.
  u32 reversed_into(u32 rule, const Elf64_Shdr &h) const {
    bool may_be_list = h.sh_type == SHT_PROGBITS && (h.sh_flags & (SHF_ALLOC | SHF_TLS)) == SHF_ALLOC;
    return rule && may_be_list ? t_.name_rule.reversed_into[row(rule)] : 0;
  }

private:
  static NameRuleId row(u32 rule) { return NameRuleId{rule - 1}; }

  u32 plain_rule_of(const Name &name, u64 first_bytes) const {
    for (u32 r = 0; r < t_.name_rule.rows; r++) {
      NameRuleId rule{r};
      u32 length = t_.name_rule.length[rule];
      if ((first_bytes & t_.name_rule.mask[rule]) != t_.name_rule.first_bytes[rule] || name.size < length) continue;
      auto *text = reinterpret_cast<const u8 *>(t_.name_rule.text[rule]);
      if (length > 8 && std::memcmp(name.data + 8, text + 8, length - 8u) != 0) continue;
      if (name.size == length) return r + 1;
      if (!t_.name_rule.is_exact[rule] && (t_.name_rule.keeps_name[rule] || name.data[length] == '.')) return r + 1;
    }
    return 0;
  }

  u32 stated_rule_of(FileId f, const Name &name, u64 first_bytes, const Elf64_Shdr &h) const {
    for (NameRuleId rule : by_character_[first_bytes >> 8 & 0xff]) {
      if ((first_bytes & t_.name_rule.mask[rule]) != t_.name_rule.first_bytes[rule]) continue;
      if (matches(rule, f, name, h)) return raw(rule) + 1;
    }
    return 0;
  }

  // Names begin with a point; what comes after it tells most rules apart.
  void sort_by_character() {
    for (u32 r = 0; r < t_.name_rule.rows; r++) {
      NameRuleId rule{r};
      u32 mask = t_.name_rule.mask[rule] >> 8 & 0xff, character = t_.name_rule.first_bytes[rule] >> 8 & 0xff;
      for (u32 c = 0; c < by_character_.size(); c++)
        if ((c & mask) == character) by_character_[c].push_back(rule);
    }
  }

  bool matches(NameRuleId rule, FileId f, const Name &name, const Elf64_Shdr &h) const {
    u64 with = t_.name_rule.with_flags[rule], without = t_.name_rule.without_flags[rule];
    if ((h.sh_flags & with) != with || h.sh_flags & without || !speaks_of(rule, f)) return false;
    std::string_view text(reinterpret_cast<const char *>(name.data), name.size);
    std::string_view pattern(reinterpret_cast<const char *>(t_.name_rule.text[rule]), t_.name_rule.length[rule]);
    u32 traits = t_.name_rule.traits[rule];
    if (traits & RuleTraits::PREFIX) return text.starts_with(pattern);
    return traits & RuleTraits::GLOB ? matches_glob(pattern, text) : pattern == text;
  }

  bool speaks_of(NameRuleId rule, FileId f) const {
    u32 set = t_.name_rule.file_set[rule];
    if (set == 0) return true;
    u64 word = u64{raw(f)} * t_.link.file_set_words + (set - 1) / 32;
    return t_.file_set.bits[FileSetId{static_cast<u32>(word)}] >> (set - 1) % 32 & 1;
  }

  const Tables &t_;
  bool are_stated_;
  std::array<std::vector<NameRuleId>, 256> by_character_; // in order; those of a script
};

} // namespace spore
