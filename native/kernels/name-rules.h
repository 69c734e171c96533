// The rules by which sections get their names in the output, in the order in which they are tried.
#pragma once

#include "tables/file-view.h"

namespace spore {

// Rules are numbered from 1 here; 0 is none.
class NameRules {
public:
  explicit NameRules(const Tables &t) : t_(t) {}

  // The rule for a name.
  u32 rule_of(const Name &name) const {
    u64 first_bytes = 0;
    if (name.size >= 8) std::memcpy(&first_bytes, name.data, 8);
    else
      for (u32 i = 0; i < name.size; i++) first_bytes |= u64{name.data[i]} << (8 * i);
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

  // Bytes of a rule's text.
  u32 length(u32 rule) const { return t_.name_rule.length[row(rule)]; }
  bool is_exact(u32 rule) const { return t_.name_rule.is_exact[row(rule)]; }
  // Whether a section of this rule, or of none, has no more of its name than the rule's text.
  bool is_cut(u32 rule) const { return rule && !t_.name_rule.keeps_name[row(rule)]; }

  // The type of list that a section of this rule turns into, or 0.
  u32 reversed_into(u32 rule, const Elf64_Shdr &h) const {
    bool may_be_list = h.sh_type == SHT_PROGBITS && (h.sh_flags & (SHF_ALLOC | SHF_TLS)) == SHF_ALLOC;
    return rule && may_be_list ? t_.name_rule.reversed_into[row(rule)] : 0;
  }

private:
  static NameRuleId row(u32 rule) { return NameRuleId{rule - 1}; }

  const Tables &t_;
};

} // namespace spore
