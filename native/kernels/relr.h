// Packed relative relocations (gABI, SHT_RELR): an address, then bitmaps of the 63 words after it.
#pragma once

#include <algorithm>
#include <vector>

#include "tables/types.h"

namespace spore {

// The words for places at these offsets, each a multiple of 8, from `base`. Sorts the offsets. How many words
// there are does not depend on the base.
inline std::vector<u64> encode_relr(std::vector<u64> &offsets, u64 base) {
  std::sort(offsets.begin(), offsets.end());
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  std::vector<u64> words;
  for (size_t i = 0; i < offsets.size();) {
    words.push_back(base + offsets[i]);
    u64 next = offsets[i++] + 8;
    for (;;) {
      u64 bitmap = 0;
      while (i < offsets.size() && offsets[i] - next < 63 * 8) {
        bitmap |= u64{1} << (offsets[i] - next) / 8;
        i++;
      }
      if (!bitmap) break;
      words.push_back(bitmap << 1 | 1);
      next += 63 * 8;
    }
  }
  return words;
}

} // namespace spore
