// Write: .dynsym with its names, versions and hash tables (gABI ch. 5).

#include "kernels/address.h"
#include "kernels/single-parts.h"
#include "kernels/tables-writer.h"

namespace spore {

namespace {

// The type of a symbol that nothing defines, as its first mention has it.
u32 mentioned_type(const Tables &t, SymbolId s) {
  u32 low = 0, high = static_cast<u32>(t.file.rows); // the last file that begins at or before it has it
  while (high - low > 1) {
    u32 middle = low + (high - low) / 2;
    (t.file.first_mention[FileId{middle}] <= raw(s) ? low : high) = middle;
  }
  FileView file(t, FileId{low});
  u64 index = u64{file.first_global} + (raw(s) - t.file.first_mention[file.id]);
  u32 type = index < file.symbol_count ? file.symbols()[static_cast<u32>(index)].type() : u32{STT_NOTYPE};
  return type == STT_GNU_IFUNC ? u32{STT_FUNC} : type;
}

// st_shndx in .dynsym. No SHT_SYMTAB_SHNDX goes with it: what has no room is SHN_XINDEX here, and refused.
u16 loaded_index(u64 index) { return index < SHN_LORESERVE ? static_cast<u16>(index) : u16{SHN_XINDEX}; }

Elf64_Sym dynamic_symbol(const Tables &t, EntryId e) {
  SymbolId s{t.entry.symbol[e]};
  u32 flags = t.symbol.flags[s];
  u64 claim = t.symbol.claim[s];
  Elf64_Sym out{};
  out.st_name = static_cast<u32>(t.link.dynstr_own + t.entry.dynstr[e]);
  u32 type = STT_NOTYPE, binding = STB_GLOBAL;
  if (claim) {
    FileView file(t, Claim::file(claim));
    u32 index = Claim::symbol(claim);
    Elf64_Sym sym = file.symbols()[index];
    type = sym.type();
    if (flags & SymbolFlags::OWNED_BY_SHARED || !is_live(t, file.id)) {
      // Weak here only if every reference is.
      binding = flags & SymbolFlags::STRONGLY_REFERENCED ? STB_GLOBAL : STB_WEAK;
      if (!(flags & SymbolFlags::OWNED_BY_SHARED)) type = STT_NOTYPE; // a member that is not in the link
      if (type == STT_GNU_IFUNC) type = STT_FUNC;
      if (flags & SymbolFlags::NEEDS_COPY) {
        binding = sym.binding();
        out.st_shndx = loaded_index(flags & SymbolFlags::COPY_IS_RELRO ? t.own_section.index[OwnSection::CopyRelro]
                                                                       : t.own_section.index[OwnSection::Copy]);
        out.st_value = t.symbol.address[s];
        out.st_size = copied_size(t, s, sym);
      } else if (flags & SymbolFlags::NEEDS_CANONICAL_PLT) {
        out.st_value = t.symbol.address[s]; // and undefined: that is what tells the loader
      }
    } else {
      binding = sym.binding();
      u64 value = t.symbol.address[s];
      u32 section = file.section_index(index, sym);
      if (section == section_absolute) {
        out.st_shndx = SHN_ABS;
      } else if (t.file.flags[file.id] & FileFlags::IS_INTERNAL) {
        u32 header = t.linker_symbol.section[LinkerSymbolId{index}];
        out.st_shndx = header ? loaded_index(header) : u16{SHN_ABS};
      } else if (is_common(section)) {
        out.st_shndx = loaded_index(t.bucket.index[common_bucket(t, s)]);
        if (type == STT_COMMON) type = STT_OBJECT;
      } else if (section < file.section_count) {
        out.st_shndx = loaded_index(t.bucket.index[bucket_of(t, file.section_id(section))]);
      }
      if (type == STT_GNU_IFUNC && !(flags & SymbolFlags::IMPORTED) && t.entry.plt[e] != none) {
        type = STT_FUNC; // its address is the PLT entry
        sym.st_size = 0;
        out.st_shndx = loaded_index(called_plt_index(t));
      }
      out.st_value = type == STT_TLS ? value - t.link.tls_begin : value;
      out.st_size = is_common(section) ? t.symbol.common_size[s] : sym.st_size;
      out.st_other = static_cast<u8>(flags & SymbolFlags::VISIBILITY);
    }
  } else {
    binding = flags & SymbolFlags::STRONGLY_REFERENCED ? STB_GLOBAL : STB_WEAK;
    type = mentioned_type(t, s);
  }
  if (binding == STB_GNU_UNIQUE && t.link.output_flags & OutputFlags::NO_GNU_UNIQUE) binding = STB_GLOBAL;
  out.st_info = static_cast<u8>(binding << 4 | type);
  if (type == STT_GNU_IFUNC || binding == STB_GNU_UNIQUE) t.found.has_gnu_symbols.set();
  return out;
}

// What .gnu.version has of a symbol: of a shared object's, the number that the output gives to its version.
u16 version_index(const Tables &t, EntryId e) {
  SymbolId s{t.entry.symbol[e]};
  u64 claim = t.symbol.claim[s];
  if (!claim || !(t.symbol.flags[s] & SymbolFlags::OWNED_BY_SHARED)) return t.entry.version[e];
  FileId f = Claim::file(claim);
  if (!t.file.versions[f]) return t.entry.version[e];
  FileView file(t, f);
  u32 own = file.bytes.read<u16>(t.file.versions[f] + u64{Claim::symbol(claim)} * 2).value_or(0) & ~u32{VERSYM_HIDDEN};
  if (own <= VER_NDX_GLOBAL || t.file.first_version[f] + own >= t.file.first_version[f + 1]) return t.entry.version[e];
  return t.version.index[VersionId{t.file.first_version[f] + own}];
}

// .gnu.hash: header, Bloom filter, buckets, chains. The hashed symbols are the last of .dynsym, by bucket.
std::vector<u8> gnu_hash_table(const Tables &t, u32 count, u32 hashed) {
  u32 buckets = static_cast<u32>(t.found.gnu_hash_buckets), words = static_cast<u32>(t.link.gnu_hash_bloom_words);
  u32 first = count - hashed; // index of the first hashed symbol
  constexpr u32 shift = 26;
  std::vector<u64> bloom(words);
  std::vector<u32> bucket(buckets), chain(hashed);
  for (u32 i = 0; i < hashed; i++) {
    u32 h = t.entry.hash[EntryId{t.dynsym.entry[DynsymId{first + i - 1}]}];
    bloom[h / 64 % words] |= u64{1} << h % 64 | u64{1} << (h >> shift) % 64;
    if (bucket[h % buckets] == 0) bucket[h % buckets] = first + i;
    bool is_last =
        i + 1 == hashed || t.entry.hash[EntryId{t.dynsym.entry[DynsymId{first + i}]}] % buckets != h % buckets;
    chain[i] = (h & ~1u) | is_last;
  }
  u32 header[4] = {buckets, first, words, shift};
  std::vector<u8> out;
  append(out, header, sizeof header);
  append(out, bloom.data(), bloom.size() * 8);
  append(out, bucket.data(), bucket.size() * 4);
  append(out, chain.data(), chain.size() * 4);
  return out;
}

std::vector<u8> sysv_hash_table(const Tables &t, u32 count) {
  std::vector<u32> table(2 + size_t{count} * 2);
  table[0] = table[1] = count;
  u32 *bucket = table.data() + 2, *chain = bucket + count;
  for (u32 i = 1; i < count; i++) {
    Name name = symbol_name(t, SymbolId{t.entry.symbol[EntryId{t.dynsym.entry[DynsymId{i - 1}]}]});
    u32 at = sysv_hash(name.data, name.size) % count;
    chain[i] = bucket[at];
    bucket[at] = i;
  }
  std::vector<u8> out;
  append(out, table.data(), table.size() * 4);
  return out;
}

} // namespace

void write_dynsym(Job &job, u32 part, u32 parts) {
  const Tables &t = job.t;
  if (!t.own_section.offset[OwnSection::Dynsym]) return;
  u64 count = t.found.dynsym_count;
  u32 begin = static_cast<u32>(count * part / parts), end = static_cast<u32>(count * (part + u64{1}) / parts);
  // Names lie in the order of their symbols; the null symbol has none.
  auto first_string = [&](u32 i) -> u64 {
    if (i == 0) return 0;
    if (i == count) return t.found.dynstr_size;
    return t.entry.dynstr[EntryId{t.dynsym.entry[DynsymId{i - 1}]}];
  };
  u64 strings_begin = first_string(begin);
  std::vector<u8> symbols, strings(first_string(end) - strings_begin), versions;
  symbols.reserve((end - begin) * sizeof(Elf64_Sym));
  versions.reserve((end - begin) * sizeof(u16));
  if (begin == 0) {
    symbols.resize(sizeof(Elf64_Sym));
    versions.resize(sizeof(u16));
  }
  for (u32 i = std::max(begin, 1u); i < end; i++) {
    EntryId e{t.dynsym.entry[DynsymId{i - 1}]};
    SymbolId s{t.entry.symbol[e]};
    Elf64_Sym sym = dynamic_symbol(t, e);
    if (u64 definition = t.symbol.claim[s]; sym.st_shndx == SHN_XINDEX)
      job.report(Code::DynamicSymbolSection,
                 {.file = raw(Claim::file(definition)), .symbol = Claim::symbol(definition)});
    append(symbols, &sym, sizeof sym);
    Name name = symbol_name(t, s);
    u64 at = t.entry.dynstr[e] - strings_begin;
    if (at + name.size < strings.size()) std::memcpy(strings.data() + at, name.data, name.size);
    u16 version = version_index(t, e);
    append(versions, &version, sizeof version);
  }
  Output output(job);
  auto digest_of = [&](SinglePart extent) -> u32 { // of the parts after the first, behind the single ones
    return part == 0 ? u32{extent} : single_parts + (part - 1) * dynsym_extents + (extent - Dynsym);
  };
  write_part(job, output, digest_of(Dynsym), symbols,
             t.own_section.offset[OwnSection::Dynsym] + u64{begin} * sizeof(Elf64_Sym));
  if (t.own_section.offset[OwnSection::Dynstr])
    write_part(job, output, digest_of(Dynstr), strings,
               t.own_section.offset[OwnSection::Dynstr] + t.link.dynstr_own + strings_begin);
  if (t.own_section.offset[OwnSection::Versym])
    write_part(job, output, digest_of(Versym), versions,
               t.own_section.offset[OwnSection::Versym] + u64{begin} * sizeof(u16));
}

void write_hash_tables(Job &job) {
  const Tables &t = job.t;
  u32 count = static_cast<u32>(t.found.dynsym_count), hashed = static_cast<u32>(t.found.dynsym_hashed);
  if (!t.own_section.offset[OwnSection::Dynsym]) return;
  Output output(job);
  if (t.own_section.offset[OwnSection::GnuHash])
    write_part(job, output, GnuHash, gnu_hash_table(t, count, hashed), t.own_section.offset[OwnSection::GnuHash]);
  if (t.own_section.offset[OwnSection::Hash])
    write_part(job, output, SysvHash, sysv_hash_table(t, count), t.own_section.offset[OwnSection::Hash]);
}

} // namespace spore
