// Scan: where the tables of each file lie.
//
// This is where a file's layout is checked first: what this stores in file is valid for that file. A file that fails
// is marked broken and takes no further part.

#include "generated/kernels.h"
#include "kernels/archive.h"
#include "tables/file-view.h"

namespace spore {

namespace {

// The string table with header index `link`: inside the file, and ending in NUL.
bool is_string_table(const Bytes &bytes, const Elf64_Shdr &h) {
  auto contents = bytes.slice(h.sh_offset, h.sh_size);
  return h.sh_type == SHT_STRTAB && contents && h.sh_size > 0 && contents->end()[-1] == 0;
}

// Whether a section has intermediate language: GCC's, or LLVM's beside machine code.
bool is_ir_name(const Bytes &names, u32 name) {
  auto starts_with = [&](std::string_view prefix) {
    auto text = names.slice(name, prefix.size());
    return text && std::memcmp(text->data(), prefix.data(), prefix.size()) == 0;
  };
  return starts_with(".gnu.lto_") || starts_with(".llvm.lto");
}

// Fills file's columns for one file; returns what is wrong with it, or None.
Code scan_file(const Tables &t, FileId f, Place &place) {
  Bytes bytes(reinterpret_cast<const u8 *>(t.file.image[f]), t.file.image_size[f]);
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

  Bytes section_names = *bytes.slice(name_table.sh_offset, name_table.sh_size);
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
    // Compilers have linkers leave it out, so that few other sections are looked at.
    if (h.sh_flags & SHF_EXCLUDE && !shared && is_ir_name(section_names, h.sh_name)) [[unlikely]]
      t.file.traits[f] |= FileTraits::HAS_IR;
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
      if (!shared && h.sh_info + u64{1} != i) t.file.traits[f] |= FileTraits::HAS_STRAY_RELOCATIONS;
      break;
    case SHT_CREL: return Code::CrelRelocations;
    case SHT_RELR:
      if (!shared) return Code::RelrInObject;
      break;
    case SHT_REL:
      // Clang names the functions of a profile so, which is for the linker alone.
      if (!shared && !(h.sh_info < count && (*headers)[h.sh_info].sh_type == SHT_LLVM_CALL_GRAPH_PROFILE))
        return Code::RelInObject;
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
    if (t.file.traits[f] & FileTraits::IS_BROKEN) {
      // Whether a member is needed is known after resolve.
      if (t.file.traits[f] & FileTraits::IS_LTO && !(t.file.flags[f] & FileFlags::IS_LAZY))
        job.report(Code::Bitcode, {.file = raw(f)});
      continue;
    }
    Place place{.file = raw(f)};
    Code code = scan_file(t, f, place);
    if (code == Code::None) continue;
    // As GNU ld: members for another machine are in nobody's way.
    bool is_foreign = code == Code::WrongClass || code == Code::WrongMachine;
    if (!is_foreign || !(t.file.flags[f] & FileFlags::IS_LAZY)) job.report(code, place);
    t.file.traits[f] |= FileTraits::IS_BROKEN;
    t.file.symbol_count[f] = t.file.first_global[f] = t.file.signatures[f] = t.file.section_count[f] = 0;
  }
}

} // namespace spore
