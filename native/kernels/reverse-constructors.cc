// Split: .ctors and .dtors list functions that run from last to first, .init_array and .fini_array those that run from
// first to last (.fini_array: the other way round). GNU ld makes one of the other by reversing each section's
// words, and so does this, in a copy: what reads the file after it sees an ordinary list.

#include "generated/kernels.h"
#include "kernels/name-rules.h"
#include "tables/section-kinds.h"

namespace spore {

namespace {

constexpr u64 word = 8;

// The copy of a file, whose words are taken from the original: a rerun finds some of them reversed in the copy.
class Reverser {
public:
  Reverser(Job &job, const FileView &file, const Bytes &original, u8 *copy)
      : job_(job), t_(job.t), file_(file), original_(original), copy_(copy) {}

  void reverse(u32 section) {
    Elf64_Shdr h = file_.section(section);
    auto words = original_.array<u64>(h.sh_offset, h.sh_size / word);
    if (!words || !file_.contents(h) || h.sh_size % word || meets_headers(h)) {
      job_.report(Code::BadSection, {.file = raw(file_.id), .section = section});
      return;
    }
    for (u64 w = 0; w < words->size(); w++) {
      u64 value = (*words)[w];
      std::memcpy(copy_ + h.sh_offset + (words->size() - 1 - w) * word, &value, word);
    }
    if (u32 rela_section = relocation_section_of(t_, file_, section)) reverse_relocations(h, rela_section);
  }

private:
  void reverse_relocations(const Elf64_Shdr &h, u32 rela_section) {
    Elf64_Shdr relas = file_.section(rela_section);
    auto all = original_.array<Elf64_Rela>(relas.sh_offset, relas.sh_size / sizeof(Elf64_Rela));
    if (!all || !file_.contents(relas)) return; // reported when needs are found
    if (meets_headers(relas)) {
      job_.report(Code::BadRelocationSection, {.file = raw(file_.id), .section = rela_section});
      return;
    }
    for (u64 r = 0; r < all->size(); r++) {
      Elf64_Rela rela = (*all)[r];
      // What is outside stays outside, and is reported when needs are found.
      if (rela.r_offset <= h.sh_size - word) rela.r_offset = h.sh_size - word - rela.r_offset;
      std::memcpy(copy_ + relas.sh_offset + (all->size() - 1 - r) * sizeof rela, &rela, sizeof rela);
    }
  }

  // The headers have been checked by now, and must not become others.
  bool meets_headers(const Elf64_Shdr &h) const {
    u64 headers = t_.file.section_headers[file_.id], end = headers + file_.section_count * sizeof(Elf64_Shdr);
    return h.sh_offset < end && headers < h.sh_offset + h.sh_size;
  }

  Job &job_;
  const Tables &t_;
  const FileView &file_;
  const Bytes &original_;
  u8 *copy_;
};

// A section whose words a copy has in reverse.
bool is_reversed(const NameRules &rules, const FileView &file, const Elf64_Shdr &h) {
  auto name = file.section_name(h);
  return name && rules.reversed_into(rules.rule_of(file.id, *name, h), h);
}

} // namespace

void reverse_constructors(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  NameRules rules(t);
  for (FileId f : rows) {
    if (!is_live_object(t, f) || !(t.file.flags[f] & FileFlags::HAS_CONSTRUCTORS)) continue;
    InputId input{t.file.input[f]};
    u64 offset = t.file.input_offset[f];
    // Not file.image: a rerun may find the copy there already.
    Bytes original(reinterpret_cast<const u8 *>(t.input.base[input] + offset), t.input.size[input] - offset);
    u8 *copy = reinterpret_cast<u8 *>(t.file.reversed_copy[f]);
    if (copy) {
      std::memcpy(copy, original.data(), t.file.size[f]);
      t.file.image[f] = reinterpret_cast<u64>(copy);
    } else {
      copy = reinterpret_cast<u8 *>(t.file.image[f]); // uncompressed: a copy already
    }
    FileView file(t, f);
    Reverser reverser(job, file, original, copy);
    for (u32 i = 1; i < file.section_count; i++)
      if (is_reversed(rules, file, file.section(i))) reverser.reverse(i);
  }
}

} // namespace spore
