// Match-patterns alone, over a table of patterns as src/passes/pattern-table.ts fills it. What it should decide is
// computed as bfd_find_version_for_sym() is described in match-patterns.cc: every pattern is asked, in order.

#include <fnmatch.h>

#include <bit>
#include <cstring>
#include <string>

#include "generated/kernels.h"
#include "tables/file-view.h"
#include "test/check.h"
#include "test/random.h"
#include "test/tables-on-heap.h"

using namespace spore;
using namespace spore::test;

namespace {

constexpr u16 local_version = 0xffff;

struct Pattern {
  std::string text;
  u32 flags = 0; // PatternFlags
  u16 version = 0;
  u32 node = 0;
};

struct Key {
  u32 hash = 0;
  u32 length = 0;
};

u32 fnv(std::string_view bytes) {
  u32 hash = 0x811c9dc5;
  for (char c : bytes) hash = (hash ^ static_cast<u8>(c)) * 0x01000193;
  return hash;
}

// Of the longest part of a glob without wildcards, before its first bracket. Any part and any window of it would do.
std::string_view literal_of(std::string_view glob) {
  glob = glob.substr(0, glob.find('['));
  std::string_view longest;
  while (!glob.empty()) {
    std::string_view part = glob.substr(0, glob.find_first_of("*?\\"));
    if (part.size() > longest.size()) longest = part;
    glob.remove_prefix(std::min(glob.size(), part.size() + (glob.substr(part.size()).starts_with('\\') ? 2 : 1)));
  }
  return longest;
}

// What a pattern is found by: all of a name; of a glob 8, 4, 2 or 1 bytes.
Key key_of(const Pattern &pattern) {
  if (!(pattern.flags & PatternFlags::GLOB)) return {fnv(pattern.text), static_cast<u32>(pattern.text.size())};
  std::string_view literal = literal_of(pattern.text);
  if (literal.empty()) return {};
  u32 length = std::bit_floor(std::min(static_cast<u32>(literal.size()), 8u)), parts[2] = {};
  std::memcpy(parts, literal.data() + literal.size() - length, length);
  u32 hash = parts[0] * 0x9e3779b1 + parts[1] * 0x85ebca6b;
  return {(hash ^ hash >> 15) * 0xc2b2ae35, length};
}

void fill_patterns(TablesOnHeap &heap, std::vector<Pattern> patterns) {
  Tables &t = heap.t;
  u32 slots = patterns.empty() ? 0 : 1;
  while (slots < patterns.size() * 2) slots *= 2;
  heap.allocate(t.pattern, patterns.size(), &PatternTable::text, &PatternTable::length, &PatternTable::flags,
                &PatternTable::version, &PatternTable::node, &PatternTable::hash, &PatternTable::key_length,
                &PatternTable::next, &PatternTable::is_matched);
  heap.allocate(t.pattern_slot, slots, &PatternSlotTable::first);
  for (u32 row = static_cast<u32>(patterns.size()); row-- > 0;) {
    PatternId p{row};
    Key key = key_of(patterns[row]);
    PatternSlotId slot{key.hash & (slots - 1)};
    t.pattern.text[p] = heap.copy(patterns[row].text);
    t.pattern.length[p] = static_cast<u32>(patterns[row].text.size());
    t.pattern.flags[p] = static_cast<u8>(patterns[row].flags);
    t.pattern.version[p] = patterns[row].version;
    t.pattern.node[p] = patterns[row].node;
    t.pattern.hash[p] = key.hash;
    t.pattern.key_length[p] = key.length;
    t.pattern.next[p] = t.pattern_slot.first[slot];
    t.pattern_slot.first[slot] = row + 1;
  }
}

struct Definition {
  std::string name;
  u8 visibility = STV_DEFAULT;
  bool is_defined = true;
  bool is_taken = false; // by a definition in another file
};

struct Decided {
  u16 version;
  bool is_listed;
  bool operator==(const Decided &) const = default;
};

// A link of files that define names, each of its own, and of patterns.
class Link {
public:
  Link(const std::vector<std::vector<Definition>> &files, const std::vector<Pattern> &patterns, u64 output_flags = 0) {
    Tables &t = heap_.t;
    u32 mentions = 0;
    for (const auto &file : files) mentions += static_cast<u32>(file.size());
    files_ = files.size();
    heap_.allocate(t.file, files.size(), &FileTable::image, &FileTable::image_size, &FileTable::section_headers,
                   &FileTable::section_count, &FileTable::section_names, &FileTable::section_names_size,
                   &FileTable::symbols, &FileTable::symbol_count, &FileTable::first_global, &FileTable::strings,
                   &FileTable::strings_size, &FileTable::section_indices, &FileTable::first_section,
                   &FileTable::first_mention);
    heap_.allocate(t.file, files.size(), &FileTable::traits, &FileTable::flags, &FileTable::state);
    heap_.allocate(t.mention, mentions, &MentionTable::flags, &MentionTable::hash, &MentionTable::symbol);
    heap_.allocate(t.symbol, mentions, &SymbolTable::claim, &SymbolTable::flags, &SymbolTable::version);
    heap_.allocate(t.finding, 4, &FindingTable::code, &FindingTable::file, &FindingTable::section,
                   &FindingTable::offset, &FindingTable::symbol, &FindingTable::operand);
    t.link.output_flags = output_flags;
    fill_patterns(heap_, patterns);
    u32 mention = 0;
    for (u32 f = 0; f < files.size(); f++) {
      t.file.first_mention[FileId{f}] = mention;
      for (u32 i = 0; i < files[f].size(); i++, mention++) define(files[f][i], FileId{f}, i + 1, mention);
      add_file(files[f], FileId{f});
    }
  }

  Link &run(const Chunking &chunking = chunkings[0]) {
    heap_.run(match_patterns, files_, chunking);
    return *this;
  }

  // Of the name with this number, through all files.
  Decided operator[](u32 number) const {
    SymbolId s{number};
    return {heap_.t.symbol.version[s], (heap_.t.symbol.flags[s] & SymbolFlags::IS_LISTED) != 0};
  }
  bool is_matched(u32 pattern) const { return heap_.t.pattern.is_matched[PatternId{pattern}]; }
  Tables &tables() { return heap_.t; }

private:
  void define(const Definition &definition, FileId f, u32 symbol, u32 mention) {
    Tables &t = heap_.t;
    u8 at = definition.name.find('@') == std::string::npos ? 0 : u8{MentionFlags::NAME_HAS_AT};
    t.mention.flags[MentionId{mention}] =
        at | (definition.is_defined ? u8{MentionFlags::DEFINED} : u8{MentionFlags::UNDEFINED});
    t.mention.symbol[MentionId{mention}] = mention;
    t.mention.hash[MentionId{mention}] = mention;
    t.symbol.claim[SymbolId{mention}] =
        Claim::make(ClaimRank::STRONG, definition.is_taken ? FileId{raw(f) + 1000} : f, symbol);
  }

  void add_file(const std::vector<Definition> &definitions, FileId f) {
    std::string symbols(sizeof(Elf64_Sym), 0), strings(1, 0);
    for (const Definition &definition : definitions) {
      Elf64_Sym sym{};
      sym.st_name = static_cast<u32>(strings.size());
      sym.st_other = definition.visibility;
      sym.st_shndx = SHN_ABS;
      symbols.append(reinterpret_cast<const char *>(&sym), sizeof sym);
      strings += definition.name + '\0';
    }
    Tables &t = heap_.t;
    t.file.image[f] = heap_.copy(symbols + strings);
    t.file.image_size[f] = static_cast<u32>(symbols.size() + strings.size());
    t.file.symbol_count[f] = static_cast<u32>(definitions.size()) + 1;
    t.file.first_global[f] = 1;
    t.file.strings[f] = static_cast<u32>(symbols.size());
    t.file.strings_size[f] = static_cast<u32>(strings.size());
    t.file.state[f] = FileState::REACHED;
  }

  TablesOnHeap heap_;
  size_t files_ = 0;
};

struct Node {
  std::vector<std::string> global, local;
};

bool is_glob(const std::string &text) { return text.find_first_of("*?[") != std::string::npos; }

// As src/passes/assign-versions.ts: the versions are 2 and up.
std::vector<Pattern> patterns_of(const std::vector<Node> &nodes) {
  std::vector<Pattern> patterns;
  for (u32 node = 0; node < nodes.size(); node++)
    for (bool is_local : {false, true})
      for (const std::string &text : is_local ? nodes[node].local : nodes[node].global) {
        u32 flags = (is_glob(text) ? PatternFlags::GLOB : 0U) | (text == "*" ? PatternFlags::STAR : 0U);
        patterns.push_back({text, flags, is_local ? local_version : static_cast<u16>(node + 2), node});
      }
  return patterns;
}

// The version of a name: each node's lists are gone through, as GNU ld does.
u16 version_of(const std::vector<Node> &nodes, const std::string &name) {
  u16 global = 0, local = 0, star_global = 0, star_local = 0;
  for (u32 node = 0; node < nodes.size(); node++) {
    u16 version = static_cast<u16>(node + 2);
    for (const std::string &text : nodes[node].global)
      if (!is_glob(text) && text == name) return version;
    for (const std::string &text : nodes[node].local)
      if (!is_glob(text) && text == name) return local_version;
    for (const std::string &text : nodes[node].global)
      if (is_glob(text) && fnmatch(text.c_str(), name.c_str(), 0) == 0) (text == "*" ? star_global : global) = version;
    for (const std::string &text : nodes[node].local)
      if (is_glob(text) && fnmatch(text.c_str(), name.c_str(), 0) == 0)
        (text == "*" ? star_local : local) = local_version;
  }
  return global ? global : local ? local : star_global ? star_global : star_local;
}

u16 decided(const std::vector<Node> &nodes, const std::string &name) {
  return Link({{{name}}}, patterns_of(nodes)).run()[0].version;
}

} // namespace

TEST("match-patterns: the name itself comes before globs, and these before a lone star") {
  CHECK(decided({{{"*"}, {}}, {{"f*"}, {}}, {{"foo"}, {}}}, "foo") == 4);
  CHECK(decided({{{"foo"}, {}}, {{"f*"}, {}}, {{"*"}, {}}}, "foo") == 2);
  CHECK(decided({{{"*"}, {}}, {{"f*"}, {}}, {{"foo"}, {}}}, "fob") == 3);
  CHECK(decided({{{"f*"}, {}}, {{"*"}, {}}}, "fob") == 2);
  CHECK(decided({{{"f*"}, {}}, {{"*"}, {}}}, "bar") == 3);
  CHECK(decided({{{"f*"}, {}}}, "bar") == 0);
  CHECK(decided({}, "bar") == 0);
}

TEST("match-patterns: the first version with the name, the last with a glob; global comes before local") {
  CHECK(decided({{{"foo"}, {}}, {{"foo"}, {}}}, "foo") == 2);
  CHECK(decided({{{"f*"}, {}}, {{"*o"}, {}}}, "foo") == 3);
  CHECK(decided({{{"*"}, {}}, {{"*"}, {}}}, "foo") == 3);
  CHECK(decided({{{"foo"}, {"foo"}}}, "foo") == 2);
  CHECK(decided({{{}, {"foo"}}, {{"foo"}, {}}}, "foo") == local_version);
  CHECK(decided({{{"f*"}, {"foo"}}}, "foo") == local_version);
  CHECK(decided({{{"f*"}, {}}, {{}, {"f*"}}}, "foo") == 2);
  CHECK(decided({{{"*"}, {"f*"}}}, "foo") == local_version);
  CHECK(decided({{{"*"}, {"*"}}}, "foo") == 2);
  CHECK(decided({{{"foo"}, {"*"}}}, "bar") == local_version);
}

TEST("match-patterns: random scripts decide as asking every pattern does, however files are shared out") {
  Random random(1);
  std::string lengthy(70, 'x');
  for (u32 round = 0; round < 1500; round++) {
    auto random_pattern = [&] {
      std::string text;
      switch (random.below(6)) {
      case 0: return std::string("*");
      case 1: return lengthy + random.text("ab?*", 2);
      case 2: return random.text("?*", 1) + lengthy.substr(random.below(9)) + random.text("ab", 1);
      default: break;
      }
      for (u32 i = random.between(1, 4); i-- > 0;) {
        constexpr const char *parts[] = {"a", "b", "ab", "*", "?", "[ab]", "[!a]"};
        text += parts[random.below(std::size(parts))];
      }
      return text;
    };
    std::vector<Node> nodes(random.between(1, 4));
    for (Node &node : nodes) {
      for (u32 i = random.below(4); i-- > 0;) node.global.push_back(random_pattern());
      for (u32 i = random.below(3); i-- > 0;) node.local.push_back(random_pattern());
    }
    std::vector<std::vector<Definition>> files(random.between(1, 5));
    std::vector<std::string> names;
    for (auto &file : files)
      for (u32 i = random.below(5); i-- > 0;) {
        names.push_back((random.below(4) ? "" : lengthy) + random.text("ab", 4));
        file.push_back({names.back()});
      }
    Link link(files, patterns_of(nodes));
    link.run(chunkings[round % std::size(chunkings)]);
    for (u32 i = 0; i < names.size(); i++) CHECK((link[i] == Decided{version_of(nodes, names[i]), false}));
  }
}

TEST("match-patterns: globs of any length are found by their beginning, or by their end") {
  for (u32 length : {1U, 2U, 31U, 62U, 63U, 64U, 65U, 127U, 128U, 200U}) {
    std::string text(length, 'n');
    CHECK(decided({{{text}, {}}}, text) == 2);
    for (const std::string &glob : {text + "*", "*" + text, "?" + text, text + "?", "*" + text + "*"})
      CHECK(decided({{{glob}, {}}}, text + text) == (fnmatch(glob.c_str(), (text + text).c_str(), 0) == 0 ? 2 : 0));
    CHECK(decided({{{"*" + text}, {}}}, text + "m") == 0 && decided({{{text + "*"}, {}}}, "m" + text) == 0);
  }
}

TEST("match-patterns: names whose keys have the same hash are told apart") {
  CHECK(fnv("declinate") == fnv("macallums"));
  CHECK(decided({{{"declinate"}, {}}, {{"macallums"}, {}}}, "macallums") == 3);
  CHECK(decided({{{"declinate", "declinate*"}, {}}}, "macallums") == 0);
  std::vector<Pattern> versions = {{"macallums", PatternFlags::NAMES_VERSION, 2, 0},
                                   {"declinate", PatternFlags::NAMES_VERSION, 3, 1}};
  CHECK(Link({{{"foo@@macallums"}}}, versions).run()[0].version == 2);
}

TEST("match-patterns: a list says that a name is listed, and nothing about its version") {
  std::vector<Pattern> patterns = patterns_of({{{"f*"}, {"*"}}});
  patterns.push_back({"*o", PatternFlags::GLOB | PatternFlags::LISTS});
  patterns.push_back({"bar", PatternFlags::LISTS});
  Link link({{{"foo"}, {"bar"}}, {{"far"}, {"baz"}}}, patterns);
  link.run();
  CHECK((link[0] == Decided{2, true} && link[1] == Decided{local_version, true}));
  CHECK((link[2] == Decided{2, false} && link[3] == Decided{local_version, false}));
}

TEST("match-patterns: only what decided about a name has been matched") {
  Link link({{{"foo"}, {"fob"}}}, patterns_of({{{"foo", "never"}, {"*"}}, {{"foo", "f*"}, {}}}));
  link.run();
  CHECK(link.is_matched(0) && !link.is_matched(1) && !link.is_matched(2));
  CHECK(!link.is_matched(3) && link.is_matched(4));
}

TEST("match-patterns: C++ patterns match what a name is demangled to, others the name") {
  std::vector<Pattern> patterns = {{"ns::f(int)", PatternFlags::CXX, 2, 0},
                                   {"ns::*", PatternFlags::CXX | PatternFlags::GLOB, 3, 1},
                                   {"_ZN2ns1hEv", 0, 4, 2},
                                   {"main", PatternFlags::CXX, 5, 3}};
  Link link({{{"_ZN2ns1fEi"}, {"_ZN2ns1gEv"}, {"_ZN2ns1hEv"}, {"main"}, {"ns::f"}, {"_Z1fv"}}}, patterns);
  link.run();
  constexpr u16 expected[] = {2, 3, 4, 5, 3, 0};
  for (u32 i = 0; i < std::size(expected); i++) CHECK(link[i].version == expected[i]);
}

TEST("match-patterns: a name has none where a definition with its version is there, is elsewhere, or is hidden") {
  std::vector<Pattern> patterns = {{"foo", PatternFlags::IS_TAKEN, 2, 0}, {"*", PatternFlags::GLOB, 3, 1}};
  Link link({{{"foo"},
              {"hidden", STV_HIDDEN},
              {"internal", STV_INTERNAL},
              {"protected", STV_PROTECTED},
              {.name = "undefined", .is_defined = false},
              {.name = "elsewhere", .is_taken = true}}},
            patterns);
  link.run();
  constexpr u16 expected[] = {local_version, 0, 0, 3, 0, 0};
  for (u32 i = 0; i < std::size(expected); i++) CHECK(link[i].version == expected[i]);
}

TEST("match-patterns: a name with a version has the one that is called so, if there is one") {
  std::vector<Pattern> patterns = patterns_of({{{"V2", "foo"}, {"*"}}, {{}, {"kept"}}});
  patterns.push_back({"V1", PatternFlags::NAMES_VERSION, 2, 0});
  patterns.push_back({"V2", PatternFlags::NAMES_VERSION, 3, 1});
  std::vector<std::vector<Definition>> files = {
      {{"foo@V1"}, {"foo@@V1"}, {"bar@V1"}, {"bar@@V2"}, {"kept@V2"}, {"foo@"}, {"foo@@"}, {"foo@V3"}, {"V2"}}};
  constexpr u16 expected[] = {0x8002, 2, local_version, 3, local_version, 0x8001, 1, 0x8001, 2};
  for (u64 output : {u64{0}, u64{OutputFlags::SHARED}}) {
    Link link(files, patterns, output);
    link.run();
    for (u32 i = 0; i < std::size(expected); i++) CHECK(link[i].version == expected[i]);
    CHECK(link.tables().found.finding_count == (output ? 1 : 0)); // there is no V3
  }
}
