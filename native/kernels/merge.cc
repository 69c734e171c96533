// Split, second half, and merge: SHF_MERGE sections into pieces, .eh_frame into CIEs and FDEs; then equal
// pieces get one place, and CIEs and FDEs are counted that the output keeps.

#include <vector>

#include "elf/hash.h"
#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/eh-frame.h"
#include "kernels/pieces.h"

namespace spore {

namespace {

bool is_zero(const u8 *at, u64 size) {
  for (u64 i = 0; i < size; i++)
    if (at[i]) return false;
  return true;
}

// Calls `visit(offset, size)` for each string (with its terminator) or constant of a section whose size
// is a multiple of sh_entsize. False when the last string is not terminated.
template <typename Visit> bool for_each_piece(const Elf64_Shdr &h, const Bytes &bytes, Visit visit) {
  u64 entsize = h.sh_entsize;
  const u8 *data = bytes.data();
  u64 size = bytes.size();
  if (!(h.sh_flags & SHF_STRINGS)) {
    for (u64 at = 0; size - at >= entsize; at += entsize) visit(at, entsize);
    return true;
  }
  for (u64 at = 0; at < size;) {
    u64 end = at;
    if (entsize == 1) {
      auto *zero = static_cast<const u8 *>(std::memchr(data + at, 0, size - at));
      if (!zero) return false;
      end = static_cast<u64>(zero - data) + 1;
    } else {
      for (;; end += entsize) {
        if (size - end < entsize) return false;
        if (is_zero(data + end, entsize)) break;
      }
      end += entsize;
    }
    visit(at, end - at);
    at = end;
  }
  return true;
}

bool is_mergeable(const Tables &t, SectionId s) {
  u32 flags = t.section.flags[s];
  return (flags & (SectionFlags::LIVE | SectionFlags::MERGEABLE)) == (SectionFlags::LIVE | SectionFlags::MERGEABLE);
}

// A CIE is equal to another when its bytes are, and its relocations compute the same.
u64 hash_cie(const Tables &t, const FileView &file, const Bytes &cie, u64 offset, const SortedRelocations &relas) {
  u64 h = hash_bytes(cie.data(), cie.size(), t.link.hash_seed);
  for (u32 i = relas.first_from(offset); i < relas.size() && relas[i].r_offset < offset + cie.size(); i++) {
    Elf64_Rela rela = relas[i];
    u32 symbol = rela.symbol();
    // A local symbol is its file's own.
    u64 target = symbol >= file.first_global && symbol < file.symbol_count
                     ? u64{t.mention.symbol[file.mention(symbol)]}
                     : (u64{raw(file.id)} << 32 | symbol) + (u64{1} << 63);
    u64 words[4] = {rela.r_offset - offset, rela.type(), static_cast<u64>(rela.r_addend), target};
    h = hash_bytes(reinterpret_cast<const u8 *>(words), sizeof words, h);
  }
  return h;
}

// A file has less than 4 GiB, but its sections may share bytes.
bool fits_column(Job &job, FileId f, u64 count) {
  if (count <= UINT32_MAX) return true;
  job.report(Code::SectionsOverlap, {.file = raw(f)});
  return false;
}

void list_cies(const Tables &t, const FileView &file) {
  CieId cie{t.file.first_cie[file.id]}, end = cie + t.file.cies[file.id];
  SortedRelocations relas;
  for_each_eh_frame(t, file, [&](u32 section, const std::optional<Bytes> &contents) {
    relas.clear();
    if (u32 i = relocation_section_of(t, file, section))
      if (auto all = file.relocations(file.section(i))) relas.load(*all);
    u64 bad = 0;
    if (contents)
      for_each_cie(*contents, bad, [&](u32 offset, u32 size) {
        if (raw(cie) >= raw(end)) return; // the file changed since they were counted
        t.cie.file[cie] = raw(file.id);
        t.cie.section[cie] = section;
        t.cie.start[cie] = offset;
        t.cie.size[cie] = size;
        t.cie.hash[cie] = hash_cie(t, file, {contents->data() + offset, size}, offset, relas);
        ++cie;
      });
  });
}

} // namespace

void count_pieces(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    u32 mergeables = 0;
    u64 pieces = 0, cies = 0;
    if (is_live_object(t, f)) {
      FileView file(t, f);
      for (u32 i = 1; i < file.section_count; i++) {
        SectionId s = file.section_id(i);
        if (!is_mergeable(t, s)) continue;
        Elf64_Shdr h = file.section(i);
        auto contents = file.contents(h);
        mergeables++;
        if (!contents || h.sh_entsize == 0 || !for_each_piece(h, *contents, [&](u64, u64) { pieces++; }))
          job.report(Code::BadMergeSection, {.file = raw(f), .section = i});
      }
      for_each_eh_frame(t, file, [&](u32 section, const std::optional<Bytes> &contents) {
        u64 bad = 0;
        if (!contents || !for_each_cie(*contents, bad, [&](u32, u32) { cies++; }))
          job.report(Code::BadEhFrame, {.file = raw(f), .section = section, .offset = bad});
      });
    }
    t.file.mergeables[f] = mergeables;
    if (!fits_column(job, f, pieces) || !fits_column(job, f, cies)) pieces = cies = 0;
    t.file.pieces[f] = static_cast<u32>(pieces);
    t.file.cies[f] = static_cast<u32>(cies);
  }
}

void list_pieces(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  for (FileId f : rows) {
    if (!is_live_object(t, f)) continue;
    FileView file(t, f);
    MergeableId mergeable{t.file.first_mergeable[f]};
    PieceId piece{t.file.first_piece[f]};
    PieceId end = piece + t.file.pieces[f];
    for (u32 i = 1; i < file.section_count && t.file.mergeables[f]; i++) {
      SectionId s = file.section_id(i);
      if (!is_mergeable(t, s)) continue;
      Elf64_Shdr h = file.section(i);
      BucketId bucket = bucket_of(t, s);
      u32 log2 = alignment_log2(h);
      t.section.mergeable[s] = raw(mergeable);
      t.mergeable.file[mergeable] = raw(f);
      t.mergeable.ordinal[mergeable] = t.bucket.ordinal[bucket];
      t.mergeable.end[mergeable] = 0;
      t.mergeable.first_piece[mergeable] = raw(piece);
      PieceId first = piece;
      // A bucket's row depends on timing, its ordinal does not.
      u64 seed = t.link.hash_seed ^ u64 { t.mergeable.ordinal[mergeable] } << 48;
      if (auto contents = file.contents(h); contents && h.sh_entsize)
        for_each_piece(h, *contents, [&](u64 offset, u64 size) {
          if (raw(piece) >= raw(end)) return; // the file changed since they were counted
          t.piece.start[piece] = static_cast<u32>(h.sh_offset + offset);
          t.piece.hash[piece] = hash_bytes(contents->data() + offset, size, seed) >> t.link.hash_shift;
          t.piece.mergeable[piece] = raw(mergeable);
          // What follows an aligned start is aligned only as its offset is.
          u32 own = offset ? static_cast<u32>(std::countr_zero(offset)) : log2;
          t.piece.alignment[piece] = static_cast<u8>(own < log2 ? own : log2);
          t.mergeable.end[mergeable] = static_cast<u32>(h.sh_offset + offset + size);
          ++piece;
        });
      t.mergeable.pieces[mergeable] = piece - first;
      ++mergeable;
    }
    if (t.file.cies[f]) list_cies(t, file);
  }
}

void verify_pieces(Job &job, RowRange<MergeableId> rows) {
  const Tables &t = job.t;
  for (MergeableId m : rows) {
    PieceId first{t.mergeable.first_piece[m]};
    u32 ordinal = t.mergeable.ordinal[m];
    constexpr u32 ahead = 8; // the other piece is anywhere: its columns, then its bytes are asked for before
    u32 count = t.mergeable.pieces[m];
    for (u32 i = 0; i < count; i++) {
      if (i + 2 * ahead < count) {
        PieceId later{t.piece.same[first + (i + 2 * ahead)]};
        __builtin_prefetch(&t.piece.start[later]);
        __builtin_prefetch(&t.piece.mergeable[later]);
      }
      if (i + ahead < count) __builtin_prefetch(piece_bytes(t, PieceId{t.piece.same[first + (i + ahead)]}).data());
      PieceId p = first + i, same{t.piece.same[p]};
      if (p == same) continue;
      Bytes a = piece_bytes(t, p), b = piece_bytes(t, same);
      u32 other = t.mergeable.ordinal[MergeableId{t.piece.mergeable[same]}];
      if (a.size() != b.size() || ordinal != other || std::memcmp(a.data(), b.data(), a.size()) != 0)
        t.found.has_collision.set();
    }
  }
}

// Places the unique pieces of each partition, in input order, after the last of their bucket.
void place_pieces(Job &job, RowRange<PartitionId> rows) {
  const Tables &t = job.t;
  u32 buckets = static_cast<u32>(t.link.bucket_count);
  for (PartitionId partition : rows) {
    u32 p = raw(partition);
    PartitionPieces pieces = pieces_of(t, partition);
    MergeCellId cells{p * buckets};
    for (u32 i = 0; i < buckets; i++) {
      t.merge_cell.size[cells + i] = 0;
      t.merge_cell.alignment[cells + i] = 0;
    }
    for (u32 i = pieces.begin(); i < pieces.end(); i++) {
      pieces.ask_for_columns(i);
      PieceId piece = pieces.at(i), same{t.piece.same[piece]};
      if (t.piece.alignment[same] < t.piece.alignment[piece]) t.piece.alignment[same] = t.piece.alignment[piece];
    }
    for (u32 i = pieces.begin(); i < pieces.end(); i++) {
      pieces.ask_for_columns(i);
      PieceId piece = pieces.at(i);
      if (t.piece.same[piece] != raw(piece)) continue;
      MergeCellId cell = cells + t.mergeable.ordinal[MergeableId{t.piece.mergeable[piece]}];
      u32 log2 = t.piece.alignment[piece];
      u64 offset = align_up(t.merge_cell.size[cell], log2);
      t.piece.place[piece] = u64{p} << piece_offset_bits | offset;
      t.merge_cell.size[cell] = offset + piece_bytes(t, piece).size();
      if (t.merge_cell.alignment[cell] < log2) t.merge_cell.alignment[cell] = static_cast<u8>(log2);
    }
    // Equal ones get its place here, once, and not with every reference.
    for (u32 i = pieces.begin(); i < pieces.end(); i++) {
      pieces.ask_for_columns(i);
      PieceId piece = pieces.at(i);
      t.piece.place[piece] = t.piece.place[PieceId{t.piece.same[piece]}];
    }
  }
}

// Whether a CIE has the bytes of the one that it was unified with.
static bool is_same_cie(const Tables &t, CieId cie) {
  CieId same{t.cie.same[cie]};
  if (same == cie) return true;
  auto bytes_of = [&](CieId id) {
    FileView file(t, FileId{t.cie.file[id]});
    auto contents = file.contents(file.section(t.cie.section[id]));
    return contents ? contents->slice(t.cie.start[id], t.cie.size[id]) : std::nullopt;
  };
  auto a = bytes_of(cie), b = bytes_of(same);
  return a && b && a->size() == b->size() && std::memcmp(a->data(), b->data(), a->size()) == 0;
}

void count_fdes(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  EhFrame frame;
  std::vector<CieId> cie_of;
  for (FileId f : rows) {
    u64 fdes = 0, size = 0;
    if (is_live_object(t, f) && t.file.cies[f]) {
      FileView file(t, f);
      CieId cie{t.file.first_cie[f]};
      for (u32 i = 0; i < t.file.cies[f]; i++)
        if (!is_same_cie(t, cie + i)) t.found.has_collision.set();
      for_each_eh_frame(t, file, [&](u32 section, const std::optional<Bytes> &) {
        u64 bad = 0;
        if (!parse_eh_frame(file, section, relocation_section_of(t, file, section), frame, bad)) {
          job.report(Code::BadEhFrame, {.file = raw(f), .section = section, .offset = bad});
          return;
        }
        cie_of.assign(frame.records.size(), cie);
        for (size_t i = 0; i < frame.records.size(); i++) {
          const EhRecord &r = frame.records[i];
          if (r.is_cie) {
            cie_of[i] = cie;
            ++cie;
          } else if (is_live_fde(t, file, frame, r)) {
            fdes++;
            size += r.size;
            t.cie.is_used.set_bits(CieId{t.cie.same[cie_of[r.cie]]}, 1);
          }
        }
      });
    }
    if (!fits_column(job, f, fdes) || !fits_column(job, f, size)) fdes = size = 0;
    t.file.fdes[f] = static_cast<u32>(fdes);
    t.file.eh_frame_size[f] = static_cast<u32>(size);
  }
}

} // namespace spore
