// The handler that keeps a view of a staged file from killing the process.
#pragma once

namespace spore::staging {

// Installs the SIGBUS and SIGSEGV handlers, once per process. They act on addresses in the registry
// only; every other fault goes to the handler that was there before (V8's, for WebAssembly), or to the
// default action. Thread-safe, cheap when already done.
void install_fault_handlers();

} // namespace spore::staging
