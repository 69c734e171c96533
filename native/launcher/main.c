// The front door: bin/ld and bin/spore. Starts Node with the program that this file is named for. A native program,
// because a shell takes a millisecond to start, and half of what a small link may take is a few of these.
//
// It allocates nothing, and stands on nothing but its own file: any argv[0], closed descriptors, a working folder
// that is gone.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "node.h"
#include "say.h"

// Without V8's compilers: a link is over before they pay for themselves. src/command/compilers.ts turns them on where
// one is not. With a young generation of 2 MB, which a small link fills once, not of 1 MB.
static const char *const link_flags[] = {"--no-opt", "--no-sparkplug", "--v8-pool-size=1", "--min-semi-space-size=2"};

// This program's file, without symbolic links.
static void find_self(char path[PATH_MAX]) {
  ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
  if (size > 0 && size < PATH_MAX) {
    path[size] = 0;
    return;
  }
  // Where there is no /proc, the system has told how the file was named.
  const char *given = (const char *)getauxval(AT_EXECFN);
  if (!given || !realpath(given, path)) fail("cannot find the file of this program: %s", strerror(errno));
}

int main(int argc, char **argv) {
  char self[PATH_MAX];
  find_self(self);
  char *name = strrchr(self, '/') + 1;
  const int is_tool = strcmp(name, "spore") == 0;
  name[-1] = 0; // now `self` is the folder
  char *const slash = strrchr(self, '/');
  const int root_size = slash ? (int)(slash - self) : 0;

  char code[PATH_MAX + 32];
  snprintf(code, sizeof code, "%.*s/dist/command.cjs", root_size, self);
  if (access(code, F_OK) != 0) fail("%s is missing; run \"npm run build\" in %.*s", code, root_size, self);

  const struct start start = {
      .flags = link_flags,
      .flag_count = is_tool ? 0 : sizeof link_flags / sizeof *link_flags,
      .code = code,
      .program = is_tool ? "spore" : "ld",
      .words = argv + 1,
      .word_count = argc > 0 ? argc - 1 : 0, // execve() may be given no name at all
      .keeps_certificates = is_tool,
  };
  start_node(&start);
}
