// Resolve: versions of the names that the output defines, from version scripts, dynamic lists and .symver.
//
// Exact C names were decided by TypeScript, as mentions of the linker's own object; what is left are globs
// and C++ names. Patterns are in the order of their precedence.

#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <string>
#include <string_view>

#include "generated/kernels.h"
#include "kernels/glob.h"
#include "kernels/slots.h"

namespace spore {

namespace {

struct Free {
  void operator()(char *p) const { std::free(p); }
};

// The C++ name that a symbol stands for, or the symbol.
std::string demangled(const Name &name) {
  std::string text(reinterpret_cast<const char *>(name.data), name.size);
  int status = 0;
  std::unique_ptr<char, Free> result(abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &status));
  return status == 0 && result ? std::string(result.get()) : text;
}

std::string_view view(const Name &name) { return {reinterpret_cast<const char *>(name.data), name.size}; }

class PatternMatcher {
public:
  explicit PatternMatcher(const Tables &t) : t_(t) {
    for (u32 i = 0; i < t.pattern.rows; i++) has_cxx_ |= t.pattern.flags[PatternId{i}] & PatternFlags::CXX;
  }

  void match(SymbolId s, const Name &name) const {
    std::string cxx = has_cxx_ ? demangled(name) : std::string();
    bool has_version = t_.symbol.version[s] != 0;
    for (u32 i = 0; i < t_.pattern.rows; i++) {
      PatternId p{i};
      u32 flags = t_.pattern.flags[p];
      if (flags & PatternFlags::NAMES_VERSION || (has_version && !(flags & PatternFlags::LISTS))) continue;
      std::string_view text = flags & PatternFlags::CXX ? std::string_view(cxx) : view(name);
      if (!(flags & PatternFlags::GLOB ? matches_glob(pattern(p), text) : pattern(p) == text)) continue;
      if (flags & PatternFlags::LISTS) {
        t_.symbol.flags.set_bits(s, SymbolFlags::IS_LISTED);
      } else {
        t_.symbol.version[s] = t_.pattern.version[p];
        has_version = true;
      }
    }
  }

  // The version that the output defines by this name, or 0.
  u16 version_named(std::string_view name) const {
    for (u32 i = 0; i < t_.pattern.rows; i++)
      if (t_.pattern.flags[PatternId{i}] & PatternFlags::NAMES_VERSION && pattern(PatternId{i}) == name)
        return t_.pattern.version[PatternId{i}];
    return 0;
  }

private:
  std::string_view pattern(PatternId p) const {
    return {reinterpret_cast<const char *>(t_.pattern.text[p]), t_.pattern.length[p]};
  }

  const Tables &t_;
  bool has_cxx_ = false;
};

} // namespace

void match_patterns(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  PatternMatcher matcher(t);
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      if ((t.mention.flags[m] & MentionFlags::KIND) == MentionFlags::UNDEFINED) continue;
      SymbolId s{t.mention.symbol[m]};
      u64 claim = t.symbol.claim[s];
      if (!claim || Claim::file(claim) != f || Claim::symbol(claim) != i) continue;
      // Of the linker's own object, what the command line defines.
      if (t.file.flags[f] & FileFlags::IS_INTERNAL && Claim::rank(claim) != Claim::Assigned) continue;
      Elf64_Sym sym = file.symbols()[i];
      auto name = file.symbol_name(sym);
      if (!name || sym.visibility() == STV_HIDDEN || sym.visibility() == STV_INTERNAL) continue;
      if (t.mention.flags[m] & MentionFlags::NAME_HAS_AT) {
        std::string_view text = view(*name);
        size_t at = text.find('@');
        bool is_default = text.substr(at).starts_with("@@");
        u16 version = matcher.version_named(text.substr(at + (is_default ? 2 : 1)));
        if (version == 0) job.report(Code::VersionUnknown, {.file = raw(f), .symbol = i});
        t.symbol.version[s] = static_cast<u16>(version | (is_default ? 0 : VERSYM_HIDDEN));
        continue;
      }
      matcher.match(s, *name);
    }
  }
}

} // namespace spore
