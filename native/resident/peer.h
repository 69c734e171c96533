// The process at the other end of a socket: whether a child of this process can take its place, and how it does.
#pragma once

#include <sys/types.h>

#include <string>

namespace spore::resident {

// Why this process must not act for process `pid`: it is another user's, has other rights, or sees other files. Empty
// if it may. All of it is read from /proc, nothing believed.
std::string difference_from(pid_t pid);

// Takes over what the process has been given: its file mode mask, limits, processors and priority. Returns what cannot
// be had.
std::string take_over_from(pid_t pid);

} // namespace spore::resident
