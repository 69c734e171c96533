// A shelf is filled from its beginning. What is on it is made read-only piece by piece: neighbours that are alike are
// one mapping again, so at any time the kernel has a few for each shelf.
#ifdef __linux__

#include "staging/shelf.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>

namespace spore::staging {

namespace {

constexpr size_t kShelfBytes = size_t(64) << 20;
// What the kernel has when nobody has changed it, for where /proc does not say.
constexpr uint64_t kUsualLimit = 65530;

struct Filling {
  std::mutex mutex;
  std::shared_ptr<Shelf> shelf;
  size_t used = 0;
};

// Leaked on purpose, and held over a fork: as the registry is.
Filling &filling() {
  static Filling *it = [] {
    pthread_atfork([] { filling().mutex.lock(); }, [] { filling().mutex.unlock(); }, [] { filling().mutex.unlock(); });
    return new Filling;
  }();
  return *it;
}

std::atomic<int64_t> mappings{0};
std::atomic<uint64_t> limit_for_tests{0};

uint64_t system_limit() {
  static const uint64_t limit = [] {
    char text[32] = {};
    const int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    const uint64_t said = size > 0 ? strtoull(text, nullptr, 10) : 0;
    return said ? said : kUsualLimit;
  }();
  return limit;
}

uint64_t mapping_limit() {
  const uint64_t limit = limit_for_tests.load(std::memory_order_relaxed);
  return limit ? limit : system_limit();
}

size_t page_size() {
  static const auto size = size_t(sysconf(_SC_PAGESIZE));
  return size;
}

size_t whole_pages(size_t size) { return (size + page_size() - 1) & ~(page_size() - 1); }

} // namespace

Shelf::~Shelf() { munmap(base, size); }

std::shared_ptr<Shelf> take_room(size_t size, uint8_t *&room) {
  const size_t bytes = whole_pages(size);
  Filling &now = filling();
  std::lock_guard lock(now.mutex);
  if (!now.shelf || bytes > now.shelf->size - now.used) {
    const size_t shelf_bytes = std::max(kShelfBytes, bytes);
    void *base = mmap(nullptr, shelf_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return nullptr;
    now.shelf = std::make_shared<Shelf>(static_cast<uint8_t *>(base), shelf_bytes);
    now.used = 0;
  }
  room = now.shelf->base + now.used;
  now.used += bytes;
  return now.shelf;
}

void clear_room(uint8_t *room, size_t size) { madvise(room, whole_pages(size), MADV_DONTNEED); }

void count_mapping(int change) { mappings.fetch_add(change, std::memory_order_relaxed); }

bool is_short_of_mappings() { return mappings.load(std::memory_order_relaxed) >= int64_t(mapping_limit() / 2); }

bool has_all_mappings() {
  // Counting takes 30 ms where it matters, and thousands of files may fail one after another.
  static std::atomic<int64_t> full_with{-1};
  const int64_t ours = mappings.load(std::memory_order_relaxed);
  if (ours == full_with.load(std::memory_order_relaxed)) return true;
  FILE *maps = fopen("/proc/self/maps", "re");
  if (!maps) return false;
  uint64_t lines = 0;
  for (int c; (c = getc_unlocked(maps)) != EOF;) lines += c == '\n';
  fclose(maps);
  const bool is_full = lines + 2 >= system_limit(); // one that was to be split needs two
  if (is_full) full_with.store(ours, std::memory_order_relaxed);
  return is_full;
}

void set_mapping_limit(uint64_t limit) { limit_for_tests.store(limit, std::memory_order_relaxed); }

} // namespace spore::staging

#endif
