// Archives (`ar` file format): their members, and the index that says which member defines a name.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "elf/elf.h"
#include "tables/file-view.h"

namespace spore {

// The header of an archive member: System V and GNU variants (`ar` file format), fields in decimal.
struct ArHeader {
  char ar_name[16], ar_date[12], ar_uid[6], ar_gid[6], ar_mode[8], ar_size[10], ar_fmag[2];
};
static_assert(sizeof(ArHeader) == 60);

struct Member {
  u64 header; // offset in the archive
  Bytes contents;
};

inline std::optional<u64> decimal(const char *text, size_t size) {
  u64 value = 0;
  size_t i = 0;
  for (; i < size && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + static_cast<u64>(text[i] - '0');
  if (i == 0) return std::nullopt;
  for (; i < size; i++)
    if (text[i] != ' ') return std::nullopt;
  return value;
}

inline bool has_elf_magic(const Bytes &b) { return b.size() >= 4 && std::memcmp(b.data(), "\177ELF", 4) == 0; }
// LLVM's, as it is or in the wrapper that some systems give it.
inline bool has_bitcode_magic(const Bytes &b) {
  return b.size() >= 4 &&
         (std::memcmp(b.data(), "BC\xc0\xde", 4) == 0 || std::memcmp(b.data(), "\xde\xc0\x17\x0b", 4) == 0);
}

// The member whose header is at `at`, and where the next one is. Nothing where there is no right header.
inline std::optional<Member> member_at(const Bytes &archive, u64 at, u64 &next) {
  auto header = archive.read<ArHeader>(at);
  if (!header || std::memcmp(header->ar_fmag, "`\n", 2) != 0) return std::nullopt;
  std::optional<u64> size = decimal(header->ar_size, sizeof header->ar_size);
  if (!size) return std::nullopt;
  auto contents = archive.slice(at + sizeof(ArHeader), *size);
  if (!contents) return std::nullopt;
  // BSD's archives put the name in front of the contents: "#1/" and its length.
  if (std::memcmp(header->ar_name, "#1/", 3) == 0) {
    std::optional<u64> name = decimal(header->ar_name + 3, sizeof header->ar_name - 3);
    if (!name || *name > *size) return std::nullopt;
    contents = contents->slice(*name, *size - *name);
  }
  next = at + sizeof(ArHeader) + *size + (*size & 1);
  return Member{at, *contents};
}

// The name of the member whose header is at `at`, without folders. It lies in the archive, and is empty where it would
// not.
inline std::string_view member_name(const Bytes &archive, u64 at) {
  auto text = [&](u64 begin, u64 size) {
    auto bytes = archive.slice(begin, size);
    return bytes ? std::string_view(reinterpret_cast<const char *>(bytes->data()), size) : std::string_view();
  };
  constexpr u64 name_size = sizeof ArHeader::ar_name;
  std::string_view name = text(at, name_size);
  if (name.starts_with("#1/")) {
    name = text(at + sizeof(ArHeader), decimal(name.data() + 3, name_size - 3).value_or(0));
    name = name.substr(0, name.find('\0'));
  } else if (name.size() == name_size && name[0] == '/') {
    // System V: "/offset" into the member "//", which is one of the first. GNU ar ends it with a slash, in the last
    // byte, where the file's own name has 15 bytes.
    std::optional<u64> offset = decimal(name.data() + 1, name_size - 2);
    name = {};
    u64 next = 0;
    for (u64 table = 8; offset && table < at; table = next) {
      auto member = member_at(archive, table, next);
      if (!member) break;
      std::string_view special = text(table, name_size);
      if (special.starts_with("/ ") || special.starts_with("/SYM64/ ")) continue; // the index
      if (special.starts_with("// ") && *offset <= member->contents.size())
        name = text(table + sizeof(ArHeader) + *offset, member->contents.size() - *offset);
      break; // else every name of a bad archive would be looked for to its end
    }
    name = name.substr(0, name.find('\n'));
  } else {
    name = name.substr(0, name.find_last_not_of(' ') + 1);
  }
  if (name.ends_with('/')) name.remove_suffix(1);
  return name.substr(name.rfind('/') + 1);
}

inline bool is_linkable(const Member &m) { return has_elf_magic(m.contents) || has_bitcode_magic(m.contents); }

// Calls `visit` with every member, the index and the table of names too. False when the archive is malformed. As in GNU
// ld, what is behind the last member and has no room for a header is nobody's.
template <typename Visit> bool for_any_member(const Bytes &archive, Visit visit, u64 &bad_offset) {
  for (u64 at = 8, next; at < archive.size() && archive.size() - at >= sizeof(ArHeader); at = next) {
    bad_offset = at;
    auto member = member_at(archive, at, next);
    if (!member) return false;
    visit(*member);
  }
  return true;
}

// Calls `visit` with every member that is an object or bitcode.
template <typename Visit> bool for_each_member(const Bytes &archive, Visit visit, u64 &bad_offset) {
  auto visit_linkable = [&](const Member &m) {
    if (is_linkable(m)) visit(m);
  };
  return for_any_member(archive, visit_linkable, bad_offset);
}

// Whether a member is the index, or the table of long names.
inline bool is_special(const Bytes &archive, const Member &m) {
  std::string_view name(reinterpret_cast<const char *>(archive.data() + m.header), sizeof ArHeader::ar_name);
  return name.starts_with("/ ") || name.starts_with("// ") || name.starts_with("/SYM64/ ") ||
         member_name(archive, m.header).starts_with("__.SYMDEF");
}

inline Bytes input_bytes(const Tables &t, InputId i) {
  return {reinterpret_cast<const u8 *>(t.input.base[i]), t.input.size[i]};
}

// The index of an archive, its first member: "/", a count, that many offsets of headers, that many names, each with
// a NUL behind it; "/SYM64/" has wider numbers. Big-endian.
class ArchiveIndex {
public:
  // Nothing for an archive without one, or with one that is not as it should be.
  static std::optional<ArchiveIndex> of(const Bytes &archive) {
    u64 next = 0;
    auto member = member_at(archive, 8, next);
    if (!member) return std::nullopt;
    auto header = archive.read<ArHeader>(8);
    bool is_wide = std::memcmp(header->ar_name, "/SYM64/ ", 8) == 0;
    if (!is_wide && std::memcmp(header->ar_name, "/  ", 3) != 0) return std::nullopt;
    ArchiveIndex index;
    index.contents_ = member->contents;
    index.width_ = is_wide ? 8 : 4;
    if (index.contents_.size() < index.width_) return std::nullopt;
    u64 count = index.number(0);
    if (count > UINT32_MAX || count > (index.contents_.size() - index.width_) / (index.width_ + 1)) return std::nullopt;
    index.count_ = static_cast<u32>(count);
    return index;
  }

  u32 size() const { return count_; }
  // Where the header of the member is that defines the name of this number.
  u64 member(u32 i) const { return number(i + u64{1}); }

  // Calls `visit` with each name's number, bytes and size.
  template <typename Visit> void for_each_name(Visit visit) const {
    const u8 *at = contents_.data() + (count_ + u64{1}) * width_, *end = contents_.end();
    for (u32 i = 0; i < count_ && at < end; i++) {
      size_t size = strnlen(reinterpret_cast<const char *>(at), static_cast<size_t>(end - at));
      visit(i, at, size);
      at += size + 1;
    }
  }

private:
  u64 number(u64 i) const {
    u64 value = 0;
    for (u32 byte = 0; byte < width_; byte++) value = value << 8 | contents_.data()[i * width_ + byte];
    return value;
  }

  Bytes contents_;
  u32 width_ = 4, count_ = 0;
};

// The headers of the members of an indexed archive that the search found, in order.
inline std::vector<u64> wanted_members(const Tables &t, InputId i) {
  std::vector<u64> headers;
  for (u32 n = t.input.first_index_name[i]; n < t.input.first_index_name[i + 1]; n++)
    if (IndexNameId name{n}; t.index_name.is_wanted.load(name)) headers.push_back(t.index_name.member[name]);
  std::sort(headers.begin(), headers.end());
  headers.erase(std::unique(headers.begin(), headers.end()), headers.end());
  return headers;
}

// Calls `visit` with the members of an archive that are listed: all, or those that the search found.
template <typename Visit> bool for_each_listed_member(const Tables &t, InputId i, Visit visit, u64 &bad_offset) {
  Bytes archive = input_bytes(t, i);
  if (!(t.input.flags[i] & InputFlags::IS_INDEXED)) return for_each_member(archive, visit, bad_offset);
  for (u64 header : wanted_members(t, i)) {
    u64 next = 0;
    bad_offset = header;
    auto member = member_at(archive, header, next);
    if (!member) return false;
    if (is_linkable(*member)) visit(*member);
  }
  return true;
}

} // namespace spore
