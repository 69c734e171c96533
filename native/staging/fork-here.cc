// fork() of a whole Node process. What Node's parts need of it is in native/addon/staging-workers.cc.
#ifdef __linux__

#include "staging/fork-here.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>

namespace spore::staging {

namespace {

constexpr int kPollWithoutPidfdMs = 5;

bool is_child = false;

// V8 keeps its heap from children. Mappings of devices and shared ones are left as they are.
Failure give_private_memory_to_children() {
  struct CloseFile {
    void operator()(FILE *file) const { fclose(file); }
  };
  const std::unique_ptr<FILE, CloseFile> maps(fopen("/proc/self/maps", "re"));
  if (!maps) return {errno, "open"};
  char line[4096 + 128];
  while (fgets(line, sizeof line, maps.get())) {
    unsigned long begin = 0;
    unsigned long end = 0;
    unsigned long inode = 0;
    char access[5] = {};
    if (sscanf(line, "%lx-%lx %4s %*x %*s %lu", &begin, &end, access, &inode) != 4) continue;
    if (inode != 0 || access[3] != 'p' || strstr(line, "[v")) continue; // [vdso], [vvar], [vsyscall]
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DOFORK);
  }
  return {};
}

void become_worker(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) // it died before the line above
    _exit(1);
  is_child = true;
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_NAME, "spore-worker");
  signal(SIGINT, SIG_DFL);
  // A worker that is woken by a message does not stop who is still sending them to the others.
  const struct sched_param no_priority = {};
  if (sched_getscheduler(0) == SCHED_OTHER) sched_setscheduler(0, SCHED_BATCH, &no_priority);
}

} // namespace

Failure fork_here(ForkedHere &forked) {
  if (const Failure failure = give_private_memory_to_children()) return failure;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  const Failure failure = pid < 0 ? Failure{errno, "fork"} : Failure{};
  if (pid == 0) become_worker(parent);
  forked = {pid, pid > 0 ? open_pidfd(pid) : -1};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return failure;
}

bool follow_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN); // of a terminal: the parent decides what it means
  return getppid() == parent;
}

bool is_forked_here() { return is_child; }

bool wait_for_events(int channel, const std::vector<ForkedHere> &children, int timeout_ms,
                     std::vector<EndedChild> &ended) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    std::vector<struct pollfd> waited = {{channel, POLLIN, 0}};
    int wait_ms = -1;
    if (timeout_ms >= 0) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      wait_ms = std::max(0, int(left.count()));
    }
    const bool is_last_look = wait_ms == 0;
    for (const ForkedHere &child : children) {
      if (child.pidfd >= 0) waited.push_back({child.pidfd, POLLIN, 0});
      else wait_ms = wait_ms < 0 ? kPollWithoutPidfdMs : std::min(wait_ms, kPollWithoutPidfdMs);
    }
    if (poll(waited.data(), waited.size(), wait_ms) < 0 && errno != EINTR) return true;
    for (const ForkedHere &child : children) {
      ExitStatus status;
      if (reap_child(child.pid, status)) ended.push_back({child.pid, status});
    }
    const bool is_readable = waited[0].revents != 0;
    if (is_readable || !ended.empty() || is_last_look) return is_readable;
  }
}

bool has_ended(int pidfd) {
  struct pollfd waited = {pidfd, POLLIN, 0};
  return poll(&waited, 1, 0) == 1;
}

} // namespace spore::staging

#endif
