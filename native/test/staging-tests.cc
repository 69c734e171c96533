// Staging under the sanitizers: mappings and their faults, arena, processes, pools that lose workers.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "staging/arena.h"
#include "staging/channel.h"
#include "staging/kernel-registry.h"
#include "staging/mapping.h"
#include "staging/placement.h"
#include "staging/process.h"
#include "staging/worker-pool.h"
#include "test/check.h"

using namespace spore::staging;

namespace {

constexpr size_t kPage = 4096;

class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &contents) {
    const int fd = mkstemp(path_);
    CHECK(fd >= 0);
    CHECK(write(fd, contents.data(), contents.size()) == ssize_t(contents.size()));
    close(fd);
  }
  ~TemporaryFile() { unlink(path_); }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  const char *path() const { return path_; }

private:
  char path_[32] = "/tmp/spore-native-XXXXXX";
};

StagedFile stage(const char *path, StageMode mode, Failure expected = {}) {
  StagedFile file;
  file.path = path;
  uint8_t head[kHeadBytes] = {};
  const Failure failure =
      stage_file(file, -1, {.mode = mode, .thresholds = {}, .keep_going = false, .keep_descriptors = false}, head);
  CHECK(failure.code == expected.code);
  protect_copies({file});
  CHECK(!file.mapping || memcmp(head, file.mapping->base(), std::min(kHeadBytes, file.mapping->size())) == 0);
  return file;
}

spore_file kernel_file(const StagedFile &file) { return {file.mapping->base(), file.mapping->size()}; }

std::unique_ptr<Arena> make_arena() {
  Failure failure;
  auto arena = Arena::create(UINT64_C(1) << 32, failure);
  CHECK(arena != nullptr);
  return arena;
}

uint64_t allocate(Arena &arena, uint64_t bytes) {
  Failure failure;
  const int64_t offset = arena.allocate(bytes, 64, false, failure);
  CHECK(offset >= 0);
  return uint64_t(offset);
}

std::shared_ptr<WorkerPool> make_pool(const std::vector<StagedFile> &files, const std::shared_ptr<Arena> &arena,
                                      const PoolOptions &options) {
  std::vector<spore_file> seen;
  std::vector<MappingOwner> mappings;
  for (const StagedFile &file : files) {
    seen.push_back(kernel_file(file));
    mappings.push_back(file.mapping);
  }
  Failure failure;
  auto pool = WorkerPool::create(seen, mappings, arena, options, failure);
  CHECK(pool != nullptr);
  const auto request = pool->fork_request();
  fork_children(*request);
  CHECK(!request->failure);
  pool->adopt(std::move(request->children));
  return pool;
}

JobReport run(WorkerPool &pool, const char *kernel, uint32_t rows, uint64_t result) {
  Job job;
  job.kernel = uint32_t(find_kernel(kernel));
  job.rows = rows;
  job.chunk_count = std::min(rows, 128U);
  job.args = &result;
  job.args_size = sizeof result;
  CHECK(!pool.start(job));
  return pool.wait();
}

} // namespace

TEST("a file is staged in each mode") {
  const TemporaryFile file(std::string(3 * kPage + 5, 'x'));
  for (const StageMode mode : {StageMode::Mmap, StageMode::MmapShared, StageMode::Prefetch}) {
    const StagedFile staged = stage(file.path(), mode);
    CHECK(staged.mapping->size() == 3 * kPage + 5);
    CHECK(staged.mapping->base()[3 * kPage + 4] == 'x');
    CHECK(!advise_sequential(*staged.mapping.mapping()));
  }
  CHECK(!stage(file.path(), StageMode::None).mapping);
  stage("/nowhere", StageMode::Mmap, {ENOENT, "open"});
  stage("/tmp", StageMode::Mmap, {EISDIR, "read"});
  stage("/dev/null", StageMode::Mmap, {kNotRegularFile, "mmap"});
}

TEST("small files share a shelf when the process is short of mappings, and each is given back by itself") {
  const TemporaryFile small(std::string(kPage + 5, 's'));
  const TemporaryFile large(std::string(kShelvedBelow, 'l'));
  set_mapping_limit(2); // no test before left any
  const StagedFile first = stage(small.path(), StageMode::MmapShared);
  StagedFile second = stage(small.path(), StageMode::MmapShared);
  StagedFile third = stage(small.path(), StageMode::Mmap);
  const StagedFile mapped = stage(large.path(), StageMode::MmapShared);
  CHECK(first.mode == StageMode::MmapShared && mapped.mode == StageMode::MmapShared);
  CHECK(second.mode == StageMode::Prefetch && third.mode == StageMode::Prefetch);
  CHECK(third.mapping->base() == second.mapping->base() + 2 * kPage);
  CHECK(third.mapping->base()[kPage + 4] == 's');
  const std::shared_ptr<Mapping> reader = second.mapping.mapping(); // as a view that was handed out
  second.mapping.release();
  CHECK(reader->base()[0] == 0 && third.mapping->base()[0] == 's');
  const_cast<volatile uint8_t *>(third.mapping->base())[0] = 'w'; // a private page, and a mark
  CHECK(third.mapping->marks() == kMarkWritten && reader->marks() == 0);
  set_mapping_limit(0);
}

TEST("the budget refuses and is given back") {
  const TemporaryFile file("0123456789");
  const Budget before = read_budget();
  set_budget_limit(BudgetKind::Prefetched, before.prefetched_bytes + 15);
  {
    const StagedFile first = stage(file.path(), StageMode::Prefetch);
    stage(file.path(), StageMode::Prefetch, {kBudgetExceeded, "read"});
  }
  CHECK(read_budget().prefetched_bytes == before.prefetched_bytes);
  set_budget_limit(BudgetKind::Prefetched, before.prefetched_limit);
}

TEST("faults in a mapping are answered by private pages") {
  const TemporaryFile file(std::string(8 * kPage, 'x'));
  StagedFile staged = stage(file.path(), StageMode::MmapShared);
  volatile uint8_t *bytes = staged.mapping->base();
  bytes[kPage] = 'y';
  CHECK(staged.mapping->marks() == kMarkWritten);
  CHECK(bytes[kPage] == 'y' && bytes[kPage + 1] == 'x' && bytes[0] == 'x');
  CHECK(truncate(file.path(), 4 * kPage) == 0);
  CHECK(bytes[3 * kPage] == 'x' && bytes[5 * kPage] == 0 && bytes[8 * kPage - 1] == 0 && bytes[4 * kPage] == 0);
  CHECK(staged.mapping->marks() == (kMarkWritten | kMarkShrank));

  // A buffer that is still out reads zeros once the owner has released.
  const std::shared_ptr<Mapping> buffer = staged.mapping.mapping();
  staged.mapping.release();
  CHECK(bytes[0] == 0);
}

TEST("an arena allocates, grows, reuses and releases") {
  const auto arena = make_arena();
  const uint64_t first = allocate(*arena, 100);
  const uint64_t second = allocate(*arena, 32 << 20);
  CHECK(first % 64 == 0 && second % 64 == 0);
  memset(arena->base() + second, 1, 8 << 20);
  CHECK(arena->touched_bytes() >= 8 << 20);
  CHECK(!arena->release(second, 8 << 20));
  CHECK(arena->touched_bytes() < 1 << 20);
  uint64_t offset;
  uint64_t bytes;
  CHECK(arena->find_extent(second + 5, 10, offset, bytes) && offset == second && bytes == 32 << 20);
  CHECK(!arena->find_extent(first + 90, 11, offset, bytes));
  CHECK(arena->free(first) && !arena->free(first));
  Failure failure;
  CHECK(arena->allocate(50, 64, true, failure) == int64_t(first));
  CHECK(arena->allocate(UINT64_C(1) << 40, 64, false, failure) == -1 && failure.code == kArenaFull);
}

TEST("children end as they please and are reaped") {
  ForkRequest request;
  request.count = 3;
  request.run_child = [](uint32_t index) -> int {
    if (index == 2)
      for (;;) pause();
    return int(index) * 7;
  };
  fork_children(request);
  CHECK(!request.failure && request.children.size() == 3);
  request.children[0]->wait_reap();
  request.children[1]->wait_reap();
  CHECK(request.children[0]->status().code == 0 && request.children[1]->status().code == 7);
  CHECK(!request.children[2]->try_reap());
  CHECK(request.children[2]->send_signal(SIGTERM) == 0);
  request.children[2]->wait_reap();
  CHECK(request.children[2]->status().signal == SIGTERM && request.children[2]->send_signal(0) == ESRCH);
}

TEST("a process is placed on one processor after the other, and set free again") {
  cpu_set_t all;
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  ForkRequest request;
  request.run_child = [](uint32_t) -> int {
    for (;;) pause();
  };
  fork_children(request);
  CHECK(!request.failure && request.children.size() == 1);
  const pid_t pid = request.children[0]->pid();
  const auto allowed = [pid] {
    cpu_set_t set;
    CHECK(sched_getaffinity(pid, sizeof set, &set) == 0);
    return set;
  };
  // The caller stays where it is, so that all of them are counted from there.
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(sched_getcpu(), &here);
  CHECK(sched_setaffinity(0, sizeof here, &here) == 0);
  cpu_set_t met;
  CPU_ZERO(&met);
  for (uint32_t order = 0; order < uint32_t(CPU_COUNT(&all)); order++) {
    {
      const Placement placement(pid, order);
      const cpu_set_t set = allowed();
      CHECK(CPU_COUNT(&set) == 1);
      CHECK(CPU_EQUAL(&set, &here) == (order + 1 == uint32_t(CPU_COUNT(&all))));
      CPU_OR(&met, &met, &set);
    }
    const cpu_set_t set = allowed();
    CHECK(CPU_EQUAL(&set, &all));
  }
  CHECK(CPU_EQUAL(&met, &all));
  CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
}

TEST("the built-in kernels compute what they say") {
  const TemporaryFile lines("a\nb\n\nc");
  const TemporaryFile text("hello");
  const std::shared_ptr<Arena> arena = make_arena();
  const uint64_t result = allocate(*arena, 16);
  const auto *column = reinterpret_cast<const uint64_t *>(arena->base() + result);
  std::vector<StagedFile> files;
  files.push_back(stage(lines.path(), StageMode::MmapShared));
  files.push_back(stage(text.path(), StageMode::Prefetch));
  const auto pool = make_pool(files, arena, {.workers = 2, .kept_descriptors = {}, .hooks = {}});
  CHECK(run(*pool, "count-lines", 2, result).outcome == Outcome::Done);
  CHECK(column[0] == 3 && column[1] == 0);
  CHECK(run(*pool, "checksum", 2, result).outcome == Outcome::Done);
  CHECK(column[1] == UINT64_C(0xa430d84680aabd0b)); // FNV-1a of "hello", from its authors' table
  CHECK(run(*pool, "checksum", 3, result).outcome == Outcome::KernelFailed);
}

TEST("a pool that loses a worker anywhere finishes the job") {
  constexpr uint32_t kRows = 1000;
  for (const FaultPoint at : {FaultPoint::None, FaultPoint::Reserve, FaultPoint::Claim, FaultPoint::First,
                              FaultPoint::Middle, FaultPoint::Last})
    for (const uint32_t workers : {1U, 3U}) {
      const std::shared_ptr<Arena> arena = make_arena();
      const uint64_t result = allocate(*arena, kRows * 8);
      TestHooks hooks;
      hooks.at = at;
      hooks.signal = SIGKILL;
      const auto pool = make_pool({}, arena, {.workers = workers, .kept_descriptors = {}, .hooks = hooks});
      for (int round = 0; round < 3; round++) {
        CHECK(run(*pool, "test-number-rows", kRows, result).outcome == Outcome::Done);
        const auto *column = reinterpret_cast<const uint64_t *>(arena->base() + result);
        for (uint32_t row = 0; row < kRows; row++) CHECK(uint32_t(column[row]) == row);
        memset(arena->base() + result, 0xff, kRows * 8);
      }
    }
}

TEST("a chunk that kills twice is reported, and the pool closes") {
  const std::shared_ptr<Arena> arena = make_arena();
  TestHooks hooks;
  hooks.at = FaultPoint::Claim;
  hooks.signal = SIGKILL;
  hooks.once = false;
  const auto pool = make_pool({}, arena, {.workers = 2, .kept_descriptors = {}, .hooks = hooks});
  const JobReport report = run(*pool, "test-number-rows", 1000, allocate(*arena, 8000));
  CHECK(report.outcome == Outcome::Crashed && report.signal == SIGKILL && pool->is_broken());
}

TEST("a channel carries packets of any size, and descriptors, and tells when the other end is gone") {
  int ends[2];
  CHECK(!open_channel(ends));
  std::vector<uint8_t> buffer(kMaxInlineBytes);
  for (const size_t size : {size_t(0), size_t(5), kMaxInlineBytes, kMaxInlineBytes + 1, size_t(3) << 20}) {
    std::vector<uint8_t> sent(size);
    for (size_t i = 0; i < size; i++) sent[i] = uint8_t(i * 7);
    const TemporaryFile file("contents");
    const int fd = open(file.path(), O_RDONLY | O_CLOEXEC);
    CHECK(!send_packet(ends[0], sent.data(), sent.size(), {fd, fd}, false));
    close(fd);
    Packet packet;
    Failure failure;
    CHECK(receive_packet(ends[1], true, buffer.data(), packet, failure) == Received::Packet && !failure);
    CHECK(packet.is_large == (size > kMaxInlineBytes));
    const std::vector<uint8_t> received =
        packet.is_large ? packet.large
                        : std::vector<uint8_t>(buffer.begin(), buffer.begin() + long(packet.inline_size));
    CHECK(received == sent);
    CHECK(packet.descriptors.size() == 2);
    for (const int got : packet.descriptors) {
      char bytes[8];
      CHECK(pread(got, bytes, sizeof bytes, 0) == 8 && memcmp(bytes, "contents", 8) == 0);
      close(got);
    }
  }
  Packet packet;
  Failure failure;
  CHECK(receive_packet(ends[1], false, buffer.data(), packet, failure) == Received::Nothing);
  close(ends[0]);
  CHECK(receive_packet(ends[1], true, buffer.data(), packet, failure) == Received::Closed);
  CHECK(send_packet(ends[1], buffer.data(), 1, {}, true).code == EPIPE);
  close(ends[1]);
}

TEST("another process maps what was staged, unless another file has its path") {
  for (const StageMode mode : {StageMode::Mmap, StageMode::MmapShared, StageMode::Prefetch}) {
    const TemporaryFile on_disk("0123456789");
    const StagedFile staged = stage(on_disk.path(), mode);
    Failure failure;
    const int fd = descriptor_of(staged, failure);
    CHECK(fd >= 0 && !failure);
    StagedFile adopted;
    adopted.path = staged.path;
    adopted.mode = staged.mode;
    adopted.identity = staged.identity;
    CHECK(!adopt_file(adopted, fd));
    CHECK(memcmp(adopted.mapping->base(), "0123456789", 10) == 0);
    close(fd);
    CHECK(rename(TemporaryFile("other file").path(), on_disk.path()) == 0);
    const int replaced = descriptor_of(staged, failure);
    if (mode == StageMode::Prefetch) {
      CHECK(replaced >= 0);
      close(replaced);
    } else {
      CHECK(replaced < 0 && failure.code == kFileReplaced);
    }
  }
}

TEST("who borrows an arena sees its extents, and allocates nothing") {
  const auto arena = make_arena();
  Failure failure;
  const int64_t offset = arena->allocate(100, 64, false, failure);
  const auto borrowed = Arena::adopt(dup(arena->fd()), arena->reserved_bytes(), 0, failure);
  CHECK(borrowed && borrowed->base() != arena->base());
  borrowed->set_extents({arena->extents().begin(), arena->extents().end()});
  arena->base()[offset] = 42;
  CHECK(borrowed->base()[offset] == 42);
  uint64_t begin;
  uint64_t bytes;
  CHECK(borrowed->find_extent(uint64_t(offset), 100, begin, bytes) && bytes == 100);
  CHECK(borrowed->allocate(8, 8, false, failure) == -1 && failure.code == kArenaBorrowed);
  CHECK(!borrowed->free(uint64_t(offset)) && borrowed->release(0, 4096).code == kArenaBorrowed);
}
