// The bytes of strings and constants.
#pragma once

#include "tables/file-view.h"

namespace spore {

// A piece ends where the next one of its section begins. A file may have changed since it was split; what is
// returned lies inside it all the same.
inline Bytes piece_bytes(const Tables &t, PieceId p) {
  MergeableId m{t.piece.mergeable[p]};
  u32 begin = t.piece.start[p], end = t.mergeable.end[m];
  bool is_last = raw(p) + 1 >= t.mergeable.first_piece[m] + t.mergeable.pieces[m];
  if (!is_last && t.piece.start[p + 1] < end) end = t.piece.start[p + 1];
  return {reinterpret_cast<const u8 *>(t.file.base[FileId{t.mergeable.file[m]}]) + begin,
          end > begin ? end - begin : 0};
}

} // namespace spore
