// What the checked build (-DSPORE_CHECKED) is for: a byte behind a file's end and a row behind a column's end
// are noticed.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "elf/bytes.h"
#include "staging/mapping.h"
#include "tables/column.h"
#include "test/check.h"

namespace {

enum class RowOfTest : uint32_t {};

// The signal that ends a child which does this; 0 when it exits.
template <typename Do> int signal_of(Do what) {
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL); // as workers have it, not AddressSanitizer's
    close(2);
    what();
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void keep([[maybe_unused]] uint64_t value) { asm volatile("" : : "r"(value)); }

} // namespace

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
