// Split: gives each live input section its bucket.
//
// A bucket is what is laid out together: same canonical name, type and merge attributes. The table of
// buckets is shared by all workers and filled by compare-exchange on the key; a bucket's row therefore
// depends on timing, and TypeScript orders buckets by their first section in input order.

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/gc-roots.h"
#include "kernels/input-sections.h"
#include "kernels/name-rules.h"
#include "kernels/stray-relocations.h"
#include "tables/section-kinds.h"
#include "targets/target.h"

namespace spore {

namespace {

// No flag above bit 30 is defined, but SHF_EXCLUDE, whose sections are in no bucket.
constexpr u64 known_flags = 0x7fffffff;

struct Bucketing {
  const Tables &t;
  NameRules rules;

  explicit Bucketing(const Tables &t) : t(t), rules(t) {}

  // The bucket for a section, 0 when the table is full. What its name, that of its first section, does not say is
  // said by its rule: lists of the older kind are in one bucket with those that they join.
  BucketId bucket_of(Name name, u32 rule, const Elf64_Shdr &h, bool is_merged, FileId f, u32 index,
                     BucketId ordered_by = {}) const {
    u32 list = rules.reversed_into(rule, h);
    bool joins_list = list && rules.is_exact(rule);
    if (joins_list) {
      const char *joined = list == SHT_INIT_ARRAY ? ".init_array" : ".fini_array";
      name = {reinterpret_cast<const u8 *>(joined), static_cast<u32>(std::strlen(joined))};
    }
    u32 length = rules.is_cut(rule) && !joins_list ? rules.length(rule) : name.size;
    u32 type = list ? list : h.sh_type == SHT_X86_64_UNWIND ? u32{SHT_PROGBITS} : h.sh_type;
    u32 entsize = is_merged ? static_cast<u32>(h.sh_entsize) : 0;
    u64 flags = h.sh_flags & ~u64{SHF_GROUP | SHF_INFO_LINK | SHF_GNU_RETAIN | SHF_COMPRESSED} & known_flags;
    if (!is_merged) flags &= ~u64{SHF_MERGE | SHF_STRINGS};
    u64 kind = type | u64{entsize} << 32 | (flags & SHF_STRINGS) << 26;
    u64 seed = kind ^ (flags & (SHF_ALLOC | SHF_TLS)) << 40 ^ t.bucket.key[ordered_by];
    if (rules.has(rule, RuleTraits::STATED)) {
      seed = stated_seed(rule, is_merged ? kind : 0, f, h, ordered_by);
      if (!rules.has(rule, RuleTraits::BY_NAME)) length = 0;
    }
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
      t.bucket.type.raise(b, type);
      if (rules.has(rule, RuleTraits::STATED)) t.bucket.inverted_type.raise(b, ~type);
      // The same values whoever writes them: they are part of the key.
      t.bucket.entsize.raise(b, entsize);
      t.bucket.name_length.raise(b, length);
      t.bucket.rule.raise(b, rules.has(rule, RuleTraits::STATED) ? rules.group(rule) : rule);
      t.bucket.ordered_by.raise(b, raw(ordered_by));
      t.bucket.flags.set_bits(b, flags);
      t.bucket.first.raise(b, ~(u64{raw(f)} << 32 | index));
      return b;
    }
    return BucketId{0};
  }

private:
  // What a bucket of a linker script is, but for the name of its sections: they lie together whatever they are.
  u64 stated_seed(u32 rule, u64 kind, FileId f, const Elf64_Shdr &h, BucketId ordered_by) const {
    const u64 identity[] = {kind, rules.group(rule), t.bucket.key[ordered_by],
                            rules.has(rule, RuleTraits::BY_ALIGNMENT) ? alignment_log2(h) + u64{1} : 0,
                            rules.has(rule, RuleTraits::BY_FILE) ? raw(f) + u64{1} : 0};
    return hash_bytes(reinterpret_cast<const u8 *>(identity), sizeof identity, 0);
  }
};

// Sections with SHF_LINK_ORDER come in the order of those that they name in sh_link (gABI ch. 4, Section Attribute
// Flags). These are in the order of inputs within a bucket, so it is enough that each bucket has one for them.
BucketId ordering_bucket(const Bucketing &bucketing, const FileView &file, const Elf64_Shdr &h) {
  if (!(h.sh_flags & SHF_LINK_ORDER) || h.sh_link == 0) return BucketId{0};
  Elf64_Shdr other = file.section(h.sh_link);
  auto name = file.section_name(other);
  if (!name) return BucketId{0}; // reported where that is bucketed
  return bucketing.bucket_of(*name, bucketing.rules.rule_of(file.id, *name, other), other, false, file.id, h.sh_link);
}

// The sections of a file, one after the other.
class FileSplitter {
public:
  FileSplitter(Job &job, const Bucketing &bucketing, FileId f)
      : job_(job), t_(job.t), bucketing_(bucketing), file_(job.t, f), output_(job.t.link.output_flags),
        is_runtime_(t_.input.flags[InputId{t_.file.input[f]}] & InputFlags::IS_RUNTIME) {}

  // False when the table of buckets is full.
  bool split() {
    if (file_.has_stray_relocations) note_stray_relocations(t_, file_);
    bool has_sections = false;
    for (u32 i = 1; i < file_.section_count; i++) {
      Elf64_Shdr h = file_.section(i);
      if (h.sh_type == SHT_RELA) {
        if (i > 1 && h.sh_info == i - 1) t_.section.flags[file_.section_id(i - 1)] |= SectionFlags::RELOCATED;
        continue;
      }
      if (is_table(h) || h.sh_type == SHT_GROUP) continue;
      has_sections = true;
      if (t_.section.flags[file_.section_id(i)] & SectionFlags::DISCARDED || h.sh_flags & SHF_EXCLUDE) continue;
      auto name = file_.section_name(h);
      bool is_ordered_by_none = h.sh_flags & SHF_LINK_ORDER && h.sh_link >= file_.section_count;
      if (!name || alignment_log2(h) >= 32 || is_ordered_by_none)
        job_.report(name ? Code::BadSection : Code::BadSectionName, {.file = raw(file_.id), .section = i});
      else {
        u32 rule = bucketing_.rules.rule_of(file_.id, *name, h);
        if (is_discarded(rule, *name)) discard(i);
        else if (is_laid_out(i, h, *name) && !lay_out(i, h, *name, rule)) return false;
      }
    }
    // As GNU ld: code that says nothing of the stack may run there; what is no code and no data says nothing.
    if (has_sections && !(flags_ & FileFlags::HAS_STACK_NOTE)) flags_ |= FileFlags::NEEDS_EXECUTABLE_STACK;
    t_.file.flags[file_.id] |= static_cast<u16>(flags_);
    if (has_discarded_) undefine_discarded();
    return true;
  }

private:
  // Whether a linker script leaves it out. What the first two say is for the linker, whether or not they are there.
  bool is_discarded(u32 rule, const Name &name) const {
    return bucketing_.rules.has(rule, RuleTraits::DISCARD) && name != ".note.GNU-stack" && name != ".note.gnu.property";
  }

  void discard(u32 i) {
    t_.section.flags[file_.section_id(i)] |= SectionFlags::DISCARDED;
    has_discarded_ = true;
  }

  // What a script leaves out defines nothing: who refers to it is told so.
  void undefine_discarded() {
    for (u32 i = file_.first_global; i < file_.symbol_count; i++) {
      u32 section = file_.section_index(i, file_.symbols()[i]);
      if (section >= file_.section_count || !(t_.section.flags[file_.section_id(section)] & SectionFlags::DISCARDED))
        continue;
      SymbolId s{t_.mention.symbol[file_.mention(i)]};
      u64 claim = t_.symbol.claim[s];
      if (claim && Claim::file(claim) == file_.id && Claim::symbol(claim) == i)
        t_.symbol.flags.set_bits(s, SymbolFlags::IS_UNDEFINED);
    }
  }

  // Whether a section goes into a bucket. Some are for the linker, which takes here what they say.
  bool is_laid_out(u32 i, const Elf64_Shdr &h, const Name &name) {
    if (is_for_linker(t_, file_, h, name, flags_)) return false;
    if (name.starts_with(".gnu.warning.")) {
      job_.request(RequestKind::WARNING_SECTION, file_.id, i);
      return false;
    }
    bool is_alloc = h.sh_flags & SHF_ALLOC;
    if (!is_alloc && output_ & (OutputFlags::STRIP_ALL | OutputFlags::STRIP_DEBUG) && is_debug_name(name)) return false;
    if (is_alloc && name == ".eh_frame" && (h.sh_type == SHT_PROGBITS || h.sh_type == SHT_X86_64_UNWIND)) {
      t_.section.flags[file_.section_id(i)] |= SectionFlags::EH_FRAME | SectionFlags::LIVE;
      return false;
    }
    return true;
  }

  // Gives a section its bucket; false when there is no room for another.
  bool lay_out(u32 i, const Elf64_Shdr &h, const Name &name, u32 rule) {
    bool is_merged = false;
    if (h.sh_flags & SHF_MERGE && h.sh_entsize && h.sh_entsize <= 4096 && h.sh_size && !(h.sh_flags & SHF_WRITE) &&
        h.sh_type != SHT_NOBITS && h.sh_size % h.sh_entsize == 0) {
      // What is relocated cannot be compared, and a string without an end could be the beginning of another.
      is_merged = !is_relocated(t_, file_, i) && (!(h.sh_flags & SHF_STRINGS) || ends_with_terminator(file_, h));
    }
    if (bucketing_.rules.reversed_into(rule, h)) {
      if (is_runtime_) rule = 0; // the head or the end of a list that the runtime walks itself
      else flags_ |= FileFlags::HAS_CONSTRUCTORS;
    }
    BucketId ordered_by = ordering_bucket(bucketing_, file_, h);
    BucketId bucket = bucketing_.bucket_of(name, rule, h, is_merged, file_.id, i, ordered_by);
    if (raw(bucket) == 0) return false;
    SectionId s = file_.section_id(i);
    set_bucket(t_, s, bucket);
    if (h.sh_flags & SHF_X86_64_LARGE) t_.found.has_large_sections.set();
    u32 flags = is_merged ? u32{SectionFlags::MERGEABLE} : 0;
    bool may_be_unused = output_ & OutputFlags::GC_SECTIONS && h.sh_flags & SHF_ALLOC;
    if (!may_be_unused || is_gc_root(name, h) || bucketing_.rules.has(rule, RuleTraits::KEEP))
      flags |= SectionFlags::LIVE;
    t_.section.flags[s] |= static_cast<u8>(flags);
    return true;
  }

  Job &job_;
  const Tables &t_;
  const Bucketing &bucketing_;
  FileView file_;
  u64 output_;
  bool is_runtime_;
  bool has_discarded_ = false;
  u32 flags_ = 0; // FileFlags, all of them at the end: a rerun over a file adds the same
};

} // namespace

void assign_buckets(Job &job, RowRange<FileId> rows) {
  Bucketing bucketing(job.t);
  for (FileId f : rows) {
    if (!is_live_object(job.t, f) || FileSplitter(job, bucketing, f).split()) continue;
    job.t.found.has_too_few_buckets.set(); // it is tried again with more
    return;
  }
}

} // namespace spore
