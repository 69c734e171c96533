// The worker pool: forked once, then fed with jobs through a control block in the arena.
//
// A job is a kernel over rows, cut into chunks. Each chunk has a state word that a worker takes by
// compare-exchange and sets to done; the job has ended when every chunk is done, whatever the workers
// say. A worker that dies is replaced at once, and what it had taken is run again, once, by the
// replacement.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "spore/kernel.h"
#include "staging/arena.h"
#include "staging/mapping.h"
#include "staging/process.h"

namespace spore::staging {

inline constexpr uint32_t kMaxArgsBytes = 4096;
inline constexpr uint32_t kNoChunk = UINT32_MAX;

// Tests only: where a worker ends itself.
enum class FaultPoint : uint32_t {
  None,
  Reserve, // after advancing the cursor, before the chunk's state word says so
  Claim, // after taking the chunk, before its first row
  First, // the rows of a chunk at which the kernel calls spore_fault()
  Middle,
  Last,
};

struct TestHooks {
  FaultPoint at = FaultPoint::None;
  int32_t kernel = -1; // -1: whichever runs first
  uint32_t chunk = kNoChunk; // kNoChunk: whichever is taken first
  int32_t signal = 0;
  bool once = true;
  uint32_t delay_seed = 0; // not 0: a random sleep before each chunk
};

struct PoolOptions {
  uint32_t workers = 1;
  // Kernels run in this process, as its one worker, and start() returns when the job has ended. A crash ends the pool.
  bool runs_here = false;
  std::vector<int> kept_descriptors;
  TestHooks hooks;
};

struct Job {
  uint32_t kernel = 0;
  uint32_t rows = 0;
  uint32_t chunk_rows = 0; // rows per chunk; 0 with chunk_count, or with bounds
  uint32_t chunk_count = 0; // even chunks
  const uint32_t *bounds = nullptr; // chunk_count + 1 row numbers
  const void *args = nullptr;
  uint32_t args_size = 0;
};

struct WorkerReport {
  uint64_t busy_ns = 0;
  uint32_t chunks = 0;
  uint64_t minor_faults = 0;
};

enum class Outcome : uint32_t { Running, Done, KernelFailed, Crashed, ForkFailed };

struct JobReport {
  Outcome outcome = Outcome::Running;
  uint64_t wall_ns = 0;
  uint32_t chunks = 0;
  uint32_t retried_chunks = 0;
  std::vector<WorkerReport> workers;
  // Of the chunk that failed or crashed; rows [first, end).
  uint32_t first = 0;
  uint32_t end = 0;
  int32_t kernel_status = 0;
  int32_t signal = 0;
  int32_t exit_code = -1;
  int32_t pid = 0;
  Failure failure; // of the fork that was to replace a worker
};

struct ControlBlock;

// One pool. Belongs to one thread of the parent.
class WorkerPool {
public:
  // The pool keeps the files' mappings and the arena while it lives, so that a replacement finds them.
  static std::shared_ptr<WorkerPool> create(std::vector<spore_file> files, std::vector<MappingOwner> mappings,
                                            std::shared_ptr<Arena> arena, const PoolOptions &options, Failure &failure);
  ~WorkerPool();
  WorkerPool(const WorkerPool &) = delete;
  WorkerPool &operator=(const WorkerPool &) = delete;

  // What to fork; the pool is ready when adopt() has been given the children.
  std::shared_ptr<ForkRequest> fork_request();
  void adopt(std::vector<std::unique_ptr<ChildProcess>> children);

  // Publishes a job. One at a time. The job's memory is copied.
  Failure start(const Job &job);
  // Looks at the job: reads what the eventfd says, reaps and replaces workers that died. To be called
  // when wake_fd() or a worker's pidfd is readable. True when `report` holds the end of the job.
  bool advance(JobReport &report);
  // Looks for the end of a job that was just started, for as many microseconds as a wait would cost. True when
  // `report` holds it; what the eventfd says of it later is of no job.
  bool ends_at_once(JobReport &report);
  // Blocks until the job has ended.
  JobReport wait();

  bool runs_here() const { return options_.runs_here; }
  bool is_running() const { return is_running_; }
  bool is_broken() const { return is_broken_; } // a job crashed; nothing more can be run
  uint32_t known_kernels() const { return known_kernels_; }
  int wake_fd() const { return wake_fd_; }
  // Changes when a worker was replaced. A worker may be null when its replacement could not be forked.
  const std::vector<std::unique_ptr<ChildProcess>> &workers() const { return workers_; }

  // Tells the workers to leave, or kills them when a job is running, and gives them up.
  std::vector<std::unique_ptr<ChildProcess>> close();
  // The same, but for one of them, which goes on, unless it has died: the others are killed.
  std::vector<std::unique_ptr<ChildProcess>> close_but(uint32_t worker, std::unique_ptr<ChildProcess> &left);

private:
  WorkerPool() = default;
  Failure reserve_chunks(uint32_t chunks);
  bool collect(JobReport &report);
  bool all_done() const;
  void bury(uint32_t worker);
  void replace(uint32_t worker);
  void finish(JobReport &report, Outcome outcome);
  std::vector<std::unique_ptr<ChildProcess>> give_up(bool are_killed);
  void run_here(uint32_t job);
  spore_context context_of(uint32_t worker) const;
  [[noreturn]] void run_worker(uint32_t worker, bool is_replacement) const;

  std::vector<spore_file> files_;
  std::vector<MappingOwner> mappings_;
  std::shared_ptr<Arena> arena_;
  PoolOptions options_;
  uint32_t known_kernels_ = 0;
  int wake_fd_ = -1;
  ControlBlock *control_ = nullptr;
  uint64_t chunk_capacity_ = 0;
  uint64_t bounds_capacity_ = 0;
  std::vector<std::unique_ptr<ChildProcess>> workers_;

  bool is_running_ = false;
  bool is_broken_ = false;
  uint32_t retried_ = 0;
  uint32_t replacements_ = 0; // during this job
  uint64_t started_ns_ = 0;
  JobReport pending_; // what went wrong, until the job can be reported
};

} // namespace spore::staging
