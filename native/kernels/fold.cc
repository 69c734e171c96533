// Fold: which sections are equal to others, so that one can stand for all (--icf).
//
// Sections are equal when their bytes and FDEs are, and when what their relocations refer to is the same or equal in
// turn. That is found as the coarsest stable partition: all are suspected of being equal whose own parts have one hash,
// and told apart by what they refer to until nothing is. References that go round, as those of a recursive function,
// keep nobody apart. At the end each is compared with the one that is to stay for it, exactly: hashes decide nothing.

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/eh-frame.h"
#include "kernels/fold-reader.h"
#include "kernels/gc-roots.h"

namespace spore {

namespace {

// Whether equal sections may be folded, by what they are. Sections that __start_NAME finds are an array that is walked.
bool may_fold(const Tables &t, const FileView &file, u32 index) {
  SectionId s = file.section_id(index);
  u32 flags = t.section.flags.load(s);
  constexpr u32 asked = SectionFlags::LIVE | SectionFlags::DISCARDED | SectionFlags::MERGEABLE | SectionFlags::EH_FRAME;
  BucketId bucket = bucket_of(t, s);
  if ((flags & asked) != SectionFlags::LIVE || raw(bucket) == 0 || t.bucket.fold_group[bucket] == 0) return false;
  Elf64_Shdr h = file.section(index);
  if (h.sh_type != SHT_PROGBITS || h.sh_size == 0 || h.sh_flags & (SHF_LINK_ORDER | SHF_GNU_RETAIN | SHF_TLS))
    return false;
  auto name = file.section_name(h);
  if (!name || is_c_identifier(*name) || *name == ".init" || *name == ".fini") return false;
  if (h.sh_flags & SHF_WRITE && *name != ".data.rel.ro" && !name->starts_with(".data.rel.ro.")) return false;
  u32 rela = relocation_section_of(t, file, index);
  return rela == 0 || (file.section(rela).sh_entsize == sizeof(Elf64_Rela) && file.relocations(file.section(rela)));
}

// The FDEs of a file, by the sections of their functions.
class Frames {
public:
  struct Found {
    u32 section = 0, start = 0, size = 0, relocation = 0, relocations = 0, cie = 0;
    u32 count = 0;
  };

  void load(const Tables &t, const FileView &file) {
    found_.assign(file.section_count, {});
    if (t.file.cies[file.id] == 0) return;
    CieId cie{t.file.first_cie[file.id]}, end = cie + t.file.cies[file.id];
    for_each_eh_frame(t, file, [&](u32 section, const std::optional<Bytes> &) {
      u64 bad = 0;
      u32 rela = relocation_section_of(t, file, section);
      if (!parse_eh_frame(file, section, rela, frame_, bad)) return; // reported when they are counted
      bool is_sorted = frame_.relas.is_in_order();
      cie_of_.assign(frame_.records.size(), cie);
      for (size_t i = 0; i < frame_.records.size(); i++) {
        const EhRecord &r = frame_.records[i];
        if (r.is_cie && cie != end) cie_of_[i] = cie, ++cie;
        if (r.is_cie || !is_live_fde(t, file, frame_, r)) continue;
        u32 symbol = frame_.relas[r.function_rela].symbol();
        Found &found = found_[file.section_index(symbol, file.symbols()[symbol])];
        // More than one, or one that cannot be found again by number: such a section stays as it is.
        found.count += is_sorted ? 1 : 2;
        found.section = section;
        found.start = r.offset;
        found.size = r.size;
        found.relocation = r.first_rela;
        found.relocations = r.last_rela - r.first_rela;
        found.cie = t.cie.same[cie_of_[r.cie]];
      }
    });
  }

  const Found &of(u32 section) const { return found_[section]; }

private:
  EhFrame frame_;
  std::vector<CieId> cie_of_;
  std::vector<Found> found_;
};

u64 hash_words(const u64 *words, size_t count, u64 seed) {
  return hash_bytes(reinterpret_cast<const u8 *>(words), count * sizeof(u64), seed);
}

} // namespace

void count_folds(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    u32 folds = 0;
    if (is_live_object(t, f)) {
      FileView file(t, f);
      for (u32 i = 1; i < file.section_count; i++) folds += may_fold(t, file, i);
    }
    t.file.folds[f] = folds;
  }
}

void list_folds(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  Frames frames;
  for (FileId f : rows) {
    FoldId id{t.file.first_fold[f]}, end = id + t.file.folds[f];
    if (id == end) continue;
    FileView file(t, f);
    frames.load(t, file);
    for (u32 i = 1; i < file.section_count && id != end; i++) {
      if (!may_fold(t, file, i)) continue;
      SectionId s = file.section_id(i);
      const Frames::Found &frame = frames.of(i);
      u32 rela = relocation_section_of(t, file, i);
      u64 room = frame.relocations + (rela ? file.section(rela).sh_size / sizeof(Elf64_Rela) : 0);
      bool is_fixed = frame.count > 1 || room > UINT32_MAX;
      t.section.fold[s] = raw(id) + 1;
      // By its headers: few large sections have an equal one, and the bytes of most need not be read.
      Elf64_Shdr header = file.section(i);
      const u64 words[] = {header.sh_size, room, t.bucket.fold_group[bucket_of(t, s)],
                           header.sh_flags & (SHF_WRITE | SHF_EXECINSTR)};
      t.suspect.hash[SuspectId{raw(id)}] = hash_words(words, 4, t.link.hash_seed) >> t.link.hash_shift;
      t.fold.file[id] = raw(f);
      t.fold.section[id] = i;
      t.fold.alignment[id] = static_cast<u8>(alignment_log2(header));
      t.fold.is_fixed[id] = is_fixed;
      t.fold.frame_section[id] = frame.section;
      t.fold.frame_start[id] = frame.start;
      t.fold.frame_size[id] = frame.size;
      t.fold.frame_relocation[id] = frame.relocation;
      t.fold.frame_relocations[id] = frame.relocations;
      t.fold.cie[id] = frame.cie;
      t.fold.room[id] = is_fixed ? 0 : static_cast<u32>(room);
      if (is_fixed) t.section.flags.set_bits(s, SectionFlags::ADDRESS_TAKEN); // references to it are to it alone
      ++id;
    }
  }
}

// Of those that the files' headers do not tell apart, by their bytes.
void hash_folds(Job &job, RowRange<SuspectId> rows) {
  const Tables &t = job.t;
  FoldReader reader(t);
  for (SuspectId suspect : rows) {
    FoldId id{t.suspect.fold[suspect]};
    u64 seed = t.link.hash_seed ^ t.fold.equal[id];
    t.suspect.hash[suspect] = reader.hash_shape(id, seed) >> t.link.hash_shift;
  }
}

void describe_folds(Job &job, RowRange<SuspectId> rows) {
  const Tables &t = job.t;
  FoldReader reader(t);
  FoldDescription found;
  for (SuspectId suspect : rows) {
    FoldId id{t.suspect.fold[suspect]};
    FoldEdgeId edge{t.fold.first_edge[id]};
    u32 room = t.fold.first_edge[id + 1] - raw(edge);
    bool is_known = !t.fold.is_fixed[id] && reader.describe(id, found) && found.edges.size() <= room;
    if (!is_known) {
      const u64 itself[] = {raw(id), 0};
      t.fold.edges[id] = 0;
      t.suspect.hash[suspect] = hash_words(itself, 2, ~t.link.hash_seed) >> t.link.hash_shift;
      continue;
    }
    u64 hash = hash_bytes(found.frame.data(), found.frame.size(), t.link.hash_seed ^ t.fold.equal[id]);
    t.suspect.hash[suspect] = hash_words(found.words.data(), found.words.size(), hash) >> t.link.hash_shift;
    t.fold.edges[id] = static_cast<u32>(found.edges.size());
    for (u32 target : found.edges) {
      t.fold_edge.target[edge] = target;
      ++edge;
    }
  }
}

void refine_folds(Job &job, RowRange<SuspectId> rows) {
  const Tables &t = job.t;
  std::vector<u64> classes;
  for (SuspectId suspect : rows) {
    FoldId id{t.suspect.fold[suspect]};
    FoldEdgeId edge{t.fold.first_edge[id]};
    classes.assign(1, t.fold.equal[id]);
    for (u32 i = 0; i < t.fold.edges[id]; i++) classes.push_back(t.fold.equal[FoldId{t.fold_edge.target[edge + i]}]);
    t.suspect.hash[suspect] = hash_words(classes.data(), classes.size(), t.link.hash_seed) >> t.link.hash_shift;
  }
}

// Which section of a class stays: one whose address counts, if there is one, because those stay anyway; else the most
// strictly aligned. Below 0: none of its kind.
static i32 staying_rank(const Tables &t, FoldId id, SectionId s) {
  if (t.fold.is_fixed[id]) return -1;
  constexpr i32 address_counts = 256;
  return (t.section.flags.load(s) & SectionFlags::ADDRESS_TAKEN ? address_counts : 0) + t.fold.alignment[id];
}

void settle_suspects(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId range : rows) {
    u32 suspects = static_cast<u32>(t.suspect.rows), classes = 0, left = 0;
    std::vector<bool> is_shared(suspects);
    for (u32 i = 0; i < suspects; i++) {
      u32 same = t.suspect.same[SuspectId{i}];
      if (same == i) classes++;
      else is_shared[i] = is_shared[same] = true;
      t.fold.equal[FoldId{t.suspect.fold[SuspectId{i}]}] = t.suspect.fold[SuspectId{same}];
    }
    for (u32 i = 0; i < suspects; i++)
      if (is_shared[i]) t.suspect.next[SuspectId{left++}] = t.suspect.fold[SuspectId{i}];
    t.found.suspect_classes.set(classes);
    t.found.suspects_left.set(left);
  }
}

void sort_suspects(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  struct Class {
    u32 size = 0, next = 0, leader = 0;
    i32 rank = -1;
  };
  for ([[maybe_unused]] RangeId range : rows) {
    u32 suspects = static_cast<u32>(t.suspect.rows), next = 0;
    std::vector<u32> number(t.fold.rows); // of a class, by its first member
    std::vector<Class> classes;
    auto class_of = [&](FoldId id) -> Class & { return classes[number[t.fold.equal[id]]]; };
    auto section_of = [&](FoldId id) {
      return SectionId{t.file.first_section[FileId{t.fold.file[id]}] + t.fold.section[id]};
    };
    for (u32 i = 0; i < suspects; i++) {
      FoldId id{t.suspect.fold[SuspectId{i}]};
      if (t.fold.equal[id] == raw(id)) number[raw(id)] = static_cast<u32>(classes.size()), classes.push_back({});
      Class &of = class_of(id);
      of.size++;
      i32 rank = staying_rank(t, id, section_of(id));
      if (rank > of.rank) of.rank = rank, of.leader = raw(id);
    }
    for (Class &c : classes) c.next = next, next += c.size;
    for (u32 i = 0; i < suspects; i++) {
      FoldId id{t.suspect.fold[SuspectId{i}]};
      Class &of = class_of(id);
      t.suspect.next[SuspectId{of.next++}] = raw(id);
      SectionId s = section_of(id);
      i32 rank = staying_rank(t, id, s);
      bool is_folded = rank >= 0 && raw(id) != of.leader && !(t.section.flags.load(s) & SectionFlags::ADDRESS_TAKEN) &&
                       t.fold.alignment[id] <= t.fold.alignment[FoldId{of.leader}];
      if (!is_folded) continue;
      t.fold.leader[id] = of.leader;
      t.section.flags.set_bits(s, SectionFlags::FOLDED);
    }
  }
}

// In an order in which those that are equal follow one another.
void compare_folds(Job &job, RowRange<SuspectId> rows) {
  const Tables &t = job.t;
  FoldReader reader(t);
  FoldDescription first, other;
  u32 described = none;
  auto equal_bytes = [](const Bytes &a, const Bytes &b) {
    return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size()) == 0);
  };
  auto equal_edge = [&](u32 a, u32 b) { return t.fold.equal[FoldId{a}] == t.fold.equal[FoldId{b}]; };
  for (SuspectId suspect : rows) {
    FoldId id{t.suspect.fold[suspect]};
    u32 equal = t.fold.equal[id];
    if (equal == raw(id)) continue;
    bool is_known = described == equal || reader.describe(FoldId{equal}, first);
    described = is_known ? equal : none;
    if (!is_known || !reader.describe(id, other) || !equal_bytes(first.contents, other.contents) ||
        !equal_bytes(first.frame, other.frame) || first.words != other.words ||
        !std::equal(first.edges.begin(), first.edges.end(), other.edges.begin(), other.edges.end(), equal_edge))
      t.found.has_collision.set();
  }
}

} // namespace spore
