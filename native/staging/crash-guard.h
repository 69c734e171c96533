// Runs what may crash, in a process that nobody needs.
#pragma once

#include <functional>

namespace spore::staging {

// Returns 0, or the signal of the crash that ended `run` in its middle. What it held then is lost: locks, memory,
// descriptors. The process has to end soon, but can say so, and remove what it has made. One at a time.
int run_guarded(const std::function<void()> &run);

} // namespace spore::staging
