// A bump allocator over a memfd, with a first-fit list of freed extents. An arena has hundreds of extents
// (columns), not millions, so ordered maps will do.
#ifdef __linux__

#include "staging/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

namespace spore::staging {

namespace {

constexpr uint64_t kSmallestReserve = UINT64_C(64) << 20;
constexpr uint64_t kGrowStep = UINT64_C(4) << 20;

uint64_t align_up(uint64_t value, uint64_t align) { return (value + align - 1) & ~(align - 1); }

} // namespace

std::unique_ptr<Arena> Arena::create(uint64_t bytes, Failure &failure) {
  const auto page = uint64_t(sysconf(_SC_PAGESIZE));
  std::unique_ptr<Arena> arena(new Arena);
  arena->fd_ = memfd_create("spore-arena", MFD_CLOEXEC);
  if (arena->fd_ < 0) {
    failure = {errno, "memfd_create"};
    return nullptr;
  }
  uint64_t size = align_up(std::max(bytes, page), page);
  void *base;
  bool is_limited = false;
  // RLIMIT_AS counts reservations too, so a limited process gets what fits.
  while ((base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, arena->fd_, 0)) ==
         MAP_FAILED) {
    if (errno != ENOMEM || size <= kSmallestReserve) {
      failure = {errno, "mmap"};
      return nullptr;
    }
    size = align_up(size / 2, page);
    is_limited = true;
  }
  // Others need memory, too: V8 ends a process that finds none for its heap.
  if (is_limited && size / 2 >= kSmallestReserve) {
    const uint64_t half = align_up(size / 2, page);
    munmap(static_cast<uint8_t *>(base) + half, size - half);
    size = half;
  }
  arena->reserved_ = size;
  arena->mapping_ = MappingOwner(std::make_shared<Mapping>(static_cast<uint8_t *>(base), size, BudgetKind::Mapped, 0));
  return arena;
}

std::unique_ptr<Arena> Arena::adopt(int fd, uint64_t bytes, uint64_t base, Failure &failure) {
  std::unique_ptr<Arena> arena(new Arena);
  arena->fd_ = fd;
  void *at = mmap(reinterpret_cast<void *>(base), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (at == MAP_FAILED) {
    failure = {errno, "mmap"};
    return nullptr;
  }
  arena->reserved_ = bytes;
  arena->is_borrowed_ = true;
  arena->mapping_ = MappingOwner(std::make_shared<Mapping>(static_cast<uint8_t *>(at), bytes, BudgetKind::Mapped, 0));
  return arena;
}

void Arena::set_extents(const std::vector<std::pair<uint64_t, uint64_t>> &extents) {
  extents_ = {extents.begin(), extents.end()};
}

Arena::~Arena() {
  if (fd_ >= 0) close(fd_);
}

Failure Arena::grow(uint64_t end) {
  if (end <= committed_) return {};
  // An untouched page costs nothing, so grow in large steps.
  const uint64_t size = std::min(reserved_, align_up(std::max(end, committed_ + committed_ / 2), kGrowStep));
  if (ftruncate(fd_, off_t(size)) != 0) return {errno, "ftruncate"};
  committed_ = size;
  return {};
}

int64_t Arena::allocate(uint64_t bytes, uint64_t align, bool is_dirty, Failure &failure) {
  if (is_borrowed_) {
    failure = {kArenaBorrowed, "allocate"};
    return -1;
  }
  bytes = std::max<uint64_t>(bytes, 1);
  version_++;
  if (is_dirty) {
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      const uint64_t offset = align_up(it->first, align);
      const uint64_t end = it->first + it->second;
      if (offset > end || bytes > end - offset) continue;
      const uint64_t begin = it->first;
      free_.erase(it);
      if (offset > begin) free_[begin] = offset - begin;
      if (end > offset + bytes) free_[offset + bytes] = end - (offset + bytes);
      extents_[offset] = bytes;
      return int64_t(offset);
    }
  }
  if (top_ > reserved_ - std::min(align, reserved_) || bytes > reserved_ - align_up(top_, align)) {
    failure = {kArenaFull, "allocate"};
    return -1;
  }
  const uint64_t offset = align_up(top_, align);
  failure = grow(offset + bytes);
  if (failure) return -1;
  top_ = offset + bytes;
  extents_[offset] = bytes;
  return int64_t(offset);
}

bool Arena::free(uint64_t offset) {
  const auto found = extents_.find(offset);
  if (found == extents_.end() || is_borrowed_) return false;
  version_++;
  uint64_t begin = offset;
  uint64_t end = offset + found->second;
  extents_.erase(found);
  auto next = free_.lower_bound(begin);
  if (next != free_.end() && next->first == end) {
    end += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == begin) {
      begin = before->first;
      free_.erase(before);
    }
  }
  free_[begin] = end - begin;
  return true;
}

Failure Arena::release(uint64_t offset, uint64_t bytes) {
  if (is_borrowed_) return {kArenaBorrowed, "release"};
  const auto page = uint64_t(sysconf(_SC_PAGESIZE));
  const uint64_t begin = align_up(offset, page);
  const uint64_t end = std::min(offset + bytes, committed_) & ~(page - 1);
  if (begin >= end) return {};
  if (fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(begin), off_t(end - begin)) != 0)
    return {errno, "fallocate"};
  return {};
}

bool Arena::find_extent(uint64_t offset, uint64_t bytes, uint64_t &extent_offset, uint64_t &extent_bytes) const {
  auto after = extents_.upper_bound(offset);
  if (after == extents_.begin()) return false;
  const auto &[begin, size] = *std::prev(after);
  if (offset - begin > size || bytes > size - (offset - begin)) return false;
  extent_offset = begin;
  extent_bytes = size;
  return true;
}

uint64_t Arena::touched_bytes() const {
  struct stat st;
  return fstat(fd_, &st) == 0 ? uint64_t(st.st_blocks) * 512 : 0;
}

} // namespace spore::staging

#endif
