// There is one resident linker for a user and a build: who holds the lock starts it, and the linker holds the lock as
// long as it lives. Who does not get it waits for nobody.
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "node.h"
#include "resident/protocol.h"
#include "say.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

// One thread, so that it can fork; code that is compiled before the first fork, all of it, and kept.
static const char *const flags[] = {"--single-threaded", "--v8-pool-size=0",    "--no-memory-reducer",
                                    "--no-lazy",         "--no-flush-bytecode", "--min-semi-space-size=2",
                                    "--expose-gc"};

static const char idle_option[] = "--idle=";
#define DEFAULT_IDLE_SECONDS "600"

static const char none_runs[] = "no resident linker of this build of Spore runs\n";

static void name_lock(const struct place *place, char name[64]) { snprintf(name, 64, "%s.lock", place->name); }

// -1 when another process has it.
static int take_lock(const struct place *place) {
  char name[64];
  name_lock(place, name);
  const int fd = openat(place->folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  struct stat st;
  // A linker that ends removes the file: then a lock of it is worth nothing.
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink == 1) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// With the lock held: what is there is of a linker that has died.
static int bind_socket(const struct place *place) {
  char name[kSocketNameBytes];
  name_socket(place, name);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, name, strlen(name) + 1);
  unlink(name);
  const mode_t before = umask(0177);
  const int bound = fd >= 0 ? bind(fd, (struct sockaddr *)&address, sizeof address) : -1;
  umask(before);
  if (bound == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// Replaces this process by the linker.
static _Noreturn void become_resident(const struct place *place, const char *code, int lock, int listener,
                                      const char *idle) {
  char lock_text[16];
  char listener_text[16];
  char path[PATH_MAX + 32];
  snprintf(lock_text, sizeof lock_text, "%d", lock);
  snprintf(listener_text, sizeof listener_text, "%d", listener);
  snprintf(path, sizeof path, "%s/%s", place->path, place->name);
  char *words[] = {listener_text, lock_text, path, (char *)idle};
  fcntl(lock, F_SETFD, 0);
  fcntl(listener, F_SETFD, 0);
  if (chdir("/") != 0) fail("cannot enter /: %s", strerror(errno));
  const struct start start = {
      .flags = flags,
      .flag_count = sizeof flags / sizeof *flags,
      .code = code,
      .program = "resident",
      .words = words,
      .word_count = sizeof words / sizeof *words,
  };
  start_node(&start);
}

static void close_all_but(int one, int other) {
  const unsigned low = (unsigned)(one < other ? one : other);
  const unsigned high = (unsigned)(one < other ? other : one);
  const unsigned ranges[][2] = {{STDERR_FILENO + 1, low - 1}, {low + 1, high - 1}, {high + 1, ~0U}};
  for (int i = 0; i < 3; i++) {
    if (ranges[i][0] > ranges[i][1] || syscall(SYS_close_range, ranges[i][0], ranges[i][1], 0) == 0) continue;
    for (unsigned fd = ranges[i][0]; fd <= ranges[i][1] && fd < 65536; fd++) close((int)fd);
  }
}

// What this process was given is not for one that goes on: who started the link waits for its descriptors to be closed.
static _Noreturn void go_on_alone(const struct place *place, const char *code, int lock, int listener) {
  const int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= STDERR_FILENO; fd++) dup2(null, fd);
  close_all_but(lock, listener);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int signo = 1; signo < NSIG; signo++) signal(signo, SIG_DFL);
  become_resident(place, code, lock, listener, DEFAULT_IDLE_SECONDS);
}

const char *start_in_background(const struct place *place, const char *code) {
  const int lock = take_lock(place);
  if (lock < 0) return "one is being started";
  const int listener = bind_socket(place);
  const pid_t child = listener >= 0 ? fork() : -1;
  if (child == 0) {
    setsid();
    // Its child is nobody's: who reaps the link's processes must not wait for it.
    if (fork() == 0) go_on_alone(place, code, lock, listener);
    _exit(0);
  }
  close(lock);
  if (listener >= 0) close(listener);
  if (child < 0) return "none could be started";
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  return "none ran; one has been started";
}

int is_serve(char **words, int count) {
  if (count < 1 || strcmp(words[0], "serve") != 0) return 0;
  // What it does not know is for who words errors and prints help.
  return count == 1 || (count == 2 && (strcmp(words[1], "--status") == 0 || strcmp(words[1], "--stop") == 0 ||
                                       strncmp(words[1], idle_option, sizeof idle_option - 1) == 0));
}

static _Noreturn void ask(const struct place *place, uint32_t kind) {
  char name[64];
  name_lock(place, name);
  const int lock = openat(place->folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  const int connection = connect_resident(place);
  if (connection < 0) {
    if (write(STDOUT_FILENO, none_runs, sizeof none_runs - 1) < 0) _exit(1);
    _exit(kind == kSporeStatus ? 1 : 0);
  }
  if (!ask_resident(connection, kind)) fail("the resident linker does not answer");
  // It holds the lock until it has ended.
  while (kind == kSporeStop && flock(lock, LOCK_EX) != 0 && errno == EINTR) {
  }
  _exit(0);
}

void serve(char **words, int count, const char *root, const char *code) {
  const char *word = count > 1 ? words[1] : "";
  const int is_question = strcmp(word, "--status") == 0 || strcmp(word, "--stop") == 0;
  struct place place;
  const char *problem = find_place(root, !is_question, &place);
  if (is_question) {
    if (problem) place.folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC); // nobody listens there
    ask(&place, word[3] == 't' && word[4] == 'a' ? kSporeStatus : kSporeStop);
  }
  if (problem) fail("no resident linker can be started in %s: %s", place.path, problem);
  const char *idle = *word ? word + sizeof idle_option - 1 : DEFAULT_IDLE_SECONDS;
  if (!*idle || strspn(idle, "0123456789") != strlen(idle) || strlen(idle) > 6)
    fail("%s takes a number of seconds, not \"%s\"", idle_option, idle);
  const int lock = take_lock(&place);
  if (lock < 0) fail("a resident linker of this build of Spore runs already");
  const int listener = bind_socket(&place);
  if (listener < 0) fail("cannot listen in %s: %s", place.path, strerror(errno));
  become_resident(&place, code, lock, listener, idle);
}
