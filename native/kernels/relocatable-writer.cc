// -r: contents of sections, as they are but for words of groups and fields of what is gone, and their relocations,
// which say the same of the output as they said of their object.

#include "generated/kernels.h"
#include "kernels/output.h"
#include "kernels/relocatable.h"
#include "kernels/single-parts.h"
#include "targets/target.h"

namespace spore {

namespace {

class MemberWriter {
public:
  MemberWriter(Job &job, Output &output)
      : job_(job), t_(job.t), target_(target_of(job.t.link.machine)), output_(output) {}

  // Both extents of a chunk are without gaps but those that alignment makes: output sections follow one another.
  void write(MemberChunkId chunk) {
    u32 first = t_.member_chunk.first_member[chunk], last = t_.member_chunk.first_member[chunk + 1];
    if (first == last) return;
    u32 with_bytes = first; // zero-filled sections are nowhere in the file
    while (with_bytes + 1 < last && is_zero_filled(PlacedMemberId{with_bytes})) with_bytes++;
    begin_ = offset_of(PlacedMemberId{with_bytes});
    contents_.open(output_, begin_, 0);
    relocations_.open(output_, relocation_offset_of(PlacedMemberId{first}), 0);
    for (u32 i = first; i < last; i++) write_member(PlacedMemberId{i});
    DigestId digest{raw(chunk) * 2};
    contents_.close(contents_.position());
    contents_.digest().store(t_, digest);
    relocations_.close(relocations_.position());
    relocations_.digest().store(t_, digest + 1);
  }

private:
  SectionId section_of(PlacedMemberId p) const {
    return SectionId{t_.file.first_section[FileId{t_.placed_member.file[p]}] + t_.placed_member.section[p]};
  }
  u64 offset_of(PlacedMemberId p) const {
    SectionId s = section_of(p);
    return t_.output_section.offset[output_section_of(t_, s)] + t_.output_member.offset[member_of(s)];
  }
  bool is_zero_filled(PlacedMemberId p) const {
    return t_.output_section.type[output_section_of(t_, section_of(p))] == SHT_NOBITS;
  }
  u64 relocation_offset_of(PlacedMemberId p) const {
    SectionId s = section_of(p);
    u64 index =
        t_.output_section.first_relocation[output_section_of(t_, s)] + t_.output_member.first_relocation[member_of(s)];
    return t_.link.relocations_offset + index * sizeof(Elf64_Rela);
  }

  void write_member(PlacedMemberId p) {
    FileView file(t_, FileId{t_.placed_member.file[p]});
    u32 index = t_.placed_member.section[p];
    SectionId s = file.section_id(index);
    OutputSectionId o = output_section_of(t_, s);
    Elf64_Shdr h = file.section(index);
    if (is_zero_filled(p)) return;
    u64 position = offset_of(p) - begin_;
    if (h.sh_type == SHT_GROUP) return write_group(file, h, position);
    fill_gap(o, s, position);
    if (h.sh_type == SHT_NOBITS) {
      contents_.write_zeros(position, h.sh_size);
      return;
    }
    u32 rela = relocation_section_of(t_, file, index);
    u64 size = member_size(t_, file, index, h);
    if (size == 0 && rela == 0) return;
    auto contents = file.contents(h);
    if (!contents || contents->size() < size)
      return job_.report(Code::SectionOutsideFile, {.file = raw(file.id), .section = index});
    u8 *out = contents_.reserve(position, size);
    if (size) std::memcpy(out, contents->data(), size);
    if (rela) write_relocations(file, index, h, rela, {out, size});
  }

  // What is between two sections of code may be run through.
  void fill_gap(OutputSectionId o, SectionId s, u64 position) {
    u64 end = contents_.position();
    bool is_in_section = t_.output_member.offset[member_of(s)] != 0 && position > end;
    if (!is_in_section || !(t_.output_section.flags[o] & SHF_EXECINSTR)) return;
    constexpr u64 part = 4096;
    for (u64 left = position - end; left != 0; left -= std::min(left, part))
      std::memset(contents_.reserve(contents_.position(), std::min(left, part)),
                  static_cast<int>(t_.link.code_filler & 0xff), std::min(left, part));
  }

  void write_group(const FileView &file, const Elf64_Shdr &h, u64 position) {
    Array<u32> words = group_words(file, h);
    std::vector<u32> out{words.size() ? words[0] : 0};
    for_each_group_member(t_, file, words, [&](u32 member) {
      OutputSectionId o = output_section_of(t_, file.section_id(member));
      u32 index = t_.output_section.index[o];
      out.push_back(index);
      if (t_.output_section.relocations[o]) out.push_back(index + 1);
    });
    std::memcpy(contents_.reserve(position, out.size() * sizeof(u32)), out.data(), out.size() * sizeof(u32));
  }

  void write_relocations(const FileView &file, u32 index, const Elf64_Shdr &h, u32 rela_section, std::span<u8> out) {
    auto relas = file.relocations(file.section(rela_section));
    if (!relas || file.section(rela_section).sh_entsize != sizeof(Elf64_Rela))
      return job_.report(Code::BadRelocationSection, {.file = raw(file.id), .section = rela_section});
    file_ = &file;
    index_ = index;
    auto name = file.section_name(h);
    // What may refer to what is gone, as in GNU ld.
    may_be_dead_ =
        !(h.sh_flags & SHF_ALLOC) || (name && (*name == ".eh_frame" || name->starts_with(".gcc_except_table")));
    // Zero would end these lists (DWARF 4, 2.6.2 and 2.17.3).
    tombstone_ = name && (*name == ".debug_loc" || *name == ".debug_ranges") ? 1 : 0;
    u64 base = t_.output_member.offset[member_of(file.section_id(index))];
    u8 *to = relocations_.reserve(relocations_.position(), relas->size() * sizeof(Elf64_Rela));
    for (Elf64_Rela r : *relas) {
      Elf64_Rela moved = move(r, out);
      moved.r_offset += base;
      std::memcpy(to, &moved, sizeof moved);
      to += sizeof moved;
    }
  }

  Elf64_Rela move(Elf64_Rela r, std::span<u8> out) {
    const Relocation *kind = target_.relocation(r.type());
    if (!kind) {
      report(Code::RelocationType, r, r.type());
      return r;
    }
    if (r.symbol() >= file_->symbol_count) {
      report(Code::BadRelocation, r, r.r_info);
      return r;
    }
    u64 field = field_size(kind->field);
    if (r.r_offset > out.size() || field > out.size() - r.r_offset) {
      report(Code::RelocationOutsideSection, r, r.r_info);
      return r;
    }
    u32 symbol = 0;
    if (r.symbol() >= file_->first_global) {
      symbol = t_.output_symbol.index[OutputSymbolId{t_.mention.symbol[file_->mention(r.symbol())]}];
    } else if (r.symbol() != 0) {
      Elf64_Sym sym = file_->symbols()[r.symbol()];
      if (sym.type() == STT_SECTION) {
        u32 target = file_->section_index(r.symbol(), sym);
        if (target < file_->section_count && is_output_member(t_, file_->section_id(target))) {
          SectionId s = file_->section_id(target);
          symbol = t_.output_section.symbol[output_section_of(t_, s)];
          r.r_addend += static_cast<i64>(t_.output_member.offset[member_of(s)] + sym.st_value);
        }
      } else {
        symbol = t_.local_symbol.index[LocalSymbolId{t_.file.first_local_symbol[file_->id] + r.symbol()}];
      }
    } else return r;
    if (symbol == 0) return drop(r, *kind, out.data());
    r.r_info = u64{symbol} << 32 | r.type();
    return r;
  }

  // What refers to a section that is gone: of a group that another file keeps, or that nothing needs.
  Elf64_Rela drop(Elf64_Rela r, const Relocation &kind, u8 *out) {
    if (!may_be_dead_) report(Code::RelocationToDiscarded, r, 0);
    Target::store(kind.field, out + r.r_offset, tombstone_);
    return {r.r_offset, 0, 0}; // R_*_NONE, which has no meaning on any machine
  }

  void report(Code code, const Elf64_Rela &r, u64 operand) {
    job_.report(
        code,
        {.file = raw(file_->id), .section = index_, .offset = r.r_offset, .symbol = r.symbol(), .operand = operand});
  }

  Job &job_;
  const Tables &t_;
  const Target &target_;
  Output &output_;
  Stream contents_, relocations_;
  u64 begin_ = 0;
  const FileView *file_ = nullptr;
  u32 index_ = 0;
  bool may_be_dead_ = false;
  u64 tombstone_ = 0;
};

// The index of a section of the file in the output, for sh_link; 0 where it is not there.
u32 linked_index(const Tables &t, const FileView &file, u32 section) {
  if (section >= file.section_count || !is_output_member(t, file.section_id(section))) return 0;
  return t.output_section.index[output_section_of(t, file.section_id(section))];
}

u32 signature_of(const Tables &t, const FileView &file, const Elf64_Shdr &h) {
  if (h.sh_info >= file.symbol_count) return 0;
  if (h.sh_info >= file.first_global)
    return t.output_symbol.index[OutputSymbolId{t.mention.symbol[file.mention(h.sh_info)]}];
  Elf64_Sym sym = file.symbols()[h.sh_info];
  if (sym.type() != STT_SECTION)
    return t.local_symbol.index[LocalSymbolId{t.file.first_local_symbol[file.id] + h.sh_info}];
  u32 section = file.section_index(h.sh_info, sym);
  if (section >= file.section_count || !is_output_member(t, file.section_id(section))) return 0;
  return t.output_section.symbol[output_section_of(t, file.section_id(section))];
}

void write_section_header(Job &job, OutputSectionId o, std::vector<u8> &headers, std::vector<u8> &names) {
  const Tables &t = job.t;
  Elf64_Shdr out{};
  bool has_relocations = t.output_section.relocations[o] != 0;
  out.sh_name = t.output_section.name_offset[o];
  out.sh_type = t.output_section.type[o];
  out.sh_flags = t.output_section.flags[o];
  out.sh_offset = t.output_section.offset[o];
  out.sh_size = t.output_section.size[o];
  out.sh_addralign = u64{1} << t.output_section.alignment[o];
  out.sh_entsize = t.output_section.entsize[o];
  if (t.output_section.file[o] != none) {
    FileView file(t, FileId{t.output_section.file[o]});
    Elf64_Shdr first = file.section(t.output_section.section[o]);
    if (out.sh_type == SHT_GROUP) {
      out.sh_link = static_cast<u32>(t.link.symtab_index);
      out.sh_info = signature_of(t, file, first);
      if (out.sh_info == 0) job.report(Code::BadGroup, {.file = raw(file.id), .section = t.output_section.section[o]});
    } else if (out.sh_flags & SHF_LINK_ORDER) {
      out.sh_link = linked_index(t, file, first.sh_link);
    }
  }
  append(headers, &out, sizeof out);
  bool is_named = out.sh_name - (has_relocations ? 5 : 0) == names.size() + 1;
  if (is_named) {
    if (has_relocations) append(names, ".rela", 5);
    append(names, reinterpret_cast<const u8 *>(t.output_section.name[o]), t.output_section.name_length[o]);
    names.push_back(0);
  }
  if (!has_relocations) return;
  Elf64_Shdr rela{};
  rela.sh_name = out.sh_name - 5;
  rela.sh_type = SHT_RELA;
  rela.sh_flags = SHF_INFO_LINK | (out.sh_flags & SHF_GROUP);
  rela.sh_offset = t.link.relocations_offset + t.output_section.first_relocation[o] * sizeof(Elf64_Rela);
  rela.sh_size = t.output_section.relocations[o] * sizeof(Elf64_Rela);
  rela.sh_link = static_cast<u32>(t.link.symtab_index);
  rela.sh_info = t.output_section.index[o];
  rela.sh_addralign = 8;
  rela.sh_entsize = sizeof(Elf64_Rela);
  append(headers, &rela, sizeof rela);
}

} // namespace

void write_members(Job &job, RowRange<MemberChunkId> rows) {
  Output output(job);
  MemberWriter writer(job, output);
  for (MemberChunkId chunk : rows) writer.write(chunk);
}

void write_headers(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  Output output(job);
  for ([[maybe_unused]] RangeId row : rows) {
    std::vector<u8> headers, names, symbols, indices;
    for (u32 i = 0; i < t.output_section.rows; i++) {
      OutputSectionId o{i};
      write_section_header(job, o, headers, names);
      if (t.output_section.symbol[o] == 0) continue;
      u32 index = t.output_section.index[o];
      bool is_extended = index >= SHN_LORESERVE;
      Elf64_Sym sym{0, STT_SECTION, 0, is_extended ? u16{SHN_XINDEX} : static_cast<u16>(index), 0, 0};
      append(symbols, &sym, sizeof sym);
      u32 extended = is_extended ? index : 0;
      append(indices, &extended, sizeof extended);
    }
    u32 part = 0;
    write_part(job, output, part++, headers, t.link.section_headers_offset + sizeof(Elf64_Shdr));
    write_part(job, output, part++, names, t.link.section_names_offset + 1);
    write_part(job, output, part++, symbols, t.own_section.offset[OwnSection::Symtab] + sizeof(Elf64_Sym));
    if (u64 offset = t.own_section.offset[OwnSection::SymtabIndices])
      write_part(job, output, part, indices, offset + sizeof(u32));
  }
}

} // namespace spore
