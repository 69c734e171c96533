// -r: .symtab. Section symbols come first, then each file's locals, then the global names, each by the file that
// defines it. What scripts of versions say of names is left to the link that makes a program of the output.

#include <vector>

#include "generated/kernels.h"
#include "kernels/relocatable.h"
#include "kernels/layout.h"
#include "kernels/output.h"

namespace spore {

bool is_output_local(const Tables &t, const FileView &file, u32 symbol, const Elf64_Sym &sym) {
  if (sym.type() == STT_SECTION) return false;
  u32 section = file.section_index(symbol, sym);
  if (section == section_absolute) return true;
  return section != SHN_UNDEF && section < file.section_count && is_output_member(t, file.section_id(section));
}

bool is_output_global(const Tables &t, const FileView &file, u32 symbol) {
  SymbolId s{t.mention.symbol[file.mention(symbol)]};
  // What -u asks for is in the output, too, so that it is looked for when that is linked.
  bool is_asked_for =
      t.symbol.claim[s] == 0 && raw(s) == raw(file.mention(symbol)) && t.symbol.flags[s] & SymbolFlags::ROOT;
  return is_asked_for || is_kept_global(t, file, symbol);
}

namespace {

// What -x, -X and -s leave out, unless a relocation refers to it.
bool is_discarded_local(const Tables &t, const FileView &file, const Elf64_Sym &sym) {
  u64 output = t.link.output_flags;
  if (output & (OutputFlags::DISCARD_ALL | OutputFlags::STRIP_ALL)) return true;
  return output & OutputFlags::DISCARD_LOCALS && file.begins(sym, ".L");
}

constexpr u64 discarding = OutputFlags::DISCARD_ALL | OutputFlags::STRIP_ALL | OutputFlags::DISCARD_LOCALS;

template <typename Visit> void for_each_output_local(const Tables &t, const FileView &file, Visit visit) {
  u32 first = t.file.first_local_symbol[file.id];
  bool may_discard = t.link.output_flags & discarding;
  for (u32 i = 1; i < file.first_global; i++) {
    Elf64_Sym sym = file.symbols()[i];
    if (!is_output_local(t, file, i, sym)) continue;
    if (may_discard && is_discarded_local(t, file, sym) && !t.local_symbol.is_referred[LocalSymbolId{first + i}])
      continue;
    visit(i, sym);
  }
}

// The name of a definition is what its file says, version and all; of a reference, what --wrap makes of it.
Name output_name(const Tables &t, const FileView &file, u32 i, const Elf64_Sym &sym) {
  bool is_reference = (t.mention.flags[file.mention(i)] & MentionFlags::KIND) == MentionFlags::UNDEFINED;
  return is_reference ? global_name(t, file, i) : file.symbol_name(sym).value_or(Name{});
}

u32 visibility_of(u32 flags) { return flags & SymbolFlags::VISIBILITY; }

} // namespace

void find_referred_locals(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    u32 first = t.file.first_local_symbol[f];
    for (u32 i = 1; i < file.section_count; i++) {
      Elf64_Shdr h = file.section(i);
      if (h.sh_type == SHT_GROUP && h.sh_info < file.first_global) // a group without its signature is none
        t.local_symbol.is_referred[LocalSymbolId{first + h.sh_info}] = 1;
      u32 rela = relocation_section_of(t, file, i);
      if (rela == 0 || !is_output_member(t, file.section_id(i))) continue;
      auto relas = file.relocations(file.section(rela));
      if (!relas) continue; // reported when they are written
      for (Elf64_Rela r : *relas)
        if (r.symbol() < file.first_global) t.local_symbol.is_referred[LocalSymbolId{first + r.symbol()}] = 1;
    }
  }
}

void count_output_symbols(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    u32 locals = 0, globals = 0;
    u64 strings = 0;
    if (!(t.file.traits[f] & FileTraits::IS_BROKEN)) {
      FileView file(t, f);
      if (is_live_object(t, f) && !(t.file.flags[f] & FileFlags::IS_INTERNAL))
        for_each_output_local(t, file, [&](u32 i, const Elf64_Sym &sym) {
          auto name = file.symbol_name(sym);
          if (!name) return job.report(Code::BadSymbolName, {.file = raw(f), .symbol = i});
          locals++;
          strings += name->size ? name->size + u64{1} : 0;
        });
      for (u32 i = file.first_global; i < file.symbol_count; i++) {
        if (!is_output_global(t, file, i)) continue;
        globals++;
        strings += output_name(t, file, i, file.symbols()[i]).size + u64{1};
      }
    }
    t.file.output_locals[f] = locals;
    t.file.output_globals[f] = globals;
    if (strings > UINT32_MAX) job.report(Code::SymbolNamesTooLong, {.file = raw(f)});
    t.file.output_strings[f] = static_cast<u32>(strings);
  }
}

void number_symbols(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (t.file.traits[f] & FileTraits::IS_BROKEN) continue;
    FileView file(t, f);
    u32 index = t.file.first_output_local[f];
    if (t.file.output_locals[f])
      for_each_output_local(t, file, [&](u32 i, const Elf64_Sym &) {
        t.local_symbol.index[LocalSymbolId{t.file.first_local_symbol[f] + i}] = index++;
      });
    if (t.file.output_globals[f] == 0) continue;
    index = t.file.first_output_global[f];
    for (u32 i = file.first_global; i < file.symbol_count; i++)
      if (is_output_global(t, file, i))
        t.output_symbol.index[OutputSymbolId{t.mention.symbol[file.mention(i)]}] = index++;
  }
}

namespace {

class SymbolWriter {
public:
  SymbolWriter(Job &job, Output &output) : t_(job.t), output_(output), asked_(job.parameter(0)) {}

  void write(ChunkId chunk) {
    u32 first = t_.chunk.first_file[chunk], last = t_.chunk.first_file[chunk + 1];
    if (first == last) return;
    open(locals_, t_.file.first_output_local[FileId{first}]);
    open(globals_, t_.file.first_output_global[FileId{first}]);
    string_begin_ = t_.file.first_output_string[FileId{first}];
    strings_.open(output_, t_.own_section.offset[OwnSection::Strtab] + string_begin_, 0);
    for (u32 f = first; f < last; f++) write_file(FileId{f});
    DigestId digest{static_cast<u32>(t_.link.first_symtab_digest) + raw(chunk) * symtab_parts};
    for (Stream *stream : {&locals_.symbols, &globals_.symbols, &strings_}) {
      stream->close(stream->position());
      stream->digest().store(t_, digest);
      ++digest;
    }
    for (Stream *stream : {&locals_.indices, &globals_.indices})
      if (stream->is_open()) stream->close(stream->position());
  }

private:
  struct Part {
    Stream symbols, indices;
  };

  void open(Part &part, u32 first) {
    part.symbols.open(output_, t_.own_section.offset[OwnSection::Symtab] + u64{first} * sizeof(Elf64_Sym), 0);
    if (u64 offset = t_.own_section.offset[OwnSection::SymtabIndices])
      part.indices.open(output_, offset + u64{first} * sizeof(u32), 0);
  }

  void write_file(FileId f) {
    if (t_.file.output_locals[f] + t_.file.output_globals[f] == 0) return;
    FileView file(t_, f);
    if (t_.file.output_locals[f])
      for_each_output_local(t_, file, [&](u32 i, Elf64_Sym sym) {
        u32 index = place(file, i, sym);
        add(locals_, sym, index, file.symbol_name(sym).value_or(Name{}));
      });
    if (t_.file.output_globals[f] == 0) return;
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      if (!is_output_global(t_, file, i)) continue;
      Elf64_Sym sym = file.symbols()[i];
      Name name = output_name(t_, file, i, sym);
      u32 index = place_global(file, i, sym);
      add(globals_, sym, index, name);
    }
  }

  // Moves a definition to where its section has gone. Returns the index of that, or 0 where st_shndx says all.
  u32 place(const FileView &file, u32 i, Elf64_Sym &sym) {
    u32 section = file.section_index(i, sym);
    if (section == section_absolute) return 0;
    OutputMemberId m = member_of(file.section_id(section));
    sym.st_value += t_.output_member.offset[m];
    return t_.output_section.index[OutputSectionId{t_.output_member.output[m]}];
  }

  u32 place_global(const FileView &file, u32 i, Elf64_Sym &sym) {
    SymbolId s{t_.mention.symbol[file.mention(i)]};
    u32 flags = t_.symbol.flags[s];
    u32 visibility = visibility_of(flags);
    u64 claim = t_.symbol.claim[s];
    if (!claim || !is_live(t_, file.id)) {
      bool is_strong = flags & (SymbolFlags::STRONGLY_REFERENCED | SymbolFlags::ROOT);
      u32 type = claim ? u32{STT_NOTYPE} : sym.type(); // a member that is not in the link is not asked
      sym = {sym.st_name,
             static_cast<u8>((is_strong ? STB_GLOBAL : STB_WEAK) << 4 | type),
             static_cast<u8>(visibility),
             SHN_UNDEF,
             0,
             0};
      return 0;
    }
    sym.st_other = static_cast<u8>((sym.st_other & ~3) | visibility);
    u32 section = file.section_index(i, sym);
    if (is_common(section)) return place_common(file, i, s, sym);
    if (t_.file.flags[file.id] & FileFlags::IS_INTERNAL) { // its value is there already
      u32 index = t_.linker_symbol.section[LinkerSymbolId{i}];
      if (index == 0) sym.st_shndx = SHN_ABS;
      return index;
    }
    return place(file, i, sym);
  }

  u32 place_common(const FileView &file, u32 i, SymbolId s, Elf64_Sym &sym) {
    sym.st_size = t_.symbol.common_size[s];
    if (asked_ & RelocatableFlags::DEFINE_COMMONS) {
      sym.st_value = t_.mention.common_offset[file.mention(i)];
      if (sym.type() == STT_COMMON) sym.st_info = static_cast<u8>(sym.st_info & 0xf0) | STT_OBJECT;
      return t_.output_section.index[OutputSectionId{t_.output_symbol.common_section[OutputSymbolId{raw(s)}]}];
    }
    sym.st_value = u64{1} << t_.symbol.common_alignment[s];
    if (sym.type() != STT_TLS) sym.st_shndx = is_small_common(t_, s) ? u16{SHN_COMMON} : u16{SHN_X86_64_LCOMMON};
    return 0;
  }

  void add(Part &part, Elf64_Sym sym, u32 index, const Name &name) {
    if (sym.type() == STT_GNU_IFUNC || sym.binding() == STB_GNU_UNIQUE) t_.found.has_gnu_symbols.set();
    bool is_extended = index >= SHN_LORESERVE;
    if (index) sym.st_shndx = is_extended ? u16{SHN_XINDEX} : static_cast<u16>(index);
    sym.st_name = name.size ? static_cast<u32>(string_begin_ + strings_.position()) : 0;
    std::memcpy(part.symbols.reserve(part.symbols.position(), sizeof sym), &sym, sizeof sym);
    if (part.indices.is_open()) {
      u32 extended = is_extended ? index : 0;
      std::memcpy(part.indices.reserve(part.indices.position(), sizeof extended), &extended, sizeof extended);
    }
    if (name.size == 0) return;
    u8 *text = strings_.reserve(strings_.position(), name.size + u64{1});
    std::memcpy(text, name.data, name.size);
    text[name.size] = 0;
  }

  const Tables &t_;
  Output &output_;
  u64 asked_;
  Part locals_, globals_;
  Stream strings_;
  u64 string_begin_ = 0;
};

} // namespace

void write_symbols(Job &job, RowRange<ChunkId> rows) {
  Output output(job);
  SymbolWriter writer(job, output);
  for (ChunkId chunk : rows) writer.write(chunk);
}

} // namespace spore
