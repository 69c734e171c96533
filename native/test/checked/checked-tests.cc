// What the checked build (-DSPORE_CHECKED) is for: a byte behind a file's end, a row behind a column's end and a column
// that a kernel does not declare are noticed.

#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "elf/bytes.h"
#include "staging/mapping.h"
#include "tables/column.h"
#include "tables/job.h"
#include "test/check.h"

namespace {

enum class RowOfTest : uint32_t {};

struct Ended {
  int signal; // 0 when it exits
  std::string said;
};

// How a child ends that does this.
template <typename Do> Ended ended_of(Do what) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL); // as workers have it, not AddressSanitizer's
    dup2(ends[1], 2);
    what();
    _exit(0);
  }
  close(ends[1]);
  Ended ended{};
  char text[256];
  for (ssize_t size; (size = read(ends[0], text, sizeof text)) > 0;) ended.said.append(text, text + size);
  close(ends[0]);
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return ended;
}

template <typename Do> int signal_of(Do what) { return ended_of(what).signal; }

void keep([[maybe_unused]] uint64_t value) { asm volatile("" : : "r"(value)); }

// What a kernel does to fde, as its job's first parameter says.
enum Deed : uint64_t { AsDeclared, ReadUndeclared, FillUndeclared, FillRead };

void do_deeds(spore::Job &job, spore::RowRange<spore::FdeId> rows) {
  const spore::FdeTable &fde = job.t.fde;
  for (const spore::FdeId row : rows) {
    fde.record[row] = fde.function[row];
    if (job.parameter(0) == ReadUndeclared) keep(fde.size[row]);
    if (job.parameter(0) == FillUndeclared) fde.size[row] = 1;
    if (job.parameter(0) == FillRead) fde.function[row] = 1;
  }
}

} // namespace

// The checked build's tables of columns and kernels, for two kernels with the same function.
namespace spore {

const ColumnPlace column_places[] = {
    {"fde.function", offsetof(Tables, fde.function), 4},
    {"fde.size", offsetof(Tables, fde.size), 4},
    {"fde.record", offsetof(Tables, fde.record), 4},
    {},
};
namespace {
constexpr Access some[] = {Access::Reads, Access::None, Access::Fills};
constexpr Access all[] = {Access::Fills, Access::Fills, Access::Fills};
} // namespace
const Access *const kernel_accesses[] = {some, all};
const spore_kernel_entry kernel_entries[] = {
    {"declaresSome", run_kernel<FdeId, do_deeds, 0>},
    {"declaresAll", run_kernel<FdeId, do_deeds, 1>},
};

} // namespace spore

TEST("the byte behind a staged file cannot be read, whatever the file's size") {
  using namespace spore::staging;
  for (const size_t size : {1UL, 4095UL, 4096UL, 5001UL}) {
    char path[] = "/tmp/spore-native-XXXXXX";
    const int fd = mkstemp(path);
    const std::string contents(size, 'x');
    CHECK(write(fd, contents.data(), size) == ssize_t(size));
    for (const StageMode mode : {StageMode::Mmap, StageMode::MmapShared, StageMode::Prefetch}) {
      StagedFile file;
      uint8_t head[kHeadBytes];
      CHECK(!stage_file(file, fd, {.mode = mode, .thresholds = {}, .keep_going = false, .keep_descriptors = false},
                        head));
      const volatile uint8_t *bytes = file.mapping->base();
      CHECK(std::string(file.mapping->base(), file.mapping->base() + size) == contents);
      CHECK(signal_of([&] { keep(bytes[size - 1]); }) == 0);
      CHECK(signal_of([&] { keep(bytes[size]); }) == SIGSEGV);
    }
    close(fd);
    unlink(path);
  }
}

TEST("an index beyond a column or an array ends the worker") {
  uint32_t rows[4] = {1, 2, 3, 4}; // one more than the column has
  const spore::Column<RowOfTest, uint32_t> column{rows, 3};
  const spore::Array<uint32_t> array(reinterpret_cast<const uint8_t *>(rows), 3);
  CHECK(signal_of([&] { keep(column[RowOfTest{2}] + array[2]); }) == 0);
  CHECK(signal_of([&] { keep(column[RowOfTest{3}]); }) == SIGILL);
  CHECK(signal_of([&] { keep(array[3]); }) == SIGILL);
}

TEST("a kernel that touches a column which it does not declare ends the worker, and says which") {
  using namespace spore;
  const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const uint32_t count = static_cast<uint32_t>(size / 4);
  Tables t{};
  t.fde.rows = count;
  for (auto column : {&FdeTable::function, &FdeTable::size, &FdeTable::record}) {
    void *pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    t.fde.*column = {static_cast<uint32_t *>(pages), count};
  }
  // Each row is one share of the kernel's.
  auto run = [&](uint32_t kernel, uint64_t deed, uint32_t row) {
    JobArguments arguments{&t, {deed}};
    spore_context context{};
    context.args = &arguments;
    context.fault_row = SPORE_NO_ROW;
    kernel_entries[kernel].run(&context, row, row + 1);
  };
  auto message_of = [&](uint64_t deed, uint32_t row) {
    // A kernel that declares more runs before it, and after one that declares as little.
    const Ended ended = ended_of([&] {
      run(0, AsDeclared, 0);
      for (const Deed any : {AsDeclared, ReadUndeclared, FillUndeclared, FillRead}) run(1, any, row);
      run(0, AsDeclared, count - 1);
      run(0, deed, row);
    });
    CHECK(ended.signal == (deed == AsDeclared ? 0 : SIGSEGV));
    return ended.said;
  };
  for (const uint32_t row : {0U, count - 1}) {
    CHECK(message_of(AsDeclared, row).empty());
    CHECK(message_of(ReadUndeclared, row) ==
          "kernel declaresSome reads column fde.size, which src/tables/accesses.ts does not say\n");
    CHECK(message_of(FillUndeclared, row) ==
          "kernel declaresSome fills column fde.size, which src/tables/accesses.ts does not say\n");
    CHECK(message_of(FillRead, row) ==
          "kernel declaresSome fills column fde.function, which src/tables/accesses.ts does not say\n");
  }
  for (auto column : {&FdeTable::function, &FdeTable::size, &FdeTable::record}) munmap((t.fde.*column).data, size);
}
