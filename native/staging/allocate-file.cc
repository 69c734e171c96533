#include "staging/allocate-file.h"

#include <errno.h>
#include <unistd.h>

#ifdef __linux__
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#endif

namespace spore::staging {

Failure allocate_file(int descriptor, uint64_t size) {
  if (ftruncate(descriptor, off_t(size)) != 0) return {errno, "ftruncate"};
#ifdef __linux__
  // tmpfs would zero every page, only to have it written again.
  struct statfs file_system;
  if (size == 0 || fstatfs(descriptor, &file_system) != 0 || file_system.f_type == TMPFS_MAGIC) return {};
  int result;
  do result = fallocate(descriptor, 0, 0, off_t(size));
  while (result != 0 && errno == EINTR);
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) return {errno, "fallocate"};
#endif
  return {};
}

} // namespace spore::staging
