// System calls for each of many files, by a few threads: they wait for the kernel, not for each other. The threads are
// gone when the call returns, also for who counts threads before it forks.
#pragma once

#ifdef __linux__

#include <cstddef>
#include <functional>

namespace spore::staging {

// Calls `work` for every index below `count`, in any order, from this thread and others. `work` does not throw.
void in_parallel(size_t count, const std::function<void(size_t)> &work);

} // namespace spore::staging

#endif
