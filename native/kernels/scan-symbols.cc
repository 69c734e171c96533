// Scan: what names each file mentions.

#include <compare>
#include <string>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/names.h"

namespace spore {

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

namespace {

u64 hash_name(const Tables &t, const u8 *data, size_t size) {
  return hash_bytes(data, size, t.link.hash_seed) >> t.link.hash_shift;
}

u64 hash_versioned(const Tables &t, const Name &name, const Name &version) {
  std::string both(reinterpret_cast<const char *>(name.data), name.size);
  both += '@';
  both.append(reinterpret_cast<const char *>(version.data), version.size);
  return hash_name(t, reinterpret_cast<const u8 *>(both.data()), both.size());
}

// `__wrap_NAME` for a name that --wrap concerns, else nothing. The rows are sorted by length, then by bytes.
std::optional<Name> wrapper_of(const Tables &t, const u8 *name, size_t size) {
  constexpr u32 prefix = sizeof wrap_prefix - 1;
  u32 first = 0, end = t.wrapped.rows;
  while (first < end) {
    WrappedId middle{first + (end - first) / 2};
    Name wrapper{reinterpret_cast<const u8 *>(t.wrapped.text[middle]), t.wrapped.length[middle]};
    std::strong_ordering order = wrapper.size <=> prefix + size;
    if (order == 0) order = std::memcmp(wrapper.data + prefix, name, size) <=> 0;
    if (order == 0) return wrapper;
    if (order < 0) first = raw(middle) + 1;
    else end = raw(middle);
  }
  return std::nullopt;
}

// Fills an undefined mention of a name that --wrap concerns. False when it does not.
bool wrap_mention(const Tables &t, MentionId m, const Name &name, u32 flags) {
  constexpr u32 prefix = sizeof real_prefix - 1;
  std::optional<Name> meant = wrapper_of(t, name.data, name.size);
  if (!meant && name.starts_with(real_prefix) && wrapper_of(t, name.data + prefix, name.size - prefix))
    meant = {name.data + prefix, name.size - prefix};
  if (!meant) return false;
  t.mention.flags[m] = static_cast<u8>(flags);
  t.mention.name[m] = pack_name(*meant);
  t.mention.hash[m] = hash_name(t, meant->data, meant->size);
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
      t.mention.name[m] = pack_name(empty);
      t.mention.hash[m] = hash_name(t, empty.data, empty.size);
      continue;
    }
    u32 flags = section == SHN_UNDEF                             ? MentionFlags::UNDEFINED
                : is_common(section) || sym.type() == STT_COMMON ? MentionFlags::COMMON
                                                                 : MentionFlags::DEFINED;
    // GCC's mark of an object that has its intermediate language only.
    if (flags == MentionFlags::COMMON && *name == "__gnu_lto_slim") [[unlikely]] {
      t.file.traits[file.id] |= FileTraits::IS_LTO;
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
    t.mention.name[m] = pack_name(*name);
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
    t.mention.name[m] = pack_name(*name);
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
    t.mention.name[m] = pack_name(*name);
    t.mention.hash[m] = hash;
  }
}

} // namespace

void scan_symbols(Job &job, RowRange<FileId> rows) {
  for (FileId f : rows) {
    if (job.t.file.traits[f] & FileTraits::IS_BROKEN) continue;
    FileView file(job.t, f);
    is_shared(job.t, f) ? scan_shared(job, file) : scan_object(job, file);
  }
}

} // namespace spore
