// Scan: which files there are, where their tables lie, and what names they mention.
//
// This is where a file's layout is checked first: what these kernels store in file is valid for that
// file. A file that fails is marked broken and takes no further part.

#include <algorithm>
#include <string>
#include <unordered_set>
#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/archive.h"

namespace spore {

void count_members(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    if (!(t.input.flags[i] & InputFlags::IS_ARCHIVE)) {
      t.input.members[i] = 1;
      continue;
    }
    u32 count = 0;
    u64 bad = 0;
    if (!for_each_listed_member(t, i, [&](const Member &) { count++; }, bad)) {
      job.report(Code::MalformedArchive, {.file = raw(i), .offset = bad});
      count = 0;
    }
    t.input.members[i] = count;
  }
}

void list_members(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    u8 in = t.input.flags[i];
    u32 flags = 0;
    if (in & InputFlags::IS_SHARED) flags |= FileFlags::IS_SHARED;
    if (in & InputFlags::IS_INDIRECT) flags |= FileFlags::IS_INDIRECT;
    if (in & InputFlags::IS_INTERNAL) flags |= FileFlags::IS_INTERNAL;
    if (in & InputFlags::AS_NEEDED) flags |= FileFlags::AS_NEEDED;
    if (in & InputFlags::EXCLUDE_LIBS) flags |= FileFlags::EXCLUDE_LIBS;
    bool is_archive = in & InputFlags::IS_ARCHIVE;
    if (is_archive ? !(in & InputFlags::WHOLE_ARCHIVE) : in & InputFlags::IS_LAZY) flags |= FileFlags::IS_LAZY;

    FileId next{t.input.first_file[i]};
    FileId end = next + t.input.members[i];
    const u8 *begin = input_bytes(t, i).data();
    auto add = [&](u64 header, const Bytes &contents) {
      if (raw(next) >= raw(end)) return; // the archive grew since it was counted
      u32 more = 0;
      if (contents.size() > UINT32_MAX) {
        job.report(Code::FileTooLarge, {.file = raw(next)});
        more = FileFlags::IS_BROKEN;
      } else if (has_bitcode_magic(contents)) {
        more = FileFlags::IS_LTO | FileFlags::IS_BROKEN;
      }
      t.file.base[next] = reinterpret_cast<u64>(contents.data());
      t.file.size[next] = contents.size() > UINT32_MAX ? 0 : static_cast<u32>(contents.size());
      t.file.input[next] = raw(i);
      t.file.input_offset[next] = static_cast<u64>(contents.data() - begin);
      t.file.name_offset[next] = header;
      t.file.flags[next] = static_cast<u16>(flags | more);
      ++next;
    };
    u64 bad = 0;
    if (is_archive) {
      if (t.input.members[i] != 0)
        for_each_listed_member(t, i, [&](const Member &m) { add(m.header, m.contents); }, bad);
    } else {
      add(0, input_bytes(t, i));
    }
  }
}

namespace {

// The string table with header index `link`: inside the file, and ending in NUL.
bool is_string_table(const Bytes &bytes, const Elf64_Shdr &h) {
  auto contents = bytes.slice(h.sh_offset, h.sh_size);
  return h.sh_type == SHT_STRTAB && contents && h.sh_size > 0 && contents->end()[-1] == 0;
}

// Fills file's columns for one file; returns what is wrong with it, or None.
Code scan_file(const Tables &t, FileId f, Place &place) {
  Bytes bytes(reinterpret_cast<const u8 *>(t.file.base[f]), t.file.size[f]);
  bool shared = is_shared(t, f);
  auto header = bytes.read<Elf64_Ehdr>(0);
  if (!header || !has_elf_magic(bytes)) return Code::NotElf;
  if (header->e_ident[4] != 2 || header->e_ident[5] != 1) return Code::WrongClass;
  place.operand = header->e_machine;
  if (header->e_machine != t.link.machine) return Code::WrongMachine;
  place.operand = header->e_type;
  if (header->e_type != (shared ? ET_DYN : ET_REL)) return Code::WrongType;
  if (header->e_shoff == 0 || header->e_shentsize != sizeof(Elf64_Shdr)) return Code::BadSectionHeaders;
  auto zeroth = bytes.read<Elf64_Shdr>(header->e_shoff);
  if (!zeroth) return Code::BadSectionHeaders;
  u64 count = header->e_shnum ? header->e_shnum : zeroth->sh_size; // gABI ch. 4: extended numbering
  u64 names = header->e_shstrndx == SHN_XINDEX ? zeroth->sh_link : header->e_shstrndx;
  auto headers = bytes.array<Elf64_Shdr>(header->e_shoff, count);
  if (!headers || count == 0 || names >= count) return Code::BadSectionHeaders;
  Elf64_Shdr name_table = (*headers)[names];
  if (!is_string_table(bytes, name_table)) return Code::BadSectionNames;
  // What is wrong below is reported with the section's name.
  t.file.section_headers[f] = static_cast<u32>(header->e_shoff);
  t.file.section_count[f] = static_cast<u32>(count);
  t.file.section_names[f] = static_cast<u32>(name_table.sh_offset);
  t.file.section_names_size[f] = static_cast<u32>(name_table.sh_size);

  u32 symtab = 0, indices = 0, groups = 0;
  u64 inflated = 0;
  for (u32 i = 1; i < count; i++) {
    Elf64_Shdr h = (*headers)[i];
    place.section = i;
    if (h.sh_type != SHT_NOBITS && !bytes.contains(h.sh_offset, h.sh_size)) {
      if (shared && h.sh_type != SHT_DYNSYM && h.sh_type != SHT_STRTAB && h.sh_type != SHT_GNU_VERSYM &&
          h.sh_type != SHT_GNU_VERDEF && h.sh_type != SHT_DYNAMIC)
        continue; // of a shared object only these are read; separate debug files leave holes
      return Code::SectionOutsideFile;
    }
    if (!shared && h.sh_flags & SHF_COMPRESSED) {
      auto chdr = bytes.read<Elf64_Chdr>(h.sh_offset);
      if (!chdr || h.sh_size < sizeof(Elf64_Chdr) || h.sh_flags & SHF_ALLOC || h.sh_type == SHT_NOBITS ||
          chdr->ch_size > UINT32_MAX)
        return Code::CompressedSection;
      place.operand = chdr->ch_type;
      if (chdr->ch_type != ELFCOMPRESS_ZLIB) return Code::CompressionType;
      inflated += (chdr->ch_size + 15) & ~u64{15};
    }
    switch (h.sh_type) {
    case SHT_SYMTAB:
    case SHT_DYNSYM:
      if (h.sh_type != (shared ? SHT_DYNSYM : SHT_SYMTAB)) break;
      if (symtab) return Code::TwoSymbolTables;
      symtab = i;
      break;
    case SHT_SYMTAB_SHNDX: indices = i; break;
    case SHT_GROUP: groups++; break;
    case SHT_GNU_VERSYM:
      if (shared) t.file.versions[f] = static_cast<u32>(h.sh_offset);
      if (shared) t.file.section_indices[f] = 0;
      break;
    case SHT_GNU_VERDEF:
      if (shared) {
        t.file.version_definitions[f] = static_cast<u32>(h.sh_offset);
        t.file.version_definitions_size[f] = static_cast<u32>(h.sh_size);
      }
      break;
    case SHT_RELA:
      if (!shared && h.sh_info + u64{1} != i) t.file.flags[f] |= FileFlags::HAS_STRAY_RELOCATIONS;
      break;
    case SHT_CREL: return Code::CrelRelocations;
    case SHT_RELR:
      if (!shared) return Code::RelrInObject;
      break;
    case SHT_REL:
      if (!shared) return Code::RelInObject;
      break;
    }
  }
  place.section = none;
  if (inflated) {
    inflated += (bytes.size() + 15) & ~u64{15};
    if (inflated > UINT32_MAX) return Code::FileTooLarge;
    t.file.inflated_size[f] = inflated;
  }
  place.section = symtab;
  t.file.groups[f] = groups;
  if (!symtab) return shared ? Code::NoDynamicSymbols : Code::None;

  Elf64_Shdr h = (*headers)[symtab];
  u64 symbols = h.sh_size / sizeof(Elf64_Sym);
  if (h.sh_entsize != sizeof(Elf64_Sym) || h.sh_size % sizeof(Elf64_Sym) || h.sh_link >= count ||
      !is_string_table(bytes, (*headers)[h.sh_link]))
    return Code::BadSymbolTable;
  // Of a shared object nothing but the zeroth symbol is local for the link, whatever sh_info says.
  u32 first_global = shared ? (symbols ? 1 : 0) : h.sh_info;
  if (first_global > symbols) return Code::BadSymbolTable;
  if (shared && t.file.versions[f] && !bytes.contains(t.file.versions[f], symbols * 2)) return Code::BadVersions;
  if (indices) {
    Elf64_Shdr x = (*headers)[indices];
    if (x.sh_size / 4 < symbols) return Code::BadSymbolTable;
    t.file.section_indices[f] = static_cast<u32>(x.sh_offset);
  }
  t.file.symbols[f] = static_cast<u32>(h.sh_offset);
  t.file.symbol_count[f] = static_cast<u32>(symbols);
  t.file.first_global[f] = first_global;
  t.file.strings[f] = static_cast<u32>((*headers)[h.sh_link].sh_offset);
  t.file.strings_size[f] = static_cast<u32>((*headers)[h.sh_link].sh_size);

  u32 signatures = 0;
  if (!shared && groups)
    for (u32 i = 1; i < count; i++) {
      Elf64_Shdr g = (*headers)[i];
      if (g.sh_type != SHT_GROUP) continue;
      place.section = i;
      if (g.sh_info >= symbols || g.sh_size < 4 || g.sh_size % 4) return Code::BadGroup;
      if (g.sh_info < first_global) signatures++;
    }
  t.file.signatures[f] = signatures;
  return Code::None;
}

} // namespace

void scan_headers(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (t.file.flags[f] & FileFlags::IS_BROKEN) {
      // Whether a member is needed is known after resolve.
      if ((t.file.flags[f] & (FileFlags::IS_LTO | FileFlags::IS_LAZY)) == FileFlags::IS_LTO)
        job.report(Code::Bitcode, {.file = raw(f)});
      continue;
    }
    Place place{.file = raw(f)};
    Code code = scan_file(t, f, place);
    if (code == Code::None) continue;
    // As GNU ld: members for another machine are in nobody's way.
    bool is_foreign = code == Code::WrongClass || code == Code::WrongMachine;
    if (!is_foreign || !(t.file.flags[f] & FileFlags::IS_LAZY)) job.report(code, place);
    t.file.flags[f] |= FileFlags::IS_BROKEN;
    t.file.symbol_count[f] = t.file.first_global[f] = t.file.signatures[f] = t.file.section_count[f] = 0;
  }
}

namespace {

struct Mention {
  u64 hash;
  u32 name;
  u32 flags;
};

// The names of a shared object's versions by index (gABI extension, .gnu.version_d).
std::vector<Name> version_names(const Tables &t, FileId f, const FileView &file) {
  std::vector<Name> names;
  auto table = file.bytes.slice(t.file.version_definitions[f], t.file.version_definitions_size[f]);
  if (!table || table->size() == 0) return names;
  u64 at = 0;
  for (u32 count = 0; count < VERSYM_HIDDEN; count++) { // indices have 15 bits
    auto def = table->read<Elf64_Verdef>(at);
    if (!def) break;
    auto aux = table->read<Elf64_Verdaux>(at + def->vd_aux);
    u32 index = def->vd_ndx & 0x7fff;
    if (aux) {
      Elf64_Sym as_symbol{};
      as_symbol.st_name = aux->vda_name;
      if (auto name = file.symbol_name(as_symbol)) {
        if (names.size() <= index) names.resize(index + 1);
        names[index] = *name;
      }
    }
    if (def->vd_next == 0) break;
    at += def->vd_next;
  }
  return names;
}

u64 hash_name(const Tables &t, const u8 *data, size_t size) {
  return hash_bytes(data, size, t.link.hash_seed) >> t.link.hash_shift;
}

u64 hash_versioned(const Tables &t, const Name &name, const Name &version) {
  std::string both(reinterpret_cast<const char *>(name.data), name.size);
  both += '@';
  both.append(reinterpret_cast<const char *>(version.data), version.size);
  return hash_name(t, reinterpret_cast<const u8 *>(both.data()), both.size());
}

u64 address_of(const u8 *name) { return reinterpret_cast<u64>(name); }

// GNU ld's --wrap: a reference to `name` means __wrap_name, one to __real_name means `name`.
constexpr char wrap_prefix[] = "__wrap_", real_prefix[] = "__real_";

bool is_wrapped(const Tables &t, const u8 *name, size_t size) {
  for (u32 i = 0; i < t.wrapped.rows; i++)
    if (t.wrapped.length[WrappedId{i}] == size &&
        std::memcmp(reinterpret_cast<const u8 *>(t.wrapped.text[WrappedId{i}]), name, size) == 0)
      return true;
  return false;
}

// Fills an undefined mention of a name that --wrap concerns. False when it does not.
bool wrap_mention(const Tables &t, MentionId m, const Name &name, u32 flags) {
  constexpr u32 prefix = sizeof real_prefix - 1;
  u32 skip = 0;
  u64 hash;
  if (name.starts_with(real_prefix) && is_wrapped(t, name.data + prefix, name.size - prefix)) {
    skip = prefix;
    hash = hash_name(t, name.data + prefix, name.size - prefix);
  } else if (is_wrapped(t, name.data, name.size)) {
    std::string wrapped = wrap_prefix;
    wrapped.append(reinterpret_cast<const char *>(name.data), name.size);
    hash = hash_name(t, reinterpret_cast<const u8 *>(wrapped.data()), wrapped.size());
    flags |= MentionFlags::WRAPPED;
  } else {
    return false;
  }
  t.mention.flags[m] = static_cast<u8>(flags);
  t.mention.name[m] = address_of(name.data + skip);
  t.mention.hash[m] = hash;
  return true;
}

// The end of a file's strings: of what has no name that could be read.
Name empty_name(const Tables &t, const FileView &file) {
  return {file.bytes.data() + t.file.strings[file.id] + t.file.strings_size[file.id] - 1, 0, false};
}

void scan_object(Job &job, const FileView &file) {
  const Tables &t = job.t;
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    Elf64_Sym sym = file.symbols()[i];
    MentionId m = file.mention(i);
    auto name = file.symbol_name(sym);
    u32 section = file.section_index(i, sym);
    if (!name || section == section_bad) {
      job.report(name ? Code::BadSymbolSection : Code::BadSymbolName, {.file = raw(file.id), .symbol = i});
      Name empty = empty_name(t, file);
      t.mention.flags[m] = MentionFlags::UNDEFINED | MentionFlags::WEAK;
      t.mention.name[m] = address_of(empty.data);
      t.mention.hash[m] = hash_name(t, empty.data, empty.size);
      continue;
    }
    u32 flags = section == SHN_UNDEF                             ? MentionFlags::UNDEFINED
                : is_common(section) || sym.type() == STT_COMMON ? MentionFlags::COMMON
                                                                 : MentionFlags::DEFINED;
    // GCC's mark of an object that has its intermediate language only.
    if (flags == MentionFlags::COMMON && *name == "__gnu_lto_slim") [[unlikely]] {
      t.file.flags[file.id] |= FileFlags::IS_LTO;
      if (!(t.file.flags[file.id] & FileFlags::IS_LAZY)) job.report(Code::LtoObject, {.file = raw(file.id)});
    }
    if (sym.binding() == STB_WEAK) flags |= MentionFlags::WEAK;
    if (t.wrapped.rows && (flags & MentionFlags::KIND) == MentionFlags::UNDEFINED && wrap_mention(t, m, *name, flags))
      continue;
    u32 length = name->size;
    if (auto *at = name->has_at ? static_cast<const u8 *>(std::memchr(name->data, '@', length)) : nullptr;
        at && at != name->data) [[unlikely]] {
      flags |= MentionFlags::NAME_HAS_AT; // .symver: "name@version" or, the default, "name@@version"
      if (at[1] == '@') {
        length = static_cast<u32>(at - name->data);
        flags |= MentionFlags::DEFAULT_VERSION;
        if ((flags & MentionFlags::KIND) != MentionFlags::UNDEFINED)
          job.request(RequestKind::DEFAULT_DEFINITION, file.id, i);
      } else {
        u64 plain = hash_name(t, name->data, static_cast<size_t>(at - name->data));
        job.request(RequestKind::VERSIONED_NAME, file.id, i, plain);
      }
    }
    t.mention.flags[m] = static_cast<u8>(flags);
    t.mention.name[m] = address_of(name->data);
    t.mention.hash[m] = hash_name(t, name->data, length);
  }
  if (t.file.signatures[file.id] == 0) return;
  // A group's signature may be a local symbol; a section symbol stands for its section's name.
  MentionId m = file.mention(file.symbol_count);
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr g = file.section(i);
    if (g.sh_type != SHT_GROUP || g.sh_info >= file.first_global) continue;
    Elf64_Sym sym = file.symbols()[g.sh_info];
    auto name = file.symbol_name(sym);
    if (sym.type() == STT_SECTION) {
      u32 section = file.section_index(g.sh_info, sym);
      if (section < file.section_count) name = file.section_name(file.section(section));
    }
    if (!name) {
      job.report(Code::BadSymbolName, {.file = raw(file.id), .symbol = g.sh_info});
      name = empty_name(t, file);
    }
    t.mention.flags[m] = MentionFlags::SIGNATURE;
    t.mention.name[m] = address_of(name->data);
    t.mention.hash[m] = hash_name(t, name->data, name->size);
    ++m;
  }
}

void scan_shared(Job &job, const FileView &file) {
  const Tables &t = job.t;
  FileId f = file.id;
  std::vector<Name> versions = version_names(t, f, file);
  Array<u16> indices(file.bytes.data() + t.file.versions[f], t.file.versions[f] ? file.symbol_count : 0);
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    Elf64_Sym sym = file.symbols()[i];
    MentionId m = file.mention(i);
    auto name = file.symbol_name(sym);
    u16 version = indices.size() ? indices[i] : u16{VER_NDX_GLOBAL};
    u32 flags = sym.st_shndx == SHN_UNDEF ? MentionFlags::UNDEFINED : MentionFlags::DEFINED;
    if (sym.binding() == STB_WEAK) flags |= MentionFlags::WEAK;
    bool is_local = version == VER_NDX_LOCAL && flags & MentionFlags::DEFINED;
    if (!name || is_local || sym.binding() == STB_LOCAL) {
      if (!name) job.report(Code::BadSymbolName, {.file = raw(f), .symbol = i});
      flags = MentionFlags::UNDEFINED | MentionFlags::WEAK; // takes no part
      name = empty_name(t, file);
    }
    u64 hash;
    u32 index = version & ~VERSYM_HIDDEN;
    if (flags & MentionFlags::DEFINED && version & VERSYM_HIDDEN && index < versions.size() && versions[index].data) {
      flags |= MentionFlags::VERSIONED; // not the default: only "name@version" means it
      hash = hash_versioned(t, *name, versions[index]);
    } else {
      hash = hash_name(t, name->data, name->size);
    }
    t.mention.flags[m] = static_cast<u8>(flags);
    t.mention.name[m] = address_of(name->data);
    t.mention.hash[m] = hash;
  }
}

// The name that a mention stands for, "name@version" for a version that is not the default.
struct FullName {
  Name name;
  Name version;
  bool is_wrapped = false; // __wrap_ goes before it

  bool operator==(const FullName &other) const {
    if (is_wrapped && !other.is_wrapped) return other.is_wrap_of(name);
    if (other.is_wrapped && !is_wrapped) return is_wrap_of(other.name);
    return name == other.name && version == other.version;
  }

private:
  bool is_wrap_of(const Name &plain) const {
    constexpr u32 prefix = sizeof wrap_prefix - 1;
    return name.starts_with(wrap_prefix) && Name{name.data + prefix, name.size - prefix, false} == plain;
  }
};

const char *name_text(const Tables &t, MentionId m) { return reinterpret_cast<const char *>(t.mention.name[m]); }

// The versions of the shared object that was asked about last.
class VersionCache {
public:
  const std::vector<Name> &of(const Tables &t, FileId f) {
    if (f != file_ || !is_filled_) names_ = version_names(t, f, FileView(t, f));
    file_ = f;
    is_filled_ = true;
    return names_;
  }

private:
  FileId file_{};
  bool is_filled_ = false;
  std::vector<Name> names_;
};

FullName full_name(const Tables &t, MentionId m, FileId f, VersionCache &cache) {
  const u8 *at = reinterpret_cast<const u8 *>(t.mention.name[m]);
  Name name{at, static_cast<u32>(std::strlen(name_text(t, m)))};
  u32 flags = t.mention.flags[m];
  if (flags & MentionFlags::NAME_HAS_AT) {
    auto *mark = static_cast<const u8 *>(std::memchr(at, '@', name.size));
    if (mark && flags & MentionFlags::DEFAULT_VERSION) name.size = static_cast<u32>(mark - at);
    else if (mark)
      return {{at, static_cast<u32>(mark - at)}, {mark + 1, static_cast<u32>(at + name.size - mark - 1)}, false};
  } else if (flags & MentionFlags::VERSIONED) {
    FileView file(t, f);
    const std::vector<Name> &versions = cache.of(t, f);
    Array<u16> indices(file.bytes.data() + t.file.versions[f], file.symbol_count);
    u32 index = indices[m - file.mention(file.first_global) + file.first_global] & ~VERSYM_HIDDEN;
    if (index < versions.size()) return {name, versions[index], false};
  }
  return {name, {}, (flags & MentionFlags::WRAPPED) != 0};
}

// The file that a mention is of.
FileId file_of(const Tables &t, MentionId m) {
  u32 low = 0, high = static_cast<u32>(t.file.rows) - 1;
  while (low < high) {
    u32 middle = (low + high + 1) / 2;
    if (t.file.first_mention[FileId{middle}] <= raw(m)) low = middle;
    else high = middle - 1;
  }
  return FileId{low};
}

bool is_same_name(const Tables &t, MentionId a, MentionId b, VersionCache &own, VersionCache &other) {
  constexpr u32 is_special = MentionFlags::NAME_HAS_AT | MentionFlags::VERSIONED | MentionFlags::WRAPPED;
  if (!((t.mention.flags[a] | t.mention.flags[b]) & is_special)) [[likely]]
    return std::strcmp(name_text(t, a), name_text(t, b)) == 0;
  return full_name(t, a, file_of(t, a), own) == full_name(t, b, file_of(t, b), other);
}

} // namespace

void scan_symbols(Job &job, RowRange<FileId> rows) {
  for (FileId f : rows) {
    if (job.t.file.flags[f] & FileFlags::IS_BROKEN) continue;
    FileView file(job.t, f);
    is_shared(job.t, f) ? scan_shared(job, file) : scan_object(job, file);
  }
}

// Two different names with one hash: the link starts over with another seed. Names are compared in file
// order, so that one side is in cache; the other is asked for some rounds ahead.
void verify_names(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  constexpr u32 ahead = 8;
  VersionCache own, other;
  for (FileId f : rows) {
    u32 begin = t.file.first_mention[f], end = t.file.first_mention[f + 1];
    for (u32 i = begin; i < end; i++) {
      if (i + 2 * ahead < end)
        __builtin_prefetch(&t.mention.name[MentionId{t.mention.symbol[MentionId{i + 2 * ahead}]}]);
      if (i + ahead < end) __builtin_prefetch(name_text(t, MentionId{t.mention.symbol[MentionId{i + ahead}]}));
      MentionId same{t.mention.symbol[MentionId{i}]};
      if (raw(same) != i && !is_same_name(t, MentionId{i}, same, own, other)) t.found.has_collision.set();
    }
  }
}

// The names name@version were found by scan_symbols. A definition that has the plain name may have that version as its
// default.
void match_versions(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  std::unordered_set<u64> hashes;
  u64 requests = std::min<u64>(t.found.request_count, t.request.rows);
  for (u32 row = 0; row < requests; row++) {
    RequestId id{row};
    // What is being added meanwhile is of another kind.
    if (std::atomic_ref<u8>(t.request.kind[id]).load(std::memory_order_acquire) == RequestKind::VERSIONED_NAME)
      hashes.insert(t.request.operand[id]);
  }
  for (FileId f : rows) {
    if (t.file.flags[f] & FileFlags::IS_BROKEN) continue;
    FileView file(t, f);
    bool shared = is_shared(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      u32 flags = t.mention.flags[m];
      if ((flags & MentionFlags::KIND) == MentionFlags::UNDEFINED || flags & MentionFlags::VERSIONED) continue;
      if ((shared || flags & MentionFlags::DEFAULT_VERSION) && hashes.contains(t.mention.hash[m]))
        job.request(RequestKind::VERSIONED_DEFINITION, f, i);
    }
  }
}

} // namespace spore
