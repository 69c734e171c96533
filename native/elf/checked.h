// The checked build (-DSPORE_CHECKED, `node build.mjs sanitize`) looks at every index into a column or an
// array of a file. One that is out of bounds ends the worker at once, with a trace when a sanitizer is there
// to print it.
#pragma once

#include <cstdint>

#ifdef SPORE_CHECKED
extern "C" __attribute__((weak)) void __sanitizer_print_stack_trace();
#endif

namespace spore {

inline void check_index([[maybe_unused]] uint64_t index, [[maybe_unused]] uint64_t count) {
#ifdef SPORE_CHECKED
  if (index < count) return;
  if (__sanitizer_print_stack_trace) __sanitizer_print_stack_trace();
  __builtin_trap();
#endif
}

} // namespace spore
