#include "kernels/eh-frame-hdr.h"

#include <algorithm>
#include <vector>

#include "kernels/output.h"

namespace spore {

namespace {

constexpr u32 header_size = 12, entry_size = 8; // LSB Core, .eh_frame_hdr
constexpr u32 samples_per_part = 64;

// From which pair on each part has them: the same for every part that asks.
std::vector<u64> bounds_of(const u64 *pairs, u32 count, u32 parts) {
  std::vector<u64> samples(parts * samples_per_part);
  for (size_t i = 0; i < samples.size(); i++) samples[i] = pairs[i * count / samples.size()];
  std::sort(samples.begin(), samples.end());
  std::vector<u64> bounds(parts, 0);
  for (u32 part = 1; part < parts; part++) bounds[part] = samples[part * samples_per_part];
  return bounds;
}

} // namespace

void write_eh_frame_hdr(Job &job, u32 part, u32 parts) {
  const Tables &t = job.t;
  u32 count = static_cast<u32>(t.fde.rows);
  const u64 *pairs = t.fde.pair.data;
  std::vector<u64> sorted;
  u32 before = 0;
  if (parts == 1) {
    sorted.assign(pairs, pairs + count);
  } else {
    std::vector<u64> bounds = bounds_of(pairs, count, parts);
    bool is_last = part + 1 == parts;
    u64 first = bounds[part], end = is_last ? 0 : bounds[part + 1];
    sorted.reserve(count / parts * 2);
    for (u32 i = 0; i < count; i++) {
      before += pairs[i] < first;
      if (pairs[i] >= first && (is_last || pairs[i] < end)) sorted.push_back(pairs[i]);
    }
  }
  std::sort(sorted.begin(), sorted.end());

  // In place: a pair has its halves in the other order.
  for (u64 &pair : sorted) {
    u32 entry[2] = {static_cast<u32>(pair >> 32) - 0x80000000u, static_cast<u32>(pair)};
    std::memcpy(&pair, entry, entry_size);
  }
  Output output(job); // no digest: all of it follows from .eh_frame, which has one
  if (part == 0) {
    u32 header[header_size / 4] = {
        0x3b031b01, // version 1; encodings: pcrel sdata4, udata4, datarel sdata4
        static_cast<u32>(t.own_section.address[OwnSection::EhFrame] -
                         (t.own_section.address[OwnSection::EhFrameHdr] + 4)),
        count,
    };
    output.write(reinterpret_cast<const u8 *>(header), header_size, t.own_section.offset[OwnSection::EhFrameHdr]);
  }
  output.write(reinterpret_cast<const u8 *>(sorted.data()), sorted.size() * entry_size,
               t.own_section.offset[OwnSection::EhFrameHdr] + header_size + u64{before} * entry_size);
}

} // namespace spore
