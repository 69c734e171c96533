// What a shared object says of itself in .dynamic (gABI ch. 5, "Dynamic Section"). A link may have thousands of them,
// and asks before there are workers.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "elf/elf.h"

namespace spore {

struct DynamicStrings {
  // They lie in the file. DT_SONAME and the like that come twice: the last one counts.
  std::optional<std::string_view> soname, rpath, runpath;
  std::vector<std::string_view> needed;
  bool is_executable = false; // DF_1_PIE
  uint32_t version_count = 0; // one more than the greatest index that .gnu.version_d defines
};

class DynamicReader {
public:
  explicit DynamicReader(const Bytes &file) : file_(file) {}

  // Nothing for what is not as it usually is: src/inputs/shared-object.ts reads it again, and knows what to say.
  std::optional<DynamicStrings> read() {
    auto header = file_.read<Elf64_Ehdr>(0);
    if (!header || header->e_shnum == 0 || header->e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
    headers_ = file_.array<Elf64_Shdr>(header->e_shoff, header->e_shnum);
    if (!headers_) return std::nullopt;
    bool has_dynamic = false, has_versions = false;
    for (Elf64_Shdr section : *headers_) {
      if (section.sh_type == SHT_DYNAMIC && !has_dynamic) {
        has_dynamic = true;
        if (!read_entries(section)) return std::nullopt;
      } else if (section.sh_type == SHT_GNU_VERDEF && !has_versions) {
        has_versions = true;
        if (!count_versions(section)) return std::nullopt;
      }
    }
    return found_;
  }

private:
  bool read_entries(const Elf64_Shdr &dynamic) {
    if (dynamic.sh_link == 0 || dynamic.sh_link >= headers_->size()) return false;
    Elf64_Shdr table = (*headers_)[dynamic.sh_link];
    auto strings = file_.slice(table.sh_offset, table.sh_size);
    auto entries = file_.array<Elf64_Dyn>(dynamic.sh_offset, dynamic.sh_size / sizeof(Elf64_Dyn));
    if (!strings || !entries) return false;
    for (Elf64_Dyn entry : *entries) {
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_FLAGS_1) found_.is_executable = entry.d_val & DF_1_PIE;
      if (entry.d_tag != DT_NEEDED && entry.d_tag != DT_SONAME && entry.d_tag != DT_RPATH && entry.d_tag != DT_RUNPATH)
        continue;
      if (entry.d_val >= strings->size()) return false;
      const uint8_t *text = strings->data() + entry.d_val;
      const uint64_t room = strings->size() - entry.d_val, size = scan_string(text, room).size;
      if (size == room) return false; // without an end
      const std::string_view string(reinterpret_cast<const char *>(text), size);
      if (entry.d_tag == DT_NEEDED) found_.needed.push_back(string);
      else if (entry.d_tag == DT_SONAME) found_.soname = string;
      else if (entry.d_tag == DT_RPATH) found_.rpath = string;
      else found_.runpath = string;
    }
    return true;
  }

  bool count_versions(const Elf64_Shdr &table) {
    constexpr uint32_t most = 0x8000; // an index has 15 bits
    uint64_t at = table.sh_offset;
    for (uint32_t i = 0; i < std::min(table.sh_info, most); i++) {
      auto version = file_.read<Elf64_Verdef>(at);
      if (!version) return false;
      found_.version_count = std::max(found_.version_count, (version->vd_ndx & (most - 1)) + 1u);
      if (version->vd_next == 0) return i + 1 == table.sh_info;
      at += version->vd_next;
    }
    return true;
  }

  const Bytes &file_;
  std::optional<Array<Elf64_Shdr>> headers_;
  DynamicStrings found_;
};

} // namespace spore
