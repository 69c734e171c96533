// The pool's protocol. Everything that two processes touch is in the control block and the chunk table;
// both are in the arena, all of it lock-free atomics, so a process may die at any instruction.
#ifdef __linux__

#include "staging/worker-pool.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "spore/fault.h"
#include "staging/crash-guard.h"
#include "staging/kernel-registry.h"
#include "staging/placement.h"

namespace spore::staging {

namespace {

constexpr uint32_t kMinReplacements = 8; // per job, beyond two per worker; then something is very wrong
constexpr uint64_t kWorkerSpinNs = 20'000;
constexpr uint64_t kParentSpinNs = 10'000;

// A chunk's state word: the job's number above, then the worker, the attempt and the kind. The job's
// number makes a word of an earlier job worthless to a worker that comes late.
enum ChunkKind : uint32_t { Free = 0, Taken = 1, Done = 2 };
constexpr uint32_t kKindMask = 3;
constexpr uint32_t kRetryBit = 4;
constexpr uint32_t kWorkerShift = 8;

constexpr uint64_t with_job(uint32_t job, uint32_t low) { return uint64_t(job) << 32 | low; }
constexpr uint32_t job_of(uint64_t word) { return uint32_t(word >> 32); }
constexpr uint32_t low_of(uint64_t word) { return uint32_t(word); }

struct ChunkWord {
  std::atomic<uint64_t> state;
  std::atomic<int32_t> status; // what the kernel returned
  uint32_t unused;
};

// What a worker copies when it finds a job. Stable while any of the job's chunks is not done.
struct JobDescription {
  uint32_t kernel;
  uint32_t rows;
  uint32_t chunk_rows;
  uint32_t chunks;
  uint32_t args_size;
  uint32_t has_bounds;
  uint64_t chunk_table; // offsets in the arena
  uint64_t bounds;
};

struct alignas(64) WorkerSlot {
  // Job number, and the chunks of this worker's share that nobody has reserved yet. With the number, an exhausted
  // cursor is worth nothing whatever the next job's chunks are.
  std::atomic<uint64_t> cursor;
  std::atomic<uint64_t> busy_ns;
  std::atomic<uint64_t> minor_faults;
  std::atomic<uint32_t> chunks;
};

} // namespace

struct ControlBlock {
  alignas(64) std::atomic<uint32_t> job; // the current job's number; workers sleep on it
  std::atomic<uint32_t> sleepers; // may be too high after a crash; that costs a system call
  std::atomic<uint32_t> is_closing;
  alignas(64) std::atomic<uint32_t> described_job; // whose description it is; changes before the description does
  // Job number and chunks done. Exact while no worker has crashed in this job.
  alignas(64) std::atomic<uint64_t> done;
  alignas(64) std::atomic<uint32_t> degraded_job; // the last job in which a worker crashed: report each chunk
  std::atomic<uint32_t> failed_job; // the last job in which a kernel returned a status
  std::atomic<uint32_t> is_fault_armed;
  alignas(64) JobDescription description;
  alignas(64) uint8_t args[kMaxArgsBytes];
  WorkerSlot slots[1]; // one per worker
};

namespace {

uint64_t now_ns() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1'000'000'000 + uint64_t(t.tv_nsec);
}

uint64_t minor_faults_now() {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? uint64_t(usage.ru_minflt) : 0;
}

void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Not the private kind of futex: the word is shared between processes.
void futex_wait(std::atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
}

void futex_wake_all(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

size_t control_bytes(uint32_t workers) { return sizeof(ControlBlock) + sizeof(WorkerSlot) * (workers - 1); }

struct Range {
  uint32_t first;
  uint32_t end;
};

Range chunk_range(const JobDescription &d, const uint8_t *arena, uint32_t chunk) {
  if (d.has_bounds) {
    const auto *bounds = reinterpret_cast<const uint32_t *>(arena + d.bounds);
    return {bounds[chunk], bounds[chunk + 1]};
  }
  if (d.chunk_rows) {
    const uint64_t first = uint64_t(chunk) * d.chunk_rows;
    return {uint32_t(first), uint32_t(std::min<uint64_t>(first + d.chunk_rows, d.rows))};
  }
  return {uint32_t(uint64_t(chunk) * d.rows / d.chunks), uint32_t((uint64_t(chunk) + 1) * d.rows / d.chunks)};
}

// Where the share of a worker begins, and that of the worker before it ends. The share is what a worker takes
// first: pass after pass the same files, whose pages it has mapped already. When it is done it helps others.
uint32_t share_begin(const JobDescription &d, uint32_t worker, uint32_t workers) {
  return uint32_t(uint64_t(d.chunks) * worker / workers);
}

// A worker's side of the protocol; lives in the forked child.
class Worker {
public:
  Worker(ControlBlock &control, const spore_context &context, const TestHooks &hooks, int wake_fd)
      : control_(control), context_(context), hooks_(hooks), wake_fd_(wake_fd),
        random_(hooks.delay_seed * 2654435761U ^ (context.worker + 1)) {}

  void run(uint32_t last_job, uint32_t sweep_job) {
    settle_on_processor(context_.worker, context_.worker_count);
    for (;;) {
      last_job = wait_for_job(last_job);
      if (control_.is_closing.load(std::memory_order_acquire)) return;
      run_job(last_job, last_job == sweep_job);
    }
  }

  // One job, for who knows that there is one.
  void run_once(uint32_t job) { run_job(job, false); }

private:
  uint32_t wait_for_job(uint32_t last_job) {
    // Passes follow each other closely, so look a little before sleeping.
    const uint64_t until = now_ns() + kWorkerSpinNs;
    do {
      for (int i = 0; i < 32; i++) {
        const uint32_t job = control_.job.load(std::memory_order_acquire);
        if (job != last_job) return job;
        pause_cpu();
      }
    } while (now_ns() < until);
    for (;;) {
      control_.sleepers.fetch_add(1); // before the look: the parent stores, then looks at sleepers
      const uint32_t job = control_.job.load();
      if (job == last_job) futex_wait(control_.job, last_job);
      control_.sleepers.fetch_sub(1);
      if (control_.job.load(std::memory_order_acquire) != last_job) return control_.job.load(std::memory_order_acquire);
    }
  }

  // True when `description_` is this job's.
  bool read_description(uint32_t job) {
    if (control_.described_job.load(std::memory_order_acquire) != job) return false;
    memcpy(&description_, &control_.description, sizeof description_);
    std::atomic_thread_fence(std::memory_order_acquire);
    return control_.described_job.load(std::memory_order_relaxed) == job;
  }

  void run_job(uint32_t job, bool needs_sweep) {
    if (!read_description(job)) return; // it ended without us
    faults_before_ = minor_faults_now();
    for (uint32_t i = 0; i < context_.worker_count; i++) take_share((context_.worker + i) % context_.worker_count, job);
    if (!needs_sweep) return;
    auto *chunks = reinterpret_cast<ChunkWord *>(context_.arena + description_.chunk_table);
    // A replacement: what the dead worker had taken, and what it had reserved and not taken.
    for (uint32_t chunk = 0; chunk < description_.chunks; chunk++) {
      take(chunks[chunk], job, chunk, kRetryBit);
      take(chunks[chunk], job, chunk, 0);
    }
  }

  void take_share(uint32_t worker, uint32_t job) {
    auto *chunks = reinterpret_cast<ChunkWord *>(context_.arena + description_.chunk_table);
    std::atomic<uint64_t> &next = control_.slots[worker].cursor;
    const uint32_t end = share_begin(description_, worker + 1, context_.worker_count);
    uint64_t cursor = next.load(std::memory_order_acquire);
    while (job_of(cursor) == job && low_of(cursor) != 0) {
      if (!next.compare_exchange_weak(cursor, cursor - 1, std::memory_order_acq_rel)) continue;
      const uint32_t chunk = end - low_of(cursor);
      maybe_die(FaultPoint::Reserve, chunk);
      take(chunks[chunk], job, chunk, 0);
      cursor = next.load(std::memory_order_acquire);
    }
  }

  void take(ChunkWord &word, uint32_t job, uint32_t chunk, uint32_t retry) {
    uint64_t expected = with_job(job, Free | retry);
    const uint64_t taken = with_job(job, Taken | retry | context_.worker << kWorkerShift);
    if (!word.state.compare_exchange_strong(expected, taken, std::memory_order_acq_rel)) return;
    run_chunk(word, job, chunk, retry);
  }

  void run_chunk(ChunkWord &word, uint32_t job, uint32_t chunk, uint32_t retry) {
    const Range range = chunk_range(description_, context_.arena, chunk);
    if (hooks_.delay_seed) sleep_a_little();
    maybe_die(FaultPoint::Claim, chunk);
    context_.attempt = retry ? 1 : 0;
    context_.args_size = description_.args_size;
    context_.fault_row = fault_row(range, chunk);

    const uint64_t before = now_ns();
    const int32_t status = kernel_at(description_.kernel).run(&context_, range.first, range.end);
    const uint64_t busy = now_ns() - before;
    // Figures before the state word: the parent reads them when it finds the chunk done.
    WorkerSlot &slot = control_.slots[context_.worker];
    slot.busy_ns.store(slot.busy_ns.load(std::memory_order_relaxed) + busy, std::memory_order_relaxed);
    slot.chunks.store(slot.chunks.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    const uint64_t faults = minor_faults_now();
    slot.minor_faults.store(slot.minor_faults.load(std::memory_order_relaxed) + faults - faults_before_,
                            std::memory_order_relaxed);
    faults_before_ = faults;
    word.status.store(status, std::memory_order_relaxed);
    if (status != 0) control_.failed_job.store(job, std::memory_order_relaxed);
    // Sequentially consistent, as the load in report(): either we see that the job is degraded, or the
    // parent, who looks after saying so, sees this chunk done.
    word.state.store(with_job(job, Done));
    report(job);
  }

  void report(uint32_t job) {
    uint64_t done = control_.done.load(std::memory_order_relaxed);
    while (job_of(done) == job)
      if (control_.done.compare_exchange_weak(done, done + 1, std::memory_order_acq_rel)) {
        done++;
        break;
      }
    if (control_.degraded_job.load() == job || done == with_job(job, description_.chunks)) {
      const uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
    }
  }

  bool is_fault_here(uint32_t chunk) const {
    return (hooks_.kernel < 0 || hooks_.kernel == int32_t(description_.kernel)) &&
           (hooks_.chunk == kNoChunk || hooks_.chunk == chunk);
  }

  bool consume_fault() {
    if (!hooks_.once) return true;
    uint32_t armed = 1;
    return control_.is_fault_armed.compare_exchange_strong(armed, 0);
  }

  void maybe_die(FaultPoint point, uint32_t chunk) {
    if (hooks_.at != point || !is_fault_here(chunk) || !consume_fault()) return;
    arm_fault(hooks_.signal);
    spore_fault();
  }

  uint32_t fault_row(const Range &range, uint32_t chunk) {
    arm_fault(0);
    if (hooks_.at < FaultPoint::First || range.first == range.end || !is_fault_here(chunk) || !consume_fault())
      return SPORE_NO_ROW;
    arm_fault(hooks_.signal);
    if (hooks_.at == FaultPoint::First) return range.first;
    return hooks_.at == FaultPoint::Last ? range.end - 1 : range.first + (range.end - range.first) / 2;
  }

  void sleep_a_little() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    const struct timespec t = {0, long(random_ % 4 ? random_ % 50'000 : random_ % 400'000)};
    nanosleep(&t, nullptr);
  }

  ControlBlock &control_;
  spore_context context_;
  const TestHooks &hooks_;
  const int wake_fd_;
  JobDescription description_ = {};
  uint64_t faults_before_ = 0;
  uint32_t random_;
};

} // namespace

std::shared_ptr<WorkerPool> WorkerPool::create(std::vector<spore_file> files, std::vector<MappingOwner> mappings,
                                               std::shared_ptr<Arena> arena, const PoolOptions &options,
                                               Failure &failure) {
  std::shared_ptr<WorkerPool> pool(new WorkerPool);
  pool->files_ = std::move(files);
  pool->mappings_ = std::move(mappings);
  pool->mappings_.push_back(arena->mapping());
  pool->arena_ = std::move(arena);
  pool->options_ = options;
  pool->known_kernels_ = kernel_count();
  pool->wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (pool->wake_fd_ < 0) {
    failure = {errno, "eventfd"};
    return nullptr;
  }
  const int64_t offset = pool->arena_->allocate(control_bytes(options.workers), 4096, false, failure);
  if (offset < 0) return nullptr;
  pool->control_ = reinterpret_cast<ControlBlock *>(pool->arena_->base() + offset); // zeros: a valid state
  pool->control_->is_fault_armed.store(1);
  return pool;
}

WorkerPool::~WorkerPool() {
  close(); // kills and reaps who is still there
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

spore_context WorkerPool::context_of(uint32_t worker) const {
  return {
      .files = files_.data(),
      .file_count = uint32_t(files_.size()),
      .worker = worker,
      .worker_count = options_.workers,
      .attempt = 0,
      .arena = arena_->base(),
      .arena_size = arena_->reserved_bytes(),
      .args = control_->args,
      .args_size = 0,
      .fault_row = SPORE_NO_ROW,
  };
}

void WorkerPool::run_worker(uint32_t worker, bool is_replacement) const {
  const spore_context context = context_of(worker);
  const uint32_t job = control_->job.load();
  // A replacement joins the job in which its predecessor died, and looks for what that one left.
  Worker(*control_, context, options_.hooks, wake_fd_).run(is_replacement ? job - 1 : 0, is_replacement ? job : 0);
  _exit(0);
}

void WorkerPool::run_here(uint32_t job) {
  Worker worker(*control_, context_of(0), options_.hooks, wake_fd_);
  const int signo = run_guarded([&] { worker.run_once(job); });
  if (signo == 0) return;
  const JobDescription &d = control_->description;
  const auto *chunks = reinterpret_cast<const ChunkWord *>(arena_->base() + d.chunk_table);
  uint32_t crashed = 0;
  while ((low_of(chunks[crashed].state.load()) & kKindMask) == Done) crashed++; // they were taken in order
  const Range range = chunk_range(d, arena_->base(), crashed);
  pending_.outcome = Outcome::Crashed;
  pending_.first = range.first;
  pending_.end = range.end;
  pending_.signal = signo;
  pending_.pid = getpid();
}

std::shared_ptr<ForkRequest> WorkerPool::fork_request() {
  auto request = std::make_shared<ForkRequest>();
  request->count = options_.workers;
  request->kept_descriptors = options_.kept_descriptors;
  request->kept_descriptors.push_back(wake_fd_);
  request->run_child = [this](uint32_t worker) -> int { run_worker(worker, false); };
  return request;
}

void WorkerPool::adopt(std::vector<std::unique_ptr<ChildProcess>> children) { workers_ = std::move(children); }

Failure WorkerPool::reserve_chunks(uint32_t chunks) {
  Failure failure;
  JobDescription &d = control_->description;
  if (chunks > chunk_capacity_) {
    const uint64_t capacity = std::max<uint64_t>(256, uint64_t(chunks) + chunks / 2);
    const int64_t offset = arena_->allocate(capacity * sizeof(ChunkWord), 64, false, failure);
    if (offset < 0) return failure;
    if (chunk_capacity_) arena_->free(d.chunk_table);
    d.chunk_table = uint64_t(offset);
    chunk_capacity_ = capacity;
  }
  return failure;
}

Failure WorkerPool::start(const Job &job) {
  const uint32_t number = control_->job.load(std::memory_order_relaxed) + 1;
  // From here on a worker that is late finds neither chunks nor a description that it would trust.
  control_->described_job.store(number);
  std::atomic_thread_fence(std::memory_order_release);

  JobDescription &d = control_->description;
  d.kernel = job.kernel;
  d.rows = job.rows;
  d.chunk_rows = job.chunk_rows;
  d.chunks = job.chunk_rows ? uint32_t((uint64_t(job.rows) + job.chunk_rows - 1) / job.chunk_rows) : job.chunk_count;
  d.args_size = job.args_size;
  d.has_bounds = job.bounds != nullptr;
  Failure failure = reserve_chunks(d.chunks);
  if (!failure && job.bounds && uint64_t(d.chunks) + 1 > bounds_capacity_) {
    const uint64_t capacity = std::max<uint64_t>(256, uint64_t(d.chunks) + d.chunks / 2 + 1);
    const int64_t offset = arena_->allocate(capacity * sizeof(uint32_t), 64, false, failure);
    if (!failure) {
      if (bounds_capacity_) arena_->free(d.bounds);
      d.bounds = uint64_t(offset);
      bounds_capacity_ = capacity;
    }
  }
  if (failure) return failure;
  if (job.bounds) memcpy(arena_->base() + d.bounds, job.bounds, (size_t(d.chunks) + 1) * sizeof(uint32_t));
  if (job.args_size) memcpy(control_->args, job.args, job.args_size);
  auto *chunks = reinterpret_cast<ChunkWord *>(arena_->base() + d.chunk_table);
  for (uint32_t i = 0; i < d.chunks; i++) {
    chunks[i].state.store(with_job(number, Free), std::memory_order_relaxed);
    chunks[i].status.store(0, std::memory_order_relaxed);
  }
  for (uint32_t w = 0; w < options_.workers; w++) {
    control_->slots[w].busy_ns.store(0, std::memory_order_relaxed);
    control_->slots[w].minor_faults.store(0, std::memory_order_relaxed);
    control_->slots[w].chunks.store(0, std::memory_order_relaxed);
    const uint32_t share = share_begin(d, w + 1, options_.workers) - share_begin(d, w, options_.workers);
    control_->slots[w].cursor.store(with_job(number, share), std::memory_order_release);
  }
  is_running_ = true;
  retried_ = 0;
  replacements_ = 0;
  pending_ = {};
  started_ns_ = now_ns();
  control_->done.store(with_job(number, 0));
  control_->job.store(number);
  if (options_.runs_here) {
    run_here(number);
    return {};
  }
  if (control_->sleepers.load() != 0) futex_wake_all(control_->job);
  // A worker that died while it was idle may have left nobody to start.
  for (uint32_t w = 0; w < options_.workers; w++)
    if (!workers_[w]) replace(w);
  return {};
}

bool WorkerPool::all_done() const {
  const JobDescription &d = control_->description;
  const uint32_t job = control_->job.load(std::memory_order_relaxed);
  if (control_->degraded_job.load() != job)
    return control_->done.load(std::memory_order_acquire) == with_job(job, d.chunks);
  const auto *chunks = reinterpret_cast<const ChunkWord *>(arena_->base() + d.chunk_table);
  for (uint32_t i = 0; i < d.chunks; i++)
    if (chunks[i].state.load() != with_job(job, Done)) return false;
  return true;
}

// A worker has ended. What it had taken becomes free for its replacement, unless that was the second try.
void WorkerPool::bury(uint32_t worker) {
  const ChildProcess &child = *workers_[worker];
  const uint32_t job = control_->job.load(std::memory_order_relaxed);
  if (is_running_) {
    control_->degraded_job.store(job); // before looking at any chunk; see Worker::run_chunk
    const JobDescription &d = control_->description;
    auto *chunks = reinterpret_cast<ChunkWord *>(arena_->base() + d.chunk_table);
    for (uint32_t i = 0; i < d.chunks; i++) {
      const uint64_t state = chunks[i].state.load();
      if ((low_of(state) & kKindMask) != Taken || low_of(state) >> kWorkerShift != worker) continue;
      if (low_of(state) & kRetryBit) {
        const Range range = chunk_range(d, arena_->base(), i);
        pending_.outcome = Outcome::Crashed;
        pending_.first = range.first;
        pending_.end = range.end;
      } else {
        retried_++;
        chunks[i].state.store(with_job(job, Free | kRetryBit));
      }
    }
    if (++replacements_ > kMinReplacements + 2 * options_.workers) pending_.outcome = Outcome::Crashed;
    if (pending_.outcome == Outcome::Crashed) {
      pending_.signal = child.status().signal;
      pending_.exit_code = child.status().code;
      pending_.pid = child.pid();
    }
  }
  workers_[worker].reset();
}

void WorkerPool::replace(uint32_t worker) {
  ForkRequest request;
  request.count = 1;
  request.kept_descriptors = options_.kept_descriptors;
  request.kept_descriptors.push_back(wake_fd_);
  const bool joins_job = is_running_;
  request.run_child = [this, worker, joins_job](uint32_t) -> int { run_worker(worker, joins_job); };
  fork_children(request);
  if (request.failure) {
    pending_.outcome = Outcome::ForkFailed;
    pending_.failure = request.failure;
    return;
  }
  workers_[worker] = std::move(request.children[0]);
}

bool WorkerPool::advance(JobReport &report) {
  uint64_t count;
  [[maybe_unused]] const ssize_t drained = read(wake_fd_, &count, sizeof count);
  if (is_running_ && pending_.outcome == Outcome::Running && all_done())
    return collect(report); // as a rule; who died meanwhile is found later
  for (uint32_t w = 0; w < workers_.size(); w++) {
    if (!workers_[w] || !workers_[w]->try_reap()) continue;
    bury(w);
    // Nobody to replace when the job is over anyway; start() does it when another one comes.
    if (is_running_ && pending_.outcome == Outcome::Running && !all_done()) replace(w);
  }
  return is_running_ && collect(report);
}

bool WorkerPool::collect(JobReport &report) {
  if (pending_.outcome != Outcome::Running) {
    is_broken_ = true;
    finish(report, pending_.outcome);
    return true;
  }
  if (!all_done()) return false;
  if (control_->failed_job.load(std::memory_order_relaxed) != control_->job.load(std::memory_order_relaxed)) {
    finish(report, Outcome::Done);
    return true;
  }
  const JobDescription &d = control_->description;
  const auto *chunks = reinterpret_cast<const ChunkWord *>(arena_->base() + d.chunk_table);
  uint32_t failed = 0;
  while (chunks[failed].status.load(std::memory_order_relaxed) == 0) failed++;
  const Range range = chunk_range(d, arena_->base(), failed);
  pending_.first = range.first;
  pending_.end = range.end;
  pending_.kernel_status = chunks[failed].status.load(std::memory_order_relaxed);
  finish(report, Outcome::KernelFailed);
  return true;
}

void WorkerPool::finish(JobReport &report, Outcome outcome) {
  report = pending_;
  report.outcome = outcome;
  report.wall_ns = now_ns() - started_ns_;
  report.chunks = control_->description.chunks;
  report.retried_chunks = retried_;
  for (uint32_t w = 0; w < options_.workers; w++) {
    const WorkerSlot &slot = control_->slots[w];
    report.workers.push_back({slot.busy_ns.load(std::memory_order_relaxed), slot.chunks.load(std::memory_order_relaxed),
                              slot.minor_faults.load(std::memory_order_relaxed)});
  }
  is_running_ = false;
}

bool WorkerPool::ends_at_once(JobReport &report) {
  const uint64_t spin_until = now_ns() + kParentSpinNs;
  do {
    if ((pending_.outcome != Outcome::Running || all_done()) && collect(report)) return true;
    for (int i = 0; i < 32; i++) pause_cpu();
  } while (now_ns() < spin_until);
  return false;
}

JobReport WorkerPool::wait() {
  JobReport report;
  if (ends_at_once(report)) return report;
  std::vector<struct pollfd> waited;
  while (!advance(report)) {
    waited.assign(1, {wake_fd_, POLLIN, 0});
    int timeout_ms = -1;
    for (const auto &worker : workers_) {
      if (worker && worker->pidfd() >= 0) waited.push_back({worker->pidfd(), POLLIN, 0});
      else timeout_ms = 5; // no pidfds on this kernel: look at the children now and then
    }
    poll(waited.data(), waited.size(), timeout_ms);
  }
  return report;
}

std::vector<std::unique_ptr<ChildProcess>> WorkerPool::close() {
  if (options_.runs_here && control_) return give_up(false);
  if (workers_.empty()) return {};
  control_->is_closing.store(1);
  control_->job.fetch_add(1);
  futex_wake_all(control_->job);
  return give_up(is_running_ || is_broken_);
}

std::vector<std::unique_ptr<ChildProcess>> WorkerPool::close_but(uint32_t worker, std::unique_ptr<ChildProcess> &left) {
  if (worker < workers_.size()) left = std::move(workers_[worker]);
  return give_up(true);
}

std::vector<std::unique_ptr<ChildProcess>> WorkerPool::give_up(bool are_killed) {
  std::vector<std::unique_ptr<ChildProcess>> leaving;
  for (auto &worker : workers_) {
    if (!worker) continue;
    let_go_of_processor(worker->pid()); // it has much to free, and this process goes on
    if (are_killed) worker->send_signal(SIGKILL);
    leaving.push_back(std::move(worker));
  }
  workers_.clear();
  is_running_ = false;
  control_ = nullptr;
  mappings_.clear();
  arena_.reset();
  ::close(std::exchange(wake_fd_, -1));
  return leaving;
}

} // namespace spore::staging

#endif
