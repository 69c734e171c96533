// The kernels that pools of this process know, by name. Process-wide; filled when the addon loads.
#pragma once

#include <cstdint>

#include "spore/kernel.h"

namespace spore::staging {

// The id of a kernel, or -1. A forked child knows the ids that were given out before the fork.
int32_t find_kernel(const char *name);
uint32_t kernel_count();
const spore_kernel_entry &kernel_at(uint32_t id);

// Registers the kernels of builtin-kernels.cc; harmless when repeated.
void register_builtin_kernels();

// In a worker: the signal that spore_fault() raises. 0 disarms it.
void arm_fault(int signo);

} // namespace spore::staging
