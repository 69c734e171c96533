// Mappings: ranges of addresses that staging made, and who keeps them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "staging/budget.h"
#include "staging/failure.h"
#include "staging/registry.h"
#include "staging/shelf.h"

namespace spore::staging {

// src/staging/stage-mode.ts has the same numbers, and passes them.
enum class StageMode : uint8_t { None, Mmap, MmapShared, Prefetch, Adaptive };

// Where Adaptive changes its mind; src/staging/stage-mode.ts says what each means. Sizes are in bytes.
struct AdaptiveThresholds {
  uint64_t prefetch_below;
  uint64_t cold_prefetch_below;
  double resident_share;
  uint64_t shared_from;
};

// Chooses a mode for an open file. Asks for its residency only where the answer matters.
StageMode adapt(const AdaptiveThresholds &thresholds, int fd, uint64_t size);

// How much of an open file is in memory, from 0 to 1, as mincore says. 1 where the system does not tell: mincore
// calls all pages of a file resident that the process neither owns nor may write to.
double resident_share(int fd, uint64_t size);

// Asks the system to drop a file's pages, once they are on disk. A file system in memory does not.
Failure evict_file(int fd);

// One range. It lives while anybody has a shared_ptr to it: an owner, or a buffer that was handed out.
// When the last owner releases it while buffers are still out, an empty mapping takes its place, so that
// a thread that is still reading through one (zlib, crypto) reads zeros, and nothing else can be mapped
// there. An owner that is merely forgotten leaves the bytes to the buffers.
class Mapping {
public:
  // Takes over `size` bytes mapped at `base`, `guard_bytes` behind them that cannot be accessed, and
  // `budget_bytes` already taken from the budget.
  Mapping(uint8_t *base, size_t size, BudgetKind kind, uint64_t budget_bytes, size_t guard_bytes = 0);
  // The same for room on a shelf.
  Mapping(uint8_t *room, size_t size, uint64_t budget_bytes, std::shared_ptr<Shelf> shelf);
  ~Mapping();
  Mapping(const Mapping &) = delete;
  Mapping &operator=(const Mapping &) = delete;

  uint8_t *base() const { return base_; }
  // The range as system calls have it: from the beginning of a page, which is base() unless the bytes were put
  // at the end of one.
  uint8_t *first_page() const;
  size_t page_bytes() const { return size_t(base_ - first_page()) + size_; }
  size_t size() const { return size_; }
  uint32_t marks() const { return slot_ ? slot_->marks.load(std::memory_order_relaxed) : 0; }

private:
  friend class MappingOwner;
  void retire();

  uint8_t *base_;
  size_t size_;
  size_t guard_bytes_;
  BudgetKind budget_kind_;
  uint64_t budget_bytes_;
  RegistrySlot *slot_;
  std::shared_ptr<Shelf> shelf_; // null when the range is a mapping of its own
  std::atomic<uint32_t> owners_{0};
};

// Keeps a mapping's bytes. Copies count. release() gives them up, the destructor does not insist.
class MappingOwner {
public:
  MappingOwner() = default;
  explicit MappingOwner(std::shared_ptr<Mapping> mapping);
  MappingOwner(const MappingOwner &other);
  MappingOwner(MappingOwner &&other) noexcept = default;
  MappingOwner &operator=(MappingOwner other) noexcept;
  ~MappingOwner();

  void release();
  Mapping *operator->() const { return mapping_.get(); }
  explicit operator bool() const { return mapping_ != nullptr; }
  const std::shared_ptr<Mapping> &mapping() const { return mapping_; }

private:
  std::shared_ptr<Mapping> mapping_;
};

// A descriptor that is closed with its owner.
class OwnedDescriptor {
public:
  explicit OwnedDescriptor(int fd) : fd_(fd) {}
  ~OwnedDescriptor();
  OwnedDescriptor(const OwnedDescriptor &) = delete;
  OwnedDescriptor &operator=(const OwnedDescriptor &) = delete;
  int get() const { return fd_; }

private:
  int fd_;
};

// What fstat said when a file was staged; compared later to tell whether it changed.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  bool operator==(const FileIdentity &) const = default;
};

inline constexpr size_t kHeadBytes = 64;

struct StagedFile {
  std::string path;
  StageMode mode = StageMode::None;
  FileIdentity identity;
  MappingOwner mapping; // none for an empty file, and in mode None
  std::shared_ptr<OwnedDescriptor> descriptor; // kept only for who asked for it, and until it has been sent
  Failure failure;
};

struct StageRequest {
  StageMode mode;
  AdaptiveThresholds thresholds;
  bool keep_going; // go on after a file that fails, and leave its failure in its row
  bool keep_descriptors; // leave the descriptor in the file's row, for descriptor_of()
};

// A file is read where it was to be mapped (its mode is Prefetch then) when the process is short of mappings.
//
// Stages file.path, or the open descriptor `fd` when it is not negative, and copies the first kHeadBytes
// bytes to `head`. No descriptor stays open unless the request says so.
Failure stage_file(StagedFile &file, int fd, const StageRequest &request, uint8_t *head);

// Makes the copies of files that were read (Prefetch) read-only, so that a write is noticed in every mode. For a batch
// at once: each change of access interrupts the processors that other threads read files on, and copies lie side by
// side.
void protect_copies(const std::vector<StagedFile> &files);

// A descriptor from which another process can map what was staged. Of the file: opened anew unless its
// descriptor was kept, and refused (kFileReplaced) when another file has its path now. Of a copy where the
// bytes are private to this process (Prefetch). The caller's to close. -1 without a failure when there are
// no bytes.
int descriptor_of(const StagedFile &file, Failure &failure);

// The other end of it: maps what descriptor_of() gave another process. `fd` stays the caller's.
Failure adopt_file(StagedFile &file, int fd);

// Whether the file at `path` (or open as `fd`) is still what was staged. Fills `now` on success.
Failure identify(const char *path, int fd, FileIdentity &now);

// madvise(MADV_SEQUENTIAL) over the whole mapping.
Failure advise_sequential(const Mapping &mapping);

} // namespace spore::staging
