// The handler that keeps a view of a staged file from killing the process.
#pragma once

#include <cstdint>

namespace spore::staging {

// Installs the SIGBUS and SIGSEGV handlers, once per process. They act on addresses in the registry
// only; every other fault goes to the handler that was there before (V8's, for WebAssembly), or to the
// default action. Thread-safe, cheap when already done.
void install_fault_handlers();

// How many faults were repaired in this process, or in those that it was forked from. While there are none, no mapping
// has a mark.
uint32_t repaired_faults();

} // namespace spore::staging
