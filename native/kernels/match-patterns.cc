// Resolve: versions of the names that the output defines, from version scripts, dynamic lists and .symver.
//
// Patterns are found by hash: names without wildcards by the whole text, globs by 1, 2, 4 or 8 bytes that a text must
// have somewhere to be matched, and that few other globs have. A name is therefore compared with few of them, however
// many there are. Which of those that match decides is as in GNU ld (bfd_find_version_for_sym): the first version with
// the name itself, global before local; else the last version with a global glob; else a local glob; else a lone `*`,
// global before local.

#include <cstdlib>
#include <cstring>
#include <cxxabi.h>
#include <memory>
#include <string>
#include <string_view>

#include "generated/kernels.h"
#include "kernels/glob.h"
#include "kernels/symbols.h"

namespace spore {

namespace {

constexpr u16 local_version = 0xffff;

struct Free {
  void operator()(char *p) const { std::free(p); }
};

// The C++ name that a symbol stands for, or the symbol.
std::string demangled(std::string_view name) {
  std::string text(name);
  int status = 0;
  std::unique_ptr<char, Free> result(abi::__cxa_demangle(text.c_str(), nullptr, nullptr, &status));
  return status == 0 && result ? std::string(result.get()) : text;
}

// Both as in src/passes/pattern-table.ts. FNV-1a:
u32 hash_name(std::string_view name) {
  u32 hash = 0x811c9dc5;
  for (char c : name) hash = (hash ^ static_cast<u8>(c)) * 0x01000193;
  return hash;
}

// Of 1, 2, 4 or 8 bytes.
u32 hash_window(const char *text, size_t size) {
  u32 parts[2] = {};
  std::memcpy(parts, text, size);
  u32 hash = parts[0] * 0x9e3779b1 + parts[1] * 0x85ebca6b;
  return (hash ^ hash >> 15) * 0xc2b2ae35;
}

// What patterns say of one name: of each kind the one that decides, as its row plus 1.
struct Matches {
  u32 exact = 0; // the first
  u32 global = 0, local = 0, star_global = 0, star_local = 0; // the last
  bool is_listed = false;
};

class PatternMatcher {
public:
  explicit PatternMatcher(const Tables &t) : t_(t) {
    for (u32 i = 0; i < t.pattern.rows; i++) {
      PatternId p{i};
      Kind &kind = kinds_[is_cxx(p)];
      kind.is_used |= !(flags(p) & PatternFlags::NAMES_VERSION);
      if (flags(p) & PatternFlags::GLOB) kind.windows |= t.pattern.key_length[p];
    }
  }

  // `node`: only what this version says, or all.
  Matches match(std::string_view name, u32 node = all_nodes) const {
    Matches found;
    if (kinds_[0].is_used) match_text(name, false, node, found);
    if (kinds_[1].is_used) match_text(demangled(name), true, node, found);
    return found;
  }

  // The row of the version that the output defines by this name, or none.
  u32 version_named(std::string_view name) const {
    u32 found = none;
    for_each(hash_name(name), name.size(), [&](PatternId p) {
      if (flags(p) & PatternFlags::NAMES_VERSION && text(p) == name) found = raw(p);
    });
    return found;
  }

  // The version that these give to a name; 0 for none.
  u16 decide(const Matches &found) const {
    u32 row = found.exact         ? found.exact
              : found.global      ? found.global
              : found.local       ? found.local
              : found.star_global ? found.star_global
                                  : found.star_local;
    if (row == 0) return 0;
    PatternId p{row - 1};
    t_.pattern.is_matched.set_bits(p, 1);
    // `foo@V` is there: what is `foo` without a version must not get the same.
    return flags(p) & PatternFlags::IS_TAKEN ? local_version : t_.pattern.version[p];
  }

  static constexpr u32 all_nodes = none;

private:
  struct Kind {
    bool is_used = false;
    u32 windows = 0; // sizes, which are powers of two, that globs are found by; those of wildcards alone by none
  };

  u32 flags(PatternId p) const { return t_.pattern.flags[p]; }
  bool is_cxx(PatternId p) const { return flags(p) & PatternFlags::CXX; }
  std::string_view text(PatternId p) const {
    return {reinterpret_cast<const char *>(t_.pattern.text[p]), t_.pattern.length[p]};
  }

  // Those with a key of this hash and length, in order.
  template <typename Visit> void for_each(u32 hash, size_t length, Visit visit) const {
    if (t_.pattern_slot.rows == 0) return;
    u32 row = t_.pattern_slot.first[PatternSlotId{hash & static_cast<u32>(t_.pattern_slot.rows - 1)}];
    for (; row; row = t_.pattern.next[PatternId{row - 1}]) {
      PatternId p{row - 1};
      if (t_.pattern.hash[p] == hash && t_.pattern.key_length[p] == length) visit(p);
    }
  }

  void match_text(std::string_view name, bool is_cxx, u32 node, Matches &found) const {
    const Kind &kind = kinds_[is_cxx];
    auto match_globs = [&](u32 hash, size_t length) {
      for_each(hash, length, [&](PatternId p) {
        if (flags(p) & PatternFlags::GLOB && is_meant(p, is_cxx, node) && matches_glob(text(p), name))
          note_glob(p, found);
      });
    };
    match_globs(0, 0);
    for (size_t window = 1; window <= kind.windows; window *= 2)
      for (size_t at = 0; kind.windows & window && at + window <= name.size(); at++)
        match_globs(hash_window(name.data() + at, window), window);
    for_each(hash_name(name), name.size(), [&](PatternId p) {
      if (!(flags(p) & (PatternFlags::GLOB | PatternFlags::NAMES_VERSION)) && is_meant(p, is_cxx, node) &&
          text(p) == name)
        note_exact(p, found);
    });
  }

  bool is_meant(PatternId p, bool cxx, u32 node) const {
    return is_cxx(p) == cxx && (node == all_nodes || t_.pattern.node[p] == node);
  }

  // Patterns are in the order of versions, a version's global ones first.
  void note_exact(PatternId p, Matches &found) const {
    if (flags(p) & PatternFlags::LISTS) found.is_listed = true;
    else if (found.exact == 0 || raw(p) < found.exact - 1) found.exact = raw(p) + 1;
  }

  void note_glob(PatternId p, Matches &found) const {
    if (flags(p) & PatternFlags::LISTS) {
      found.is_listed = true;
      return;
    }
    bool is_local = t_.pattern.version[p] == local_version;
    u32 &last = flags(p) & PatternFlags::STAR ? (is_local ? found.star_local : found.star_global)
                                              : (is_local ? found.local : found.global);
    last = std::max(last, raw(p) + 1);
  }

  const Tables &t_;
  Kind kinds_[2];
};

class VersionAssigner {
public:
  VersionAssigner(Job &job, const PatternMatcher &patterns) : job_(job), t_(job.t), patterns_(patterns) {}

  void assign(const FileView &file) {
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      if ((t_.mention.flags[m] & MentionFlags::KIND) == MentionFlags::UNDEFINED) continue;
      SymbolId s = symbol_of(t_, m);
      u64 claim = t_.symbol.claim[s];
      if (!claim || Claim::file(claim) != file.id || Claim::symbol(claim) != i) continue;
      // Of the linker's own object, what the command line defines.
      if (t_.file.flags[file.id] & FileFlags::IS_INTERNAL &&
          (Claim::rank(claim) == ClaimRank::WEAK || t_.symbol.version[s] != 0))
        continue;
      Elf64_Sym sym = file.symbols()[i];
      auto name = file.symbol_name(sym);
      if (!name || sym.visibility() == STV_HIDDEN || sym.visibility() == STV_INTERNAL) continue;
      std::string_view text(reinterpret_cast<const char *>(name->data), name->size);
      if (t_.mention.flags[m] & MentionFlags::NAME_HAS_AT) assign_named(file, i, s, text);
      else assign_matching(s, text);
    }
  }

private:
  void assign_matching(SymbolId s, std::string_view name) {
    Matches found = patterns_.match(name);
    if (found.is_listed) t_.symbol.flags.set_bits(s, SymbolFlags::IS_LISTED);
    t_.symbol.version[s] = patterns_.decide(found);
  }

  // `name@version`, or `name@@version` for the default; without a version it is the output's own.
  void assign_named(const FileView &file, u32 i, SymbolId s, std::string_view text) {
    size_t at = text.find('@');
    // `name@version` is the default after all where a weaker `name@@version` has given it its symbol.
    MentionId m = file.mention(i);
    bool is_default = text.substr(at).starts_with("@@") || t_.mention.hash[MentionId{raw(s)}] != t_.mention.hash[m];
    std::string_view version = text.substr(at + (text.substr(at).starts_with("@@") ? 2 : 1));
    u16 hidden = is_default ? 0 : VERSYM_HIDDEN;
    if (version.empty()) {
      t_.symbol.version[s] = VER_NDX_GLOBAL | hidden;
      return;
    }
    u32 row = patterns_.version_named(version);
    if (row == none) {
      // An executable defines versions for what it exports alone, and has no need for others.
      if (t_.link.output_flags & OutputFlags::SHARED)
        job_.report(Code::VersionUnknown, {.file = raw(file.id), .symbol = i});
      t_.symbol.version[s] = VER_NDX_GLOBAL | hidden;
      return;
    }
    // A version may keep its own names to itself, as GNU ld has it.
    PatternId p{row};
    Matches found = patterns_.match(text.substr(0, at), t_.pattern.node[p]);
    bool is_global = found.global || found.star_global ||
                     (found.exact && t_.pattern.version[PatternId{found.exact - 1}] != local_version);
    bool is_local = (found.exact || found.local || found.star_local) && !is_global;
    t_.symbol.version[s] = is_local && !(t_.link.output_flags & OutputFlags::EXPORT_DYNAMIC)
                               ? local_version
                               : static_cast<u16>(t_.pattern.version[p] | hidden);
  }

  Job &job_;
  const Tables &t_;
  const PatternMatcher &patterns_;
};

} // namespace

void match_patterns(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  PatternMatcher patterns(t);
  VersionAssigner assigner(job, patterns);
  for (FileId f : rows)
    if (is_live_object(t, f)) assigner.assign(FileView(t, f));
}

} // namespace spore
