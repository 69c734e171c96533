#ifdef __linux__

#include "staging/in-parallel.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace spore::staging {

namespace {

constexpr size_t kFilesAtOnce = 32;
constexpr size_t kFilesPerThread = 128; // a ms of work: starting a thread takes a tenth of one
constexpr size_t kMaxThreads = 4; // more wait for the kernel's lock of the address space

size_t processors() {
  cpu_set_t allowed;
  return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? size_t(CPU_COUNT(&allowed)) : 1;
}

// A thread that was joined is listed for a moment still.
void wait_until_gone(pid_t thread) {
  while (syscall(SYS_tgkill, getpid(), thread, 0) == 0) sched_yield();
}

} // namespace

void in_parallel(size_t count, const std::function<void(size_t)> &work) {
  std::atomic<size_t> next{0};
  const auto take = [&] {
    for (size_t begin; (begin = next.fetch_add(kFilesAtOnce, std::memory_order_relaxed)) < count;)
      for (size_t i = begin; i < std::min(begin + kFilesAtOnce, count); i++) work(i);
  };
  struct Helper {
    std::thread thread;
    std::atomic<pid_t> id{0};
  };
  std::vector<Helper> helpers(std::min({kMaxThreads, processors(), count / kFilesPerThread + 1}) - 1);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); // signals are for the threads that were there before
  for (Helper &helper : helpers) {
    try {
      helper.thread = std::thread([&helper, &take] {
        helper.id = pid_t(syscall(SYS_gettid));
        take();
      });
    } catch (const std::system_error &) {
      break; // no more threads are to be had; the others do it
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  take();
  for (Helper &helper : helpers) {
    if (!helper.thread.joinable()) continue;
    helper.thread.join();
    wait_until_gone(helper.id);
  }
}

} // namespace spore::staging

#endif
