// The kernels that pools of this process know, by name. Process-wide; filled when the addon loads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "spore/kernel.h"

namespace spore::staging {

// The id of a kernel, or -1. A forked child knows the ids that were given out before the fork.
int32_t find_kernel(std::string_view name);
uint32_t kernel_count();
const spore_kernel_entry &kernel_at(uint32_t id);

// Why kernels were not registered: a code as JavaScript has it, or null; and what is to be said.
struct RegistryFailure {
  const char *code = nullptr;
  std::string message;
  explicit operator bool() const { return code != nullptr; }
};

// Makes kernels known by name: all of them, or none when a name is another function's already or there are too
// many. What is registered again changes nothing. The strings must live as long as the process.
RegistryFailure register_kernels(std::span<const spore_kernel_entry> entries);

// Registers the kernels of builtin-kernels.cc; harmless when repeated.
void register_builtin_kernels();

// Loads a shared object for good and registers the kernels of its table, `spore_kernels`. `library` is set to the
// table on success.
RegistryFailure load_kernels(const char *path, const spore_kernel_library *&library);

// In a worker: the signal that spore_fault() raises. 0 disarms it.
void arm_fault(int signo);

} // namespace spore::staging
