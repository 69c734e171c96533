// Forking on the calling thread, for children that go on running JavaScript. Only a process in which no
// other thread can hold anything that the child needs may do so: see src/staging/modules/fork-server.ts.
#pragma once

#include <sys/types.h>

#include <vector>

#include "staging/failure.h"
#include "staging/process.h"

namespace spore::staging {

struct ForkedHere {
  pid_t pid = 0; // 0 in the child
  int pidfd = -1; // -1 where there are none; the caller's to close
};

// In the child: dies by SIGKILL when the calling thread does, leaves no core file, has its own name, and
// the default action for SIGINT. Everything else is as it was: descriptors, handlers, memory. The memory
// that the caller marked MADV_DONTFORK (V8 marks its heap so) is the child's, too.
Failure fork_here(ForkedHere &forked);

// From now on this process is killed when its parent thread ends. False when that has happened already,
// that is, when the parent is not `parent`.
bool follow_parent(pid_t parent);

// A child of fork_here(): it was forked with other threads' state, so it must fork no kernels.
bool is_forked_here();

struct EndedChild {
  pid_t pid;
  ExitStatus status;
};

// Waits until `channel` is readable (the result) or children have ended, which are reaped and added to
// `ended`, or the time is over, unless that is -1. `children` are pid and pidfd.
bool wait_for_events(int channel, const std::vector<ForkedHere> &children, int timeout_ms,
                     std::vector<EndedChild> &ended);

// Whether the process of a pidfd has ended, reaped or not.
bool has_ended(int pidfd);

} // namespace spore::staging
