// The process-wide budget for mapped and prefetched bytes. Thread-safe; shared by every environment of
// the process, so that two worker_threads cannot each take all of it.
#pragma once

#include <cstdint>

namespace spore::staging {

enum class BudgetKind : uint32_t { Mapped, Prefetched };

struct Budget {
  uint64_t mapped_limit;
  uint64_t prefetched_limit;
  uint64_t mapped_bytes;
  uint64_t prefetched_bytes;
};

// Takes `bytes` from the budget, or returns false and takes nothing.
bool take_budget(BudgetKind kind, uint64_t bytes);
void return_budget(BudgetKind kind, uint64_t bytes);

Budget read_budget();
void set_budget_limit(BudgetKind kind, uint64_t bytes);

} // namespace spore::staging
