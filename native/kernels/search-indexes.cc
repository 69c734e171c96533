// Scan, before anything else, where archives are large: which of their members may be in the link, by the indexes of
// the archives. Other members are not even looked at.
//
// What is found is more than what resolve will extract, never less: a member is wanted when it defines a name that
// anything wanted refers to, wherever else the name may be defined. A name counts up to its @, without its version.

#include <unordered_set>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/archive.h"

namespace spore {

namespace {

// GNU ld and this linker search an archive by need, unless all of it is asked for.
bool may_search(const Tables &t, InputId i) {
  return (t.input.flags[i] & (InputFlags::IS_ARCHIVE | InputFlags::WHOLE_ARCHIVE)) == InputFlags::IS_ARCHIVE;
}

u64 hash_unversioned(const Tables &t, const u8 *name, size_t size) {
  if (auto *at = static_cast<const u8 *>(size > 1 ? std::memchr(name + 1, '@', size - 1) : nullptr))
    size = static_cast<size_t>(at - name);
  return hash_bytes(name, size, t.link.hash_seed);
}

// Calls `visit` with each name that an object or a shared object refers to so that a member is extracted for it:
// undefined or common. What is malformed is passed over here; the scan reports it.
template <typename Visit> void for_each_reference(const Bytes &file, Visit visit) {
  auto header = file.read<Elf64_Ehdr>(0);
  if (!header || !has_elf_magic(file) || header->e_ident[4] != 2 || header->e_ident[5] != 1) return;
  auto zeroth = file.read<Elf64_Shdr>(header->e_shoff);
  if (!zeroth) return;
  auto headers = file.array<Elf64_Shdr>(header->e_shoff, header->e_shnum ? header->e_shnum : zeroth->sh_size);
  if (!headers) return;
  u32 type = header->e_type == ET_DYN ? u32{SHT_DYNSYM} : u32{SHT_SYMTAB};
  for (Elf64_Shdr h : *headers) {
    if (h.sh_type != type || h.sh_link >= headers->size()) continue;
    Elf64_Shdr s = (*headers)[h.sh_link];
    auto symbols = file.array<Elf64_Sym>(h.sh_offset, h.sh_size / sizeof(Elf64_Sym));
    auto strings = file.slice(s.sh_offset, s.sh_size);
    if (!symbols || !strings) return;
    for (u64 i = type == SHT_DYNSYM ? 1 : h.sh_info; i < symbols->size(); i++) {
      Elf64_Sym sym = (*symbols)[i];
      bool is_reference = sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_COMMON ||
                          sym.st_shndx == SHN_X86_64_LCOMMON || sym.type() == STT_COMMON;
      if (!is_reference || sym.binding() == STB_WEAK || sym.st_name >= strings->size()) continue;
      const u8 *name = strings->data() + sym.st_name;
      visit(name, strnlen(reinterpret_cast<const char *>(name), strings->size() - sym.st_name));
    }
    return;
  }
}

// The names of all indexes: a hash table of rows of indexName, equal names one after the other.
class Names {
public:
  explicit Names(const Tables &t) : t_(t), next_(t.index_name.rows) {
    u32 count = static_cast<u32>(t.index_name.rows);
    size_t size = 16;
    while (size < count * size_t{2}) size *= 2;
    slots_.resize(size);
    for (u32 row = 0; row < count; row++) {
      u32 &slot = slot_of(t.index_name.hash[IndexNameId{row}]);
      next_[row] = slot;
      slot = row + 1;
    }
  }

  template <typename Visit> void for_each(u64 hash, Visit visit) {
    for (u32 row = slot_of(hash); row; row = next_[row - 1]) visit(IndexNameId{row - 1});
  }

private:
  u32 &slot_of(u64 hash) {
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at] && t_.index_name.hash[IndexNameId{slots_[at] - 1}] != hash) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }

  const Tables &t_;
  std::vector<u32> slots_, next_; // row + 1, or 0
};

class Search {
public:
  explicit Search(const Tables &t) : t_(t), names_(t) {
    // Looking all references up, one after the other, is worth it while they are few.
    references_left_ = std::max<u64>(t.index_name.rows / 4, 20'000);
  }

  // False when so much is referred to that the search was given up.
  bool run() {
    for (u32 i = 0; i < t_.input.rows; i++) {
      InputId input{i};
      u64 bad = 0;
      if (t_.input.flags[input] & InputFlags::IS_INDEXED) continue;
      if (t_.input.flags[input] & InputFlags::IS_ARCHIVE)
        for_each_member(input_bytes(t_, input), [&](const Member &m) { follow(m.contents); }, bad);
      else follow(input_bytes(t_, input));
      while (!stack_.empty()) {
        Bytes next = stack_.back();
        stack_.pop_back();
        follow(next);
      }
    }
    return !is_too_wide_;
  }

private:
  void follow(const Bytes &file) {
    if (is_too_wide_) return;
    for_each_reference(file, [&](const u8 *name, size_t size) {
      if (references_left_ == 0) is_too_wide_ = true;
      else references_left_--;
      if (!is_too_wide_) names_.for_each(hash_unversioned(t_, name, size), [&](IndexNameId found) { want(found); });
    });
  }

  void want(IndexNameId name) {
    t_.index_name.is_wanted.set_bits(name, 1);
    InputId input{input_of(name)};
    u64 header = t_.index_name.member[name], next = 0;
    if (!seen_.insert(u64{raw(input)} << 40 ^ header).second) return;
    if (auto member = member_at(input_bytes(t_, input), header, next)) stack_.push_back(member->contents);
  }

  u32 input_of(IndexNameId name) const {
    const u32 *first = t_.input.first_index_name.data;
    return static_cast<u32>(std::upper_bound(first, first + t_.input.rows + 1, raw(name)) - first) - 1;
  }

  const Tables &t_;
  Names names_;
  std::vector<Bytes> stack_;
  std::unordered_set<u64> seen_; // members, by input and header
  u64 references_left_;
  bool is_too_wide_ = false;
};

} // namespace

void count_indexes(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    t.input.index_names[i] = 0;
    if (!may_search(t, i)) continue;
    auto index = ArchiveIndex::of(input_bytes(t, i));
    if (!index) continue;
    t.input.index_names[i] = index->size();
    t.input.flags[i] |= InputFlags::IS_INDEXED;
  }
}

void hash_indexes(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    if (!(t.input.flags[i] & InputFlags::IS_INDEXED)) continue;
    auto index = ArchiveIndex::of(input_bytes(t, i));
    if (!index) continue; // the file changed
    u32 first = t.input.first_index_name[i], count = t.input.first_index_name[i + 1] - first;
    index->for_each_name([&](u32 n, const u8 *name, size_t size) {
      if (n >= count) return;
      t.index_name.hash[IndexNameId{first + n}] = hash_unversioned(t, name, size);
      t.index_name.member[IndexNameId{first + n}] = index->member(n);
    });
  }
}

void search_indexes(Job &job, RowRange<RangeId> rows) {
  for ([[maybe_unused]] RangeId row : rows) job.t.found.is_search_too_wide.set(!Search(job.t).run());
}

} // namespace spore
