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
  u32 dynsym_parts = static_cast<u32>(job.t.link.dynsym_parts);
  for (RangeId row : rows) switch (raw(row)) {
    case TableRow::SLOTS: write_slots(job); break;
    case TableRow::HASHES: write_hash_tables(job); break;
    case TableRow::REPLACED: hold_replaced(job); break;
    default:
      if (u32 part = raw(row) - TableRow::PARTS; part < dynsym_parts) write_dynsym(job, part, dynsym_parts);
      else write_eh_frame_hdr(job, part - dynsym_parts, eh_frame_hdr_parts);
    }
}

} // namespace spore
