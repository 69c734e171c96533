#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

// What a build consists of, below the package's folder.
static const char *const parts[] = {"dist/ld-code.cjs", "dist/resident-code.cjs", "native/build/Release/spore.node",
                                    "bin/ld"};

// FNV-1a, 64 bits.
static uint64_t add_number(uint64_t hash, uint64_t number) {
  for (int i = 0; i < 8; i++) hash = (hash ^ (number >> i * 8 & 0xff)) * UINT64_C(0x100000001b3);
  return hash;
}

// A build is named by its files, as they are: another one has others, or the same ones changed.
static void name_build(const char *root, char *name, size_t size) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    char path[PATH_MAX + 64];
    struct stat st = {0};
    snprintf(path, sizeof path, "%s/%s", root, parts[i]);
    stat(path, &st);
    const uint64_t numbers[] = {st.st_dev,          st.st_ino,         st.st_size,        st.st_mtim.tv_sec,
                                st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
    for (size_t n = 0; n < sizeof numbers / sizeof *numbers; n++) hash = add_number(hash, numbers[n]);
  }
  snprintf(name, size, "%016llx", (unsigned long long)hash);
}

// A folder that is the user's own and nobody else's, or -1. Never one that a symbolic link leads to.
static int open_own(const char *path) {
  const int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st;
  if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0) return fd;
  const int error = fd < 0 ? errno : EPERM;
  if (fd >= 0) close(fd);
  errno = error;
  return -1;
}

const char *find_place(const char *root, int may_make, struct place *place) {
  name_build(root, place->name, sizeof place->name);
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  const int own = runtime && *runtime == '/' ? open_own(runtime) : -1;
  int size;
  if (own >= 0) {
    close(own);
    size = snprintf(place->path, sizeof place->path, "%s/spore", runtime);
  } else {
    size = snprintf(place->path, sizeof place->path, "/tmp/spore-%lu", (unsigned long)geteuid());
  }
  if (size >= (int)sizeof place->path - 32) return "the name of XDG_RUNTIME_DIR is too long";
  if (may_make && mkdir(place->path, 0700) != 0 && errno != EEXIST) return "its folder cannot be made";
  place->folder = open_own(place->path);
  if (place->folder >= 0) return NULL;
  return errno == ENOENT ? "none runs" : "its folder is not the user's own, or others may enter it";
}

void name_socket(const struct place *place, char name[kSocketNameBytes]) {
  snprintf(name, kSocketNameBytes, "/proc/self/fd/%d/%s.sock", place->folder, place->name);
}
