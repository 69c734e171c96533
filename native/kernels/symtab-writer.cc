// Write: a chunk's symbols.

#include "kernels/address.h"
#include "kernels/layout.h"
#include "kernels/symtab-writer.h"

namespace spore {

void SymtabWriter::write(ChunkId chunk) {
  u32 first = t_.chunk.first_file[chunk], last = t_.chunk.first_file[chunk + 1];
  if (first == last) return;
  FileId f{first};
  open(locals_, t_.file.first_output_local[f]);
  bool leads_hidden = first == 0 && t_.link.hidden_lead;
  open(hidden_, t_.file.first_output_hidden[f] - leads_hidden);
  open(globals_, t_.file.first_output_global[f]);
  strings_.open(output_, t_.own_section.offset[OwnSection::Strtab] + t_.file.first_output_string[f], 0);
  string_begin_ = t_.file.first_output_string[f];
  if (leads_hidden) add_file(hidden_, {reinterpret_cast<const u8 *>(""), 0, false});
  for (; first < last; first++) write_file(FileId{first});
  DigestId digest{static_cast<u32>(t_.link.first_symtab_digest) + raw(chunk) * symtab_parts};
  for (Stream *stream : {&locals_.symbols, &hidden_.symbols, &globals_.symbols, &strings_}) {
    stream->close(stream->position());
    stream->digest().store(t_, digest);
    ++digest;
  }
  // They follow from the sections, which have a digest.
  for (Stream *stream : {&locals_.indices, &hidden_.indices, &globals_.indices})
    if (stream->is_open()) stream->close(stream->position());
}

void SymtabWriter::open(Part &part, u32 first) {
  part.symbols.open(output_, t_.own_section.offset[OwnSection::Symtab] + u64{first} * sizeof(Elf64_Sym), 0);
  if (t_.own_section.offset[OwnSection::SymtabIndices])
    part.indices.open(output_, t_.own_section.offset[OwnSection::SymtabIndices] + u64{first} * sizeof(u32), 0);
}

static void make_local(Elf64_Sym &sym) {
  sym.st_info = static_cast<u8>(STB_LOCAL << 4 | sym.type());
  sym.st_other &= static_cast<u8>(~3);
}

void SymtabWriter::write_file(FileId f) {
  if (t_.file.output_locals[f] + t_.file.output_hidden[f] + t_.file.output_globals[f] == 0) return;
  FileView file(t_, f);
  if (u64 name = t_.file.symbol_file_name[f])
    add_file(locals_, {reinterpret_cast<const u8 *>(name), t_.file.symbol_file_name_size[f], false});
  if (t_.file.output_locals[f])
    for (u32 i = 1; i < file.first_global; i++) {
      OutputSymbol out{file.symbols()[i]};
      auto name = file.symbol_name(out.sym);
      if (!name || !is_kept_local(t_, file, i, out.sym, *name)) continue;
      place(file, i, out);
      add(locals_, out, *name);
    }
  for (u32 i = file.first_global; i < file.symbol_count; i++) {
    if (!is_kept_global(t_, file, i)) continue;
    OutputSymbol out{file.symbols()[i]};
    Name name = global_name(t_, file, i);
    place_global(file, i, out);
    bool is_local = is_made_local(t_, file, i);
    if (is_local) make_local(out.sym);
    add(is_local ? hidden_ : globals_, out, name);
  }
}

void SymtabWriter::place(const FileView &file, u32 i, OutputSymbol &out) {
  Elf64_Sym &sym = out.sym;
  u32 section = file.section_index(i, sym);
  if (section == section_absolute) return;
  u64 value = definition_address(t_, file, i);
  SectionId s = file.section_id(section < file.section_count ? section : 0);
  BucketId bucket =
      is_common(section) ? common_bucket(t_, SymbolId{t_.mention.symbol[file.mention(i)]}) : bucket_of(t_, s);
  if (section < file.section_count && t_.section.flags[s] & SectionFlags::EH_FRAME)
    out.index = static_cast<u32>(t_.own_section.index[OwnSection::EhFrame]);
  else out.index = t_.bucket.index[bucket];
  sym.st_value = sym.type() == STT_TLS ? value - t_.link.tls_begin : value;
  if (!is_common(section)) return;
  sym.st_size = t_.symbol.common_size[SymbolId{t_.mention.symbol[file.mention(i)]}];
  if (sym.type() == STT_COMMON) sym.st_info = static_cast<u8>(sym.st_info & 0xf0) | STT_OBJECT;
}

void SymtabWriter::place_global(const FileView &file, u32 i, OutputSymbol &out) {
  Elf64_Sym &sym = out.sym;
  SymbolId s{t_.mention.symbol[file.mention(i)]};
  u32 flags = t_.symbol.flags[s];
  u64 claim = t_.symbol.claim[s];
  bool is_defined = claim && !is_shared(t_, file.id) && is_live(t_, file.id);
  if (!is_defined) {
    u32 binding = flags & SymbolFlags::NEEDS_COPY            ? sym.binding() // it is defined here
                  : flags & SymbolFlags::STRONGLY_REFERENCED ? u32{STB_GLOBAL}
                                                             : u32{STB_WEAK};
    // What a member that is not in the link says of it does not count.
    u32 type = !is_shared(t_, file.id) && claim ? u32{STT_NOTYPE}
               : sym.type() == STT_GNU_IFUNC    ? u32{STT_FUNC}
                                                : sym.type();
    sym.st_info = static_cast<u8>(binding << 4 | type);
    sym.st_other = 0;
    sym.st_shndx = SHN_UNDEF;
    if (!(flags & SymbolFlags::NEEDS_COPY)) sym.st_size = 0;
    sym.st_value = flags & (SymbolFlags::NEEDS_COPY | SymbolFlags::NEEDS_CANONICAL_PLT) ? t_.symbol.address[s] : 0;
    if (flags & SymbolFlags::NEEDS_COPY)
      out.index = static_cast<u32>(flags & SymbolFlags::COPY_IS_RELRO ? t_.own_section.index[OwnSection::CopyRelro]
                                                                      : t_.own_section.index[OwnSection::Copy]);
    return;
  }
  if (t_.file.flags[file.id] & FileFlags::IS_INTERNAL) {
    if (sym.type() == STT_TLS) sym.st_value -= t_.link.tls_begin;
    sym.st_shndx = SHN_ABS; // unless it belongs to a section
    out.index = t_.linker_symbol.section[LinkerSymbolId{i}];
  } else {
    place(file, i, out);
    if (sym.type() == STT_GNU_IFUNC) place_ifunc(s, out);
  }
  u32 visibility = flags & SymbolFlags::VISIBILITY;
  sym.st_other = static_cast<u8>((sym.st_other & ~3) | visibility);
}

// As in .dynsym: where others can find it, it is the code of its PLT entry.
void SymtabWriter::place_ifunc(SymbolId s, OutputSymbol &out) {
  u32 flags = t_.symbol.flags[s];
  u32 entry = t_.symbol.entry[s];
  if (!(flags & SymbolFlags::NEEDS_DYNSYM) || flags & SymbolFlags::IMPORTED || !entry) return;
  if (t_.entry.plt[EntryId{entry - 1}] == none) return;
  out.sym.st_info = static_cast<u8>(out.sym.binding() << 4 | STT_FUNC);
  out.sym.st_value = t_.symbol.address[s];
  out.sym.st_size = 0;
  out.index = static_cast<u32>(called_plt_index(t_));
}

void SymtabWriter::add_file(Part &part, const Name &name) {
  OutputSymbol out{};
  out.sym.st_info = STT_FILE;
  out.sym.st_shndx = SHN_ABS;
  add(part, out, name);
}

void SymtabWriter::add(Part &part, OutputSymbol out, const Name &name) {
  // gABI ch. 4: an index that st_shndx has no room for is in the section of SHT_SYMTAB_SHNDX; elsewhere 0 is there.
  if (out.sym.binding() == STB_GNU_UNIQUE && t_.link.output_flags & OutputFlags::NO_GNU_UNIQUE)
    out.sym.st_info = static_cast<u8>(STB_GLOBAL << 4 | out.sym.type());
  if (out.sym.type() == STT_GNU_IFUNC || out.sym.binding() == STB_GNU_UNIQUE) t_.found.has_gnu_symbols.set();
  bool is_extended = out.index >= SHN_LORESERVE;
  if (out.index) out.sym.st_shndx = is_extended ? u16{SHN_XINDEX} : static_cast<u16>(out.index);
  out.sym.st_name = static_cast<u32>(string_begin_ + strings_.position());
  std::memcpy(part.symbols.reserve(part.symbols.position(), sizeof out.sym), &out.sym, sizeof out.sym);
  if (part.indices.is_open()) {
    u32 index = is_extended ? out.index : 0;
    std::memcpy(part.indices.reserve(part.indices.position(), sizeof index), &index, sizeof index);
  }
  u8 *text = strings_.reserve(strings_.position(), name.size + u64{1});
  std::memcpy(text, name.data, name.size);
  text[name.size] = 0;
}

} // namespace spore
