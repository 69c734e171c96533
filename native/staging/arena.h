// The shared arena: a memfd mapped MAP_SHARED, reserved large and grown on demand. Forked children see
// it at the same address. One thread allocates; who touches what is the callers' business.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "staging/failure.h"
#include "staging/mapping.h"

namespace spore::staging {

class Arena {
public:
  // Reserves `bytes` of address space, or the largest half, quarter, … of it that the process may have.
  static std::unique_ptr<Arena> create(uint64_t bytes, Failure &failure);
  // Maps the arena of another process, at its address there if that is free here. Takes `fd` over.
  static std::unique_ptr<Arena> adopt(int fd, uint64_t bytes, uint64_t base, Failure &failure);
  ~Arena();
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  // An extent of `bytes`, zero-filled unless `is_dirty` allows one that was freed before. Returns its
  // offset from the base, or -1 with `failure` set. `align` is a power of two.
  int64_t allocate(uint64_t bytes, uint64_t align, bool is_dirty, Failure &failure);

  // Gives an extent back for dirty allocations; its pages stay. False when no extent begins there.
  bool free(uint64_t offset);

  // Frees the pages that lie wholly inside; they read as zeros when touched again.
  Failure release(uint64_t offset, uint64_t bytes);

  // The allocated extent that covers the range, as its offset and size; false when none does.
  bool find_extent(uint64_t offset, uint64_t bytes, uint64_t &extent_offset, uint64_t &extent_bytes) const;

  // From now on another process allocates: here nothing can be allocated, freed or released, and what is
  // allocated is what set_extents() says, offset and size of each.
  void borrow() { is_borrowed_ = true; }
  void set_extents(const std::vector<std::pair<uint64_t, uint64_t>> &extents);
  const std::map<uint64_t, uint64_t> &extents() const { return extents_; }
  uint64_t version() const { return version_; } // changes with the extents

  // Gives the memory up, whatever buffers are out. Nothing may be called afterwards.
  void release_all() { mapping_.release(); }

  uint64_t touched_bytes() const; // what the memfd has in pages, over all processes
  uint64_t reserved_bytes() const { return reserved_; }
  uint64_t allocated_bytes() const { return top_; }
  uint8_t *base() const { return mapping_->base(); }
  int fd() const { return fd_; }
  const MappingOwner &mapping() const { return mapping_; }

private:
  Arena() = default;
  Failure grow(uint64_t end);

  int fd_ = -1;
  MappingOwner mapping_;
  uint64_t reserved_ = 0;
  uint64_t committed_ = 0; // the memfd's size; a touch beyond it is SIGBUS
  uint64_t top_ = 0;
  uint64_t version_ = 0;
  bool is_borrowed_ = false;
  std::map<uint64_t, uint64_t> extents_; // offset to size, what is in use
  std::map<uint64_t, uint64_t> free_; // offset to size, for dirty allocations
};

} // namespace spore::staging
