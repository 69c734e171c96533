// Shelves: private memory in which copies of small files stand one after another, so that they are one mapping for
// the kernel, which allows a process so many (vm.max_map_count). What stands on one begins at a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "staging/failure.h"

namespace spore::staging {

// A range of addresses that is unmapped when nobody has a pointer to it any more.
struct Shelf {
  Shelf(uint8_t *base, size_t size) : base(base), size(size) {}
  ~Shelf();
  Shelf(const Shelf &) = delete;
  Shelf &operator=(const Shelf &) = delete;

  uint8_t *base;
  size_t size;
};

// Room for `size` bytes that can be written, from the beginning of a page. Null where the system has no memory.
// Thread-safe.
std::shared_ptr<Shelf> take_room(size_t size, uint8_t *&room);

// Frees the pages of what was there; they read as zeros.
void clear_room(uint8_t *room, size_t size);

// Files of this size are mapped, or copied to memory of their own, however many there are.
inline constexpr size_t kShelvedBelow = size_t(1) << 20;

// Counts the mappings that staging has besides shelves.
void count_mapping(int change);

// Whether staging has so many of them that small files go to a shelf: half of what the system allows. The rest is
// for others in this process, and for large files.
bool is_short_of_mappings();

// Whether the process has as many mappings as the system allows. Looks at all of them.
bool has_all_mappings();

// Tests only: as where the system allows so many. 0: what it really allows.
void set_mapping_limit(uint64_t limit);

} // namespace spore::staging
