// All forks come from one thread that lives as long as the process: PR_SET_PDEATHSIG fires when the
// thread that forked ends, and a fork of a process with many mappings takes milliseconds.
#ifdef __linux__

#include "staging/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "staging/checked.h"

// Numbers that older headers lack; they are the same on every architecture.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

namespace spore::staging {

namespace {

constexpr auto kPidfdIdType = idtype_t(3); // P_PIDFD
constexpr size_t kForkStackBytes = 8 << 20; // kernels run on a copy of the forking thread's stack

std::atomic<bool> is_pidfd_allowed{true};
std::atomic<bool> has_started_fork_thread{false};

double milliseconds(const struct timeval &time) { return double(time.tv_sec) * 1e3 + double(time.tv_usec) / 1e3; }

// True when it has ended. `id` is a pidfd or a pid.
bool reap(idtype_t type, int id, bool may_block, ExitStatus &status) {
  siginfo_t info = {};
  struct rusage usage = {};
  long result;
  // The system call: the C library's function has no place for the usage.
  do result = syscall(SYS_waitid, type, id_t(id), &info, WEXITED | (may_block ? 0 : WNOHANG), &usage);
  while (result != 0 && errno == EINTR);
  if (result == 0 && info.si_pid == 0) return false; // it runs
  // ECHILD: somebody else reaped it (SIGCHLD ignored, or a wait for any child). It has ended, we do not
  // know how.
  if (result == 0 && info.si_code == CLD_EXITED) status.code = info.si_status;
  else if (result == 0) status.signal = info.si_status;
  if (result == 0) {
    status.cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    status.minor_faults = double(usage.ru_minflt);
    status.major_faults = double(usage.ru_majflt);
  }
  return true;
}

void close_range_of(unsigned first, unsigned last) {
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
  struct rlimit limit;
  unsigned end = 65536;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < end) end = unsigned(limit.rlim_cur);
  for (unsigned fd = first; fd <= last && fd < end; fd++) close(int(fd));
}

// Who reads our stdout waits for every process that holds it. 0, 1 and 2 become /dev/null rather than
// free numbers, so that a message of the C library cannot land in a file that a kernel opened.
void close_descriptors(const std::vector<int> &sorted_kept) {
  const int null = open("/dev/null", O_RDWR);
  const int last = is_checked ? 1 : 2; // sanitizers report on 2
  for (int fd = 0; fd <= last; fd++) {
    if (std::binary_search(sorted_kept.begin(), sorted_kept.end(), fd)) continue;
    if (null >= 0) dup2(null, fd);
    else close(fd);
  }
  unsigned first = 3;
  for (const int fd : sorted_kept) {
    if (fd < 3) continue;
    if (unsigned(fd) > first) close_range_of(first, unsigned(fd) - 1);
    first = unsigned(fd) + 1;
  }
  close_range_of(first, ~0U);
}

// libuv's handlers would write to the signal pipe that the child shares with its parent.
void reset_signals() {
  // The system call: the C library refuses its own two signals. All zeros is the default action.
  const uint64_t default_action[8] = {};
  for (int signo = 1; signo < NSIG; signo++) syscall(SYS_rt_sigaction, signo, default_action, nullptr, size_t(8));
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

// A worker's scratch is taken and given back chunk by chunk: pages that it keeps are not faulted in again.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

[[noreturn]] void run_child(const ForkRequest &request, uint32_t index, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) // it died before the line above
    _exit(1);
  reset_signals();
  const struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  keep_freed_memory();
  prctl(PR_SET_NAME, "spore-worker");
  close_descriptors(request.kept_descriptors);
  _exit(request.run_child(index) & 0xff);
}

void fork_all(ForkRequest &request) {
  std::sort(request.kept_descriptors.begin(), request.kept_descriptors.end());
  const pid_t parent = getpid();
  for (uint32_t index = 0; index < request.count; index++) {
    const pid_t pid = fork(); // every signal is blocked in this thread
    if (pid == 0) run_child(request, index, parent);
    if (pid < 0) {
      request.failure = {errno, "fork"};
      request.children.clear(); // kills and reaps
      return;
    }
    request.children.push_back(std::make_unique<ChildProcess>(pid, open_pidfd(pid)));
  }
}

// The forking thread and its queue. Leaked: it must outlive every environment.
class ForkThread {
public:
  static ForkThread &get() {
    static ForkThread *it = new ForkThread;
    return *it;
  }

  // False when the thread cannot be made.
  bool submit(std::function<void()> task) {
    std::lock_guard lock(mutex_);
    if (!is_started_ && !start()) return false;
    is_started_ = true;
    has_started_fork_thread = true;
    tasks_.push_back(std::move(task));
    wake_.notify_one();
    return true;
  }

  void abandon(std::unique_ptr<ChildProcess> child) {
    std::lock_guard lock(mutex_);
    abandoned_.push_back(std::move(child));
    wake_.notify_one();
  }

private:
  bool start() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // inherited: this thread never runs a handler
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kForkStackBytes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    const int error = pthread_create(
        &thread, &attributes,
        [](void *self) -> void * {
          static_cast<ForkThread *>(self)->loop();
          return nullptr;
        },
        this);
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error == 0;
  }

  void loop() {
    prctl(PR_SET_NAME, "spore-fork");
    for (;;) {
      std::unique_lock lock(mutex_);
      // Abandoned children are looked at now and then; nobody waits for them.
      while (tasks_.empty() && !abandoned_.empty()) {
        wake_.wait_for(lock, std::chrono::milliseconds(20));
        std::erase_if(abandoned_, [](const auto &child) { return child->try_reap(); });
      }
      wake_.wait(lock, [this] { return !tasks_.empty() || !abandoned_.empty(); });
      if (tasks_.empty()) continue;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::unique_ptr<ChildProcess>> abandoned_;
  bool is_started_ = false;
};

} // namespace

int open_pidfd(pid_t pid) {
  if (!is_pidfd_allowed.load(std::memory_order_relaxed)) return -1;
  return int(syscall(SYS_pidfd_open, pid, 0)); // always close-on-exec
}

int send_signal_to(int pidfd, int signo) {
  return syscall(SYS_pidfd_send_signal, pidfd, signo, nullptr, 0) == 0 ? 0 : errno;
}

double processor_time(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return double(used.tv_sec) * 1e3 + double(used.tv_nsec) / 1e6;
}

bool reap_child(pid_t pid, ExitStatus &status) { return reap(P_PID, pid, false, status); }

ChildProcess::~ChildProcess() {
  if (is_reaped_) return;
  send_signal(SIGKILL);
  wait_reap();
}

bool ChildProcess::reap(bool may_block) {
  if (is_reaped_) return true;
  if (!staging::reap(pidfd_ >= 0 ? kPidfdIdType : P_PID, pidfd_ >= 0 ? pidfd_ : pid_, may_block, status_)) return false;
  is_reaped_ = true;
  if (pidfd_ >= 0) close(pidfd_);
  pidfd_ = -1;
  return true;
}

int ChildProcess::send_signal(int signo) {
  if (is_reaped_) return ESRCH;
  if (pidfd_ >= 0) return send_signal_to(pidfd_, signo);
  return kill(pid_, signo) == 0 ? 0 : errno; // not reaped, so the pid is still its own
}

void fork_children(ForkRequest &request) {
  std::mutex mutex;
  std::condition_variable finished;
  bool is_done = false;
  const bool is_submitted = ForkThread::get().submit([&] {
    fork_all(request);
    std::lock_guard lock(mutex);
    is_done = true;
    finished.notify_one();
  });
  if (!is_submitted) {
    request.failure = {EAGAIN, "pthread_create"};
    return;
  }
  std::unique_lock lock(mutex);
  finished.wait(lock, [&] { return is_done; });
}

void fork_children_async(const std::shared_ptr<ForkRequest> &request, const std::function<void()> &done) {
  const bool is_submitted = ForkThread::get().submit([request, done] {
    fork_all(*request);
    done();
  });
  if (is_submitted) return;
  request->failure = {EAGAIN, "pthread_create"};
  done();
}

void abandon_child(std::unique_ptr<ChildProcess> child) {
  if (!child->try_reap()) ForkThread::get().abandon(std::move(child));
}

bool has_fork_thread() { return has_started_fork_thread.load(); }

void set_pidfd_allowed(bool is_allowed) { is_pidfd_allowed.store(is_allowed, std::memory_order_relaxed); }

} // namespace spore::staging

#endif
