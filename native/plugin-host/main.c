// The process that a linker plugin runs in, and one that watches it: plugin-host SOCKET FOLDER
//
// The plugin is code of others: it may crash, hang, fork, or write anywhere. This process loads none of it. It waits
// for the plugin's process to end, or for the linker to close the socket, which the end of the linker does, however
// that comes; then it ends all that the plugin has started, and removes FOLDER, which is where temporary files go.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"
#include "plugin.h"

// What compilers need to remove their temporary files when they are told to end.
enum { grace_ms = 1000, step_ms = 10 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type, (void)place;
  remove(path);
  return 0;
}

// Children of this process that are left, those among them whose own parents have ended.
static int signal_children(int signal) {
  static const char path[] = "/proc/thread-self/children";
  FILE *list = fopen(path, "re");
  if (!list) return 0;
  int count = 0;
  for (int child; fscanf(list, "%d", &child) == 1; count++) kill(child, signal);
  fclose(list);
  return count;
}

static void end_group(pid_t group) {
  kill(-group, SIGTERM);
  signal_children(SIGTERM);
  for (int waited = 0; waited < grace_ms; waited += step_ms) {
    while (waitpid(-1, NULL, WNOHANG) > 0);
    if (kill(-group, 0) < 0 && signal_children(0) == 0) return;
    nanosleep(&(struct timespec){.tv_nsec = step_ms * 1000000L}, NULL);
  }
  kill(-group, SIGKILL);
  // Whose parent ends becomes a child of this process.
  for (int again = 0; again < 100 && signal_children(SIGKILL) > 0; again++)
    while (waitpid(-1, NULL, 0) > 0);
}

// Waits for the end of the plugin's process. 0 when the linker has gone before; else its status.
static int watch(int socket, int signals, pid_t child, int *status) {
  struct pollfd watched[] = {{.fd = socket, .events = 0}, {.fd = signals, .events = POLLIN}};
  for (;;) {
    if (poll(watched, 2, -1) < 0 && errno != EINTR) return 0;
    if (watched[1].revents) {
      struct signalfd_siginfo info;
      if (read(signals, &info, sizeof info) < 0 && errno != EINTR) return 0;
      // Orphans end here, too.
      for (pid_t ended; (ended = waitpid(-1, status, WNOHANG)) > 0;)
        if (ended == child) return 1;
    }
    if (watched[0].revents) return 0;
  }
}

int main(int count, char **words) {
  if (count != 3) {
    fputs("plugin-host: it is Spore's own, and started by it\n", stderr);
    return 2;
  }
  int socket = atoi(words[1]);
  const char *folder = words[2];
  // Output of the plugin and of what it starts is one stream, in order.
  dup2(STDOUT_FILENO, STDERR_FILENO);
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t ended, before;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, &before);
  int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  pid_t child = fork();
  if (child < 0 || signals < 0) return 1;
  if (child == 0) {
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(signals);
    serve_plugin(socket);
  }
  setpgid(child, child);
  // The terminal's are for the linker, whose end is seen.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  int status = 0;
  int has_ended = watch(socket, signals, child, &status);
  end_group(child);
  nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  if (!has_ended) return 0;
  struct frame frame = {0};
  put_u32(&frame, WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0);
  put_u32(&frame, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0);
  send_frame(socket, FRAME_ENDED, &frame);
  // What the plugin's process has not read any more: if the socket ended before that, the linker would lose our frames.
  char unread[4096];
  while (recv(socket, unread, sizeof unread, 0) > 0);
  return 0;
}
