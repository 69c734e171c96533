// Write: what one kernel writes at once, and a hold on what the output replaces.

#include <fcntl.h>

#include "generated/kernels.h"
#include "kernels/eh-frame-hdr.h"
#include "kernels/tables-writer.h"

namespace spore {

// Keeps the file that the output replaces until this worker ends. Who drops the last link or descriptor of a file
// frees its pages, which takes 15 ms for 185 MB: so that is not the process that renames, and is waited for.
static void hold_replaced(const Job &job) {
  [[maybe_unused]] int held = ::open(reinterpret_cast<const char *>(job.t.link.replaced_path), O_PATH | O_CLOEXEC);
  job.t.found.replaced_holder.set(job.worker());
}

void write_tables(Job &job, RowRange<RangeId> rows) {
  u32 eh_frame_hdr_parts = static_cast<u32>(job.parameter(0));
  for (RangeId row : rows) switch (raw(row)) {
    case TableRow::SLOTS: write_slots(job); break;
    case TableRow::DYNSYM:
      if (job.t.own_section.offset[OwnSection::Dynsym]) write_dynsym(job);
      break;
    case TableRow::REPLACED: hold_replaced(job); break;
    default: write_eh_frame_hdr(job, raw(row) - TableRow::EH_FRAME_HDR, eh_frame_hdr_parts);
    }
}

} // namespace spore
