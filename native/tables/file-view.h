// A file of the link as kernels read it: its parts lie where scan_headers found them valid; what those
// parts say (indices, offsets, names) is checked here, each time it is read.
#pragma once

#include <algorithm>

#include "elf/bytes.h"
#include "elf/elf.h"
#include "generated/columns.h"

namespace spore {

// Section header indices that are none. Beyond every real one, unlike SHN_ABS, which extended numbering
// gives to a section.
inline constexpr u32 section_absolute = 0xfffffff1;
inline constexpr u32 section_common = 0xfffffff2;
inline constexpr u32 section_large_common = 0xfffffff3;
inline constexpr u32 section_bad = 0xffffffff;

inline bool is_common(u32 section) { return section == section_common || section == section_large_common; }

// `\0`-terminated inside its string table.
struct Name {
  const u8 *data = nullptr;
  u32 size = 0;
  bool has_at = false; // an `@`, when it was read from a string table

  bool starts_with(const char *prefix) const {
    size_t n = __builtin_strlen(prefix);
    return size >= n && std::memcmp(data, prefix, n) == 0;
  }
  bool operator==(const char *other) const {
    return size == __builtin_strlen(other) && std::memcmp(data, other, size) == 0;
  }
  bool operator==(const Name &other) const {
    return size == other.size && (size == 0 || std::memcmp(data, other.data, size) == 0);
  }
};

// A name in one word: its address, which has 48 bits where nobody asks for more, and above that its size, so that it
// need not be looked for again; all ones where it has no room.
inline u64 pack_name(const Name &name) {
  return reinterpret_cast<u64>(name.data) | u64{std::min(name.size, u32{0xffff})} << 48;
}

inline Name unpack_name(u64 packed) {
  auto *text = reinterpret_cast<const u8 *>(packed << 16 >> 16);
  u32 size = static_cast<u32>(packed >> 48);
  if (size == 0xffff) [[unlikely]]
    size = static_cast<u32>(__builtin_strlen(reinterpret_cast<const char *>(text)));
  return {text, size};
}

class FileView {
public:
  FileView(const Tables &t, FileId id)
      : id(id), bytes(reinterpret_cast<const u8 *>(t.file.image[id]), t.file.image_size[id]),
        section_count(t.file.section_count[id]), first_global(t.file.first_global[id]),
        symbol_count(t.file.symbol_count[id]), first_section(t.file.first_section[id]),
        first_mention(t.file.first_mention[id]), headers_(bytes.data() + t.file.section_headers[id], section_count),
        symbols_(bytes.data() + t.file.symbols[id], symbol_count),
        strings_(bytes.data() + t.file.strings[id], t.file.strings_size[id]),
        section_names_(bytes.data() + t.file.section_names[id], t.file.section_names_size[id]),
        indices_(bytes.data() + t.file.section_indices[id], t.file.section_indices[id] ? symbol_count : 0) {
    has_stray_relocations = t.file.traits[id] & FileTraits::HAS_STRAY_RELOCATIONS;
  }

  FileId id;
  Bytes bytes;
  u32 section_count;
  u32 first_global;
  u32 symbol_count;
  bool has_stray_relocations; // a SHT_RELA section that does not follow the section that it is for
  SectionId first_section_id() const { return SectionId{first_section}; }
  SectionId section_id(u32 index) const { return SectionId{first_section + index}; }
  MentionId mention(u32 symbol) const { return MentionId{first_mention + (symbol - first_global)}; }

  // index < section_count
  Elf64_Shdr section(u32 index) const { return headers_[index]; }
  // The symbols; those from first_global on are global.
  const Array<Elf64_Sym> &symbols() const { return symbols_; }

  std::optional<Bytes> contents(const Elf64_Shdr &header) const {
    if (header.sh_type == SHT_NOBITS) return Bytes();
    return bytes.slice(header.sh_offset, header.sh_size);
  }
  // The relocations in a SHT_RELA section.
  std::optional<Array<Elf64_Rela>> relocations(const Elf64_Shdr &header) const {
    return bytes.array<Elf64_Rela>(header.sh_offset, header.sh_size / sizeof(Elf64_Rela));
  }
  std::optional<Name> section_name(const Elf64_Shdr &header) const { return name_in(section_names_, header.sh_name); }
  std::optional<Name> symbol_name(const Elf64_Sym &symbol) const { return name_in(strings_, symbol.st_name); }

  // Whether a symbol's name begins so, without a look at the rest of it.
  bool begins(const Elf64_Sym &symbol, std::string_view prefix) const {
    return symbol.st_name < strings_.size() && prefix.size() <= strings_.size() - symbol.st_name &&
           std::memcmp(strings_.data() + symbol.st_name, prefix.data(), prefix.size()) == 0;
  }

  // What st_shndx stands for: an index below section_count (0: undefined), or one of the numbers above.
  u32 section_index(u32 symbol, const Elf64_Sym &sym) const {
    u32 index = sym.st_shndx;
    if (index < SHN_LORESERVE) return index < section_count ? index : section_bad;
    if (index == SHN_ABS) return section_absolute;
    if (index == SHN_COMMON) return section_common;
    if (index == SHN_X86_64_LCOMMON) return section_large_common;
    if (index == SHN_XINDEX && symbol < indices_.size()) {
      index = indices_[symbol];
      return index < section_count ? index : section_bad;
    }
    return section_bad;
  }

private:
  std::optional<Name> name_in(const Bytes &table, u32 offset) const {
    if (offset >= table.size()) return std::nullopt;
    const u8 *at = table.data() + offset;
    StringScan found = scan_string(at, table.size() - offset);
    return Name{at, static_cast<u32>(found.size), found.has_at};
  }

  u32 first_section;
  u32 first_mention;
  Array<Elf64_Shdr> headers_;
  Array<Elf64_Sym> symbols_;
  Bytes strings_;
  Bytes section_names_;
  Array<u32> indices_;
};

// Visits the global symbols of a file: by their indices, with their rows of symbol. These are in no order, and a loop
// that asks for what it needs of each when it gets there waits for memory most of the time: `column` is what it reads
// first. The rows of what is visited later are asked for now.
template <typename T, typename Visit>
void for_each_global(const Tables &t, const FileView &file, const Column<SymbolId, T> &column, Visit visit) {
  constexpr u32 ahead = 16;
  const u32 end = file.symbol_count;
  for (u32 i = file.first_global; i < end; i++) {
    if (i + ahead < end) column.prefetch(SymbolId{t.mention.symbol[file.mention(i + ahead)]});
    visit(i, SymbolId{t.mention.symbol[file.mention(i)]});
  }
}

inline bool is_shared(const Tables &t, FileId f) { return t.file.traits[f] & FileTraits::IS_SHARED; }
inline bool is_live(const Tables &t, FileId f) { return t.file.state.load(f) & FileState::REACHED; }
// An object whose sections and symbols take part in the link.
inline bool is_live_object(const Tables &t, FileId f) {
  return is_live(t, f) && !(t.file.traits[f] & (FileTraits::IS_SHARED | FileTraits::IS_BROKEN));
}

// A definition that bids for a symbol: what is smaller wins, by ClaimRank, then in input order. Kept inverted, so that
// 0 is no bid. As src/tables/claim.ts has it.
struct Claim {
  static u64 make(u32 rank, FileId file, u32 symbol) {
    return ~(u64{rank} << (claim_file_bits + 32) | u64{raw(file)} << 32 | symbol);
  }
  static u32 rank(u64 claim) { return static_cast<u32>(~claim >> (claim_file_bits + 32)); }
  static FileId file(u64 claim) { return FileId{static_cast<u32>(~claim >> 32) & ((1u << claim_file_bits) - 1)}; }
  static u32 symbol(u64 claim) { return static_cast<u32>(~claim); }
};

} // namespace spore
