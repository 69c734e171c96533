// What a kernel is given: the tables, its job's parameters, and a place for what it finds wrong.
#pragma once

#include <cerrno>
#include <new>

#include "generated/columns.h"
#include "generated/diagnostic-codes.h"
#include "spore/kernel.h"
#include "tables/protection.h"

namespace spore {

// Where a fault is. Fields that do not apply stay as they are.
struct Place {
  u32 file = none;
  u32 section = none;
  u64 offset = 0;
  u32 symbol = none;
  u64 operand = 0;
};

// The argument block of every job of a link.
struct JobArguments {
  const Tables *tables;
  u64 parameters[4]; // as the kernel's row in src/tables/kernels.ts says
};

class Job {
public:
  explicit Job(const spore_context &context)
      : t(*static_cast<const JobArguments *>(context.args)->tables),
        arguments_(*static_cast<const JobArguments *>(context.args)), worker_(context.worker) {}

  const Tables &t;

  u64 parameter(u32 i) const { return arguments_.parameters[i]; }
  // Index of the worker that runs it. Nothing that is written may depend on it.
  u32 worker() const { return worker_; }

  // Adds a row to the findings. Those past the table's end are counted by code, so that no error is lost; one that a
  // rerun repeats is dropped by the parent.
  void report(Code code, const Place &place) {
    u64 row = t.found.finding_count.add(1);
    if (row >= t.finding.rows) {
      std::atomic_ref<u32>(t.lost_finding.count[LostFindingId{static_cast<u32>(code)}])
          .fetch_add(1, std::memory_order_relaxed);
      return;
    }
    FindingId id{static_cast<u32>(row)};
    t.finding.file[id] = place.file;
    t.finding.section[id] = place.section;
    t.finding.offset[id] = place.offset;
    t.finding.symbol[id] = place.symbol;
    t.finding.operand[id] = place.operand;
    std::atomic_ref<u16>(t.finding.code[id]).store(static_cast<u16>(code), std::memory_order_release);
  }

  // Leaves something for TypeScript to decide. `kind` is a RequestKind. There is room for one of each kind for each
  // mention or section, and for a rerun's; the parent checks that it was enough.
  void request(u32 kind, FileId file, u32 index, u64 operand = 0) {
    u64 row = t.found.request_count.add(1);
    if (row >= t.request.rows) return;
    RequestId id{static_cast<u32>(row)};
    t.request.file[id] = raw(file);
    t.request.index[id] = index;
    t.request.operand[id] = operand;
    std::atomic_ref<u8>(t.request.kind[id]).store(static_cast<u8>(kind), std::memory_order_release);
  }

private:
  const JobArguments &arguments_;
  u32 worker_;
};

// Returns 0, or ENOMEM when a kernel's own tables found no memory. `number` is the kernel's, in kernel_entries.
template <RowId Id, void (*kernel)(Job &, RowRange<Id>), u32 number>
int32_t run_kernel(const spore_context *context, uint32_t first, uint32_t end) {
  Job job(*context);
  protect_columns(job.t, number);
  try {
    kernel(job, RowRange<Id>(first, end, context->fault_row));
  } catch (const std::bad_alloc &) {
    return ENOMEM;
  }
  return 0;
}

extern const spore_kernel_entry kernel_entries[];
extern const u32 kernel_entry_count;

} // namespace spore
