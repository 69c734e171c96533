#ifdef __linux__

#include "resident/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace spore::resident {

namespace {

using Path = std::array<char, 64>;

Path path_of(pid_t pid, const char *name) {
  Path path;
  snprintf(path.data(), path.size(), "/proc/%d/%s", int(pid), name);
  return path;
}

// Whether a file of /proc is the same thing for both: a namespace, the root folder.
bool is_same(pid_t pid, const char *name) {
  struct stat theirs, ours;
  return stat(path_of(pid, name).data(), &theirs) == 0 && stat(path_of(getpid(), name).data(), &ours) == 0 &&
         theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

std::string status_of(pid_t pid) {
  std::string text;
  const int fd = open(path_of(pid, "status").data(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char part[4096];
  for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;) text.append(part, size_t(n));
  close(fd);
  return text;
}

// A line of proc(5)'s status, without its name.
std::string line_of(const std::string &status, const char *name) {
  const size_t begin = status.find(std::string("\n") + name + ":");
  if (begin == std::string::npos) return {};
  return status.substr(begin + 1, status.find('\n', begin + 1) - begin - 1);
}

} // namespace

std::string difference_from(pid_t pid) {
  // A process that is in no namespace of ours has no number here.
  if (pid <= 0) return "it runs in another pid namespace";
  for (const char *kind : {"mnt", "user", "pid"})
    if (!is_same(pid, (std::string("ns/") + kind).c_str()))
      return std::string("it runs in another ") + kind + " namespace";
  if (!is_same(pid, "root")) return "it has another root folder";
  const std::string theirs = status_of(pid);
  const std::string ours = status_of(getpid());
  for (const char *name : {"Uid", "Gid", "Groups", "CapEff", "NoNewPrivs", "Seccomp"})
    if (theirs.empty() || line_of(theirs, name) != line_of(ours, name))
      return std::string("it has other rights (") + name + ")";
  return {};
}

std::string take_over_from(pid_t pid) {
  const std::string mask = line_of(status_of(pid), "Umask");
  if (mask.empty()) return "its file mode mask is not known";
  umask(mode_t(strtoul(mask.c_str() + sizeof "Umask:", nullptr, 8)));

  cpu_set_t processors;
  if (sched_getaffinity(pid, sizeof processors, &processors) != 0 ||
      sched_setaffinity(0, sizeof processors, &processors) != 0)
    return "its processors cannot be had";
  const struct sched_param no_priority = {};
  const int policy = sched_getscheduler(pid);
  errno = 0;
  const int nice = getpriority(PRIO_PROCESS, id_t(pid));
  if (errno != 0 || policy < 0 || sched_setscheduler(0, policy, &no_priority) != 0 ||
      (nice != getpriority(PRIO_PROCESS, 0) && setpriority(PRIO_PROCESS, 0, nice) != 0))
    return "its priority cannot be had";

  for (int kind = 0; kind < int(RLIM_NLIMITS); kind++) {
    // A child leaves no core file: a link that crashes is done again by its client.
    if (kind == RLIMIT_CORE) continue;
    struct rlimit theirs, ours;
    const auto resource = __rlimit_resource(kind);
    if (prlimit(pid, resource, nullptr, &theirs) != 0) return "its limits are not known";
    if (getrlimit(resource, &ours) != 0 || (theirs.rlim_cur == ours.rlim_cur && theirs.rlim_max == ours.rlim_max))
      continue;
    // What this process has of these before the link begins is not what a process that starts has.
    if (kind == RLIMIT_AS || kind == RLIMIT_DATA) return "its memory is limited";
    if (setrlimit(resource, &theirs) != 0) return "its limits cannot be had";
  }
  return {};
}

} // namespace spore::resident

#endif
