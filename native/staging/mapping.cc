// Staging one file: open, fstat, the first bytes, map or read, close. A batch is a loop over this.
#ifdef __linux__

#include "staging/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "staging/bus-error.h"
#include "staging/checked.h"
#include "staging/channel.h"

namespace spore::staging {

namespace {

// O_NONBLOCK: a FIFO without a writer must not hang the caller. It means nothing to a regular file.
int open_to_read(const std::string &path) { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }

FileIdentity identity_of(const struct stat &st) {
  return {.device = st.st_dev,
          .inode = st.st_ino,
          .size = uint64_t(st.st_size),
          .modified_ns = int64_t(st.st_mtim.tv_sec) * 1'000'000'000 + st.st_mtim.tv_nsec};
}

bool is_same_file(const FileIdentity &a, const FileIdentity &b) { return a.device == b.device && a.inode == b.inode; }

// Fills memory from the file. A file that is shorter than it was leaves zeros.
Failure read_whole(int fd, uint8_t *to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = pread(fd, to + done, std::min(size - done, size_t(1) << 30), off_t(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return {errno, "read"};
    if (n == 0) break;
    done += size_t(n);
  }
  return {};
}

// Memory for a copy of a file. The checked build (`node build.mjs sanitize`) puts its last byte right before a
// page that cannot be accessed, so that a worker that reads on is ended.
void *reserve_copy(size_t size, size_t &guard_bytes) {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  const size_t padding = is_checked ? -size & (page - 1) : 0;
  guard_bytes = is_checked ? page : 0;
  void *base = mmap(nullptr, padding + size + guard_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return base;
  auto *begin = static_cast<uint8_t *>(base) + padding;
  if (is_checked) mprotect(begin + size, page, PROT_NONE);
  return begin;
}

// Why memory could not be mapped.
Failure mmap_failure() {
  const int error = errno;
  return error == ENOMEM && has_all_mappings() ? Failure{kNoMoreMappings, "mmap"} : Failure{error, "mmap"};
}

bool goes_to_shelf(size_t size) { return !is_checked && size < kShelvedBelow && is_short_of_mappings(); }

// Memory for a copy of a file, whose bytes are in the budget.
Failure map_copy(StagedFile &file, BudgetKind kind, size_t size) {
  if (goes_to_shelf(size)) {
    uint8_t *room = nullptr;
    std::shared_ptr<Shelf> shelf = take_room(size, room);
    if (!shelf) return mmap_failure();
    file.mapping = MappingOwner(std::make_shared<Mapping>(room, size, size, std::move(shelf)));
    return {};
  }
  size_t guard_bytes = 0;
  void *base = reserve_copy(size, guard_bytes);
  if (base == MAP_FAILED) return mmap_failure();
  file.mapping = MappingOwner(std::make_shared<Mapping>(static_cast<uint8_t *>(base), size, kind, size, guard_bytes));
  return {};
}

// Reads the file into memory.
Failure copy_file(StagedFile &file, int fd, BudgetKind kind, size_t size) {
  if (!take_budget(kind, size)) return {kBudgetExceeded, "read"};
  if (const Failure failure = map_copy(file, kind, size)) {
    return_budget(kind, size);
    return failure;
  }
  const Failure failure = read_whole(fd, file.mapping->base(), size);
  if (failure) file.mapping.release();
  return failure;
}

Failure map_file(StagedFile &file, int fd, size_t size, int flags) {
  if (!take_budget(BudgetKind::Mapped, size)) return {kBudgetExceeded, "mmap"};
  void *base = mmap(nullptr, size, PROT_READ, flags, fd, 0);
  if (base == MAP_FAILED) {
    const Failure failure = mmap_failure();
    return_budget(BudgetKind::Mapped, size);
    return failure;
  }
  file.mapping = MappingOwner(std::make_shared<Mapping>(static_cast<uint8_t *>(base), size, BudgetKind::Mapped, size));
  return {};
}

Failure stage_bytes(StagedFile &file, int fd, size_t size) {
  if (file.mode == StageMode::Prefetch) return copy_file(file, fd, BudgetKind::Prefetched, size);
  if (is_checked) return copy_file(file, fd, BudgetKind::Mapped, size);
  return map_file(file, fd, size, file.mode == StageMode::MmapShared ? MAP_SHARED : MAP_PRIVATE);
}

} // namespace

double resident_share(int fd, uint64_t size) {
  if (size == 0) return 1;
  void *base = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return 1;
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((size + page - 1) / page);
  const bool is_known = mincore(base, size, pages.data()) == 0;
  munmap(base, size);
  if (!is_known) return 1;
  const auto resident = std::count_if(pages.begin(), pages.end(), [](unsigned char flags) { return flags & 1; });
  return double(resident) / double(pages.size());
}

Failure evict_file(int fd) {
  if (fsync(fd) != 0) return {errno, "fsync"};
  if (const int error = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) return {error, "posix_fadvise"};
  return {};
}

StageMode adapt(const AdaptiveThresholds &thresholds, int fd, uint64_t size) {
  if (size < thresholds.prefetch_below) return StageMode::Prefetch;
  if (size < thresholds.cold_prefetch_below && resident_share(fd, size) < thresholds.resident_share)
    return StageMode::Prefetch;
  return size < thresholds.shared_from ? StageMode::Mmap : StageMode::MmapShared;
}

Mapping::Mapping(uint8_t *base, size_t size, BudgetKind kind, uint64_t budget_bytes, size_t guard_bytes)
    : base_(base), size_(size), guard_bytes_(guard_bytes), budget_kind_(kind), budget_bytes_(budget_bytes),
      slot_(register_mapping(base, size)) {
  count_mapping(1);
  install_fault_handlers();
}

Mapping::Mapping(uint8_t *room, size_t size, uint64_t budget_bytes, std::shared_ptr<Shelf> shelf)
    : base_(room), size_(size), guard_bytes_(0), budget_kind_(BudgetKind::Prefetched), budget_bytes_(budget_bytes),
      slot_(register_mapping(room, size)), shelf_(std::move(shelf)) {
  install_fault_handlers();
}

uint8_t *Mapping::first_page() const {
  return base_ - (reinterpret_cast<uintptr_t>(base_) & uintptr_t(sysconf(_SC_PAGESIZE) - 1));
}

Mapping::~Mapping() {
  unregister_mapping(slot_); // before the range can be somebody else's
  if (shelf_) {
    clear_room(base_, size_);
  } else {
    munmap(first_page(), page_bytes() + guard_bytes_);
    count_mapping(-1);
  }
  return_budget(budget_kind_, budget_bytes_);
}

void Mapping::retire() {
  return_budget(budget_kind_, std::exchange(budget_bytes_, 0));
  if (shelf_) return clear_room(base_, size_);
  [[maybe_unused]] void *empty =
      mmap(first_page(), page_bytes(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
}

MappingOwner::MappingOwner(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping)) {
  if (mapping_) mapping_->owners_.fetch_add(1, std::memory_order_relaxed);
}

MappingOwner::MappingOwner(const MappingOwner &other) : MappingOwner(other.mapping_) {}

MappingOwner &MappingOwner::operator=(MappingOwner other) noexcept {
  std::swap(mapping_, other.mapping_);
  return *this;
}

MappingOwner::~MappingOwner() {
  if (mapping_) mapping_->owners_.fetch_sub(1, std::memory_order_relaxed);
}

void MappingOwner::release() {
  if (!mapping_) return;
  // A use count above one is a buffer: whoever else owns the bytes keeps owners_ up.
  if (mapping_->owners_.fetch_sub(1, std::memory_order_acq_rel) == 1 && mapping_.use_count() > 1) mapping_->retire();
  mapping_.reset();
}

Failure stage_file(StagedFile &file, int fd, const StageRequest &request, uint8_t *head) {
  // The system would take it for the path up to there, which is another file's.
  if (file.path.find('\0') != std::string::npos) return {kPathHasNul, "open"};
  std::shared_ptr<OwnedDescriptor> opened;
  if (fd < 0) {
    opened = std::make_shared<OwnedDescriptor>(fd = open_to_read(file.path));
    if (fd < 0) return {errno, "open"};
  }
  struct stat st;
  if (fstat(fd, &st) != 0) return {errno, "fstat"};
  if (S_ISDIR(st.st_mode)) return {EISDIR, "read"};
  if (!S_ISREG(st.st_mode)) return {kNotRegularFile, "mmap"};

  file.identity = identity_of(st);
  file.mode = request.mode == StageMode::Adaptive ? adapt(request.thresholds, fd, file.identity.size) : request.mode;
  if (file.identity.size == 0) return {};
  // Read, not copied from the mapping: a page fault costs more, and the file may be shrinking.
  if (pread(fd, head, std::min<uint64_t>(kHeadBytes, file.identity.size), 0) < 0) return {errno, "read"};
  if (file.mode == StageMode::None) return {};
  if (goes_to_shelf(size_t(file.identity.size))) file.mode = StageMode::Prefetch;
  if (const Failure failure = stage_bytes(file, fd, size_t(file.identity.size))) return failure;
  if (!request.keep_descriptors || file.mode == StageMode::Prefetch) return {};
  if (!opened) opened = std::make_shared<OwnedDescriptor>(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (opened->get() < 0) return {errno, "dup"};
  file.descriptor = std::move(opened);
  return {};
}

void protect_copies(const std::vector<StagedFile> &files) {
  const auto page_mask = uintptr_t(sysconf(_SC_PAGESIZE) - 1);
  std::vector<std::pair<uintptr_t, uintptr_t>> ranges;
  for (const StagedFile &file : files) {
    if (!file.mapping || !(file.mode == StageMode::Prefetch || is_checked)) continue;
    const auto begin = reinterpret_cast<uintptr_t>(file.mapping->first_page());
    ranges.emplace_back(begin, (begin + file.mapping->page_bytes() + page_mask) & ~page_mask);
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 0; i < ranges.size();) {
    auto [begin, end] = ranges[i];
    for (i++; i < ranges.size() && ranges[i].first <= end; i++) end = std::max(end, ranges[i].second);
    mprotect(reinterpret_cast<void *>(begin), end - begin, PROT_READ);
  }
}

int descriptor_of(const StagedFile &file, Failure &failure) {
  if (!file.mapping) return -1;
  if (file.mode == StageMode::Prefetch) return sealed_memfd(file.mapping->base(), file.mapping->size(), failure);
  const int fd = file.descriptor ? fcntl(file.descriptor->get(), F_DUPFD_CLOEXEC, 3) : open_to_read(file.path);
  if (fd < 0) {
    failure = {errno, file.descriptor ? "dup" : "open"};
    return -1;
  }
  FileIdentity now;
  failure = identify(file.path.c_str(), fd, now);
  // What was staged is mapped here, so no other file can have its inode.
  if (!failure && !is_same_file(now, file.identity)) failure = {kFileReplaced, "open"};
  if (!failure) return fd;
  close(fd);
  return -1;
}

Failure adopt_file(StagedFile &file, int fd) {
  const auto size = size_t(file.identity.size);
  FileIdentity now;
  if (const Failure failure = identify(file.path.c_str(), fd, now)) return failure;
  // A memfd has nothing in common with the file that it is a copy of.
  if (file.mode != StageMode::Prefetch && !is_same_file(now, file.identity)) return {kFileReplaced, "open"};
  // A copy of a copy, where there are too many to map each.
  if (file.mode == StageMode::Prefetch && goes_to_shelf(size)) return copy_file(file, fd, BudgetKind::Prefetched, size);
  return map_file(file, fd, size, file.mode == StageMode::Mmap ? MAP_PRIVATE : MAP_SHARED);
}

OwnedDescriptor::~OwnedDescriptor() {
  if (fd_ >= 0) close(fd_);
}

Failure identify(const char *path, int fd, FileIdentity &now) {
  struct stat st;
  if ((fd >= 0 ? fstat(fd, &st) : stat(path, &st)) != 0) return {errno, fd >= 0 ? "fstat" : "stat"};
  now = identity_of(st);
  return {};
}

Failure advise_sequential(const Mapping &mapping) {
  if (madvise(mapping.first_page(), mapping.page_bytes(), MADV_SEQUENTIAL) != 0) return {errno, "madvise"};
  return {};
}

} // namespace spore::staging

#endif
