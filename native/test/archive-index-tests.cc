// The search of archives by their indexes alone: count_indexes, hash_indexes and search_indexes, and what
// count_members makes of what they found. Archives and objects are made here, byte by byte.

#include <cstdio>
#include <set>
#include <string>

#include "generated/kernels.h"
#include "kernels/archive.h"
#include "test/check.h"
#include "test/random.h"
#include "test/tables-on-heap.h"

using namespace spore;
using namespace spore::test;

namespace {

template <typename T> void append(std::string &bytes, const T &value) {
  bytes.append(reinterpret_cast<const char *>(&value), sizeof value);
}

struct Symbol {
  std::string name;
  u16 section = SHN_UNDEF;
  u8 binding = STB_GLOBAL;
};

// An object or a shared object that has nothing but symbols. Those of objects that are local come first.
std::string object_of(const std::vector<Symbol> &symbols, u16 type = ET_REL) {
  std::string table(sizeof(Elf64_Sym), 0), strings(1, 0);
  u32 first_global = 1;
  for (const Symbol &symbol : symbols) {
    Elf64_Sym sym{};
    sym.st_name = static_cast<u32>(strings.size());
    sym.st_info = static_cast<u8>(symbol.binding << 4);
    sym.st_shndx = symbol.section;
    first_global += symbol.binding == STB_LOCAL;
    append(table, sym);
    strings += symbol.name + '\0';
  }
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, "\177ELF\2\1\1", 7);
  header.e_type = type;
  header.e_shoff = sizeof header + table.size() + strings.size();
  header.e_shnum = 3;
  Elf64_Shdr sections[3] = {};
  sections[1].sh_type = type == ET_DYN ? u32{SHT_DYNSYM} : u32{SHT_SYMTAB};
  sections[1].sh_offset = sizeof header;
  sections[1].sh_size = table.size();
  sections[1].sh_link = 2;
  sections[1].sh_info = first_global;
  sections[2].sh_offset = sizeof header + table.size();
  sections[2].sh_size = strings.size();
  std::string bytes;
  append(bytes, header);
  bytes += table + strings;
  append(bytes, sections);
  return bytes;
}

struct IndexedName {
  std::string name;
  u32 member;
};

struct Archive {
  bool is_wide = false; // /SYM64/
  bool is_thin = false; // members are other files
  std::vector<std::string> members;
  std::vector<IndexedName> index;
};

std::string big_endian(u64 value, u32 width) {
  std::string bytes;
  for (u32 i = width; i-- > 0;) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

std::string member_header(const std::string &name, u64 size) {
  char header[sizeof(ArHeader) + 1];
  std::snprintf(header, sizeof header, "%-16s%-12d%-6d%-6d%-8d%-10llu`\n", name.c_str(), 0, 0, 0, 644,
                static_cast<unsigned long long>(size));
  return header;
}

std::string padded(std::string bytes) {
  if (bytes.size() % 2) bytes += '\n';
  return bytes;
}

// Where the headers of the members are.
std::vector<u64> headers_of(const Archive &archive) {
  u64 width = archive.is_wide ? 8 : 4, at = 8 + sizeof(ArHeader) + width * (archive.index.size() + 1);
  for (const IndexedName &entry : archive.index) at += entry.name.size() + 1;
  std::vector<u64> headers;
  for (const std::string &member : archive.members) {
    at += at % 2;
    headers.push_back(at);
    at += sizeof(ArHeader) + (archive.is_thin ? 0 : member.size());
  }
  return headers;
}

std::string index_of(const Archive &archive) {
  u32 width = archive.is_wide ? 8 : 4;
  std::vector<u64> headers = headers_of(archive);
  std::string bytes = big_endian(archive.index.size(), width);
  for (const IndexedName &entry : archive.index) bytes += big_endian(headers[entry.member], width);
  for (const IndexedName &entry : archive.index) bytes += entry.name + '\0';
  return bytes;
}

// An archive whose index has this contents, right or wrong.
std::string with_index(const Archive &archive, const std::string &index) {
  std::string bytes = archive.is_thin ? "!<thin>\n" : "!<arch>\n";
  bytes += padded(member_header(archive.is_wide ? "/SYM64/" : "/", index.size()) + index);
  for (u32 i = 0; i < archive.members.size(); i++) {
    bytes += member_header(std::to_string(i) + ".o/", archive.members[i].size());
    if (!archive.is_thin) bytes += padded(archive.members[i]);
  }
  return bytes;
}

std::string bytes_of(const Archive &archive) { return with_index(archive, index_of(archive)); }

struct Input {
  std::string bytes;
  u16 flags = 0;
};

Input archive(const std::string &bytes) { return {bytes, InputFlags::IS_ARCHIVE}; }
Input object(const std::vector<Symbol> &symbols) { return {object_of(symbols), 0}; }

class Search {
public:
  explicit Search(const std::vector<Input> &inputs, const Chunking &chunking = chunkings[0])
      : inputs_(inputs.size()), chunking_(chunking) {
    Tables &t = heap_.t;
    t.link.hash_seed = 0x1234;
    heap_.allocate(t.input, inputs_, &InputTable::base, &InputTable::size, &InputTable::flags, &InputTable::members,
                   &InputTable::index_names, &InputTable::first_index_name);
    heap_.allocate(t.finding, 8, &FindingTable::code, &FindingTable::file, &FindingTable::section,
                   &FindingTable::offset, &FindingTable::symbol, &FindingTable::operand);
    for (u32 i = 0; i < inputs_; i++) {
      t.input.base[InputId{i}] = heap_.copy(inputs[i].bytes);
      t.input.size[InputId{i}] = inputs[i].bytes.size();
      t.input.flags[InputId{i}] = inputs[i].flags;
    }
  }

  // As src/passes/search-archives.ts.
  Search &run() {
    count();
    hash();
    search();
    return *this;
  }
  void count() { heap_.run(count_indexes, inputs_, chunking_); }
  void hash() {
    Tables &t = heap_.t;
    u32 names = TablesOnHeap::sum(t.input.index_names, t.input.first_index_name, inputs_);
    CHECK(names < 1'000'000); // as no archive here has bytes for
    heap_.allocate(t.index_name, names, &IndexNameTable::hash, &IndexNameTable::member, &IndexNameTable::is_wanted);
    heap_.run(hash_indexes, inputs_, chunking_);
  }
  void search() { heap_.run(search_indexes, 1, chunking_); }

  Tables &tables() { return heap_.t; }
  bool is_indexed(u32 input) { return heap_.t.input.flags[InputId{input}] & InputFlags::IS_INDEXED; }
  u32 names(u32 input) { return heap_.t.input.index_names[InputId{input}]; }
  // Which of an archive's names are wanted, by their places in its index.
  std::set<u32> wanted_names(u32 input) {
    std::set<u32> wanted;
    u32 first = heap_.t.input.first_index_name[InputId{input}];
    for (u32 i = 0; i < names(input); i++)
      if (heap_.t.index_name.is_wanted[IndexNameId{first + i}]) wanted.insert(i);
    return wanted;
  }
  std::vector<u64> wanted_headers(u32 input) { return wanted_members(heap_.t, InputId{input}); }
  // How many objects of an archive are listed; none when it was found to be malformed.
  u32 listed(u32 input) {
    heap_.t.found.finding_count.set(0);
    heap_.run(count_members, inputs_, chunkings[0]);
    return heap_.t.input.members[InputId{input}];
  }
  bool has_finding() { return heap_.t.found.finding_count > 0; }

private:
  TablesOnHeap heap_;
  u32 inputs_;
  Chunking chunking_;
};

// Names of this archive lead from `a` to `b`; `c` and `unused` nobody wants. Its members have odd sizes.
Archive chain(bool is_wide) {
  std::string a = object_of({{"a", 1}, {"b"}}), b = object_of({{"b", 1}}), c = object_of({{"c", 1}, {"a"}});
  return {.is_wide = is_wide,
          .members = {c + "odd", a + "odder", b},
          .index = {{"c", 0}, {"unused", 0}, {"a", 1}, {"b", 2}}};
}

} // namespace

TEST("archive index: members are wanted through members, by an index of either width") {
  for (bool is_wide : {false, true})
    for (const Chunking &chunking : chunkings) {
      Archive archived = chain(is_wide);
      Search search({object({{"a"}}), archive(bytes_of(archived))}, chunking);
      search.run();
      std::vector<u64> headers = headers_of(archived);
      CHECK(!search.is_indexed(0) && search.is_indexed(1) && search.names(1) == 4);
      CHECK((search.wanted_names(1) == std::set<u32>{2, 3}));
      CHECK((search.wanted_headers(1) == std::vector<u64>{headers[1], headers[2]}));
      CHECK(search.listed(1) == 2 && search.listed(0) == 1 && !search.has_finding());
    }
}

TEST("archive index: what refers to a name, and what does not") {
  struct {
    Symbol symbol;
    u16 type;
    bool is_wanted;
  } references[] = {
      {{"a"}, ET_REL, true},
      {{"a@V1"}, ET_REL, true},
      {{"a@@V1"}, ET_REL, true},
      {{"a"}, ET_DYN, true},
      {{"a", SHN_COMMON}, ET_REL, true},
      {{"a", SHN_X86_64_LCOMMON}, ET_REL, true},
      {{"a", 1}, ET_REL, false},
      {{"a", SHN_ABS}, ET_REL, false},
      {{"a", SHN_UNDEF, STB_WEAK}, ET_REL, false},
      {{"a", SHN_UNDEF, STB_LOCAL}, ET_REL, false},
      {{"aa"}, ET_REL, false},
      {{""}, ET_REL, false},
      {{"@a"}, ET_REL, false},
  };
  for (const auto &[symbol, type, is_wanted] : references) {
    Search search({{object_of({symbol}, type)}, archive(bytes_of(chain(false)))});
    CHECK(search.run().wanted_names(1).contains(2) == is_wanted);
  }
}

TEST("archive index: names of versions are wanted by what comes before the @") {
  Archive archived{.members = {object_of({})}, .index = {{"a@@V2", 0}, {"a@V1", 0}, {"@", 0}, {"@a", 0}, {"", 0}}};
  CHECK((Search({object({{"a"}}), archive(bytes_of(archived))}).run().wanted_names(1) == std::set<u32>{0, 1}));
  CHECK((Search({object({{"@a@V1"}}), archive(bytes_of(archived))}).run().wanted_names(1) == std::set<u32>{3}));
}

TEST("archive index: only archives that are searched have theirs read, and the members of others refer too") {
  Archive lists_a{.members = {object_of({{"x", 1}, {"a"}})}, .index = {{"x", 0}}};
  std::string chained = bytes_of(chain(false));
  Search whole({{bytes_of(lists_a), InputFlags::IS_ARCHIVE | InputFlags::WHOLE_ARCHIVE}, archive(chained)});
  whole.run();
  CHECK(!whole.is_indexed(0) && whole.names(0) == 0);
  CHECK((whole.wanted_names(1) == std::set<u32>{2, 3}));
  CHECK(whole.listed(0) == 1);

  std::string without = "!<arch>\n" + member_header("a.o/", lists_a.members[0].size()) + padded(lists_a.members[0]);
  Search unindexed({archive(without), archive(chained), archive("!<arch>\n"), {chained, 0}});
  unindexed.run();
  CHECK(!unindexed.is_indexed(0) && !unindexed.is_indexed(2) && !unindexed.is_indexed(3));
  CHECK((unindexed.wanted_names(1) == std::set<u32>{2, 3}));
}

TEST("archive index: members at the same place of two archives are two members") {
  Archive first{.members = {object_of({{"a", 1}, {"b"}})}, .index = {{"a", 0}}};
  Archive second{.members = {object_of({{"a", 1}, {"c"}})}, .index = {{"a", 0}}};
  Archive third{.members = {object_of({{"b", 1}, {"c", 1}})}, .index = {{"b", 0}, {"c", 0}}};
  Search search({object({{"a"}}), archive(bytes_of(first)), archive(bytes_of(second)), archive(bytes_of(third))});
  CHECK((search.run().wanted_names(3) == std::set<u32>{0, 1}));
}

TEST("archive index: random archives, whose names many define, give what a search to and fro gives") {
  Random random(1);
  for (u32 round = 0; round < 60; round++) {
    u32 names = random.between(1, 80);
    auto random_names = [&](u32 most) {
      std::set<std::string> chosen;
      for (u32 i = random.below(most + 1); i-- > 0;) chosen.insert("n" + std::to_string(random.below(names)));
      return chosen;
    };
    std::set<std::string> referred = random_names(3);
    struct Member {
      std::set<std::string> defined, referred;
      bool is_wanted = false;
    };
    std::vector<Symbol> symbols;
    symbols.reserve(referred.size());
    for (const std::string &name : referred) symbols.push_back({name});
    std::vector<Input> inputs = {object(symbols)};
    std::vector<Archive> archives(random.between(1, 4));
    std::vector<std::vector<Member>> members(archives.size());
    for (u32 i = 0; i < archives.size(); i++) {
      archives[i].is_wide = random.below(2);
      for (u32 m = 0, count = random.below(20); m < count; m++) {
        Member member{random_names(4), random_names(3)};
        symbols.clear();
        for (const std::string &name : member.defined) {
          symbols.push_back({name, 1});
          archives[i].index.push_back({name, m});
        }
        for (const std::string &name : member.referred) symbols.push_back({name});
        archives[i].members.push_back(object_of(symbols) + std::string(random.below(3), 0));
        members[i].push_back(member);
      }
      inputs.push_back(archive(bytes_of(archives[i])));
    }
    for (bool is_changed = true; is_changed;) {
      is_changed = false;
      for (std::vector<Member> &list : members)
        for (Member &member : list) {
          if (member.is_wanted || std::ranges::none_of(member.defined, [&](auto &n) { return referred.contains(n); }))
            continue;
          member.is_wanted = is_changed = true;
          referred.insert(member.referred.begin(), member.referred.end());
        }
    }
    Search search(inputs, chunkings[round % std::size(chunkings)]);
    search.run();
    CHECK(search.tables().found.is_search_too_wide == 0);
    for (u32 i = 0; i < archives.size(); i++) {
      std::vector<u64> headers = headers_of(archives[i]), wanted;
      for (u32 m = 0; m < members[i].size(); m++)
        if (members[i][m].is_wanted) wanted.push_back(headers[m]);
      CHECK(search.wanted_headers(i + 1) == wanted);
      for (u32 n = 0; n < archives[i].index.size(); n++)
        CHECK(search.wanted_names(i + 1).contains(n) == referred.contains(archives[i].index[n].name));
    }
  }
}

TEST("archive index: names whose hashes are the same are wanted together") {
  Archive archived = chain(false);
  Search search({object({{"a"}}), archive(bytes_of(archived))});
  search.count();
  search.hash();
  Tables &t = search.tables();
  t.index_name.hash[IndexNameId{1}] = t.index_name.hash[IndexNameId{2}]; // `unused` and `a`
  search.search();
  CHECK((search.wanted_names(1) == std::set<u32>{1, 2, 3}));
}

TEST("archive index: names whose hashes want the same place of the table are told apart") {
  Archive archived{.members = {object_of({})}, .index = {}};
  for (u32 i = 0; i < 40; i++) archived.index.push_back({"n" + std::to_string(i), 0});
  Search search({object({{"n7"}}), archive(bytes_of(archived))});
  search.count();
  search.hash();
  Tables &t = search.tables();
  u64 place = t.index_name.hash[IndexNameId{7}] & 0xffff;
  for (u32 i = 0; i < 40; i++)
    if (i != 7) t.index_name.hash[IndexNameId{i}] = u64{i} << 16 | place;
  search.search();
  CHECK((search.wanted_names(1) == std::set<u32>{7}));
}

TEST("archive index: a search with more references than are worth looking up is given up") {
  std::vector<Symbol> symbols(20'000, {"nowhere"});
  std::string chained = bytes_of(chain(false));
  CHECK(Search({object(symbols), archive(chained)}).run().tables().found.is_search_too_wide == 0);
  symbols.push_back({"a"});
  CHECK(Search({object(symbols), archive(chained)}).run().tables().found.is_search_too_wide == 1);
}

TEST("archive index: a thin archive's names are read, and its members are not looked for inside it") {
  Archive thin = chain(false);
  thin.is_thin = true;
  Search search({object({{"b"}}), archive(bytes_of(thin))});
  search.run();
  CHECK((search.wanted_names(1) == std::set<u32>{3}));
  CHECK(search.listed(1) == 0 && search.has_finding()); // the member would be beyond the end
}

TEST("archive index: one that says that it has more than it has is no index") {
  for (bool is_wide : {false, true}) {
    Archive archived = chain(is_wide);
    std::string index = index_of(archived);
    u32 width = is_wide ? 8 : 4;
    auto names = [&](const std::string &contents) {
      Search search({object({{"a"}}), archive(with_index(archived, contents))});
      search.run();
      CHECK(search.is_indexed(1) || search.names(1) == 0);
      return search.is_indexed(1) ? search.names(1) : none;
    };
    CHECK(names(index) == 4);
    u64 most = (index.size() - width) / (width + 1); // each name has its number and its NUL
    CHECK(names(big_endian(most, width) + index.substr(width)) == most);
    for (u64 count : {most + 1, u64{index.size()}, u64{0x7fffffff}, u64{UINT32_MAX}, UINT64_MAX / 8, UINT64_MAX / 9 + 2,
                      u64{1} << 61, u64{1} << 63, UINT64_MAX})
      if (is_wide || count <= UINT32_MAX) CHECK(names(big_endian(count, width) + index.substr(width)) == none);
    CHECK(names(big_endian(0, width)) == 0);
    for (u32 size = 0; size < width; size++) CHECK(names(index.substr(0, size)) == none);
  }
}

TEST("archive index: members that are not where it says are not followed, and are found when they are listed") {
  for (bool is_wide : {false, true}) {
    Archive archived = chain(is_wide);
    std::string index = index_of(archived);
    u32 width = is_wide ? 8 : 4;
    u64 size = bytes_of(archived).size(), b = headers_of(archived)[2];
    for (u64 offset : {u64{0}, u64{7}, b + 1, b - 2, size - 59, size - 1, size, size + 1, u64{0x7fffffff},
                       u64{UINT32_MAX}, UINT64_MAX - 60, UINT64_MAX - 59, UINT64_MAX - 1, UINT64_MAX}) {
      if (!is_wide && offset > UINT32_MAX) continue;
      std::string hostile = index;
      hostile.replace(width * 3, width, big_endian(offset, width)); // of `a`
      Search search({object({{"a"}}), archive(with_index(archived, hostile))});
      search.run();
      CHECK((search.wanted_names(1) == std::set<u32>{2}));
      CHECK(search.wanted_headers(1) == std::vector<u64>{offset});
      CHECK(search.listed(1) == 0 && search.has_finding());
    }
  }
}

TEST("archive index: names that are cut off end with it, and those that are missing are wanted by nobody") {
  for (bool is_wide : {false, true}) {
    Archive archived = chain(is_wide);
    std::string index = index_of(archived);
    std::string last = index.substr(0, index.size() - 1);
    CHECK((Search({object({{"b"}}), archive(with_index(archived, last))}).run().wanted_names(1) == std::set<u32>{3}));
    // The archive ends with its index, so that nothing is behind it.
    archived.members.clear();
    for (u64 size = index.size(); size >= index.size() - 7; size--) {
      std::string bytes = with_index(archived, index.substr(0, size));
      Search search({object({{"a"}, {"b"}}), archive(bytes.substr(0, 8 + sizeof(ArHeader) + size))});
      search.run();
      u32 left = size >= index.size() - 1 ? 4 : size >= index.size() - 3 ? 3 : 2;
      CHECK(search.names(1) == 4 && search.wanted_names(1).size() == left - 2);
      for (u32 i = 0; i < 4; i++) CHECK((search.tables().index_name.hash[IndexNameId{i}] != 0) == (i < left));
    }
  }
}

TEST("archive index: an archive that is cut off anywhere, or has any bytes, is read to its end only") {
  for (bool is_wide : {false, true}) {
    Archive archived = chain(is_wide);
    std::string bytes = bytes_of(archived);
    for (u32 size = 0; size < bytes.size(); size++) {
      Search cut({object({{"a"}}), archive(bytes.substr(0, size))});
      cut.run().listed(1);
      CHECK(cut.is_indexed(1) == (size >= 8 + sizeof(ArHeader) + index_of(archived).size()));
    }
    Random random(is_wide);
    for (u32 i = 0; i < 3000; i++) {
      std::string mutant = bytes;
      for (u32 changes = random.between(1, 4); changes-- > 0;) {
        u32 at = random.below(static_cast<u32>(random.below(2) ? bytes.size() : 8 + sizeof(ArHeader) + 60));
        mutant[at] = random.below(3) ? static_cast<char>(random.next()) : "\xff\0009"[random.below(3)];
      }
      Search search({object({{"a"}, {"c"}}), archive(mutant)});
      search.run().listed(1);
      CHECK(search.names(1) <= bytes.size() / (is_wide ? 9 : 5));
    }
  }
}

TEST("archive index: one that changes after it was counted fills no more than the rows that it has") {
  Archive small = chain(false), large = chain(false);
  for (u32 i = 0; i < 10; i++) large.index.push_back({"more" + std::to_string(i), 0});
  std::string bytes[] = {bytes_of(small), bytes_of(large), "!<arch>\n"};
  for (const std::string &before : bytes)
    for (const std::string &after : bytes) {
      Search search({archive(before), object({{"a"}, {"more9"}}), archive(bytes[0])});
      search.count();
      TablesOnHeap changed;
      search.tables().input.base[InputId{0}] = changed.copy(after);
      search.tables().input.size[InputId{0}] = after.size();
      search.hash();
      search.search();
      CHECK((search.wanted_names(2) == std::set<u32>{2, 3}));
    }
}

TEST("archive: a member's name is found wherever its archive has it, and nowhere else") {
  auto table = [](const std::string &names) { return padded(member_header("//", names.size()) + names); };
  auto name_in = [](const std::string &before, const std::string &name, const std::string &contents = "") {
    TablesOnHeap heap; // a block of exactly this size
    std::string bytes = "!<arch>\n" + before;
    u64 at = bytes.size();
    bytes += padded(member_header(name, contents.size()) + contents);
    return std::string(member_name({reinterpret_cast<const u8 *>(heap.copy(bytes)), bytes.size()}, at));
  };
  std::string index = padded(member_header("/", 4) + std::string(4, 0));
  std::string names = table("a-name-of-more-than-16.o/\nin/a/folder.o/\n");
  CHECK(name_in("", "short.o/") == "short.o");
  CHECK(name_in("", "no-slash.o") == "no-slash.o");
  CHECK(name_in("", "#1/8", std::string("bsd.o\0\0\0rest", 12)) == "bsd.o");
  CHECK(name_in("", "#1/999", "bsd.o") == "" && name_in("", "#1/x", "bsd.o") == "");
  for (const std::string &before : {names, index + names}) {
    CHECK(name_in(before, "/0") == "a-name-of-more-than-16.o");
    CHECK(name_in(before, "/26") == "folder.o");
    CHECK(name_in(before, "/9999") == "");
  }
  CHECK(name_in(index, "/0") == "" && name_in("", "/0") == "");
  CHECK(name_in(padded(member_header("/7", 0)) + names, "/0") == "");
}
