#ifdef __linux__

#include "staging/placement.h"

namespace spore::staging {

namespace {

// Of those allowed, the one that is `order` after the first at or above `from`, and on from the lowest.
int nth_processor(const cpu_set_t &allowed, int from, uint32_t order) {
  uint32_t to_skip = order % uint32_t(CPU_COUNT(&allowed));
  for (int processor = from;; processor = (processor + 1) % CPU_SETSIZE)
    if (CPU_ISSET(processor, &allowed) && to_skip-- == 0) return processor;
}

bool confine(pid_t pid, int processor) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  return sched_setaffinity(pid, sizeof one, &one) == 0;
}

} // namespace

Placement::Placement(pid_t pid, uint32_t order) : pid_(pid) {
  if (sched_getaffinity(pid, sizeof allowed_, &allowed_) != 0 || CPU_COUNT(&allowed_) < 2) return;
  const int here = sched_getcpu();
  if (here >= 0) is_placed_ = confine(pid, nth_processor(allowed_, (here + 1) % CPU_SETSIZE, order));
}

Placement::~Placement() {
  if (is_placed_) sched_setaffinity(pid_, sizeof allowed_, &allowed_);
}

void settle_on_processor(uint32_t worker, uint32_t workers) {
  cpu_set_t allowed;
  if (workers < 2 || sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) != int(workers)) return;
  confine(0, nth_processor(allowed, 0, worker));
}

void let_go_of_processor(pid_t pid) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) sched_setaffinity(pid, sizeof allowed, &allowed);
}

} // namespace spore::staging

#endif
