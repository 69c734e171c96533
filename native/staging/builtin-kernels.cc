// The kernels that come with staging: two of use to anybody, and those that the tests need. A row of
// the first two is a staged file.
#ifdef __linux__

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <atomic>

#include "spore/fault.h"
#include "spore/kernel.h"
#include "staging/kernel-registry.h"

namespace spore::staging {

namespace {

std::atomic<int> fault_signal{0};

// Reads a little-endian number out of the argument block, which may be shorter.
template <class T> T argument(const spore_context *context, uint32_t offset, T otherwise = 0) {
  T value = otherwise;
  if (context->args_size >= sizeof value && offset <= context->args_size - sizeof value)
    memcpy(&value, static_cast<const uint8_t *>(context->args) + offset, sizeof value);
  return value;
}

// What a kernel returns that was not told where its results go, or was told of a place that is not in the arena.
constexpr int32_t no_room = 2;

// Whether there is a column for the results of rows up to `end`.
bool has_room(const spore_context *context, uint32_t end) {
  const auto offset = argument<uint64_t>(context, 0, UINT64_MAX);
  return context->arena && offset <= context->arena_size && offset % alignof(uint64_t) == 0 &&
         end <= (context->arena_size - offset) / sizeof(uint64_t);
}

// Where a kernel puts row `row`'s 64-bit result: a column in the arena whose offset is argument 0.
std::atomic_ref<uint64_t> result(const spore_context *context, uint32_t row) {
  auto *column = reinterpret_cast<uint64_t *>(context->arena + argument<uint64_t>(context, 0));
  return std::atomic_ref<uint64_t>(column[row]);
}

void maybe_fault(const spore_context *context, uint32_t row) {
  if (row == context->fault_row) spore_fault();
}

// FNV-1a, 64 bits, of each file.
int32_t checksum(const spore_context *context, uint32_t first, uint32_t end) {
  if (!has_room(context, end)) return no_room;
  for (uint32_t row = first; row < end; row++) {
    maybe_fault(context, row);
    if (row >= context->file_count) return 1;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint64_t i = 0; i < context->files[row].size; i++)
      hash = (hash ^ context->files[row].bytes[i]) * UINT64_C(0x100000001b3);
    result(context, row).store(hash, std::memory_order_relaxed);
  }
  return 0;
}

// Line feeds in each file.
int32_t count_lines(const spore_context *context, uint32_t first, uint32_t end) {
  if (!has_room(context, end)) return no_room;
  for (uint32_t row = first; row < end; row++) {
    maybe_fault(context, row);
    if (row >= context->file_count) return 1;
    uint64_t lines = 0;
    const uint8_t *at = context->files[row].bytes;
    for (uint64_t left = context->files[row].size; left;) {
      const auto *found = static_cast<const uint8_t *>(memchr(at, '\n', left));
      if (!found) break;
      lines++;
      left -= uint64_t(found - at) + 1;
      at = found + 1;
    }
    result(context, row).store(lines, std::memory_order_relaxed);
  }
  return 0;
}

// For tests: does nothing.
int32_t nothing(const spore_context *, uint32_t, uint32_t) { return 0; }

// For tests: result = row + attempt * 2^32.
int32_t number_rows(const spore_context *context, uint32_t first, uint32_t end) {
  if (!has_room(context, end)) return no_room;
  for (uint32_t row = first; row < end; row++) {
    maybe_fault(context, row);
    result(context, row).store(row | uint64_t(context->attempt) << 32, std::memory_order_relaxed);
  }
  return 0;
}

// For tests: returns its first argument (i32), as exit code or status.
int32_t return_argument(const spore_context *context, uint32_t, uint32_t) { return argument<int32_t>(context, 0); }

// For tests: sleeps for its first argument (u32), in ms.
int32_t sleep_ms(const spore_context *context, uint32_t, uint32_t) {
  usleep(argument<uint32_t>(context, 0) * 1000);
  return 0;
}

// For tests: ends itself by the signal in its first argument (i32).
int32_t raise_signal(const spore_context *context, uint32_t, uint32_t) {
  kill(getpid(), argument<int32_t>(context, 0));
  return 0;
}

// For tests: ignores SIGTERM, then waits for ever.
int32_t ignore_sigterm(const spore_context *, uint32_t, uint32_t) {
  signal(SIGTERM, SIG_IGN);
  for (;;) pause();
}

// For tests: result of row = 1 when descriptor `row` is open and not /dev/null, 2 when it is /dev/null.
int32_t look_at_descriptors(const spore_context *context, uint32_t first, uint32_t end) {
  for (uint32_t row = first; row < end; row++) {
    char path[32] = "/proc/self/fd/";
    char digits[12];
    int n = 0;
    uint32_t rest = row;
    do digits[n++] = char('0' + rest % 10);
    while (rest /= 10);
    size_t at = strlen(path);
    while (n) path[at++] = digits[--n];
    path[at] = 0;
    char target[64] = {};
    const ssize_t size = readlink(path, target, sizeof target - 1);
    result(context, row).store(size < 0 ? 0 : strcmp(target, "/dev/null") == 0 ? 2 : 1, std::memory_order_relaxed);
  }
  return 0;
}

constexpr spore_kernel_entry kBuiltin[] = {
    {"checksum", checksum},
    {"count-lines", count_lines},
    {"test-nothing", nothing},
    {"test-number-rows", number_rows},
    {"test-return", return_argument},
    {"test-sleep", sleep_ms},
    {"test-signal", raise_signal},
    {"test-ignore-sigterm", ignore_sigterm},
    {"test-descriptors", look_at_descriptors},
};

} // namespace

void register_builtin_kernels() { register_kernels(kBuiltin); }

void arm_fault(int signo) { fault_signal.store(signo, std::memory_order_relaxed); }

} // namespace spore::staging

extern "C" void spore_fault(void) {
  const int signo = spore::staging::fault_signal.load(std::memory_order_relaxed);
  if (signo == 0) return;
  signal(signo, SIG_DFL);
  kill(getpid(), signo);
  for (;;) // the signal is on its way
    pause();
}

#endif
