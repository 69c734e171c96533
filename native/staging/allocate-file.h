// Blocks for a file that is about to be written whole.
#pragma once

#include <cstdint>

#include "staging/failure.h"

namespace spore::staging {

// Gives the open file `size` bytes and, where the file system has something to gain from it, the blocks for
// them. ENOSPC is then said before anything is written, and a file system that delays allocation has nothing
// to catch up with when the file is renamed over another.
Failure allocate_file(int descriptor, uint64_t size);

} // namespace spore::staging
