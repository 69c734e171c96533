// A table that only grows, so that a child forked at any time has a prefix of it.
#include "staging/kernel-registry.h"

#include <string.h>

#ifdef __linux__
#include <dlfcn.h>
#endif

#include <atomic>
#include <mutex>

namespace spore::staging {

namespace {

constexpr uint32_t kMaxKernels = 1024;

spore_kernel_entry kernels[kMaxKernels];
std::atomic<uint32_t> count{0};
std::mutex registering;

bool is_registered(const spore_kernel_entry &entry) {
  const int32_t known = find_kernel(entry.name);
  return known >= 0 && kernels[known].run == entry.run;
}

} // namespace

int32_t find_kernel(std::string_view name) {
  const uint32_t n = count.load(std::memory_order_acquire);
  for (uint32_t id = 0; id < n; id++)
    if (kernels[id].name == name) return int32_t(id);
  return -1;
}

uint32_t kernel_count() { return count.load(std::memory_order_acquire); }

const spore_kernel_entry &kernel_at(uint32_t id) { return kernels[id]; }

RegistryFailure register_kernels(std::span<const spore_kernel_entry> entries) {
  std::lock_guard lock(registering);
  uint32_t n = count.load(std::memory_order_relaxed);
  for (const spore_kernel_entry &entry : entries) {
    if (!entry.name || !*entry.name || !entry.run) return {"ERR_KERNEL_LIBRARY", "a kernel has no name or no function"};
    if (is_registered(entry)) continue; // the addon was loaded by one more environment
    bool is_taken = find_kernel(entry.name) >= 0;
    for (const spore_kernel_entry *other = entries.data(); other != &entry; other++)
      is_taken |= strcmp(other->name, entry.name) == 0;
    if (is_taken)
      return {"ERR_KERNEL_TAKEN", "there is another kernel of the name \"" + std::string(entry.name) + "\""};
    if (n++ == kMaxKernels) return {"ERR_KERNEL_LIBRARY", "there are " + std::to_string(kMaxKernels) + " kernels"};
  }
  n = count.load(std::memory_order_relaxed);
  for (const spore_kernel_entry &entry : entries)
    if (!is_registered(entry)) {
      kernels[n++] = entry;
      count.store(n, std::memory_order_release);
    }
  return {};
}

#ifdef __linux__

RegistryFailure load_kernels(const char *path, const spore_kernel_library *&library) {
  // Workers have the code, and the registry the names, so it is never unloaded.
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) return {"ERR_KERNEL_LIBRARY", dlerror()};
  library = static_cast<const spore_kernel_library *>(dlsym(handle, "spore_kernels"));
  dlclose(handle);
  if (!library) return {"ERR_KERNEL_LIBRARY", "it exports no table \"spore_kernels\""};
  if (library->abi != SPORE_KERNEL_ABI)
    return {"ERR_KERNEL_ABI", "it was compiled for version " + std::to_string(library->abi) +
                                  " of the interface of kernels; this is version " + std::to_string(SPORE_KERNEL_ABI)};
  if (library->count > 0 && !library->entries) return {"ERR_KERNEL_LIBRARY", "its table has no entries"};
  return register_kernels({library->entries, library->count});
}

#endif

} // namespace spore::staging
