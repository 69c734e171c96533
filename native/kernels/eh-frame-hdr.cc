// Write: one part of .eh_frame_hdr. All parts take the same samples of the FDEs and so agree where each begins; how
// many FDEs come before a part, which is where it goes, it counts itself. A rerun writes the same bytes to the same
// place.

#include "kernels/eh-frame-hdr.h"

#include <algorithm>
#include <vector>

#include "kernels/eh-frame.h"
#include "kernels/output.h"

namespace spore {

namespace {

constexpr u32 header_size = 12, entry_size = 8; // LSB Core, .eh_frame_hdr
constexpr u32 samples_per_part = 64;

// By which FDEs are sorted: the function, then the row, which is the order in .eh_frame.
u64 key_of(const Tables &t, u32 row) { return u64{t.fde.function[FdeId{row}]} << 32 | row; }

// From which key on each part has them: the same for every part that asks.
std::vector<u64> bounds_of(const Tables &t, u32 count, u32 parts) {
  std::vector<u64> samples(parts * samples_per_part);
  for (size_t i = 0; i < samples.size(); i++) samples[i] = key_of(t, static_cast<u32>(u64{i} * count / samples.size()));
  std::sort(samples.begin(), samples.end());
  std::vector<u64> bounds(parts, 0);
  for (u32 part = 1; part < parts; part++) bounds[part] = samples[part * samples_per_part];
  return bounds;
}

// The FDEs of one part, in order, and what is around them.
struct Part {
  std::vector<u64> keys;
  u32 before = 0; // FDEs in the parts before it
  u64 next = UINT64_MAX; // the first key after it
};

Part part_of(const Tables &t, u32 part, u32 parts) {
  u32 count = static_cast<u32>(t.fde.rows);
  Part found;
  std::vector<u64> bounds = bounds_of(t, count, parts);
  u64 first = bounds[part], end = part + 1 == parts ? UINT64_MAX : bounds[part + 1];
  found.keys.reserve(parts == 1 ? count : count / parts * 2);
  for (u32 i = 0; i < count; i++) {
    u64 key = key_of(t, i);
    if (key < first) found.before++;
    else if (key < end) found.keys.push_back(key);
    else if (key < found.next) found.next = key;
  }
  // Compilers' code comes in the order of its unwind records as a rule.
  if (!std::is_sorted(found.keys.begin(), found.keys.end())) std::sort(found.keys.begin(), found.keys.end());
  return found;
}

// Reports an FDE by its place in the input; the PLT's have none.
void report_overlap(Job &job, u32 row) {
  const Tables &t = job.t;
  u32 low = 0;
  for (u32 high = static_cast<u32>(t.file.rows); low < high;) { // the first file whose FDEs end after the row
    u32 middle = low + (high - low) / 2;
    if (t.file.first_fde[FileId{middle + 1}] <= row) low = middle + 1;
    else high = middle;
  }
  if (low == t.file.rows) return;
  FileView file(t, FileId{low});
  u32 at = t.file.first_fde[file.id];
  EhFrame frame;
  for_each_eh_frame(t, file, [&](u32 section, const std::optional<Bytes> &) {
    u64 bad = 0;
    if (!parse_eh_frame(file, section, relocation_section_of(t, file, section), frame, bad)) return;
    for (const EhRecord &record : frame.records)
      if (!record.is_cie && is_live_fde(t, file, frame, record) && at++ == row)
        job.report(Code::OverlappingFdes, {.file = low, .section = section, .offset = record.offset});
  });
}

// As GNU ld does: where two functions overlap, unwinders would find one of them only.
void check_overlaps(Job &job, const Part &part) {
  const Tables &t = job.t;
  for (size_t i = 0; i < part.keys.size(); i++) {
    u64 next = i + 1 < part.keys.size() ? part.keys[i + 1] : part.next;
    u32 row = static_cast<u32>(part.keys[i]);
    if (next == UINT64_MAX || (part.keys[i] >> 32) + t.fde.size[FdeId{row}] <= next >> 32) continue;
    report_overlap(job, row);
    report_overlap(job, static_cast<u32>(next));
  }
}

} // namespace

void write_eh_frame_hdr(Job &job, u32 part, u32 parts) {
  const Tables &t = job.t;
  Part own = part_of(t, part, parts);
  check_overlaps(job, own);
  for (u64 &key : own.keys) { // in place
    u32 entry[2] = {static_cast<u32>(key >> 32) - 0x80000000u, t.fde.record[FdeId{static_cast<u32>(key)}]};
    std::memcpy(&key, entry, entry_size);
  }
  Output output(job); // no digest: all of it follows from .eh_frame, which has one
  if (part == 0) {
    u32 header[header_size / 4] = {
        0x3b031b01, // version 1; encodings: pcrel sdata4, udata4, datarel sdata4
        static_cast<u32>(t.own_section.address[OwnSection::EhFrame] -
                         (t.own_section.address[OwnSection::EhFrameHdr] + 4)),
        static_cast<u32>(t.fde.rows),
    };
    output.write(reinterpret_cast<const u8 *>(header), header_size, t.own_section.offset[OwnSection::EhFrameHdr]);
  }
  output.write(reinterpret_cast<const u8 *>(own.keys.data()), own.keys.size() * entry_size,
               t.own_section.offset[OwnSection::EhFrameHdr] + header_size + u64{own.before} * entry_size);
}

} // namespace spore
