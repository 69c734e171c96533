// Which processors processes get that are woken together for a few ms of work. Left alone, they would often share
// one: the scheduler puts a woken process where it ran last, and moves it to a processor that falls idle only after
// longer than that.
#pragma once

#ifdef __linux__

#include <sched.h>
#include <sys/types.h>

#include <cstdint>

namespace spore::staging {

// While it lives, a process that sleeps is woken on a certain one of the processors that it may use: the first of
// them (`order` 0) on the one after the caller's, and so on, the last on the caller's own. Afterwards the scheduler
// may move it as before.
class Placement {
public:
  Placement(pid_t pid, uint32_t order);
  ~Placement();
  Placement(const Placement &) = delete;
  Placement &operator=(const Placement &) = delete;

private:
  pid_t pid_;
  bool is_placed_ = false;
  cpu_set_t allowed_;
};

// For good: gives each of as many workers as there are processors one of its own, the caller's of which it is.
// Others are left alone. For workers that take their work bit by bit: who shares a processor takes less.
void settle_on_processor(uint32_t worker, uint32_t workers);

// A worker that has settled may run where the caller may.
void let_go_of_processor(pid_t pid);

} // namespace spore::staging

#endif
