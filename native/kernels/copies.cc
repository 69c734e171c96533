// Find needs and synthesise: data of shared objects that executables have copies of (psABI x86-64, R_X86_64_COPY).
//
// A copy takes the place of the original for everybody, so all names of the original must mean it: find needs marks
// them. Where copies lie is decided by one kernel over all entries, whose order is that of symbols.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "generated/kernels.h"
#include "tables/section-kinds.h"

namespace spore {

void mark_copy_aliases(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_shared(t, f) || t.file.traits[f] & FileTraits::IS_BROKEN) continue;
    FileView file(t, f);
    std::vector<u64> copied;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (t.symbol.flags.load(s) & SymbolFlags::NEEDS_COPY && claim && Claim::file(claim) == f)
        copied.push_back(file.symbols()[Claim::symbol(claim)].st_value);
    }
    if (copied.empty()) continue;
    std::sort(copied.begin(), copied.end());
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      Elf64_Sym sym = file.symbols()[i];
      if (sym.st_shndx == SHN_UNDEF || (sym.type() != STT_OBJECT && sym.type() != STT_NOTYPE) ||
          !std::binary_search(copied.begin(), copied.end(), sym.st_value))
        continue;
      SymbolId s{t.mention.symbol[file.mention(i)]};
      u64 claim = t.symbol.claim[s];
      if (claim && Claim::file(claim) == f && Claim::symbol(claim) == i) {
        t.symbol.flags.set_bits(s, SymbolFlags::NEEDS_COPY | SymbolFlags::NEEDS_DYNSYM | SymbolFlags::IMPORTED |
                                       SymbolFlags::OWNED_BY_SHARED);
        t.symbol.uses.set_bits(s, SymbolUse::REACHED); // by the library, whatever --gc-sections found
      }
    }
  }
}

namespace {

// Where copied data lies: in .copyrel, or in .copyrel.rel.ro if it was read-only after relocation where it comes from.
class CopyPlacer {
public:
  explicit CopyPlacer(Job &job) : job_(job), t_(job.t) {}

  void place(EntryId e) {
    SymbolId s{t_.entry.symbol[e]};
    u64 claim = t_.symbol.claim[s];
    FileView file(t_, Claim::file(claim));
    Elf64_Sym sym = file.symbols()[Claim::symbol(claim)];
    auto [found, is_new] = copies_.try_emplace({raw(file.id), sym.st_value});
    Copy &copy = found->second;
    if (is_new && !add(s, file, Claim::symbol(claim), sym, copy)) {
      copies_.erase(found);
      return;
    }
    t_.entry.copy_offset[e] = copy.offset;
    t_.entry.is_copied[e] = is_new && copy.size; // its other names share the bytes
    count_ += is_new && copy.size;
    if (copy.is_relro) t_.symbol.flags.set_bits(s, SymbolFlags::COPY_IS_RELRO);
  }

  void publish() const {
    t_.found.copy_size.set(size_[0]);
    t_.found.copy_alignment.set(alignment_[0]);
    t_.found.copy_relro_size.set(size_[1]);
    t_.found.copy_relro_alignment.set(alignment_[1]);
    t_.found.copy_count.set(count_);
  }

private:
  struct Copy {
    u64 offset = 0, size = 0;
    bool is_relro = false;
  };

  bool add(SymbolId s, const FileView &file, u32 symbol, const Elf64_Sym &sym, Copy &copy) {
    u32 log2 = proven_alignment(file, symbol, sym);
    // Common symbols whose place the datum took ask for as much (common_alignment is 0 of all others).
    log2 = std::max(log2, t_.symbol.common_alignment[s]);
    u32 index = file.section_index(symbol, sym);
    if (index < file.section_count && index != SHN_UNDEF) {
      Elf64_Shdr h = file.section(index);
      auto name = file.section_name(h);
      copy.is_relro = !(h.sh_flags & SHF_WRITE) ||
                      (name && (name->starts_with(".data.rel.ro") || name->starts_with(".bss.rel.ro")));
    }
    u64 bytes = copy.size = copied_size(t_, s, sym);
    if (bytes == 0) { // the program reads something all the same
      job_.report(Code::CopyWithoutSize, {.file = raw(file.id), .symbol = symbol});
      bytes = sizeof(u64);
      log2 = std::max(log2, 3u);
    }
    if (log2 > largest_alignment_log2 ||
        bytes > address_space - std::min(address_space, size_[copy.is_relro] + (u64{1} << log2))) {
      job_.report(Code::SymbolTooLarge, {.file = raw(file.id), .symbol = symbol});
      return false;
    }
    u64 &size = size_[copy.is_relro];
    copy.offset = align_up(size, log2);
    size = copy.offset + bytes;
    alignment_[copy.is_relro] = std::max(alignment_[copy.is_relro], log2);
    return true;
  }

  Job &job_;
  const Tables &t_;
  std::map<std::pair<u32, u64>, Copy> copies_; // by file and address there
  u64 count_ = 0;
  u64 size_[2] = {0, 0};
  u32 alignment_[2] = {0, 0};
};

} // namespace

void place_copies(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId row : rows) {
    CopyPlacer placer(job);
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      if (t.entry.symbol[e] != none && t.entry.needs[e] & SymbolFlags::NEEDS_COPY) placer.place(e);
    }
    placer.publish();
  }
}

} // namespace spore
