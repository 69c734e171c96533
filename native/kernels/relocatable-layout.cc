// -r, layout: sections of inputs are put together into sections of the output, in order, and placed.
//
// One job over all sections, which are visited a few times: there is little to do for each. What it fills follows from
// what it reads, so it may run again.

#include <algorithm>
#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/relocatable.h"

namespace spore {

namespace {

// Bytes that one job writes, about.
constexpr u64 chunk_bytes = 1 << 20;
constexpr u64 elf_header_size = 64;

struct Member {
  u32 file, section, output;
};

class Arranger {
public:
  explicit Arranger(Job &job) : job_(job), t_(job.t), asked_(job.parameter(0)) {}

  void arrange() {
    collect();
    define_commons();
    order();
    place_members();
    place_outputs();
  }

private:
  // A section of the output as it is found, before these are in order.
  struct Found {
    u64 key = 0;
    u32 order = 0, file = none, section = 0;
    u32 type = 0;
    u64 flags = 0, entsize = 0, name = 0;
    u32 name_length = 0, alignment = 0, members = 0;
    u64 size = 0; // of common symbols
    bool is_named = false; // by a script
  };

  static constexpr u32 no_output = none;

  void collect() {
    cells_.assign(1 << 12, no_output);
    std::vector<Member> ordered; // by other sections, which are put somewhere first
    for (u32 f = 0; f < t_.file.rows; f++) {
      FileId id{f};
      if (!is_live_object(t_, id) || t_.file.flags[id] & FileFlags::IS_INTERNAL) continue;
      FileView file(t_, id);
      for (u32 i = 1; i < file.section_count; i++) {
        SectionId s = file.section_id(i);
        t_.output_member.output[member_of(s)] = none;
        if (t_.output_member.key[member_of(s)] == 0) continue;
        Elf64_Shdr h = file.section(i);
        if (h.sh_type == SHT_GROUP && !keep_group(file, i, h)) continue;
        if (!is_output_member(t_, s)) continue;
        if (h.sh_flags & SHF_LINK_ORDER && h.sh_link != 0) ordered.push_back({f, i, 0});
        else take(file, i, h, t_.output_member.key[member_of(s)]);
      }
    }
    // Those with one name that are ordered by different sections stay apart: sh_link has room for one.
    for (Member m : ordered) {
      FileView file(t_, FileId{m.file});
      Elf64_Shdr h = file.section(m.section);
      SectionId s = file.section_id(m.section);
      u32 other =
          h.sh_link < file.section_count ? t_.output_member.output[member_of(file.section_id(h.sh_link))] : none;
      const u64 identity[] = {t_.output_member.key[member_of(s)], other};
      take(file, m.section, h, hash_bytes(reinterpret_cast<const u8 *>(identity), sizeof identity, 0) | 1);
    }
  }

  // A group of which something is left is live.
  bool keep_group(const FileView &file, u32 i, const Elf64_Shdr &h) {
    bool has_members = false;
    for_each_group_member(t_, file, group_words(file, h), [&](u32) { has_members = true; });
    if (has_members) t_.section.flags[file.section_id(i)] |= SectionFlags::LIVE;
    return has_members;
  }

  void take(const FileView &file, u32 i, const Elf64_Shdr &h, u64 key) {
    OutputMemberId m = member_of(file.section_id(i));
    u32 output = find(key);
    Found &found = found_[output];
    if (found.members == 0) begin(found, file, i, h, m);
    else if (!found.is_named && !has_name(file, h, found)) t_.found.has_collision.set(); // of keys: it is tried again
    if (t_.output_member.is_unmergeable[m]) {
      found.flags &= ~u64{SHF_MERGE | SHF_STRINGS};
      found.entsize = 0;
    }
    join(found, h);
    found.members++;
    t_.output_member.output[m] = output;
    members_.push_back({raw(file.id), i, output});
  }

  static bool has_name(const FileView &file, const Elf64_Shdr &h, const Found &found) {
    return file.section_name(h) == Name{reinterpret_cast<const u8 *>(found.name), found.name_length};
  }

  void begin(Found &found, const FileView &file, u32 i, const Elf64_Shdr &h, OutputMemberId m) {
    found.order = t_.output_member.order[m];
    found.file = raw(file.id);
    found.section = i;
    found.type = h.sh_type;
    found.flags = h.sh_flags;
    found.entsize = h.sh_entsize;
    u32 rank = t_.output_member.rank[m];
    NameRuleId rule{rank ? rank - 1 : 0};
    if (rank && t_.name_rule.output_name_length[rule]) {
      found.name = t_.name_rule.output_name[rule];
      found.name_length = t_.name_rule.output_name_length[rule];
      found.is_named = true;
      return;
    }
    Name name = file.section_name(h).value_or(Name{}); // classified: it has one
    found.name = reinterpret_cast<u64>(name.data);
    found.name_length = name.size;
  }

  static void join(Found &found, const Elf64_Shdr &h) {
    constexpr u64 merging = SHF_MERGE | SHF_STRINGS, all = SHF_WRITE | SHF_ALLOC | SHF_EXECINSTR | SHF_TLS;
    if (found.type == SHT_NOBITS && h.sh_type != SHT_NOBITS) found.type = h.sh_type;
    if (found.entsize != h.sh_entsize || (found.flags ^ h.sh_flags) & merging) { // they can no longer be told apart
      found.flags &= ~merging;
      if (found.entsize != h.sh_entsize) found.entsize = 0;
    }
    found.flags |= h.sh_flags & all;
    found.alignment = std::max(found.alignment, alignment_log2(h));
  }

  // The output section of a key, which may be new.
  u32 find(u64 key) {
    if (found_.size() * 2 >= cells_.size()) grow();
    u64 mask = cells_.size() - 1;
    for (u64 at = key >> 20 & mask;; at = (at + 1) & mask) {
      if (cells_[at] == no_output) {
        cells_[at] = static_cast<u32>(found_.size());
        found_.push_back({.key = key});
        return cells_[at];
      }
      if (found_[cells_[at]].key == key) return cells_[at];
    }
  }

  void grow() {
    std::vector<u32> larger(cells_.size() * 4, no_output);
    u64 mask = larger.size() - 1;
    for (u32 i = 0; i < found_.size(); i++) {
      u64 at = found_[i].key >> 20 & mask;
      while (larger[at] != no_output) at = (at + 1) & mask;
      larger[at] = i;
    }
    cells_ = std::move(larger);
  }

  // -d gives common symbols space behind what the inputs have of such sections.
  void define_commons() {
    if (!(asked_ & RelocatableFlags::DEFINE_COMMONS) || !t_.found.has_commons) return;
    for (u32 f = 0; f < t_.file.rows; f++) {
      if (!is_live_object(t_, FileId{f})) continue;
      FileView file(t_, FileId{f});
      for (u32 i = file.first_global; i < file.symbol_count; i++) {
        MentionId m = file.mention(i);
        if ((t_.mention.flags[m] & MentionFlags::KIND) != MentionFlags::COMMON) continue;
        SymbolId s{t_.mention.symbol[m]};
        u64 claim = t_.symbol.claim[s];
        if (!claim || Claim::file(claim) != file.id || Claim::symbol(claim) != i || !is_reached(t_, s)) continue;
        commons_.push_back({f, i, commons_output(s)});
      }
    }
  }

  u32 commons_output(SymbolId s) {
    bool is_tls = t_.symbol.flags[s] & SymbolFlags::IS_TLS, is_large = !is_tls && !is_small_common(t_, s);
    const char *name = is_tls ? ".tbss" : is_large ? ".lbss" : ".bss";
    u32 &output = commons_outputs_[is_tls ? 2 : is_large ? 1 : 0];
    if (output != no_output) return output;
    for (u32 i = 0; i < found_.size(); i++) {
      Name own{reinterpret_cast<const u8 *>(found_[i].name), found_[i].name_length};
      if (found_[i].type == SHT_NOBITS && own == name && !(found_[i].flags & SHF_GROUP)) return output = i;
    }
    output = static_cast<u32>(found_.size());
    u64 more = is_tls ? u64{SHF_TLS} : is_large ? u64{SHF_X86_64_LARGE} : 0;
    found_.push_back({.order = (is_tls ? 4u : 6u) << 20,
                      .type = SHT_NOBITS,
                      .flags = SHF_ALLOC | SHF_WRITE | more,
                      .name = reinterpret_cast<u64>(name),
                      .name_length = static_cast<u32>(__builtin_strlen(name))});
    return output;
  }

  // Numbers the output sections in their order, and lists members by them.
  void order() {
    std::vector<u32> by_order(found_.size()), place(found_.size());
    for (u32 i = 0; i < by_order.size(); i++) by_order[i] = i;
    std::stable_sort(by_order.begin(), by_order.end(), [&](u32 a, u32 b) { return found_[a].order < found_[b].order; });
    std::vector<u32> next(found_.size() + 1);
    u32 at = 0;
    for (u32 i = 0; i < by_order.size(); i++) {
      place[by_order[i]] = i;
      next[i] = at;
      at += found_[by_order[i]].members;
    }
    begins_ = next;
    begins_[found_.size()] = at;
    for (Member &m : members_) {
      m.output = place[m.output];
      t_.output_member.output[member_of(SectionId{t_.file.first_section[FileId{m.file}] + m.section})] = m.output;
      PlacedMemberId placed{next[m.output]++};
      t_.placed_member.file[placed] = m.file;
      t_.placed_member.section[placed] = m.section;
    }
    for (Member &m : commons_) m.output = place[m.output];
    t_.found.output_section_count.set(found_.size());
    t_.found.placed_member_count.set(members_.size());
    for (u32 i = 0; i < by_order.size(); i++) {
      const Found &found = found_[by_order[i]];
      OutputSectionId o{i};
      t_.output_section.file[o] = found.file;
      t_.output_section.section[o] = found.section;
      t_.output_section.name[o] = found.name;
      t_.output_section.name_length[o] = found.name_length;
      t_.output_section.type[o] = found.type == SHT_X86_64_UNWIND ? u32{SHT_PROGBITS} : found.type;
      t_.output_section.flags[o] = found.flags & ~u64{SHF_GROUP | SHF_INFO_LINK | SHF_COMPRESSED};
      t_.output_section.entsize[o] = found.entsize;
      t_.output_section.alignment[o] = static_cast<u8>(found.alignment);
      if (!found.is_named) continue;
      sort_members(i);
      for (u32 k = 0; k < t_.stated_alignment.rows; k++)
        if (StatedAlignmentId row{k}; t_.stated_alignment.order[row] == found.order)
          t_.output_section.alignment[o] = std::max(t_.output_section.alignment[o], t_.stated_alignment.log2[row]);
    }
  }

  // What a script's descriptions find comes in their order, of each in the order that it asks for.
  void sort_members(u32 output) {
    std::vector<Member> sorted;
    for (u32 i = begins_[output]; i < begins_[output + 1]; i++)
      sorted.push_back({t_.placed_member.file[PlacedMemberId{i}], t_.placed_member.section[PlacedMemberId{i}], output});
    auto rank = [&](const Member &m) {
      return t_.output_member.rank[member_of(SectionId{t_.file.first_section[FileId{m.file}] + m.section})];
    };
    std::stable_sort(sorted.begin(), sorted.end(), [&](const Member &a, const Member &b) {
      u32 rank_a = rank(a), rank_b = rank(b);
      if (rank_a != rank_b || rank_a == 0) return rank_a < rank_b;
      u32 traits = t_.name_rule.traits[NameRuleId{rank_a - 1}];
      FileView file_a(t_, FileId{a.file}), file_b(t_, FileId{b.file});
      Elf64_Shdr header_a = file_a.section(a.section), header_b = file_b.section(b.section);
      if (traits & RuleTraits::BY_ALIGNMENT && alignment_log2(header_a) != alignment_log2(header_b))
        return alignment_log2(header_a) > alignment_log2(header_b);
      if (!(traits & RuleTraits::BY_NAME)) return false;
      Name name_a = file_a.section_name(header_a).value_or(Name{}),
           name_b = file_b.section_name(header_b).value_or(Name{});
      return std::string_view(reinterpret_cast<const char *>(name_a.data), name_a.size) <
             std::string_view(reinterpret_cast<const char *>(name_b.data), name_b.size);
    });
    for (u32 i = begins_[output]; const Member &m : sorted) {
      t_.placed_member.file[PlacedMemberId{i}] = m.file;
      t_.placed_member.section[PlacedMemberId{i++}] = m.section;
    }
  }

  u64 relocations_of(const FileView &file, u32 section) {
    u32 rela = relocation_section_of(t_, file, section);
    return rela ? file.section(rela).sh_size / sizeof(Elf64_Rela) : 0;
  }

  u64 group_size(const FileView &file, const Elf64_Shdr &h) {
    u64 words = 1;
    for_each_group_member(t_, file, group_words(file, h), [&](u32 member) {
      OutputSectionId o = output_section_of(t_, file.section_id(member));
      t_.output_section.flags[o] |= SHF_GROUP;
      words += relocations_of(file, member) ? 2 : 1;
    });
    return words * sizeof(u32);
  }

  void place_members() {
    u64 bytes = 0;
    u32 chunks = 0;
    for (u32 output = 0; output < found_.size(); output++) {
      OutputSectionId o{output};
      u64 size = 0, relocations = 0;
      bool has_terminator = false;
      for (u32 i = begins_[output]; i < begins_[output + 1]; i++) {
        PlacedMemberId placed{i};
        if (i == 0 || bytes > chunk_bytes) {
          t_.member_chunk.first_member[MemberChunkId{chunks++}] = i;
          bytes = 0;
        }
        FileView file(t_, FileId{t_.placed_member.file[placed]});
        u32 section = t_.placed_member.section[placed];
        Elf64_Shdr h = file.section(section);
        OutputMemberId m = member_of(file.section_id(section));
        u64 own = h.sh_type == SHT_GROUP ? group_size(file, h) : member_size(t_, file, section, h);
        if (h.sh_type != SHT_GROUP && own < h.sh_size) has_terminator = true;
        // A gap between records of .eh_frame would end it; words are all that they need to be aligned for.
        bool is_eh_frame = t_.section.flags[file.section_id(section)] & SectionFlags::EH_FRAME;
        u64 offset = align_up(size, is_eh_frame ? std::min(alignment_log2(h), 2u) : alignment_log2(h));
        if (own > address_space || offset + own > address_space) {
          job_.report(Code::SectionTooLarge, {.file = raw(file.id), .section = section});
          own = 0;
        }
        t_.output_member.offset[m] = offset;
        t_.output_member.first_relocation[m] = relocations;
        size = offset + own;
        u64 count = relocations_of(file, section);
        relocations += count;
        bytes += (h.sh_type == SHT_NOBITS ? 0 : own) + count * sizeof(Elf64_Rela) + 64;
      }
      t_.output_section.size[o] = has_terminator ? size + sizeof(u32) : size;
      t_.output_section.relocations[o] = relocations;
    }
    t_.found.member_chunk_count.set(chunks);
    t_.member_chunk.first_member[MemberChunkId{chunks}] = static_cast<u32>(members_.size());
    for (const Member &common : commons_) {
      OutputSectionId o{common.output};
      FileView file(t_, FileId{common.file});
      MentionId m = file.mention(common.section);
      SymbolId s{t_.mention.symbol[m]};
      u32 log2 = std::min(t_.symbol.common_alignment[s], largest_alignment_log2);
      u64 offset = align_up(t_.output_section.size[o], log2), own = t_.symbol.common_size[s];
      if (own > address_space || offset + own > address_space) {
        job_.report(Code::SymbolTooLarge, {.file = common.file, .symbol = common.section});
        continue;
      }
      t_.mention.common_offset[m] = offset;
      t_.output_symbol.common_section[OutputSymbolId{raw(s)}] = common.output;
      t_.output_section.size[o] = offset + own;
      t_.output_section.alignment[o] = std::max(t_.output_section.alignment[o], static_cast<u8>(log2));
    }
  }

  // Headers, names and places in the file.
  void place_outputs() {
    u64 offset = elf_header_size, relocations = 0;
    u32 index = 1, names = 1, symbols = 0, group_name = 0;
    for (u32 i = 0; i < found_.size(); i++) {
      OutputSectionId o{i};
      t_.output_section.index[o] = index++;
      offset = align_up(offset, t_.output_section.alignment[o]);
      t_.output_section.offset[o] = offset;
      if (t_.output_section.type[o] != SHT_NOBITS) offset += t_.output_section.size[o];
      t_.output_section.first_relocation[o] = relocations;
      bool has_relocations = t_.output_section.relocations[o] != 0;
      relocations += t_.output_section.relocations[o];
      if (has_relocations) index++;
      bool is_group = t_.output_section.type[o] == SHT_GROUP;
      t_.output_section.symbol[o] = is_group ? 0 : ++symbols;
      if (is_group && group_name) {
        t_.output_section.name_offset[o] = group_name;
        continue;
      }
      if (has_relocations) names += 5;
      t_.output_section.name_offset[o] = names;
      if (is_group) group_name = names;
      names += t_.output_section.name_length[o] + 1;
    }
    t_.found.output_headers.set(index);
    t_.found.output_contents_end.set(offset);
    t_.found.output_relocations.set(relocations);
    t_.found.output_names_size.set(names);
    t_.found.section_symbols.set(symbols);
  }

  Job &job_;
  const Tables &t_;
  u64 asked_;
  std::vector<Found> found_;
  std::vector<u32> cells_; // rows of found_, by key
  std::vector<Member> members_;
  std::vector<Member> commons_; // `section` is a symbol's index
  std::vector<u32> begins_;
  u32 commons_outputs_[3] = {no_output, no_output, no_output};
};

} // namespace

void arrange_sections(Job &job, RowRange<RangeId> rows) {
  for ([[maybe_unused]] RangeId row : rows) Arranger(job).arrange();
}

} // namespace spore
