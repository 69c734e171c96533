// Finds `node` as a shell does, and replaces this process by it. Flags for V8 that an old Node does not know would
// make it say so and nothing else; so a Node other than the one that Spore was built with is asked for its version.
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "say.h"

extern char **environ;

// Where a shell looks when there is no PATH.
static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
// From "engines" of package.json.
#define NEEDED TEXT(SPORE_NODE_MAJOR) "." TEXT(SPORE_NODE_MINOR)

static int is_program(const char *path, struct stat *st) {
  return stat(path, st) == 0 && S_ISREG(st->st_mode) && access(path, X_OK) == 0;
}

static void find_node(char path[PATH_MAX], struct stat *st) {
  const char *folders = getenv("PATH");
  if (!folders) folders = default_path;
  for (const char *begin = folders;; begin++) {
    const char *end = strchrnul(begin, ':');
    const int size = (int)(end - begin);
    // An empty name is the working folder.
    const int length = snprintf(path, PATH_MAX, "%.*s%snode", size, begin, size == 0 ? "" : "/");
    if (length < PATH_MAX && is_program(path, st)) return;
    if (!*end) fail("there is no \"node\" in PATH; Spore needs Node " NEEDED " or later");
    begin = end;
  }
}

// Whether it is the Node that the build ran with, which needs not be asked: device, inode, size and time of change.
// It is named in a file beside the code.
static int is_known(const struct stat *st, const char *code) {
  char path[PATH_MAX + 32];
  snprintf(path, sizeof path, "%.*s/known-node.txt", (int)(strrchr(code, '/') - code), code);
  char known[128];
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = read(file, known, sizeof known - 1);
  close(file);
  known[size > 0 ? size : 0] = 0;
  char identity[sizeof known];
  snprintf(identity, sizeof identity, "%llu-%llu-%lld-%lld\n", (unsigned long long)st->st_dev,
           (unsigned long long)st->st_ino, (long long)st->st_size, (long long)st->st_mtim.tv_sec);
  return strcmp(identity, known) == 0;
}

// The first word that `node -v` prints. The exit status is that of waitpid().
static int ask_version(const char *node, char *answer, size_t size) {
  int ends[2];
  answer[0] = 0;
  const uint32_t open_bits = occupy_descriptors(); // or the pipe would be where the child has its standard ones
  if (pipe2(ends, O_CLOEXEC) != 0) fail("cannot ask Node for its version: %s", strerror(errno));
  const pid_t child = fork();
  if (child < 0) fail("cannot ask Node for its version: %s", strerror(errno));
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    execl(node, "node", "-v", (char *)NULL);
    _exit(errno == ENOENT ? 127 : 126); // as a shell does
  }
  close(ends[1]);
  size_t got = 0;
  for (ssize_t n; got < size - 1; got += (size_t)n) {
    n = read(ends[0], answer + got, size - 1 - got);
    if (n < 0 && errno == EINTR) n = 0;
    else if (n <= 0) break;
  }
  close(ends[0]);
  give_back_descriptors(open_bits);
  answer[got] = 0;
  answer[strcspn(answer, " \r\n")] = 0;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Whether it is new enough for the flags. Ends here if it does not work at all.
static int is_new_enough(const char *node, const struct stat *st, const char *code) {
  if (is_known(st, code)) return 1;
  char version[64];
  const int status = ask_version(node, version, sizeof version);
  int major = 0;
  int minor = 0;
  if (status == 0 && sscanf(version, "v%d.%d", &major, &minor) == 2)
    return major > SPORE_NODE_MAJOR || (major == SPORE_NODE_MAJOR && minor >= SPORE_NODE_MINOR);
  char how[64];
  if (WIFSIGNALED(status)) snprintf(how, sizeof how, "was ended by signal %d", WTERMSIG(status));
  else if (status != 0) snprintf(how, sizeof how, "ended with status %d", WEXITSTATUS(status));
  else snprintf(how, sizeof how, "printed no version");
  fail("\"%s\" does not work: with -v it %s; Spore needs Node " NEEDED " or later", node, how);
}

static int is_variable(const char *entry, const char *name) {
  const size_t size = strlen(name);
  return strncmp(entry, name, size) == 0 && entry[size] == '=';
}

void start_node(const struct start *start) {
  char node[PATH_MAX];
  struct stat st;
  find_node(node, &st);
  // One that is too old says so itself: bin/load-command.cjs.
  const int flag_count = is_new_enough(node, &st, start->code) ? start->flag_count : 0;

  char *arguments[1 + flag_count + 2 + start->word_count + 1];
  int count = 0;
  arguments[count++] = "node";
  for (int i = 0; i < flag_count; i++) arguments[count++] = (char *)start->flags[i];
  arguments[count++] = (char *)start->code;
  arguments[count++] = (char *)start->program;
  for (int i = 0; i < start->word_count; i++) arguments[count++] = start->words[i];
  arguments[count] = NULL;

  // NODE_OPTIONS are the user's, for other programs: --inspect would take a port, --require run code in the linker.
  // Certificates that are added to Node's take it 30 ms to read.
  int variables = 0;
  while (environ[variables]) variables++;
  const char *own_options = getenv("SPORE_NODE_OPTIONS");
  if (!own_options) own_options = "";
  char options[sizeof "NODE_OPTIONS=" + strlen(own_options)];
  // `spore exec` gives them back to its command.
  const char *user_options = getenv("NODE_OPTIONS");
  if (!user_options) user_options = "";
  char aside[sizeof SPORE_USER_NODE_OPTIONS "=" + strlen(user_options)];
  char reason[sizeof SPORE_COLD_REASON "=" + (start->cold_reason ? strlen(start->cold_reason) : 0)];
  char *environment[variables + 4]; // up to three of ours, and the end
  count = 0;
  for (int i = 0; i < variables; i++) {
    if (is_variable(environ[i], "NODE_OPTIONS") || is_variable(environ[i], SPORE_USER_NODE_OPTIONS)) continue;
    if (is_variable(environ[i], SPORE_COLD_REASON)) continue;
    if (!start->keeps_certificates && is_variable(environ[i], "NODE_EXTRA_CA_CERTS")) continue;
    environment[count++] = environ[i];
  }
  sprintf(options, "NODE_OPTIONS=%s", own_options);
  environment[count++] = options;
  sprintf(aside, SPORE_USER_NODE_OPTIONS "=%s", user_options);
  environment[count++] = aside;
  if (start->cold_reason) {
    sprintf(reason, "%s=%s", SPORE_COLD_REASON, start->cold_reason);
    environment[count++] = reason;
  }
  environment[count] = NULL;
  execve(node, arguments, environment);
  fail("cannot run \"%s\": %s", node, strerror(errno));
}
