#pragma once

#include "tables/file-view.h"

namespace spore {

// Bytes of a piece, read again from its file.
Bytes piece_bytes(const Tables &t, PieceId p);

} // namespace spore
