// Write: .eh_frame_hdr, which unwinders search for a function's FDE.
#pragma once

#include "tables/job.h"

namespace spore {

// Writes one of `parts` parts: the FDEs whose functions are in a range of addresses, in order. The ranges have about as
// many FDEs each and follow from the FDEs alone. Reads fde. Each part looks at all FDEs, and sorts and keeps its own.
void write_eh_frame_hdr(Job &job, u32 part, u32 parts);

} // namespace spore
