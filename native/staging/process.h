// Forked children: the thread that makes them, how to wait for one, how to signal one.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <vector>

#include "staging/failure.h"

namespace spore::staging {

struct ExitStatus {
  int code = -1; // exit code, or -1 when a signal ended it or nobody knows
  int signal = 0; // the signal that ended it, or 0
  double cpu_ms = -1; // processor time, and page faults, of all its life; -1 when nobody knows
  double minor_faults = -1;
  double major_faults = -1;
};

// One forked child. Belongs to one thread at a time. Nothing here can reach a recycled pid: the child is
// addressed by its pidfd, or by its pid while it has not been reaped, and only this object reaps it.
class ChildProcess {
public:
  ChildProcess(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  // A child that still runs is killed and reaped.
  ~ChildProcess();
  ChildProcess(const ChildProcess &) = delete;
  ChildProcess &operator=(const ChildProcess &) = delete;

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_; } // -1 after reaping, and on kernels without pidfds
  bool is_reaped() const { return is_reaped_; }
  const ExitStatus &status() const { return status_; } // once reaped

  bool try_reap() { return reap(false); }
  void wait_reap() { reap(true); }
  // 0 or an errno; ESRCH when it has ended.
  int send_signal(int signo);

private:
  bool reap(bool may_block);

  pid_t pid_;
  int pidfd_;
  bool is_reaped_ = false;
  ExitStatus status_;
};

// -1 where the system has none.
int open_pidfd(pid_t pid);

// Signals the process of a pidfd. 0 or an errno; ESRCH when it has ended.
int send_signal_to(int pidfd, int signo);

// ms of processor time that a process has used, all its threads; 0 when it has ended.
double processor_time(pid_t pid);

// Reaps a child if it has ended.
bool reap_child(pid_t pid, ExitStatus &status);

struct ForkRequest {
  uint32_t count = 1;
  std::vector<int> kept_descriptors; // every other one is closed in the child
  std::function<int(uint32_t)> run_child; // runs in the child with its index; its result is the exit code
  // Results. Either every child or a failure and none.
  std::vector<std::unique_ptr<ChildProcess>> children;
  Failure failure;
};

// Forks from the one thread that does so, and waits for it. What the child may do is what a signal
// handler may, and malloc. It starts with default signal handling, nothing blocked, /dev/null as 0, 1 and
// 2, no other descriptor, no core file, and dies by SIGKILL when this process does. Thread-safe.
void fork_children(ForkRequest &request);

// The same without waiting: `done` is called, on the forking thread as a rule.
void fork_children_async(const std::shared_ptr<ForkRequest> &request, const std::function<void()> &done);

// Leaves a child to the forking thread, which reaps it when it ends. For who must not wait for it.
void abandon_child(std::unique_ptr<ChildProcess> child);

// Whether the thread that forks has been started: a child that is forked otherwise lacks it.
bool has_fork_thread();

// Tests only: as on a kernel without pidfd_open (before 5.3).
void set_pidfd_allowed(bool is_allowed);

} // namespace spore::staging
