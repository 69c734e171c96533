// The budget: one counter and one limit per kind. Limits default to all of the address space for
// mappings, which cost no memory, and half of the machine's memory for prefetched files, which do.
#ifdef __linux__

#include "staging/budget.h"

#include <unistd.h>

#include <atomic>

namespace spore::staging {

namespace {

uint64_t half_of_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return UINT64_C(1) << 30;
  return uint64_t(pages) / 2 * uint64_t(page);
}

struct Account {
  std::atomic<uint64_t> used{0};
  std::atomic<uint64_t> limit;
};

Account &account(BudgetKind kind) {
  static Account mapped{.limit = UINT64_C(1) << 47};
  static Account prefetched{.limit = half_of_memory()};
  return kind == BudgetKind::Mapped ? mapped : prefetched;
}

} // namespace

bool take_budget(BudgetKind kind, uint64_t bytes) {
  Account &a = account(kind);
  uint64_t used = a.used.load(std::memory_order_relaxed);
  do {
    const uint64_t limit = a.limit.load(std::memory_order_relaxed);
    if (used > limit || bytes > limit - used) return false;
  } while (!a.used.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void return_budget(BudgetKind kind, uint64_t bytes) { account(kind).used.fetch_sub(bytes, std::memory_order_relaxed); }

Budget read_budget() {
  const Account &mapped = account(BudgetKind::Mapped);
  const Account &prefetched = account(BudgetKind::Prefetched);
  return {mapped.limit, prefetched.limit, mapped.used, prefetched.used};
}

void set_budget_limit(BudgetKind kind, uint64_t bytes) { account(kind).limit.store(bytes, std::memory_order_relaxed); }

} // namespace spore::staging

#endif
