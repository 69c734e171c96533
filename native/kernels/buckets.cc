// Split, first half: gives each live input section its bucket.
//
// A bucket is what is laid out together: same canonical name, type and merge attributes. The table of
// buckets is shared by all workers and filled by compare-exchange on the key; a bucket's row therefore
// depends on timing, and TypeScript orders buckets by their first section in input order.

#include "elf/hash.h"
#include "generated/kernels.h"
#include "tables/section-kinds.h"

namespace spore {

namespace {

// No flag above bit 30 is defined, but SHF_EXCLUDE, whose sections are in no bucket.
constexpr u64 known_flags = 0x7fffffff;

struct Bucketing {
  const Tables &t;

  explicit Bucketing(const Tables &t) : t(t) {}

  // The rule for a name plus 1, or 0.
  u32 rule_of(const Name &name) const {
    u64 first_bytes = 0;
    if (name.size >= 8) std::memcpy(&first_bytes, name.data, 8);
    else
      for (u32 i = 0; i < name.size; i++) first_bytes |= u64{name.data[i]} << (8 * i);
    for (u32 r = 0; r < t.name_rule.rows; r++) {
      NameRuleId rule{r};
      u32 length = t.name_rule.length[rule];
      if ((first_bytes & t.name_rule.mask[rule]) != t.name_rule.first_bytes[rule] || name.size < length) continue;
      auto *text = reinterpret_cast<const u8 *>(t.name_rule.text[rule]);
      if (length > 8 && std::memcmp(name.data + 8, text + 8, length - 8u) != 0) continue;
      if (name.size == length) return r + 1;
      if (!t.name_rule.is_exact[rule] && (t.name_rule.keeps_name[rule] || name.data[length] == '.')) return r + 1;
    }
    return 0;
  }

  // The type of list that a section of this rule turns into, or 0.
  u32 reversed_into(u32 rule, const Elf64_Shdr &h) const {
    bool may_be_list = h.sh_type == SHT_PROGBITS && (h.sh_flags & (SHF_ALLOC | SHF_TLS)) == SHF_ALLOC;
    return rule && may_be_list ? t.name_rule.reversed_into[NameRuleId{rule - 1}] : 0;
  }

  // The bucket for a section, 0 when the table is full. What its name, that of its first section, does not say is
  // said by its rule: lists of the older kind are in one bucket with those that they join.
  BucketId bucket_of(Name name, u32 rule, const Elf64_Shdr &h, bool is_merged, FileId f, u32 index,
                     BucketId ordered_by = {}) const {
    u32 list = reversed_into(rule, h);
    bool joins_list = list && t.name_rule.is_exact[NameRuleId{rule - 1}];
    if (joins_list) {
      const char *joined = list == SHT_INIT_ARRAY ? ".init_array" : ".fini_array";
      name = {reinterpret_cast<const u8 *>(joined), static_cast<u32>(std::strlen(joined))};
    }
    bool is_cut = rule && !joins_list && !t.name_rule.keeps_name[NameRuleId{rule - 1}];
    u32 length = is_cut ? t.name_rule.length[NameRuleId{rule - 1}] : name.size;
    u32 type = list ? list : h.sh_type == SHT_X86_64_UNWIND ? u32{SHT_PROGBITS} : h.sh_type;
    u32 entsize = is_merged ? static_cast<u32>(h.sh_entsize) : 0;
    u64 flags = h.sh_flags & ~u64{SHF_GROUP | SHF_INFO_LINK | SHF_GNU_RETAIN | SHF_COMPRESSED} & known_flags;
    if (!is_merged) flags &= ~u64{SHF_MERGE | SHF_STRINGS};
    u64 kind = type | u64{entsize} << 32 | (flags & SHF_STRINGS) << 26;
    u64 seed = kind ^ (flags & (SHF_ALLOC | SHF_TLS)) << 40 ^ t.bucket.key[ordered_by];
    u64 key = hash_bytes(name.data, length, seed) | 1;
    u32 mask = static_cast<u32>(t.bucket.rows - 1);
    u32 at = static_cast<u32>(key >> 32) & mask;
    for (u32 probes = 0; probes <= mask; probes++, at = (at + 1) & mask) {
      if (at == 0) continue;
      BucketId b{at};
      std::atomic_ref<u64> cell(t.bucket.key[b]);
      u64 seen = cell.load(std::memory_order_acquire);
      if (seen == 0 && cell.compare_exchange_strong(seen, key, std::memory_order_acq_rel)) seen = key;
      if (seen != key) continue;
      t.bucket_use.bits.set_bits(BucketUseId{at / 32}, 1u << at % 32);
      // The same values whoever writes them: they are part of the key.
      t.bucket.type.raise(b, type);
      t.bucket.entsize.raise(b, entsize);
      t.bucket.name_length.raise(b, length);
      t.bucket.rule.raise(b, rule);
      t.bucket.ordered_by.raise(b, raw(ordered_by));
      t.bucket.flags.set_bits(b, flags);
      t.bucket.first.raise(b, ~(u64{raw(f)} << 32 | index));
      return b;
    }
    return BucketId{0};
  }
};

// Sections with SHF_LINK_ORDER come in the order of those that they name in sh_link (gABI ch. 4, Section Attribute
// Flags). These are in the order of inputs within a bucket, so it is enough that each bucket has one for them.
BucketId ordering_bucket(const Bucketing &bucketing, const FileView &file, const Elf64_Shdr &h) {
  if (!(h.sh_flags & SHF_LINK_ORDER) || h.sh_link == 0) return BucketId{0};
  Elf64_Shdr other = file.section(h.sh_link);
  auto name = file.section_name(other);
  if (!name) return BucketId{0}; // reported where that is bucketed
  return bucketing.bucket_of(*name, bucketing.rule_of(*name), other, false, file.id, h.sh_link);
}

bool is_debug_name(const Name &n) {
  return n.starts_with(".debug") || n.starts_with(".zdebug") || n.starts_with(".stab") || n.starts_with(".gdb_index") ||
         n.starts_with(".line");
}

// Names that __start_NAME and __stop_NAME can be made of: such sections are found by those symbols.
bool is_c_identifier(const Name &n) {
  if (n.size == 0 || (n.data[0] >= '0' && n.data[0] <= '9')) return false;
  for (u32 i = 0; i < n.size; i++) {
    u8 c = n.data[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

// Sections that --gc-sections starts from.
bool is_root(const Name &n, const Elf64_Shdr &h) {
  if (h.sh_flags & SHF_GNU_RETAIN) return true;
  switch (h.sh_type) {
  case SHT_INIT_ARRAY:
  case SHT_FINI_ARRAY:
  case SHT_PREINIT_ARRAY: return true;
  case SHT_NOTE: return !(h.sh_flags & SHF_GROUP);
  }
  return is_c_identifier(n) || n == ".init" || n == ".fini" || n.starts_with(".ctors") || n.starts_with(".dtors") ||
         n == ".jcr" || n.starts_with(".init_array") || n.starts_with(".fini_array") || n.starts_with(".preinit_array");
}

// What a .note.gnu.property section says (psABI x86-64, Linux ABI, Program Property): IBT and SHSTK of
// FEATURE_1_AND, which the output has when all inputs do, and ISA_1_NEEDED, which it has when one does.
struct Properties {
  u32 file_flags = 0;
  u32 isa_needed = 0;
};

constexpr u32 NT_GNU_PROPERTY_TYPE_0 = 5;
constexpr u32 GNU_PROPERTY_X86_FEATURE_1_AND = 0xc0000002, GNU_PROPERTY_X86_ISA_1_NEEDED = 0xc0008002;

Properties properties_of(const Bytes &note) {
  Properties found;
  for (u64 at = 0; note.contains(at, 16);) {
    u32 name_size = *note.read<u32>(at), size = *note.read<u32>(at + 4), type = *note.read<u32>(at + 8);
    if (name_size != 4 || !note.contains(at + 16, size)) break;
    if (type == NT_GNU_PROPERTY_TYPE_0)
      for (u64 p = at + 16, end = at + 16 + size; p < end && end - p >= 8;) {
        u32 kind = *note.read<u32>(p), length = *note.read<u32>(p + 4);
        if (length == 4 && end - p >= 12) {
          u32 bits = *note.read<u32>(p + 8);
          if (kind == GNU_PROPERTY_X86_FEATURE_1_AND && bits & 1) found.file_flags |= FileFlags::HAS_IBT;
          if (kind == GNU_PROPERTY_X86_FEATURE_1_AND && bits & 2) found.file_flags |= FileFlags::HAS_SHSTK;
          if (kind == GNU_PROPERTY_X86_ISA_1_NEEDED) found.isa_needed |= bits;
        }
        p += 8 + ((u64{length} + 7) & ~u64{7});
      }
    at += 16 + ((u64{size} + 7) & ~u64{7});
  }
  return found;
}

// A section whose words a copy has in reverse.
bool is_reversed(const Bucketing &bucketing, const FileView &file, const Elf64_Shdr &h) {
  auto name = file.section_name(h);
  return name && bucketing.reversed_into(bucketing.rule_of(*name), h);
}

// Of several SHT_RELA sections for one, that which follows it is taken, else the first.
void note_stray_relocations(const Tables &t, const FileView &file) {
  for (u32 i = 1; i < file.section_count; i++) {
    Elf64_Shdr h = file.section(i);
    if (h.sh_type != SHT_RELA || h.sh_info >= file.section_count) continue;
    SectionId s = file.section_id(h.sh_info);
    if (t.section.relocations[s] == 0) t.section.relocations[s] = i;
  }
}

// Before that has been noted.
bool is_relocated(const Tables &t, const FileView &file, u32 index) {
  if (file.has_stray_relocations && t.section.relocations[file.section_id(index)]) return true;
  if (index + 1 >= file.section_count) return false;
  Elf64_Shdr next = file.section(index + 1);
  return next.sh_type == SHT_RELA && next.sh_info == index;
}

} // namespace

void assign_buckets(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  Bucketing bucketing(t);
  u64 output = t.link.output_flags;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    u32 more_flags = 0;
    bool has_sections = false;
    if (file.has_stray_relocations) note_stray_relocations(t, file);
    bool is_runtime = t.input.flags[InputId{t.file.input[f]}] & InputFlags::IS_RUNTIME;
    for (u32 i = 1; i < file.section_count; i++) {
      Elf64_Shdr h = file.section(i);
      SectionId s = file.section_id(i);
      switch (h.sh_type) {
      case SHT_RELA:
        if (i > 1 && h.sh_info == i - 1) t.section.flags[file.section_id(i - 1)] |= SectionFlags::RELOCATED;
        continue;
      case SHT_NULL:
      case SHT_SYMTAB:
      case SHT_STRTAB:
      case SHT_GROUP:
      case SHT_SYMTAB_SHNDX:
      case SHT_LLVM_ADDRSIG: continue;
      }
      has_sections = true;
      if (t.section.flags[s] & SectionFlags::DISCARDED || h.sh_flags & SHF_EXCLUDE) continue;
      Place place{.file = raw(f), .section = i};
      auto name = file.section_name(h);
      bool is_ordered_by_none = h.sh_flags & SHF_LINK_ORDER && h.sh_link >= file.section_count;
      if (!name || alignment_log2(h) >= 32 || is_ordered_by_none) {
        job.report(name ? Code::BadSection : Code::BadSectionName, place);
        continue;
      }
      if (*name == ".note.GNU-stack") {
        more_flags |= FileFlags::HAS_STACK_NOTE;
        if (h.sh_flags & SHF_EXECINSTR) more_flags |= FileFlags::NEEDS_EXECUTABLE_STACK;
        continue;
      }
      if (h.sh_type == SHT_NOTE && *name == ".note.gnu.property") {
        if (auto note = file.contents(h)) {
          Properties found = properties_of(*note);
          more_flags |= found.file_flags;
          t.found.isa_needed.set_bits(found.isa_needed);
        }
        continue;
      }
      // As GNU ld: the output has one name, that of what is linked.
      if (h.sh_type == SHT_NOTE && output & OutputFlags::HAS_DIGEST && *name == ".note.gnu.build-id") continue;
      if (name->starts_with(".gnu.lto_")) continue; // beside machine code; objects without it were refused by the scan
      if (name->starts_with(".gnu.warning.")) {
        job.request(RequestKind::WARNING_SECTION, f, i);
        continue;
      }
      bool is_alloc = h.sh_flags & SHF_ALLOC;
      if (!is_alloc && output & (OutputFlags::STRIP_ALL | OutputFlags::STRIP_DEBUG) && is_debug_name(*name)) continue;
      if (is_alloc && *name == ".eh_frame" && (h.sh_type == SHT_PROGBITS || h.sh_type == SHT_X86_64_UNWIND)) {
        t.section.flags[s] |= SectionFlags::EH_FRAME | SectionFlags::LIVE;
        continue;
      }
      bool is_merged = false;
      if (h.sh_flags & SHF_MERGE && h.sh_entsize && h.sh_entsize <= 4096 && h.sh_size && !(h.sh_flags & SHF_WRITE) &&
          h.sh_type != SHT_NOBITS && h.sh_size % h.sh_entsize == 0) {
        is_merged = !is_relocated(t, file, i); // what is relocated cannot be compared
      }
      u32 rule = bucketing.rule_of(*name);
      if (bucketing.reversed_into(rule, h)) {
        if (is_runtime) rule = 0; // the head or the end of a list that the runtime walks itself
        else more_flags |= FileFlags::HAS_CONSTRUCTORS;
      }
      BucketId bucket = bucketing.bucket_of(*name, rule, h, is_merged, f, i, ordering_bucket(bucketing, file, h));
      if (raw(bucket) == 0) {
        t.found.has_too_few_buckets.set(); // it is tried again with more
        return;
      }
      set_bucket(t, s, bucket);
      if (h.sh_flags & SHF_X86_64_LARGE) t.found.has_large_sections.set();
      u32 flags = is_merged ? u32{SectionFlags::MERGEABLE} : 0;
      if (!(output & OutputFlags::GC_SECTIONS) || !is_alloc) flags |= SectionFlags::LIVE;
      else if (is_root(*name, h)) flags |= SectionFlags::LIVE;
      t.section.flags[s] |= static_cast<u8>(flags);
    }
    // As GNU ld: code that says nothing of the stack may run there; what is no code and no data says nothing.
    if (has_sections && !(more_flags & FileFlags::HAS_STACK_NOTE)) more_flags |= FileFlags::NEEDS_EXECUTABLE_STACK;
    t.file.flags[f] |= static_cast<u16>(more_flags);
  }
}

// .ctors and .dtors list functions that run from last to first, .init_array and .fini_array those that run from
// first to last (.fini_array: the other way round). GNU ld makes one of the other by reversing each section's
// words, and so does this, in a copy: what reads the file after it sees an ordinary list.
void reverse_constructors(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  Bucketing bucketing(t);
  constexpr u64 word = 8;
  for (FileId f : rows) {
    if (!is_live_object(t, f) || !(t.file.flags[f] & FileFlags::HAS_CONSTRUCTORS)) continue;
    InputId input{t.file.input[f]};
    u64 offset = t.file.input_offset[f];
    // Not file.image: a rerun may find the copy there already.
    Bytes original(reinterpret_cast<const u8 *>(t.input.base[input] + offset), t.input.size[input] - offset);
    u8 *copy = reinterpret_cast<u8 *>(t.file.reversed_copy[f]);
    if (copy) {
      std::memcpy(copy, original.data(), t.file.size[f]);
      t.file.image[f] = reinterpret_cast<u64>(copy);
    } else {
      copy = reinterpret_cast<u8 *>(t.file.image[f]); // uncompressed: a copy already
    }
    FileView file(t, f);
    u64 headers = t.file.section_headers[f], headers_end = headers + file.section_count * sizeof(Elf64_Shdr);
    // The headers have been checked by now, and must not become others.
    auto meets_headers = [&](const Elf64_Shdr &h) {
      return h.sh_offset < headers_end && headers < h.sh_offset + h.sh_size;
    };
    for (u32 i = 1; i < file.section_count; i++) {
      Elf64_Shdr h = file.section(i);
      if (!is_reversed(bucketing, file, h)) continue;
      auto words = original.array<u64>(h.sh_offset, h.sh_size / word);
      if (!words || !file.contents(h) || h.sh_size % word || meets_headers(h)) {
        job.report(Code::BadSection, {.file = raw(f), .section = i});
        continue;
      }
      for (u64 w = 0; w < words->size(); w++) {
        u64 value = (*words)[w];
        std::memcpy(copy + h.sh_offset + (words->size() - 1 - w) * word, &value, word);
      }
      u32 rela_section = relocation_section_of(t, file, i);
      if (rela_section == 0) continue;
      Elf64_Shdr relas = file.section(rela_section);
      auto all = original.array<Elf64_Rela>(relas.sh_offset, relas.sh_size / sizeof(Elf64_Rela));
      if (!all || !file.contents(relas)) continue; // reported when needs are found
      if (meets_headers(relas)) {
        job.report(Code::BadRelocationSection, {.file = raw(f), .section = rela_section});
        continue;
      }
      for (u64 r = 0; r < all->size(); r++) {
        Elf64_Rela rela = (*all)[r];
        // What is outside stays outside, and is reported when needs are found.
        if (rela.r_offset <= h.sh_size - word) rela.r_offset = h.sh_size - word - rela.r_offset;
        std::memcpy(copy + relas.sh_offset + (all->size() - 1 - r) * sizeof rela, &rela, sizeof rela);
      }
    }
  }
}

} // namespace spore
