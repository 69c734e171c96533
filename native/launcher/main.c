// The front door: bin/ld and bin/spore. Hands a link to a resident linker if there is one that may have it, else starts
// Node with the program that this file is named for. A native program, because a shell takes a millisecond to start,
// and half of what a small link may take is a few of these.
//
// It allocates nothing, and stands on nothing but its own file: any argv[0], closed descriptors, a working folder
// that is gone.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "client.h"
#include "node.h"
#include "place.h"
#include "say.h"
#include "serve.h"

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

static int is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

// Why this link is not for a resident linker, whoever runs: what it is told reaches no process that runs already.
static const char *unfit(char **words, int count) {
  if (is_set("SPORE_NODE_OPTIONS")) return "SPORE_NODE_OPTIONS is set";
  if (is_set("SPORE_WRITE_CODE_CACHE")) return "SPORE_WRITE_CODE_CACHE is set";
  if (is_set("LD_PRELOAD")) return "LD_PRELOAD is set";
  if (is_set("LD_AUDIT")) return "LD_AUDIT is set";
  for (int i = 0; i < count; i++)
    if (strstr(words[i], "/dev/fd/") || strstr(words[i], "/proc/")) return "it names a file that is its own";
  return NULL;
}

// Links by a resident linker, and ends this process, if there is one that may. Else returns why not.
static const char *try_resident(char **words, int count, const char *root, const char *code) {
  const char *wanted = getenv("SPORE_RESIDENT");
  if (wanted && strcmp(wanted, "0") == 0) return "SPORE_RESIDENT=0";
  const int may_start = wanted && strcmp(wanted, "1") == 0;
  const char *reason = unfit(words, count);
  if (reason) return reason;
  static struct place place; // static for its size
  const uint32_t open_bits = occupy_descriptors();
  reason = find_place(root, may_start, &place);
  if (!reason) {
    const int connection = connect_resident(&place);
    if (connection >= 0) {
      const int status = link_resident(connection, open_bits, words, count, &reason);
      if (status >= 0) _exit(status);
      close(connection);
    } else if (errno != ENOENT && errno != ECONNREFUSED) {
      reason = "it takes no more links";
    } else {
      reason = may_start ? start_in_background(&place, code) : "none runs";
    }
    close(place.folder);
  }
  give_back_descriptors(open_bits);
  return reason;
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

  char **const words = argv + 1;
  const int count = argc > 0 ? argc - 1 : 0; // execve() may be given no name at all
  self[root_size] = 0;
  if (is_tool && is_serve(words, count)) serve(words, count, self, code);
  const struct start start = {
      .flags = link_flags,
      .flag_count = is_tool ? 0 : sizeof link_flags / sizeof *link_flags,
      .code = code,
      .program = is_tool ? "spore" : "ld",
      .words = words,
      .word_count = count,
      .cold_reason = is_tool ? NULL : try_resident(words, count, self, code),
      .keeps_certificates = is_tool,
  };
  start_node(&start);
}
