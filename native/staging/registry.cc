// The registry as blocks of slots that are published once and never freed, so that a signal handler may
// walk them while another thread adds one.
#ifdef __linux__

#include "staging/registry.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <vector>

namespace spore::staging {

namespace {

constexpr uint32_t kBlockSlots = 1024;
constexpr uint32_t kMaxBlocks = 4096; // 4 million mappings: max_map_count stops at 65,530 by default

std::atomic<RegistrySlot *> blocks[kMaxBlocks];
std::atomic<uint32_t> slots_used{0}; // slots that were ever handed out

struct Owners {
  std::mutex mutex;
  std::vector<RegistrySlot *> free;
  size_t live = 0;
};

// Leaked on purpose: finalisers of other threads may run after static destructors.
Owners &owners() {
  // A child that goes on using staging must not find the lock held by a thread that it does not have.
  static Owners *it = [] {
    pthread_atfork([] { owners().mutex.lock(); }, [] { owners().mutex.unlock(); }, [] { owners().mutex.unlock(); });
    return new Owners;
  }();
  return *it;
}

} // namespace

RegistrySlot *register_mapping(const void *begin, size_t size) {
  Owners &o = owners();
  std::lock_guard lock(o.mutex);
  RegistrySlot *slot;
  if (!o.free.empty()) {
    slot = o.free.back();
    o.free.pop_back();
  } else {
    const uint32_t id = slots_used.load(std::memory_order_relaxed);
    if (id / kBlockSlots >= kMaxBlocks) return nullptr; // unprotected against faults, and otherwise usable
    if (id % kBlockSlots == 0) blocks[id / kBlockSlots].store(new RegistrySlot[kBlockSlots], std::memory_order_release);
    slot = &blocks[id / kBlockSlots].load(std::memory_order_relaxed)[id % kBlockSlots];
    slot->id = id;
    slots_used.store(id + 1, std::memory_order_release);
  }
  slot->marks.store(0, std::memory_order_relaxed);
  slot->size.store(size, std::memory_order_relaxed);
  slot->begin.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_release);
  o.live++;
  return slot;
}

void unregister_mapping(RegistrySlot *slot) {
  if (!slot) return;
  Owners &o = owners();
  std::lock_guard lock(o.mutex);
  slot->begin.store(0, std::memory_order_release);
  o.free.push_back(slot);
  o.live--;
}

RegistrySlot *find_mapping(uintptr_t address) {
  const uint32_t used = slots_used.load(std::memory_order_acquire);
  for (uint32_t id = 0; id < used; id++) {
    RegistrySlot &slot = blocks[id / kBlockSlots].load(std::memory_order_acquire)[id % kBlockSlots];
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin && address >= begin && address - begin < slot.size.load(std::memory_order_relaxed)) return &slot;
  }
  return nullptr;
}

void unmap_all() {
  const uintptr_t page_mask = uintptr_t(sysconf(_SC_PAGESIZE)) - 1;
  const uint32_t used = slots_used.load(std::memory_order_acquire);
  for (uint32_t id = 0; id < used; id++) {
    const RegistrySlot &slot = blocks[id / kBlockSlots].load(std::memory_order_acquire)[id % kBlockSlots];
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0) continue;
    const size_t before = begin & page_mask;
    munmap(reinterpret_cast<void *>(begin - before), before + slot.size.load(std::memory_order_relaxed));
  }
}

size_t registered_mappings() {
  Owners &o = owners();
  std::lock_guard lock(o.mutex);
  return o.live;
}

} // namespace spore::staging

#endif
