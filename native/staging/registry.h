// The registry: which address ranges of this process are staged mappings. Process-wide. Slots are added
// and removed under a lock; the fault handler looks them up without one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace spore::staging {

// What the fault handler found out about a mapping. Bits of RegistrySlot::marks.
enum Mark : uint32_t {
  kMarkShrank = 1, // a page had no file behind it any more (SIGBUS); zeros are there now
  kMarkWritten = 2, // somebody wrote to a read-only page (SIGSEGV); a private copy is there now
};

struct RegistrySlot {
  std::atomic<uintptr_t> begin{0}; // 0 while the slot is free
  std::atomic<size_t> size{0};
  std::atomic<uint32_t> marks{0};
  uint32_t id = 0;
};

// Never fails: the table grows by blocks that are never freed.
RegistrySlot *register_mapping(const void *begin, size_t size);
void unregister_mapping(RegistrySlot *slot);

// The slot whose range holds `address`, or null. Async-signal-safe; linear in the number of mappings.
RegistrySlot *find_mapping(uintptr_t address);

// Unmaps all of them, for a process that is about to end: nobody may look at one, or give one up, after it.
void unmap_all();

// How many mappings are registered; for tests and reports.
size_t registered_mappings();

} // namespace spore::staging
