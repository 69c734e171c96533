// A table that only grows, so that a child forked at any time has a prefix of it.
#include "staging/kernel-registry.h"

#include <string.h>

#include <atomic>
#include <mutex>

namespace spore::staging {

namespace {

constexpr uint32_t kMaxKernels = 256;

spore_kernel_entry kernels[kMaxKernels];
std::atomic<uint32_t> count{0};
std::mutex registering;

} // namespace

int32_t find_kernel(const char *name) {
  const uint32_t n = count.load(std::memory_order_acquire);
  for (uint32_t id = 0; id < n; id++)
    if (strcmp(kernels[id].name, name) == 0) return int32_t(id);
  return -1;
}

uint32_t kernel_count() { return count.load(std::memory_order_acquire); }

const spore_kernel_entry &kernel_at(uint32_t id) { return kernels[id]; }

} // namespace spore::staging

extern "C" int spore_register_kernels(uint32_t abi, const spore_kernel_entry *entries, uint32_t entry_count) {
  using namespace spore::staging;
  if (abi != SPORE_KERNEL_ABI) return -1;
  std::lock_guard lock(registering);
  for (uint32_t i = 0; i < entry_count; i++) {
    const int32_t known = find_kernel(entries[i].name);
    if (known >= 0 && kernels[known].run == entries[i].run) continue; // the addon was loaded by one more environment
    const uint32_t n = count.load(std::memory_order_relaxed);
    if (known >= 0 || n == kMaxKernels) return -1;
    kernels[n] = entries[i];
    count.store(n + 1, std::memory_order_release);
  }
  return 0;
}
